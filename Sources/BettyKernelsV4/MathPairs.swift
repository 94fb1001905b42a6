// Functions of two numbers that f32 and f64 share: the angle of a point and what divisions leave, as
// the C library gives them for NaN, infinities and zeros of either sign.

import BettyKernelInterface

extension FloatElement {
  /// Angle of the point (x, y). The shorter side over the longer one is turned by pi/4 where it is
  /// more than tan(pi/8), so that a short series does; quarters of pi make up for turns and mirrors.
  @inline(always) static func atan2(_ y: Vector, _ x: Vector) -> Vector {
    let (zero, one) = (splat(0), splat(1))
    let (a, b) = (magnitude(y), magnitude(x))
    let isSteep = less(b, a)
    var long = select(b, a, isSteep)
    var short = select(a, b, isSteep)
    // Infinite sides are as long as 1, all others are 0 beside them; the origin lies at 0.
    let isInfinite = equal(long, splat(.infinity))
    short = select(short, select(zero, one, equal(short, long)), isInfinite)
    long = select(long, one, or(isInfinite, equal(long, zero)))
    // The sum of two large sides would overflow.
    let unit = select(one, splat(0.25), less(splat(.greatestFiniteMagnitude * 0.25), long))
    (long, short) = (long * unit, short * unit)
    let isDiagonal = less(long * splat(0.414213562373095), short)
    let above = select(short, short - long, isDiagonal)
    let below = select(long, long + short, isDiagonal)
    var angle = narrowArcTangent(above / below)
    var quarters = select(zero, one, isDiagonal)
    quarters = select(quarters, splat(2) - quarters, isSteep)
    angle = select(angle, negate(angle), isSteep)
    let isLeft = less(withSign(one, of: x), zero)
    quarters = select(quarters, splat(4) - quarters, isLeft)
    angle = select(angle, negate(angle), isLeft)
    angle = multiplyAdd(quarters, splat(quarter.low), angle)
    let result = withSign(multiplyAdd(quarters, splat(quarter.high), angle), of: y)
    return select(result, x + y, not(lessOrEqual(zero, a + b)))
  }

  /// C's fmod: what division to a whole quotient, towards zero, leaves; exact. A rounded quotient is
  /// too large by one at most; one that is not whole any more is left to the library.
  @inline(always) static func fmod(_ a: Vector, _ b: Vector) -> Vector {
    let quotient = magnitude(a / b)
    let isSmall = less(quotient, splat(wholeNumbers))
    if anySet(or(not(isSmall), equal(magnitude(b), splat(.infinity)))) {
      return slowRemainder(a, b)
    }
    let (dividend, divisor) = (magnitude(a), magnitude(b))
    let left = rest(dividend, floor(quotient), divisor)
    return withSign(select(left, left + divisor, less(left, splat(0))), of: a)
  }

  /// Where a remainder is not zero and has not the sign of the divisor.
  @inline(always) private static func isAcross(_ remainder: Vector, _ b: Vector) -> Mask {
    let one = splat(1)
    let (left, right) = (withSign(one, of: remainder), withSign(one, of: b))
    return not(or(equal(remainder, splat(0)), equal(left, right)))
  }

  /// Python's %: with the sign of the divisor.
  @inline(always) static func remainder(_ a: Vector, _ b: Vector) -> Vector {
    let left = fmod(a, b)
    return select(left, left + b, isAcross(left, b))
  }

  /// PyTorch's floor division: the quotient of a - remainder, so that it agrees with the remainder.
  @inline(always) static func floorDivide(_ a: Vector, _ b: Vector) -> Vector {
    let (zero, one) = (splat(0), splat(1))
    let left = fmod(a, b)
    let exact = (a - left) / b
    let quotient = select(exact, exact - one, isAcross(left, b))
    let down = floor(quotient)
    let near = select(down, down + one, less(splat(0.5), quotient - down))
    let signed = select(near, withSign(zero, of: a / b), equal(quotient, zero))
    return select(signed, a / b, equal(b, zero))
  }
}
