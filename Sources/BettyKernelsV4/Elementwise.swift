// Elementwise operations that every element type has, and those of integers and bools.
// Integers wrap; dividing by zero gives 0 instead of a trap.

import BettyKernelInterface
import CBettySupport

enum Copy<E: Element>: UnaryOp {
  @inline(always) static func apply(_ a: E.Vector) -> E.Vector { a }
}
enum Negate<E: Element>: UnaryOp where E.Scalar: FixedWidthInteger {
  @inline(always) static func apply(_ a: E.Vector) -> E.Vector { E.sub(E.splat(0), a) }
}
enum Absolute<E: Element>: UnaryOp where E.Scalar: FixedWidthInteger {
  @inline(always) static func apply(_ a: E.Vector) -> E.Vector {
    E.select(a, E.sub(E.splat(0), a), E.less(a, E.splat(0)))
  }
}
enum Sign<E: Element>: UnaryOp where E.Scalar: FixedWidthInteger {
  @inline(always) static func apply(_ a: E.Vector) -> E.Vector {
    let zero = E.splat(0)
    let positive = E.select(zero, E.splat(1), E.less(zero, a))
    return E.select(positive, E.sub(zero, E.splat(1)), E.less(a, zero))
  }
}
/// max(x, 0), NaN for NaN.
enum Relu<E: Element>: UnaryOp where E.Scalar: ExpressibleByIntegerLiteral {
  @inline(always) static func apply(_ a: E.Vector) -> E.Vector {
    E.select(a, E.splat(0), E.less(a, E.splat(0)))
  }
}
enum LogicalNot: UnaryOp {
  typealias E = U8
  @inline(always) static func apply(_ a: U8.Vector) -> U8.Vector { betty_not_u8(a) }
}

enum Add<E: Element>: BinaryOp {
  @inline(always) static func apply(_ a: E.Vector, _ b: E.Vector) -> E.Vector { E.add(a, b) }
}
enum Subtract<E: Element>: BinaryOp {
  @inline(always) static func apply(_ a: E.Vector, _ b: E.Vector) -> E.Vector { E.sub(a, b) }
}
enum Multiply<E: Element>: BinaryOp {
  @inline(always) static func apply(_ a: E.Vector, _ b: E.Vector) -> E.Vector { E.mul(a, b) }
}
enum Maximum<E: Element>: BinaryOp {
  @inline(always) static func apply(_ a: E.Vector, _ b: E.Vector) -> E.Vector { E.maximum(a, b) }
}
enum Minimum<E: Element>: BinaryOp {
  @inline(always) static func apply(_ a: E.Vector, _ b: E.Vector) -> E.Vector { E.minimum(a, b) }
}
enum LogicalAnd: BinaryOp {
  typealias E = U8
  @inline(always) static func apply(_ a: U8.Vector, _ b: U8.Vector) -> U8.Vector {
    betty_and_u8(a, b)
  }
}
enum LogicalOr: BinaryOp {
  typealias E = U8
  @inline(always) static func apply(_ a: U8.Vector, _ b: U8.Vector) -> U8.Vector {
    betty_or_u8(a, b)
  }
}
enum LogicalXor: BinaryOp {
  typealias E = U8
  @inline(always) static func apply(_ a: U8.Vector, _ b: U8.Vector) -> U8.Vector {
    betty_xor_u8(a, b)
  }
}
enum MultiplyAdd<E: Element>: TernaryOp {
  @inline(always) static func apply(_ a: E.Vector, _ b: E.Vector, _ c: E.Vector) -> E.Vector {
    E.multiplyAdd(a, b, c)
  }
}

enum Equal<E: Element>: CompareOp {
  @inline(always) static func apply(_ a: E.Vector, _ b: E.Vector) -> E.Mask { E.equal(a, b) }
}
enum NotEqual<E: Element>: CompareOp {
  @inline(always) static func apply(_ a: E.Vector, _ b: E.Vector) -> E.Mask {
    E.not(E.equal(a, b))
  }
}
enum Less<E: Element>: CompareOp {
  @inline(always) static func apply(_ a: E.Vector, _ b: E.Vector) -> E.Mask { E.less(a, b) }
}
enum LessOrEqual<E: Element>: CompareOp {
  @inline(always) static func apply(_ a: E.Vector, _ b: E.Vector) -> E.Mask {
    E.lessOrEqual(a, b)
  }
}

/// Division that truncates, as in C.
enum DivideInteger<T: FixedWidthInteger>: ScalarOp {
  @inline(always) static func apply(_ a: T, _ b: T) -> T {
    b == 0 ? 0 : a.dividedReportingOverflow(by: b).partialValue
  }
}
/// Python's //: rounds down.
enum FloorDivideInteger<T: FixedWidthInteger>: ScalarOp {
  @inline(always) static func apply(_ a: T, _ b: T) -> T {
    if b == 0 { return 0 }
    let quotient = a.dividedReportingOverflow(by: b).partialValue
    let remainder = a &- quotient &* b
    return remainder != 0 && (remainder < 0) != (b < 0) ? quotient &- 1 : quotient
  }
}
/// Python's %: the sign of the divisor.
enum RemainderInteger<T: FixedWidthInteger>: ScalarOp {
  @inline(always) static func apply(_ a: T, _ b: T) -> T {
    if b == 0 { return 0 }
    let quotient = a.dividedReportingOverflow(by: b).partialValue
    let remainder = a &- quotient &* b
    return remainder != 0 && (remainder < 0) != (b < 0) ? remainder &+ b : remainder
  }
}
/// Repeated squaring, wrapping. As in PyTorch a negative exponent gives 0 except for bases 1 and
/// -1.
enum PowerInteger<T: FixedWidthInteger>: ScalarOp {
  @inline(always) static func apply(_ a: T, _ b: T) -> T {
    if b < 0 {
      if a == 1 { return 1 }
      return a &+ 1 == 0 ? (b & 1 == 0 ? 1 : a) : 0
    }
    var result: T = 1
    var base = a
    var exponent = b
    while exponent != 0 {
      if exponent & 1 != 0 { result = result &* base }
      base = base &* base
      exponent = exponent >> 1
    }
    return result
  }
}
