// Softmax and its relatives over rows [rows, columns]. The largest element is subtracted first, so
// exp never overflows; a row of only -inf gives NaN (and log-sum-exp -inf), a NaN spoils its row:
// as PyTorch. A row that fits one vector, the usual case of a classifier, never leaves the
// registers.

import BettyKernelInterface

/// What is computed for one row and where it goes.
protocol RowOp {
  associatedtype E: FloatElement
  /// Whether `finish` reads the exponentials (true) or the elements (false).
  static var readsExponentials: Bool { get }
  /// One number a row, from (row, largest element, sum of exp(x - largest)).
  func number(_ row: Int, _ largest: E.Scalar, _ sum: E.Scalar) -> E.Scalar
  /// One vector of the result, given `number`.
  func finish(_ x: E.Vector, _ largest: E.Scalar, _ number: E.Scalar) -> E.Vector
}

struct Softmax<E: FloatElement>: RowOp {
  @inline(always) static var readsExponentials: Bool { true }
  @inline(always) func number(_ row: Int, _ largest: E.Scalar, _ sum: E.Scalar) -> E.Scalar {
    1 / sum
  }
  @inline(always) func finish(
    _ x: E.Vector, _ largest: E.Scalar, _ number: E.Scalar
  ) -> E.Vector { x * E.splat(number) }
}

/// Subtracting twice keeps the digits of a small difference under a large maximum.
struct LogSoftmax<E: FloatElement>: RowOp {
  @inline(always) static var readsExponentials: Bool { false }
  @inline(always) func number(_ row: Int, _ largest: E.Scalar, _ sum: E.Scalar) -> E.Scalar {
    E.log(sum)
  }
  @inline(always) func finish(
    _ x: E.Vector, _ largest: E.Scalar, _ number: E.Scalar
  ) -> E.Vector { x - E.splat(largest) - E.splat(number) }
}

/// The softmax times one weight a row.
struct WeightedSoftmax<E: FloatElement>: RowOp {
  var weights: UnsafePointer<E.Scalar>
  @inline(always) static var readsExponentials: Bool { true }
  @inline(always) func number(_ row: Int, _ largest: E.Scalar, _ sum: E.Scalar) -> E.Scalar {
    weights[row] / sum
  }
  @inline(always) func finish(
    _ x: E.Vector, _ largest: E.Scalar, _ number: E.Scalar
  ) -> E.Vector { x * E.splat(number) }
}

/// The largest element and the sum of exp(x - it); the exponentials go to `keep` if it is given.
@inline(never) func sumRow<E: FloatElement>(
  _: E.Type, _ row: RawIn, _ columns: Int, _ keep: Raw?
) -> (largest: E.Scalar, sum: E.Scalar) {
  let largest = reduceRun(Largest<E>.self, E.lowest, row, columns)
  return (largest, sumExponentials(E.self, row, columns, largest, keep))
}

/// The sum of exp(x - shift); the exponentials go to `keep` if it is given.
@inline(always) func sumExponentials<E: FloatElement>(
  _: E.Type, _ row: RawIn, _ columns: Int, _ by: E.Scalar, _ keep: Raw?
) -> E.Scalar {
  let size = MemoryLayout<E.Scalar>.size
  let lanes = E.lanes
  let shift = E.splat(by)
  let zero = E.splat(0)
  var total = zero
  var other = zero
  var c = 0
  // Two vectors side by side: their sums need not wait for each other.
  while c &+ 2 &* lanes <= columns {
    let at = c &* size
    let x = E.exp(E.load(row + at) - shift)
    let y = E.exp(E.load(row + at + lanes &* size) - shift)
    if let keep {
      E.store(keep + at, x)
      E.store(keep + at + lanes &* size, y)
    }
    total = total + x
    other = other + y
    c &+= 2 &* lanes
  }
  total = total + other
  while c < columns {
    let left = columns &- c
    let at = c &* size
    var x = E.exp((left >= lanes ? E.load(row + at) : E.loadPart(row + at, left)) - shift)
    if left >= lanes {
      if let keep { E.store(keep + at, x) }
    } else {
      x = E.select(zero, x, E.first(left))
      if let keep { E.storePart(keep + at, x, left) }
    }
    total = total + x
    c &+= lanes
  }
  return E.sum(total)
}

