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
  /// Whether products are rounded.
  let isLow: Bool
  /// Whether a problem's precision rounds them to f16, whose range is small.
  let isHalf: Bool

  init(_ value: Graph, loss: Value, mayBeHalf: Bool) {
    self.value = value
    self.loss = loss
    isLow = value.hasProducts { $0.isLow }
    isHalf = mayBeHalf && value.hasProducts { $0 == .f16 }
  }
}

/// What is kept of a recording: its structure, its graph, what it was made on.
struct Recorded {
  let key: StructureKey
  let graph: RecordedGraph
  let inputs: RecordedInputs
}

/// Where the leaves and numbers of recordings that are copied into one graph are among the inputs of its
/// program, in the order of the recordings.
struct RecordedPlaces {
  private(set) var leaves = 0
  private var numbers = 0

  /// The places of one more recording's inputs.
  mutating func add(_ recorded: Graph, _ made: RecordedInputs) -> [BoundProgram.Input] {
    let count = made.leaves.count
    let places: [BoundProgram.Input] = recorded.inputs.indices.map {
      $0 < count ? .leaf(leaves + $0) : .number(numbers + $0 - count)
    }
    leaves += count
    numbers += recorded.inputs.count - count
    return places
  }
}

struct StepGraph {
  var graph = Graph()
  private var sources: [BoundProgram.Input] = []
  private var parameters: [Tensor] = []
  private var inputs: [Int32: Value] = [:]
  private var computed: [(value: Value, position: Int)] = []
  private var hyperCount = 0
  private var numbers: [RuntimeNumbers] = []
  private var places = RecordedPlaces()
  private var captured: [Value] = []
  private var results: [Value] = []
  private var updates: [(parameter: Int, value: Value, isReport: Bool)] = []
  /// Where this is true nothing is changed but reports.
  private var refusal: Value?
  /// Nodes of recordings in mixed precision.
  private var mixed: [Range<Int>] = []
  /// Where this is false nothing is changed.
  private var permission: Value?
  /// What a replay does to buffers; a step that is recorded does it by its recording.
  private var buffers: [(use: BufferUse, after: Value?)] = []

  private mutating func addInput(_ type: TensorType, _ source: BoundProgram.Input) -> Value {
    sources.append(source)
    return graph.addInput(type)
  }

  /// The input that stands for a parameter or for state; made when first asked for.
  mutating func input(_ handle: Tensor) -> Value {
    if let value = inputs[number(of: handle)] { return value }
    let value = addInput(handle.type, .handle(parameters.count))
    parameters.append(handle)
    inputs[number(of: handle)] = value
    return value
  }

  /// The number of a parameter; buffers, which have none, get theirs from where they are, below 0.
  private func number(of handle: Tensor) -> Int32 {
    let number = handle.parameterID
    if number != 0 { return number }
    return parameters.firstIndex { $0 === handle }.map { -1 - Int32($0) } ?? 0
  }

  /// Ties an input that was added to the graph itself to a handle. To be called before anything else
  /// makes an input, in their order.
  mutating func adopt(_ value: Value, for handle: Tensor) {
    sources.append(.handle(parameters.count))
    parameters.append(handle)
    inputs[handle.parameterID] = value
  }

  /// Copies the step's own recording in; its outputs get their values from the step. Gives what its
  /// roots became.
  mutating func add(_ mixed: MixedCapture, _ recorded: RecordedGraph? = nil) -> [Value] {
    let start = graph.nodes.count
    let map = inline(mixed.graph, on: mixed.capture.inputs)
    if recorded?.isLow == true { self.mixed.append(start..<graph.nodes.count) }
    for (position, value) in mixed.computed {
      computed.append((map[value.index], position))
    }
    captured = mixed.held.map { map[$0.index] }
    return mixed.roots.map { map[$0.index] }
  }

