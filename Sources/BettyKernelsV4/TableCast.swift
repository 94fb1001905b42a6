// Table entries of the casts: every element type to every other.

import BettyKernelInterface

extension KernelTable {
  private mutating func set(_ from: DType, _ to: DType, _ function: @escaping TileFunction) {
    cast[Int(from.rawValue) * DType.count + Int(to.rawValue)] = function
  }

  mutating func fillCasts() {
    fillCastsF64()
    fillCastsF32()
    fillCastsBf16()
    fillCastsF16()
    fillCastsI64()
    fillCastsI32()
    fillCastsU8()
    fillCastsBool()
  }

  private mutating func fillCastsF64() {
    set(.f64, .f64) { d, a, _, _, n in unary(Copy<F64>.self, d, a, n) }
    set(.f64, .f32) { d, a, _, _, n in convert(Double.self, Float.self, d, a, n) }
    set(.f64, .bf16) { d, a, _, _, n in convert(Double.self, BFloat16.self, d, a, n) }
    set(.f64, .f16) { d, a, _, _, n in convert(Double.self, Half.self, d, a, n) }
    set(.f64, .i64) { d, a, _, _, n in truncate(F64.self, DoublesToI64.self, d, a, n) }
    set(.f64, .i32) { d, a, _, _, n in truncate(F64.self, DoublesToI32.self, d, a, n) }
    set(.f64, .u8) { d, a, _, _, n in truncate(F64.self, DoublesToU8.self, d, a, n) }
    set(.f64, .bool) { d, a, _, _, n in convert(Double.self, Truth.self, d, a, n) }
  }

  private mutating func fillCastsF32() {
    set(.f32, .f64) { d, a, _, _, n in convert(Float.self, Double.self, d, a, n) }
    set(.f32, .f32) { d, a, _, _, n in unary(Copy<F32>.self, d, a, n) }
    set(.f32, .bf16) { d, a, _, _, n in narrow(BF16.self, d, a, n) }
    set(.f32, .f16) { d, a, _, _, n in narrow(F16.self, d, a, n) }
    set(.f32, .i64) { d, a, _, _, n in truncate(F32.self, SinglesToI64.self, d, a, n) }
    set(.f32, .i32) { d, a, _, _, n in truncate(F32.self, SinglesToI32.self, d, a, n) }
    set(.f32, .u8) { d, a, _, _, n in truncate(F32.self, SinglesToU8.self, d, a, n) }
    set(.f32, .bool) { d, a, _, _, n in convert(Float.self, Truth.self, d, a, n) }
  }

  private mutating func fillCastsBf16() {
    set(.bf16, .f64) { d, a, _, _, n in convert(BFloat16.self, Double.self, d, a, n) }
    set(.bf16, .f32) { d, a, _, _, n in widen(BF16.self, d, a, n) }
    set(.bf16, .bf16) { d, a, _, _, n in unary(Copy<I16>.self, d, a, n) }
    set(.bf16, .f16) { d, a, _, _, n in convert(BFloat16.self, Half.self, d, a, n) }
    set(.bf16, .i64) { d, a, _, _, n in truncate(BF16.self, SinglesToI64.self, d, a, n) }
    set(.bf16, .i32) { d, a, _, _, n in truncate(BF16.self, SinglesToI32.self, d, a, n) }
    set(.bf16, .u8) { d, a, _, _, n in truncate(BF16.self, SinglesToU8.self, d, a, n) }
    set(.bf16, .bool) { d, a, _, _, n in convert(BFloat16.self, Truth.self, d, a, n) }
  }

  private mutating func fillCastsF16() {
    set(.f16, .f64) { d, a, _, _, n in convert(Half.self, Double.self, d, a, n) }
    set(.f16, .f32) { d, a, _, _, n in widen(F16.self, d, a, n) }
    set(.f16, .bf16) { d, a, _, _, n in convert(Half.self, BFloat16.self, d, a, n) }
    set(.f16, .f16) { d, a, _, _, n in unary(Copy<I16>.self, d, a, n) }
    set(.f16, .i64) { d, a, _, _, n in truncate(F16.self, SinglesToI64.self, d, a, n) }
    set(.f16, .i32) { d, a, _, _, n in truncate(F16.self, SinglesToI32.self, d, a, n) }
    set(.f16, .u8) { d, a, _, _, n in truncate(F16.self, SinglesToU8.self, d, a, n) }
    set(.f16, .bool) { d, a, _, _, n in convert(Half.self, Truth.self, d, a, n) }
  }

