// Adagrad (Duchi, Hazan, Singer, JMLR 2011) with PyTorch's options:
//   s ← s + g²,  θ ← θ − lr / (1 + (step − 1) · lr_decay) · g / (√s + eps).

import BettyGraph

enum Adagrad: OptimizerRule {
  static let name = "Adagrad"
  static let hyperparameters = [
    Hyperparameter("lr", 1e-2), Hyperparameter("lr_decay", 0), Hyperparameter("weight_decay", 0),
    Hyperparameter("initial_accumulator_value", 0), Hyperparameter("eps", 1e-10),
    Hyperparameter("maximize", 0, .flag),
  ]

  static func structure(_ hyper: [Double]) -> Int {
    Directed.structure(decay: hyper[2], maximize: hyper[5])
  }

  static func stateNames(structure: Int) -> [String] { ["sum"] }

  static func form(structure: Int) -> RuntimeForm { .scalars }

  /// The rate of this step, weight decay, eps, what enters the zero accumulator before its first use.
  static func runtime(_ hyper: [Double], structure: Int, step: Int) -> [Double] {
    [
      hyper[0] / (1 + Double(step - 1) * hyper[1]), hyper[2], hyper[4], step == 1 ? hyper[3] : 0,
    ]
  }

  static func update(
    parameter: Value, gradient: Value, state: [Value], hyper: [Value], structure: Int,
    in graph: inout Graph
  ) throws -> (parameter: Value, state: [Value]) {
    let gradient = try Directed.gradient(
      gradient, of: parameter, decay: hyper[1], structure: structure, in: &graph)
    let initial = try Vectors.spread(hyper[3], like: parameter, in: &graph)
    let before = try graph.call(P.add, [state[0], initial])
    let sum = try graph.call(P.add, [before, try graph.call(P.mul, [gradient, gradient])])
    let step = try Directed.quotient(gradient, root: sum, eps: hyper[2], in: &graph)
    let rate = try Vectors.spread(hyper[0], like: parameter, in: &graph)
    return (try graph.call(P.sub, [parameter, try graph.call(P.mul, [rate, step])]), [sum])
  }

  static let adapts = true

  static func adaptationNumbers(_ hyper: [Double], structure: Int, step: Int) -> [Double] {
    [hyper[0] / (1 + Double(max(step - 1, 0)) * hyper[1]), 1, 1, hyper[4]]
  }

  /// The principle of SAMA for u = rate · g / (√s + eps): with ∂s/∂g = 2 g,
  ///   ∂u/∂g = rate · (s − g²) / (√s + eps)³ = rate · s_old / (√s + eps)³.
  static func adaptation(
    gradient: Value, state: [Value], numbers: [Value], structure: Int, in graph: inout Graph
  ) throws -> Value? {
    try Adaptation.factor(
      rate: numbers[0], numbers[1], state[0], minus: numbers[2], gradient, gradient,
      square: state[0], eps: numbers[3], in: &graph)
  }
}
