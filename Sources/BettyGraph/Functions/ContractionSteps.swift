// The steps behind contractions, powers of matrices and covariances.

import BettyKernelInterface

extension Builder {
  func needSquare(_ x: Value) throws -> Value {
    let shape = self.shape(x)
    guard shape.count >= 2, shape[shape.count - 1] == shape[shape.count - 2] else {
      throw fail(.runtime, "takes square matrices, got \(type(x))")
    }
    guard dtype(x).isFloating else {
      throw fail(.runtime, "takes floating point matrices, got \(type(x))")
    }
    return x
  }

  /// Two batches of matrices of rank 3.
  mutating func batched(_ x: Value, _ y: Value) throws -> Value {
    guard shape(x)[0] == shape(y)[0] else {
      throw fail(.runtime, "batch dimensions differ, got \(list([x, y]))")
    }
    return try matmul(x, y)
  }

  /// Sums of products over pairs of axes; the rest of both, in order.
  mutating func contract(_ x: Value, _ y: Value, _ a: [Int], _ c: [Int]) throws -> Value {
    try needSameType([x, y])
    let (left, right) = (shape(x), shape(y))
    guard a.count == c.count, zip(a, c).allSatisfy({ left[$0] == right[$1] }) else {
      throw fail(.runtime, "contracted dimensions differ, got \(list([x, y])) over \(a) and \(c)")
    }
    let (rows, columns) = (
      left.indices.filter { !a.contains($0) }, right.indices.filter { !c.contains($0) }
    )
    let inner = a.map { left[$0] }.product
    let (height, width) = (rows.map { left[$0] }, columns.map { right[$0] })
    let first = try reshape(permute(x, rows + a), [height.product, inner])
    let second = try reshape(permute(y, c + columns), [inner, width.product])
    return try reshape(product(first, second), height + width)
  }

  /// Repeated squares.
  mutating func power(_ x: Value, _ n: Int) throws -> Value {
    let size = shape(x)[rank(x) - 1]
    if n == 0 {
      let isDiagonal = try op(P.eq, iota([size, size], axis: 0), iota([size, size], axis: 1))
      return try select(isDiagonal, op(P.pow, x, 0), 0)  // requires a gradient where x does
    }
    var (result, square, left): (Value?, Value, Int) = (nil, x, n)
    while true {
      if left % 2 == 1 { result = try result.map { try matmul($0, square) } ?? square }
      left /= 2
      guard left > 0 else { return result ?? square }
      square = try matmul(square, square)
    }
  }

  /// The numbers i < j below a count, row by row, as two vectors. Row i begins at
  /// i (2 n - i - 1) / 2, so the first index is how many have begun.
  mutating func trianglePairs(_ count: Int) throws -> (Value, Value) {
    guard count < 1 << 30 else { throw fail(.runtime, "too many rows, got \(count)") }
    let total = max(count * (count - 1) / 2, 0)
    if total == 0 { return try (full(0, [0], .i64), full(0, [0], .i64)) }
    let places = try iota([total], axis: 0)
    let rows = try iota([count - 1], axis: 0)
    let twice = try op(P.mul, rows, op(P.sub, Double(2 * count - 1), rows))
    let starts = try op(P.floorDivide, twice, 2)
    // A one where each row begins, counted.
    let marks = try put(full(0, [total], .i64), starts, full(1, [count - 1], .i64), 0)
    let counted = try emit(P.cumsum, [marks], ["axis": .int(0), "reverse": .bool(false)])
    let first = try op(P.sub, counted, 1)
    let begin = try take(starts, first, 0)
    let second = try op(P.add, op(P.add, op(P.sub, places, begin), first), 1)
    return (first, second)
  }

  /// Covariances with frequencies and weights of observations, as numpy.cov has them.
  mutating func covariance(_ x: Arguments, _ correction: Double) throws -> Value {
    let input = try floating(x[0])
    guard rank(input) <= 2 else {
      throw fail(.runtime, "takes 2 dimensions at most, got \(type(input))")
    }
    let table = try rank(input) == 2 ? input : reshape(input, [1, type(input).count])
    let count = shape(table)[1]
    var weights: Value?
    for place in 1..<3 where place < x.operands.count {
      guard let given = x.optional(place)?.value else { continue }
      guard shape(given) == [count] else {
        throw fail(.runtime, "weights must be [\(count)], got \(type(given))")
      }
      let one = try cast(given, dtype(table))
      weights = try weights.map { try op(P.mul, $0, one) } ?? one
    }
    let total = try weights.map { try sum($0) } ?? full(Double(count), [], dtype(table))
    let weighted = try weights.map { try op(P.mul, table, $0) } ?? table
    let mean = try op(P.div, reduce(P.sum, weighted, [1]), total)
    let centred = try op(P.sub, table, reshape(mean, shape(mean) + [1]))
    let scaled = try weights.map { try op(P.mul, centred, $0) } ?? centred
    var freedom = try op(P.sub, total, correction)
    if let weights, x.operands.count > 2, let aweights = x.optional(2)?.value {
      let squares = try sum(op(P.mul, weights, cast(aweights, dtype(table))))
      freedom = try op(P.sub, total, op(P.mul, op(P.div, squares, total), correction))
    }
    let products = try compute(
      P.matmul, [scaled, centred], ["transpose_a": .bool(false), "transpose_b": .bool(true)])
    let result = try op(P.div, products, op(P.maximum, freedom, 0))
    return rank(input) == 2 ? result : try reshape(result, [])
  }
}
