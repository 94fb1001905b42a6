// The element types: arithmetic, comparisons and selections of concrete vectors. Each line is one
// or two instructions; generic code picks the enum by its type.

import BettyKernelInterface
import CBettySupport

enum F32: Element {
  typealias Scalar = Float
  typealias Vector = SIMD16<Float>
  typealias Mask = SIMD16<Int32>
  typealias Bytes = SIMD16<UInt8>
  @inline(always) static func toBits(_ x: Vector) -> SIMD16<Int32> {
    unsafeBitCast(x, to: SIMD16<Int32>.self)
  }
  @inline(always) static func splat(_ x: Scalar) -> Vector { Vector(repeating: x) }
  @inline(always) static func add(_ a: Vector, _ b: Vector) -> Vector { a + b }
  @inline(always) static func sub(_ a: Vector, _ b: Vector) -> Vector { a - b }
  @inline(always) static func mul(_ a: Vector, _ b: Vector) -> Vector { a * b }
  @inline(always) static func multiplyAdd(_ a: Vector, _ b: Vector, _ c: Vector) -> Vector {
    betty_multiply_add_f32(a, b, c)
  }
  @inline(always) static func equal(_ a: Vector, _ b: Vector) -> Mask { betty_equal_f32(a, b) }
  @inline(always) static func less(_ a: Vector, _ b: Vector) -> Mask { betty_less_f32(a, b) }
  @inline(always) static func lessOrEqual(_ a: Vector, _ b: Vector) -> Mask {
    betty_less_equal_f32(a, b)
  }
  @inline(always) static func or(_ a: Mask, _ b: Mask) -> Mask { a | b }
  @inline(always) static func not(_ a: Mask) -> Mask { ~a }
  @inline(always) static func select(_ a: Vector, _ b: Vector, _ mask: Mask) -> Vector {
    betty_select_f32(a, b, mask)
  }
  @inline(always) static func maximum(_ a: Vector, _ b: Vector) -> Vector {
    betty_larger_f32(a, b)
  }
  @inline(always) static func minimum(_ a: Vector, _ b: Vector) -> Vector {
    betty_smaller_f32(a, b)
  }
  @inline(always) static func bytes(_ mask: Mask) -> Bytes { betty_bytes_f32(mask) }
  @inline(always) static func mask(_ bytes: Bytes) -> Mask { betty_mask_f32(bytes) }
}

enum F64: Element {
  typealias Scalar = Double
  typealias Vector = SIMD8<Double>
  typealias Mask = SIMD8<Int64>
  typealias Bytes = SIMD8<UInt8>
  @inline(always) static func toBits(_ x: Vector) -> SIMD8<Int64> {
    unsafeBitCast(x, to: SIMD8<Int64>.self)
  }
  @inline(always) static func splat(_ x: Scalar) -> Vector { Vector(repeating: x) }
  @inline(always) static func add(_ a: Vector, _ b: Vector) -> Vector { a + b }
  @inline(always) static func sub(_ a: Vector, _ b: Vector) -> Vector { a - b }
  @inline(always) static func mul(_ a: Vector, _ b: Vector) -> Vector { a * b }
  @inline(always) static func multiplyAdd(_ a: Vector, _ b: Vector, _ c: Vector) -> Vector {
    betty_multiply_add_f64(a, b, c)
  }
  @inline(always) static func equal(_ a: Vector, _ b: Vector) -> Mask { betty_equal_f64(a, b) }
  @inline(always) static func less(_ a: Vector, _ b: Vector) -> Mask { betty_less_f64(a, b) }
  @inline(always) static func lessOrEqual(_ a: Vector, _ b: Vector) -> Mask {
    betty_less_equal_f64(a, b)
  }
  @inline(always) static func or(_ a: Mask, _ b: Mask) -> Mask { a | b }
  @inline(always) static func not(_ a: Mask) -> Mask { ~a }
  @inline(always) static func select(_ a: Vector, _ b: Vector, _ mask: Mask) -> Vector {
    betty_select_f64(a, b, mask)
  }
  @inline(always) static func maximum(_ a: Vector, _ b: Vector) -> Vector {
    betty_larger_f64(a, b)
  }
  @inline(always) static func minimum(_ a: Vector, _ b: Vector) -> Vector {
    betty_smaller_f64(a, b)
  }
  @inline(always) static func bytes(_ mask: Mask) -> Bytes { betty_bytes_f64(mask) }
  @inline(always) static func mask(_ bytes: Bytes) -> Mask { betty_mask_f64(bytes) }
}

