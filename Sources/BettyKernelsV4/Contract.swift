// Products of a matrix and one vector, where calling OpenBLAS costs more than the product. matvec
// keeps eight rows in registers and folds them together; vecmat keeps columns in registers over all
// rows.

import BettyKernelInterface
import CBettySupport

typealias HalfVector = SIMD8<Float>

/// One accumulator for each of eight rows.
struct EightRows {
  var s0, s1, s2, s3, s4, s5, s6, s7: HalfVector

  @inline(always) init() {
    s0 = HalfVector(repeating: 0)
    s1 = s0
    s2 = s0
    s3 = s0
    s4 = s0
    s5 = s0
    s6 = s0
    s7 = s0
  }

  /// Adds x times eight elements of each row; `row` reads them.
  @inline(always) mutating func add(_ x: HalfVector, _ row: (Int) -> HalfVector) {
    s0 = betty_multiply_add_f32x8(row(0), x, s0)
    s1 = betty_multiply_add_f32x8(row(1), x, s1)
    s2 = betty_multiply_add_f32x8(row(2), x, s2)
    s3 = betty_multiply_add_f32x8(row(3), x, s3)
    s4 = betty_multiply_add_f32x8(row(4), x, s4)
    s5 = betty_multiply_add_f32x8(row(5), x, s5)
    s6 = betty_multiply_add_f32x8(row(6), x, s6)
    s7 = betty_multiply_add_f32x8(row(7), x, s7)
  }

  /// The eight sums, by a tree of pairwise additions.
  @inline(always) var sums: HalfVector {
    let a = betty_pair_sums_f32x8(s0, s1)
    let b = betty_pair_sums_f32x8(s2, s3)
    let c = betty_pair_sums_f32x8(s4, s5)
    let d = betty_pair_sums_f32x8(s6, s7)
    return betty_half_sums_f32x8(betty_pair_sums_f32x8(a, b), betty_pair_sums_f32x8(c, d))
  }
}

/// y[r] = sum over c of matrix[r, c] x[c], for first <= r < last.
func multiplyMatrixVector32(
  _ y: Raw, _ matrix: RawIn, _ x: RawIn, _ columns: Int, _ ld: Int, _ first: Int, _ last: Int
) {
  let stride = ld &* 4
  let full = columns & ~7
  let rest = columns & 7
  var r = first
  while r &+ 8 <= last {
    let rows = matrix + r &* stride
    var sums = EightRows()
    var c = 0
    while c < full {
      let at = rows + c &* 4
      sums.add((x + c &* 4).loadUnaligned(as: HalfVector.self)) {
        (at + $0 &* stride).loadUnaligned(as: HalfVector.self)
      }
      c &+= 8
    }
    if rest != 0 {
      let at = rows + full &* 4
      sums.add(betty_load_part_f32x8(x + full &* 4, rest)) {
        betty_load_part_f32x8(at + $0 &* stride, rest)
      }
    }
    (y + r &* 4).storeBytes(of: sums.sums, as: HalfVector.self)
    r &+= 8
  }
  multiplyMatrixVector(F32.self, y, matrix, x, columns, ld, r, last)
}

/// As above, row by row.
@inline(always) func multiplyMatrixVector<E: FloatElement>(
  _: E.Type, _ y: Raw, _ matrix: RawIn, _ x: RawIn, _ columns: Int, _ ld: Int,
  _ first: Int, _ last: Int
) {
  let size = MemoryLayout<E.Scalar>.size
  let lanes = E.lanes
  let to = y.assumingMemoryBound(to: E.Scalar.self)
  var r = first
  while r < last {
    let row = matrix + r &* ld &* size
    var sum = E.splat(0)
    var c = 0
    while c &+ lanes <= columns {
      sum = E.multiplyAdd(E.load(row + c &* size), E.load(x + c &* size), sum)
      c &+= lanes
    }
    if c < columns {
      let left = columns &- c
      sum = E.multiplyAdd(
        E.loadPart(row + c &* size, left), E.loadPart(x + c &* size, left), sum)
    }
    to[r] = E.sum(sum)
    r &+= 1
  }
}

/// y[c] = sum over r of x[r] matrix[r, c], for first <= c < last.
@inline(always) func multiplyVectorMatrix<E: FloatElement>(
  _: E.Type, _ y: Raw, _ matrix: RawIn, _ x: RawIn, _ rows: Int, _ ld: Int,
  _ first: Int, _ last: Int
) {
  let size = MemoryLayout<E.Scalar>.size
  let lanes = E.lanes
  let weights = x.assumingMemoryBound(to: E.Scalar.self)
  let stride = ld &* size
  var c = first
  while c &+ 4 &* lanes <= last {
    wideColumns(E.self, y + c &* size, matrix + c &* size, weights, rows, stride)
    c &+= 4 &* lanes
  }
  while c &+ lanes <= last {
    let sum = narrowColumns(E.self, matrix + c &* size, weights, rows, stride) { E.load($0) }
    E.store(y + c &* size, sum)
    c &+= lanes
  }
  if c < last {
    let left = last &- c
    let sum = narrowColumns(E.self, matrix + c &* size, weights, rows, stride) {
      E.loadPart($0, left)
    }
    E.storePart(y + c &* size, sum, left)
  }
}

/// Four vectors of columns over all rows.
@inline(always) private func wideColumns<E: FloatElement>(
  _: E.Type, _ y: Raw, _ matrix: RawIn, _ weights: UnsafePointer<E.Scalar>, _ rows: Int,
  _ stride: Int
) {
  let step = E.lanes &* MemoryLayout<E.Scalar>.size
  var s0 = E.splat(0)
  var s1 = s0
  var s2 = s0
  var s3 = s0
  var at = matrix
  var r = 0
  while r < rows {
    let weight = E.splat(weights[r])
    s0 = E.multiplyAdd(E.load(at), weight, s0)
    s1 = E.multiplyAdd(E.load(at + step), weight, s1)
    s2 = E.multiplyAdd(E.load(at + 2 &* step), weight, s2)
    s3 = E.multiplyAdd(E.load(at + 3 &* step), weight, s3)
    at += stride
    r &+= 1
  }
  E.store(y, s0)
  E.store(y + step, s1)
  E.store(y + 2 &* step, s2)
  E.store(y + 3 &* step, s3)
}

/// One vector of columns, four rows side by side so that additions need not wait for each other.
@inline(always) private func narrowColumns<E: FloatElement>(
  _: E.Type, _ matrix: RawIn, _ weights: UnsafePointer<E.Scalar>, _ rows: Int, _ stride: Int,
  _ load: (RawIn) -> E.Vector
) -> E.Vector {
  var s0 = E.splat(0)
  var s1 = s0
  var s2 = s0
  var s3 = s0
  var at = matrix
  var r = 0
  while r &+ 4 <= rows {
    s0 = E.multiplyAdd(load(at), E.splat(weights[r]), s0)
    s1 = E.multiplyAdd(load(at + stride), E.splat(weights[r &+ 1]), s1)
    s2 = E.multiplyAdd(load(at + 2 &* stride), E.splat(weights[r &+ 2]), s2)
    s3 = E.multiplyAdd(load(at + 3 &* stride), E.splat(weights[r &+ 3]), s3)
    at += 4 &* stride
    r &+= 4
  }
  while r < rows {
    s0 = E.multiplyAdd(load(at), E.splat(weights[r]), s0)
    at += stride
    r &+= 1
  }
  return (s0 + s1) + (s2 + s3)
}
