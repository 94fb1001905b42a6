// Adadelta (Zeiler, 2012) with PyTorch's options:
//   s ← ρ s + (1 − ρ) g²,  δ = √(a + eps) / √(s + eps) · g,  a ← ρ a + (1 − ρ) δ²,  θ ← θ − lr · δ.

import BettyGraph

enum Adadelta: OptimizerRule {
  static let name = "Adadelta"
  static let hyperparameters = [
    Hyperparameter("lr", 1), Hyperparameter("rho", 0.9, .unitInterval), Hyperparameter("eps", 1e-6),
    Hyperparameter("weight_decay", 0), Hyperparameter("maximize", 0, .flag),
  ]

  static func structure(_ hyper: [Double]) -> Int {
    Directed.structure(decay: hyper[3], maximize: hyper[4])
  }

  static func stateNames(structure: Int) -> [String] { ["square_avg", "acc_delta"] }

  static func form(structure: Int) -> RuntimeForm { .scalars }

  /// lr, ρ, 1 − ρ, eps, weight decay.
  static func runtime(_ hyper: [Double], structure: Int, step: Int) -> [Double] {
    [hyper[0], hyper[1], 1 - hyper[1], hyper[2], hyper[3]]
  }

  static func update(
    parameter: Value, gradient: Value, state: [Value], hyper: [Value], structure: Int,
    in graph: inout Graph
  ) throws -> (parameter: Value, state: [Value]) {
    let gradient = try Directed.gradient(
      gradient, of: parameter, decay: hyper[4], structure: structure, in: &graph)
    func average(_ old: Value, squared new: Value) throws -> Value {
      let square = try graph.call(P.mul, [new, new])
      return try Directed.average(old, square, keep: hyper[1], take: hyper[2], in: &graph)
    }
    func root(_ square: Value) throws -> Value {
      let margin = try Vectors.spread(hyper[3], like: square, in: &graph)
      return try Directed.root(try graph.call(P.add, [square, margin]), in: &graph)
    }
    let square = try average(state[0], squared: gradient)
    let ratio = try graph.call(P.div, [try root(state[1]), try root(square)])
    let delta = try graph.call(P.mul, [ratio, gradient])
    let rate = try Vectors.spread(hyper[0], like: parameter, in: &graph)
    return (
      try graph.call(P.sub, [parameter, try graph.call(P.mul, [rate, delta])]),
      [square, try average(state[1], squared: delta)]
    )
  }
}
