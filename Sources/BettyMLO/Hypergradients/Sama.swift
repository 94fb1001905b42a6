// The finite difference along what the lower optimizer would make of v (SAMA; Choe et al., NeurIPS 2023,
// section 3): the identity for the inverse Hessian, and ∂u/∂g of an adaptive step u(g) in front of it,
// which each OptimizerRule gives as `adaptation`.

import BettyGraph

struct Sama: HypergradientMethod, ListedMethod {
  var calls: (gradients: Int, products: Int)? { (2, 0) }
  var lowCalls: (gradients: Int, products: Int)? { (1, 1) }
  static let name = "sama"
  let givesZeros = true
  static let options = [
    MethodOption("sama_adam_alpha", 1, .positive), MethodOption("sama_multitask", 0, .flag),
  ]

  let adapts = true
  private let difference: FiniteDifference

  init(_ options: MethodOptions) {
    difference = FiniteDifference(
      radius: options["sama_adam_alpha"], staysBelow: options.flag("sama_multitask"))
  }

  func product(
    of vector: [Value], lower: inout LowerProblem, upper: [Value], in graph: inout Graph
  ) throws -> [Value?] {
    let adapted = try zip(vector, lower.adaptation).map { value, factor in
      try factor.map { try graph.call(P.mul, [value, $0]) } ?? value
    }
    return try difference.product(of: adapted, lower: &lower, upper: upper, in: &graph)
  }
}
