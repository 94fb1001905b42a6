// Batching: every primitive on many examples at once against one example after the other.

import BettyGraph
import BettyKernelInterface
import Testing

@testable import BettyTransform

@Suite struct BatchTests {
  private static let size = 3

  /// Operands are batched by the bits of a number: each alone, all together.
  @Test(arguments: GradientCase.all)
  func batchedIsExampleByExample(_ test: GradientCase) throws {
    let single = try test.sample.graph(of: test.primitive, .f64)
    guard !single.inputs.isEmpty else { return }
    let count = single.inputs.count
    var masks = (0..<count).map { position in (0..<count).map { $0 == position } }
    masks.append([Bool](repeating: true, count: count))
    for mask in masks { try compare(test, single, mask) }
  }

  private func compare(_ test: GradientCase, _ single: Graph, _ mask: [Bool]) throws {
    var generator = Generator(11)
    let examples = (0..<Self.size).map { _ in test.sample.draw(single, &generator) }
    let wanted = try examples.map { example in
      let inputs = mask.indices.map { mask[$0] ? example[$0] : examples[0][$0] }
      return try Reference.evaluate(single, inputs)
    }
    let batched = try Transform.batch(recorded(single, mask), level: 0, size: Self.size)
    let inputs = mask.indices.map { position in
      mask[position] ? examples.flatMap { $0[position] } : examples[0][position]
    }
    let found = try Reference.evaluate(batched, inputs)
    for (place, output) in batched.outputs.enumerated() {
      let type = single.type(of: single.outputs[place])
      #expect(batched.shape(of: output) == [Self.size] + type.shape)
      #expect(isClose(found[place], wanted.flatMap { $0[place] }), "\(mask)")
    }
  }

  /// The graph as vmap sees it: batched operands are examples of inputs with one more dimension.
  private func recorded(_ single: Graph, _ mask: [Bool]) throws -> Graph {
    var graph = Graph()
    let operands = try zip(single.inputs, mask).map { input, isBatched in
      let type = single.type(of: input)
      guard isBatched else { return graph.addInput(type) }
      let all = graph.addInput(try TensorType(type.dtype, [Self.size] + type.shape))
      return try graph.call(P.example, [all], ["level": .int(0)])
    }
    let map = graph.inline(single, operands)
    graph.outputs = single.outputs.map { map[$0.index] }
    return graph
  }

  private func isClose(_ a: [Double], _ b: [Double]) -> Bool {
    a.count == b.count
      && zip(a, b).allSatisfy {
        $0 == $1 || abs($0 - $1) <= 1e-12 * max(1, abs($1)) || $0.isNaN && $1.isNaN
      }
  }

  /// What no example reaches is computed once, and comes out for every example.
  @Test func sharedPartsStayAsTheyAre() throws {
    var graph = Graph()
    let matrix = graph.addInput(try TensorType(.f64, [2, 2]))
    let all = graph.addInput(try TensorType(.f64, [4, 3, 2]))
    let rows = try graph.call(P.example, [all], ["level": .int(0)])
    let shared = try graph.call(P.exp, [matrix])
    graph.outputs = [try graph.matmul(rows, shared), shared]
    let batched = try Transform.batch(graph, level: 0, size: 4)
    let products = batched.nodes.filter { $0.primitive === P.matmul }
    #expect(products.map { batched.types[$0.results.lowerBound].shape } == [[12, 2]])
    let exps = batched.nodes.filter { $0.primitive === P.exp }
    #expect(exps.map { batched.types[$0.results.lowerBound].shape } == [[2, 2]])
    #expect(batched.outputs.map { batched.shape(of: $0) } == [[4, 3, 2], [4, 2, 2]])
  }

  @Test func levelsNest() throws {
    var graph = Graph()
    let all = graph.addInput(try TensorType(.f64, [2, 3, 4]))
    let outer = try graph.call(P.example, [all], ["level": .int(0)])
    let inner = try graph.call(P.example, [outer], ["level": .int(1)])
    graph.outputs = [try graph.sum(inner, [0])]
    let once = try Transform.batch(graph, level: 1, size: 3)
    let twice = try Transform.batch(once, level: 0, size: 2)
    #expect(twice.outputs.map { twice.shape(of: $0) } == [[2, 3]])
    #expect(!twice.nodes.contains { $0.primitive === P.example })
  }
}
