// Arithmetic on constants: evaluated in Double and rounded to the element type, as the kernels do.
// (A Double result of + - * / and sqrt rounded to f32 is the f32 result: Figueroa, 1995.)

import BettyGraph
import BettyKernelInterface

enum Folding {
  /// The result of an operation on numbers of one type, or nil where it is left to the kernels.
  static func value(_ op: TileOp, _ x: [Double], operands: DType, result: DType) -> Double? {
    guard !x.contains(where: \.isNaN) else { return nil }
    // Integers fold where Double is exact.
    if operands.isInteger, x.contains(where: { $0.magnitude > 0x1p53 }) { return nil }
    guard let value = unary(op, x[0]) ?? (x.count == 2 ? binary(op, x[0], x[1]) : nil) else {
      return nil
    }
    return rounded(value, to: result)
  }

  private static func unary(_ op: TileOp, _ x: Double) -> Double? {
    switch op {
    case .copy: x
    case .neg: -x
    case .abs: x.magnitude
    case .sign: x > 0 ? 1 : x < 0 ? -1 : 0
    case .sqrt: x.squareRoot()
    case .rsqrt: 1 / x.squareRoot()
    case .reciprocal: 1 / x
    case .floor: x.rounded(.down)
    case .ceil: x.rounded(.up)
    case .round: x.rounded(.toNearestOrEven)
    case .trunc: x.rounded(.towardZero)
    case .relu: x > 0 ? x : 0
    case .logicalNot: x == 0 ? 1 : 0
    default: nil
    }
  }

  private static func binary(_ op: TileOp, _ a: Double, _ b: Double) -> Double? {
    switch op {
    case .add: a + b
    case .sub: a - b
    case .mul: a * b
    case .div: a / b
    case .maximum: a == b ? nil : max(a, b)
    case .minimum: a == b ? nil : min(a, b)
    case .logicalAnd: a != 0 && b != 0 ? 1 : 0
    case .logicalOr: a != 0 || b != 0 ? 1 : 0
    case .logicalXor: (a != 0) != (b != 0) ? 1 : 0
    case .eq: a == b ? 1 : 0
    case .ne: a != b ? 1 : 0
    case .lt: a < b ? 1 : 0
    case .le: a <= b ? 1 : 0
    case .gt: a > b ? 1 : 0
    case .ge: a >= b ? 1 : 0
    default: nil
    }
  }

  /// A number as an element of the type holds it; nil if it is NaN or an integer that does not fit.
  static func rounded(_ value: Double, to dtype: DType) -> Double? {
    guard !value.isNaN else { return nil }
    switch dtype {
    case .f64: return value
    case .f32: return Double(Float(value))
    case .bf16: return Double(Float(bitPattern: UInt32(dtype.bits(value)) << 16))
    case .f16: return Double(Float16(bitPattern: UInt16(dtype.bits(value))))
    case .i64: return value.magnitude <= 0x1p53 ? value : nil
    case .i32: return Int32(exactly: value).map(Double.init)
    case .u8: return UInt8(exactly: value).map(Double.init)
    case .bool: return value != 0 ? 1 : 0
    }
  }

  static func leastNormal(_ dtype: DType) -> Double {
    switch dtype {
    case .f64: .leastNormalMagnitude
    case .f16: 0x1p-14
    default: 0x1p-126
    }
  }

  /// Conversion of a number of one type to another as `cast` does it: floats to integers truncate.
  static func cast(_ value: Double, from: DType, to dtype: DType) -> Double? {
    guard !value.isNaN else { return nil }
    if from.isFloating, dtype.isInteger {
      return rounded(value.rounded(.towardZero), to: dtype)
    }
    return rounded(value, to: dtype)
  }

  /// Whether every number of type `from` is one of type `to`.
  static func isLossless(_ from: DType, _ to: DType) -> Bool {
    if from == to || from == .bool { return true }
    return switch from {
    case .u8: to != .bool
    case .i32: to == .i64 || to == .f64
    case .bf16, .f16: to == .f32 || to == .f64
    case .f32: to == .f64
    case .i64, .f64, .bool: false
    }
  }
}
