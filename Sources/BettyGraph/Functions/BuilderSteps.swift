// The steps function bodies are written in: operands made ready, primitives with broadcasting,
// casts and changes of shape that vanish where there is nothing to do.

import BettyKernelInterface

extension Builder {
  func type(_ operand: Operand) -> OperandType {
    OperandType(type(operand.value), isNumber: operand.isNumber)
  }

  /// The operand as a tensor by itself: a float number becomes the default float type.
  mutating func tensor(_ operand: Operand) throws -> Value {
    guard operand.isNumber, dtype(operand.value).isFloating else { return operand.value }
    return try cast(operand.value, .defaultFloat)
  }

  /// The operands in their common element type; `floating` turns integers and bool into f32.
  mutating func promoted(_ operands: [Operand], floating: Bool = false) throws -> [Value] {
    var dtype = OperandType.promote(operands.map { type($0) })
    if floating, !dtype.isFloating { dtype = .defaultFloat }
    return try operands.map { try cast($0.value, dtype) }
  }

  /// The operand as a floating tensor.
  mutating func floating(_ operand: Operand) throws -> Value {
    try promoted([operand], floating: true)[0]
  }

  /// An operand that must be floating already (mean, losses).
  mutating func needFloating(
    _ operand: Operand, _ kind: ErrorKind = .notSupported
  ) throws -> Value {
    let value = try tensor(operand)
    guard dtype(value).isFloating else {
      throw fail(kind, "input must be floating point, got \(type(value))")
    }
    return value
  }

  /// Labels and indices: i64, whatever integer type they come in.
  mutating func indices(
    _ operand: Operand, as what: String = "indices", _ kind: ErrorKind = .runtime
  ) throws -> Value {
    guard dtype(operand.value).isInteger else {
      throw fail(kind, "\(what) must be integers, got \(type(operand.value))")
    }
    return try cast(operand.value, .i64)
  }

  // MARK: Primitives

  /// Applies a primitive as it is (movement, index, random).
  mutating func emit(
    _ primitive: Primitive, _ inputs: [Value], _ attributes: Attributes = [:]
  ) throws -> Value {
    try graph.call(primitive, inputs, attributes)
  }

  /// Arithmetic on one operand, or a reduction of it.
  mutating func op(
    _ primitive: Primitive, _ x: Value, _ attributes: Attributes = [:]
  ) throws -> Value {
    try compute(primitive, [x], attributes)
  }

  /// Arithmetic on two operands, which broadcast.
  mutating func op(_ primitive: Primitive, _ x: Value, _ y: Value) throws -> Value {
    let shape = try common([x, y])
    return try compute(primitive, [broadcast(x, to: shape), broadcast(y, to: shape)])
  }

  /// Arithmetic with a constant of the other operand's type.
  mutating func op(_ primitive: Primitive, _ x: Value, _ y: Double) throws -> Value {
    try compute(primitive, [x, full(y, shape(x), dtype(x))])
  }

  mutating func op(_ primitive: Primitive, _ x: Double, _ y: Value) throws -> Value {
    try compute(primitive, [full(x, shape(y), dtype(y)), y])
  }

  /// condition ? a : b, all broadcast.
  mutating func select(_ condition: Value, _ a: Value, _ b: Value) throws -> Value {
    let shape = try common([condition, a, b])
    return try pass(
      P.select, [broadcast(a, to: shape), broadcast(b, to: shape)],
      after: [broadcast(condition, to: shape)])
  }

  mutating func select(_ condition: Value, _ a: Value, _ b: Double) throws -> Value {
    try select(condition, a, full(b, shape(a), dtype(a)))
  }

  mutating func select(_ condition: Value, _ a: Double, _ b: Value) throws -> Value {
    try select(condition, full(a, shape(b), dtype(b)), b)
  }

  /// Applies a primitive that computes: storage types go through f32.
  mutating func compute(
    _ primitive: Primitive, _ inputs: [Value], _ attributes: Attributes = [:]
  ) throws -> Value {
    guard let stored = inputs.map({ dtype($0) }).first(where: { $0.computeType != $0 }) else {
      return try emit(primitive, inputs, attributes)
    }
    let wide = try inputs.map { try cast($0, dtype($0).computeType) }
    let result = try emit(primitive, wide, attributes)
    return dtype(result).isFloating ? try cast(result, stored) : result
  }

  // MARK: Types and shapes

  mutating func cast(_ value: Value, _ dtype: DType) throws -> Value {
    if self.dtype(value) == dtype { return value }
    if let wide = try widened(value, dtype) { return wide }
    return try emit(P.cast, [value], ["dtype": .dtype(dtype)])
  }

  /// A constant in every element.
  mutating func full(_ value: Double, _ shape: [Int], _ dtype: DType) throws -> Value {
    try emit(
      P.constant, [],
      ["value": .double(value), "shape": .ints(shape), "dtype": .dtype(dtype)])
  }

  /// 0, 1, 2… along an axis; one line of numbers, which is repeated where it is read.
  mutating func iota(_ shape: [Int], axis: Int, _ dtype: DType = .i64) throws -> Value {
    let line = shape.enumerated().map { $0.offset == axis ? $0.element : 1 }
    let isLine = shape.product <= shape[axis]
    let numbers = try emit(
      P.iota, [],
      [
        "shape": .ints(isLine ? shape : line), "axis": .int(axis), "dtype": .dtype(dtype),
      ])
    return try isLine ? numbers : broadcast(numbers, to: shape)
  }

  /// The numbers of rows as a column and of columns as a row, in the smaller type that holds them and
  /// their sums.
  mutating func positions(_ rows: Int, _ columns: Int) throws -> (rows: Value, columns: Value) {
    let dtype: DType = Swift.max(rows, columns) < 1 << 29 ? .i32 : .i64
    return (
      try iota([rows, 1], axis: 0, dtype), try iota([columns], axis: 0, dtype)
    )
  }

  /// Repeats a value along new leading axes and axes of length 1.
  mutating func broadcast(_ value: Value, to shape: [Int]) throws -> Value {
    if self.shape(value) == shape { return value }
    let skipped = shape.count - rank(value)
    let axes = Array(skipped..<shape.count)
    return try pass(P.broadcast, [value], ["shape": .ints(shape), "axes": .ints(axes)])
  }

  mutating func reshape(_ value: Value, _ shape: [Int]) throws -> Value {
    if self.shape(value) == shape { return value }
    return try pass(P.reshape, [value], ["shape": .ints(shape)])
  }

  mutating func permute(_ value: Value, _ axes: [Int]) throws -> Value {
    if axes.elementsEqual(0..<axes.count) { return value }
    return try emit(P.permute, [value], ["axes": .ints(axes)])
  }

  /// The same value with one axis moved to another place.
  mutating func moveAxis(_ value: Value, from: Int, to: Int) throws -> Value {
    var axes = Array(0..<rank(value))
    axes.insert(axes.remove(at: from), at: to)
    return try permute(value, axes)
  }

  /// Part of one axis.
  mutating func slice(
    _ value: Value, axis: Int, from start: Int, to stop: Int, step: Int = 1
  ) throws -> Value {
    let shape = self.shape(value)
    var starts = [Int](repeating: 0, count: shape.count)
    var (stops, steps) = (shape, [Int](repeating: 1, count: shape.count))
    if start == 0, stop == shape[axis], step == 1 { return value }
    (starts[axis], stops[axis], steps[axis]) = (start, stop, step)
    return try emit(
      P.slice, [value], ["starts": .ints(starts), "stops": .ints(stops), "steps": .ints(steps)])
  }
}
