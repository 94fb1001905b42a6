// Elementary functions of f32, 16 lanes at a time, to 1 or 2 units in the last place. The
// reductions and polynomials of exp, log, sin and cos are those of Moshier's Cephes library (1989),
// refitted for fused arithmetic; erf is a minimax polynomial below and an exponential of one above
// 0.93.

import BettyKernelInterface
import CBettySupport
import Glibc

@inline(always) private func c(_ x: Float) -> F32.Vector { F32.Vector(repeating: x) }
@inline(always) private func fma(
  _ a: F32.Vector, _ b: F32.Vector, _ c: F32.Vector
) -> F32.Vector { F32.multiplyAdd(a, b, c) }

extension F32: FloatElement {
  typealias Bits = SIMD16<Int32>
  @inline(always) static var signBit: Bits { Bits(repeating: .min) }
  @inline(always) static func fromBits(_ x: Bits) -> Vector {
    unsafeBitCast(x, to: Vector.self)
  }
  @inline(always) static func magnitude(_ x: Vector) -> Vector { fromBits(toBits(x) & ~signBit) }
  @inline(always) static func negate(_ x: Vector) -> Vector { fromBits(toBits(x) ^ signBit) }
  @inline(always) static func withSign(_ x: Vector, of y: Vector) -> Vector {
    fromBits(toBits(x) | (toBits(y) & signBit))
  }
  @inline(always) static func squareRoot(_ x: Vector) -> Vector { betty_sqrt_f32(x) }
  @inline(always) static func floor(_ x: Vector) -> Vector { betty_floor_f32(x) }
  @inline(always) static func ceil(_ x: Vector) -> Vector { betty_ceil_f32(x) }
  @inline(always) static func round(_ x: Vector) -> Vector { betty_round_f32(x) }
  @inline(always) static func truncate(_ x: Vector) -> Vector { betty_trunc_f32(x) }

  /// The largest x with a finite exp, and the smallest with a normal one.
  @inline(always) static var largestExponent: Float { 88.7228394 }
  @inline(always) static var smallestExponent: Float { -87.3365448 }

  /// x = n log(2) + r: (n in the low bits of a float, expm1(r)).
  @inline(always) private static func reduce(_ x: Vector) -> (Vector, Vector) {
    // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits.
    let magic = c(12_582_912)
    let shifted = fma(x, c(1.44269504), magic)
    let n = shifted - magic
    let high = fma(n, c(-0.693359375), x)
    let r = fma(n, c(2.12194440e-4), high)
    var p = fma(c(1.9875691500e-4), r, c(1.3981999507e-3))
    p = fma(p, r, c(8.3334519073e-3))
    p = fma(p, r, c(4.1665795894e-2))
    p = fma(p, r, c(1.6666665459e-1))
    p = fma(p, r, c(5.0000001201e-1))
    return (shifted, fma(p, r * r, r))
  }

  /// (2^(n - 1), expm1(r)) for x = n log(2) + r.
  @inline(always) static func reduceExp(_ x: Vector) -> (Vector, Vector) {
    let (shifted, rest) = reduce(x)
    let exponent = (toBits(shifted) &+ Bits(repeating: 126)) &<< Bits(repeating: 23)
    return (fromBits(exponent), rest)
  }

  #if BETTY_AVX512
    /// Beyond the bounds the result is 0 or infinite; scaling rounds and overflows as it should.
    @inline(always) static func exp(_ x: Vector) -> Vector {
      let (shifted, rest) = reduce(betty_clamp_f32(x, -104, 89))
      return betty_scale_f32(rest + c(1), shifted - c(12_582_912))
    }
  #else
    @inline(always) static func exp(_ x: Vector) -> Vector {
      let (shifted, rest) = reduce(x)
      let one = rest + c(1)
      let scaled = fromBits(toBits(one) &+ (toBits(shifted) &<< Bits(repeating: 23)))
      let kept = select(scaled, c(0), less(x, c(smallestExponent)))
      // The comparison is true for NaN as well, and NaN times infinity is NaN.
      return select(kept, x * c(.infinity), not(lessOrEqual(x, c(largestExponent))))
    }
  #endif