  /// Copies the recording of a lower problem in; gives its loss.
  mutating func add(_ lower: Recorded) -> Value {
    let start = graph.nodes.count
    let map = inline(lower.graph.value, on: lower.inputs)
    if lower.graph.isLow { mixed.append(start..<graph.nodes.count) }
    return map[lower.graph.loss.index]
  }

  private mutating func inline(_ recorded: Graph, on made: RecordedInputs) -> [Value] {
    let leafParameters = made.leafParameters
    var arguments: [Value] = []
    for (index, (value, place)) in zip(recorded.inputs, places.add(recorded, made)).enumerated() {
      if leafParameters.indices.contains(index), leafParameters[index] != 0 {
        arguments.append(input(made.leaves[index]))
      } else {
        arguments.append(addInput(recorded.type(of: value), place))
      }
    }
    return graph.inline(recorded, arguments)
  }

  /// Inputs for the numbers that one parameter's update reads, or its adaptation.
  mutating func hyper(
    _ numbers: RuntimeNumbers, form: RuntimeForm, dtype: DType
  ) throws -> [Value] {
    let first = hyperCount
    let count = numbers.values.count
    hyperCount += count
    self.numbers.append(numbers)
    switch form {
    case .vector: return [addInput(try TensorType(.f64, [count]), .scalars(first))]
    case .scalars:
      return try (0..<count).map { addInput(try TensorType(dtype, []), .scalars(first + $0)) }
    }
  }

  mutating func addResult(_ value: Value) { results.append(value) }

  /// A report is written even if the step is refused.
  mutating func update(_ handle: Tensor, to value: Value, isReport: Bool = false) {
    _ = input(handle)
    guard let place = parameters.firstIndex(where: { $0 === handle }) else { return }
    updates.removeAll { $0.parameter == place }
    updates.append((place, value, isReport))
  }

  /// Leaves everything but reports as it is.
  mutating func dropUpdates() { updates.removeAll { !$0.isReport } }

  /// Leaves parameters and state as they are when a scalar condition holds.
  mutating func refuse(when condition: Value) throws {
    refusal = try refusal.map { try graph.call(P.logicalOr, [$0, condition]) } ?? condition
  }

  /// Leaves everything as it is where a scalar flag is false. The flag is the last result.
  mutating func keepUnless(_ flag: Value) {
    permission = flag
    addResult(flag)
  }

  /// The updates where the step is not refused.
  private mutating func guarded() throws {
    updates = try updates.map { update in
      let old = input(parameters[update.parameter])
      let shape = graph.shape(of: old)
      var new = update.value
      if let permission {
        let mask = try Vectors.spread(permission, over: shape, in: &graph)
        new = try graph.call(P.select, [mask, new, old])
      }
      if let refusal, !update.isReport {
        let mask = try Vectors.spread(refusal, over: shape, in: &graph)
        new = try graph.call(P.select, [mask, old, new])
      }
      return (update.parameter, new, update.isReport)
    }
  }

  /// Notes what the step's own recording does to a buffer; `after` is its new value.
  mutating func track(_ use: BufferUse, after: Value?) { buffers.append((use, after)) }

  /// Has the step read buffers where they are, and change them there.
  private mutating func adoptBuffers() {
    for (use, after) in buffers {
      let place = parameters.count
      parameters.append(use.handle)
      if let leaf = use.leaf,
        let source = sources.firstIndex(of: .leaf(leaf))
      {
        sources[source] = .handle(place)
        inputs[number(of: use.handle)] = graph.inputs[source]
      }
      if let after { update(use.handle, to: after) }
    }
  }

  /// What the step has made of a parameter or of state so far.
  mutating func present(_ handle: Tensor) -> Value {
    let value = input(handle)
    guard let place = parameters.firstIndex(where: { $0 === handle }) else { return value }
    return updates.first { $0.parameter == place }?.value ?? value
  }

  /// Whether nothing that the user read while recording takes part: what is left can be replayed.
  var isReplayable: Bool { computed.isEmpty }

