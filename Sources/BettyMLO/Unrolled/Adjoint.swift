// The adjoint of one optimizer step: from cotangents of (θ, state) after it to those before it, adding what
// falls to λ. With g = ∇L(θ, λ) and the update u(θ, state, g), one vjp of u gives the cotangent ḡ of g
// and one jvp of ∇L along ḡ gives both ḡᵀ ∂²L/∂θ² and ḡᵀ ∂²L/∂θ∂λ, by the symmetry of second
// derivatives. Nothing inside the step is kept: it costs some two gradients whatever its graph is.

import BettyGraph
import BettyRuntime
import BettyTransform

final class Adjoint {
  private let program: UnrolledProgram
  private let upper: [Tensor]
  /// Positions in `upper` of what the loss depends on.
  private let reached: [Int]
  /// Of what the step moves.
  let ids: [Int32]

  init(_ problem: Problem, _ step: TapeStep, upper: [Tensor]) throws {
    var unrolled = try UnrolledStep(problem, step)
    let theta = unrolled.theta
    let own = Set(unrolled.moved.map(\.parameterID))
    let lambda = upper.map { own.contains($0.parameterID) ? nil : unrolled.input(of: $0) }
    let gradients = try unrolled.gradients(of: theta + lambda.compactMap { $0 })
    // The update's own cotangents come first, the loss's follow from ḡ.
    let cotangents = unrolled.before.map { unrolled.addVector(like: $0) }
    let back = try unrolled.pulledBack(Array(gradients.prefix(theta.count)), cotangents)
    let wanted = gradients.compactMap { $0 }
    let pairs = zip(theta, back.gradients).filter { $0.1 != nil }
    var products = try GradientScale.linear(
      unrolled.scale, pairs.compactMap(\.1), in: &unrolled.graph
    ) { graph, vectors in
      try Transform.jvp(&graph, of: wanted, wrt: pairs.map(\.0), tangents: vectors)
    }.makeIterator()

    var outputs: [Value] = []
    for (place, value) in back.before.enumerated() {
      let product = place < theta.count && gradients[place] != nil ? products.next() ?? nil : nil
      outputs.append(
        try product.map { try unrolled.graph.call(P.add, [value, $0]) } ?? value)
    }
    var reached: [Int] = []
    for place in upper.indices where lambda[place] != nil {
      guard gradients[theta.count + lambda[..<place].compactMap { $0 }.count] != nil,
        let product = products.next() ?? nil
      else { continue }
      let sum = unrolled.addVector(like: product)
      outputs.append(try unrolled.graph.call(P.add, [sum, product]))
      reached.append(place)
    }
    self.reached = reached
    self.upper = upper
    ids = unrolled.moved.map(\.parameterID)
    program = try unrolled.compiled(outputs)
  }

  /// Replaces the cotangents, by parameter, of what the step moves, and adds to the sums.
  func run(
    _ step: TapeStep, before: [Tensor], _ cotangents: inout [Int32: Tensor],
    _ sums: inout [Tensor?], _ zeros: inout Zeros
  ) throws {
    var vectors: [Tensor] = []
    for (place, id) in ids.enumerated() {
      vectors.append(try cotangents[id] ?? zeros.like(before[place]))
    }
    for place in reached { vectors.append(try sums[place] ?? zeros.like(upper[place])) }
    let results = try program.run(step, before: before, vectors: vectors)
    for (id, result) in zip(ids, results) { cotangents[id] = result }
    for (place, result) in zip(reached, results.dropFirst(ids.count)) { sums[place] = result }
  }
}
