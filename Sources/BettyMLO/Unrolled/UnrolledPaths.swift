// Steps that are kept for gradients through them, and the gradients of paths that lead through such inner
// loops: [upper, …, lower, upper] is walked from the upper loss down, and at each problem the vector is
// pulled back by its own method.

import BettyGraph
import BettyRuntime

extension Problem {
  /// The different problems that unrolled paths start down to.
  var unrolledFirsts: [Problem] {
    var result: [Problem] = []
    for path in unrolledPaths where !result.contains(where: { $0 === path[1] }) {
      result.append(path[1])
    }
    return result
  }

  /// Takes a step on one recording that is whole, and keeps it if the inner loop is unrolled; gives
  /// whether it was taken.
  func unrolled(
    _ recorded: Recorded, _ present: [Int], step: () throws -> Bool
  ) throws -> Bool {
    guard let unrolling else { return try step() }
    let taped = try unrolling.begin(present)
    guard try step() else { return false }
    try unrolling.record(recorded)
    try unrolling.commit(taped)
    return true
  }

  /// The optimizer's step on the gradients that the parameters have.
  func stepByOptimizer() throws {
    guard let optimizer else { return }
    let present = parameters.indices.filter { parameters[$0].gradient != nil }
    let taped = try unrolling?.begin(present)
    try optimizer.step()
    try unrolling?.commit(taped)
  }

  /// Adds the gradients of the unrolled paths; `vectors` are those of `unrolledFirsts`, one after another.
  func addUnrolled(_ vectors: [Tensor]) throws {
    guard !vectors.isEmpty else { return }
    var rest = vectors[...]
    var starts: [[Tensor]] = []
    for lower in unrolledFirsts {
      starts.append(Array(rest.prefix(lower.metaParameters.count)))
      rest = rest.dropFirst(lower.metaParameters.count)
    }
    let scale = 1 / Double(config.gradientAccumulation)
    for path in unrolledPaths {
      guard let first = unrolledFirsts.firstIndex(where: { $0 === path[1] }) else { continue }
      let product = try walk(path, from: starts[first])
      for (parameter, value) in zip(trained, product) {
        guard var value else { continue }
        if scale != 1 { value = try Recording.call("mul", [value, Tensor.number(scale)])[0] }
        if let sum = parameter.gradient { value = try Recording.call("add", [sum, value])[0] }
        try parameter.setGradient(value)
      }
    }
  }

  private func walk(_ path: [Problem], from vector: [Tensor]) throws -> [Tensor?] {
    var vector = vector
    for place in 1..<path.count - 1 {
      let lower = path[place]
      let isLast = place == path.count - 2
      let upper = isLast ? trained : path[place + 1].metaParameters
      let product = try lower.product(of: vector, upper: upper)
      if isLast { return product }
      vector = try zip(product, upper).map { try $0 ?? Recording.zeros(like: $1) }
    }
    return []
  }

  /// vᵀ dθ/dλ of this problem by its method, outside of a step's graph.
  private func product(of vector: [Tensor], upper: [Tensor]) throws -> [Tensor?] {
    if let unrolling { return try unrolling.product(of: vector, upper: upper) }
    guard let recorded = lastRecorded, let method = method as? any HypergradientMethod else {
      throw BettyError.runtime("problem '\(name)': a path leads through it before its first step")
    }
    return try implicitNode.product(of: vector, self, recorded, method, upper)
  }
}

/// The product of an implicit problem on a path that also leads through an unrolled one: a program of its
/// own, with slots that the vector is put into.
final class ImplicitNode {
  private var slots: [Tensor] = []
  private var programs: [(key: StructureKey, program: StepProgram, present: [Bool])] = []
  private static let limit = 16

  func product(
    of vector: [Tensor], _ problem: Problem, _ recorded: Recorded,
    _ method: any HypergradientMethod, _ upper: [Tensor]
  ) throws -> [Tensor?] {
    if slots.isEmpty {
      slots = try vector.map {
        try Tensor.parameter(Recording.zeros(like: $0), requiresGrad: false)
      }
    }
    for (slot, value) in zip(slots, vector) { try slot.assign(value) }
    let key = recorded.key.appending(upper.map(\.parameterID))
    if !programs.contains(where: { $0.key == key }) {
      if programs.count >= Self.limit { programs.removeFirst() }
      let made = try make(problem, recorded, method, upper)
      programs.append((key, made.program, made.present))
    }
    guard let entry = programs.first(where: { $0.key == key }) else { return [] }
    var results = try entry.program.run(again: recorded.inputs).makeIterator()
    return entry.present.map { $0 ? results.next() : nil }
  }

  private func make(
    _ problem: Problem, _ recorded: Recorded, _ method: any HypergradientMethod, _ upper: [Tensor]
  ) throws -> (program: StepProgram, present: [Bool]) {
    var step = StepGraph()
    let loss = step.add(recorded)
    var node = LowerProblem(
      loss: loss, parameters: problem.metaParameters.map { step.input($0) })
    node.isLow = recorded.graph.isLow
    node.scale = try step.scale(of: problem, for: recorded.graph)
    let vector = slots.map { step.input($0) }
    let wanted = upper.map { step.input($0) }
    let product = try method.product(of: vector, lower: &node, upper: wanted, in: &step.graph)
    for case let value? in product { step.addResult(value) }
    return (try step.compiled(), product.map { $0 != nil })
  }
}
