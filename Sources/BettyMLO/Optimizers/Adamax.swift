// Adamax (Kingma and Ba, ICLR 2015, algorithm 2) with PyTorch's options:
//   m ← β₁ m + (1 − β₁) g,  u ← max(β₂ u, |g| + eps),  θ ← θ − lr / (1 − β₁ᵗ) · m / u.

import BettyGraph

enum Adamax: OptimizerRule {
  static let name = "Adamax"
  static let hyperparameters = [
    Hyperparameter("lr", 2e-3), Hyperparameter("beta1", 0.9, .unitInterval),
    Hyperparameter("beta2", 0.999, .unitInterval), Hyperparameter("eps", 1e-8),
    Hyperparameter("weight_decay", 0), Hyperparameter("maximize", 0, .flag),
  ]

  static func structure(_ hyper: [Double]) -> Int {
    Directed.structure(decay: hyper[4], maximize: hyper[5])
  }

  static func stateNames(structure: Int) -> [String] { ["exp_avg", "exp_inf"] }

  static func form(structure: Int) -> RuntimeForm { .scalars }

  /// The corrected rate, β₁, 1 − β₁, β₂, eps, weight decay.
  static func runtime(_ hyper: [Double], structure: Int, step: Int) -> [Double] {
    [
      hyper[0] / Directed.correction(hyper[1], step), hyper[1], 1 - hyper[1], hyper[2], hyper[3],
      hyper[4],
    ]
  }

  static func update(
    parameter: Value, gradient: Value, state: [Value], hyper: [Value], structure: Int,
    in graph: inout Graph
  ) throws -> (parameter: Value, state: [Value]) {
    let gradient = try Directed.gradient(
      gradient, of: parameter, decay: hyper[5], structure: structure, in: &graph)
    let mean = try Directed.average(
      state[0], gradient, keep: hyper[1], take: hyper[2], in: &graph)
    let margin = try Vectors.spread(hyper[4], like: gradient, in: &graph)
    let size = try graph.call(P.add, [try graph.call(P.abs, [gradient]), margin])
    let keep = try Vectors.spread(hyper[3], like: gradient, in: &graph)
    let norm = try graph.call(P.maximum, [try graph.call(P.mul, [keep, state[1]]), size])
    // With eps 0 a gradient that was never there would be 0 / 0.
    let change = try Vectors.quotient(mean, over: norm, in: &graph)
    let rate = try Vectors.spread(hyper[0], like: parameter, in: &graph)
    return (
      try graph.call(P.sub, [parameter, try graph.call(P.mul, [rate, change])]), [mean, norm]
    )
  }
}
