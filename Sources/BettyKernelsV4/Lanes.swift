// The vectors that kernels are written in: 64 bytes of one element type, whatever the instruction set
// (the compiler splits them into what the processor has). Invariant: everything here is a namespace of
// inlined functions over concrete SIMD types; generic code reaches comparisons and selections only
// through it, because the standard library's generic versions of those work lane by lane.

import BettyKernelInterface

/// One element type and its vector.
protocol Element {
  associatedtype Scalar: Comparable
  associatedtype Vector: SIMD where Vector.Scalar == Scalar
  associatedtype Mask
  /// As many bytes as the vector has lanes: bools in memory.
  associatedtype Bytes: SIMD where Bytes.Scalar == UInt8

  static var lowest: Scalar { get }
  static var highest: Scalar { get }

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
  /// b where the mask is set, else a.
  static func select(_ a: Vector, _ b: Vector, _ mask: Mask) -> Vector
  static func bytes(_ mask: Mask) -> Bytes
  static func mask(_ bytes: Bytes) -> Mask
}

/// 16 or 8 lanes of f32 or f64 with their elementary functions.
protocol FloatElement: Element where Scalar: BinaryFloatingPoint {
  static func exp(_ x: Vector) -> Vector
  static func expm1(_ x: Vector) -> Vector
  static func log(_ x: Vector) -> Vector
  static func log1p(_ x: Vector) -> Vector
  static func tanh(_ x: Vector) -> Vector
  static func erf(_ x: Vector) -> Vector
  static func sin(_ x: Vector) -> Vector
  static func cos(_ x: Vector) -> Vector
  static func sum(_ x: Vector) -> Scalar
  static func pow(_ a: Scalar, _ b: Scalar) -> Scalar
  static func atan2(_ a: Scalar, _ b: Scalar) -> Scalar
  static func fmod(_ a: Scalar, _ b: Scalar) -> Scalar
  static func log(_ x: Scalar) -> Scalar
}

extension Element where Scalar: FixedWidthInteger {
  static var lowest: Scalar { .min }
  static var highest: Scalar { .max }
  @inline(always) static func add(_ a: Vector, _ b: Vector) -> Vector { a &+ b }
  @inline(always) static func sub(_ a: Vector, _ b: Vector) -> Vector { a &- b }
  @inline(always) static func mul(_ a: Vector, _ b: Vector) -> Vector { a &* b }
  @inline(always) static func add(_ a: Scalar, _ b: Scalar) -> Scalar { a &+ b }
  @inline(always) static func mul(_ a: Scalar, _ b: Scalar) -> Scalar { a &* b }
  @inline(always) static func multiplyAdd(_ a: Vector, _ b: Vector, _ c: Vector) -> Vector {
    a &* b &+ c
  }
}

extension Element where Scalar: BinaryFloatingPoint {
  static var lowest: Scalar { -.infinity }
  static var highest: Scalar { .infinity }
  @inline(always) static func add(_ a: Vector, _ b: Vector) -> Vector { a + b }
  @inline(always) static func sub(_ a: Vector, _ b: Vector) -> Vector { a - b }
  @inline(always) static func mul(_ a: Vector, _ b: Vector) -> Vector { a * b }
  @inline(always) static func add(_ a: Scalar, _ b: Scalar) -> Scalar { a + b }
  @inline(always) static func mul(_ a: Scalar, _ b: Scalar) -> Scalar { a * b }
  @inline(always) static func multiplyAdd(_ a: Vector, _ b: Vector, _ c: Vector) -> Vector {
    #if BETTY_FMA
      c.addingProduct(a, b)
    #else
      // Without the instruction, addingProduct is a library call for each lane.
      a * b + c
    #endif
  }
}

extension Element {
  @inline(always) static var lanes: Int { Vector.scalarCount }
  @inline(always) static func splat(_ x: Scalar) -> Vector { Vector(repeating: x) }
  @inline(always) static func load(_ p: RawIn) -> Vector { p.loadUnaligned(as: Vector.self) }
  @inline(always) static func store(_ p: Raw, _ x: Vector) { p.storeBytes(of: x, as: Vector.self) }
  /// The larger one; NaN if either is.
  @inline(always) static func maximum(_ a: Vector, _ b: Vector) -> Vector {
    select(b, a, or(less(b, a), not(equal(a, a))))
  }
  @inline(always) static func minimum(_ a: Vector, _ b: Vector) -> Vector {
    select(b, a, or(less(a, b), not(equal(a, a))))
  }
  @inline(always) static func maximum(_ a: Scalar, _ b: Scalar) -> Scalar {
    b < a || a != a ? a : b
  }
  @inline(always) static func minimum(_ a: Scalar, _ b: Scalar) -> Scalar {
    a < b || a != a ? a : b
  }
}
