// A middle problem with problems below it has no plain loss: what its solution makes zero is
//   G = ∂L/∂θ + (the implicit gradient along its own paths),
// so a path from above that goes through it meets dG/dθ and ∂G/∂λ where it would meet the Hessian and the
// mixed derivative of L. This term holds what G has besides ∂L/∂θ. Invariant: everything it refers to is
// in the graph of the step, so that products can be appended by a method that knows nothing of paths.

import BettyGraph
import BettyTransform

package struct IndirectTerm {
  /// One product of a path: the method and problem it goes through, and what it leads to.
  struct Link {
    let method: any HypergradientMethod
    let lower: LowerProblem
    let upper: [Value]
  }

  /// The middle problem's θ.
  private let own: [Value]
  private let chains: [[Link]]
  /// The implicit gradient, per parameter.
  private var indirect: [Value?]
  /// G, per parameter.
  private var gradient: [Value?]
  private let scale: GradientScale?
  /// What was solved for on the way, in its order; those of terms below come first.
  private let solves = Solves()

  /// Grows as products are appended.
  private final class Solves { var all: [LinearSolve] = [] }

  init(_ middle: LowerProblem, chains: [[Link]], in graph: inout Graph) throws {
    own = middle.parameters
    self.chains = chains
    scale = middle.scale
    indirect = own.map { _ in nil }
    gradient = []
    for link in chains.joined() { solves.all += link.lower.indirect?.solves.all ?? [] }
    for chain in chains {
      let start = try middle.gradients(by: chain[0].lower.parameters, in: &graph)
      indirect = try Self.sum(indirect, walk(chain, from: start, in: &graph), in: &graph)
    }
    let direct = try middle.gradients(by: own, in: &graph)
    gradient = try Self.sum(direct, indirect, in: &graph)
  }

  /// Appends −wᵀ ∂(indirect)/∂(upper).
  func mixed(_ w: [Value], upper: [Value], in graph: inout Graph) throws -> [Value?] {
    try product(indirect, w, by: upper, in: &graph).map { value in
      try value.map { try graph.call(P.neg, [$0]) }
    }
  }

  /// Appends what wᵀ dG/dθ has besides wᵀ ∂²L/∂θ²: the derivative of the implicit gradient, and of all of
  /// G through the solutions below.
  func curvature(_ w: [Value], in graph: inout Graph) throws -> [Value?] {
    var total = try product(indirect, w, by: own, in: &graph)
    for chain in chains {
      let start = try product(gradient, w, by: chain[0].lower.parameters, in: &graph)
      total = try Self.sum(total, walk(chain, from: start, in: &graph), in: &graph)
    }
    return total
  }

  /// wᵀ ∂(values)/∂(wrt), through what was solved for as well.
  private func product(
    _ values: [Value?], _ w: [Value], by wrt: [Value], in graph: inout Graph
  ) throws -> [Value?] {
    var rest = solves.all[...]
    var found = try pulledBack(values, w, by: wrt, rest, in: &graph)
    while let solve = rest.popLast() {
      let own = Array(found[(found.count - solve.solution.count)...])
      found.removeLast(solve.solution.count)
      guard own.contains(where: { $0 != nil }) else { continue }
      let filled = try zip(own, solve.solution).map { value, like in
        try value ?? graph.constant(0, like: like)
      }
      guard let back = try solve.solved(filled, &graph) else { continue }
      let through = try pulledBack(solve.residual, back, by: wrt, rest, in: &graph)
      found = try Self.sum(found, through, in: &graph)
    }
    return found
  }

  /// wᵀ ∂(values)/∂(wrt) at fixed solutions, then the same by the solutions.
  private func pulledBack(
    _ values: [Value?], _ w: [Value], by wrt: [Value], _ solves: ArraySlice<LinearSolve>,
    in graph: inout Graph
  ) throws -> [Value?] {
    let wrt = wrt + solves.flatMap(\.solution)
    let pairs = zip(values, w).filter { $0.0 != nil }
    if pairs.isEmpty { return wrt.map { _ in nil } }
    return try GradientScale.linear(
      scale, pairs.map(\.1), undoing: true, in: &graph
    ) { graph, cotangents in
      try Transform.vjp(&graph, of: pairs.compactMap(\.0), cotangents: cotangents, wrt: wrt)
    }
  }

  private func walk(
    _ chain: [Link], from start: [Value?], in graph: inout Graph
  ) throws -> [Value?] {
    var vector = start
    for link in chain {
      if vector.allSatisfy({ $0 == nil }) { return link.upper.map { _ in nil } }
      let filled = try zip(vector, link.lower.parameters).map { value, like in
        try value ?? graph.constant(0, like: like)
      }
      var lower = link.lower
      lower.isDifferentiated = true
      vector = try link.method.product(
        of: filled, lower: &lower, upper: link.upper, in: &graph)
      if let solve = lower.solve { solves.all.append(solve) }
    }
    return vector
  }

  private static func sum(
    _ a: [Value?], _ b: [Value?], in graph: inout Graph
  ) throws -> [Value?] {
    try zip(a, b).map { a, b in
      guard let a, let b else { return a ?? b }
      return try graph.call(P.add, [a, b])
    }
  }
}

extension Engine {
  /// Refuses an implicit gradient that is to count and would be left out: unrolled steps are differentiated
  /// outside of the graph of a step, where nothing can be differentiated again.
  func checkIndirect() throws {
    for middle in problems.flatMap({ Problem.lowers(on: $0.paths) })
    where middle.config.includeIndirect {
      let below = Problem.lowers(on: middle.unrolledPaths)
      guard let unrolled = below.first(where: { $0.method is any UnrolledMethod }) else { continue }
      throw BettyError.value(
        "problem '\(middle.name)': include_indirect can't go through '\(unrolled.name)', which has "
          + "type '\(unrolled.config.type)'; give that an implicit method")
    }
  }
}
