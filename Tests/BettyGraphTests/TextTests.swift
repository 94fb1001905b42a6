// The text form: what is printed parses to an equal graph, and what is wrong is refused with its line.

import BettyKernelInterface
import Testing

@testable import BettyGraph

@Suite struct TextTests {
  @Test(arguments: Case.all) func samplesRoundTrip(_ item: Case) throws {
    for dtype in [DType.f64, .bf16] {
      let graph = try item.graph(dtype)
      let again = try Graph.parse(graph.description)
      #expect(again == graph)
      #expect(again.description == graph.description)
    }
  }

  @Test func golden() throws {
    let text = """
      graph(%0: f32[2, 3], %1: f32[]) {
        %2: f32[2, 3] = broadcast(%1) {axes: [], shape: [2, 3]}
        %3: f32[2, 3] = constant() {dtype: f32, shape: [2, 3], value: -inf}
        %4: f32[2, 3] = maximum(%0, %3)
        %5: f32[2, 3] = add(%4, %2)
        %6: f32[2] = sum(%5) {axes: [1]}
        return %6, %0
      }
      """
    let graph = try Graph.parse(text)
    #expect(graph.description == text)
    #expect(graph.outputs == [Value(6), Value(0)])
  }

  @Test(arguments: 0..<20) func randomGraphsRoundTrip(_ seed: Int) throws {
    let graph = try randomGraph(UInt64(seed), nodes: 60)
    try graph.verify()
    let again = try Graph.parse(graph.description)
    #expect(again == graph)
    try again.verify()
  }

  @Test func emptyGraphAndLateInputs() throws {
    let empty = Graph()
    #expect(try Graph.parse(empty.description) == empty)
    var graph = Graph()
    let a = graph.addInput(try type(.f64, 2))
    let b = try graph.neg(a)
    let late = graph.addInput(try type(.f64, 2))
    graph.outputs = [try graph.add(b, late)]
    #expect(try Graph.parse(graph.description) == graph)
  }

  @Test func stringsAreQuoted() throws {
    // No primitive takes a string, so the attribute is printed by hand.
    var attributes = Attributes()
    attributes["note"] = .string("a \"b\" \\ c\nd é")
    var graph = Graph()
    let a = graph.addInput(try type(.f32))
    _ = graph.append(P.neg, [a], attributes, [try type(.f32)])
    #expect(graph.description.contains(#"{note: "a \"b\" \\ c\nd é"}"#))
    var message = ""
    do { _ = try Graph.parse(graph.description) } catch { message = "\(error)" }
    // It was read to its end, and only then found to be no option of neg.
    #expect(message == "parse: line 2: neg: unknown option 'note'")
  }

  @Test(arguments: [
    ("", "line 1: expected 'graph', got 'the end'"),
    ("graph() { return } x", "line 1: expected the end"),
    ("graph(%0: f31[2]) { return %0 }", "unknown type 'f31'"),
    ("graph(%0: f32[2]) { return %1 }", "%1 is not defined"),
    ("graph(%0: f32[-2]) { return }", "negative dimension"),
    ("graph(%1: f32[2]) { return }", "input %1 is out of order"),
    ("graph(%0: f32[2]) {\n %1: f32[2] = nag(%0) return }", "line 2: there is no primitive 'nag'"),
    ("graph(%0: f32[2]) { %1: f32[3] = neg(%0) return }", "not what is declared"),
    ("graph(%0: f32[2]) { %2: f32[2] = neg(%0) return }", "not what is declared"),
    ("graph(%0: f32[2]) { %1: f32[] = sum(%0) return }", "missing option 'axes'"),
    ("graph(%0: f32[2]) { %1: f32[] = sum(%0) {axes: [1]} return }", "axis 1 out of range"),
    ("graph(%0: f32[2]) { %1: f32[] = sum(%0) {axes: [0", "expected ']'"),
    ("graph(%0: f32[99999999999999999999]) { return }", "expected an integer"),
  ]) func wrongTextIsRefused(_ text: String, _ message: String) {
    var description = ""
    do { _ = try Graph.parse(text) } catch { description = "\(error)" }
    #expect(description.contains(message))
  }

  @Test func truncatedTextNeverTraps() throws {
    let sample = Case(primitive: P.repeat, number: 0)
    let text = Array(try sample.graph().description.utf8)
    for length in 0..<text.count {
      let part = String(decoding: text[..<length], as: UTF8.self)
      #expect(throws: BettyError.self) { try Graph.parse(part) }
    }
  }

  /// A graph of elementwise, movement and reduction nodes over random values of matching type.
  private func randomGraph(_ seed: UInt64, nodes: Int) throws -> Graph {
    var random = Seeded(seed)
    var graph = Graph()
    for _ in 0..<3 { _ = graph.addInput(try type(.f32, 2, 3)) }
    while graph.nodes.count < nodes {
      let values = graph.types.indices.map { Value($0) }
      guard let a = values.randomElement(using: &random) else { break }
      let shape = graph.shape(of: a)
      switch Int.random(in: 0..<7, using: &random) {
      case 0: _ = try graph.call(P.tanh, [a])
      case 1:
        let peers = values.filter { graph.type(of: $0) == graph.type(of: a) }
        guard let b = peers.randomElement(using: &random) else { continue }
        _ = try graph.call(P.atan2, [a, b])
      case 2 where !shape.isEmpty: _ = try graph.sum(a, [shape.count - 1])
      case 3: _ = try graph.broadcast(a, [2] + shape, axes: shape.indices.map { $0 + 1 })
      case 4: _ = try graph.permute(a, Array(shape.indices.reversed()))
      case 5: _ = graph.addInput(graph.type(of: a))
      default: _ = try graph.scale(a, Double.random(in: -1e300...1e-300, using: &random))
      }
    }
    graph.outputs = graph.types.indices.suffix(3).map { Value($0) }
    return graph
  }
}
