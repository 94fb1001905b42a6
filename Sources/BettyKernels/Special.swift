// Functions of one number that the tile machine has no loop for, and bits of integers.

import BettyKernelInterface
import Glibc

package enum Special {
  /// The inverse of erf: a rational start (Giles, GPU Computing Gems, 2011) and two steps of Newton
  /// on erfc, which keeps its digits near 1.
  package static func inverseErf(_ x: Double) -> Double {
    let size = x.magnitude
    if x.isNaN || size > 1 { return .nan }
    if size == 1 { return x > 0 ? .infinity : -.infinity }
    var w = -Glibc.log((1 - size) * (1 + size))
    var y: Double
    if w < 5 {
      w -= 2.5
      y = polynomial(
        w, 2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087,
        -0.00125372503, -0.00417768164, 0.246640727, 1.50140941)
    } else {
      w = w.squareRoot() - 3
      y = polynomial(
        w, -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773,
        -0.0076224613, 0.00943887047, 1.00167406, 2.83297682)
    }
    y *= size
    for _ in 0..<3 {
      let miss = size < 0.5 ? erf(y) - size : (1 - size) - erfc(y)
      let step = miss * 0.8862269254527580 * exp(y * y)
      if !step.isFinite { break }
      y -= step / (1 + y * step)
    }
    return x < 0 ? -y : y
  }

  /// Natural logarithm, for layers that import no C library.
  package static func log(_ x: Double) -> Double { Glibc.log(x) }

  private static func polynomial(_ x: Double, _ factors: Double...) -> Double {
    factors.reduce(0) { $0 * x + $1 }
  }

  package enum Bits: String, Sendable, CaseIterable {
    case and, or, xor, left, right
  }

  /// (destination, a, b, count)
  package typealias Pairwise =
    @Sendable (UnsafeMutableRawPointer, UnsafeRawPointer, UnsafeRawPointer, Int) -> Void

  package static func bits(_ operation: Bits, _ dtype: DType) -> Pairwise? {
    switch dtype {
    case .i64: { bits(Int64.self, operation, $0, $1, $2, $3) }
    case .i32: { bits(Int32.self, operation, $0, $1, $2, $3) }
    case .u8: { bits(UInt8.self, operation, $0, $1, $2, $3) }
    default: nil
    }
  }

  /// Shifts by more than the width, and negative ones, give what is left: 0 or the sign.
  private static func bits<T: FixedWidthInteger>(
    _: T.Type, _ operation: Bits, _ out: UnsafeMutableRawPointer, _ a: UnsafeRawPointer,
    _ b: UnsafeRawPointer, _ count: Int
  ) {
    let out = out.assumingMemoryBound(to: T.self)
    let (a, b) = (a.assumingMemoryBound(to: T.self), b.assumingMemoryBound(to: T.self))
    switch operation {
    case .and: for place in 0..<count { out[place] = a[place] & b[place] }
    case .or: for place in 0..<count { out[place] = a[place] | b[place] }
    case .xor: for place in 0..<count { out[place] = a[place] ^ b[place] }
    case .left: for place in 0..<count { out[place] = b[place] < 0 ? 0 : a[place] << b[place] }
    case .right:
      let width = T(T.bitWidth)
      for place in 0..<count { out[place] = a[place] >> (b[place] < 0 ? width : b[place]) }
    }
  }
}
