// Bits of integers, for which the tile machine has no loop, and a logarithm.

import BettyKernelInterface
import Glibc

package enum Special {
  /// Natural logarithm, for layers that import no C library.
  package static func log(_ x: Double) -> Double { Glibc.log(x) }

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
