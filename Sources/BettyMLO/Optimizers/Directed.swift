// What the elementwise rules share: the sign of the gradient and L2 decay, picked by the structure, moving
// averages, and roots and quotients whose derivatives stay finite where a moment is zero.

import BettyGraph
import Glibc

enum Directed {
  static let usesDecay = 1
  static let maximizes = 2
  /// The first bit that is free for a rule's own.
  static let own = 4

  static func structure(decay: Double, maximize: Double) -> Int {
    (decay != 0 ? usesDecay : 0) | (maximize != 0 ? maximizes : 0)
  }

  static func gradient(
    _ gradient: Value, of parameter: Value, decay: Value, structure: Int, in graph: inout Graph
  ) throws -> Value {
    var result = gradient
    if structure & maximizes != 0 { result = try graph.call(P.neg, [result]) }
    if structure & usesDecay != 0 {
      result = try Vectors.addScaled(result, decay, parameter, in: &graph)
    }
    return result
  }

  /// keep · old + take · new, with scalars.
  static func average(
    _ old: Value, _ new: Value, keep: Value, take: Value, in graph: inout Graph
  ) throws -> Value {
    let factor = try Vectors.spread(keep, like: old, in: &graph)
    return try Vectors.addScaled(
      try graph.call(P.mul, [factor, old]), take, new, in: &graph)
  }

  /// √x with derivative 0 at 0 (and 0 below, where rounding may lead a variance): a parameter that never
  /// had a gradient must not give NaN.
  static func root(_ square: Value, in graph: inout Graph) throws -> Value {
    let zero = try graph.constant(0, like: square)
    let isPositive = try graph.call(P.gt, [square, zero])
    let base = try graph.call(
      P.select, [isPositive, square, try graph.constant(1, like: square)])
    return try graph.call(P.select, [isPositive, try graph.call(P.sqrt, [base]), zero])
  }

  /// value / (√square + eps)
  static func quotient(
    _ value: Value, root square: Value, eps: Value, in graph: inout Graph
  ) throws -> Value {
    let margin = try Vectors.spread(eps, like: value, in: &graph)
    let root = try root(square, in: &graph)
    return try Vectors.quotient(value, over: try graph.call(P.add, [root, margin]), in: &graph)
  }

  // MARK: Numbers

  /// base^exponent for a base in (0, 1].
  static func power(_ base: Double, _ exponent: Double) -> Double { Glibc.pow(base, exponent) }

  /// 1 − factorᵗ
  static func correction(_ factor: Double, _ step: Int) -> Double {
    1 - power(factor, Double(step))
  }
}
