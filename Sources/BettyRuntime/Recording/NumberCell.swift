// Numbers of a recording as program inputs: one cell of eight bytes each, holding the number in the type
// the function asked for.

import BettyGraph
import BettyKernelInterface

enum NumberCell {
  /// The cell of a number: the value in the first bytes, as the machine lays it out.
  @inline(__always)
  static func cell(_ number: NumberInput) -> UInt64 {
    if number.kind == TypeID.double {
      return number.dtype.bits(Double(bitPattern: UInt64(number.bits)))
    }
    return cell(Int(bitPattern: number.bits), number.dtype)
  }

  @inline(__always)
  static func cell(_ value: Int, _ dtype: DType) -> UInt64 {
    switch dtype {
    case .i64: UInt64(bitPattern: Int64(value))
    case .i32: UInt64(UInt32(truncatingIfNeeded: value))
    case .u8: UInt64(UInt8(truncatingIfNeeded: value))
    case .bool: value != 0 ? 1 : 0
    case .f32, .f64, .bf16, .f16: dtype.bits(Double(value))
    }
  }
}