enum I64: Element {
  typealias Scalar = Int64
  typealias Vector = SIMD8<Int64>
  typealias Mask = SIMDMask<SIMD8<Int64>>
  typealias Bytes = SIMD8<UInt8>
  @inline(always) static func splat(_ x: Scalar) -> Vector { Vector(repeating: x) }
  @inline(always) static func add(_ a: Vector, _ b: Vector) -> Vector { a &+ b }
  @inline(always) static func sub(_ a: Vector, _ b: Vector) -> Vector { a &- b }
  @inline(always) static func mul(_ a: Vector, _ b: Vector) -> Vector { a &* b }
  @inline(always) static func multiplyAdd(_ a: Vector, _ b: Vector, _ c: Vector) -> Vector {
    a &* b &+ c
  }
  @inline(always) static func equal(_ a: Vector, _ b: Vector) -> Mask { a .== b }
  @inline(always) static func less(_ a: Vector, _ b: Vector) -> Mask { a .< b }
  @inline(always) static func lessOrEqual(_ a: Vector, _ b: Vector) -> Mask { a .<= b }
  @inline(always) static func or(_ a: Mask, _ b: Mask) -> Mask { a .| b }
  @inline(always) static func not(_ a: Mask) -> Mask { .!a }
  @inline(always) static func select(_ a: Vector, _ b: Vector, _ mask: Mask) -> Vector {
    let chosen = unsafeBitCast(mask, to: SIMD8<Int64>.self)
    return (a & ~chosen) | (b & chosen)
  }
  @inline(always) static func bytes(_ mask: Mask) -> Bytes {
    Bytes(truncatingIfNeeded: unsafeBitCast(mask, to: SIMD8<Int64>.self)) & Bytes(repeating: 1)
  }
  @inline(always) static func mask(_ bytes: Bytes) -> Mask {
    SIMD8<Int64>(truncatingIfNeeded: bytes) .!= SIMD8<Int64>(repeating: 0)
  }
}

enum I32: Element {
  typealias Scalar = Int32
  typealias Vector = SIMD16<Int32>
  typealias Mask = SIMDMask<SIMD16<Int32>>
  typealias Bytes = SIMD16<UInt8>
  @inline(always) static func splat(_ x: Scalar) -> Vector { Vector(repeating: x) }
  @inline(always) static func add(_ a: Vector, _ b: Vector) -> Vector { a &+ b }
  @inline(always) static func sub(_ a: Vector, _ b: Vector) -> Vector { a &- b }
  @inline(always) static func mul(_ a: Vector, _ b: Vector) -> Vector { a &* b }
  @inline(always) static func multiplyAdd(_ a: Vector, _ b: Vector, _ c: Vector) -> Vector {
    a &* b &+ c
  }
  @inline(always) static func equal(_ a: Vector, _ b: Vector) -> Mask { a .== b }
  @inline(always) static func less(_ a: Vector, _ b: Vector) -> Mask { a .< b }
  @inline(always) static func lessOrEqual(_ a: Vector, _ b: Vector) -> Mask { a .<= b }
  @inline(always) static func or(_ a: Mask, _ b: Mask) -> Mask { a .| b }
  @inline(always) static func not(_ a: Mask) -> Mask { .!a }
  @inline(always) static func select(_ a: Vector, _ b: Vector, _ mask: Mask) -> Vector {
    let chosen = unsafeBitCast(mask, to: SIMD16<Int32>.self)
    return (a & ~chosen) | (b & chosen)
  }
  @inline(always) static func bytes(_ mask: Mask) -> Bytes {
    Bytes(truncatingIfNeeded: unsafeBitCast(mask, to: SIMD16<Int32>.self)) & Bytes(repeating: 1)
  }
  @inline(always) static func mask(_ bytes: Bytes) -> Mask {
    SIMD16<Int32>(truncatingIfNeeded: bytes) .!= SIMD16<Int32>(repeating: 0)
  }
}

