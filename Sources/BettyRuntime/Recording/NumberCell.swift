// Numbers of a recording as program inputs: one cell of eight bytes each, holding the number in the type
// the function asked for.

import BettyGraph
import BettyKernelInterface

enum NumberCell {
  /// The cell of a number: the value in the first bytes, as the machine lays it out.
  @inline(__always)
  static func cell(_ number: NumberInput) -> UInt64 {
    if number.kind == TypeID.double {
      let value = Double(bitPattern: UInt64(number.bits))
      return cell(value, number.dtype)
    }
    return cell(Int(bitPattern: number.bits), number.dtype)
  }

  @inline(__always)
  static func cell(_ value: Double, _ dtype: DType) -> UInt64 {
    switch dtype {
    case .f32: UInt64(Float(value).bitPattern)
    case .f64: value.bitPattern
    case .bf16: UInt64(bfloat(Float(value)))
    case .f16: UInt64(Float16(value).bitPattern)
    case .i64, .u8: UInt64(bitPattern: dtype.integer(value))
    case .i32: UInt64(UInt32(truncatingIfNeeded: dtype.integer(value)))
    case .bool: value != 0 ? 1 : 0
    }
  }

  @inline(__always)
  static func cell(_ value: Int, _ dtype: DType) -> UInt64 {
    switch dtype {
    case .i64: UInt64(bitPattern: Int64(value))
    case .i32: UInt64(UInt32(truncatingIfNeeded: value))
    case .u8: UInt64(UInt8(truncatingIfNeeded: value))
    case .bool: value != 0 ? 1 : 0
    case .f32, .f64, .bf16, .f16: cell(Double(value), dtype)
    }
  }

  /// Rounded to nearest, ties to even.
  static func bfloat(_ value: Float) -> UInt16 {
    if value.isNaN { return 0x7FC0 }
    let bits = value.bitPattern
    return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ ((bits >> 16) & 1)) >> 16)
  }
}
