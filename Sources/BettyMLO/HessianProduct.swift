// Products with the Hessian of a lower loss for the iterative methods: ∇L is linearized once, and every
// product replays only the linear part (Pearlmutter, Neural Computation 1994). Invariant: a parameter
// that the loss does not mention has a zero row.

import BettyGraph
import BettyTransform

struct HessianProduct {
  private let linear: LinearPart
  /// Per parameter, whether it has a gradient, i.e. an output in `linear`.
  private let isPresent: [Bool]
  /// δ in (H + δI).
  private let damping: Double
  private let indirect: IndirectTerm?
  private let scale: GradientScale?

  init(_ lower: LowerProblem, damping: Double = 0, in graph: inout Graph) throws {
    let gradients = try lower.gradients(by: lower.parameters, in: &graph)
    scale = lower.scale
    isPresent = gradients.map { $0 != nil }
    self.damping = damping
    indirect = lower.indirect
    linear = try Transform.linearize(
      &graph, of: gradients.compactMap { $0 }, wrt: lower.parameters)
  }

  /// What a product reads of the point: the constants of a loop over products.
  var point: [Value] { linear.residuals + (scale.map { [$0.reach] } ?? []) }

  /// Appends (H + δI) · vector to a graph in which `point` is known as that.
  func apply(to vector: [Value], at point: [Value], in graph: inout Graph) throws -> [Value] {
    var products = try applied(to: vector, at: point, in: &graph).makeIterator()
    var product = try zip(isPresent, vector).map { isPresent, value in
      if isPresent, let product = products.next() ?? nil { return product }
      return try graph.constant(0, like: value)
    }
    if let indirect {
      product = try zip(product, indirect.curvature(vector, in: &graph)).map { value, more in
        try more.map { try graph.call(P.add, [value, $0]) } ?? value
      }
    }
    return damping == 0 ? product : try Vectors.addScaled(product, damping, vector, in: &graph)
  }

  /// The vector where the lower loss mentions the parameter, zeros elsewhere; all of it where the upper
  /// problem's own curvature takes part.
  func mentioned(_ vector: [Value], in graph: inout Graph) throws -> [Value] {
    if indirect != nil { return vector }
    return try zip(isPresent, vector).map { $0 ? $1 : try graph.constant(0, like: $1) }
  }

  private func applied(
    to vector: [Value], at point: [Value], in graph: inout Graph
  ) throws -> [Value?] {
    let residuals = Array(point.prefix(linear.residuals.count))
    guard scale != nil, let reach = point.last else {
      return try linear.apply(&graph, to: vector, at: residuals)
    }
    return try GradientScale.linear(reach: reach, vector, in: &graph) { graph, vector in
      try linear.apply(&graph, to: vector, at: residuals)
    }
  }
}
