// One optimizer step of a problem as a graph of what it read: (θ, state, λ, batch, random keys,
// hyperparameters) ↦ (θ, state) after it. Unrolled differentiation compiles its adjoint, its tangent and
// the step itself from here. Invariant: the gradient enters the update as a value of its own, so that
// vᵀ ∂g/∂θ is one jvp of ∇L (Pearlmutter, Neural Computation 1994), whatever the optimizer is.

import BettyGraph
import BettyKernelInterface
import BettyRuntime
import BettyTransform

struct UnrolledStep {
  var graph = Graph()
  /// Handles of what the step moves: θ, then the state of each parameter that is stepped.
  let moved: [Tensor]
  /// θ and state, as inputs.
  private(set) var before: [Value] = []
  /// Of leaves, those of the recordings come first, then θ and state, the scale of losses if there is one,
  /// and what is given at every run besides.
  private var sources: [BoundProgram.Input] = []
  private var losses: [Value] = []
  /// Nodes of recordings in mixed precision.
  private var mixed: [Range<Int>] = []
  private var known: [Int32: Value] = [:]
  private var places = RecordedPlaces()
  private var leafCount: Int
  private var hyperCount = 0
  /// What keeps derivatives of the losses in range.
  private(set) var scale: GradientScale?
  private let problem: Problem
  private let optimizer: Optimizer
  /// Positions of the parameters that the step gives a gradient.
  private let present: [Int]

  init(_ problem: Problem, _ optimizer: Optimizer, _ step: TapeStep) throws {
    self.problem = problem
    self.optimizer = optimizer
    present = step.present
    moved = Self.moved(problem, optimizer, step.present)
    leafCount = step.recordings.reduce(0) { $0 + $1.inputs.leaves.count }
    for handle in moved {
      let value = addVector(type: handle.type)
      before.append(value)
      known[handle.parameterID] = value
    }
    for recording in step.recordings { losses.append(inline(recording)) }
    guard step.recordings.contains(where: { $0.graph.isHalf }) else { return }
    let input = addVector(type: try TensorType(.f64, []))
    scale = try GradientScale(input, initial: problem.lossScale.initial, in: &graph)
  }

  /// θ and the state that a step on these gradients changes; state that is not there yet is made.
  static func moved(_ problem: Problem, _ optimizer: Optimizer, _ present: [Int]) -> [Tensor] {
    let positions = present.compactMap { optimizer.position(of: problem.parameters[$0]) }
    return problem.parameters + positions.flatMap { optimizer.entries[$0].state }
  }

  private mutating func addInput(_ type: TensorType, _ source: BoundProgram.Input) -> Value {
    sources.append(source)
    return graph.addInput(type)
  }

  /// An input that is given at every run besides what the step read.
  mutating func addVector(like value: Value) -> Value { addVector(type: graph.type(of: value)) }

  mutating func addVector(type: TensorType) -> Value {
    leafCount += 1
    return addInput(type, .leaf(leafCount - 1))
  }

  private mutating func inline(_ recording: TapedRecording) -> Value {
    let recorded = recording.graph.value
    let ids = recording.ids
    var arguments: [Value] = []
    let inputs = places.add(recorded, recording.inputs)
    for (index, (value, place)) in zip(recorded.inputs, inputs).enumerated() {
      let id = ids.indices.contains(index) ? ids[index] : 0
      let argument = known[id] ?? addInput(recorded.type(of: value), place)
      if id != 0 { known[id] = argument }
      arguments.append(argument)
    }
    let start = graph.nodes.count
    let map = graph.inline(recorded, arguments)
    if recording.graph.isLow { mixed.append(start..<graph.nodes.count) }
    return map[recording.graph.loss.index]
  }

  /// The input that stands for a parameter of another problem; nil if the losses don't mention it.
  func input(of handle: Tensor) -> Value? { known[handle.parameterID] }

  // MARK: The step

  /// ∂L/∂x for each of `values`, L being the mean of the losses; nil where L does not depend on it.
  mutating func gradients(of values: [Value]) throws -> [Value?] {
    let shares = losses.map { _ in 1 / Double(losses.count) }
    return try GradientScale.gradients(
      of: losses, weights: shares, wrt: values, scale, in: &graph)
  }

  /// θ and state after the update by `gradients`, of θ; without one a parameter stays.
  mutating func update(_ gradients: [Value?]) throws -> [Value] {
    var after = before
    let found = present.compactMap { gradients[$0] }
    var clipped = found
    let limit = problem.config.gradientClipping
    if limit > 0 { clipped = try Clipping.clip(found, to: limit, in: &graph) }
    var next = clipped.makeIterator()
    var place = problem.parameters.count
    for position in present {
      guard gradients[position] != nil, let gradient = next.next(),
        let entry = optimizer.position(of: problem.parameters[position])
      else { continue }
      let count = optimizer.entries[entry].state.count
      let state = Array(before[place..<place + count])
      let updated = try updated(before[position], gradient, state, entry)
      after[position] = updated.parameter
      after.replaceSubrange(place..<place + count, with: updated.state)
      place += count
    }
    return after
  }

