// Short names for appending nodes, used by derivative rules and definitions. Operands are as strict
// as the primitives: equal shapes and types.

import BettyKernelInterface

extension Graph {
  /// `value` in every element of a tensor of this type.
  package mutating func constant(_ value: Double, _ type: TensorType) throws -> Value {
    try call(
      P.constant, [],
      ["value": .double(value), "shape": .ints(type.shape), "dtype": .dtype(type.dtype)])
  }

  /// `value` in every element, in the shape and type of `other`.
  package mutating func constant(_ value: Double, like other: Value) throws -> Value {
    try constant(value, type(of: other))
  }

  package mutating func zeros(like other: Value) throws -> Value {
    try constant(0, like: other)
  }

  package mutating func neg(_ a: Value) throws -> Value { try call(P.neg, [a]) }
  package mutating func add(_ a: Value, _ b: Value) throws -> Value { try call(P.add, [a, b]) }
  package mutating func sub(_ a: Value, _ b: Value) throws -> Value { try call(P.sub, [a, b]) }
  package mutating func mul(_ a: Value, _ b: Value) throws -> Value { try call(P.mul, [a, b]) }
  package mutating func div(_ a: Value, _ b: Value) throws -> Value { try call(P.div, [a, b]) }

  /// a times a number.
  package mutating func scale(_ a: Value, _ factor: Double) throws -> Value {
    try mul(a, constant(factor, like: a))
  }

  /// a plus a number.
  package mutating func shift(_ a: Value, _ amount: Double) throws -> Value {
    try add(a, constant(amount, like: a))
  }

  package mutating func select(_ condition: Value, _ a: Value, _ b: Value) throws -> Value {
    try call(P.select, [condition, a, b])
  }

  package mutating func cast(_ a: Value, _ dtype: DType) throws -> Value {
    self.dtype(of: a) == dtype ? a : try call(P.cast, [a], ["dtype": .dtype(dtype)])
  }

  package mutating func reshape(_ a: Value, _ shape: [Int]) throws -> Value {
    self.shape(of: a) == shape ? a : try call(P.reshape, [a], ["shape": .ints(shape)])
  }

  package mutating func permute(_ a: Value, _ axes: [Int]) throws -> Value {
    axes.elementsEqual(axes.indices) ? a : try call(P.permute, [a], ["axes": .ints(axes)])
  }

  /// Sum over axes, which are dropped.
  package mutating func sum(_ a: Value, _ axes: [Int]) throws -> Value {
    axes.isEmpty ? a : try call(P.sum, [a], ["axes": .ints(axes)])
  }

  /// Broadcasts to `shape`; axis i of `a` becomes axis axes[i].
  package mutating func broadcast(_ a: Value, _ shape: [Int], axes: [Int]) throws -> Value {
    self.shape(of: a) == shape
      ? a : try call(P.broadcast, [a], ["shape": .ints(shape), "axes": .ints(axes)])
  }

  /// Undoes the dropping of `axes` by a reduction: repeats `a` along them up to `shape`.
  package mutating func spread(_ a: Value, over axes: [Int], to shape: [Int]) throws -> Value {
    try broadcast(a, shape, axes: shape.indices.filter { !axes.contains($0) })
  }

  package mutating func matmul(
    _ a: Value, _ b: Value, transposeA: Bool = false, transposeB: Bool = false
  ) throws -> Value {
    try call(
      P.matmul, [a, b], ["transpose_a": .bool(transposeA), "transpose_b": .bool(transposeB)])
  }

  /// A cotangent in the type of operands like `other`: one of sums in f32 over operands in bf16 becomes bf16,
  /// so that the products of a gradient are as fast as the one they come from.
  package mutating func cotangent(_ a: Value, like other: Value) throws -> Value {
    try cast(a, dtype(of: other))
  }

  package mutating func slice(
    _ a: Value, starts: [Int], stops: [Int], steps: [Int]? = nil
  ) throws -> Value {
    let steps = steps ?? [Int](repeating: 1, count: starts.count)
    return try call(
      P.slice, [a], ["starts": .ints(starts), "stops": .ints(stops), "steps": .ints(steps)])
  }

  /// The part start..<stop of one axis.
  package mutating func slice(_ a: Value, axis: Int, _ start: Int, _ stop: Int) throws -> Value {
    let shape = shape(of: a)
    if start == 0, stop == shape[axis] { return a }
    return try slice(
      a, starts: shape.indices.map { $0 == axis ? start : 0 },
      stops: shape.replacing(axis, with: stop))
  }

  package mutating func concatenate(_ values: [Value], axis: Int) throws -> Value {
    try call(P.concatenate, values, ["axis": .int(axis)])
  }
}
