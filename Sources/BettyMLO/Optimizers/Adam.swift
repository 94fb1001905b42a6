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
}
