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

  init(_ recorded: Recorded, moved: Set<Int32>) throws {
    key = recorded.key
    graph = recorded.graph
    ids = recorded.inputs.parameterIDs
    inputs = try recorded.inputs.pinned(except: ids.map { moved.contains($0) })
  }
}

/// One optimizer step.
struct TapeStep {
  /// One for each micro-step.
  let recordings: [TapedRecording]
  let revision: Int32
  /// Positions of the parameters that have a gradient.
  let present: [Int]
  let hyper: [Double]
  /// θ and state before it; nil where they are computed again.
  var before: [Tensor]?

  /// Whether one program serves both.
  func isLike(_ other: TapeStep) -> Bool {
    revision == other.revision && present == other.present
      && recordings.count == other.recordings.count
      && zip(recordings, other.recordings).allSatisfy { $0.key == $1.key }
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
  /// vᵀ dθ_T/dλ, for v by parameter; nil where λ plays no part.
  func product(of vector: [Int32: Tensor], upper: [Tensor]) throws -> [Tensor?]
}