  @inline(always) static func log(_ x: Vector) -> Vector {
    let tiny = less(x, c(0x1p-126))
    let normal = select(x, x * c(8_388_608), tiny)
    let bias = select(c(8_388_608 + 127), c(8_388_608 + 127 + 23), tiny)
    // Moves the boundary between exponents from 1 to sqrt(1/2), so that m is in [sqrt(1/2),
    // sqrt(2)).
    let moved = toBits(normal) &+ Bits(repeating: 0x3f80_0000 &- 0x3f35_04f3)
    let exponent = unsafeBitCast(
      unsafeBitCast(moved, to: SIMD16<UInt32>.self) &>> SIMD16<UInt32>(repeating: 23),
      to: Bits.self)
    let mantissa = moved & Bits(repeating: 0x007f_ffff)
    let f = fromBits(mantissa &+ Bits(repeating: 0x3f35_04f3)) - c(1)
    let n = fromBits(exponent | Bits(repeating: 0x4b00_0000)) - bias
    var p = fma(c(7.0376836292e-2), f, c(-1.1514610310e-1))
    p = fma(p, f, c(1.1676998740e-1))
    p = fma(p, f, c(-1.2420140846e-1))
    p = fma(p, f, c(1.4249322787e-1))
    p = fma(p, f, c(-1.6668057665e-1))
    p = fma(p, f, c(2.0000714765e-1))
    p = fma(p, f, c(-2.4999993993e-1))
    p = fma(p, f, c(3.3333331174e-1))
    let square = f * f
    let low = fma(n, c(-2.12194440e-4), p * (square * f))
    let sum = f + fma(square, c(-0.5), low)
    let result = fma(n, c(0.693359375), sum)
    let zero = select(result, c(-.infinity), equal(x, c(0)))
    let negative = select(zero, c(.nan), less(x, c(0)))
    return select(negative, x, not(less(x, c(.infinity))))
  }

  @inline(always) static func erf(_ x: Vector) -> Vector {
    let t = magnitude(x)
    let s = x * x
    let high = fma(c(-1.72853470e-5), t, c(3.83197126e-4))
    let low = fma(c(-3.88396438e-3), t, c(2.42546219e-2))
    var r = fma(high, s, low)
    r = fma(r, t, c(-1.06777877e-1))
    r = fma(r, t, c(-6.34846687e-1))
    r = fma(r, t, c(-1.28717512e-1))
    let exponent = fma(r, t, negate(t))
    let far = select(exponent, c(-87), less(c(4), t))
    let outer = withSign(c(1) - exp(far), of: x)
    var p = fma(c(-5.96761703e-4), s, c(4.99119423e-3))
    p = fma(p, s, c(-2.67681349e-2))
    p = fma(p, s, c(1.12819925e-1))
    p = fma(p, s, c(-3.76125336e-1))
    p = fma(p, s, c(1.28379166e-1))
    let inner = fma(p, x, x)
    return select(inner, outer, less(c(0.927734375), t))
  }

  #if BETTY_FMA
    private static var reducible: Float { 105_000 }
  #else
    private static var reducible: Float { 8192 }
  #endif

