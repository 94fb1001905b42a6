// Replay: training_step is promised to be a pure function of batch and parameters, so it is recorded once
// for each kind of batch, and from then on only new batches (and random keys) are bound to its program.
// Invariant: what is replayed was recorded on tensors of the same types, with the same lower
// recordings and the same optimizer structure.

import BettyGraph
import BettyRuntime

/// The recorded kinds of steps of one problem.
struct Replay {
  /// One recorded kind of step.
  struct Take {
    let types: [TensorType]
    let revision: Int32
    let lowerKeys: [StructureKey]
    /// See Problem.adaptedStructure.
    let adapted: StructureKey?
    let recorded: Recorded
    let program: StepProgram
    let present: [Int]
    let stepped: [Int]
    /// For each leaf the tensor of the batch that takes its place.
    let places: [Int?]
    let randomKeys: [Int]
  }

  private var takes: [Take] = []
  private static let limit = 16

  func find(
    _ batch: [Tensor], _ revision: Int32, _ lowers: [Recorded], _ adapted: StructureKey?
  ) -> Take? {
    takes.first { take in
      take.revision == revision && take.adapted == adapted && take.types.count == batch.count
        && take.lowerKeys.count == lowers.count
        && zip(take.types, batch).allSatisfy { $0 == $1.type }
        && zip(take.lowerKeys, lowers).allSatisfy { $0 == $1.key }
    }
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
    if !isLogged, let take = replay.find(batch, optimizer.revision, lowers, adaptedStructure) {
      return try run(take, batch, lowers, optimizer)
    }
    let buffers = try buffersInDanger()
    let capture = try record(fresh: fresh)
    let inputs = capture.inputs
    let places = inputs.places(in: batch)
    let entry = try stepAtOnce(capture, optimizer, buffers)
    guard let program = entry.replay, let recorded = lastRecorded else { return }
    replay.insert(
      Replay.Take(
        types: batch.map(\.type), revision: entry.revision, lowerKeys: lowers.map(\.key),
        adapted: adaptedStructure, recorded: recorded, program: program, present: entry.present,
        stepped: entry.stepped,
        places: places,
        randomKeys: inputs.randomKeys))
  }

  private func run(
    _ take: Replay.Take, _ batch: [Tensor], _ lowers: [Recorded], _ optimizer: Optimizer
  ) throws {
    var inputs = take.recorded.inputs
    for (leaf, place) in take.places.enumerated() {
      if let place { inputs.leaves[leaf] = batch[place] }
    }
    for leaf in take.randomKeys { inputs.leaves[leaf] = try RandomKeys.next() }
    let recorded = Recorded(key: take.recorded.key, graph: take.recorded.graph, inputs: inputs)
    let isTaken = try unrolled(recorded, take.present) {
      let results = try take.program.run(again: inputs, lowers: lowers.map(\.inputs))
      if !records.isEmpty { try heedMethods() }
      return try wasTaken(results, [])
    }
    guard isTaken else { return }
    optimizer.advance(take.stepped)
    lastRecorded = recorded
    try hooks.paramCallback?()
  }
}
