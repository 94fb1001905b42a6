// The inverse Hessian by conjugate gradients (Hestenes and Stiefel, 1952; for hypergradients Pedregosa,
// ICML 2016, and Rajeswaran et al., NeurIPS 2019): K steps on Hx = v from x = 0, one Hessian product
// each. A step along which nothing is left to gain (zero residual or zero curvature) is a zero step,
// so the solution stays finite after it has been found.

import BettyGraph
import BettyTransform

struct ConjugateGradient: HypergradientMethod {
  static let name = "cg"
  static let options = [
    MethodOption("cg_iterations", 1, .count(1000)), MethodOption("cg_alpha", 1),
  ]

  let iterations: Int
  /// Scales the solution, and nothing else.
  let alpha: Double

  init(_ options: MethodOptions) {
    iterations = options.count("cg_iterations")
    alpha = options["cg_alpha"]
  }

  func product(
    of vector: [Value], lower: inout LowerProblem, upper: [Value], in graph: inout Graph
  ) throws -> [Value?] {
    guard let solution = try solve(vector, lower, in: &graph) else { return upper.map { _ in nil } }
    let scaled = try Vectors.scaled(solution, by: alpha, in: &graph)
    return try MixedProduct.appended(of: scaled, lower: lower, upper: upper, in: &graph)
  }

  /// nil where the solution is zero by definition: no parameters or no steps.
  private func solve(
    _ vector: [Value], _ lower: LowerProblem, in graph: inout Graph
  ) throws -> [Value]? {
    guard iterations > 0, var square = try Vectors.dot(vector, vector, in: &graph) else {
      return nil
    }
    let hessian = try HessianProduct(lower, in: &graph)
    var (residual, direction) = (vector, vector)
    var solution = try vector.map { try graph.constant(0, like: $0) }
    for step in 1...iterations {
      let product = try hessian.apply(to: direction, in: &graph)
      guard let curvature = try Vectors.dot(direction, product, in: &graph) else { return nil }
      let length = try quotient(square, curvature, in: &graph)
      solution = try Vectors.addScaled(solution, length, direction, in: &graph)
      if step == iterations { break }
      let back = try graph.call(P.neg, [length])
      residual = try Vectors.addScaled(residual, back, product, in: &graph)
      guard let next = try Vectors.dot(residual, residual, in: &graph) else { return nil }
      let ratio = try quotient(next, square, in: &graph)
      direction = try Vectors.addScaled(residual, ratio, direction, in: &graph)
      square = next
    }
    return solution
  }

  /// a / b, and 0 where b is 0.
  private func quotient(_ a: Value, _ b: Value, in graph: inout Graph) throws -> Value {
    let zero = try graph.constant(0, like: b)
    let one = try graph.constant(1, like: b)
    let isZero = try graph.call(P.eq, [b, zero])
    let divisor = try graph.call(P.select, [isZero, one, b])
    return try graph.call(P.select, [isZero, zero, try graph.call(P.div, [a, divisor])])
  }
}