  private mutating func fillCastsI64() {
    set(.i64, .f64) { d, a, _, _, n in convert(Int64.self, Double.self, d, a, n) }
    set(.i64, .f32) { d, a, _, _, n in convert(Int64.self, Float.self, d, a, n) }
    set(.i64, .bf16) { d, a, _, _, n in convert(Int64.self, BFloat16.self, d, a, n) }
    set(.i64, .f16) { d, a, _, _, n in convert(Int64.self, Half.self, d, a, n) }
    set(.i64, .i64) { d, a, _, _, n in unary(Copy<I64>.self, d, a, n) }
    set(.i64, .i32) { d, a, _, _, n in convert(Int64.self, Int32.self, d, a, n) }
    set(.i64, .u8) { d, a, _, _, n in convert(Int64.self, UInt8.self, d, a, n) }
    set(.i64, .bool) { d, a, _, _, n in convert(Int64.self, Truth.self, d, a, n) }
  }

  private mutating func fillCastsI32() {
    set(.i32, .f64) { d, a, _, _, n in convert(Int32.self, Double.self, d, a, n) }
    set(.i32, .f32) { d, a, _, _, n in convert(Int32.self, Float.self, d, a, n) }
    set(.i32, .bf16) { d, a, _, _, n in convert(Int32.self, BFloat16.self, d, a, n) }
    set(.i32, .f16) { d, a, _, _, n in convert(Int32.self, Half.self, d, a, n) }
    set(.i32, .i64) { d, a, _, _, n in convert(Int32.self, Int64.self, d, a, n) }
    set(.i32, .i32) { d, a, _, _, n in unary(Copy<I32>.self, d, a, n) }
    set(.i32, .u8) { d, a, _, _, n in convert(Int32.self, UInt8.self, d, a, n) }
    set(.i32, .bool) { d, a, _, _, n in convert(Int32.self, Truth.self, d, a, n) }
  }

  private mutating func fillCastsU8() {
    set(.u8, .f64) { d, a, _, _, n in convert(UInt8.self, Double.self, d, a, n) }
    set(.u8, .f32) { d, a, _, _, n in convert(UInt8.self, Float.self, d, a, n) }
    set(.u8, .bf16) { d, a, _, _, n in convert(UInt8.self, BFloat16.self, d, a, n) }
    set(.u8, .f16) { d, a, _, _, n in convert(UInt8.self, Half.self, d, a, n) }
    set(.u8, .i64) { d, a, _, _, n in convert(UInt8.self, Int64.self, d, a, n) }
    set(.u8, .i32) { d, a, _, _, n in convert(UInt8.self, Int32.self, d, a, n) }
    set(.u8, .u8) { d, a, _, _, n in unary(Copy<U8>.self, d, a, n) }
    set(.u8, .bool) { d, a, _, _, n in convert(UInt8.self, Truth.self, d, a, n) }
  }

  private mutating func fillCastsBool() {
    set(.bool, .f64) { d, a, _, _, n in convert(Truth.self, Double.self, d, a, n) }
    set(.bool, .f32) { d, a, _, _, n in convert(Truth.self, Float.self, d, a, n) }
    set(.bool, .bf16) { d, a, _, _, n in convert(Truth.self, BFloat16.self, d, a, n) }
    set(.bool, .f16) { d, a, _, _, n in convert(Truth.self, Half.self, d, a, n) }
    set(.bool, .i64) { d, a, _, _, n in convert(Truth.self, Int64.self, d, a, n) }
    set(.bool, .i32) { d, a, _, _, n in convert(Truth.self, Int32.self, d, a, n) }
    set(.bool, .u8) { d, a, _, _, n in convert(Truth.self, UInt8.self, d, a, n) }
    set(.bool, .bool) { d, a, _, _, n in unary(Copy<U8>.self, d, a, n) }
  }
}
