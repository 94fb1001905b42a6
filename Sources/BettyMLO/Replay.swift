// Replay: training_step is promised to be a pure function of batch and parameters, so it is recorded once
// for each kind of batch, and from then on only new batches (and random keys) are bound to its program.
// Invariant: what is replayed was recorded on tensors of the same types, with the same lower
// recordings and the same optimizer structure.

import BettyGraph
import BettyRuntime

/// Where the batches of a replaying problem come from: held by the engine, or asked for one by one.
package enum BatchSource {
  /// The engine goes through these again and again; `select` makes one the user's current batch, and
  /// `wrapped` is told when it starts anew.
  case held([[Tensor]], select: (Int) throws -> Void, wrapped: (() throws -> Void)?)
  /// Draws the next batch, makes it the current one and gives its tensors.
  case drawn(() throws -> [Tensor])
}

package final class Replay {
  /// One recorded kind of step.
  struct Take {
    let types: [TensorType]
    let revision: Int32
    let lowerKeys: [StructureKey]
    let recorded: Recorded
    let entry: StepCache.Entry
    /// For each leaf the tensor of the batch that takes its place.
    let places: [Int?]
    let randomKeys: [Int]
  }

  private let source: BatchSource
  private var position = 0
  private var takes: [Take] = []
  private static let limit = 16

  package init(_ source: BatchSource) throws {
    if case .held(let batches, _, _) = source, batches.isEmpty {
      throw BettyError.value("replay: there are no batches")
    }
    self.source = source
  }

  /// The next batch, and how to make it the user's current one.
  func draw() throws -> (tensors: [Tensor], select: () throws -> Void) {
    switch source {
    case .drawn(let next): return (try next(), {})
    case .held(let batches, let select, let wrapped):
      if position == batches.count {
        position = 0
        try wrapped?()
      }
      let index = position
      position += 1
      return (batches[index], { try select(index) })
    }
  }

  func find(_ batch: [Tensor], _ revision: Int32, _ lowers: [Recorded]) -> Take? {
    takes.first { take in
      take.revision == revision && take.types.count == batch.count
        && take.lowerKeys.count == lowers.count
        && zip(take.types, batch).allSatisfy { $0 == $1.type }
        && zip(take.lowerKeys, lowers).allSatisfy { $0 == $1.key }
    }
  }

  func insert(_ take: Take) {
    if takes.count >= Self.limit { takes.removeLast() }
    takes.insert(take, at: 0)
  }
}

extension Problem {
  /// A step on the next batch: replayed if its kind was recorded, and recorded otherwise. A step that is
  /// logged is recorded, so that the log shows its own values.
  func step(replaying replay: Replay, _ optimizer: Optimizer) throws {
    let batch = try replay.draw()
    let lowers = try lowerRecordings()
    let isLogged = config.logStep > 0 && count % config.logStep == 0
    if !isLogged, let take = replay.find(batch.tensors, optimizer.revision, lowers) {
      return try run(take, batch.tensors, lowers, optimizer)
    }
    try batch.select()
    let capture = try record(fresh: false)
    let inputs = capture.inputs
    let places = inputs.places(in: batch.tensors)
    let entry = try stepAtOnce(capture, optimizer)
    guard entry.program.isReplayable, let recorded = lastRecorded else { return }
    replay.insert(
      Replay.Take(
        types: batch.tensors.map(\.type), revision: entry.revision, lowerKeys: lowers.map(\.key),
        recorded: recorded, entry: entry, places: places, randomKeys: inputs.randomKeys))
  }

  private func run(
    _ take: Replay.Take, _ batch: [Tensor], _ lowers: [Recorded], _ optimizer: Optimizer
  ) throws {
    var inputs = take.recorded.inputs
    for (leaf, place) in take.places.enumerated() {
      if let place { inputs.leaves[leaf] = batch[place] }
    }
    for leaf in take.randomKeys { inputs.leaves[leaf] = try RandomKeys.next() }
    try take.entry.program.run(
      again: inputs, lowers: lowers.map(\.inputs),
      hyper: optimizer.runtime(of: take.entry.stepped))
    optimizer.advance(take.entry.stepped)
    lastRecorded = Recorded(key: take.recorded.key, graph: take.recorded.graph, inputs: inputs)
    try hooks.paramCallback?()
  }
}
