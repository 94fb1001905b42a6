// The graph of one step, put together from recorded losses, and the program made of it. Invariant: a
// parameter is one input however many recordings mention it; everything else a recording was made on
// is an input of its own.

import BettyGraph
import BettyKernelInterface
import BettyRuntime
import BettyTransform

/// The graph of a recorded loss, which several steps share.
final class RecordedGraph: Sendable {
  let value: Graph
  let loss: Value

  init(_ capture: Capture) {
    value = capture.graph
    loss = capture.roots[0]
  }
}

/// What is kept of a recording: its structure, its graph, what it was made on.
struct Recorded {
  let key: StructureKey
  let graph: RecordedGraph
  let inputs: RecordedInputs
}

/// Where an input of a step comes from.
private enum Source {
  /// Of the step's own recording.
  case leaf(Int)
  case number(Int)
  case computed(Int)
  /// Of the recording of a lower problem.
  case lowerLeaf(recording: Int, index: Int)
  case lowerNumber(recording: Int, index: Int)
  /// The present value of a parameter or of optimizer state.
  case parameter(Int)
  /// Hyperparameters from this one on.
  case hyper(Int)
}

struct StepGraph {
  var graph = Graph()
  private var sources: [Source] = []
  private var parameters: [Tensor] = []
  private var inputs: [Int32: Value] = [:]
  private var computed: [(value: Value, position: Int)] = []
  private var hyperCount = 0
  private var captured: [Value] = []
  private var results: [Value] = []
  private var updates: [(parameter: Int, value: Value)] = []

  private mutating func addInput(_ type: TensorType, _ source: Source) -> Value {
    sources.append(source)
    return graph.addInput(type)
  }

  /// The input that stands for a parameter or for state; made when first asked for.
  mutating func input(_ handle: Tensor) -> Value {
    let id = handle.parameterID
    if let value = inputs[id] { return value }
    let value = addInput(handle.type, .parameter(parameters.count))
    parameters.append(handle)
    inputs[id] = value
    return value
  }

  /// Copies the step's own recording in; its outputs get their values from the step. Gives what its
  /// roots became. What the user has read already is not computed again.
  mutating func add(_ capture: Capture) -> [Value] {
    let recorded = capture.graph
    var arguments: [Value] = []
    for (index, leaf) in capture.leaves.enumerated() {
      let type = recorded.type(of: recorded.inputs[index])
      arguments.append(leaf.parameterID != 0 ? input(leaf) : addInput(type, .leaf(index)))
    }
    for (index, value) in recorded.inputs.dropFirst(capture.leaves.count).enumerated() {
      arguments.append(addInput(recorded.type(of: value), .number(index)))
    }
    let map = graph.inline(recorded, arguments)
    for (position, value) in capture.computed {
      computed.append((map[value.index], position))
    }
    captured = recorded.outputs.map { map[$0.index] }
    return capture.roots.map { map[$0.index] }
  }

  /// Copies the recording of a lower problem in; gives its loss.
  mutating func add(_ lower: Recorded, recording: Int) -> Value {
    let recorded = lower.graph.value
    var arguments: [Value] = []
    for (index, leaf) in lower.inputs.leaves.enumerated() {
      let type = recorded.type(of: recorded.inputs[index])
      arguments.append(
        leaf.parameterID != 0
          ? input(leaf) : addInput(type, .lowerLeaf(recording: recording, index: index)))
    }
    for (index, value) in recorded.inputs.dropFirst(lower.inputs.leaves.count).enumerated() {
      arguments.append(
        addInput(recorded.type(of: value), .lowerNumber(recording: recording, index: index)))
    }
    return graph.inline(recorded, arguments)[lower.graph.loss.index]
  }

  /// Inputs for the hyperparameters of one parameter's update.
  mutating func hyper(count: Int, form: RuntimeForm, dtype: DType) throws -> [Value] {
    let first = hyperCount
    hyperCount += count
    switch form {
    case .vector: return [addInput(try TensorType(.f64, [count]), .hyper(first))]
    case .scalars:
      return try (0..<count).map { addInput(try TensorType(dtype, []), .hyper(first + $0)) }
    }
  }

