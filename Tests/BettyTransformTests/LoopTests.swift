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

  private func check(_ graph: Graph, _ simplified: Graph) throws {
    var generator = Generator(3)
    let point = graph.inputs.map { generator.uniform(-1...1, graph.type(of: $0).count) }
    let got = try Reference.evaluate(simplified, point)
    let expected = try Reference.evaluate(graph, point)
    for (a, b) in zip(got.joined(), expected.joined()) { #expect(abs(a - b) <= 1e-12) }
  }

  @Test func unusedCarriesAndConstantsGo() throws {
    let graph = try loop { [$0[0]] }
    let simplified = try Transform.simplify(graph)
    let node = try #require(simplified.nodes.first { $0.primitive === P.repeat })
    // x is carried; z, which nothing changes, and w are constants.
    #expect(node.attributes.int("carries") == 1)
    #expect(node.inputs.count == 3)
    #expect(node.attributes.graph("body")?.nodes.map(\.primitive.name) == ["mul", "mul", "sin"])
    try check(graph, simplified)
  }

  @Test func carriesThatOthersReadStay() throws {
    let graph = try loop { [$0[1], $0[2]] }
    let simplified = try Transform.simplify(graph)
    let node = try #require(simplified.nodes.first { $0.primitive === P.repeat })
    #expect(node.attributes.int("carries") == 2)
    #expect(simplified.outputs[1] == simplified.inputs[2])
    try check(graph, simplified)
  }

  @Test func aLoopThatChangesNothingGoes() throws {
    let simplified = try Transform.simplify(loop { [$0[2]] })
    #expect(simplified.nodes.isEmpty)
    #expect(simplified.outputs == [simplified.inputs[2]])
  }

  @Test func gradientsCarryOnlyWhatIsAsked() throws {
    var graph = try loop { [$0[1]] }
    let loss = try graph.sum(graph.outputs[0], [0])
    let (x, w) = (graph.inputs[0], graph.inputs[3])
    graph.outputs = try Transform.gradient(&graph, of: loss, wrt: [x]).compactMap { $0 }
    let forOne = try Transform.simplify(graph)
    try check(graph, forOne)
    let more = try Transform.gradient(&graph, of: loss, wrt: [x, w]).compactMap { $0 }
    graph.outputs += more
    let forBoth = try Transform.simplify(graph)
    try check(graph, forBoth)
    func work(_ graph: Graph) -> Int {
      graph.nodes.compactMap { $0.attributes.graph("body")?.nodes.count }.reduce(0, +)
    }
    #expect(work(forOne) < work(forBoth))
  }
}
