// NAdam (Dozat, 2016) with PyTorch's options: Adam with Nesterov's momentum, whose factor
// μₜ = β₁ (1 − ½ · 0.96^(t · momentum_decay)) warms up. SAMA adapts to it as the original does, as to Adam:
// the warm-up is left out.

import BettyGraph
import Glibc

enum NAdam: AdaptsAsAdam {
  static let name = "NAdam"
  static let hyperparameters = [
    Hyperparameter("lr", 2e-3), Hyperparameter("beta1", 0.9, .unitInterval),
    Hyperparameter("beta2", 0.999, .unitInterval), Hyperparameter("eps", 1e-8),
    Hyperparameter("weight_decay", 0), Hyperparameter("momentum_decay", 4e-3),
    Hyperparameter("decoupled_weight_decay", 0, .flag), Hyperparameter("maximize", 0, .flag),
  ]

  private static let isDecoupled = Directed.own

  static func structure(_ hyper: [Double]) -> Int {
    Directed.structure(decay: hyper[4], maximize: hyper[7])
      | (hyper[4] != 0 && hyper[6] != 0 ? isDecoupled : 0)
  }

  static func stateNames(structure: Int) -> [String] { ["exp_avg", "exp_avg_sq"] }

  static func form(structure: Int) -> RuntimeForm { .scalars }

  /// Factors of g and of m in the step, β₁, 1 − β₁, β₂, 1 − β₂, √(1 − β₂ᵗ), eps, and weight decay or,
  /// decoupled, what it leaves of the parameter.
  static func runtime(_ hyper: [Double], structure: Int, step: Int) -> [Double] {
    let (mu, next, product) = momentum(hyper[1], decay: hyper[5], step)
    let decay = structure & isDecoupled != 0 ? 1 - hyper[0] * hyper[4] : hyper[4]
    return [
      hyper[0] * (1 - mu) / (1 - product), hyper[0] * next / (1 - product * next), hyper[1],
      1 - hyper[1], hyper[2], 1 - hyper[2], Directed.correction(hyper[2], step).squareRoot(),
      hyper[3], decay,
    ]
  }

  /// μₜ, μₜ₊₁ and μ₁ ⋯ μₜ.
  static func momentum(
    _ beta: Double, decay: Double, _ step: Int
  ) -> (mu: Double, next: Double, product: Double) {
    func mu(_ step: Int) -> Double {
      beta * (1 - 0.5 * Directed.power(0.96, Double(step) * decay))
    }
    return (mu(step), mu(step + 1), product(beta, decay: decay, step))
  }

  /// μ₁ ⋯ μₜ, with few operations whatever t is. Its first factors are multiplied in f32, in which PyTorch
  /// keeps it.
  private static func product(_ beta: Double, decay: Double, _ step: Int) -> Double {
    guard step > 256 else {
      let factor = Directed.power(0.96, decay)
      var (power, product) = (1.0, Float(1))
      for _ in 0..<step {
        power *= factor
        product *= Float(beta * (1 - 0.5 * power))
      }
      return Double(product)
    }
    // ln Π (1 − ½ qᵗ) as a series of geometric sums: −Σₖ 2⁻ᵏ / k · Σₜ qᵏᵗ.
    let logarithm = Glibc.log(beta) * Double(step)
    // Below, 1 − product is 1.
    if logarithm < -46 { return 0 }
    let rate = decay * Glibc.log(0.96)
    var (sum, share) = (0.0, 1.0)
    for k in 1...60 {
      share /= 2
      let exponent = Double(k) * rate
      let geometric =
        exponent == 0
        ? Double(step)
        : Glibc.exp(exponent) * Glibc.expm1(exponent * Double(step)) / Glibc.expm1(exponent)
      sum += share / Double(k) * geometric
    }
    return Glibc.exp(logarithm - sum)
  }

  static func update(
    parameter: Value, gradient: Value, state: [Value], hyper: [Value], structure: Int,
    in graph: inout Graph
  ) throws -> (parameter: Value, state: [Value]) {
    let isDecoupled = structure & isDecoupled != 0
    let gradient = try Directed.gradient(
      gradient, of: parameter, decay: hyper[8],
      structure: isDecoupled ? structure & ~Directed.usesDecay : structure, in: &graph)
    let mean = try Directed.average(
      state[0], gradient, keep: hyper[2], take: hyper[3], in: &graph)
    let square = try Directed.average(
      state[1], try graph.call(P.mul, [gradient, gradient]), keep: hyper[4], take: hyper[5],
      in: &graph)
    let corrected = try graph.call(
      P.div,
      [
        try Directed.root(square, in: &graph),
        try Vectors.spread(hyper[6], like: square, in: &graph),
      ])
    let margin = try Vectors.spread(hyper[7], like: square, in: &graph)
    let root = try graph.call(P.add, [corrected, margin])
    func scaled(_ value: Value, _ factor: Value) throws -> Value {
      let quotient = try Vectors.quotient(value, over: root, in: &graph)
      return try graph.call(P.mul, [try Vectors.spread(factor, like: value, in: &graph), quotient])
    }
    var result = parameter
    if isDecoupled {
      let keep = try Vectors.spread(hyper[8], like: parameter, in: &graph)
      result = try graph.call(P.mul, [keep, parameter])
    }
    result = try graph.call(P.sub, [result, try scaled(gradient, hyper[0])])
    return (try graph.call(P.sub, [result, try scaled(mean, hyper[1])]), [mean, square])
  }
}
