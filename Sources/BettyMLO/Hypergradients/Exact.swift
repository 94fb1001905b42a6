// The mixed product without ε, again with the identity for the inverse Hessian: forward over reverse
// (Pearlmutter, Neural Computation 1994), −vᵀ ∂²L/∂θ∂λ = −d/dt ∂L(θ + tv)/∂λ at t = 0.

import BettyGraph
import BettyTransform

struct Exact: HypergradientMethod, ListedMethod {
  var calls: (gradients: Int, products: Int)? { (1, 1) }
  static let name = "exact"
  let givesZeros = true
  static let options: [MethodOption] = []

  init(_ options: MethodOptions) {}

  func product(
    of vector: [Value], lower: inout LowerProblem, upper: [Value], in graph: inout Graph
  ) throws -> [Value?] {
    try MixedProduct.appended(of: vector, lower: &lower, upper: upper, in: &graph)
  }
}

/// −vᵀ ∂²L/∂θ∂λ, with which the solving methods end.
enum MixedProduct {
  /// `throughStops`: ∂L/∂λ is taken where the loss lets it flow; how it changes with θ is then taken of
  /// detached parts as well.
  static func appended(
    of vector: [Value], lower: inout LowerProblem, upper: [Value], throughStops: Bool = false,
    in graph: inout Graph
  ) throws -> [Value?] {
    lower.solution = vector
    let gradients = try lower.gradients(by: upper, in: &graph)
    let present = gradients.compactMap { $0 }
    let parameters = lower.parameters
    let tangents = try GradientScale.linear(lower.scale, vector, in: &graph) { graph, vector in
      try Transform.jvp(
        &graph, of: present, wrt: parameters, tangents: vector, throughStops: throughStops)
    }
    var next = tangents.makeIterator()
    return try gradients.map { gradient in
      guard gradient != nil, let tangent = next.next() ?? nil else { return nil }
      return try graph.call(P.neg, [tangent])
    }
  }
}
