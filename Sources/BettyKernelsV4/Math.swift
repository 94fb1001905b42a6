// Elementary functions that f32 and f64 share, built from the exponential and the logarithm of
// each. NaN stays NaN; results overflow to infinity and may underflow to 0.

import BettyKernelInterface

extension FloatElement {
  /// exp(x) - 1 as 2^n expm1(r) + (2^n - 1) with |r| <= log(2)/2: no digit is lost near 0. Twice
  /// half of it, because 2^n alone would overflow before the result does.
  @inline(always) static func expm1(_ x: Vector) -> Vector {
    let bounded = select(x, splat(Scalar(-60)), less(x, splat(Scalar(-60))))
    let (halfPower, rest) = reduceExp(bounded)
    let half = multiplyAdd(halfPower, rest, halfPower - splat(0.5))
    let result = half + half
    return select(result, x * splat(.infinity), not(lessOrEqual(x, splat(largestExponent))))
  }

  /// log(u) with u = 1 + x, plus what rounding took from u, to first order.
  @inline(always) static func log1p(_ x: Vector) -> Vector {
    let one = splat(1)
    let u = one + x
    let large = less(one, x)
    let lost = select(x - (u - one), one - (u - x), large)
    let inside = less(splat(0), u)
    let finite = less(u, splat(.infinity))
    let correction = select(splat(0), select(splat(0), lost / u, inside), finite)
    return log(u) + correction
  }

  /// expm1(2|x|) / (expm1(2|x|) + 2), with the sign of x.
  @inline(always) static func tanh(_ x: Vector) -> Vector {
    let double = magnitude(x) + magnitude(x)
    let bounded = select(double, splat(44), less(splat(44), double))
    let (halfPower, rest) = reduceExp(bounded)
    // Half of expm1, so half of the 2 as well.
    let half = multiplyAdd(halfPower, rest, halfPower - splat(0.5))
    return withSign(half / (half + splat(1)), of: x)
  }

  /// 1 / (1 + exp(-x)); exp overflows to infinity, which gives 0.
  @inline(always) static func sigmoid(_ x: Vector) -> Vector {
    splat(1) / (splat(1) + exp(negate(x)))
  }

  /// log(1 + exp(x)) as max(x, 0) + log1p(exp(-|x|)), which neither overflows nor cancels.
  @inline(always) static func softplus(_ x: Vector) -> Vector {
    let small = exp(negate(magnitude(x)))
    return select(x, splat(0), less(x, splat(0))) + log1pOfUnit(small)
  }

  /// log1p on [0, 1] (and NaN).
  @inline(always) static func log1pOfUnit(_ x: Vector) -> Vector {
    let one = splat(1)
    let u = one + x
    return log(u) + (x - (u - one)) / u
  }
}
