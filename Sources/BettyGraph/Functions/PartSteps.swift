// The steps behind slices, splits, diagonals and padding.

import BettyKernelInterface

/// A slice that stays inside its dimension.
struct SliceRange: Equatable {
  var start: Int
  var stop: Int
  var step: Int

  var count: Int {
    let (span, stride): (Int, Int) = step > 0 ? (stop - start, step) : (start - stop, -step)
    return span <= 0 ? 0 : (span - 1) / stride + 1
  }

  /// The same elements from the first to the last.
  var forward: SliceRange {
    guard step < 0 else { return self }
    let last = start + (count - 1) * step
    return count == 0
      ? SliceRange(start: 0, stop: 0, step: 1)
      : SliceRange(start: last, stop: start + 1, step: -step)
  }
}

extension Builder {
  /// An axis that exists: a scalar has none.
  func realAxis(_ dim: Int, of x: Value) throws -> Int {
    guard rank(x) > 0 else { throw fail(.index, "a 0-d tensor has no dimension \(dim)") }
    return try axis(dim, rank: rank(x))
  }

  /// A position counted from either end.
  func position(_ index: Int, axis: Int, of x: Value) throws -> Int {
    let length = shape(x)[axis]
    guard index >= -length, index < length else {
      throw fail(
        .index, "index \(index) is out of bounds for dimension \(axis) with size \(length)")
    }
    return index < 0 ? index + length : index
  }

  /// A step beyond the dimension takes one element, like one of its length.
  func shortStep(_ step: Int, length: Int) throws -> Int {
    guard step != 0, step != Int.min else { throw fail(.value, "slice step must not be \(step)") }
    let longest = max(length, 1)
    return min(max(step, -longest), longest)
  }

  /// start:end:step over a dimension, with the ends moved inside it as Python does.
  func sliceRange(_ attributes: Attributes, length: Int) throws -> SliceRange {
    let step = attributes.int("step", default: 1)
    guard step > 0 else { throw fail(.value, "slice step must be positive, got \(step)") }
    func inside(_ end: Int) -> Int { min(max(end < 0 ? end + length : end, 0), length) }
    let start = inside(attributes.int("start", default: 0))
    let stop = inside(attributes.int("end", default: length))
    let range = SliceRange(start: start, stop: stop, step: try shortStep(step, length: length))
    return range.count == 0 ? SliceRange(start: 0, stop: 0, step: 1) : range
  }

  static func equalParts(_ length: Int, _ size: Int) -> [Int] {
    if length == 0 || size == 0 { return [length] }
    var sizes = [Int](repeating: size, count: length / size)
    if length % size != 0 { sizes.append(length % size) }
    return sizes
  }

  mutating func split(_ x: Value, _ axis: Int, _ sizes: [Int]) throws -> [Value] {
    var start = 0
    return try sizes.map { size in
      defer { start += size }
      return try slice(x, axis: axis, from: start, to: start + size)
    }
  }

  // MARK: Diagonals

  /// Diagonals of the last two axes: every (columns + 1)-th element of the flat matrix.
  mutating func diagonal(_ x: Value, _ offset: Int) throws -> Value {
    let shape = self.shape(x)
    let batch = Array(shape.dropLast(2))
    let (rows, columns) = (shape[shape.count - 2], shape[shape.count - 1])
    let inside = offset > -rows && offset < columns
    let count = inside ? min(rows + min(offset, 0), columns - max(offset, 0)) : 0
    let flat = try reshape(x, batch + [rows * columns])
    if count <= 0 { return try slice(flat, axis: batch.count, from: 0, to: 0) }
    let start = offset >= 0 ? offset : -offset * columns
    return try slice(
      flat, axis: batch.count, from: start, to: start + (count - 1) * (columns + 1) + 1,
      step: columns + 1)
  }

  /// x where column - row compares to the offset, else 0.
  mutating func triangle(_ x: Value, _ comparison: Primitive, _ offset: Int) throws -> Value {
    guard rank(x) >= 2 else {
      throw fail(.runtime, "takes 2 dimensions at least, got \(type(x))")
    }
    let matrix = Array(shape(x).suffix(2))
    let limit = Double(min(max(offset, -matrix[0] - 1), matrix[1] + 1))
    let (rows, columns) = try positions(matrix[0], matrix[1])
    let inside = try op(comparison, columns, op(P.add, rows, limit))
    return try select(inside, x, 0)
  }

  // MARK: Padding

