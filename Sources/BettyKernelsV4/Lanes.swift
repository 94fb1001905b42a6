// The vectors that kernels are written in: 64 bytes of one element type, whatever the instruction
// set (the compiler splits them into what the processor has). Invariant: everything here is a
// namespace of inlined functions over concrete SIMD types; generic code reaches comparisons and
// selections only through it, because the standard library's generic versions of those work lane by
// lane.

import BettyKernelInterface
import CBettySupport

/// A vector of floats whose operators are instructions (vectors.h says why).
protocol FloatLanes: SIMD where Scalar: BinaryFloatingPoint {
  static func + (a: Self, b: Self) -> Self
  static func - (a: Self, b: Self) -> Self
  static func * (a: Self, b: Self) -> Self
  static func / (a: Self, b: Self) -> Self
}

extension SIMD16: FloatLanes where Scalar == Float {
  @inline(always) static func + (a: Self, b: Self) -> Self { betty_add_f32(a, b) }
  @inline(always) static func - (a: Self, b: Self) -> Self { betty_sub_f32(a, b) }
  @inline(always) static func * (a: Self, b: Self) -> Self { betty_mul_f32(a, b) }
  @inline(always) static func / (a: Self, b: Self) -> Self { betty_div_f32(a, b) }
}
extension SIMD8: FloatLanes where Scalar == Double {
  @inline(always) static func + (a: Self, b: Self) -> Self { betty_add_f64(a, b) }
  @inline(always) static func - (a: Self, b: Self) -> Self { betty_sub_f64(a, b) }
  @inline(always) static func * (a: Self, b: Self) -> Self { betty_mul_f64(a, b) }
  @inline(always) static func / (a: Self, b: Self) -> Self { betty_div_f64(a, b) }
}

/// One element type and its vector.
protocol Element {
  associatedtype Scalar: Comparable
  associatedtype Vector where Vector: SIMD, Vector.Scalar == Scalar
  associatedtype Mask
  /// As many bytes as the vector has lanes: bools in memory.
  associatedtype Bytes: SIMD where Bytes.Scalar == UInt8

  static var lowest: Scalar { get }
  static var highest: Scalar { get }

  static func splat(_ x: Scalar) -> Vector
  static func add(_ a: Vector, _ b: Vector) -> Vector
  static func sub(_ a: Vector, _ b: Vector) -> Vector
  static func mul(_ a: Vector, _ b: Vector) -> Vector
  static func add(_ a: Scalar, _ b: Scalar) -> Scalar
  static func mul(_ a: Scalar, _ b: Scalar) -> Scalar
  /// a * b + c, fused where the processor can.
  static func multiplyAdd(_ a: Vector, _ b: Vector, _ c: Vector) -> Vector

  static func equal(_ a: Vector, _ b: Vector) -> Mask
  static func less(_ a: Vector, _ b: Vector) -> Mask
  static func lessOrEqual(_ a: Vector, _ b: Vector) -> Mask
  static func or(_ a: Mask, _ b: Mask) -> Mask
  static func not(_ a: Mask) -> Mask
  static func anySet(_ a: Mask) -> Bool
  /// b where the mask is set, else a.
  static func select(_ a: Vector, _ b: Vector, _ mask: Mask) -> Vector
  /// The first `count` lanes, the others zero; count is less than the number of lanes.
  static func loadPart(_ p: RawIn, _ count: Int) -> Vector
  static func storePart(_ p: Raw, _ x: Vector, _ count: Int)
  /// The larger one; NaN if either is.
  static func maximum(_ a: Vector, _ b: Vector) -> Vector
  static func minimum(_ a: Vector, _ b: Vector) -> Vector
  static func bytes(_ mask: Mask) -> Bytes
  static func mask(_ bytes: Bytes) -> Mask
}

/// 16 or 8 lanes of f32 or f64 with their elementary functions.
protocol FloatElement: Element where Scalar: BinaryFloatingPoint, Vector: FloatLanes {
  static func magnitude(_ x: Vector) -> Vector
  /// 0 - x would lose the sign of zero.
  static func negate(_ x: Vector) -> Vector
  /// `x`, which is not negative, with the sign of `y`.
  static func withSign(_ x: Vector, of y: Vector) -> Vector
  static func squareRoot(_ x: Vector) -> Vector
  static func floor(_ x: Vector) -> Vector
  static func ceil(_ x: Vector) -> Vector
  /// To the nearest, ties to even.
  static func round(_ x: Vector) -> Vector
  static func truncate(_ x: Vector) -> Vector

