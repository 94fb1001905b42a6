// Graph → graph: nothing here runs a graph. Transforms append to the graph they are given or build
// a new one; a value keeps its number in a graph that is appended to. All of them are loops over
// the nodes in order, so the depth of a graph costs no stack; rules that make what other rules
// apply to are bounded in depth.

import BettyGraph
import BettyKernelInterface

package enum Transform {}

extension Transform {
  /// What rules of primitives that hold a graph differentiate it with.
  static let differentiator = differentiator(throughStops: false)
  /// The same where tangents pass stop_gradient.
  static let differentiatorThroughStops = differentiator(throughStops: true)

  private static func differentiator(throughStops: Bool) -> Differentiator {
    Differentiator(
      vjp: { graph, outputs, cotangents, wrt in
        let pairs = zip(outputs, cotangents).compactMap { output, cotangent in
          cotangent.map { (output, $0) }
        }
        return try vjp(&graph, of: pairs.map(\.0), cotangents: pairs.map(\.1), wrt: wrt)
      },
      jvp: { graph, outputs, tangents, wrt in
        let pairs = zip(wrt, tangents).compactMap { value, tangent in
          tangent.map { (value, $0) }
        }
        return try jvp(
          &graph, of: outputs, wrt: pairs.map(\.0), tangents: pairs.map(\.1),
          throughStops: throughStops)
      })
  }

  /// a + b, where nil is zero.
  static func sum(_ graph: inout Graph, _ a: Value?, _ b: Value?) throws -> Value? {
    guard let a else { return b }
    guard let b else { return a }
    return try graph.add(a, b)
  }

  /// a · factor; a factor that is the constant 1 or -1 costs no product.
  static func product(_ graph: inout Graph, _ a: Value, by factor: Value) throws -> Value {
    if let value = constant(graph, factor) {
      if value == 1 { return a }
      if value == -1 { return try graph.neg(a) }
    }
    return try graph.mul(a, factor)
  }

  /// The number a value is everywhere, if it is a `constant` node.
  static func constant(_ graph: Graph, _ value: Value) -> Double? {
    guard let node = graph.node(of: value), node.primitive === P.constant else { return nil }
    return node.attributes.double("value")
  }

  /// 1 + the number of the last node that makes one of `values`: the nodes before it are all they
  /// need.
  static func horizon(_ graph: Graph, _ values: [Value]) -> Int {
    1 + (values.lazy.map { graph.producers[$0.index] }.max() ?? -1)
  }

  /// Number of the first node that could read one of `values`.
  static func firstReader(_ graph: Graph, _ values: [Value]) -> Int {
    guard let first = values.min()?.index else { return graph.nodes.count }
    var low = 0
    var high = graph.nodes.count
    while low < high {
      let middle = (low + high) / 2
      if graph.nodes[middle].results.upperBound <= first { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Refuses values that the graph does not have.
  static func check(_ graph: Graph, _ values: [Value], for operation: String) throws(BettyError) {
    for value in values where value.index < 0 || value.index >= graph.types.count {
      throw .runtime(
        "\(operation): the graph has no value \(value.index), it has \(graph.types.count)")
    }
  }

  /// Refuses pairs of values of unequal number or type.
  static func check(
    _ graph: Graph, _ values: [Value], match others: [Value?], for operation: String
  ) throws(BettyError) {
    try check(graph, values, for: operation)
    try check(graph, others.compactMap { $0 }, for: operation)
    guard values.count == others.count else {
      throw .value("\(operation): expected \(values.count) values, got \(others.count)")
    }
    for (value, other) in zip(values, others) {
      guard let other, graph.types[value.index] != graph.types[other.index] else { continue }
      throw .value(
        "\(operation): expected \(graph.type(of: value)), got \(graph.type(of: other))")
    }
  }
}

extension Application {
  init(_ node: Node) {
    self.init(
      primitive: node.primitive, inputs: node.inputs, outputs: node.outputs,
      attributes: node.attributes)
  }
}
