// What the functions of two numbers need of each type: arctangents near 0, remainders and powers. The
// polynomials are minimax in relative error.

import BettyKernelInterface
import CBettySupport
import Glibc

extension F32 {
  @inline(always) static var quarter: (high: Float, low: Float) {
    (0x1.921fbp-1, 0x1.5110b4p-23)
  }
  @inline(always) static var wholeNumbers: Float { 0x1p23 }

  @inline(always) static func narrowArcTangent(_ x: Vector) -> Vector {
    let z = x * x
    var p = multiplyAdd(splat(-6.0831181748e-2), z, splat(1.0595920823e-1))
    p = multiplyAdd(p, z, splat(-1.4243846875e-1))
    p = multiplyAdd(p, z, splat(1.9998489949e-1))
    p = multiplyAdd(p, z, splat(-3.3333315525e-1))
    return multiplyAdd(p, z * x, x)
  }

  @inline(always) static func rest(_ a: Vector, _ q: Vector, _ b: Vector) -> Vector {
    betty_rest_f32(a, q, b)
  }
  @inline(never) static func slowRemainder(_ a: Vector, _ b: Vector) -> Vector {
    var result = a
    for i in 0..<lanes { result[i] = fmodf(a[i], b[i]) }
    return result
  }

  /// By exp(b log a) in f64, where no digit that f32 has is lost.
  @inline(always) static func pow(_ a: Vector, _ b: Vector) -> Vector {
    let (zero, one) = (splat(0), splat(1))
    let size = magnitude(a)
    let low = F64.exp(betty_low_f64(b) * F64.log(betty_low_f64(size)))
    let high = F64.exp(betty_high_f64(b) * F64.log(betty_high_f64(size)))
    var result = betty_join_f32(low, high)
    // Of log 1 times infinity.
    result = select(result, one, equal(size, one))
    let half = b * splat(0.5)
    let isWhole = equal(truncate(b), b)
    let isOdd = isWhole & not(equal(truncate(half), half))
    let isNegative = less(withSign(one, of: a), zero)
    result = select(result, negate(result), isNegative & isOdd)
    let isFinite = less(splat(-.infinity), a) & less(a, zero)
    result = select(result, splat(.nan), isFinite & not(isWhole))
    return select(result, one, or(equal(b, zero), equal(a, one)))
  }
}

extension F64 {
  @inline(always) static var quarter: (high: Double, low: Double) {
    (0x1.921fb54442d18p-1, 0x1.1a62633145c07p-55)
  }
  @inline(always) static var wholeNumbers: Double { 0x1p52 }

  @inline(always) static func narrowArcTangent(_ x: Vector) -> Vector {
    let z = x * x
    var p = multiplyAdd(splat(-0.01791929460016129), z, splat(0.03807565106416502))
    p = multiplyAdd(p, z, splat(-0.050397427397404645))
    p = multiplyAdd(p, z, splat(0.05847986651944211))
    p = multiplyAdd(p, z, splat(-0.06663117403472484))
    p = multiplyAdd(p, z, splat(0.07692061382344582))
    p = multiplyAdd(p, z, splat(-0.09090897822569427))
    p = multiplyAdd(p, z, splat(0.11111110785671437))
    p = multiplyAdd(p, z, splat(-0.1428571428023952))
    p = multiplyAdd(p, z, splat(0.19999999999953996))
    p = multiplyAdd(p, z, splat(-0.333333333333332))
    return multiplyAdd(p, z * x, x)
  }

  @inline(always) static func rest(_ a: Vector, _ q: Vector, _ b: Vector) -> Vector {
    betty_rest_f64(a, q, b)
  }
  @inline(never) static func slowRemainder(_ a: Vector, _ b: Vector) -> Vector {
    var result = a
    for i in 0..<lanes { result[i] = Glibc.fmod(a[i], b[i]) }
    return result
  }

  @inline(always) static func pow(_ a: Vector, _ b: Vector) -> Vector {
    var result = a
    for i in 0..<lanes { result[i] = Glibc.pow(a[i], b[i]) }
    return result
  }
}
