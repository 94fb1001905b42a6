// The IR: a list of nodes in order of execution, each the application of a primitive. A graph is a
// value: transforms take one and give another. Invariants (checked by `verify`): a node's inputs
// come before it, its types are what its primitive's type rule gives, and outputs exist.

import BettyKernelInterface

/// One value of a graph: an input or a result of a node. Numbered in order of creation.
package struct Value: Hashable, Sendable, Comparable {
  package let index: Int
  package init(_ index: Int) { self.index = index }
  package static func < (a: Value, b: Value) -> Bool { a.index < b.index }
}

/// A class because rules look at nodes all the time: a copy of one counts one reference, not three.
package final class Node: Sendable {
  package let primitive: Primitive
  package let inputs: [Value]
  package let attributes: Attributes
  /// Indices of the values this node makes.
  package let results: Range<Int>

  init(_ primitive: Primitive, _ inputs: [Value], _ attributes: Attributes, results: Range<Int>) {
    self.primitive = primitive
    self.inputs = inputs
    self.attributes = attributes
    self.results = results
  }

  package var outputs: [Value] { results.map { Value($0) } }
}

package struct Graph: Sendable {
  package private(set) var nodes: [Node] = []
  /// Type of each value.
  package private(set) var types: [TensorType] = []
  /// The node that makes each value, or -1 for an input.
  package private(set) var producers: [Int] = []
  package private(set) var inputs: [Value] = []
  package var outputs: [Value] = []

  package init() {}

  package func type(of value: Value) -> TensorType { types[value.index] }
  package func shape(of value: Value) -> [Int] { types[value.index].shape }
  package func dtype(of value: Value) -> DType { types[value.index].dtype }
  package func node(of value: Value) -> Node? {
    let producer = producers[value.index]
    return producer < 0 ? nil : nodes[producer]
  }

  package mutating func addInput(_ type: TensorType) -> Value {
    let value = Value(types.count)
    types.append(type)
    producers.append(-1)
    inputs.append(value)
    return value
  }

  /// Applies a primitive: checks attributes, runs its type rule, appends the node, gives its
  /// results.
  package mutating func apply(
    _ primitive: Primitive, _ inputs: [Value], _ attributes: Attributes = [:]
  ) throws -> [Value] {
    try attributes.check(primitive.attributes, for: primitive.name)
    let results = try primitive.typeRule(inputs.map { types[$0.index] }, attributes)
    return append(primitive, inputs, attributes, results)
  }

  /// Appends a node whose types are known to be right (copies of checked nodes).
  package mutating func append(
    _ primitive: Primitive, _ inputs: [Value], _ attributes: Attributes, _ results: [TensorType]
  ) -> [Value] {
    let first = types.count
    types += results
    producers += [Int](repeating: nodes.count, count: results.count)
    let node = Node(primitive, inputs, attributes, results: first..<first + results.count)
    nodes.append(node)
    return node.outputs
  }

  /// Applies a primitive of one result.
  package mutating func call(
    _ primitive: Primitive, _ inputs: [Value], _ attributes: Attributes = [:]
  ) throws -> Value {
    try apply(primitive, inputs, attributes)[0]
  }

  /// Copies `other` into this graph with its inputs replaced; gives what each value of `other`
  /// became.
  package mutating func inline(_ other: Graph, _ arguments: [Value]) -> [Value] {
    var map = [Value](repeating: Value(-1), count: other.types.count)
    for (input, argument) in zip(other.inputs, arguments) { map[input.index] = argument }
    for node in other.nodes { copy(node, of: other, &map) }
    return map
  }

  /// Copies a node of `other`, of whose values `map` tells what they are here; notes the node's results.
  package mutating func copy(_ node: Node, of other: Graph, _ map: inout [Value]) {
    let made = append(
      node.primitive, node.inputs.map { map[$0.index] }, node.attributes,
      node.results.map { other.types[$0] })
    for (old, new) in zip(node.results, made) { map[old] = new }
  }
}

extension Graph: Hashable {
  package static func == (a: Graph, b: Graph) -> Bool {
    a.inputs == b.inputs && a.outputs == b.outputs && a.types == b.types
      && a.nodes.elementsEqual(b.nodes) {
        $0.primitive === $1.primitive && $0.inputs == $1.inputs && $0.attributes == $1.attributes
      }
  }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(inputs)
    hasher.combine(outputs)
    for node in nodes {
      hasher.combine(node.primitive.name)
      hasher.combine(node.inputs)
      hasher.combine(node.attributes)
    }
  }
}
