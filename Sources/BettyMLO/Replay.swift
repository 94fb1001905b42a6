// Replay: training_step is promised to be a pure function of batch and parameters, so it is recorded once
// for each kind of batch, and from then on only new batches (and random keys) are bound to its program.
// Invariant: what is replayed was recorded on tensors of the same types, with the same lower
// recordings, the same optimizer structure and the same mode of training.

import BettyGraph
import BettyRuntime

/// One recorded kind of step.
final class Take {
  /// Numbers of the types of the batch.
  let types: [Int32]
  let kind: StepKind
  let lowerKeys: [StructureKey]
  /// See Problem.adaptedStructure.
  let adapted: StructureKey?
  let program: StepProgram
  let present: [Int]
  let stepped: [Int]
  let check: FiniteCheck
  private let isTraining: Bool
  private let threads = ThreadPool.shared.threads
  /// Buffers that the step reads and does not change.
  private let fixed: [BufferUse]
  /// For each leaf the tensor of the batch that takes its place.
  private let places: [Int?]
  /// Whether a leaf is bound as a handle, whatever that stands for: parameters are.
  private let isHandle: [Bool]
  /// Pairs of parts of the batch that were one tensor: one leaf stands for both.
  private let joined: [(Int, Int)]
  private let randomKeys: [Int]
  /// As last replayed.
  private(set) var recorded: Recorded
  private let repeated: RepeatedRun?

  init(
    _ entry: StepCache.Entry, _ program: StepProgram, _ recorded: Recorded, batch: [Tensor],
    places: [Int?], lowers: [Recorded], adapted: StructureKey?, uses: [BufferUse],
    isTraining: Bool
  ) {
    types = batch.map(\.typeNumber)
    kind = entry.kind
    lowerKeys = lowers.map(\.key)
    self.adapted = adapted
    self.program = program
    present = entry.present
    stepped = entry.stepped
    check = entry.check
    self.places = places
    isHandle = recorded.inputs.leafParameters.map { $0 != 0 }
    joined = Self.joined(batch)
    randomKeys = recorded.inputs.randomKeys
    fixed = uses.filter { $0.root == nil }
    self.isTraining = isTraining
    self.recorded = recorded
    repeated = lowers.isEmpty ? program.repeated(recorded.inputs) : nil
  }

  private static func joined(_ batch: [Tensor]) -> [(Int, Int)] {
    var found: [(Int, Int)] = []
    for (place, tensor) in batch.enumerated() {
      let value = tensor.present
      if let first = batch[..<place].firstIndex(where: { $0.present === value }) {
        found.append((first, place))
      }
    }
    return found
  }

  func fits(
    _ batch: [Tensor], _ kind: StepKind, _ lowers: [Recorded], _ adapted: StructureKey?,
    isTraining: Bool
  ) -> Bool {
    self.kind == kind && self.isTraining == isTraining && self.adapted == adapted
      && threads == ThreadPool.shared.threads
      && types.count == batch.count && fixed.allSatisfy(\.isAsRecorded)
      && lowerKeys.count == lowers.count
      && types.indices.allSatisfy { types[$0] == batch[$0].typeNumber }
      && joined.allSatisfy { batch[$0.0].present === batch[$0.1].present }
      && lowerKeys.indices.allSatisfy { lowerKeys[$0] == lowers[$0].key }
  }

  /// Binds another batch, as it is now, and draws fresh keys; false if nothing is other than it was.
  func renew(_ batch: [Tensor]) throws -> Bool {
    var inputs = recorded.inputs
    var isSame = true
    for (leaf, place) in places.enumerated() {
      guard let place else { continue }
      let tensor = isHandle[leaf] ? batch[place] : batch[place].read
      if inputs.leaves[leaf] === tensor { continue }
      isSame = false
      inputs.leaves[leaf] = tensor
      repeated?.replace(leaf, by: tensor)
    }
    if isSame && randomKeys.isEmpty { return false }
    let keys = try RandomKeys.renewed(randomKeys.map { inputs.leaves[$0] })
    for (leaf, key) in zip(randomKeys, keys) {
      inputs.leaves[leaf] = key
      repeated?.replace(leaf, by: key)
    }
    recorded = Recorded(key: recorded.key, graph: recorded.graph, inputs: inputs)
    return true
  }

  /// Gives what the program gives beside the updates.
  func run(_ lowers: [Recorded]) throws -> [Tensor] {
    if let repeated, try program.run(repeated) { return [] }
    return try program.run(again: recorded.inputs, lowers: lowers.map(\.inputs))
  }
}

/// The recorded kinds of steps of one problem.
struct Replay {
  private var takes: [Take] = []
  private static let limit = 16

  func find(
    _ batch: [Tensor], _ kind: StepKind, _ lowers: [Recorded], _ adapted: StructureKey?,
    isTraining: Bool
  ) -> Take? {
    takes.first { $0.fits(batch, kind, lowers, adapted, isTraining: isTraining) }
  }

  mutating func insert(_ take: Take) {
    if takes.count >= Self.limit { takes.removeLast() }
    takes.insert(take, at: 0)
  }
}

extension Problem {
  /// A step on the next batch: replayed if its kind was recorded, and recorded otherwise. A step that is
  /// logged is recorded, so that the log shows its own values.
  func replayStep(_ batch: [Tensor], _ optimizer: Optimizer, fresh: Bool) throws {
    let lowers = try lowerRecordings()
    let isLogged = recordsNext || (config.logStep > 0 && count % config.logStep == 0)
    recordsNext = false
    if !isLogged,
      let take = replay.find(
        batch, .update(revision: optimizer.revision), lowers, adaptedStructure,
        isTraining: isTraining)
    {
      let random = RandomKeys.state
      do {
        return try run(take, batch, lowers, optimizer)
      } catch {
        if !isUpdated { RandomKeys.draw(as: 0, from: random.position) }
        throw error
      }
    }
    let before = try BuffersBefore(self)
    let (entry, places, uses) = try undoing {
      let buffers = try buffersInDanger()
      let capture = try record(fresh: fresh, before)
      let uses = before.uses(in: capture)
      let places = capture.inputs.places(in: batch)
      return (try stepAtOnce(capture, optimizer, buffers, uses: uses), places, uses)
    }
    guard let program = entry.replay, let recorded = lastRecorded, let uses else { return }
    replay.insert(
      Take(
        entry, program, recorded, batch: batch, places: places, lowers: lowers,
        adapted: adaptedStructure, uses: uses, isTraining: isTraining))
  }

  private func run(
    _ take: Take, _ batch: [Tensor], _ lowers: [Recorded], _ optimizer: Optimizer
  ) throws {
    isUpdated = false
    if try take.renew(batch) { lastTake = nil }
    let isTaken = try unrolled(take.recorded, take.present) {
      let results = try take.run(lowers)
      try heedRefusals()
      return try wasTaken(results, [], take.check)
    }
    guard isTaken else { return try tellWarnings() }
    optimizer.advance(take.stepped)
    if lastTake !== take { setLastRecorded(take) }
    try updated()
    try tellWarnings()
  }
}