enum I16: Element {
  typealias Scalar = Int16
  typealias Vector = SIMD32<Int16>
  typealias Mask = SIMDMask<SIMD32<Int16>>
  typealias Bytes = SIMD32<UInt8>
  @inline(always) static func splat(_ x: Scalar) -> Vector { Vector(repeating: x) }
  @inline(always) static func add(_ a: Vector, _ b: Vector) -> Vector { a &+ b }
  @inline(always) static func sub(_ a: Vector, _ b: Vector) -> Vector { a &- b }
  @inline(always) static func mul(_ a: Vector, _ b: Vector) -> Vector { a &* b }
  @inline(always) static func multiplyAdd(_ a: Vector, _ b: Vector, _ c: Vector) -> Vector {
    a &* b &+ c
  }
  @inline(always) static func equal(_ a: Vector, _ b: Vector) -> Mask { a .== b }
  @inline(always) static func less(_ a: Vector, _ b: Vector) -> Mask { a .< b }
  @inline(always) static func lessOrEqual(_ a: Vector, _ b: Vector) -> Mask { a .<= b }
  @inline(always) static func or(_ a: Mask, _ b: Mask) -> Mask { a .| b }
  @inline(always) static func not(_ a: Mask) -> Mask { .!a }
  @inline(always) static func select(_ a: Vector, _ b: Vector, _ mask: Mask) -> Vector {
    let chosen = unsafeBitCast(mask, to: SIMD32<Int16>.self)
    return (a & ~chosen) | (b & chosen)
  }
  @inline(always) static func bytes(_ mask: Mask) -> Bytes {
    Bytes(truncatingIfNeeded: unsafeBitCast(mask, to: SIMD32<Int16>.self)) & Bytes(repeating: 1)
  }
  @inline(always) static func mask(_ bytes: Bytes) -> Mask {
    SIMD32<Int16>(truncatingIfNeeded: bytes) .!= SIMD32<Int16>(repeating: 0)
  }
}

enum U8: Element {
  typealias Scalar = UInt8
  typealias Vector = SIMD64<UInt8>
  typealias Mask = SIMDMask<SIMD64<Int8>>
  typealias Bytes = SIMD64<UInt8>
  @inline(always) static func toBits(_ x: Vector) -> SIMD64<Int8> {
    unsafeBitCast(x, to: SIMD64<Int8>.self)
  }
  @inline(always) static func splat(_ x: Scalar) -> Vector { Vector(repeating: x) }
  @inline(always) static func add(_ a: Vector, _ b: Vector) -> Vector { a &+ b }
  @inline(always) static func sub(_ a: Vector, _ b: Vector) -> Vector { a &- b }
  @inline(always) static func mul(_ a: Vector, _ b: Vector) -> Vector { a &* b }
  @inline(always) static func multiplyAdd(_ a: Vector, _ b: Vector, _ c: Vector) -> Vector {
    a &* b &+ c
  }
  @inline(always) static func equal(_ a: Vector, _ b: Vector) -> Mask { a .== b }
  @inline(always) static func less(_ a: Vector, _ b: Vector) -> Mask { a .< b }
  @inline(always) static func lessOrEqual(_ a: Vector, _ b: Vector) -> Mask { a .<= b }
  @inline(always) static func or(_ a: Mask, _ b: Mask) -> Mask { a .| b }
  @inline(always) static func not(_ a: Mask) -> Mask { .!a }
  @inline(always) static func select(_ a: Vector, _ b: Vector, _ mask: Mask) -> Vector {
    let chosen = unsafeBitCast(mask, to: SIMD64<Int8>.self)
    return unsafeBitCast(
      (toBits(a) & ~chosen) | (toBits(b) & chosen), to: Vector.self)
  }
  @inline(always) static func bytes(_ mask: Mask) -> Bytes {
    Bytes(truncatingIfNeeded: unsafeBitCast(mask, to: SIMD64<Int8>.self)) & Bytes(repeating: 1)
  }
  @inline(always) static func mask(_ bytes: Bytes) -> Mask {
    SIMD64<Int8>(truncatingIfNeeded: bytes) .!= SIMD64<Int8>(repeating: 0)
  }
}
