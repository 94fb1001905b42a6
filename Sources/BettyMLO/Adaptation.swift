// What ∂u/∂g of adaptive optimizers has in common: a difference of products over (√s + ε)³ (SAMA; Choe et
// al., NeurIPS 2023, section 3.2). Like there, √s + ε stands for √s where it is differentiated, and no
// bias correction enters. Invariant: where s is zero and ε too, the factor is zero, not NaN.

import BettyGraph

enum Adaptation {
  /// rate · (a · x − b · y · z) / (√square + eps)³, with scalars `rate`, `a`, `b` and `eps`.
  static func factor(
    rate: Value, _ a: Value, _ x: Value, minus b: Value, _ y: Value, _ z: Value,
    square: Value, eps: Value, in graph: inout Graph
  ) throws -> Value {
    func scaled(_ scalar: Value, _ value: Value) throws -> Value {
      try graph.call(P.mul, [try Vectors.spread(scalar, like: value, in: &graph), value])
    }
    let first = try scaled(a, x)
    let second = try scaled(b, try graph.call(P.mul, [y, z]))
    let top = try scaled(rate, try graph.call(P.sub, [first, second]))
    // √ of a variance: a difference that rounding may leave below zero.
    let zero = try graph.constant(0, like: square)
    let root = try graph.call(P.sqrt, [try graph.call(P.maximum, [square, zero])])
    let base = try graph.call(P.add, [root, try Vectors.spread(eps, like: root, in: &graph)])
    // Divided one by one: the cube of a small number leaves the range of f32.
    let isZero = try graph.call(P.eq, [base, zero])
    let one = try graph.constant(1, like: base)
    let divisor = try graph.call(P.select, [isZero, one, base])
    var result = top
    for _ in 0..<3 { result = try graph.call(P.div, [result, divisor]) }
    return try graph.call(P.select, [isZero, zero, result])
  }
}
