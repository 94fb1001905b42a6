// The score-function estimate (REINFORCE; Williams, Machine Learning 1992) for lower problems that sample:
// with samples aᵢ ~ p_θ and costs cᵢ(λ), the recorded loss is the surrogate
//   S(θ, λ) = meanᵢ log p_θ(aᵢ) · (cᵢ − bᵢ),
// whose derivative by θ estimates ∂E[c]/∂θ, and whose mixed derivative estimates ∂²E[c]/∂θ∂λ: both by the
// score, without a derivative through the sample. bᵢ, the mean cost of the other samples, is a baseline of
// both, since it depends on λ and not on aᵢ. The identity stands for the inverse Hessian: that of S is no
// estimate of the one of E[c].

import BettyGraph

struct Reinforce: HypergradientMethod, ListedMethod {
  static let name = "reinforce"
  static let options: [MethodOption] = []

  init(_ options: MethodOptions) {}

  func product(
    of vector: [Value], lower: inout LowerProblem, upper: [Value], in graph: inout Graph
  ) throws -> [Value?] {
    try MixedProduct.appended(of: vector, lower: &lower, upper: upper, in: &graph)
  }
}
