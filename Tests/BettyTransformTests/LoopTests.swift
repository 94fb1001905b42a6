// Loops: what simplification leaves out of them, and derivatives through them.

import BettyGraph
import BettyKernelInterface
import Testing

@testable import BettyTransform

@Suite struct LoopTests {
  /// Three carries: x ← sin(x w), y ← y + x, and z that never changes; constants w and an unread one.
  private func loop(_ used: (_ results: [Value]) -> [Value]) throws -> Graph {
    let type = try TensorType(.f64, [3])
    var body = Graph()
    _ = body.addInput(try TensorType(.i64, []))
    let (x, y, z) = (body.addInput(type), body.addInput(type), body.addInput(type))
    let (w, _) = (body.addInput(type), body.addInput(type))
    let scaled = try body.mul(body.add(z, body.zeros(like: z)), w)
    body.outputs = [
      try body.call(P.sin, [body.mul(x, scaled)]), try body.add(y, x),
      try body.call(P.stopGradient, [z]),
    ]
    var graph = Graph()
    let inputs = (0..<5).map { _ in graph.addInput(type) }
    let results = try graph.apply(
      P.repeat, inputs, ["count": .int(4), "carries": .int(3), "body": .graph(body)])
    graph.outputs = used(results)
    return graph
  }

  @Test func unusedCarriesAndConstantsGo() throws {
    let graph = try loop { [$0[0]] }
    let simplified = try Transform.simplify(graph)
    let node = try #require(simplified.nodes.first { $0.primitive === P.repeat })
    // x is carried; z, which nothing changes, and w are constants.
    #expect(node.attributes.int("carries") == 1)
    #expect(node.inputs.count == 3)
    #expect(node.attributes.graph("body")?.nodes.map(\.primitive.name) == ["mul", "mul", "sin"])
    try Reference.expectEqual(graph, simplified)
  }

  @Test func carriesThatOthersReadStay() throws {
    let graph = try loop { [$0[1], $0[2]] }
    let simplified = try Transform.simplify(graph)
    let node = try #require(simplified.nodes.first { $0.primitive === P.repeat })
    #expect(node.attributes.int("carries") == 2)
    #expect(simplified.outputs[1] == simplified.inputs[2])
    try Reference.expectEqual(graph, simplified)
  }

  @Test func aLoopThatChangesNothingGoes() throws {
    let simplified = try Transform.simplify(loop { [$0[2]] })
    #expect(simplified.nodes.isEmpty)
    #expect(simplified.outputs == [simplified.inputs[2]])
  }

  /// x ← x w + x while x₀ ≤ 2, five times at most; the flag's own result is read by nobody.
  private func stopping() throws -> Graph {
    let type = try TensorType(.f64, [3])
    var body = Graph()
    _ = body.addInput(try TensorType(.i64, []))
    let (x, flag) = (body.addInput(type), body.addInput(try TensorType(.bool, [])))
    let (unread, w) = (body.addInput(type), body.addInput(type))
    let next = try body.add(body.mul(x, w), x)
    let first = try body.reshape(body.slice(next, axis: 0, 0, 1), [])
    let isOver = try body.call(P.gt, [first, body.constant(2, like: first)])
    body.outputs = [next, try body.call(P.logicalOr, [flag, isOver]), unread]
    var graph = Graph()
    let (start, other, factor) = (
      graph.addInput(type), graph.addInput(type), graph.addInput(type)
    )
    let going = try graph.constant(0, try TensorType(.bool, []))
    let results = try graph.apply(
      P.repeat, [start, going, other, factor],
      ["count": .int(5), "carries": .int(3), "body": .graph(body), "until": .int(1)])
    graph.outputs = [results[0]]
    return graph
  }

  @Test func aLoopThatStopsKeepsWhatStopsIt() throws {
    let graph = try stopping()
    let simplified = try Transform.simplify(graph)
    let node = try #require(simplified.nodes.first { $0.primitive === P.repeat })
    #expect(node.attributes.int("carries") == 2)
    #expect(node.attributes.int("until") == 1)
    // 1.5ᵏ passes 2 after the second of five.
    let point = [[1, 1, 1], [0, 0, 0], [0.5, 2, -0.5]] as [[Double]]
    for form in [graph, simplified] {
      #expect(try Reference.evaluate(form, point) == [[2.25, 9, 0.25]])
    }
  }

  /// d/dx Σ x (1 + w)² and d/dw, for as many iterations as were taken, in both modes.
  @Test func derivativesGoThroughTheIterationsTaken() throws {
    var graph = try stopping()
    let loss = try graph.sum(graph.outputs[0], [0])
    let (x, w) = (graph.inputs[0], graph.inputs[2])
    let one = try graph.constant(1, graph.type(of: x))
    let along = try Transform.jvp(&graph, of: [loss], wrt: [x], tangents: [one])
    let back = try Transform.gradient(&graph, of: loss, wrt: [x, w])
    graph.outputs = back.compactMap { $0 } + along.compactMap { $0 }
    let point = [[1, 1, 1], [0, 0, 0], [0.5, 2, -0.5]] as [[Double]]
    for form in [graph, try Transform.simplify(graph)] {
      #expect(
        try Reference.evaluate(form, point) == [[2.25, 9, 0.25], [3, 6, 1], [11.5]])
    }
    // 5 ≥ 2 from the start: one iteration, after which it is over.
    let over = try Reference.evaluate(graph, [[5, 1, 1], [0, 0, 0], [1, 1, 1]])
    #expect(over == [[2, 2, 2], [5, 1, 1], [6]])
  }

  @Test func gradientsCarryOnlyWhatIsAsked() throws {
    var graph = try loop { [$0[1]] }
    let loss = try graph.sum(graph.outputs[0], [0])
    let (x, w) = (graph.inputs[0], graph.inputs[3])
    graph.outputs = try Transform.gradient(&graph, of: loss, wrt: [x]).compactMap { $0 }
    let forOne = try Transform.simplify(graph)
    try Reference.expectEqual(graph, forOne)
    let more = try Transform.gradient(&graph, of: loss, wrt: [x, w]).compactMap { $0 }
    graph.outputs += more
    let forBoth = try Transform.simplify(graph)
    try Reference.expectEqual(graph, forBoth)
    func work(_ graph: Graph) -> Int {
      graph.nodes.compactMap { $0.attributes.graph("body")?.nodes.count }.reduce(0, +)
    }
    #expect(work(forOne) < work(forBoth))
  }
}
