// The element types: comparisons, selections and bytes of concrete vectors. Each line is one or two
// instructions; generic code picks the enum by its type.

import BettyKernelInterface

enum F32: Element {
  typealias Scalar = Float
  typealias Vector = SIMD16<Float>
  typealias Mask = SIMDMask<SIMD16<Int32>>
  typealias Bytes = SIMD16<UInt8>
  @inline(always) static func equal(_ a: Vector, _ b: Vector) -> Mask { a .== b }
  @inline(always) static func less(_ a: Vector, _ b: Vector) -> Mask { a .< b }
  @inline(always) static func lessOrEqual(_ a: Vector, _ b: Vector) -> Mask { a .<= b }
  @inline(always) static func or(_ a: Mask, _ b: Mask) -> Mask { a .| b }
  @inline(always) static func not(_ a: Mask) -> Mask { .!a }
  @inline(always) static func select(_ a: Vector, _ b: Vector, _ mask: Mask) -> Vector {
    a.replacing(with: b, where: mask)
  }
  @inline(always) static func bytes(_ mask: Mask) -> Bytes {
    Bytes(truncatingIfNeeded: unsafeBitCast(mask, to: SIMD16<Int32>.self)) & 1
  }
  @inline(always) static func mask(_ bytes: Bytes) -> Mask {
    SIMD16<Int32>(truncatingIfNeeded: bytes) .!= 0
  }
}

enum F64: Element {
  typealias Scalar = Double
  typealias Vector = SIMD8<Double>
  typealias Mask = SIMDMask<SIMD8<Int64>>
  typealias Bytes = SIMD8<UInt8>
  @inline(always) static func equal(_ a: Vector, _ b: Vector) -> Mask { a .== b }
  @inline(always) static func less(_ a: Vector, _ b: Vector) -> Mask { a .< b }
  @inline(always) static func lessOrEqual(_ a: Vector, _ b: Vector) -> Mask { a .<= b }
  @inline(always) static func or(_ a: Mask, _ b: Mask) -> Mask { a .| b }
  @inline(always) static func not(_ a: Mask) -> Mask { .!a }
  @inline(always) static func select(_ a: Vector, _ b: Vector, _ mask: Mask) -> Vector {
    a.replacing(with: b, where: mask)
  }
  @inline(always) static func bytes(_ mask: Mask) -> Bytes {
    Bytes(truncatingIfNeeded: unsafeBitCast(mask, to: SIMD8<Int64>.self)) & 1
  }
  @inline(always) static func mask(_ bytes: Bytes) -> Mask {
    SIMD8<Int64>(truncatingIfNeeded: bytes) .!= 0
  }
}

enum I64: Element {
  typealias Scalar = Int64
  typealias Vector = SIMD8<Int64>
  typealias Mask = SIMDMask<SIMD8<Int64>>
  typealias Bytes = SIMD8<UInt8>
  @inline(always) static func equal(_ a: Vector, _ b: Vector) -> Mask { a .== b }
  @inline(always) static func less(_ a: Vector, _ b: Vector) -> Mask { a .< b }
  @inline(always) static func lessOrEqual(_ a: Vector, _ b: Vector) -> Mask { a .<= b }
  @inline(always) static func or(_ a: Mask, _ b: Mask) -> Mask { a .| b }
  @inline(always) static func not(_ a: Mask) -> Mask { .!a }
  @inline(always) static func select(_ a: Vector, _ b: Vector, _ mask: Mask) -> Vector {
    a.replacing(with: b, where: mask)
  }
  @inline(always) static func bytes(_ mask: Mask) -> Bytes {
    Bytes(truncatingIfNeeded: unsafeBitCast(mask, to: SIMD8<Int64>.self)) & 1
  }
  @inline(always) static func mask(_ bytes: Bytes) -> Mask {
    SIMD8<Int64>(truncatingIfNeeded: bytes) .!= 0
  }
}

enum I32: Element {
  typealias Scalar = Int32
  typealias Vector = SIMD16<Int32>
  typealias Mask = SIMDMask<SIMD16<Int32>>
  typealias Bytes = SIMD16<UInt8>
  @inline(always) static func equal(_ a: Vector, _ b: Vector) -> Mask { a .== b }
  @inline(always) static func less(_ a: Vector, _ b: Vector) -> Mask { a .< b }
  @inline(always) static func lessOrEqual(_ a: Vector, _ b: Vector) -> Mask { a .<= b }
  @inline(always) static func or(_ a: Mask, _ b: Mask) -> Mask { a .| b }
  @inline(always) static func not(_ a: Mask) -> Mask { .!a }
  @inline(always) static func select(_ a: Vector, _ b: Vector, _ mask: Mask) -> Vector {
    a.replacing(with: b, where: mask)
  }
  @inline(always) static func bytes(_ mask: Mask) -> Bytes {
    Bytes(truncatingIfNeeded: unsafeBitCast(mask, to: SIMD16<Int32>.self)) & 1
  }
  @inline(always) static func mask(_ bytes: Bytes) -> Mask {
    SIMD16<Int32>(truncatingIfNeeded: bytes) .!= 0
  }
}

enum I16: Element {
  typealias Scalar = Int16
  typealias Vector = SIMD32<Int16>
  typealias Mask = SIMDMask<SIMD32<Int16>>
  typealias Bytes = SIMD32<UInt8>
  @inline(always) static func equal(_ a: Vector, _ b: Vector) -> Mask { a .== b }
  @inline(always) static func less(_ a: Vector, _ b: Vector) -> Mask { a .< b }
  @inline(always) static func lessOrEqual(_ a: Vector, _ b: Vector) -> Mask { a .<= b }
  @inline(always) static func or(_ a: Mask, _ b: Mask) -> Mask { a .| b }
  @inline(always) static func not(_ a: Mask) -> Mask { .!a }
  @inline(always) static func select(_ a: Vector, _ b: Vector, _ mask: Mask) -> Vector {
    a.replacing(with: b, where: mask)
  }
  @inline(always) static func bytes(_ mask: Mask) -> Bytes {
    Bytes(truncatingIfNeeded: unsafeBitCast(mask, to: SIMD32<Int16>.self)) & 1
  }
  @inline(always) static func mask(_ bytes: Bytes) -> Mask {
    SIMD32<Int16>(truncatingIfNeeded: bytes) .!= 0
  }
}

enum U8: Element {
  typealias Scalar = UInt8
  typealias Vector = SIMD64<UInt8>
  typealias Mask = SIMDMask<SIMD64<Int8>>
  typealias Bytes = SIMD64<UInt8>
  @inline(always) static func equal(_ a: Vector, _ b: Vector) -> Mask { a .== b }
  @inline(always) static func less(_ a: Vector, _ b: Vector) -> Mask { a .< b }
  @inline(always) static func lessOrEqual(_ a: Vector, _ b: Vector) -> Mask { a .<= b }
  @inline(always) static func or(_ a: Mask, _ b: Mask) -> Mask { a .| b }
  @inline(always) static func not(_ a: Mask) -> Mask { .!a }
  @inline(always) static func select(_ a: Vector, _ b: Vector, _ mask: Mask) -> Vector {
    a.replacing(with: b, where: mask)
  }
  @inline(always) static func bytes(_ mask: Mask) -> Bytes {
    Bytes(truncatingIfNeeded: unsafeBitCast(mask, to: SIMD64<Int8>.self)) & 1
  }
  @inline(always) static func mask(_ bytes: Bytes) -> Mask {
    SIMD64<Int8>(truncatingIfNeeded: bytes) .!= 0
  }
}
