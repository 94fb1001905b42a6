// Products of a matrix and one vector, where calling OpenBLAS costs more than the product.

import BettyKernelInterface

/// y[r] = sum over c of matrix[r, c] x[c], for first <= r < last.
@inline(always) func multiplyMatrixVector<E: FloatElement>(
  _: E.Type, _ y: Raw, _ matrix: RawIn, _ x: RawIn, _ columns: Int, _ ld: Int,
  _ first: Int, _ last: Int
) {
  let size = MemoryLayout<E.Scalar>.size
  let step = E.lanes &* size
  let end = columns &* size
  let to = y.assumingMemoryBound(to: E.Scalar.self)
  for r in first..<last {
    let row = matrix + r &* ld &* size
    var sum = E.splat(0)
    var c = 0
    while c &+ step <= end {
      sum = E.multiplyAdd(E.load(row + c), E.load(x + c), sum)
      c &+= step
    }
    if c < end {
      sum = E.multiplyAdd(loadPart(row + c, end &- c), loadPart(x + c, end &- c), sum)
    }
    to[r] = E.sum(sum)
  }
}

/// y[c] = sum over r of x[r] matrix[r, c], for first <= c < last.
@inline(always) func multiplyVectorMatrix<E: FloatElement>(
  _: E.Type, _ y: Raw, _ matrix: RawIn, _ x: RawIn, _ rows: Int, _ ld: Int,
  _ first: Int, _ last: Int
) {
  let size = MemoryLayout<E.Scalar>.size
  let weights = x.assumingMemoryBound(to: E.Scalar.self)
  var c = first
  while c < last {
    let wide = min(E.lanes, last &- c)
    let at = matrix + c &* size
    var sum = E.splat(0)
    for r in 0..<rows {
      let row: E.Vector =
        wide == E.lanes
        ? E.load(at + r &* ld &* size) : loadPart(at + r &* ld &* size, wide &* size)
      sum = E.multiplyAdd(row, E.splat(weights[r]), sum)
    }
    storePart(y + c &* size, sum, wide &* size)
    c &+= wide
  }
}
