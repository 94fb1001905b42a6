// The mixed product by a central finite difference, with ε = R / ‖v‖:
//   −vᵀ ∂²L/∂θ∂λ ≈ −(∂L(θ + εv)/∂λ − ∂L(θ − εv)/∂λ) / 2ε.
// Both losses are the recorded one with θ substituted: same batch, same random keys. In low precision θ ± εv
// rounds to θ, so the product is taken exactly, which is what the difference tends to (Pearlmutter, Neural
// Computation 1994); it moves what the loss has detached from θ too. Invariant: a zero vector has a zero
// product.

import BettyGraph
import BettyTransform

struct FiniteDifference {
  /// R: how far θ is moved.
  let radius: Double
  /// The parameters stay at θ − εv, as one more step of the lower problem towards the upper loss.
  let staysBelow: Bool

  func product(
    of vector: [Value], lower: inout LowerProblem, upper: [Value], in graph: inout Graph
  ) throws -> [Value?] {
    guard let square = try Vectors.dot(vector, vector, in: &graph) else {
      return upper.map { _ in nil }
    }
    lower.solution = vector
    let norm = try graph.call(P.sqrt, [square])
    // The floor keeps ε finite so that 0 · ε is 0.
    let floor = try graph.constant(1e-30, like: norm)
    let bounded = try graph.call(P.maximum, [norm, floor])
    let epsilon = try graph.call(P.div, [try graph.constant(radius, like: norm), bounded])

    if lower.isLow {
      if staysBelow {
        let back = try graph.call(P.neg, [epsilon])
        lower.moved = try moved(lower.parameters, by: back, along: vector, in: &graph)
      }
      return try MixedProduct.appended(
        of: vector, lower: &lower, upper: upper, throughStops: true, in: &graph)
    }
    let above = try gradient(at: epsilon, vector, lower, upper, in: &graph).gradient
    let negative = try graph.call(P.neg, [epsilon])
    let (below, point) = try gradient(at: negative, vector, lower, upper, in: &graph)
    if staysBelow { lower.moved = point }

    let two = try graph.constant(2, like: epsilon)
    let width = try graph.call(P.mul, [two, epsilon])
    return try zip(above, below).map { plus, minus in
      guard let plus, let minus else { return nil }
      let difference = try graph.call(P.sub, [minus, plus])
      let divisor = try Vectors.spread(width, like: difference, in: &graph)
      return try graph.call(P.div, [difference, divisor])
    }
  }

  private func moved(
    _ parameters: [Value], by step: Value, along vector: [Value], in graph: inout Graph
  ) throws -> [Value] {
    try zip(parameters, vector).map { parameter, direction in
      try graph.call(
        P.stopGradient, [try Vectors.addScaled(parameter, step, direction, in: &graph)])
    }
  }

  /// ∂L(θ + step · v)/∂λ and θ + step · v. The perturbed point is a constant: v may itself depend on λ.
  private func gradient(
    at step: Value, _ vector: [Value], _ lower: LowerProblem, _ upper: [Value],
    in graph: inout Graph
  ) throws -> (gradient: [Value?], point: [Value]) {
    let point = try moved(lower.parameters, by: step, along: vector, in: &graph)
    let losses = try Transform.substitute(
      &graph, of: [lower.loss], replacing: Array(zip(lower.parameters, point)))
    let one = try graph.constant(1, like: losses[0])
    return (try Transform.vjp(&graph, of: losses, cotangents: [one], wrt: upper), point)
  }
}
