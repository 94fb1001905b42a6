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
  /// What keeps derivatives of the losses in range.
  private(set) var scale: GradientScale?
  private let problem: Problem
  private let taken: TapedUpdate

  /// A parameter that has a gradient.
  private struct Move {
    let position: Int
    /// nil: it stays.
    let share: TapedUpdate.Share?
    /// Of its state in `before`.
    let state: Range<Int>
    /// Of its numbers, among those of all, whether or not these have a gradient in this graph.
    let hyper: Int
  }
  private var moves: [Move] = []

  init(_ problem: Problem, _ step: TapeStep) throws {
    self.problem = problem
    taken = step.update
    var (place, hyper) = (taken.parameters.count, 0)
    for (position, share) in zip(taken.present, taken.shares) {
      let end = place + (share?.state.count ?? 0)
      moves.append(Move(position: position, share: share, state: place..<end, hyper: hyper))
      place = end
      hyper += share?.numbers ?? 0
    }
    leafCount = step.recordings.reduce(0) { $0 + $1.inputs.leaves.count }
    for handle in taken.moved {
      let value = addVector(type: handle.type)
      before.append(value)
      known[handle.parameterID] = value
    }
    for recording in step.recordings { losses.append(inline(recording)) }
    guard step.recordings.contains(where: { $0.graph.isHalf }) else { return }
    let input = addVector(type: try TensorType(.f64, []))
    scale = try GradientScale(input, initial: problem.lossScale.initial, in: &graph)
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

  /// θ, as inputs.
  var theta: [Value] { Array(before.prefix(taken.parameters.count)) }

  /// Handles of θ and state.
  var moved: [Tensor] { taken.moved }

  /// θ and state after the update by `gradients`, of θ; without one a parameter stays.
  mutating func update(_ gradients: [Value?]) throws -> [Value] {
    var after = before
    let found = moves.filter { gradients[$0.position] != nil }
    let clipped = try clip(found.compactMap { gradients[$0.position] })
    for (move, gradient) in zip(found, clipped) {
      guard let share = move.share else { continue }
      let hyper = try hyper(move)
      let updated = try taken.rule.update(
        parameter: before[move.position], gradient: gradient, state: Array(before[move.state]),
        hyper: hyper, structure: share.structure, in: &graph)
      after[move.position] = updated.parameter
      after.replaceSubrange(move.state, with: updated.state)
    }
    return after
  }

  private mutating func clip(_ gradients: [Value]) throws -> [Value] {
    guard taken.clipping > 0 else { return gradients }
    return try Clipping.clip(gradients, to: taken.clipping, in: &graph)
  }

  /// Goes back over the update: from cotangents of θ and state after it to those of θ and state before it,
  /// and of the gradients, of θ.
  mutating func pulledBack(
    _ gradients: [Value?], _ cotangents: [Value]
  ) throws -> (before: [Value], gradients: [Value?]) {
    var back = cotangents
    let found = moves.filter { gradients[$0.position] != nil }
    let given = found.compactMap { gradients[$0.position] }
    let clipped = try clip(given)
    var along = clipped.map { _ in Value?.none }
    for (place, move) in found.enumerated() where move.share != nil {
      let made = try adjoint(
        move, clipped[place], [cotangents[move.position]] + cotangents[move.state])
      back[move.position] = made.parameter
      along[place] = made.gradient
      back.replaceSubrange(move.state, with: made.state)
    }
    if taken.clipping > 0 {
      let pairs = zip(clipped, along).filter { $0.1 != nil }
      along = try Transform.vjp(
        &graph, of: pairs.map(\.0), cotangents: pairs.map(\.1), wrt: given)
    }
    var result = gradients.map { _ in Value?.none }
    for (move, value) in zip(found, along) { result[move.position] = value }
    return (back, result)
  }

  private mutating func adjoint(
    _ move: Move, _ gradient: Value, _ cotangents: [Value]
  ) throws -> (parameter: Value, gradient: Value?, state: [Value]) {
    let (rule, structure) = (taken.rule, move.share?.structure ?? 0)
    let (parameter, state) = (before[move.position], Array(before[move.state]))
    let hyper = try hyper(move)
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

  /// Inputs for the numbers that the update of one parameter reads.
  private mutating func hyper(_ move: Move) throws -> [Value] {
    guard let share = move.share else { return [] }
    switch taken.rule.form(structure: share.structure) {
    case .vector: return [addInput(try TensorType(.f64, [share.numbers]), .scalars(move.hyper))]
    case .scalars:
      let type = try TensorType(graph.dtype(of: before[move.position]), [])
      return (0..<share.numbers).map { addInput(type, .scalars(move.hyper + $0)) }
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
