// Products of matrices, row-major, with leading dimensions: floats by OpenBLAS, integers by a plain
// loop that wraps around. The caller has checked that every size fits an Int32 and that no
// dimension is 0.

import BettyKernelInterface
import COpenBLAS
import Glibc

package enum Contract {
  /// out[m, n] = op(a)[m, k] op(b)[k, n], added to what is there if it accumulates
  package struct Call {
    let m: Int
    let n: Int
    let k: Int
    let a: UnsafeRawPointer
    let lda: Int
    let transposeA: Bool
    let b: UnsafeRawPointer
    let ldb: Int
    let transposeB: Bool
    let out: UnsafeMutableRawPointer
    let ldOut: Int
    let accumulates: Bool

    package init(
      m: Int, n: Int, k: Int, a: UnsafeRawPointer, lda: Int, transposeA: Bool,
      b: UnsafeRawPointer, ldb: Int, transposeB: Bool, out: UnsafeMutableRawPointer, ldOut: Int,
      accumulates: Bool = false
    ) {
      self.m = m
      self.n = n
      self.k = k
      self.a = a
      self.lda = lda
      self.transposeA = transposeA
      self.b = b
      self.ldb = ldb
      self.transposeB = transposeB
      self.out = out
      self.ldOut = ldOut
      self.accumulates = accumulates
    }
  }

  /// The function for an element type, to be found before threads run it; storage types are converted
  /// before.
  package static func function(_ dtype: DType) -> @Sendable (Call) -> Void {
    let cutsThin = ThinProduct.isThere
    return switch dtype {
    case .f64: { double($0) }
    case .f32, .bf16, .f16: { single($0, cutsThin: cutsThin) }
    case .i64: { integer($0, Int64.self) }
    case .i32: { integer($0, Int32.self) }
    case .u8, .bool: { integer($0, UInt8.self) }
    }
  }

  private static let rowMajor: Int32 = 101

  private static func operation(_ transpose: Bool) -> Int32 { transpose ? 112 : 111 }

  /// Sums up to this length are so quick that it shows how slowly OpenBLAS clears the result.
  private static let shortest = 512

  /// Whether the product has to be added to the result: clears that first where memset does better.
  private static func adds(_ call: Call, _ bytes: Int) -> Bool {
    if call.accumulates || call.k > shortest { return call.accumulates }
    if call.ldOut == call.n {
      memset(call.out, 0, call.m * call.n * bytes)
    } else {
      for row in 0..<call.m { memset(call.out + row * call.ldOut * bytes, 0, call.n * bytes) }
    }
    return true
  }

  private static func single(_ call: Call, cutsThin: Bool) {
    guard cutsThin, let blocks = ThinProduct.blocks(call) else {
      return single(call, rows: 0..<call.m, columns: 0..<call.n, adds: adds(call, 4))
    }
    for row in stride(from: 0, to: call.m, by: blocks.rows) {
      let rows = row..<Swift.min(row + blocks.rows, call.m)
      for column in stride(from: 0, to: call.n, by: blocks.columns) {
        let columns = column..<Swift.min(column + blocks.columns, call.n)
        single(call, rows: rows, columns: columns, adds: call.accumulates)
      }
    }
  }

  /// A part of the result.
  private static func single(_ call: Call, rows: Range<Int>, columns: Range<Int>, adds: Bool) {
    let a = call.a + rows.lowerBound * (call.transposeA ? 4 : call.lda * 4)
    let b = call.b + columns.lowerBound * (call.transposeB ? call.ldb * 4 : 4)
    let out = call.out + (rows.lowerBound * call.ldOut + columns.lowerBound) * 4
    cblas_sgemm(
      rowMajor, operation(call.transposeA), operation(call.transposeB), Int32(rows.count),
      Int32(columns.count), Int32(call.k), 1, a.assumingMemoryBound(to: Float.self),
      Int32(call.lda), b.assumingMemoryBound(to: Float.self), Int32(call.ldb), adds ? 1 : 0,
      out.assumingMemoryBound(to: Float.self), Int32(call.ldOut))
  }

  private static func double(_ call: Call) {
    cblas_dgemm(
      rowMajor, operation(call.transposeA), operation(call.transposeB), Int32(call.m),
      Int32(call.n), Int32(call.k), 1, call.a.assumingMemoryBound(to: Double.self),
      Int32(call.lda), call.b.assumingMemoryBound(to: Double.self), Int32(call.ldb),
      adds(call, 8) ? 1 : 0,
      call.out.assumingMemoryBound(to: Double.self), Int32(call.ldOut))
  }

  private static func integer<T: FixedWidthInteger>(_ call: Call, _: T.Type) {
    let a = call.a.assumingMemoryBound(to: T.self)
    let b = call.b.assumingMemoryBound(to: T.self)
    let out = call.out.assumingMemoryBound(to: T.self)
    let (aRow, aStep) = call.transposeA ? (1, call.lda) : (call.lda, 1)
    let (bStep, bColumn) = call.transposeB ? (1, call.ldb) : (call.ldb, 1)
    for row in 0..<call.m {
      let target = out + row * call.ldOut
      if !call.accumulates {
        for column in 0..<call.n { target[column] = 0 }
      }
      for inner in 0..<call.k {
        let factor = a[row * aRow + inner * aStep]
        for column in 0..<call.n {
          target[column] &+= factor &* b[inner * bStep + column * bColumn]
        }
      }
    }
  }
}
