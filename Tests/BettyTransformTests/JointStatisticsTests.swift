// Joint statistics: the parts of a batch, normalised together, are the batch normalised; derivatives too.

import BettyGraph
import BettyKernelInterface
import Testing

@testable import BettyTransform

@Suite struct JointStatisticsTests {
  /// Two batch norms with a tanh between them of parts of x of so many rows each; outputs: the sum of
  /// the results' squares, the first part's running variance.
  private func network(_ parts: [Int], depths: [Int]? = nil) throws -> Graph {
    var graph = Graph()
    let x = graph.addInput(try TensorType(.f64, [parts.reduce(0, +), 3, 2]))
    let vectors = try (0..<4).map { _ in graph.addInput(try TensorType(.f64, [3])) }
    let function = try #require(Functions.named("batch_norm_training"))
    var (start, total, variance) = (0, nil as Value?, nil as Value?)
    for (part, rows) in parts.enumerated() {
      var value = try graph.slice(
        x, starts: [start, 0, 0], stops: [start + rows, 3, 2], steps: [1, 1, 1])
      start += rows
      for _ in 0..<(depths?[part] ?? 2) {
        let operands = ([value] + vectors).map { Operand($0) }
        let made = try function.apply(to: &graph, operands, [:])
        if variance == nil { variance = made[2] }
        value = try graph.call(P.tanh, [made[0]])
      }
      let square = try graph.sum(try graph.mul(value, value), [0, 1, 2])
      total = try total.map { try graph.add($0, square) } ?? square
    }
    graph.outputs = [total, variance].compactMap { $0 }
    return graph
  }

  private func point(_ graph: Graph) -> [[Double]] {
    var generator = Generator(4)
    return graph.inputs.map { generator.uniform(0.5...2, graph.type(of: $0).count) }
  }

  @Test(arguments: [[4, 4], [5, 2], [3, 3, 2], [2, 2, 2, 2]])
  func partsAreNormalisedAsTheWhole(parts: [Int]) throws {
    let apart = try network(parts)
    let whole = try network([parts.reduce(0, +)])
    let (joined, map) = try Transform.joinStatistics(apart, replicas: parts.count) {
      $0 == "batch"
    }
    try joined.verify()
    #expect(map.count == apart.types.count)
    var (a, b) = (joined, whole)
    let wrt = Array(a.inputs[...2])
    a.outputs += try Transform.gradient(&a, of: a.outputs[0], wrt: wrt).compactMap { $0 }
    b.outputs += try Transform.gradient(&b, of: b.outputs[0], wrt: wrt).compactMap { $0 }
    for (got, wanted) in zip(
      try Reference.evaluate(a, point(a)), try Reference.evaluate(b, point(b)))
    {
      #expect(zip(got, wanted).allSatisfy { abs($0 - $1) <= 1e-10 * max(1, abs($1)) })
    }
    let before = try Reference.evaluate(apart, point(apart))[0][0]
    let after = try Reference.evaluate(whole, point(whole))[0][0]
    #expect(abs(before - after) > 1e-6)
  }

  @Test func otherStatisticsStay() throws {
    let graph = try network([4, 4])
    let (same, map) = try Transform.joinStatistics(graph, replicas: 2) { $0 == "synchronized" }
    #expect(same == graph)
    #expect(map == graph.types.indices.map { Value($0) })
  }

  @Test func partsThatDifferAreRefused() throws {
    let graph = try network([4, 4], depths: [1, 2])
    let error = #expect(throws: BettyError.self) {
      _ = try Transform.joinStatistics(graph, replicas: 2) { _ in true }
    }
    #expect(error?.message.contains("together they have 3 batch norms") == true)
  }
}
