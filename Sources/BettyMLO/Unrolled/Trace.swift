// What the inner loop of an iterative problem leaves behind for the gradient through it. Invariant: a trace
// holds tensors and structure, never the graph of a step, so that its memory does not depend on what a
// step computes.

import BettyGraph
import BettyRuntime

/// One recorded loss of a step with everything it read, as it was then.
struct TapedRecording {
  let key: StructureKey
  let graph: RecordedGraph
  /// What the step moves is left out: it comes from the tape.
  let inputs: RecordedInputs
  /// Which leaves are parameters.
  let ids: [Int32]

  /// As it was in another run.
  init(_ recorded: Recorded, ids: [Int32]) {
    key = recorded.key
    graph = recorded.graph
    inputs = recorded.inputs
    self.ids = ids
  }

  /// Whether one program serves both. What comes from another run has keys of its own.
  func isLike(_ other: TapedRecording) -> Bool {
    guard graph.isLow == other.graph.isLow, graph.isHalf == other.graph.isHalf else { return false }
    if key == other.key { return true }
    let first = StateReader.firstWord
    guard key.words.first == first || other.key.words.first == first else { return false }
    return ids == other.ids && lossGraph == other.lossGraph
  }

  private var lossGraph: Graph {
    var copy = graph.value
    copy.outputs = [graph.loss]
    return copy
  }

  init(_ recorded: Recorded, moved: Set<Int32>) throws {
    key = recorded.key
    graph = recorded.graph
    ids = recorded.inputs.parameterIDs
    inputs = try recorded.inputs.pinned(except: ids.map { moved.contains($0) })
  }
}

/// How a step moves parameters and state: what of optimizer and options its programs are made of, as it was
/// when the step was taken. Either may change in the middle of a loop.
struct TapedUpdate {
  /// What the optimizer has of a parameter.
  struct Share {
    let structure: Int
    /// Handles.
    let state: [Tensor]
    /// How many numbers the update reads.
    let numbers: Int
  }

  let rule: any OptimizerRule.Type
  /// Equal ones of one optimizer mean equal updates.
  private let id: Int32
  private let revision: Int32
  /// Largest total norm of the gradients; 0 is off.
  let clipping: Double
  /// θ, as handles.
  let parameters: [Tensor]
  /// Positions of the parameters that have a gradient.
  let present: [Int]
  /// Of each of these, what the optimizer has; nil if it does not have the parameter.
  let shares: [Share?]

  /// State that is not there yet is made. The limit is the present one unless another is given.
  init(
    _ problem: Problem, _ optimizer: Optimizer, _ present: [Int], clipping: Double? = nil
  ) throws {
    rule = optimizer.rule
    id = optimizer.id
    revision = optimizer.revision
    self.clipping = clipping ?? problem.config.gradientClipping
    parameters = problem.parameters
    self.present = present
    shares = try present.map { position in
      guard let entry = optimizer.position(of: problem.parameters[position]) else { return nil }
      try optimizer.prepareState(entry)
      let made = optimizer.entries[entry]
      return Share(
        structure: optimizer.groups[made.group].structure, state: made.state,
        numbers: optimizer.runtime(entry).count)
    }
  }

  /// Handles of what the step moves: θ, then the state of each parameter that is stepped.
  var moved: [Tensor] { parameters + shares.flatMap { $0?.state ?? [] } }

  /// How many numbers it reads.
  var numbers: Int { shares.reduce(0) { $0 + ($1?.numbers ?? 0) } }

  func isLike(_ other: TapedUpdate) -> Bool {
    id == other.id && revision == other.revision && clipping == other.clipping
      && present == other.present
  }
}

/// One optimizer step.
struct TapeStep {
  /// One for each micro-step.
  var recordings: [TapedRecording]
  let update: TapedUpdate
  /// The numbers that the update has read.
  let hyper: [Double]
  /// θ and state before it; nil where they are computed again.
  var before: [Tensor]?

  /// Whether one program serves both.
  func isLike(_ other: TapeStep) -> Bool {
    update.isLike(other.update) && recordings.count == other.recordings.count
      && zip(recordings, other.recordings).allSatisfy { $0.isLike($1) }
  }
}

/// Programs by the kind of step they serve and the upper parameters they differentiate.
struct UnrolledCache<Made> {
  private struct Entry {
    let step: TapeStep
    let upper: [Int32]
    let threads = ThreadPool.shared.threads
    let made: Made
  }
  private var entries: [Entry] = []
  private static var limit: Int { 32 }

  mutating func find(
    _ step: TapeStep, _ upper: [Int32], make: () throws -> Made
  ) rethrows -> Made {
    let threads = ThreadPool.shared.threads
    if let entry = entries.first(where: {
      $0.upper == upper && $0.threads == threads && $0.step.isLike(step)
    }) {
      return entry.made
    }
    let made = try make()
    if entries.count >= Self.limit { entries.removeLast() }
    entries.insert(Entry(step: step.withoutTensors, upper: upper, made: made), at: 0)
    return made
  }
}

extension TapeStep {
  /// Its kind alone.
  fileprivate var withoutTensors: TapeStep {
    var copy = self
    copy.before = nil
    return copy
  }
}

/// What stands for a cotangent or tangent that is not there.
struct Zeros {
  private var made: [TensorType: Tensor] = [:]

  mutating func like(_ tensor: Tensor) throws -> Tensor {
    let type = tensor.type
    if let known = made[type] { return known }
    let zeros = try Recording.pinned([try Recording.zeros(like: tensor)])[0]
    made[type] = zeros
    return zeros
  }
}

/// Where an inner loop began: at a differentiable copy of another problem's parameters.
typealias LoopOrigin = [(own: Tensor, source: Tensor)]

/// What one method of unrolled differentiation keeps and makes of it.
protocol Trace: AnyObject {
  /// A new inner loop begins.
  func restart(from origin: LoopOrigin?) throws
  /// A step was taken; `before` is there.
  func append(_ step: TapeStep) throws
  /// What was compiled is not to be used any more.
  func forgetPrograms()
  /// vᵀ dθ_T/dλ, for v by parameter; nil where λ plays no part.
  func product(of vector: [Int32: Tensor], upper: [Tensor]) throws -> [Tensor?]
  /// The steps so far, to be taken up in another run.
  func write(into state: inout StateWriter) throws
  /// After `restart`.
  func read(from state: inout StateReader) throws
}
