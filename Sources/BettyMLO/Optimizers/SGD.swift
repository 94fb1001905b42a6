// Stochastic gradient descent with PyTorch's options: momentum, dampening, weight decay, Nesterov.

import BettyGraph

enum SGD: OptimizerRule {
  static let name = "SGD"
  static let hyperparameters = [
    Hyperparameter("lr", 1e-3), Hyperparameter("momentum", 0),
    Hyperparameter("dampening", 0, .any), Hyperparameter("weight_decay", 0),
    Hyperparameter("nesterov", 0, .flag), Hyperparameter("maximize", 0, .flag),
  ]

  private static let usesMomentum = Directed.own

  /// Without momentum an update is a short elementwise chain that fuses with the gradient.
  static func structure(_ hyper: [Double]) -> Int {
    Directed.structure(decay: hyper[3], maximize: hyper[5])
      | (hyper[1] != 0 ? usesMomentum : 0)
  }

  static func stateNames(structure: Int) -> [String] {
    structure & usesMomentum != 0 ? ["momentum_buffer"] : []
  }

  static func form(structure: Int) -> RuntimeForm {
    structure & usesMomentum != 0 ? .vector : .scalars
  }

  /// With momentum as KernelTable.sgd: lr, momentum, dampening, weight decay, nesterov, first step,
  /// maximize. Without: lr and, if there is any, weight decay.
  static func runtime(_ hyper: [Double], structure: Int, step: Int) -> [Double] {
    if structure & usesMomentum != 0 {
      return Array(hyper[0..<5]) + [step == 1 ? 1 : 0, hyper[5]]
    }
    return structure & Directed.usesDecay != 0 ? [hyper[0], hyper[3]] : [hyper[0]]
  }

  static func isSteady(structure: Int, step: Int) -> Bool {
    structure & usesMomentum == 0 || step > 1
  }

  static func update(
    parameter: Value, gradient: Value, state: [Value], hyper: [Value], structure: Int,
    in graph: inout Graph
  ) throws -> (parameter: Value, state: [Value]) {
    if structure & usesMomentum != 0 {
      let results = try graph.apply(P.sgdUpdate, [parameter, gradient, state[0], hyper[0]])
      return (results[0], [results[1]])
    }
    let descent = try Directed.gradient(
      gradient, of: parameter, decay: hyper.last ?? hyper[0], structure: structure, in: &graph)
    let rate = try Vectors.spread(hyper[0], like: parameter, in: &graph)
    let change = try graph.call(P.mul, [rate, descent])
    return (try graph.call(P.sub, [parameter, change]), [])
  }
}
