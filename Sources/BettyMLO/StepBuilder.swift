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
    /// The same, and nothing else comes of the step.
    case question
  }

  let problem: Problem
  var step = StepGraph()
  /// The lower problems on this problem's paths.
  let lowers: [Problem]
  var recordings: [Recorded] = []
  /// Of the problem's own loss.
  var scale: GradientScale?
  var lowerLosses: [Value] = []
  /// Whether the problem's own parameters enter any loss, directly or through one below.
  var dependsOnOwn = false

  init(_ problem: Problem) {
    self.problem = problem
    lowers = problem.config.firstOrder ? problem.lowersOnPaths : []
  }

  /// For products through some lower problems, without a loss of the problem's own.
  init(_ problem: Problem, through lowers: [Problem], _ recordings: [Recorded]) {
    self.problem = problem
    self.lowers = lowers
    self.recordings = recordings
    lowerLosses = recordings.map { step.add($0) }
  }

  /// Results are the gradients, if they are asked for. Gives the positions of the parameters that have
  /// one. `recordings` are those of the lower problems, `uses` what the step does to buffers.
  mutating func build(
    _ capture: MixedCapture, _ recorded: RecordedGraph, _ recordings: [Recorded],
    _ ending: Ending, _ uses: [BufferUse]? = nil
  ) throws -> [Int] {
    let roots = step.add(capture, recorded)
    let loss = roots[0]
    for use in uses ?? [] { step.track(use, after: use.root.map { roots[$0] }) }
    self.recordings = recordings
    check = FiniteCheck(
      onNan: problem.config.onNan,
      isScaled: recorded.isHalf || recordings.contains { $0.graph.isHalf })
    scale = try step.scale(of: problem, for: recorded)
    let (gradients, present) = try gradients(of: loss)
    switch ending {
    case .gradients:
      for gradient in gradients { step.addResult(gradient) }
      try addVectors(of: loss)
      if check.looksAtLoss { step.addResult(try areFinite([loss])) }
      if check.isOn { step.addResult(try areFinite([loss] + gradients)) }
    case .question:
      for gradient in gradients { step.addResult(gradient) }
      try addVectors(of: loss)
      step.dropUpdates()
    case .update(let optimizer):
      let clipped = try clip(gradients)
      if problem.showsGradients { for gradient in clipped { step.addResult(gradient) } }
      for (position, gradient) in zip(present, clipped) {
        try Self.update(
          problem.parameters[position], gradient, with: optimizer, in: &step)
      }
      if check.looksAtLoss { step.addResult(try areFinite([loss])) }
      if check.isOn { try step.keepUnless(areFinite([loss] + gradients)) }
    }
    return present
  }

  /// Of the recordings that `build` was given.
  private(set) var check = FiniteCheck(onNan: .ignore, isScaled: false)

  // MARK: Gradients

  /// Gradients of the parameters that have one, and these parameters' positions.
  private mutating func gradients(of loss: Value) throws -> ([Value], [Int]) {
    // Every trained parameter is an input even if only a path reaches it.
    let own = problem.trained.map { step.input($0) }
    let share = 1 / Double(problem.accumulation)
    var total = try GradientScale.gradients(
      of: [loss], weights: [share], wrt: own, scale, in: &step.graph)
    if total.contains(where: { $0 != nil }) { dependsOnOwn = true }
    for product in try implicitGradients(of: loss, own: own) {
      for (index, value) in product.enumerated() {
        total[index] = try sum(total[index], try value.map { try scaled($0, by: share) })
      }
    }
    let present = total.indices.filter { total[$0] != nil }
    return (total.compactMap { $0 }, present.map { problem.freezing.positions[$0] })
  }

  /// Results: the derivative by the parameters of each problem that an unrolled path starts down to.
  private mutating func addVectors(of loss: Value) throws {
    for lower in problem.unrolledFirsts {
      let inputs = lower.metaParameters.map { step.input($0) }
      let found = try GradientScale.gradients(
        of: [loss], wrt: inputs, scale, in: &step.graph)
      for (value, input) in zip(found, inputs) {
        step.addResult(try value ?? step.graph.constant(0, like: input))
      }
    }
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
    return try Clipping.clip(gradients, to: limit, in: &step.graph)
  }

  /// Appends the optimizer's update of a parameter; one it does not have stays as it is.
  static func update(
    _ parameter: Tensor, _ gradient: Value, with optimizer: Optimizer, in step: inout StepGraph
  ) throws {
    guard let position = optimizer.position(of: parameter) else { return }
    try optimizer.prepareState(position)
    let entry = optimizer.entries[position]
    let structure = optimizer.groups[entry.group].structure
    let input = step.input(parameter)
    let state = entry.state.map { step.input($0) }
    let hyper = try step.hyper(
      RuntimeNumbers(link: optimizer.link, position: position, use: .update),
      form: optimizer.rule.form(structure: structure), dtype: step.graph.dtype(of: input))
    let updated = try optimizer.rule.update(
      parameter: input, gradient: gradient, state: state, hyper: hyper, structure: structure,
      in: &step.graph)
    step.update(parameter, to: updated.parameter)
    for (handle, value) in zip(entry.state, updated.state) { step.update(handle, to: value) }
    if let kept = entry.gradient { step.update(kept, to: gradient) }
  }
}
