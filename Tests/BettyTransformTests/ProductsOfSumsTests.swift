// Products with sums that share terms, and with products: the same numbers with fewer operations.

import BettyGraph
import BettyKernelInterface
import Testing

@testable import BettyTransform

@Suite struct ProductsOfSumsTests {
  private let rows = 5
  private let columns = 40
  private let units = 8
  private let others = 3

  struct Shape: CustomStringConvertible, Sendable {
    var isFactorTransposed = false
    var isMatrixTransposed = false
    var isFactorSecond = false
    var description: String { "\(isFactorTransposed) \(isMatrixTransposed) \(isFactorSecond)" }
  }

  static let shapes = [false, true].flatMap { factor in
    [false, true].flatMap { matrix in
      [false, true].map {
        Shape(isFactorTransposed: factor, isMatrixTransposed: matrix, isFactorSecond: $0)
      }
    }
  }

  /// X(W + ε V) and X(W - ε V) with V = Dᵀ Y, of which the norm is an output too.
  private func differences(
    _ shape: Shape, isProduct: Bool = true
  ) throws -> Graph {
    let matrix = shape.isMatrixTransposed ? [columns, units] : [units, columns]
    let sizes = [
      shape.isFactorTransposed ? [columns, rows] : [rows, columns], matrix, [others, units],
      [others, columns], [], matrix,
    ]
    var graph = Graph()
    let inputs = try sizes.map { graph.addInput(try TensorType(.f64, $0)) }
    let (x, w, d, y, epsilon) = (inputs[0], inputs[1], inputs[2], inputs[3], inputs[4])
    var v = inputs[5]
    if isProduct {
      v =
        shape.isMatrixTransposed
        ? try graph.matmul(y, d, transposeA: true) : try graph.matmul(d, y, transposeA: true)
    }
    let step = try graph.mul(v, graph.broadcast(epsilon, matrix, axes: []))
    func product(_ other: Value) throws -> Value {
      shape.isFactorSecond
        ? try graph.matmul(
          other, x, transposeA: shape.isMatrixTransposed, transposeB: !shape.isFactorTransposed)
        : try graph.matmul(
          x, other, transposeA: shape.isFactorTransposed, transposeB: !shape.isMatrixTransposed)
    }
    let sum = try product(try graph.add(w, step))
    let difference = try product(try graph.sub(w, graph.scale(step, 0.5)))
    graph.outputs = [sum, difference, try graph.sum(graph.mul(v, v), [0, 1])]
    return try Transform.simplify(graph)
  }

  @Test(arguments: shapes) func differencesAlongAGradient(_ shape: Shape) throws {
    let graph = try differences(shape)
    let distributed = try Transform.distributed(graph)
    #expect(distributed.operations < 0.75 * graph.operations)
    // V = Dᵀ Y, X W, X Yᵀ and (X Yᵀ) D.
    #expect(distributed.nodes.count { $0.primitive === P.matmul } == 4)
    try Reference.expectEqual(graph, distributed)
  }

  @Test func sumsThatSaveNothingAreLeftAlone() throws {
    // V is no product: two products of the same size either way.
    let plain = try differences(Shape(), isProduct: false)
    #expect(try Transform.distributed(plain) == plain)
  }

  @Test func aSingleSumIsLeftAlone() throws {
    var graph = Graph()
    let type = try TensorType(.f64, [units, columns])
    let x = graph.addInput(try TensorType(.f64, [rows, columns]))
    let (w, v) = (graph.addInput(type), graph.addInput(type))
    graph.outputs = [try graph.matmul(x, graph.sub(w, v), transposeB: true)]
    #expect(try Transform.distributed(graph) == graph)
  }

  @Test func termsWithoutWeightAreLeftAlone() throws {
    var graph = Graph()
    let sizes = [[rows, columns], [columns, others], [others, units]]
    let inputs = try sizes.map { graph.addInput(try TensorType(.f64, $0)) }
    let nothing = try graph.scale(graph.matmul(inputs[1], inputs[2]), 0)
    graph.outputs = [try graph.matmul(inputs[0], nothing)]
    let distributed = try Transform.distributed(graph)
    #expect(distributed == graph)
    try Reference.expectEqual(graph, distributed)
  }

  @Test func chainsAreMultipliedFromTheCheaperEnd() throws {
    // x (A B) of a low rank: a row goes through A first.
    var graph = Graph()
    let sizes = [[rows, columns], [columns, others], [others, units]]
    let inputs = try sizes.map { graph.addInput(try TensorType(.f64, $0)) }
    graph.outputs = [try graph.matmul(inputs[0], graph.matmul(inputs[1], inputs[2]))]
    let distributed = try Transform.distributed(graph)
    #expect(distributed.operations == Double(2 * rows * others * (columns + units)))
    try Reference.expectEqual(graph, distributed)
    // The other way round it is as cheap as it gets.
    var wide = Graph()
    let large = try [[60, 50], [50, 60], [60, 2]].map { wide.addInput(try TensorType(.f64, $0)) }
    wide.outputs = [try wide.matmul(large[0], wide.matmul(large[1], large[2]))]
    #expect(try Transform.distributed(wide) == wide)
  }
}
