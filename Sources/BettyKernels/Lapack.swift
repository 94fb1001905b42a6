// Factorisations of one matrix by LAPACK, in f64 whatever the tensors hold: matrices are read into
// scratch column by column and written back row by row. Invariant: the caller gives scratch of the
// size that `workspace` says; sizes fit an Int32. Functions return LAPACK's info.

import BettyKernelInterface
import COpenBLAS

package enum Lapack {
  package typealias Doubles = UnsafeMutablePointer<Double>

  /// A row-major matrix of f32 or f64 as columns of f64.
  package static func load(
    _ source: UnsafeRawPointer, _ isDouble: Bool, _ rows: Int, _ columns: Int, _ out: Doubles
  ) {
    if isDouble {
      let from = source.assumingMemoryBound(to: Double.self)
      for i in 0..<rows { for j in 0..<columns { out[j * rows + i] = from[i * columns + j] } }
    } else {
      let from = source.assumingMemoryBound(to: Float.self)
      for i in 0..<rows {
        for j in 0..<columns { out[j * rows + i] = Double(from[i * columns + j]) }
      }
    }
  }

  /// Columns of f64, `stride` apart, as a row-major matrix.
  package static func store(
    _ source: Doubles, stride: Int, _ out: UnsafeMutableRawPointer, _ isDouble: Bool, _ rows: Int,
    _ columns: Int
  ) {
    if isDouble {
      let to = out.assumingMemoryBound(to: Double.self)
      for i in 0..<rows { for j in 0..<columns { to[i * columns + j] = source[j * stride + i] } }
    } else {
      let to = out.assumingMemoryBound(to: Float.self)
      for i in 0..<rows {
        for j in 0..<columns { to[i * columns + j] = Float(source[j * stride + i]) }
      }
    }
  }

  /// The mean of the matrix and its transpose, in place.
  private static func symmetrize(_ a: Doubles, _ n: Int) {
    for i in 0..<n {
      for j in 0..<i {
        let mean = (a[j * n + i] + a[i * n + j]) / 2
        (a[j * n + i], a[i * n + j]) = (mean, mean)
      }
    }
  }

  /// The lower factor in place, zeros above.
  package static func cholesky(_ a: Doubles, _ n: Int) -> Int {
    guard isFinite(a, n * n) else { return isNotFinite }
    symmetrize(a, n)
    var (size, info) = (Int32(n), Int32(0))
    dpotrf_("L", &size, a, &size, &info)
    for j in 0..<n { for i in 0..<j { a[j * n + i] = 0 } }
    return Int(info)
  }

  /// The factors of rows exchanged, in place.
  package static func factor(
    _ a: Doubles, _ rows: Int, _ columns: Int, _ pivots: UnsafeMutablePointer<Int32>
  ) -> Int {
    var (m, n, info) = (Int32(rows), Int32(columns), Int32(0))
    dgetrf_(&m, &n, a, &m, pivots, &info)
    return Int(info)
  }

  /// Solutions of factored equations in place of the right sides.
  package static func solve(
    _ a: Doubles, _ n: Int, _ pivots: UnsafeMutablePointer<Int32>, _ b: Doubles, _ columns: Int
  ) -> Int {
    var (size, count, info) = (Int32(n), Int32(columns), Int32(0))
    dgetrs_("N", &size, &count, a, &size, pivots, b, &size, &info)
    return Int(info)
  }

  /// Doubles of work that qr, eigh and svd take for a matrix.
  package static func qrWork(_ m: Int, _ n: Int) -> Int { n + 64 * max(n, 1) }
  package static func eighWork(_ n: Int) -> Int { 1 + 6 * n + 2 * n * n + (3 + 5 * n + 1) / 2 + 1 }
  package static func svdWork(_ m: Int, _ n: Int) -> Int {
    let k = min(m, n)
    return 4 * k * k + 7 * k + 65 * max(m, n) + k * max(m, n) + 4 * k + 64
  }

  /// Householder vectors to Q in place (m × n, n <= m); R goes to `r` (n × n).
  package static func qr(_ a: Doubles, _ m: Int, _ n: Int, _ r: Doubles, _ work: Doubles) -> Int {
    var (rows, columns, info) = (Int32(m), Int32(n), Int32(0))
    var length = Int32(clamping: 64 * max(n, 1))
    dgeqrf_(&rows, &columns, a, &rows, work, work + n, &length, &info)
    for j in 0..<n { for i in 0..<n { r[j * n + i] = i <= j ? a[j * m + i] : 0 } }
    if info == 0 { dorgqr_(&rows, &columns, &columns, a, &rows, work, work + n, &length, &info) }
    return Int(info)
  }

  /// What cholesky, eigh and svd give for infinities and NaN, which LAPACK may never come back from.
  package static let isNotFinite = Int(Int32.max)

  private static func isFinite(_ a: Doubles, _ count: Int) -> Bool {
    (0..<count).allSatisfy { a[$0].isFinite }
  }

  /// Eigenvectors as columns in place, eigenvalues rising.
  package static func eigh(_ a: Doubles, _ n: Int, _ values: Doubles, _ work: Doubles) -> Int {
    guard isFinite(a, n * n) else { return isNotFinite }
    symmetrize(a, n)
    var (size, info) = (Int32(n), Int32(0))
    let doubles = 1 + 6 * n + 2 * n * n
    var (length, integers) = (Int32(clamping: doubles), Int32(clamping: 3 + 5 * n))
    (work + doubles).withMemoryRebound(to: Int32.self, capacity: 4 + 5 * n) { whole in
      dsyevd_("V", "L", &size, a, &size, values, work, &length, whole, &integers, &info)
    }
    return Int(info)
  }

  /// Singular values falling, with their left vectors (m × k) and right vectors (k × n).
  package static func svd(
    _ a: Doubles, _ m: Int, _ n: Int, _ u: Doubles, _ values: Doubles, _ vt: Doubles,
    _ work: Doubles
  ) -> Int {
    guard isFinite(a, m * n) else { return isNotFinite }
    let k = min(m, n)
    var (rows, columns, small, info) = (Int32(m), Int32(n), Int32(k), Int32(0))
    let doubles = svdWork(m, n) - 4 * k - 8
    var length = Int32(clamping: doubles)
    (work + doubles).withMemoryRebound(to: Int32.self, capacity: 8 * k) { whole in
      dgesdd_(
        "S", &rows, &columns, a, &rows, values, u, &rows, vt, &small, work, &length, whole, &info)
    }
    return Int(info)
  }
}

