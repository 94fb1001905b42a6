// Data parallelism: training_step records the loss of a batch once for each replica, on its share of the
// rows, and the loss of the step is the mean of these losses, weighted by rows. The replicas are parts of
// one graph, so gradients, vectors and products of every method are sums over them in a fixed order, and
// the runtime runs them side by side. Invariants: replica 0 draws the random numbers and makes the new
// buffers that a step without replicas would; if one fails, it is undone as any recording is.

import BettyGraph
import BettyRuntime
import BettyTransform

/// Whose loss is being recorded.
package struct Replica: Sendable {
  package var index = 0
  package var count = 1
  /// Of the rows of the batch.
  package var share = 1.0
}

/// How batches are split.
struct Sharding {
  /// Rows of the largest batch so far.
  private var mostRows = 0
  fileprivate(set) var replica = Replica()
  /// The replica's part of the batch.
  fileprivate(set) var parts: [Tensor]?

  /// Replicas for a batch of so many rows: a last batch may have fewer rows than there are replicas.
  mutating func count(rows: Int, wanted: Int, problem: String) throws -> Int {
    mostRows = max(mostRows, rows)
    guard mostRows >= wanted else {
      throw BettyError.value(
        "problem '\(problem)': \(wanted) replicas need batches of at least \(wanted) rows, "
          + "got \(rows)")
    }
    return max(min(wanted, rows), 1)
  }
}

extension Problem {
  var synchronizesNorms: Bool { engine?.config.synchronizesNorms ?? false }

  /// The replica whose loss training_step is asked for.
  package var replica: Replica { sharding.replica }

  /// The tensors that training_step is to see: a replica's rows of the batch that the engine drew.
  package var presentBatch: [Tensor] { sharding.parts ?? batches?.current ?? [] }

  /// The loss as training_step records it, of all replicas together.
  func recordedLoss(fresh: Bool) throws -> (total: Tensor, replicas: Int) {
    guard let wanted = engine?.config.replicaCount, wanted > 1, let batch = batches?.current,
      let rows = batch.first(where: { $0.type.rank > 0 })?.type.shape[0]
    else { return (try ownLoss(fresh: fresh), 1) }
    let count = try sharding.count(rows: rows, wanted: wanted, problem: name)
    if count == 1 { return (try ownLoss(fresh: fresh), 1) }
    let before = (engine?.problems ?? []).flatMap { $0.buffers.map { Standing($0) } }
    defer {
      sharding.replica = Replica()
      sharding.parts = nil
    }
    return try Recording.duringStep {
      let shards = try (0..<count).map { try shard(batch, $0, of: count, rows: rows) }
      return (try joined(shards, rows: rows, before: before, fresh: fresh), count)
    }
  }

  private func ownLoss(fresh: Bool) throws -> Tensor {
    guard !isInTrainingStep else {
      throw BettyError.runtime("problem '\(name)': a step was asked for in its own training_step")
    }
    isInTrainingStep = true
    defer { isInTrainingStep = false }
    return try Recording.duringStep { try scalar(hooks.trainingStep(fresh)) }
  }

  private func joined(
    _ shards: [[Tensor]], rows: Int, before: [Standing], fresh: Bool
  ) throws -> Tensor {
    let start = RandomKeys.state.position
    var last = start
    var total: Tensor?
    var kept: [Standing] = []
    for (index, parts) in shards.enumerated() {
      let share = Double(Sharding.bounds(rows, index, of: shards.count).count) / Double(rows)
      sharding.replica = Replica(index: index, count: shards.count, share: share)
      sharding.parts = parts
      RandomKeys.draw(as: index, from: start)
      let loss = try ownLoss(fresh: fresh && index == 0)
      last = max(last, RandomKeys.state.position)
      if index == 0 { kept = before.map { $0.renewed() } }
      for buffer in index == shards.count - 1 ? kept : before { buffer.putBack() }
      let weighted = try Recording.call("mul", [loss, Tensor.number(share)])[0]
      total = try total.map { try Recording.call("add", [$0, weighted])[0] } ?? weighted
    }
    RandomKeys.draw(as: 0, from: last)
    guard let total else { throw BettyError.runtime("problem '\(name)': no replicas") }
    return total
  }

  private func shard(
    _ batch: [Tensor], _ index: Int, of count: Int, rows: Int
  ) throws -> [Tensor] {
    try batch.map { tensor in
      let type = tensor.type
      guard type.rank > 0 else { return tensor }
      let length = type.shape[0]
      guard length == rows || (length % count == 0 && rows % count == 0) else {
        throw BettyError.value(
          "problem '\(name)': tensors of \(rows) and \(length) rows can't be split alike over "
            + "\(count) replicas")
      }
      let range = Sharding.bounds(length, index, of: count)
      let attributes: Attributes = [
        "dim": .int(0), "start": .int(range.lowerBound), "length": .int(range.count),
      ]
      return try Recording.call("narrow", [tensor], attributes)[0]
    }
  }

  func scalar(_ loss: Tensor, from what: String = "training_step must return") throws -> Tensor {
    let type = loss.type
    guard type.count == 1, type.dtype.isFloating else {
      throw BettyError.value("problem '\(name)': \(what) a scalar loss, got \(type)")
    }
    return type.isScalar ? loss : try Recording.call("reshape", [loss], ["shape": .ints([])])[0]
  }
}

extension Capture {
  /// The graph with the statistics of the whole batch where they are synchronised, and what each value
  /// of the recording became in it.
  func synchronized(all: Bool) throws -> (graph: Graph, map: [Value]) {
    try Transform.joinStatistics(graph, replicas: replicas) {
      $0 == "synchronized" || (all && $0 == "batch")
    }
  }
}

extension Sharding {
  /// The rows of a replica; the first ones have one more if they don't come out even.
  fileprivate static func bounds(_ rows: Int, _ index: Int, of count: Int) -> Range<Int> {
    let (each, rest) = rows.quotientAndRemainder(dividingBy: count)
    let first = index * each + min(index, rest)
    return first..<first + each + (index < rest ? 1 : 0)
  }
}