  /// The program of the whole step. For a replay the recording's own values are left out: nobody has a
  /// handle on them.
  func compiled(forReplay: Bool = false) throws -> StepProgram {
    var step = self
    if forReplay {
      step.captured = []
      step.adoptBuffers()
    }
    try step.guarded()
    var replaced: [(Value, Value)] = []
    for (value, position) in computed {
      replaced.append((value, step.addInput(graph.type(of: value), .computed(position))))
    }
    var outputs = step.captured + results + step.updates.map(\.value)
    if !replaced.isEmpty {
      outputs = try Transform.substitute(&step.graph, of: outputs, replacing: replaced)
    }
    step.graph.outputs = outputs
    if !mixed.isEmpty {
      step.graph = try Transform.storingLow(step.graph, recorded: mixed)
    }
    let graph = try Transform.factored(Transform.simplify(step.graph))
    return try step.bound(try Transform.distributed(graph))
  }

  private func bound(_ graph: Graph) throws -> StepProgram {
    var outputs: [BoundProgram.Output] = captured.indices.map { .captured($0) }
    outputs += results.map { _ in .fresh }
    outputs += updates.map { .handle($0.parameter) }
    return StepProgram(
      program: try BoundProgram(graph, inputs: sources, outputs: outputs),
      parameters: parameters, numbers: numbers)
  }
}

/// A step ready to run.
final class StepProgram: CustomStringConvertible {
  private let program: BoundProgram
  private let parameters: [Tensor]
  private let numbers: [RuntimeNumbers]
  /// The optimizers that the numbers are of.
  private let links: [OptimizerLink]
  /// What the numbers were, and for which generation of their optimizers they stay so.
  private var steady: [Double] = []
  private var steadyGeneration = -1

  init(program: BoundProgram, parameters: [Tensor], numbers: [RuntimeNumbers]) {
    self.program = program
    self.parameters = parameters
    self.numbers = numbers
    links = numbers.reduce(into: []) { links, number in
      if !links.contains(where: { $0 === number.link }) { links.append(number.link) }
    }
  }

  /// Floating-point operations of one run.
  var operations: Double { program.graph.operations }
  /// Of what a run reads, writes and holds between.
  var bytes: Int {
    program.program.arenaBytes
      + (program.program.inputTypes + program.program.outputTypes)
      .reduce(0) { $0 + $1.byteCount }
  }

  /// Nanoseconds of one run, and what one thread would take, by a rough estimate.
  var time: Double { program.program.nanoseconds }
  var timeAlone: Double { program.program.nanosecondsAlone }

  /// The graph of the whole step and the program made of it.
  var description: String { "step: \(program.graph)\n\(program.program)" }

  /// Runs on a recording of the step's structure, which is given up, and on the last ones of the lower
  /// problems. Parameters and state get their new values; gives the step's other results.
  func run(_ capture: Capture, lowers: [RecordedInputs] = []) throws -> [Tensor] {
    try program.run(
      capture, beside: lowers, handles: parameters, scalars: numbers.flatMap(\.values))
  }

  /// The same kept ready for runs without lower problems; nil if the step is not as plain as that.
  func repeated(_ inputs: RecordedInputs) -> RepeatedRun? {
    RepeatedRun(program, inputs, handles: parameters)
  }

  /// Runs that again; false if it takes the long way.
  func run(_ repeated: RepeatedRun) throws -> Bool {
    var generation = 0
    for link in links { generation &+= link.generation }
    if generation != steadyGeneration {
      steady = numbers.flatMap(\.values)
      steadyGeneration = numbers.allSatisfy(\.isSteady) ? generation : -1
    }
    return try repeated.run(scalars: steady)
  }

  /// Runs without recording anything, on other leaves of the same structure.
  func run(again inputs: RecordedInputs, lowers: [RecordedInputs] = []) throws -> [Tensor] {
    try program.run(
      again: inputs.joined(lowers), handles: parameters, scalars: numbers.flatMap(\.values))
  }
}
