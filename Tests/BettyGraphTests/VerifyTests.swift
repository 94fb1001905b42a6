// verify finds each kind of broken graph.

import BettyKernelInterface
import Testing

@testable import BettyGraph

@Suite struct VerifyTests {
  private func message(_ graph: Graph) -> String {
    do { try graph.verify() } catch { return "\(error)" }
    return ""
  }

  private func start() throws -> (Graph, Value) {
    var graph = Graph()
    let a = graph.addInput(try type(.f32, 2, 3))
    return (graph, a)
  }

  @Test func wrongResultType() throws {
    var (graph, a) = try start()
    graph.outputs = graph.append(P.neg, [a], [:], [try type(.f32, 3, 2)])
    #expect(message(graph).contains("the type rule gives [f32[2, 3]], the node has [f32[3, 2]]"))
  }

  @Test func wrongNumberOfResults() throws {
    var (graph, a) = try start()
    _ = graph.append(P.neg, [a], [:], [graph.type(of: a), graph.type(of: a)])
    #expect(message(graph).contains("the type rule gives"))
  }

  @Test func operandThatDoesNotExist() throws {
    var (graph, a) = try start()
    _ = graph.append(P.neg, [Value(7)], [:], [graph.type(of: a)])
    #expect(message(graph).contains("operand %7 does not come before it"))
  }

  @Test func operandOfItsOwn() throws {
    var (graph, a) = try start()
    _ = graph.append(P.neg, [Value(1)], [:], [graph.type(of: a)])
    #expect(message(graph).contains("operand %1 does not come before it"))
  }

  @Test func wrongAttributes() throws {
    var (graph, a) = try start()
    _ = graph.append(P.sum, [a], ["axis": .int(0)], [try type(.f32, 3)])
    #expect(message(graph).contains("unknown option 'axis'"))
  }

  @Test func operandTypesThatDoNotMatch() throws {
    var (graph, a) = try start()
    let b = graph.addInput(try type(.f64, 2, 3))
    _ = graph.append(P.add, [a, b], [:], [graph.type(of: a)])
    #expect(message(graph).contains("add: operands differ, got f32[2, 3] and f64[2, 3]"))
  }

  @Test func outputThatDoesNotExist() throws {
    var (graph, _) = try start()
    graph.outputs = [Value(1)]
    #expect(message(graph).contains("output %1 does not exist"))
    graph.outputs = [Value(-1)]
    #expect(message(graph).contains("output %-1 does not exist"))
  }

  @Test func primitiveThatIsNotRegistered() throws {
    var (graph, a) = try start()
    let double = Primitive(
      "neg", derivative: .zero, kernel: .alias, samples: [], typeRule: { types, _ in types })
    graph.outputs = graph.append(double, [a], [:], [graph.type(of: a)])
    #expect(message(graph).contains("the primitive is not the registered one"))
  }

  @Test func brokenBodyOfALoop() throws {
    var body = Graph()
    _ = body.addInput(try type(.i64))
    let x = body.addInput(try type(.f32, 2))
    body.outputs = body.append(P.sum, [x], ["axes": .ints([0])], [try type(.f32, 2)])
    var graph = Graph()
    let a = graph.addInput(try type(.f32, 2))
    graph.outputs = try graph.apply(
      P.repeat, [a], ["count": .int(2), "carries": .int(1), "body": .graph(body)])
    #expect(message(graph).contains("node 0, sum"))
  }
}
