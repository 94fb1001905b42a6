// The inverse Hessian as a truncated Neumann series (Lorraine, Vicol, Duvenaud, AISTATS 2020, alg. 3):
//   H⁻¹v ≈ α Σ_{k=0..K} (I − αH)ᵏ v,
// which converges for 0 < α < 2 / λ_max(H). It costs K Hessian products.

import BettyGraph
import BettyTransform

struct Neumann: HypergradientMethod {
  static let name = "neumann"
  static let options = [
    MethodOption("neumann_iterations", 1, .count(1000)), MethodOption("neumann_alpha", 1),
  ]

  let iterations: Int
  let alpha: Double

  init(_ options: MethodOptions) {
    iterations = options.count("neumann_iterations")
    alpha = options["neumann_alpha"]
  }

  func product(
    of vector: [Value], lower: inout LowerProblem, upper: [Value], in graph: inout Graph
  ) throws -> [Value?] {
    let solution = try inverse(of: vector, lower, in: &graph)
    return try MixedProduct.appended(of: solution, lower: lower, upper: upper, in: &graph)
  }

  private func inverse(
    of vector: [Value], _ lower: LowerProblem, in graph: inout Graph
  ) throws -> [Value] {
    var sum = vector
    if iterations > 0 {
      let hessian = try HessianProduct(lower, in: &graph)
      var term = vector
      for _ in 0..<iterations {
        let product = try hessian.apply(to: term, in: &graph)
        term = try Vectors.addScaled(term, -alpha, product, in: &graph)
        sum = try zip(sum, term).map { try graph.call(P.add, [$0, $1]) }
      }
    }
    return try Vectors.scaled(sum, by: alpha, in: &graph)
  }
}
