// What a step of a problem computes: loss, direct gradient, implicit gradient along every path, clipping,
// update. All of it is one graph, so it is fused, planned and cached as one program.

import BettyGraph
import BettyRuntime
import BettyTransform

struct StepBuilder {
  /// What becomes of the gradients.
  enum Ending {
    /// The optimizer updates the parameters.
    case update(Optimizer)
    /// They are results of the step, in the order of the parameters that have one.
    case gradients
  }

  let problem: Problem
  var step = StepGraph()
  /// The lower problems on this problem's paths.
  private let lowers: [Problem]
  private var lowerLosses: [Value] = []

  init(_ problem: Problem) {
    self.problem = problem
    lowers = problem.config.firstOrder ? problem.lowersOnPaths : []
  }

  /// Results are the gradients, if they are asked for. Gives the positions of the parameters that have
  /// one. `recordings` are those of the lower problems.
  mutating func build(
    _ capture: Capture, _ recordings: [Recorded], _ ending: Ending
  ) throws -> [Int] {
    let loss = step.add(capture)[0]
    lowerLosses = recordings.map { step.add($0) }
    let (gradients, present) = try gradients(of: loss)
    switch ending {
    case .gradients:
      for gradient in gradients { step.addResult(gradient) }
    case .update(let optimizer):
      let clipped = try clip(gradients)
      for (position, gradient) in zip(present, clipped) {
        try Self.update(
          problem.parameters[position], gradient, with: optimizer, in: &step)
      }
    }
    return present
  }

  // MARK: Gradients

  /// Gradients of the parameters that have one, and these parameters' positions.
  private mutating func gradients(of loss: Value) throws -> ([Value], [Int]) {
    // Every parameter of the problem is an input even if only a path reaches it.
    let own = problem.parameters.map { step.input($0) }
    let firsts = firstLowers()
    let lowerInputs = firsts.map { $0.metaParameters.map { step.input($0) } }
    let scale = 1 / Double(problem.config.gradientAccumulation)
    let seed = try step.graph.constant(scale, like: loss)
    let unscaled = try step.graph.constant(1, like: loss)
    var total = try Transform.vjp(&step.graph, of: [loss], cotangents: [seed], wrt: own)
    if !lowers.isEmpty {
      let flat = try Transform.vjp(
        &step.graph, of: [loss], cotangents: [unscaled], wrt: lowerInputs.flatMap { $0 })
      var vectors: [[Value]] = []
      var next = flat.makeIterator()
      for inputs in lowerInputs {
        vectors.append(try inputs.map { try orZeros(next.next() ?? nil, like: $0) })
      }
      for path in problem.paths {
        guard let first = firsts.firstIndex(where: { $0 === path[1] }) else { continue }
        let product = try implicit(along: path, from: vectors[first], own: own)
        for (index, value) in product.enumerated() {
          total[index] = try sum(total[index], try value.map { try scaled($0, by: scale) })
        }
      }
    }
    let present = total.indices.filter { total[$0] != nil }
    return (total.compactMap { $0 }, present)
  }

  /// The different problems that paths start down to.
  private func firstLowers() -> [Problem] {
    var result: [Problem] = []
    for path in problem.paths where !result.contains(where: { $0 === path[1] }) {
      result.append(path[1])
    }
    return result
  }

  /// The chain of products of one path, [upper, …, lower, upper], from the upper loss down.
  private mutating func implicit(
    along path: [Problem], from vector: [Value], own: [Value]
  ) throws -> [Value?] {
    var vector = vector
    for index in 1..<path.count - 1 {
      let lower = path[index]
      guard let place = lowers.firstIndex(where: { $0 === lower }) else { break }
      let isLast = index == path.count - 2
      let upper = isLast ? own : path[index + 1].metaParameters.map { step.input($0) }
      let node = LowerProblem(
        loss: lowerLosses[place], parameters: lower.metaParameters.map { step.input($0) })
      let product = try lower.method.product(
        of: vector, lower: node, upper: upper, in: &step.graph)
      if isLast { return product }
      vector = try zip(product, upper).map { try orZeros($0, like: $1) }
    }
    return []
  }

  private mutating func orZeros(_ value: Value?, like input: Value) throws -> Value {
    if let value { return value }
    return try step.graph.constant(0, like: input)
  }

  private mutating func sum(_ a: Value?, _ b: Value?) throws -> Value? {
    guard let a, let b else { return a ?? b }
    return try step.graph.call(P.add, [a, b])
  }

  private mutating func scaled(_ value: Value, by factor: Double) throws -> Value {
    if factor == 1 { return value }
    let constant = try step.graph.constant(factor, like: value)
    return try step.graph.call(P.mul, [value, constant])
  }

  // MARK: Update

  private mutating func clip(_ gradients: [Value]) throws -> [Value] {
    let limit = problem.config.gradientClipping
    guard limit > 0 else { return gradients }
    return try Self.clip(gradients, to: limit, in: &step.graph)
  }

  /// g · min(1, limit / (‖g‖ + 1e-6)) over all gradients together, as torch's clip_grad_norm_.
  static func clip(
    _ gradients: [Value], to limit: Double, in graph: inout Graph
  ) throws -> [Value] {
    guard let square = try Vectors.dot(gradients, gradients, in: &graph) else { return gradients }
    let norm = try graph.call(P.sqrt, [square])
    let margin = try graph.constant(1e-6, like: norm)
    let bound = try graph.constant(limit, like: norm)
    let one = try graph.constant(1, like: norm)
    let ratio = try graph.call(P.div, [bound, try graph.call(P.add, [norm, margin])])
    let factor = try graph.call(P.minimum, [ratio, one])
    return try gradients.map {
      try graph.call(P.mul, [$0, try Vectors.spread(factor, like: $0, in: &graph)])
    }
  }

  /// Appends the optimizer's update of a parameter; one it does not have stays as it is.
  static func update(
    _ parameter: Tensor, _ gradient: Value, with optimizer: Optimizer, in step: inout StepGraph
  ) throws {
    guard let position = optimizer.position(of: parameter) else { return }
    try optimizer.prepareState(position)
    let entry = optimizer.entries[position]
    let structure = optimizer.groups[entry.group].structure
    let numbers = optimizer.runtime(position)
    let form = optimizer.rule.form(structure: structure)
    let input = step.input(parameter)
    let state = entry.state.map { step.input($0) }
    let hyper = try step.hyper(
      count: numbers.count, form: form, dtype: step.graph.dtype(of: input))
    let updated = try optimizer.rule.update(
      parameter: input, gradient: gradient, state: state, hyper: hyper, structure: structure,
      in: &step.graph)
    step.update(parameter, to: updated.parameter)
    for (handle, value) in zip(entry.state, updated.state) { step.update(handle, to: value) }
  }
}
