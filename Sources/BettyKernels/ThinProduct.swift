// How products of f32 with a short side go to OpenBLAS. It packs both operands before it multiplies,
// which takes longer than the product where a side is short; its kernels for AVX-512 can do without,
// and do for 100³ multiplications or fewer a call. So such a product is cut into blocks of that
// size. Limits are where blocks were faster, measured against whole calls on an Emerald Rapids for
// m, n, k of 8 to 2000: 1.1 to 5 times in cache, 1.1 to 1.4 times when operands come from beyond.

import COpenBLAS

enum ThinProduct {
  /// The most multiplications of a call that OpenBLAS does not pack for.
  private static let unpacked = 1_000_000

  /// Whether OpenBLAS runs with kernels that do not pack.
  static let isThere: Bool = {
    guard let name = openblas_get_corename() else { return false }
    return ["skylakex", "cooperlake", "sapphirerapids"].contains(String(cString: name).lowercased())
  }()

  /// Rows and columns of the blocks to multiply one by one; nil where one call is as fast.
  static func blocks(_ call: Contract.Call) -> (rows: Int, columns: Int)? {
    let (m, n, k) = (call.m, call.n, call.k)
    guard k > 0, k <= unpacked / 256, m.multiplied(n, k, exceed: unpacked) else {
      return nil
    }
    let columns: Int
    switch (call.transposeA, call.transposeB) {
    case (false, true):
      // Rows times rows: sums of k products each, 16 at a time.
      let isThin = m <= 64 || n <= 64 || m <= 128 && k <= 1024
      guard k >= 512 ? isThin : k >= 128 && m <= 32 else { return nil }
      columns = 16
    case (_, false):
      // The right side has to be in cache: all of it is read again for every few rows.
      guard n <= 64 && k <= 1024 || k <= 64 && n <= 256 else { return nil }
      columns = 32
    case (true, true): return nil
    }
    return (max(unpacked / (columns * k) / 8 * 8, 8), columns)
  }
}

extension Int {
  /// Whether self × a × b is more than `limit`, none of them negative.
  fileprivate func multiplied(_ a: Int, _ b: Int, exceed limit: Int) -> Bool {
    let (first, overflow) = multipliedReportingOverflow(by: a)
    let (product, again) = first.multipliedReportingOverflow(by: b)
    return overflow || again || product > limit
  }
}
