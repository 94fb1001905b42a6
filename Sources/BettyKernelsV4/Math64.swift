// Elementary functions of f64, 8 lanes at a time, to about 1e-16 relative; what no polynomial is
// worth calls the C library lane by lane. Logarithm, sine and cosine are those of Sun's fdlibm
// (1993).

import BettyKernelInterface
import CBettySupport
import Glibc

@inline(always) private func c(_ x: Double) -> F64.Vector { F64.Vector(repeating: x) }
@inline(always) private func fma(
  _ a: F64.Vector, _ b: F64.Vector, _ c: F64.Vector
) -> F64.Vector { F64.multiplyAdd(a, b, c) }

extension F64: FloatElement {
  typealias Bits = SIMD8<Int64>
  @inline(always) static var signBit: Bits { Bits(repeating: .min) }
  @inline(always) static func fromBits(_ x: Bits) -> Vector {
    unsafeBitCast(x, to: Vector.self)
  }
  @inline(always) static func magnitude(_ x: Vector) -> Vector { fromBits(toBits(x) & ~signBit) }
  @inline(always) static func negate(_ x: Vector) -> Vector { fromBits(toBits(x) ^ signBit) }
  @inline(always) static func withSign(_ x: Vector, of y: Vector) -> Vector {
    fromBits(toBits(x) | (toBits(y) & signBit))
  }
  @inline(always) static func squareRoot(_ x: Vector) -> Vector { betty_sqrt_f64(x) }
  @inline(always) static func floor(_ x: Vector) -> Vector { betty_floor_f64(x) }
  @inline(always) static func ceil(_ x: Vector) -> Vector { betty_ceil_f64(x) }
  @inline(always) static func round(_ x: Vector) -> Vector { betty_round_f64(x) }
  @inline(always) static func truncate(_ x: Vector) -> Vector { betty_trunc_f64(x) }

  /// The largest x with a finite exp, and the smallest with a normal one.
  @inline(always) static var largestExponent: Double { 709.782712893384 }
  @inline(always) static var smallestExponent: Double { -708.3964185322641 }

  /// x = n log(2) + r: (n in the low bits of a float, expm1(r) by its Taylor series to r^13).
  @inline(always) private static func reduce(_ x: Vector) -> (Vector, Vector) {
    let magic = c(0x1.8p52)
    let shifted = fma(x, c(1.4426950408889634), magic)
    let n = shifted - magic
    let high = fma(n, c(-0x1.62e42feep-1), x)
    let r = fma(n, c(-0x1.a39ef35793c76p-33), high)
    var p = fma(c(1.0 / 6_227_020_800), r, c(1.0 / 479_001_600))
    p = fma(p, r, c(1.0 / 39_916_800))
    p = fma(p, r, c(1.0 / 3_628_800))
    p = fma(p, r, c(1.0 / 362880))
    p = fma(p, r, c(1.0 / 40320))
    p = fma(p, r, c(1.0 / 5040))
    p = fma(p, r, c(1.0 / 720))
    p = fma(p, r, c(1.0 / 120))
    p = fma(p, r, c(1.0 / 24))
    p = fma(p, r, c(1.0 / 6))
    p = fma(p, r, c(0.5))
    return (shifted, fma(p, r * r, r))
  }

  /// (2^(n - 1), expm1(r)) for x = n log(2) + r.
  @inline(always) static func reduceExp(_ x: Vector) -> (Vector, Vector) {
    let (shifted, rest) = reduce(x)
    let exponent = (toBits(shifted) &+ Bits(repeating: 1022)) &<< Bits(repeating: 52)
    return (fromBits(exponent), rest)
  }

  @inline(always) static func exp(_ x: Vector) -> Vector {
    let (shifted, rest) = reduce(x)
    let one = rest + c(1)
    let scaled = fromBits(toBits(one) &+ (toBits(shifted) &<< Bits(repeating: 52)))
    let kept = select(scaled, c(0), less(x, c(smallestExponent)))
    // The comparison is true for NaN as well, and NaN times infinity is NaN.
    return select(kept, x * c(.infinity), not(lessOrEqual(x, c(largestExponent))))
  }

  @inline(always) static func log(_ x: Vector) -> Vector {
    let tiny = less(x, c(0x1p-1022))
    let normal = select(x, x * c(0x1p54), tiny)
    let bias = select(c(0x1p52 + 1023), c(0x1p52 + 1023 + 54), tiny)
    // Moves the boundary between exponents from 1 to sqrt(1/2), so that m is in [sqrt(1/2),
    // sqrt(2)).
    let root = Bits(repeating: 0x3fe6_a09e_667f_3bcd)
    let moved = toBits(normal) &+ (Bits(repeating: 0x3ff0_0000_0000_0000) &- root)
    let exponent = unsafeBitCast(
      unsafeBitCast(moved, to: SIMD8<UInt64>.self) &>> SIMD8<UInt64>(repeating: 52),
      to: Bits.self)
    let mantissa = moved & Bits(repeating: 0x000f_ffff_ffff_ffff)
    let f = fromBits(mantissa &+ root) - c(1)
    let n = fromBits(exponent | Bits(repeating: 0x4330_0000_0000_0000)) - bias
    let s = f / (c(2) + f)
    let z = s * s
    var p = fma(c(1.479819860511658591e-1), z, c(1.531383769920937332e-1))
    p = fma(p, z, c(1.818357216161805012e-1))
    p = fma(p, z, c(2.222219843214978396e-1))
    p = fma(p, z, c(2.857142874366239149e-1))
    p = fma(p, z, c(3.999999999940941908e-1))
    p = fma(p, z, c(6.666666666666735130e-1))
    let halfSquare = c(0.5) * f * f
    let tail = fma(s, fma(p, z, halfSquare), n * c(1.90821492927058770002e-10))
    let result = fma(n, c(6.93147180369123816490e-1), f - (halfSquare - tail))
    let zero = select(result, c(-.infinity), equal(x, c(0)))
    let negative = select(zero, c(.nan), less(x, c(0)))
    return select(negative, x, not(less(x, c(.infinity))))
  }