  mutating func addResult(_ value: Value) { results.append(value) }

  mutating func update(_ handle: Tensor, to value: Value) {
    _ = input(handle)
    guard let place = parameters.firstIndex(where: { $0 === handle }) else { return }
    updates.append((place, value))
  }

  /// The program of the whole step.
  func compiled() throws -> StepProgram {
    var step = self
    var replaced: [(Value, Value)] = []
    for (value, position) in computed {
      replaced.append((value, step.addInput(graph.type(of: value), .computed(position))))
    }
    var outputs = captured + results + updates.map(\.value)
    if !replaced.isEmpty {
      outputs = try Transform.substitute(&step.graph, of: outputs, replacing: replaced)
    }
    step.graph.outputs = outputs
    return try step.bound(try Transform.simplify(step.graph))
  }

  private func bound(_ graph: Graph) throws -> StepProgram {
    var leaves: [StepProgram.LowerInput] = []
    var numbers: [StepProgram.LowerInput] = []
    let bindings: [BoundProgram.Input] = sources.map { source in
      switch source {
      case .leaf(let index): return .leaf(index)
      case .number(let index): return .number(index)
      case .computed(let position): return .computed(position)
      case .parameter(let place): return .handle(place)
      case .hyper(let first): return .scalars(first)
      case .lowerLeaf(let recording, let index):
        leaves.append((recording, index))
        return .handle(parameters.count + leaves.count - 1)
      case .lowerNumber(let recording, let index):
        numbers.append((recording, index))
        return .scalars(hyperCount + numbers.count - 1)
      }
    }
    var outputs: [BoundProgram.Output] = captured.indices.map { .captured($0) }
    outputs += results.map { _ in .fresh }
    outputs += updates.map { .handle($0.parameter) }
    return StepProgram(
      program: try BoundProgram(graph, inputs: bindings, outputs: outputs),
      parameters: parameters, lowerLeaves: leaves, lowerNumbers: numbers)
  }
}

/// A step ready to run.
final class StepProgram {
  typealias LowerInput = (recording: Int, index: Int)

  private let program: BoundProgram
  private let parameters: [Tensor]
  private let lowerLeaves: [LowerInput]
  private let lowerNumbers: [LowerInput]

  init(
    program: BoundProgram, parameters: [Tensor], lowerLeaves: [LowerInput],
    lowerNumbers: [LowerInput]
  ) {
    self.program = program
    self.parameters = parameters
    self.lowerLeaves = lowerLeaves
    self.lowerNumbers = lowerNumbers
  }

  /// Runs on a recording of the step's structure, which is given up, and on the last ones of the lower
  /// problems. Parameters and state get their new values; gives the step's other results.
  func run(_ capture: Capture, lowers: [RecordedInputs] = [], hyper: [Double]) throws -> [Tensor] {
    let (handles, scalars) = bind(lowers, hyper)
    return try program.run(capture, handles: handles, scalars: scalars)
  }

  /// Runs without recording anything, on other leaves of the same structure.
  func run(
    again inputs: RecordedInputs, lowers: [RecordedInputs] = [], hyper: [Double]
  ) throws {
    let (handles, scalars) = bind(lowers, hyper)
    _ = try program.run(again: inputs, handles: handles, scalars: scalars)
  }

  /// A step in which the user read values while it was recorded is specific to that recording.
  var isReplayable: Bool { !program.readsComputed }

  private func bind(
    _ lowers: [RecordedInputs], _ hyper: [Double]
  ) -> (handles: [Tensor], scalars: [Double]) {
    var handles = parameters
    var scalars = hyper
    for (recording, index) in lowerLeaves { handles.append(lowers[recording].leaves[index]) }
    for (recording, index) in lowerNumbers { scalars.append(lowers[recording].number(index)) }
    return (handles, scalars)
  }
}
