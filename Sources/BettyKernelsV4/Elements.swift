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
  @inline(always) static func not(_ a: Mask) -> Mask { betty_turn_f32(a) }
  @inline(always) static func anySet(_ a: Mask) -> Bool { betty_any_f32(a) }
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
  @inline(always) static func not(_ a: Mask) -> Mask { betty_turn_f64(a) }
  @inline(always) static func anySet(_ a: Mask) -> Bool { betty_any_f64(a) }
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
  typealias Mask = SIMD8<Int64>
  typealias Bytes = SIMD8<UInt8>
  @inline(always) static func splat(_ x: Scalar) -> Vector { Vector(repeating: x) }
  @inline(always) static func add(_ a: Vector, _ b: Vector) -> Vector { a &+ b }
  @inline(always) static func sub(_ a: Vector, _ b: Vector) -> Vector { a &- b }
  @inline(always) static func mul(_ a: Vector, _ b: Vector) -> Vector { a &* b }
  @inline(always) static func multiplyAdd(_ a: Vector, _ b: Vector, _ c: Vector) -> Vector {
    a &* b &+ c
  }
  @inline(always) static func equal(_ a: Vector, _ b: Vector) -> Mask { betty_equal_i64(a, b) }
  @inline(always) static func less(_ a: Vector, _ b: Vector) -> Mask { betty_less_i64(a, b) }
  @inline(always) static func lessOrEqual(_ a: Vector, _ b: Vector) -> Mask {
    betty_less_equal_i64(a, b)
  }
  @inline(always) static func or(_ a: Mask, _ b: Mask) -> Mask { a | b }
  @inline(always) static func not(_ a: Mask) -> Mask { betty_turn_i64(a) }
  @inline(always) static func anySet(_ a: Mask) -> Bool { betty_any_i64(a) }
  @inline(always) static func select(_ a: Vector, _ b: Vector, _ mask: Mask) -> Vector {
    betty_select_i64(a, b, mask)
  }
  @inline(always) static func maximum(_ a: Vector, _ b: Vector) -> Vector {
    betty_larger_i64(a, b)
  }
  @inline(always) static func minimum(_ a: Vector, _ b: Vector) -> Vector {
    betty_smaller_i64(a, b)
  }
  @inline(always) static func bytes(_ mask: Mask) -> Bytes { betty_bytes_i64(mask) }
  @inline(always) static func mask(_ bytes: Bytes) -> Mask { betty_mask_i64(bytes) }
}

enum I32: Element {
  typealias Scalar = Int32
  typealias Vector = SIMD16<Int32>
  typealias Mask = SIMD16<Int32>
  typealias Bytes = SIMD16<UInt8>
  @inline(always) static func splat(_ x: Scalar) -> Vector { Vector(repeating: x) }
  @inline(always) static func add(_ a: Vector, _ b: Vector) -> Vector { a &+ b }
  @inline(always) static func sub(_ a: Vector, _ b: Vector) -> Vector { a &- b }
  @inline(always) static func mul(_ a: Vector, _ b: Vector) -> Vector { a &* b }
  @inline(always) static func multiplyAdd(_ a: Vector, _ b: Vector, _ c: Vector) -> Vector {
    a &* b &+ c
  }
  @inline(always) static func equal(_ a: Vector, _ b: Vector) -> Mask { betty_equal_i32(a, b) }
  @inline(always) static func less(_ a: Vector, _ b: Vector) -> Mask { betty_less_i32(a, b) }
  @inline(always) static func lessOrEqual(_ a: Vector, _ b: Vector) -> Mask {
    betty_less_equal_i32(a, b)
  }
  @inline(always) static func or(_ a: Mask, _ b: Mask) -> Mask { a | b }
  @inline(always) static func not(_ a: Mask) -> Mask { betty_turn_i32(a) }
  @inline(always) static func anySet(_ a: Mask) -> Bool { betty_any_i32(a) }
  @inline(always) static func select(_ a: Vector, _ b: Vector, _ mask: Mask) -> Vector {
    betty_select_i32(a, b, mask)
  }
  @inline(always) static func maximum(_ a: Vector, _ b: Vector) -> Vector {
    betty_larger_i32(a, b)
  }
  @inline(always) static func minimum(_ a: Vector, _ b: Vector) -> Vector {
    betty_smaller_i32(a, b)
  }
  @inline(always) static func bytes(_ mask: Mask) -> Bytes { betty_bytes_i32(mask) }
  @inline(always) static func mask(_ bytes: Bytes) -> Mask { betty_mask_i32(bytes) }
}