  @inline(always) static func erf(_ x: Vector) -> Vector { lanewise(x) { Glibc.erf($0) } }

  /// (sin(r), cos(r), n) for x = n pi/2 + r with |r| <= pi/4, |n| < 2^20; n is in the low bits. The
  /// parts of pi/2 have 33 bits, so that their products are exact; what the rest of x loses is kept.
  @inline(always) private static func reduceAngle(_ x: Vector) -> (Vector, Vector, Bits) {
    let magic = c(0x1.8p52)
    let shifted = fma(x, c(0.6366197723675814), magic)
    let n = shifted - magic
    let exact = x - n * c(0x1.921fb544p+0)
    let second = n * c(0x1.0b4611a6p-34)
    let third = n * c(0x1.3198a2e037073p-69)
    let near = exact - second
    let r = near - third
    let tail = ((near - r) - third) + ((exact - near) - second)
    let z = r * r
    var p = fma(c(1.58969099521155010221e-10), z, c(-2.50507602534068634195e-08))
    p = fma(p, z, c(2.75573137070700676789e-06))
    p = fma(p, z, c(-1.98412698298579493134e-04))
    p = fma(p, z, c(8.33333333332248946124e-03))
    p = fma(p, z, c(-1.66666666666666324348e-01))
    let sine = r + fma(p, r * z, tail)
    var q = fma(c(-1.13596475577881948265e-11), z, c(2.08757232129817482790e-09))
    q = fma(q, z, c(-2.75573143513906633035e-07))
    q = fma(q, z, c(2.48015872894767294178e-05))
    q = fma(q, z, c(-1.38888888888741095749e-03))
    q = fma(q, z, c(4.16666666666666019037e-02))
    let half = c(0.5) * z
    let main = c(1) - half
    let lost = (c(1) - main) - half
    let cosine = main + (lost + (q * (z * z) - r * tail))
    return (sine, cosine, toBits(shifted))
  }

  @inline(always) private static func choose(
    _ sine: Vector, _ cosine: Vector, _ n: Bits
  ) -> Vector {
    // All ones where n is odd.
    let odd = Bits(repeating: 0) &- (n & Bits(repeating: 1))
    let sign = (n & Bits(repeating: 2)) &<< Bits(repeating: 62)
    return fromBits(toBits(select(sine, cosine, odd)) ^ sign)
  }

  /// Beyond it, and for what is no number, the library.
  private static var reducible: Double { 1e6 }

  @inline(always) static func sin(_ x: Vector) -> Vector {
    if anySet(less(c(reducible), magnitude(x))) { return lanewise(x) { Glibc.sin($0) } }
    let (sine, cosine, n) = reduceAngle(x)
    return select(choose(sine, cosine, n), x, equal(x, c(0)))
  }

  @inline(always) static func cos(_ x: Vector) -> Vector {
    if anySet(less(c(reducible), magnitude(x))) { return lanewise(x) { Glibc.cos($0) } }
    let (sine, cosine, n) = reduceAngle(x)
    return choose(sine, cosine, n &+ Bits(repeating: 1))
  }

  @inline(never) private static func lanewise(
    _ x: Vector, _ f: @convention(c) (Double) -> Double
  ) -> Vector {
    var y = x
    for i in 0..<lanes { y[i] = f(x[i]) }
    return y
  }

  @inline(always) static func sum(_ x: Vector) -> Double {
    let a = x + betty_fold4_f64(x)
    let b = a + betty_fold2_f64(a)
    let c = b + betty_fold1_f64(b)
    return c[0]
  }
  @inline(always) static func product(_ x: Vector) -> Double {
    let a = x * betty_fold4_f64(x)
    let b = a * betty_fold2_f64(a)
    let c = b * betty_fold1_f64(b)
    return c[0]
  }
  @inline(always) static func largest(_ x: Vector) -> Double {
    let a = maximum(x, betty_fold4_f64(x))
    let b = maximum(a, betty_fold2_f64(a))
    let c = maximum(b, betty_fold1_f64(b))
    return c[0]
  }
  @inline(always) static func smallest(_ x: Vector) -> Double {
    let a = minimum(x, betty_fold4_f64(x))
    let b = minimum(a, betty_fold2_f64(a))
    let c = minimum(b, betty_fold1_f64(b))
    return c[0]
  }
  @inline(always) static func first(_ count: Int) -> Mask {
    let inside =
      Bits(0, 1, 2, 3, 4, 5, 6, 7)
      .< Bits(repeating: Int64(count))
    return unsafeBitCast(inside, to: Bits.self)
  }
  @inline(always) static func loadPart(_ p: RawIn, _ count: Int) -> Vector {
    betty_load_part_f64(p, count)
  }
  @inline(always) static func storePart(_ p: Raw, _ x: Vector, _ count: Int) {
    betty_store_part_f64(p, x, count)
  }
  @inline(always) static func log(_ x: Double) -> Double { Glibc.log(x) }
}
