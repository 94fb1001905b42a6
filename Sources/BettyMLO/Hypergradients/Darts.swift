// Finite difference with the identity for the inverse Hessian (DARTS; Liu, Simonyan, Yang, ICLR 2019,
// eq. 8): with ε = α / ‖v‖,
//   −vᵀ ∂²L/∂θ∂λ ≈ −(∂L(θ + εv)/∂λ − ∂L(θ − εv)/∂λ) / 2ε.
// Both losses are the recorded one with θ substituted: same batch, same random keys.

import BettyGraph
import BettyTransform

struct Darts: HypergradientMethod {
  static let name = "darts"
  static let options: [(name: String, value: Double)] = [
    (name: "darts_alpha", value: 0.01), (name: "darts_multitask", value: 0),
  ]

  let alpha: Double

  init(options: [String: Double]) {
    alpha = options["darts_alpha"] ?? 0.01
  }

  func product(
    of vector: [Value], lower: LowerProblem, upper: [Value], in graph: inout Graph
  ) throws -> [Value?] {
    guard let square = try Vectors.dot(vector, vector, in: &graph) else {
      return upper.map { _ in nil }
    }
    let norm = try graph.call(P.sqrt, [square])
    // A zero vector has a zero product; the floor keeps ε finite so that 0 · ε is 0.
    let floor = try graph.constant(1e-30, like: norm)
    let bounded = try graph.call(P.maximum, [norm, floor])
    let radius = try graph.constant(alpha, like: norm)
    let epsilon = try graph.call(P.div, [radius, bounded])

    let above = try gradient(at: epsilon, vector, lower, upper, in: &graph)
    let negative = try graph.call(P.neg, [epsilon])
    let below = try gradient(at: negative, vector, lower, upper, in: &graph)

    let two = try graph.constant(2, like: epsilon)
    let width = try graph.call(P.mul, [two, epsilon])
    return try zip(above, below).map { plus, minus in
      guard let plus, let minus else { return nil }
      let difference = try graph.call(P.sub, [minus, plus])
      let divisor = try Vectors.spread(width, like: difference, in: &graph)
      return try graph.call(P.div, [difference, divisor])
    }
  }

  /// ∂L(θ + step · v)/∂λ. The perturbed point is a constant: v may itself depend on λ.
  private func gradient(
    at step: Value, _ vector: [Value], _ lower: LowerProblem, _ upper: [Value],
    in graph: inout Graph
  ) throws -> [Value?] {
    var replaced: [(Value, Value)] = []
    for (parameter, direction) in zip(lower.parameters, vector) {
      let moved = try Vectors.addScaled(parameter, step, direction, in: &graph)
      replaced.append((parameter, try graph.call(P.stopGradient, [moved])))
    }
    let losses = try Transform.substitute(&graph, of: [lower.loss], replacing: replaced)
    let one = try graph.constant(1, like: losses[0])
    return try Transform.vjp(&graph, of: losses, cotangents: [one], wrt: upper)
  }
}
