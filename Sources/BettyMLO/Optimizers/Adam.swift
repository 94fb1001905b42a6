// Adam (Kingma and Ba, ICLR 2015, algorithm 1) and AdamW (Loshchilov and Hutter, ICLR 2019, algorithm 2),
// with PyTorch's options. They differ in one flag of the update: where weight decay enters.

import BettyGraph

private func adamHyperparameters(weightDecay: Double) -> [Hyperparameter] {
  [
    Hyperparameter("lr", 1e-3), Hyperparameter("beta1", 0.9, .unitInterval),
    Hyperparameter("beta2", 0.999, .unitInterval), Hyperparameter("eps", 1e-8),
    Hyperparameter("weight_decay", weightDecay), Hyperparameter("maximize", 0, .flag),
  ]
}

/// As KernelTable.adam: lr, beta1, beta2, eps, weight decay, decoupled, step, maximize.
private func adamVector(_ hyper: [Double], decoupled: Bool, step: Int) -> [Double] {
  Array(hyper[0..<5]) + [decoupled ? 1 : 0, Double(step), hyper[5]]
}

private func adamUpdate(
  _ parameter: Value, _ gradient: Value, _ state: [Value], _ vector: Value,
  in graph: inout Graph
) throws -> (parameter: Value, state: [Value]) {
  let results = try graph.apply(
    P.adamUpdate, [parameter, gradient, state[0], state[1], vector])
  return (results[0], [results[1], results[2]])
}

/// ∂u/∂g of u = m / (√v + ε), times the rate (SAMA, eq. 5), from the moments after the step:
///   [(1 − β₁) β₂ v_old − β₁ (1 − β₂) g m_old] / (√v + ε)³ = [(1 − β₁) v − (1 − β₂) g m] / (√v + ε)³,
/// since β₂ v_old = v − (1 − β₂) g² and β₁ m_old = m − (1 − β₁) g. Weight decay is left out of g.
private enum AdamAdaptation {
  static func numbers(_ hyper: [Double]) -> [Double] {
    [hyper[0], 1 - hyper[1], 1 - hyper[2], hyper[3]]
  }

  static func factor(
    _ gradient: Value, _ state: [Value], _ numbers: [Value], in graph: inout Graph
  ) throws -> Value {
    try Adaptation.factor(
      rate: numbers[0], numbers[1], state[1], minus: numbers[2], gradient, state[0],
      square: state[1], eps: numbers[3], in: &graph)
  }
}

enum Adam: OptimizerRule {
  static let name = "Adam"
  static let hyperparameters = adamHyperparameters(weightDecay: 0)

  static func stateNames(structure: Int) -> [String] { ["exp_avg", "exp_avg_sq"] }

  static func form(structure: Int) -> RuntimeForm { .vector }

  static func runtime(_ hyper: [Double], structure: Int, step: Int) -> [Double] {
    adamVector(hyper, decoupled: false, step: step)
  }

  static func update(
    parameter: Value, gradient: Value, state: [Value], hyper: [Value], structure: Int,
    in graph: inout Graph
  ) throws -> (parameter: Value, state: [Value]) {
    try adamUpdate(parameter, gradient, state, hyper[0], in: &graph)
  }

  static let adapts = true

  static func adaptationNumbers(_ hyper: [Double], structure: Int, step: Int) -> [Double] {
    AdamAdaptation.numbers(hyper)
  }

  static func adaptation(
    gradient: Value, state: [Value], numbers: [Value], structure: Int, in graph: inout Graph
  ) throws -> Value? {
    try AdamAdaptation.factor(gradient, state, numbers, in: &graph)
  }
}

enum AdamW: OptimizerRule {
  static let name = "AdamW"
  static let hyperparameters = adamHyperparameters(weightDecay: 1e-2)

  static func stateNames(structure: Int) -> [String] { ["exp_avg", "exp_avg_sq"] }

  static func form(structure: Int) -> RuntimeForm { .vector }

  static func runtime(_ hyper: [Double], structure: Int, step: Int) -> [Double] {
    adamVector(hyper, decoupled: true, step: step)
  }

  static func update(
    parameter: Value, gradient: Value, state: [Value], hyper: [Value], structure: Int,
    in graph: inout Graph
  ) throws -> (parameter: Value, state: [Value]) {
    try adamUpdate(parameter, gradient, state, hyper[0], in: &graph)
  }

  static let adapts = true

  static func adaptationNumbers(_ hyper: [Double], structure: Int, step: Int) -> [Double] {
    AdamAdaptation.numbers(hyper)
  }

  static func adaptation(
    gradient: Value, state: [Value], numbers: [Value], structure: Int, in graph: inout Graph
  ) throws -> Value? {
    try AdamAdaptation.factor(gradient, state, numbers, in: &graph)
  }
}
