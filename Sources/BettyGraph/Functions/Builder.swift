// What function bodies are written with: primitives applied with broadcasting, constants, casts,
// axes counted from either end, and errors in the name of the function. Invariant: what reaches a
// primitive has equal shapes and element types, and arithmetic never sees a storage type (bf16,
// f16): it is done in f32, and rounded once, where the function ends (see Rounding). Products and
// convolutions have kernels of their own that read those types.

import BettyKernelInterface

package struct Builder {
  package var graph: Graph
  /// The function's name, which errors begin with.
  package let name: String
  /// The nodes before this one are not the function's.
  let start: Int

  package init(graph: Graph, name: String) {
    self.graph = graph
    self.name = name
    start = graph.nodes.count
  }

  func type(_ value: Value) -> TensorType { graph.type(of: value) }
  func shape(_ value: Value) -> [Int] { graph.shape(of: value) }
  func dtype(_ value: Value) -> DType { graph.dtype(of: value) }
  func rank(_ value: Value) -> Int { graph.shape(of: value).count }

  func fail(_ kind: ErrorKind, _ message: String) -> BettyError {
    BettyError(kind, "\(name): \(message)")
  }

  /// "f32[3] and i64[]"
  func list(_ values: [Value]) -> String {
    values.map { type($0).description }.joined(separator: " and ")
  }

  /// The shape all values broadcast to.
  func common(_ values: [Value]) throws -> [Int] {
    var shape = self.shape(values[0])
    for value in values.dropFirst() {
      let other = self.shape(value)
      if other == shape { continue }
      guard let both = broadcastShape(shape, other) else {
        throw fail(.runtime, "shapes do not broadcast, got \(list(values))")
      }
      shape = both
    }
    return shape
  }

  /// A dimension counted from either end, as an axis of a value of this rank; a scalar has one
  /// axis.
  func axis(_ dim: Int, rank: Int) throws -> Int {
    let count = max(rank, 1)
    guard dim >= -count, dim < count else {
      throw fail(
        .index, "dimension out of range, expected to be in [\(-count), \(count - 1)], got \(dim)")
    }
    return dim < 0 ? dim + count : dim
  }

  /// Several of them, in the order given, each once.
  func axes(_ dims: [Int], rank: Int) throws -> [Int] {
    let axes = try dims.map { try axis($0, rank: rank) }
    for (position, axis) in axes.enumerated() where axes[..<position].contains(axis) {
      throw fail(.runtime, "dimension \(axis) appears several times in \(dims)")
    }
    return axes
  }
}
