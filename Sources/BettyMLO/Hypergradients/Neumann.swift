// The inverse Hessian as a truncated Neumann series (Lorraine, Vicol, Duvenaud, AISTATS 2020, alg. 3):
//   H⁻¹v ≈ α Σ_{k=0..K} (I − αH)ᵏ v,
// which converges for 0 < α < 2 / λ_max(H). It costs K Hessian products.

import BettyGraph
import BettyTransform

struct Neumann: HypergradientMethod, ListedMethod {
  var calls: (gradients: Int, products: Int)? { (1, iterations + 1) }
  static let name = "neumann"
  static let options = [
    MethodOption("neumann_iterations", 1, .count(100_000)), MethodOption("neumann_alpha", 1),
  ]
  let warns = true
  /// Terms after the first; ‖last term‖ / ‖v‖; ‖v‖.
  let reports = ["iterations", "last_term", "vector_norm"]

  private let iterations: Int
  private let alpha: Double

  init(_ options: MethodOptions) {
    iterations = options.count("neumann_iterations")
    alpha = options["neumann_alpha"]
  }

  func verdict(_ report: [Double]) -> MethodVerdict {
    let (term, norm) = (report[1], report[2])
    if norm == 0 { return MethodVerdict(isConverged: true, reason: "the vector is zero") }
    if !(term <= 1) {
      // A term or two may grow before the others shrink.
      return MethodVerdict(
        isConverged: false, reason: "the series diverges: neumann_alpha is too large",
        isUnsound: !(term <= 10))
    }
    if term <= 1e-6 {
      return MethodVerdict(isConverged: true, reason: "the last term is negligible")
    }
    return MethodVerdict(isConverged: false, reason: "all \(iterations) iterations are used up")
  }

  func product(
    of vector: [Value], lower: inout LowerProblem, upper: [Value], in graph: inout Graph
  ) throws -> [Value?] {
    let solution = try inverse(of: vector, &lower, in: &graph)
    return try MixedProduct.appended(of: solution, lower: &lower, upper: upper, in: &graph)
  }

  private func inverse(
    of vector: [Value], _ lower: inout LowerProblem, in graph: inout Graph
  ) throws -> [Value] {
    guard let total = try Vectors.dot(vector, vector, in: &graph) else { return vector }
    var (sum, term) = (vector, vector)
    if iterations > 0 {
      let hessian = try HessianProduct(lower, in: &graph)
      let count = vector.count
      let results = try graph.loop(
        iterations, unrolled: lower.indirect != nil, carries: vector + vector,
        constants: hessian.point
      ) { graph, carries, point in
        let term = Array(carries[count...])
        let product = try hessian.apply(to: term, at: point, in: &graph)
        let next = try Vectors.addScaled(term, -alpha, product, in: &graph)
        let sum = try zip(carries, next).map { try graph.call(P.add, [$0, $1]) }
        return sum + next
      }
      (sum, term) = (Array(results[..<count]), Array(results[count...]))
    }
    let norm = try graph.call(P.sqrt, [total])
    let last = try graph.call(P.sqrt, [try Vectors.dot(term, term, in: &graph) ?? total])
    let isZero = try graph.call(P.eq, [norm, try graph.constant(0, like: norm)])
    let divisor = try graph.call(P.select, [isZero, try graph.constant(1, like: norm), norm])
    lower.report = [
      try graph.constant(Double(iterations), like: norm),
      try graph.call(P.div, [last, divisor]), norm,
    ]
    return try Vectors.scaled(sum, by: alpha, in: &graph)
  }
}
