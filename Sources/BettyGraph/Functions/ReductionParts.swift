// What reductions are made of: the axes an attribute names, and the compositions that must be exact
// and have finite slopes at the edges (norm and deviation at 0, logsumexp over several axes).

import BettyKernelInterface

/// A value and the axes to be dropped from it.
struct Reduction {
  let value: Value
  /// Sorted; empty for a scalar.
  let axes: [Int]
  let keepdim: Bool
}

extension Builder {
  /// Reads `dim` and `keepdim`. No dim, or an empty list, means all.
  func reduction(of value: Value, _ attributes: Attributes) throws -> Reduction {
    let rank = self.rank(value)
    let dims = attributes.ints("dim")
    let axes =
      dims.isEmpty
      ? Array(0..<rank) : try self.axes(dims, rank: rank).sorted().filter { $0 < rank }
    return Reduction(value: value, axes: axes, keepdim: attributes.bool("keepdim"))
  }

  /// Puts dropped axes back with length 1 where keepdim asks for it.
  mutating func keep(_ reduction: Reduction, _ result: Value) throws -> Value {
    guard reduction.keepdim else { return result }
    var shape = self.shape(reduction.value)
    for axis in reduction.axes { shape[axis] = 1 }
    return try reshape(result, shape)
  }

  mutating func reduce(_ primitive: Primitive, _ x: Value, _ axes: [Int]) throws -> Value {
    axes.isEmpty ? x : try op(primitive, x, ["axes": .ints(axes)])
  }

  mutating func sum(_ x: Value) throws -> Value { try reduce(P.sum, x, Array(0..<rank(x))) }

  func count(_ x: Value, _ axes: [Int]) -> Int { axes.reduce(1) { $0 * shape(x)[$1] } }

  /// Extremes of nothing do not exist.
  func needElements(_ x: Value, _ axes: [Int], _ kind: ErrorKind) throws {
    guard count(x, axes) > 0 else {
      throw fail(kind, "input has no elements to reduce, got \(type(x))")
    }
  }

  /// all and any: bool, or u8 for u8 as in PyTorch.
  mutating func quantified(
    _ primitive: Primitive, ofNothing value: Double, _ x: Value, _ axes: [Int]
  ) throws -> Value {
    let kept = shape(x).dropping(axes)
    let isNothing = count(x, axes) == 0
    let result = try isNothing ? full(value, kept, .bool) : reduce(primitive, cast(x, .bool), axes)
    return dtype(x) == .u8 ? try cast(result, .u8) : result
  }

  /// bool as u8, for positions of extremes.
  mutating func orderable(_ x: Value) throws -> Value {
    dtype(x) == .bool ? try cast(x, .u8) : x
  }

  /// What sums and products run in: attribute `dtype`, or i64 for bool and integers.
  mutating func accumulable(_ x: Value, _ attributes: Attributes) throws -> Value {
    if let dtype = attributes.dtype("dtype") { return try cast(x, dtype) }
    return dtype(x).isFloating ? x : try cast(x, .i64)
  }

  mutating func mean(_ x: Value, _ axes: [Int]) throws -> Value {
    let total = try reduce(P.sum, x, axes)
    let count = count(x, axes)
    return count == 1 ? total : try op(P.div, total, Double(count))
  }

  /// The mean spread over the axes again, for what is subtracted from x.
  mutating func spread(_ reduced: Value, over axes: [Int], like x: Value) throws -> Value {
    let shape = self.shape(x)
    return try pass(
      P.broadcast, [reduced],
      ["shape": .ints(shape), "axes": .ints(shape.indices.filter { !axes.contains($0) })])
  }

  mutating func variance(_ x: Value, _ axes: [Int], _ correction: Double) throws -> Value {
    let mean = try self.mean(x, axes)
    let centred = try op(P.sub, x, spread(mean, over: axes, like: x))
    let total = try reduce(P.sum, op(P.mul, centred, centred), axes)
    return try op(P.div, total, max(Double(count(x, axes)) - correction, 0))
  }

  /// Square root whose slope at 0 is 0 instead of infinite.
  mutating func safeSqrt(_ x: Value) throws -> Value {
    let isZero = try op(P.eq, x, 0)
    let root = try op(P.sqrt, select(isZero, 1, x))
    return try select(isZero, 0, root)
  }

  mutating func norm(_ x: Value, _ axes: [Int], _ p: Double) throws -> Value {
    switch p {
    case 2: return try safeSqrt(reduce(P.sum, op(P.mul, x, x), axes))
    case 1: return try reduce(P.sum, op(P.abs, x), axes)
    case .infinity, -.infinity:
      try needElements(x, axes, .runtime)
      return try reduce(p > 0 ? P.max : P.min, op(P.abs, x), axes)
    case 0:
      let ones = try op(P.pow, x, 0)  // requires a gradient where x does
      return try reduce(P.sum, select(op(P.eq, x, 0), 0, ones), axes)
    default:
      let isZero = try op(P.eq, x, 0)
      let powers = try op(P.pow, op(P.abs, select(isZero, 1, x)), p)
      // Zeros are left out of the power, whose slope there may be infinite.
      let total = try reduce(P.sum, select(isZero, p > 0 ? 0 : .infinity, powers), axes)
      let isNothing = try op(P.eq, total, 0)
      let root = try op(P.pow, select(isNothing, 1, total), 1 / p)
      return try select(isNothing, 0, root)
    }
  }

  /// The primitive takes one axis: several are moved to the end and made one.
  mutating func logSumExp(_ x: Value, _ axes: [Int]) throws -> Value {
    if axes.isEmpty { return x }
    if axes.count == 1, shape(x)[axes[0]] > 0 {
      return try op(P.logsumexp, x, ["axes": .ints(axes)])
    }
    let kept = (0..<rank(x)).filter { !axes.contains($0) }
    let shape = kept.map { self.shape(x)[$0] }
    let flat = try reshape(permute(x, kept + axes), shape + [count(x, axes)])
    if count(x, axes) == 0 { return try op(P.log, reduce(P.sum, flat, [kept.count])) }
    return try op(P.logsumexp, flat, ["axes": .ints([kept.count])])
  }

  mutating func runningProduct(_ x: Value, _ axis: Int) throws -> Value {
    try scan(x, axis) { try $0.op(P.mul, $1, $2) }
  }
}
