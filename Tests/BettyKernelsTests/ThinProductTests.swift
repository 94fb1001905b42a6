// Products of f32 with a short side, which are cut into blocks: every kind of transposition, tails,
// gaps between rows, and results that are added to.
import BettyKernels
import Testing

private struct Shape {
  let m: Int
  let n: Int
  let k: Int
}

@Suite struct ThinProductTests {
  private static let shapes = [
    Shape(m: 9, n: 203, k: 784), Shape(m: 100, n: 41, k: 784), Shape(m: 1100, n: 33, k: 60),
    Shape(m: 31, n: 70, k: 700), Shape(m: 130, n: 65, k: 300), Shape(m: 3, n: 100, k: 3905),
    Shape(m: 2, n: 70, k: 9000),
  ]

  /// Of small whole numbers, whose sums are exact.
  @Test(arguments: [false, true], [false, true])
  func blocksMakeTheWholeProduct(_ transposeA: Bool, _ transposeB: Bool) {
    for shape in Self.shapes {
      for accumulates in [false, true] {
        let wrong = differences(shape, transposeA, transposeB, accumulates)
        #expect(wrong == 0, "\(shape), \(accumulates)")
      }
    }
  }

  private func differences(
    _ shape: Shape, _ transposeA: Bool, _ transposeB: Bool, _ accumulates: Bool
  ) -> Int {
    let (m, n, k, gap) = (shape.m, shape.n, shape.k, 3)
    var source = SplitMix(UInt64(m * 31 + n * 7 + k))
    let a = (0..<m * k).map { _ in Float(Int.random(in: -2...2, using: &source)) }
    let b = (0..<k * n).map { _ in Float(Int.random(in: -2...2, using: &source)) }
    var out = [Float](repeating: 5, count: m * (n + gap))
    a.withUnsafeBytes { left in
      b.withUnsafeBytes { right in
        out.withUnsafeMutableBytes { result in
          guard let l = left.baseAddress, let r = right.baseAddress, let to = result.baseAddress
          else { return }
          Contract.function(.f32)(
            Contract.Call(
              m: m, n: n, k: k, a: l, lda: transposeA ? m : k, transposeA: transposeA, b: r,
              ldb: transposeB ? k : n, transposeB: transposeB, out: to, ldOut: n + gap,
              accumulates: accumulates))
        }
      }
    }
    var wrong = 0
    for i in 0..<m {
      var sums = [Float](repeating: accumulates ? 5 : 0, count: n)
      for p in 0..<k {
        let x = a[transposeA ? p * m + i : i * k + p]
        for j in 0..<n { sums[j] += x * b[transposeB ? j * k + p : p * n + j] }
      }
      for j in 0..<n where out[i * (n + gap) + j] != sums[j] { wrong += 1 }
      for j in n..<n + gap where out[i * (n + gap) + j] != 5 { wrong += 1 }
    }
    return wrong
  }
}