  /// (sin(r), cos(r), n) for x = n pi/2 + r with |r| <= pi/4; n is in the low bits.
  @inline(always) private static func reduceAngle(_ x: Vector) -> (Vector, Vector, Bits) {
    let magic = c(12_582_912)
    let shifted = fma(x, c(0.636619772), magic)
    let n = shifted - magic
    #if BETTY_FMA
      var r = fma(n, c(-1.57079601), x)
      r = fma(n, c(-3.13916473e-7), r)
      r = fma(n, c(-5.39030253e-15), r)
    #else
      // Without fusing, the products with the first two parts must be exact.
      var r = x - n * c(1.5703125)
      r = r - n * c(4.837512969970703125e-4)
      r = r - n * c(7.54978995489188216e-8)
    #endif
    let s = r * r
    var p = fma(c(2.86567956e-6), s, c(-1.98559923e-4))
    p = fma(p, s, c(8.33338592e-3))
    p = fma(p, s, c(-1.66666672e-1))
    let sine = fma(p, r * s, r)
    var q = fma(c(2.44677067e-5), s, c(-1.38877297e-3))
    q = fma(q, s, c(4.16666567e-2))
    q = fma(q, s, c(-0.5))
    let cosine = fma(q, s, c(1))
    return (sine, cosine, toBits(shifted))
  }

  @inline(always) private static func choose(
    _ sine: Vector, _ cosine: Vector, _ n: Bits
  ) -> Vector {
    // All ones where n is odd.
    let odd = Bits(repeating: 0) &- (n & Bits(repeating: 1))
    let sign = (n & Bits(repeating: 2)) &<< Bits(repeating: 30)
    return fromBits(toBits(select(sine, cosine, odd)) ^ sign)
  }

  @inline(always) static func sin(_ x: Vector) -> Vector {
    if anySet(less(c(reducible), magnitude(x))) { return lanewise(x, sinf) }
    let (sine, cosine, n) = reduceAngle(x)
    return choose(sine, cosine, n)
  }

  @inline(always) static func cos(_ x: Vector) -> Vector {
    if anySet(less(c(reducible), magnitude(x))) { return lanewise(x, cosf) }
    let (sine, cosine, n) = reduceAngle(x)
    return choose(sine, cosine, n &+ Bits(repeating: 1))
  }

  @inline(never) private static func lanewise(
    _ x: Vector, _ f: @convention(c) (Float) -> Float
  ) -> Vector {
    var y = x
    for i in 0..<lanes { y[i] = f(x[i]) }
    return y
  }

  @inline(always) static func sum(_ x: Vector) -> Float {
    let a = x + betty_fold8_f32(x)
    let b = a + betty_fold4_f32(a)
    let c = b + betty_fold2_f32(b)
    let d = c + betty_fold1_f32(c)
    return d[0]
  }
  @inline(always) static func product(_ x: Vector) -> Float {
    let a = x * betty_fold8_f32(x)
    let b = a * betty_fold4_f32(a)
    let c = b * betty_fold2_f32(b)
    let d = c * betty_fold1_f32(c)
    return d[0]
  }
  @inline(always) static func largest(_ x: Vector) -> Float {
    let a = maximum(x, betty_fold8_f32(x))
    let b = maximum(a, betty_fold4_f32(a))
    let c = maximum(b, betty_fold2_f32(b))
    let d = maximum(c, betty_fold1_f32(c))
    return d[0]
  }
  @inline(always) static func smallest(_ x: Vector) -> Float {
    let a = minimum(x, betty_fold8_f32(x))
    let b = minimum(a, betty_fold4_f32(a))
    let c = minimum(b, betty_fold2_f32(b))
    let d = minimum(c, betty_fold1_f32(c))
    return d[0]
  }
  @inline(always) static func first(_ count: Int) -> Mask {
    let inside =
      Bits(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
      .< Bits(repeating: Int32(truncatingIfNeeded: count))
    return unsafeBitCast(inside, to: Bits.self)
  }
  @inline(always) static func loadPart(_ p: RawIn, _ count: Int) -> Vector {
    betty_load_part_f32(p, count)
  }
  @inline(always) static func storePart(_ p: Raw, _ x: Vector, _ count: Int) {
    betty_store_part_f32(p, x, count)
  }
  @inline(always) static func log(_ x: Float) -> Float { logf(x) }
}
