// Element types. The raw value indexes the kernel tables; the order never changes.

package enum DType: UInt8, Sendable, CaseIterable, Hashable {
  case f64, f32, bf16, f16, i64, i32, u8, bool

  package static let count = 8

  package var size: Int {
    switch self {
    case .f64, .i64: 8
    case .f32, .i32: 4
    case .bf16, .f16: 2
    case .u8, .bool: 1
    }
  }

  package var isFloating: Bool { rawValue <= DType.f16.rawValue }
  package var isInteger: Bool { self == .i64 || self == .i32 || self == .u8 }

  /// bf16 and f16 are storage only: arithmetic on them is done in f32.
  package var computeType: DType { self == .bf16 || self == .f16 ? .f32 : self }

  /// The short name used in the IR's text form and in messages.
  package var name: String {
    switch self {
    case .f64: "f64"
    case .f32: "f32"
    case .bf16: "bf16"
    case .f16: "f16"
    case .i64: "i64"
    case .i32: "i32"
    case .u8: "u8"
    case .bool: "bool"
    }
  }

  package init?(name: String) {
    guard let match = DType.allCases.first(where: { $0.name == name }) else { return nil }
    self = match
  }
}

extension DType {
  /// What a cast of a number to this integer type gives: truncated; what an i64 or i32 does not hold, NaN
  /// too, is its smallest value, and u8 takes the low bits of an i64.
  package func integer(_ number: Double) -> Int64 {
    let bound = self == .i32 ? 0x1p31 : 0x1p63
    let whole = number >= -bound && number < bound ? Int64(number) : Int64(-bound)
    return self == .u8 ? whole & 0xFF : whole
  }
  /// The bytes of an element that holds `number`, low end first, converted as a cast does: to short floats
  /// by way of f32, to nearest, ties to even.
  package func bits(_ number: Double) -> UInt64 {
    switch self {
    case .f64: return number.bitPattern
    case .f32: return UInt64(Float(number).bitPattern)
    case .f16: return UInt64(Float16(Float(number)).bitPattern)
    case .bf16:
      if number.isNaN { return 0x7FC0 }
      let bits = Float(number).bitPattern
      return UInt64((bits &+ 0x7FFF &+ ((bits >> 16) & 1)) >> 16)
    case .i64, .u8: return UInt64(bitPattern: integer(number))
    case .i32: return UInt64(UInt32(truncatingIfNeeded: integer(number)))
    case .bool: return number != 0 ? 1 : 0
    }
  }
}
