// Loops in the graph of a step, written as a function of what is carried along.

import BettyGraph

extension Graph {
  /// Appends `count` iterations of `body`, which is given the carries and the constants inside and gives
  /// the next carries. A few iterations are unrolled, and any number if the body refers to values outside.
  mutating func loop(
    _ count: Int, unrolled: Bool = false, carries: [Value], constants: [Value],
    body: (_ graph: inout Graph, _ carries: [Value], _ constants: [Value]) throws -> [Value]
  ) throws -> [Value] {
    if unrolled || count <= Self.unrolledIterations {
      var state = carries
      for _ in 0..<count { state = try body(&self, state, constants) }
      return state
    }
    var inner = Graph()
    _ = inner.addInput(try TensorType(.i64, []))
    let inputs = (carries + constants).map { inner.addInput(type(of: $0)) }
    inner.outputs = try body(
      &inner, Array(inputs[..<carries.count]), Array(inputs[carries.count...]))
    return try apply(
      P.repeat, carries + constants,
      ["count": .int(count), "carries": .int(carries.count), "body": .graph(inner)])
  }

  private static var unrolledIterations: Int { 3 }
}
