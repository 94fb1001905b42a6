// The inverse of erf: x times a polynomial in w = -log(1 - x²), of its root where x is near ±1, as in
// Giles, Approximating the erfinv function (GPU Computing Gems, 2011), fitted anew to the digits of
// each type. ±1 gives infinity, and what is beyond is no number.

import BettyKernelInterface

extension FloatElement {
  @inline(always) static func inverseErf(_ x: Vector) -> Vector {
    let one = splat(1)
    let w = negate(log((one - x) * (one + x)))
    let result = inverseErf(x, w)
    return select(result, x * splat(.infinity), equal(magnitude(x), one))
  }
}

extension F32 {
  @inline(always) static func inverseErf(_ x: Vector, _ w: Vector) -> Vector {
    let outer = far(x, squareRoot(w) - splat(3.125))
    return select(outer, near(x, w - splat(2.5)), less(w, splat(5)))
  }

  /// w < 5
  @inline(always) private static func near(_ x: Vector, _ t: Vector) -> Vector {
    var p = multiplyAdd(splat(-8.790656203e-09), t, splat(2.323264781e-08))
    p = multiplyAdd(p, t, splat(4.661652042e-07))
    p = multiplyAdd(p, t, splat(-3.462705081e-06))
    p = multiplyAdd(p, t, splat(-4.96332359e-06))
    p = multiplyAdd(p, t, splat(0.0002183444449))
    p = multiplyAdd(p, t, splat(-0.001252741902))
    p = multiplyAdd(p, t, splat(-0.004177386872))
    p = multiplyAdd(p, t, splat(0.2466402799))
    return multiplyAdd(x, splat(0.875), x * multiplyAdd(p, t, splat(0.62640935)))
  }

  /// w < 17.6
  @inline(always) private static func far(_ x: Vector, _ t: Vector) -> Vector {
    var p = multiplyAdd(splat(9.863066225e-05), t, splat(-0.0001803647756))
    p = multiplyAdd(p, t, splat(-0.0002687947999))
    p = multiplyAdd(p, t, splat(0.001321782125))
    p = multiplyAdd(p, t, splat(-0.00255282619))
    p = multiplyAdd(p, t, splat(0.003775865538))
    p = multiplyAdd(p, t, splat(-0.005294265691))
    p = multiplyAdd(p, t, splat(0.00704999594))
    p = multiplyAdd(p, t, splat(1.003718376))
    return multiplyAdd(x, splat(3), x * multiplyAdd(p, t, splat(-0.041679859)))
  }
}

extension F64 {
  @inline(always) static func inverseErf(_ x: Vector, _ w: Vector) -> Vector {
    let root = squareRoot(w)
    let outer = far(x, root - splat(5))
    let inner = select(outer, middle(x, root - splat(3.25)), less(w, splat(16)))
    return select(inner, near(x, w - splat(3.125)), less(w, splat(6.25)))
  }

  /// w < 6.25
  @inline(always) private static func near(_ x: Vector, _ t: Vector) -> Vector {
    var p = multiplyAdd(splat(3.3369646339759644e-21), t, splat(-1.0936727790499083e-21))
    p = multiplyAdd(p, t, splat(-3.5550629141092108e-19))
    p = multiplyAdd(p, t, splat(1.1487520823008735e-18))
    p = multiplyAdd(p, t, splat(1.571318672867623e-17))
    p = multiplyAdd(p, t, splat(-1.3013500368692295e-16))
    p = multiplyAdd(p, t, splat(-4.2263461959205103e-17))
    p = multiplyAdd(p, t, splat(6.5958948360533643e-15))
    p = multiplyAdd(p, t, splat(-3.9994633328077974e-14))
    p = multiplyAdd(p, t, splat(-8.117929857820084e-14))
    p = multiplyAdd(p, t, splat(2.6303798988946337e-12))
    p = multiplyAdd(p, t, splat(-1.2976912826176804e-11))
    p = multiplyAdd(p, t, splat(-5.4142475787039121e-11))
    p = multiplyAdd(p, t, splat(1.0512182549447913e-09))
    p = multiplyAdd(p, t, splat(-4.1126617930697475e-09))
    p = multiplyAdd(p, t, splat(-2.9070382493900796e-08))
    p = multiplyAdd(p, t, splat(4.2347881883801742e-07))
    p = multiplyAdd(p, t, splat(-1.3654691847541212e-06))
    p = multiplyAdd(p, t, splat(-1.3882523395621957e-05))
    p = multiplyAdd(p, t, splat(0.00018673420802444129))
    p = multiplyAdd(p, t, splat(-0.00074070253415400899))
    p = multiplyAdd(p, t, splat(-0.0060336708714277959))
    p = multiplyAdd(p, t, splat(0.24015818242558828))
    return multiplyAdd(x, splat(0.875), x * multiplyAdd(p, t, splat(0.77865456268310274)))
  }

