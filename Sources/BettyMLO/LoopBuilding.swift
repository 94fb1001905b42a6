// Loops in the graph of a step, written as a function of what is carried along.

import BettyGraph

extension Graph {
  /// Appends `count` iterations of `body`, which is given the carries and the constants inside and gives
  /// the next carries. A few iterations are unrolled, and any number if the body refers to values outside.
  /// Once the carry at `until` is true no iterations follow; those that are unrolled must leave the
  /// carries as they are then.
  mutating func loop(
    _ count: Int, unrolled: Bool = false, until: Int? = nil, carries: [Value], constants: [Value],
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
    var known = Array(inputs[..<carries.count])
    // An iteration only begins where it is false.
    if let until { known[until] = try inner.constant(0, like: inputs[until]) }
    inner.outputs = try body(&inner, known, Array(inputs[carries.count...]))
    var attributes: Attributes = [
      "count": .int(count), "carries": .int(carries.count), "body": .graph(inner),
    ]
    if let until { attributes["until"] = .int(until) }
    return try apply(P.repeat, carries + constants, attributes)
  }

  private static var unrolledIterations: Int { 3 }
}