  mutating func pad(
    _ x: Value, low: [Int], high: [Int], interior: [Int], value: Double
  ) throws -> Value {
    if [low, high, interior].allSatisfy({ $0.allSatisfy { $0 == 0 } }) { return x }
    return try emit(
      P.pad, [x],
      [
        "low": .ints(low), "high": .ints(high), "interior": .ints(interior),
        "value": .double(value),
      ])
  }

  /// F.pad: pairs from the last dimension backwards. What is cut is cut first, but behind what reflect
  /// and replicate have added, so that they see the whole.
  mutating func pad(_ x: Value, _ attributes: Attributes) throws -> Value {
    let (pairs, mode) = (attributes.ints("pad"), attributes.string("mode"))
    let rank = self.rank(x)
    guard pairs.count % 2 == 0, pairs.count <= 2 * rank else {
      throw fail(.runtime, "takes pairs for at most \(rank) dimensions, got \(pairs)")
    }
    guard ["constant", "reflect", "replicate", "circular"].contains(mode) else {
      throw fail(
        .notSupported,
        "mode is 'constant', 'reflect', 'replicate' or 'circular', got '\(mode)'")
    }
    let count = pairs.count / 2
    guard mode == "constant" || (1...3).contains(count) && (1...2).contains(rank - count) else {
      throw fail(
        .notSupported, "\(mode) padding of \(count) dimensions does not take \(type(x))")
    }
    var (low, high) = ([Int](repeating: 0, count: rank), [Int](repeating: 0, count: rank))
    for pair in 0..<count {
      let axis = rank - 1 - pair
      let length = shape(x)[axis]
      let (left, right) = (pairs[2 * pair], pairs[2 * pair + 1])
      guard left >= -length, right >= -length, min(left, 0) + min(right, 0) >= -length else {
        throw fail(.runtime, "padding \(left), \(right) exceeds dimension \(axis) of \(type(x))")
      }
      (low[axis], high[axis]) = (left, right)
    }
    let (more, less) = ({ max($0, 0) }, { min($0, 0) })
    let isWhole = mode == "reflect" || mode == "replicate"
    if !isWhole {
      let cropped = try crop(x, low.map(less), high.map(less))
      guard mode == "constant" else {
        return try padEdges(cropped, low.map(more), high.map(more), mode)
      }
      return try pad(
        cropped, low: low.map(more), high: high.map(more),
        interior: [Int](repeating: 0, count: rank), value: attributes.double("value"))
    }
    let padded = try padEdges(x, low.map(more), high.map(more), mode)
    let result = try crop(padded, low.map(less), high.map(less))
    guard !shape(result).suffix(count).contains(0) else {
      throw fail(.runtime, "padding \(pairs) leaves nothing of \(type(x))")
    }
    return result
  }

  /// Without what negative numbers cut at the ends of axes.
  private mutating func crop(_ x: Value, _ low: [Int], _ high: [Int]) throws -> Value {
    var result = x
    for axis in low.indices {
      result = try slice(
        result, axis: axis, from: -low[axis], to: shape(result)[axis] + high[axis])
    }
    return result
  }

  private mutating func padEdges(
    _ x: Value, _ low: [Int], _ high: [Int], _ mode: String
  ) throws -> Value {
    var result = x
    for axis in low.indices where low[axis] > 0 || high[axis] > 0 {
      result = try padEdge(result, axis, low[axis], high[axis], mode)
    }
    return result
  }

  private mutating func padEdge(
    _ x: Value, _ axis: Int, _ low: Int, _ high: Int, _ mode: String
  ) throws -> Value {
    let length = shape(x)[axis]
    let longest = mode == "reflect" ? length - 1 : mode == "circular" ? length : Int.max
    guard mode == "replicate" || max(low, high) <= longest, length > 0 else {
      throw fail(
        .runtime, "\(mode) padding \(low), \(high) exceeds dimension \(axis) of \(type(x))")
    }
    let ends: (Value, Value)
    switch mode {
    case "reflect":
      ends = try (
        flip(slice(x, axis: axis, from: 1, to: low + 1), [axis]),
        flip(slice(x, axis: axis, from: length - 1 - high, to: length - 1), [axis])
      )
    case "replicate":
      let shape = self.shape(x)
      ends = try (
        broadcast(
          slice(x, axis: axis, from: 0, to: 1), to: shape.replacing(axis, with: low)),
        broadcast(
          slice(x, axis: axis, from: length - 1, to: length),
          to: shape.replacing(axis, with: high))
      )
    default:  // circular
      ends = try (
        slice(x, axis: axis, from: length - low, to: length),
        slice(x, axis: axis, from: 0, to: high)
      )
    }
    return try concatenate([ends.0, x, ends.1], axis)
  }
}