  /// The largest x with a finite exp.
  static var largestExponent: Scalar { get }
  /// (2^(n - 1), expm1(r)) for x = n log(2) + r.
  static func reduceExp(_ x: Vector) -> (Vector, Vector)
  static func exp(_ x: Vector) -> Vector
  static func log(_ x: Vector) -> Vector
  static func erf(_ x: Vector) -> Vector
  static func sin(_ x: Vector) -> Vector
  static func cos(_ x: Vector) -> Vector
  static func sum(_ x: Vector) -> Scalar
  static func largest(_ x: Vector) -> Scalar
  static func smallest(_ x: Vector) -> Scalar
  /// Set in the first `count` lanes.
  static func first(_ count: Int) -> Mask
  /// Of x and w = -log(1 - x²).
  static func inverseErf(_ x: Vector, _ w: Vector) -> Vector
  /// atan of what lies between -tan(pi/8) and tan(pi/8).
  static func narrowArcTangent(_ x: Vector) -> Vector
  /// pi/4 in two parts; four times the first is exact.
  static var quarter: (high: Scalar, low: Scalar) { get }
  static func pow(_ a: Vector, _ b: Vector) -> Vector
  /// a - q b where the type holds it; q is whole.
  static func rest(_ a: Vector, _ q: Vector, _ b: Vector) -> Vector
  /// Below it every whole number is one of the type, and what is next to it.
  static var wholeNumbers: Scalar { get }
  /// C's fmod, lane by lane.
  static func slowRemainder(_ a: Vector, _ b: Vector) -> Vector
  static func log(_ x: Scalar) -> Scalar
}

extension Element where Scalar: FixedWidthInteger {
  static var lowest: Scalar { .min }
  static var highest: Scalar { .max }
  @inline(always) static func add(_ a: Scalar, _ b: Scalar) -> Scalar { a &+ b }
  @inline(always) static func mul(_ a: Scalar, _ b: Scalar) -> Scalar { a &* b }
}

extension Element where Scalar: BinaryFloatingPoint {
  static var lowest: Scalar { -.infinity }
  static var highest: Scalar { .infinity }
  @inline(always) static func add(_ a: Scalar, _ b: Scalar) -> Scalar { a + b }
  @inline(always) static func mul(_ a: Scalar, _ b: Scalar) -> Scalar { a * b }
}

extension Element {
  @inline(always) static var lanes: Int { Vector.scalarCount }
  @inline(always) static func loadPart(_ p: RawIn, _ count: Int) -> Vector {
    partOf(p, count &* MemoryLayout<Scalar>.size)
  }
  @inline(always) static func storePart(_ p: Raw, _ x: Vector, _ count: Int) {
    putPart(p, x, count &* MemoryLayout<Scalar>.size)
  }
  @inline(always) static func load(_ p: RawIn) -> Vector { p.loadUnaligned(as: Vector.self) }
  @inline(always) static func store(_ p: Raw, _ x: Vector) { p.storeBytes(of: x, as: Vector.self) }
  @inline(always) static func maximum(_ a: Scalar, _ b: Scalar) -> Scalar {
    b < a || a != a ? a : b
  }
  @inline(always) static func minimum(_ a: Scalar, _ b: Scalar) -> Scalar {
    a < b || a != a ? a : b
  }
}

/// The first `bytes` bytes of a vector; the other lanes are zero.
@inline(always) func partOf<V: SIMD>(_ p: RawIn, _ bytes: Int) -> V {
  var v = V()
  withUnsafeMutableBytes(of: &v) { $0.baseAddress!.copyMemory(from: p, byteCount: bytes) }
  return v
}

@inline(always) func putPart<V: SIMD>(_ p: Raw, _ v: V, _ bytes: Int) {
  withUnsafeBytes(of: v) { p.copyMemory(from: $0.baseAddress!, byteCount: bytes) }
}
