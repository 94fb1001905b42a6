// The finite difference with the identity for the inverse Hessian (DARTS; Liu, Simonyan, Yang, ICLR 2019,
// eq. 8).

import BettyGraph

struct Darts: HypergradientMethod, ListedMethod {
  var calls: (gradients: Int, products: Int)? { (2, 0) }
  var lowCalls: (gradients: Int, products: Int)? { (1, 1) }
  static let name = "darts"
  let givesZeros = true
  static let options = [
    MethodOption("darts_alpha", 0.01, .positive), MethodOption("darts_multitask", 0, .flag),
  ]

  private let difference: FiniteDifference

  init(_ options: MethodOptions) {
    difference = FiniteDifference(
      radius: options["darts_alpha"], staysBelow: options.flag("darts_multitask"))
  }

  func product(
    of vector: [Value], lower: inout LowerProblem, upper: [Value], in graph: inout Graph
  ) throws -> [Value?] {
    try difference.product(of: vector, lower: &lower, upper: upper, in: &graph)
  }
}
