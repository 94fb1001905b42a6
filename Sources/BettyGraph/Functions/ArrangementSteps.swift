// The steps behind diagonals put into matrices.

import BettyKernelInterface

extension Builder {
  /// The first `size` of each `step` elements of an axis, in a new last axis; no element is in two.
  mutating func blocks(
    _ x: Value, axis: Int, _ count: Int, _ size: Int, _ step: Int
  ) throws -> Value {
    let step = count == 1 ? size : step
    var shape = self.shape(x)
    let (missing, rank) = (count * step - shape[axis], shape.count)
    var value = x
    if missing > 0 {
      let none = [Int](repeating: 0, count: rank)
      var high = none
      high[axis] = missing
      value = try pad(x, low: none, high: high, interior: none, value: 0)
    } else {
      value = try slice(x, axis: axis, from: 0, to: count * step)
    }
    shape.replaceSubrange(axis...axis, with: [count, step])
    let parts = try slice(reshape(value, shape), axis: axis + 1, from: 0, to: size)
    return try moveAxis(parts, from: axis + 1, to: rank)
  }

  /// The last two axes exchanged.
  mutating func transposed(_ x: Value) throws -> Value {
    let rank = self.rank(x)
    return try permute(x, Array(0..<rank - 2) + [rank - 1, rank - 2])
  }

  /// Matrices with these diagonals: the elements with gaps of one row between them.
  mutating func diagonalMatrices(_ x: Value, _ offset: Int) throws -> Value {
    let count = shape(x)[rank(x) - 1]
    guard offset.magnitude < 1 << 30, count < 1 << 30 else {
      throw fail(.runtime, "diagonal \(offset) is too far out")
    }
    let batch = Array(shape(x).dropLast())
    let size = count + Int(offset.magnitude)
    guard count > 0 else { return try full(0, batch + [size, size], dtype(x)) }
    let low = offset >= 0 ? offset : -offset * size
    let used = count + (count - 1) * size
    let none = batch.map { _ in 0 }
    let flat = try pad(
      x, low: none + [low], high: none + [size * size - low - used], interior: none + [size],
      value: 0)
    return try reshape(flat, batch + [size, size])
  }

  /// x with other diagonals of its last two axes.
  mutating func withDiagonal(_ x: Value, _ source: Value, _ offset: Int) throws -> Value {
    let present = try diagonal(x, offset)
    let wanted = shape(present)
    guard shape(source) == wanted else {
      throw fail(.runtime, "src must be \(wanted), got \(type(source))")
    }
    let matrix = Array(shape(x).suffix(2))
    let (rows, columns) = try (iota(matrix, axis: 0), iota(matrix, axis: 1))
    if wanted.last == 0 { return x }
    let isHit = try op(P.eq, op(P.sub, columns, rows), Double(offset))
    // Row i (or column i, below the main diagonal) holds element i.
    let isAbove = offset >= 0
    let places = try slice(isAbove ? rows : columns, axis: isAbove ? 1 : 0, from: 0, to: 1)
    let safe = try op(P.minimum, places, Double((wanted.last ?? 1) - 1))
    let spread = try take(source, safe, rank(source) - 1)
    return try select(isHit, spread, x)
  }
}
