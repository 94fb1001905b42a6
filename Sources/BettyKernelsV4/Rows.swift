// Softmax and its relatives over rows [rows, columns]. The largest element is subtracted first, so exp
// never overflows; a row of only -inf gives NaN (and log-sum-exp -inf), a NaN spoils its row: as PyTorch.

import BettyKernelInterface

/// The largest element of a row and the sum of exp(x - it).
struct RowSum<E: FloatElement> {
  var largest: E.Scalar
  var sum: E.Scalar

  /// `d` receives the exponentials if `keep`.
  @inline(always) init(_ row: RawIn, _ columns: Int, keep: Raw?) {
    let size = MemoryLayout<E.Scalar>.size
    let step = E.lanes &* size
    let end = columns &* size
    largest = reduceRun(Largest<E>.self, E.lowest, row, columns)
    let shift = E.splat(largest)
    var total = E.splat(0)
    var c = 0
    while c &+ step <= end {
      let x = E.exp(E.load(row + c) - shift)
      if let keep { E.store(keep + c, x) }
      total = total + x
      c &+= step
    }
    sum = E.sum(total)
    if c < end {
      let x = E.exp(loadPart(row + c, end &- c) - shift)
      if let keep { storePart(keep + c, x, end &- c) }
      for i in 0..<((end &- c) / size) { sum += x[i] }
    }
  }

  /// log of the sum of exp(x). An infinite largest element is the answer itself.
  @inline(always) var logSumExp: E.Scalar {
    let infinite = largest == E.highest || largest == E.lowest
    return infinite ? largest : largest + E.log(sum)
  }
}

/// d = a * k + c over a row
@inline(always) func scaleRow<E: FloatElement>(
  _: E.Type, _ d: Raw, _ a: RawIn, _ k: E.Scalar, _ c: E.Scalar, _ columns: Int
) {
  let size = MemoryLayout<E.Scalar>.size
  let step = E.lanes &* size
  let end = columns &* size
  var i = 0
  while i &+ step <= end {
    E.store(d + i, E.multiplyAdd(E.load(a + i), E.splat(k), E.splat(c)))
    i &+= step
  }
  if i < end {
    let x: E.Vector = loadPart(a + i, end &- i)
    storePart(d + i, E.multiplyAdd(x, E.splat(k), E.splat(c)), end &- i)
  }
}

@inline(always) func writeSoftmax<E: FloatElement>(
  _: E.Type, _ d: Raw, _ a: RawIn, _ columns: Int, _ first: Int, _ last: Int
) {
  let bytes = columns &* MemoryLayout<E.Scalar>.size
  for r in first..<last {
    let row = RowSum<E>(a + r &* bytes, columns, keep: d + r &* bytes)
    scaleRow(E.self, d + r &* bytes, d + r &* bytes, 1 / row.sum, 0, columns)
  }
}

@inline(always) func writeLogSoftmax<E: FloatElement>(
  _: E.Type, _ d: Raw, _ a: RawIn, _ columns: Int, _ first: Int, _ last: Int
) {
  let bytes = columns &* MemoryLayout<E.Scalar>.size
  for r in first..<last {
    let row = RowSum<E>(a + r &* bytes, columns, keep: nil)
    // Subtracting twice keeps the digits of a small difference under a large maximum.
    let shift = -E.log(row.sum)
    subtractRow(E.self, d + r &* bytes, a + r &* bytes, row.largest, shift, columns)
  }
}

/// d = (a - k) + c over a row
@inline(always) func subtractRow<E: FloatElement>(
  _: E.Type, _ d: Raw, _ a: RawIn, _ k: E.Scalar, _ c: E.Scalar, _ columns: Int
) {
  let size = MemoryLayout<E.Scalar>.size
  let step = E.lanes &* size
  let end = columns &* size
  var i = 0
  while i &+ step <= end {
    E.store(d + i, E.load(a + i) - E.splat(k) + E.splat(c))
    i &+= step
  }
  if i < end {
    let x: E.Vector = loadPart(a + i, end &- i)
    storePart(d + i, x - E.splat(k) + E.splat(c), end &- i)
  }
}

@inline(always) func writeLogSumExp<E: FloatElement>(
  _: E.Type, _ d: Raw, _ a: RawIn, _ columns: Int, _ first: Int, _ last: Int
) {
  let bytes = columns &* MemoryLayout<E.Scalar>.size
  let to = d.assumingMemoryBound(to: E.Scalar.self)
  for r in first..<last {
    to[r] = RowSum<E>(a + r &* bytes, columns, keep: nil).logSumExp
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
    let row = RowSum<E>(logits + r &* columns, columns, keep: nil)
    to[r] = E.log(row.sum) - (logits[r &* columns &+ label] - row.largest)
  }
}

/// d[r, c] = (softmax(row r)[c] - (c == label)) * cotangent[r]
@inline(always) func writeCrossEntropyGradient<E: FloatElement>(
  _: E.Type, _ d: Raw, _ a: RawIn, _ labels: Indices, _ cotangent: RawIn, _ columns: Int,
  _ first: Int, _ last: Int, _ status: Status
) {
  let to = d.assumingMemoryBound(to: E.Scalar.self)
  let logits = a.assumingMemoryBound(to: E.Scalar.self)
  let weights = cotangent.assumingMemoryBound(to: E.Scalar.self)
  for r in first..<last {
    guard let label = checked(labels, r, columns, status) else { continue }
    let at = r &* columns
    let row = RowSum<E>(logits + at, columns, keep: to + at)
    scaleRow(E.self, to + at, to + at, weights[r] / row.sum, 0, columns)
    to[at &+ label] -= weights[r]
  }
}

/// max(x, 0) - x y + log(1 + exp(-|x|))
enum BinaryCrossEntropy<E: FloatElement>: BinaryOp {
  @inline(always) static func apply(_ x: E.Vector, _ y: E.Vector) -> E.Vector {
    E.softplus(x) - x * y
  }
}
