// Elementwise operations of f32 and f64, each a type that the loops are compiled for.

import BettyKernelInterface

enum Exp<E: FloatElement>: UnaryOp {
  @inline(always) static func apply(_ a: E.Vector) -> E.Vector { E.exp(a) }
}
enum Expm1<E: FloatElement>: UnaryOp {
  @inline(always) static func apply(_ a: E.Vector) -> E.Vector { E.expm1(a) }
}
enum Log<E: FloatElement>: UnaryOp {
  @inline(always) static func apply(_ a: E.Vector) -> E.Vector { E.log(a) }
}
enum Log1p<E: FloatElement>: UnaryOp {
  @inline(always) static func apply(_ a: E.Vector) -> E.Vector { E.log1p(a) }
}
enum SquareRoot<E: FloatElement>: UnaryOp {
  @inline(always) static func apply(_ a: E.Vector) -> E.Vector { E.squareRoot(a) }
}
enum ReciprocalSquareRoot<E: FloatElement>: UnaryOp {
  @inline(always) static func apply(_ a: E.Vector) -> E.Vector { E.splat(1) / E.squareRoot(a) }
}
enum Reciprocal<E: FloatElement>: UnaryOp {
  @inline(always) static func apply(_ a: E.Vector) -> E.Vector { E.splat(1) / a }
}
enum Sine<E: FloatElement>: UnaryOp {
  @inline(always) static func apply(_ a: E.Vector) -> E.Vector { E.sin(a) }
}
enum Cosine<E: FloatElement>: UnaryOp {
  @inline(always) static func apply(_ a: E.Vector) -> E.Vector { E.cos(a) }
}
enum Tanh<E: FloatElement>: UnaryOp {
  @inline(always) static func apply(_ a: E.Vector) -> E.Vector { E.tanh(a) }
}
enum Sigmoid<E: FloatElement>: UnaryOp {
  @inline(always) static func apply(_ a: E.Vector) -> E.Vector { E.sigmoid(a) }
}
enum Softplus<E: FloatElement>: UnaryOp {
  @inline(always) static func apply(_ a: E.Vector) -> E.Vector { E.softplus(a) }
}
enum ErrorFunction<E: FloatElement>: UnaryOp {
  @inline(always) static func apply(_ a: E.Vector) -> E.Vector { E.erf(a) }
}
enum InverseErrorFunction<E: FloatElement>: UnaryOp {
  @inline(always) static func apply(_ a: E.Vector) -> E.Vector { E.inverseErf(a) }
}
enum Floor<E: FloatElement>: UnaryOp {
  @inline(always) static func apply(_ a: E.Vector) -> E.Vector { E.floor(a) }
}
enum Ceil<E: FloatElement>: UnaryOp {
  @inline(always) static func apply(_ a: E.Vector) -> E.Vector { E.ceil(a) }
}
enum Round<E: FloatElement>: UnaryOp {
  @inline(always) static func apply(_ a: E.Vector) -> E.Vector { E.round(a) }
}
enum Truncate<E: FloatElement>: UnaryOp {
  @inline(always) static func apply(_ a: E.Vector) -> E.Vector { E.truncate(a) }
}
/// x/2 (1 + erf(x/sqrt(2)))
enum Gelu<E: FloatElement>: UnaryOp {
  @inline(always) static func apply(_ a: E.Vector) -> E.Vector {
    let half = E.splat(0.5) * a
    return E.multiplyAdd(half, E.erf(a * E.splat(0.707106781186547524)), half)
  }
}
/// -1, 0 or 1; 0 for NaN.
enum SignFloat<E: FloatElement>: UnaryOp {
  @inline(always) static func apply(_ a: E.Vector) -> E.Vector {
    let zero = E.splat(0)
    let positive = E.select(zero, E.splat(1), E.less(zero, a))
    return E.select(positive, E.splat(-1), E.less(a, zero))
  }
}
enum NegateFloat<E: FloatElement>: UnaryOp {
  @inline(always) static func apply(_ a: E.Vector) -> E.Vector { E.negate(a) }
}
enum AbsoluteFloat<E: FloatElement>: UnaryOp {
  @inline(always) static func apply(_ a: E.Vector) -> E.Vector { E.magnitude(a) }
}
enum Divide<E: FloatElement>: BinaryOp {
  @inline(always) static func apply(_ a: E.Vector, _ b: E.Vector) -> E.Vector { a / b }
}
enum FloorDivideFloat<E: FloatElement>: BinaryOp {
  @inline(always) static func apply(_ a: E.Vector, _ b: E.Vector) -> E.Vector {
    E.floorDivide(a, b)
  }
}
enum RemainderFloat<E: FloatElement>: BinaryOp {
  @inline(always) static func apply(_ a: E.Vector, _ b: E.Vector) -> E.Vector {
    E.remainder(a, b)
  }
}
enum PowerFloat<E: FloatElement>: BinaryOp {
  @inline(always) static func apply(_ a: E.Vector, _ b: E.Vector) -> E.Vector { E.pow(a, b) }
}
enum ArcTangent2<E: FloatElement>: BinaryOp {
  @inline(always) static func apply(_ a: E.Vector, _ b: E.Vector) -> E.Vector { E.atan2(a, b) }
}