@inline(always) func writeRows<R: RowOp>(
  _ op: R, _ d: Raw, _ a: RawIn, _ columns: Int, _ first: Int, _ last: Int
) {
  let size = MemoryLayout<R.E.Scalar>.size
  let bytes = columns &* size
  let lanes = R.E.lanes
  if columns < lanes {
    let inside = R.E.first(columns)
    let lowest = R.E.splat(R.E.lowest)
    for r in first..<last {
      let x = R.E.select(lowest, R.E.loadPart(a + r &* bytes, columns), inside)
      let largest = R.E.largest(x)
      let e = R.E.select(R.E.splat(0), R.E.exp(x - R.E.splat(largest)), inside)
      let number = op.number(r, largest, R.E.sum(e))
      let y = op.finish(R.readsExponentials ? e : x, largest, number)
      R.E.storePart(d + r &* bytes, y, columns)
    }
    return
  }
  for r in first..<last {
    let from = a + r &* bytes
    let to = d + r &* bytes
    let row = sumRow(R.E.self, from, columns, R.readsExponentials ? to : nil)
    let number = op.number(r, row.largest, row.sum)
    let source = R.readsExponentials ? RawIn(to) : from
    var c = 0
    while c &+ lanes <= columns {
      let at = c &* size
      R.E.store(to + at, op.finish(R.E.load(source + at), row.largest, number))
      c &+= lanes
    }
    if c < columns {
      let at = c &* size
      let x = R.E.loadPart(source + at, columns &- c)
      R.E.storePart(to + at, op.finish(x, row.largest, number), columns &- c)
    }
  }
}

/// log of the sum of exp; an infinite largest element is the answer itself.
@inline(always) func writeLogSumExp<E: FloatElement>(
  _: E.Type, _ d: Raw, _ a: RawIn, _ columns: Int, _ first: Int, _ last: Int
) {
  let bytes = columns &* MemoryLayout<E.Scalar>.size
  let to = d.assumingMemoryBound(to: E.Scalar.self)
  for r in first..<last {
    let row = sumRow(E.self, a + r &* bytes, columns, nil)
    let infinite = row.largest == E.highest || row.largest == E.lowest
    to[r] = infinite ? row.largest : row.largest + E.log(row.sum)
  }
}

/// loss[r] = logsumexp(row r) - row r [label]
@inline(always) func writeCrossEntropy<E: FloatElement>(
  _: E.Type, _ d: Raw, _ a: RawIn, _ labels: Indices, _ columns: Int, _ first: Int,
  _ last: Int, _ status: Status
) {
  let to = d.assumingMemoryBound(to: E.Scalar.self)
  let logits = a.assumingMemoryBound(to: E.Scalar.self)
  for r in first..<last {
    guard let label = checked(labels, r, columns, status) else { continue }
    let row = sumRow(E.self, logits + r &* columns, columns, nil)
    to[r] = E.log(row.sum) - (logits[r &* columns &+ label] - row.largest)
  }
}

/// d[r, c] = (softmax(row r)[c] - (c == label)) * cotangent[r]
@inline(always) func writeCrossEntropyGradient<E: FloatElement>(
  _: E.Type, _ d: Raw, _ a: RawIn, _ labels: Indices, _ cotangent: RawIn, _ columns: Int,
  _ first: Int, _ last: Int, _ status: Status
) {
  let to = d.assumingMemoryBound(to: E.Scalar.self)
  let weights = cotangent.assumingMemoryBound(to: E.Scalar.self)
  writeRows(WeightedSoftmax<E>(weights: weights), d, a, columns, first, last)
  for r in first..<last {
    guard let label = checked(labels, r, columns, status) else { continue }
    to[r &* columns &+ label] -= weights[r]
  }
}

/// max(x, 0) - x y + log(1 + exp(-|x|))
enum BinaryCrossEntropy<E: FloatElement>: BinaryOp {
  @inline(always) static func apply(_ x: E.Vector, _ y: E.Vector) -> E.Vector {
    E.softplus(x) - x * y
  }
}