/// Which triangle a matrix is, and how it is read.
package struct Triangle: Sendable {
  package let isUpper: Bool
  package let isTransposed: Bool
  /// Ones on the diagonal, whatever lies there.
  package let isUnit: Bool

  package init(isUpper: Bool, isTransposed: Bool, isUnit: Bool) {
    self.isUpper = isUpper
    self.isTransposed = isTransposed
    self.isUnit = isUnit
  }

  /// Solutions in place of `columns` right sides, row-major and `stride` apart, in the type of the
  /// elements.
  package func solve(
    _ a: UnsafeRawPointer, _ n: Int, _ b: UnsafeMutableRawPointer, _ columns: Int, stride: Int,
    isDouble: Bool
  ) {
    let (rowMajor, onTheLeft) = (Int32(101), Int32(141))
    let (uplo, trans) = (Int32(isUpper ? 121 : 122), Int32(isTransposed ? 112 : 111))
    let diagonal = Int32(isUnit ? 132 : 131)
    if isDouble {
      cblas_dtrsm(
        rowMajor, onTheLeft, uplo, trans, diagonal, Int32(n), Int32(columns), 1,
        a.assumingMemoryBound(to: Double.self), Int32(n), b.assumingMemoryBound(to: Double.self),
        Int32(stride))
    } else {
      cblas_strsm(
        rowMajor, onTheLeft, uplo, trans, diagonal, Int32(n), Int32(columns), 1,
        a.assumingMemoryBound(to: Float.self), Int32(n), b.assumingMemoryBound(to: Float.self),
        Int32(stride))
    }
  }
}
