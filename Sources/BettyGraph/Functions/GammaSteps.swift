// The gamma family: Stirling's series after a shift to large arguments (Abramowitz and Stegun 6.1.41,
// 6.3.18, 6.4.12) and reflection of small ones. Invariant: operands are f64, and every step is
// differentiable, so that derivatives of every order are right too.

import BettyKernelInterface

extension Builder {
  private static let shift = 7
  /// Bernoulli numbers B₂, B₄, …
  private static let bernoulli = [
    1.0 / 6, -1.0 / 30, 1.0 / 42, -1.0 / 30, 5.0 / 66, -691.0 / 2730, 7.0 / 6,
  ]

  /// sum of factor k * w^-(2k + power)
  private mutating func series(
    _ w: Value, power: Int, _ factor: (_ k: Int) -> Double
  ) throws -> Value {
    let inverse = try op(P.reciprocal, w)
    let square = try op(P.mul, inverse, inverse)
    let count = Self.bernoulli.count
    var sum = try full(factor(count), shape(w), .f64)
    for k in (1..<count).reversed() { sum = try op(P.add, op(P.mul, sum, square), factor(k)) }
    for _ in 0..<(2 + power) { sum = try op(P.mul, sum, inverse) }
    return sum
  }

  /// (1 - x where x < 1/2 else x, whether it was turned)
  private mutating func turned(_ x: Value) throws -> (Value, Value) {
    let isTurned = try op(P.lt, x, 0.5)
    return (try select(isTurned, op(P.sub, 1, x), x), isTurned)
  }

  /// π times the distance to the nearest integer, 1/4 where it is not needed.
  private mutating func angle(_ x: Value, where needed: Value) throws -> Value {
    let near = try op(P.sub, x, op(P.round, x))
    return try op(P.mul, select(needed, near, 0.25), Double.pi)
  }

  /// The logarithm of |gamma|. At 0 it is that of 1 / |x|, at infinity a square: their slopes are right.
  mutating func logGamma(_ x: Value) throws -> Value {
    let (isZero, isInfinite) = try (op(P.eq, x, 0), op(P.eq, op(P.abs, x), .infinity))
    let usual = try usualLogGamma(select(op(P.logicalOr, isZero, isInfinite), 1, x))
    let atZero = try op(P.neg, op(P.log, select(isZero, x, 1)))
    let square = try select(isInfinite, x, 1)
    return try select(isZero, atZero, select(isInfinite, op(P.mul, square, square), usual))
  }

  private mutating func usualLogGamma(_ x: Value) throws -> Value {
    let (z, isTurned) = try turned(x)
    let isSmall = try op(P.lt, z, 8)
    let low = try select(isSmall, z, 1)
    var product = low
    for step in 1..<Self.shift { product = try op(P.mul, product, op(P.add, low, Double(step))) }
    let w = try select(isSmall, op(P.add, z, Double(Self.shift)), z)
    let main = try op(P.sub, op(P.mul, op(P.sub, w, 0.5), op(P.log, w)), w)
    let tail = try series(w, power: -1) { k in
      Self.bernoulli[k - 1] / Double(2 * k * (2 * k - 1))
    }
    let stirling = try op(P.add, op(P.add, main, 0.9189385332046727), tail)
    let direct = try op(P.sub, stirling, select(isSmall, op(P.log, product), 0))
    let sine = try op(P.abs, op(P.sin, angle(x, where: isTurned)))
    let reflected = try op(P.sub, op(P.sub, 1.1447298858494002, op(P.log, sine)), direct)
    return try select(isTurned, reflected, direct)
  }

  /// The derivative of logGamma: not a number at negative integers, where it jumps, and -1 / x at 0.
  mutating func digamma(_ x: Value) throws -> Value {
    let isZero = try op(P.eq, x, 0)
    let isPole = try op(P.logicalAnd, op(P.le, x, 0), op(P.eq, x, op(P.round, x)))
    let usual = try usualDigamma(select(isPole, 1, x))
    let atZero = try op(P.neg, op(P.reciprocal, select(isZero, x, 1)))
    return try select(isZero, atZero, select(isPole, .nan, usual))
  }

  private mutating func usualDigamma(_ x: Value) throws -> Value {
    let (z, isTurned) = try turned(x)
    var sum = try op(P.reciprocal, z)
    for step in 1..<Self.shift {
      sum = try op(P.add, sum, op(P.reciprocal, op(P.add, z, Double(step))))
    }
    let w = try op(P.add, z, Double(Self.shift))
    let tail = try series(w, power: 0) { k in Self.bernoulli[k - 1] / Double(2 * k) }
    let half = try op(P.mul, op(P.reciprocal, w), 0.5)
    let direct = try op(
      P.sub, op(P.sub, op(P.sub, op(P.log, w), half), tail), sum)
    let angle = try angle(x, where: isTurned)
    let cotangent = try op(P.div, op(P.cos, angle), op(P.sin, angle))
    return try select(
      isTurned, op(P.sub, direct, op(P.mul, cotangent, Double.pi)), direct)
  }

  /// Derivatives of digamma; for negative arguments only the first.
  mutating func polygamma(_ n: Int, _ x: Value) throws -> Value {
    var (z, isTurned) = try turned(x)
    if n > 1 { z = try select(op(P.gt, x, 0), x, .nan) }
    func factorial(_ n: Int) -> Double { n < 2 ? 1 : (2...n).reduce(1) { $0 * Double($1) } }
    func power(_ b: inout Builder, _ base: Value, _ exponent: Int) throws -> Value {
      try b.op(P.pow, base, Double(-exponent))
    }
    let shift = Self.shift + n
    var sum = try power(&self, z, n + 1)
    for step in 1..<shift {
      sum = try op(P.add, sum, power(&self, op(P.add, z, Double(step)), n + 1))
    }
    let w = try op(P.add, z, Double(shift))
    var total = try op(P.mul, sum, factorial(n))
    total = try op(P.add, total, op(P.mul, power(&self, w, n), factorial(n - 1)))
    total = try op(P.add, total, op(P.mul, power(&self, w, n + 1), factorial(n) / 2))
    let tail = try series(w, power: n) { k in
      Self.bernoulli[k - 1] * factorial(2 * k + n - 1) / factorial(2 * k)
    }
    total = try op(P.add, total, tail)
    if n > 1 { return n % 2 == 1 ? total : try op(P.neg, total) }
    let sine = try op(P.sin, angle(x, where: isTurned))
    let reflected = try op(
      P.sub, op(P.div, Double.pi * Double.pi, op(P.mul, sine, sine)), total)
    return try select(isTurned, reflected, total)
  }
}