enum I16: Element {
  typealias Scalar = Int16
  typealias Vector = SIMD32<Int16>
  typealias Mask = SIMD32<Int16>
  typealias Bytes = SIMD32<UInt8>
  @inline(always) static func splat(_ x: Scalar) -> Vector { Vector(repeating: x) }
  @inline(always) static func add(_ a: Vector, _ b: Vector) -> Vector { a &+ b }
  @inline(always) static func sub(_ a: Vector, _ b: Vector) -> Vector { a &- b }
  @inline(always) static func mul(_ a: Vector, _ b: Vector) -> Vector { a &* b }
  @inline(always) static func multiplyAdd(_ a: Vector, _ b: Vector, _ c: Vector) -> Vector {
    a &* b &+ c
  }
  @inline(always) static func equal(_ a: Vector, _ b: Vector) -> Mask { betty_equal_i16(a, b) }
  @inline(always) static func less(_ a: Vector, _ b: Vector) -> Mask { betty_less_i16(a, b) }
  @inline(always) static func lessOrEqual(_ a: Vector, _ b: Vector) -> Mask {
    betty_less_equal_i16(a, b)
  }
  @inline(always) static func or(_ a: Mask, _ b: Mask) -> Mask { a | b }
  @inline(always) static func not(_ a: Mask) -> Mask { betty_turn_i16(a) }
  @inline(always) static func anySet(_ a: Mask) -> Bool { betty_any_i16(a) }
  @inline(always) static func select(_ a: Vector, _ b: Vector, _ mask: Mask) -> Vector {
    betty_select_i16(a, b, mask)
  }
  @inline(always) static func maximum(_ a: Vector, _ b: Vector) -> Vector {
    betty_larger_i16(a, b)
  }
  @inline(always) static func minimum(_ a: Vector, _ b: Vector) -> Vector {
    betty_smaller_i16(a, b)
  }
  @inline(always) static func bytes(_ mask: Mask) -> Bytes { betty_bytes_i16(mask) }
  @inline(always) static func mask(_ bytes: Bytes) -> Mask { betty_mask_i16(bytes) }
}

enum U8: Element {
  typealias Scalar = UInt8
  typealias Vector = SIMD64<UInt8>
  typealias Mask = SIMD64<Int8>
  typealias Bytes = SIMD64<UInt8>
  @inline(always) static func splat(_ x: Scalar) -> Vector { Vector(repeating: x) }
  @inline(always) static func add(_ a: Vector, _ b: Vector) -> Vector { a &+ b }
  @inline(always) static func sub(_ a: Vector, _ b: Vector) -> Vector { a &- b }
  @inline(always) static func mul(_ a: Vector, _ b: Vector) -> Vector { a &* b }
  @inline(always) static func multiplyAdd(_ a: Vector, _ b: Vector, _ c: Vector) -> Vector {
    a &* b &+ c
  }
  @inline(always) static func equal(_ a: Vector, _ b: Vector) -> Mask { betty_equal_u8(a, b) }
  @inline(always) static func less(_ a: Vector, _ b: Vector) -> Mask { betty_less_u8(a, b) }
  @inline(always) static func lessOrEqual(_ a: Vector, _ b: Vector) -> Mask {
    betty_less_equal_u8(a, b)
  }
  @inline(always) static func or(_ a: Mask, _ b: Mask) -> Mask { a | b }
  @inline(always) static func not(_ a: Mask) -> Mask { betty_turn_u8(a) }
  @inline(always) static func anySet(_ a: Mask) -> Bool { betty_any_u8(a) }
  @inline(always) static func select(_ a: Vector, _ b: Vector, _ mask: Mask) -> Vector {
    betty_select_u8(a, b, mask)
  }
  @inline(always) static func maximum(_ a: Vector, _ b: Vector) -> Vector {
    betty_larger_u8(a, b)
  }
  @inline(always) static func minimum(_ a: Vector, _ b: Vector) -> Vector {
    betty_smaller_u8(a, b)
  }
  @inline(always) static func bytes(_ mask: Mask) -> Bytes { betty_bytes_u8(mask) }
  @inline(always) static func mask(_ bytes: Bytes) -> Mask { betty_mask_u8(bytes) }
}
