// How a primitive is applied to many examples at once. A batched value has one more axis, the first; a
// rule gets operands some of which are batched and gives results that all are. Invariant: row i of a
// batched result is the result for row i of each batched operand.

import BettyKernelInterface

/// An application some of whose operands are batched.
package struct BatchedApplication: Sendable {
  package let primitive: Primitive
  package let attributes: Attributes
  package let inputs: [Value]
  package let isBatched: [Bool]
  /// Types of one example's operands.
  package let types: [TensorType]
  package let size: Int

  package init(
    primitive: Primitive, attributes: Attributes, inputs: [Value], isBatched: [Bool],
    types: [TensorType], size: Int
  ) {
    self.primitive = primitive
    self.attributes = attributes
    self.inputs = inputs
    self.isBatched = isBatched
    self.types = types
    self.size = size
  }

  /// Operand `position`, repeated for every example if it is not batched.
  package func batched(_ position: Int, in graph: inout Graph) throws -> Value {
    if isBatched[position] { return inputs[position] }
    let shape = types[position].shape
    return try graph.broadcast(
      inputs[position], [size] + shape, axes: shape.indices.map { $0 + 1 })
  }

  /// The primitive on one example after the other.
  package func each(in graph: inout Graph) throws -> [Value] {
    var results: [[Value]] = []
    for row in 0..<size {
      let operands = try inputs.indices.map { position in
        guard isBatched[position] else { return inputs[position] }
        let one = try graph.slice(inputs[position], axis: 0, row, row + 1)
        return try graph.reshape(one, types[position].shape)
      }
      results.append(try graph.apply(primitive, operands, attributes))
    }
    guard let first = results.first else { return [] }
    return try first.indices.map { place in
      let rows = try results.map { made in
        try graph.reshape(made[place], [1] + graph.shape(of: made[place]))
      }
      return try graph.concatenate(rows, axis: 0)
    }
  }

  /// The primitive on the rows of all examples together.
  package func rows(in graph: inout Graph) throws -> [Value] {
    let count = types.first?.shape.first ?? 0
    let operands = try allBatched(in: &graph).map {
      try graph.reshape($0, [size * count] + Array(graph.shape(of: $0).dropFirst(2)))
    }
    return try graph.apply(primitive, operands, attributes).map {
      try graph.reshape($0, [size, count] + Array(graph.shape(of: $0).dropFirst()))
    }
  }

  /// All operands batched.
  package func allBatched(in graph: inout Graph) throws -> [Value] {
    try inputs.indices.map { try batched($0, in: &graph) }
  }
}

package enum Batching: Sendable {
  package typealias Rule =
    @Sendable (inout Graph, BatchedApplication) throws -> [Value]

  /// The same primitive on operands that are all batched, its attributes moved by the new axis.
  case shifted(@Sendable (Attributes, _ size: Int) -> Attributes)
  /// Each row of the operands' first axis by itself: the batch joins the rows.
  case rows
  case rule(Rule)
  /// Through the graph it stands for.
  case definition(@Sendable (inout Graph, [Value], Attributes) throws -> [Value])
  /// One example after the other.
  case each

  /// As the attributes are: elementwise, or about the last axes only.
  static let same = Batching.shifted { attributes, _ in attributes }

  /// Attribute `axis` counts one more.
  static let axis = Batching.shifted { attributes, _ in
    var moved = attributes
    moved["axis"] = .int(attributes.int("axis") + 1)
    return moved
  }

  /// Every entry of attribute `axes` counts one more.
  static let axes = Batching.shifted { attributes, _ in
    var moved = attributes
    moved["axes"] = .ints(attributes.ints("axes").map { $0 + 1 })
    return moved
  }

  /// What follows from how a primitive is computed and differentiated.
  static func standard(_ kernel: Kernel, _ derivative: Derivative) -> Batching {
    switch kernel {
    case .tile, .cast: return .same
    case .reduction: return .axes
    default: break
    }
    switch derivative {
    case .elementwise: return .same
    case .decomposed(let definition): return .definition(definition)
    default: return .each
    }
  }
}

extension P {
  /// Marks one example of a batched value while a function is recorded for `vmap` of nesting `level`.
  /// Not in the registry: the batching transform takes it away, and whoever evaluates it earlier reads
  /// a value that does not exist.
  package static let example: Primitive = Primitive(
    "vmap_example", attributes: [AttributeSpec("level", .int)],
    derivative: .custom(
      vjp: { _, _, _ in throw exampleError("differentiated with respect to what it encloses") },
      jvp: { _, _, _ in throw exampleError("differentiated along what it encloses") }),
    kernel: .buffer { _ in throw exampleError("asked for the value of one example") }, samples: []
  ) { inputs, _ in
    try Rules.count(inputs, 1, "vmap")
    guard let size = inputs[0].shape.first else {
      throw BettyError.value("vmap: cannot map over a scalar")
    }
    guard size > 0 else { throw BettyError.value("vmap: the mapped dimension has size 0") }
    return [try TensorType(inputs[0].dtype, Array(inputs[0].shape.dropFirst()))]
  }

  private static func exampleError(_ what: String) -> BettyError {
    .runtime("vmap: the mapped function is \(what); it sees all examples at once")
  }
}
