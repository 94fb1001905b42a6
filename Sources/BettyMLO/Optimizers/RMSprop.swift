// RMSprop (Tieleman and Hinton, 2012; centered: Graves, 2013) with PyTorch's options:
//   s ← α s + (1 − α) g²,  θ ← θ − lr · g / (√(s − m²) + eps),
// where m is the running mean of g if centered and 0 otherwise, and momentum runs over the quotient.

import BettyGraph

enum RMSprop: OptimizerRule {
  static let name = "RMSprop"
  static let hyperparameters = [
    Hyperparameter("lr", 1e-2), Hyperparameter("alpha", 0.99), Hyperparameter("eps", 1e-8),
    Hyperparameter("weight_decay", 0), Hyperparameter("momentum", 0),
    Hyperparameter("centered", 0, .flag), Hyperparameter("maximize", 0, .flag),
  ]

  private static let usesMomentum = Directed.own
  private static let isCentered = Directed.own * 2

  static func structure(_ hyper: [Double]) -> Int {
    Directed.structure(decay: hyper[3], maximize: hyper[6])
      | (hyper[4] != 0 ? usesMomentum : 0) | (hyper[5] != 0 ? isCentered : 0)
  }

  static func stateNames(structure: Int) -> [String] {
    ["square_avg"] + (structure & usesMomentum != 0 ? ["momentum_buffer"] : [])
      + (structure & isCentered != 0 ? ["grad_avg"] : [])
  }

  static func form(structure: Int) -> RuntimeForm { .scalars }

  /// lr, α, 1 − α, eps, weight decay, momentum.
  static func runtime(_ hyper: [Double], structure: Int, step: Int) -> [Double] {
    [hyper[0], hyper[1], 1 - hyper[1], hyper[2], hyper[3], hyper[4]]
  }

  static func update(
    parameter: Value, gradient: Value, state: [Value], hyper: [Value], structure: Int,
    in graph: inout Graph
  ) throws -> (parameter: Value, state: [Value]) {
    let gradient = try Directed.gradient(
      gradient, of: parameter, decay: hyper[4], structure: structure, in: &graph)
    func average(_ old: Value, _ new: Value) throws -> Value {
      try Directed.average(old, new, keep: hyper[1], take: hyper[2], in: &graph)
    }
    let square = try average(state[0], try graph.call(P.mul, [gradient, gradient]))
    var updated = [square]
    var mean: Value?
    var variance = square
    if structure & isCentered != 0 {
      let center = try average(state[state.count - 1], gradient)
      variance = try graph.call(P.sub, [square, try graph.call(P.mul, [center, center])])
      mean = center
    }
    var step = try Directed.quotient(gradient, root: variance, eps: hyper[3], in: &graph)
    if structure & usesMomentum != 0 {
      step = try Vectors.addScaled(step, hyper[5], state[1], in: &graph)
      updated.append(step)
    }
    if let mean { updated.append(mean) }
    let rate = try Vectors.spread(hyper[0], like: parameter, in: &graph)
    return (try graph.call(P.sub, [parameter, try graph.call(P.mul, [rate, step])]), updated)
  }

  static let adapts = true

  static func adaptationNumbers(_ hyper: [Double], structure: Int, step: Int) -> [Double] {
    [hyper[0], 1, 1 - hyper[1], hyper[2]]
  }

  /// The principle of SAMA for u = lr · g / (√s + eps): with ∂s/∂g = 2 (1 − α) g,
  ///   ∂u/∂g = lr · [s − (1 − α) g²] / (√s + eps)³;
  /// centered, s − m² takes the place of s, and ∂(s − m²)/∂g = 2 (1 − α)(g − m). Momentum adds
  /// nothing that depends on g.
  static func adaptation(
    gradient: Value, state: [Value], numbers: [Value], structure: Int, in graph: inout Graph
  ) throws -> Value? {
    var (square, deviation) = (state[0], gradient)
    if structure & isCentered != 0 {
      let center = state[state.count - 1]
      square = try graph.call(P.sub, [square, try graph.call(P.mul, [center, center])])
      deviation = try graph.call(P.sub, [gradient, center])
    }
    return try Adaptation.factor(
      rate: numbers[0], numbers[1], square, minus: numbers[2], gradient, deviation,
      square: square, eps: numbers[3], in: &graph)
  }
}
