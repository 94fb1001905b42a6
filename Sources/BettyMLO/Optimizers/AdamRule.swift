// What Adam and AdamW share: all but where weight decay enters. AMSGrad (Reddi, Kale, Kumar, ICLR 2018)
// divides by the largest second moment so far.

import BettyGraph

/// A rule whose step SAMA adapts to as to one of Adam.
protocol AdaptsAsAdam: OptimizerRule {}

/// A rule that differs from the other by one flag of the update.
protocol AdamRule: AdaptsAsAdam {
  /// Whether weight decay shrinks the parameter itself, and is no part of the gradient.
  static var isDecoupled: Bool { get }
}

extension AdamRule {
  static func structure(_ hyper: [Double]) -> Int { AdamUpdate.structure(hyper) }

  static func stateNames(structure: Int) -> [String] { AdamUpdate.stateNames(structure) }

  static func form(structure: Int) -> RuntimeForm { AdamUpdate.form(structure) }

  static func runtime(_ hyper: [Double], structure: Int, step: Int) -> [Double] {
    AdamUpdate.runtime(hyper, structure, decoupled: isDecoupled, step: step)
  }

  static func update(
    parameter: Value, gradient: Value, state: [Value], hyper: [Value], structure: Int,
    in graph: inout Graph
  ) throws -> (parameter: Value, state: [Value]) {
    try AdamUpdate.update(
      parameter, gradient, state, hyper, structure, decoupled: isDecoupled, in: &graph)
  }

  static func adjoint(
    parameter: Value, gradient: Value, state: [Value], cotangents: [Value], hyper: [Value],
    structure: Int, in graph: inout Graph
  ) throws -> (parameter: Value, gradient: Value, state: [Value])? {
    try AdamUpdate.adjoint(parameter, gradient, state, cotangents, hyper, structure, in: &graph)
  }
}

extension AdaptsAsAdam {
  static var adapts: Bool { true }

  static func adaptationNumbers(_ hyper: [Double], structure: Int, step: Int) -> [Double] {
    AdamAdaptation.numbers(hyper)
  }

  static func adaptation(
    gradient: Value, state: [Value], numbers: [Value], structure: Int, in graph: inout Graph
  ) throws -> Value? {
    try AdamAdaptation.factor(gradient, state, numbers, in: &graph)
  }
}

func adamHyperparameters(weightDecay: Double) -> [Hyperparameter] {
  [
    Hyperparameter("lr", 1e-3), Hyperparameter("beta1", 0.9, .unitInterval),
    Hyperparameter("beta2", 0.999, .unitInterval), Hyperparameter("eps", 1e-8),
    Hyperparameter("weight_decay", weightDecay), Hyperparameter("maximize", 0, .flag),
    Hyperparameter("amsgrad", 0, .flag),
  ]
}

enum AdamUpdate {
  private static let isAmsgrad = Directed.own

  private static func isElementwise(_ structure: Int) -> Bool { structure & isAmsgrad != 0 }

  /// With AMSGrad, which has no kernel of its own, the decay is in the structure.
  static func structure(_ hyper: [Double]) -> Int {
    guard hyper[6] != 0 else { return 0 }
    return isAmsgrad | Directed.structure(decay: hyper[4], maximize: hyper[5])
  }

  static func stateNames(_ structure: Int) -> [String] {
    ["exp_avg", "exp_avg_sq"] + (structure & isAmsgrad != 0 ? ["max_exp_avg_sq"] : [])
  }

  static func form(_ structure: Int) -> RuntimeForm {
    isElementwise(structure) ? .scalars : .vector
  }

  /// As KernelTable.adam: lr, beta1, beta2, eps, weight decay, decoupled, step, maximize. Written out:
  /// the corrected rate, β₁, 1 − β₁, β₂, 1 − β₂, √(1 − β₂ᵗ), eps, and weight decay or, decoupled, what
  /// it leaves of the parameter.
  static func runtime(
    _ hyper: [Double], _ structure: Int, decoupled: Bool, step: Int
  ) -> [Double] {
    guard isElementwise(structure) else {
      return Array(hyper[0..<5]) + [decoupled ? 1 : 0, Double(step), hyper[5]]
    }
    return [
      hyper[0] / Directed.correction(hyper[1], step), hyper[1], 1 - hyper[1], hyper[2],
      1 - hyper[2], Directed.correction(hyper[2], step).squareRoot(), hyper[3],
      decoupled ? 1 - hyper[0] * hyper[4] : hyper[4],
    ]
  }

  static func update(
    _ parameter: Value, _ gradient: Value, _ state: [Value], _ hyper: [Value], _ structure: Int,
    decoupled: Bool, in graph: inout Graph
  ) throws -> (parameter: Value, state: [Value]) {
    if isElementwise(structure) {
      return try written(
        parameter, gradient, state, hyper, structure, decoupled: decoupled, in: &graph)
    }
    let results = try graph.apply(
      P.adamUpdate, [parameter, gradient, state[0], state[1], hyper[0]])
    return (results[0], [results[1], results[2]])
  }

  static func adjoint(
    _ parameter: Value, _ gradient: Value, _ state: [Value], _ cotangents: [Value],
    _ hyper: [Value], _ structure: Int, in graph: inout Graph
  ) throws -> (parameter: Value, gradient: Value, state: [Value])? {
    if isElementwise(structure) { return nil }
    let operands = [parameter, gradient] + state + cotangents + [hyper[0]]
    let results = try graph.apply(P.adamAdjoint, operands)
    return (results[0], results[1], Array(results[2...]))
  }

  private static func written(
    _ parameter: Value, _ gradient: Value, _ state: [Value], _ hyper: [Value], _ structure: Int,
    decoupled: Bool, in graph: inout Graph
  ) throws -> (parameter: Value, state: [Value]) {
    let gradient = try Directed.gradient(
      gradient, of: parameter, decay: hyper[7],
      structure: decoupled ? structure & ~Directed.usesDecay : structure, in: &graph)
    let mean = try Directed.average(
      state[0], gradient, keep: hyper[1], take: hyper[2], in: &graph)
    let square = try Directed.average(
      state[1], try graph.call(P.mul, [gradient, gradient]), keep: hyper[3], take: hyper[4],
      in: &graph)
    let largest = try graph.call(P.maximum, [state[2], square])
    let scale = try Vectors.spread(hyper[5], like: largest, in: &graph)
    let root = try graph.call(P.div, [try Directed.root(largest, in: &graph), scale])
    let margin = try Vectors.spread(hyper[6], like: root, in: &graph)
    let change = try Vectors.quotient(
      mean, over: try graph.call(P.add, [root, margin]), in: &graph)
    var result = parameter
    if decoupled && structure & Directed.usesDecay != 0 {
      let keep = try Vectors.spread(hyper[7], like: parameter, in: &graph)
      result = try graph.call(P.mul, [keep, parameter])
    }
    let rate = try Vectors.spread(hyper[0], like: parameter, in: &graph)
    result = try graph.call(P.sub, [result, try graph.call(P.mul, [rate, change])])
    return (result, [mean, square, largest])
  }
}

/// ∂u/∂g of u = m / (√v + ε), times the rate (SAMA, eq. 5), from the moments after the step:
///   [(1 − β₁) β₂ v_old − β₁ (1 − β₂) g m_old] / (√v + ε)³ = [(1 − β₁) v − (1 − β₂) g m] / (√v + ε)³,
/// since β₂ v_old = v − (1 − β₂) g² and β₁ m_old = m − (1 − β₁) g. Weight decay is left out of g.
enum AdamAdaptation {
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
