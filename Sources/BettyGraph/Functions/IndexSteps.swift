// The steps behind gathering and scattering.

import BettyKernelInterface

extension Builder {
  mutating func take(_ x: Value, _ index: Value, _ axis: Int) throws -> Value {
    try emit(P.take, [x, index], ["axis": .int(axis)])
  }

  /// The operand as a tensor, a 0-d one as a vector of one element: along it there is one position.
  mutating func line(_ operand: Operand) throws -> Value {
    let value = try tensor(operand)
    return rank(value) == 0 ? try reshape(value, [1]) : value
  }

  /// Indices as a vector; PyTorch takes a 0-d index for one of length 1.
  mutating func vector(_ index: Value) throws -> Value {
    guard rank(index) <= 1 else {
      throw fail(.index, "index must be a vector, got \(type(index))")
    }
    return try reshape(index, [type(index).count])
  }

  /// The part of x that an index of the same rank reaches: its shape apart from the axis.
  mutating func fit(_ x: Value, to index: Value, _ axis: Int) throws -> Value {
    guard rank(x) == rank(index) else {
      throw fail(.runtime, "input and index differ in rank, got \(list([x, index]))")
    }
    var result = x
    for (other, length) in shape(index).enumerated() where other != axis {
      guard length <= shape(x)[other] else {
        throw fail(.runtime, "index exceeds dimension \(other), got \(list([x, index]))")
      }
      result = try slice(result, axis: other, from: 0, to: length)
    }
    return result
  }

  struct IndexTarget {
    let value: Value
    let index: Value
    let source: Value
    let axis: Int
  }

  /// Operands of index_add and index_copy; 0-d ones as vectors.
  mutating func indexTarget(_ x: Arguments, _ attributes: Attributes) throws -> IndexTarget {
    let value = try line(x[0])
    let index = try vector(indices(x[1], as: "index"))
    let axis = try realAxis(attributes.int("dim"), of: value)
    let wanted = shape(value).replacing(axis, with: type(index).count)
    let source = try line(x[2])
    guard shape(source) == wanted, dtype(source) == dtype(value) else {
      let type = "\(dtype(value).name)\(wanted)"
      throw fail(.runtime, "source must be \(type), got \(self.type(x[2].value))")
    }
    return IndexTarget(value: value, index: index, source: source, axis: axis)
  }

  /// A vector over an axis, repeated along the others.
  mutating func along(_ vector: Value, _ axis: Int, of x: Value) throws -> Value {
    try emit(P.broadcast, [vector], ["shape": .ints(shape(x)), "axes": .ints([axis])])
  }

  /// x with updates [prefix, count, suffix] in place of the positions of an axis; the last of equal
  /// indices wins.
  mutating func put(_ x: Value, _ index: Value, _ updates: Value, _ axis: Int) throws -> Value {
    try emit(P.indexSet, [x, index, updates], ["axis": .int(axis)])
  }

  /// The same along an axis of an index of the rank of x.
  mutating func scatterSet(
    _ x: Value, _ index: Value, _ updates: Value, _ axis: Int
  ) throws -> Value {
    let spread = try broadcast(updates, to: shape(index))
    return try emit(P.scatterSet, [x, index, spread], ["axis": .int(axis)])
  }

  /// Adds updates; of bool it is "or".
  mutating func added(
    _ primitive: Primitive, _ base: Value, _ index: Value, _ updates: Value, _ axis: Int
  ) throws -> Value {
    let isBool = dtype(base) == .bool
    let (to, from) = try isBool ? (cast(base, .i32), cast(updates, .i32)) : (base, updates)
    let sum = try compute(primitive, [to, index, from], ["axis": .int(axis)])
    return isBool ? try cast(sum, .bool) : sum
  }

  mutating func zeros(like x: Value) throws -> Value { try full(0, shape(x), dtype(x)) }

  /// scatter and scatter_add: the part that the index reaches is updated and put back.
  mutating func scatter(
    _ x: Arguments, _ attributes: Attributes,
    _ update: (inout Builder, Value, Value, Value, Int) throws -> Value
  ) throws -> Value {
    let (value, index) = try (line(x[0]), line(Operand(indices(x[1], as: "index"))))
    let axis = try realAxis(attributes.int("dim"), of: value)
    let part = try fit(value, to: index, axis)
    let source: Value
    if x[2].isNumber || rank(x[2].value) == 0 {
      source = try cast(x[2].value, dtype(value))
    } else {
      guard dtype(x[2].value) == dtype(value) else {
        throw fail(.runtime, "src must be \(dtype(value).name), got \(type(x[2].value))")
      }
      let fitted = try fit(x[2].value, to: index, axis)
      guard shape(fitted)[axis] >= shape(index)[axis] else {
        throw fail(
          .runtime, "index exceeds src at dimension \(axis), got \(list([x[2].value, index]))")
      }
      source = try slice(fitted, axis: axis, from: 0, to: shape(index)[axis])
    }
    var result = try update(&self, part, index, source, axis)
    for other in 0..<rank(value) where shape(result)[other] != shape(value)[other] {
      // Grow one dimension at a time back to the whole.
      let rest = try growth(of: value, beyond: result, other)
      result = try concatenate([result, rest], other)
    }
    return try reshape(result, shape(x[0].value))
  }

  /// What of `whole` lies beyond `part` along an axis, of the part's length in later axes.
  private mutating func growth(of whole: Value, beyond part: Value, _ axis: Int) throws -> Value {
    var rest = try slice(whole, axis: axis, from: shape(part)[axis], to: shape(whole)[axis])
    for other in axis + 1..<max(rank(whole), axis + 1) {
      rest = try slice(rest, axis: other, from: 0, to: shape(part)[other])
    }
    return rest
  }

  /// x with `source` in place of a slice of one axis.
  mutating func write(
    _ source: Value, into x: Value, axis: Int, _ range: SliceRange
  ) throws -> Value {
    var ranges = shape(x).map { SliceRange(start: 0, stop: $0, step: 1) }
    ranges[axis] = range
    return try write(source, into: x, ranges, accumulate: false)
  }

  /// x with `source` in place of (or added to) a block given by one slice an axis, steps forwards:
  /// the source is padded to the shape of x, and so is the mask of where it lies.
  mutating func write(
    _ source: Value, into x: Value, _ ranges: [SliceRange], accumulate: Bool
  ) throws -> Value {
    let shape = self.shape(x)
    if ranges.contains(where: { $0.count == 0 }) { return x }
    if self.shape(source) == shape, !accumulate { return source }
    let low = ranges.map(\.start)
    let interior = ranges.map { $0.step - 1 }
    let high = zip(ranges, shape).map { range, length in
      length - (range.start + (range.count - 1) * range.step + 1)
    }
    let padded = try pad(source, low: low, high: high, interior: interior, value: 0)
    if accumulate { return try add(P.add, x, padded) }
    let ones = try full(1, self.shape(source), .bool)
    let mask = try pad(ones, low: low, high: high, interior: interior, value: 0)
    return try select(mask, padded, x)
  }
}
