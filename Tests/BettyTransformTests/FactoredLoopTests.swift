// Loops over sums of low rank: the same numbers with fewer operations, and loops that are none.

import BettyGraph
import BettyKernelInterface
import Testing

@testable import BettyTransform

@Suite struct FactoredLoopTests {
  /// How a Neumann series over one layer is written: where X, the carries and D are transposed.
  struct Shape: CustomStringConvertible, Sendable {
    var isFactorTransposed = false
    var isCarryTransposed = false
    var isFactorSecond = false
    var description: String { "\(isFactorTransposed) \(isCarryTransposed) \(isFactorSecond)" }
  }

  static let shapes = [false, true].flatMap { factor in
    [false, true].flatMap { carry in
      [false, true].map {
        Shape(isFactorTransposed: factor, isCarryTransposed: carry, isFactorSecond: $0)
      }
    }
  }
  private let rows = 4
  private let columns = 31
  private let units = 3

  /// V ← V - 0.1 Dᵀ X and sum ← 2 sum + V with D = tanh(X Vᵀ + bias), five times; gives the sum, its
  /// product with X, and V. `change` may add to the body.
  private func series(
    _ shape: Shape, outputs: Range<Int> = 0..<3, count: Int = 5,
    _ change: (inout Graph, _ carry: Value, _ next: inout Value) throws -> Void = { _, _, _ in }
  ) throws -> Graph {
    let factor = shape.isFactorTransposed ? [columns, rows] : [rows, columns]
    let matrix = shape.isCarryTransposed ? [columns, units] : [units, columns]
    let types = try [matrix, matrix, [units], factor].map { try TensorType(.f64, $0) }
    func product(_ graph: inout Graph, _ x: Value, _ v: Value) throws -> Value {
      if shape.isFactorSecond {
        let made = try graph.matmul(
          v, x, transposeA: shape.isCarryTransposed, transposeB: !shape.isFactorTransposed)
        return try graph.permute(made, [1, 0])
      }
      return try graph.matmul(
        x, v, transposeA: shape.isFactorTransposed, transposeB: !shape.isCarryTransposed)
    }
    var body = Graph()
    _ = body.addInput(try TensorType(.i64, []))
    let inputs = types.map { body.addInput($0) }
    let (sum, v, bias, x) = (inputs[0], inputs[1], inputs[2], inputs[3])
    let read = try product(&body, body.reshape(x, factor), v)
    let d = try body.call(
      P.tanh, [body.add(read, body.spread(bias, over: [0], to: [rows, units]))])
    let step =
      shape.isCarryTransposed
      ? try body.matmul(x, d, transposeA: !shape.isFactorTransposed)
      : try body.matmul(d, x, transposeA: true, transposeB: shape.isFactorTransposed)
    var next = try body.sub(v, body.scale(step, 0.1))
    try change(&body, v, &next)
    body.outputs = [
      try body.add(body.scale(sum, 2), next), next, try body.scale(body.sum(d, [0]), 0.5),
    ]
    var graph = Graph()
    let operands = types.map { graph.addInput($0) }
    let results = try graph.apply(
      P.repeat, operands, ["count": .int(count), "carries": .int(3), "body": .graph(body)])
    let last = try product(&graph, operands[3], graph.scale(results[0], 0.25))
    graph.outputs = Array([results[0], last, results[1]][outputs])
    return try Transform.simplify(graph)
  }

  @Test(arguments: shapes) func largeProductsLeaveTheLoop(_ shape: Shape) throws {
    let graph = try series(shape)
    let factored = try Transform.factored(graph)
    let loop = try #require(factored.nodes.first { $0.primitive === P.repeat })
    let body = try #require(loop.attributes.graph("body"))
    // One product with X Xᵀ instead of two with X.
    let products = body.nodes.filter { $0.primitive === P.matmul }
    #expect(products.map { body.shape(of: $0.outputs[0]) } == [[rows, units]])
    #expect(factored.operations < 0.6 * graph.operations)
    try Reference.expectEqual(graph, factored)
  }

  @Test(arguments: shapes) func theProductOfTheLastValueIsCarried(_ shape: Shape) throws {
    let graph = try series(shape, outputs: 1..<2)
    let factored = try Transform.factored(graph)
    // X Xᵀ and the products of the two starts: the sums are made nowhere.
    #expect(factored.nodes.count { $0.primitive === P.matmul } == 3)
    try Reference.expectEqual(graph, factored)
  }

  @Test func oneIterationIsLeftAlone() throws {
    let graph = try series(Shape(), count: 1)
    #expect(try Transform.factored(graph) == graph)
  }

  @Test func otherReadersAndOtherChangesAreLeftAlone() throws {
    let read = try series(Shape()) { body, v, next in
      let norm = try body.sum(body.mul(v, v), [0, 1])
      next = try body.add(
        next, body.scale(body.spread(norm, over: [0, 1], to: [units, columns]), 0.1))
    }
    #expect(try Transform.factored(read) == read)
    let changed = try series(Shape()) { body, v, next in next = try body.call(P.sin, [next]) }
    #expect(try Transform.factored(changed) == changed)
  }

  @Test func whatCancelsIsLeftAlone() throws {
    let cancelled = try series(Shape()) { body, v, next in
      let read = try body.matmul(body.inputs[4], body.sub(v, v), transposeB: true)
      next = try body.add(next, body.matmul(read, body.inputs[4], transposeA: true))
    }
    try Reference.expectEqual(cancelled, Transform.factored(cancelled))
    let nothing = try series(Shape()) { body, v, next in
      let read = try body.matmul(body.inputs[4], body.scale(v, 0), transposeB: true)
      next = try body.add(next, body.matmul(read, body.inputs[4], transposeA: true))
    }
    try Reference.expectEqual(nothing, Transform.factored(nothing))
  }

  @Test func aFewColumnsAreLeftAlone() throws {
    // More rows than columns: X Xᵀ is larger than X.
    let type = { try TensorType(.f64, $0) }
    var body = Graph()
    _ = body.addInput(try TensorType(.i64, []))
    let (v, x) = (body.addInput(try type([2, 5])), body.addInput(try type([60, 5])))
    let d = try body.call(P.tanh, [body.matmul(x, v, transposeB: true)])
    body.outputs = [try body.add(v, body.matmul(d, x, transposeA: true))]
    var graph = Graph()
    let operands = [graph.addInput(try type([2, 5])), graph.addInput(try type([60, 5]))]
    graph.outputs = try graph.apply(
      P.repeat, operands, ["count": .int(9), "carries": .int(1), "body": .graph(body)])
    graph = try Transform.simplify(graph)
    #expect(try Transform.factored(graph) == graph)
  }
}