  /// w < 16
  @inline(always) private static func middle(_ x: Vector, _ t: Vector) -> Vector {
    var p = multiplyAdd(splat(3.3001129349453098e-09), t, splat(9.0767763346616069e-08))
    p = multiplyAdd(p, t, splat(-2.7793872961469362e-07))
    p = multiplyAdd(p, t, splat(1.8191909849928816e-08))
    p = multiplyAdd(p, t, splat(1.5056709633211816e-06))
    p = multiplyAdd(p, t, splat(-4.0137998158354255e-06))
    p = multiplyAdd(p, t, splat(2.9217704107540268e-06))
    p = multiplyAdd(p, t, splat(1.2475258209789138e-05))
    p = multiplyAdd(p, t, splat(-4.7317671655043345e-05))
    p = multiplyAdd(p, t, splat(6.8284868492867262e-05))
    p = multiplyAdd(p, t, splat(2.403100148067978e-05))
    p = multiplyAdd(p, t, splat(-0.00035503752379321935))
    p = multiplyAdd(p, t, splat(0.00095328939168183655))
    p = multiplyAdd(p, t, splat(-0.0016882755556664319))
    p = multiplyAdd(p, t, splat(0.002491442095452239))
    p = multiplyAdd(p, t, splat(-0.0037512085075855971))
    p = multiplyAdd(p, t, splat(0.0053709145536039067))
    p = multiplyAdd(p, t, splat(1.0052589676941595))
    return multiplyAdd(x, splat(3), x * multiplyAdd(p, t, splat(0.083885610492220319)))
  }

  /// w < 36.9
  @inline(always) private static func far(_ x: Vector, _ t: Vector) -> Vector {
    var p = multiplyAdd(splat(3.4883241764233309e-11), t, splat(-2.6493141758081638e-11))
    p = multiplyAdd(p, t, splat(-4.0416764903999143e-10))
    p = multiplyAdd(p, t, splat(1.5053812580810221e-09))
    p = multiplyAdd(p, t, splat(-3.5284619998594747e-09))
    p = multiplyAdd(p, t, splat(7.6191696433859107e-09))
    p = multiplyAdd(p, t, splat(-1.5203640310741011e-08))
    p = multiplyAdd(p, t, splat(2.9145125314739947e-08))
    p = multiplyAdd(p, t, splat(-6.7582264719994265e-08))
    p = multiplyAdd(p, t, splat(2.2900615051393604e-07))
    p = multiplyAdd(p, t, splat(-9.9302200324495319e-07))
    p = multiplyAdd(p, t, splat(4.5260622416002163e-06))
    p = multiplyAdd(p, t, splat(-1.9681771785241019e-05))
    p = multiplyAdd(p, t, splat(7.5995277079313317e-05))
    p = multiplyAdd(p, t, splat(-0.00021503011975838743))
    p = multiplyAdd(p, t, splat(-0.0001387193183389697))
    p = multiplyAdd(p, t, splat(1.0103004648645442))
    return multiplyAdd(x, splat(4.875), x * multiplyAdd(p, t, splat(-0.025093598591415578)))
  }
}