  /// Goes back over the update: from cotangents of θ and state after it to those of θ and state before it,
  /// and of the gradients, of θ.
  mutating func pulledBack(
    _ gradients: [Value?], _ cotangents: [Value]
  ) throws -> (before: [Value], gradients: [Value?]) {
    var back = cotangents
    var along = gradients.map { _ in Value?.none }
    let found = present.compactMap { gradients[$0] }
    let limit = problem.config.gradientClipping
    let clipped = limit > 0 ? try Clipping.clip(found, to: limit, in: &graph) : found
    var next = clipped.makeIterator()
    var places: [Int] = []
    var place = problem.parameters.count
    for position in present {
      guard gradients[position] != nil, let gradient = next.next() else { continue }
      places.append(position)
      guard let entry = optimizer.position(of: problem.parameters[position]) else { continue }
      let range = place..<place + optimizer.entries[entry].state.count
      place = range.upperBound
      let made = try adjoint(
        before[position], gradient, Array(before[range]),
        [cotangents[position]] + cotangents[range], entry)
      back[position] = made.parameter
      along[position] = made.gradient
      back.replaceSubrange(range, with: made.state)
    }
    guard limit > 0 else { return (back, along) }
    let pairs = zip(clipped, places).filter { along[$0.1] != nil }
    let through = try Transform.vjp(
      &graph, of: pairs.map(\.0), cotangents: pairs.map { along[$0.1] }, wrt: found)
    for (position, value) in zip(places, through) { along[position] = value }
    return (back, along)
  }

  private mutating func adjoint(
    _ parameter: Value, _ gradient: Value, _ state: [Value], _ cotangents: [Value], _ entry: Int
  ) throws -> (parameter: Value, gradient: Value?, state: [Value]) {
    let (rule, structure) = (optimizer.rule, self.structure(entry))
    let hyper = try self.hyper(entry, graph.dtype(of: parameter))
    if let made = try rule.adjoint(
      parameter: parameter, gradient: gradient, state: state, cotangents: cotangents,
      hyper: hyper, structure: structure, in: &graph)
    {
      return (made.parameter, made.gradient, made.state)
    }
    // Its own value, so that nothing behind the gradient is gone through.
    let cut = try graph.call(P.stopGradient, [gradient])
    let updated = try rule.update(
      parameter: parameter, gradient: cut, state: state, hyper: hyper, structure: structure,
      in: &graph)
    let back = try Transform.vjp(
      &graph, of: [updated.parameter] + updated.state, cotangents: cotangents,
      wrt: [parameter, cut] + state)
    let values = try zip([parameter, gradient] + state, back).map { value, found in
      try found ?? graph.constant(0, like: value)
    }
    return (values[0], back[1] == nil ? nil : values[1], Array(values[2...]))
  }

  private mutating func updated(
    _ parameter: Value, _ gradient: Value, _ state: [Value], _ entry: Int
  ) throws -> (parameter: Value, state: [Value]) {
    let hyper = try self.hyper(entry, graph.dtype(of: parameter))
    return try optimizer.rule.update(
      parameter: parameter, gradient: gradient, state: state, hyper: hyper,
      structure: structure(entry), in: &graph)
  }

  private func structure(_ entry: Int) -> Int {
    optimizer.groups[optimizer.entries[entry].group].structure
  }

  /// Inputs for the numbers that the update of one parameter reads.
  private mutating func hyper(_ entry: Int, _ dtype: DType) throws -> [Value] {
    let count = optimizer.runtime(entry).count
    let first = hyperCount
    hyperCount += count
    switch optimizer.rule.form(structure: structure(entry)) {
    case .vector: return [addInput(try TensorType(.f64, [count]), .scalars(first))]
    case .scalars:
      let type = try TensorType(dtype, [])
      return (0..<count).map { addInput(type, .scalars(first + $0)) }
    }
  }

  // MARK: Program

  /// Compiles `outputs`, each of which becomes a new tensor.
  func compiled(_ outputs: [Value]) throws -> UnrolledProgram {
    var graph = graph
    graph.outputs = outputs
    if !mixed.isEmpty { graph = try Transform.storingLow(graph, recorded: mixed) }
    graph = try Transform.simplify(graph)
    return UnrolledProgram(
      try BoundProgram(graph, inputs: sources, outputs: outputs.map { _ in .fresh }),
      scale: scale == nil ? nil : problem.lossScale)
  }
}

/// A program of one step of a tape.
final class UnrolledProgram {
  private let program: BoundProgram
  private let scale: LossScale?

  init(_ program: BoundProgram, scale: LossScale?) {
    self.program = program
    self.scale = scale
  }

  /// Runs on what a step read, on θ and state before it, and on the vectors.
  func run(_ step: TapeStep, before: [Tensor], vectors: [Tensor] = []) throws -> [Tensor] {
    guard var inputs = step.recordings.first?.inputs else { return [] }
    inputs = inputs.joined(step.recordings.dropFirst().map(\.inputs))
    inputs.leaves += before
    if let scale { inputs.leaves.append(try scale.tensor()) }
    inputs.leaves += vectors
    return try program.run(again: inputs, scalars: step.hyper)
  }
}
