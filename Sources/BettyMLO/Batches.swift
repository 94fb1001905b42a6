// Batches that the engine draws itself, so that a replayed step needs nobody: a list that it goes through
// again and again, rows of arrays, or what a callback gives. Invariant: `current` are the tensors of
// the last batch drawn, and `index` its number within the pass over a list.

import BettyGraph
import BettyRuntime

/// Where batches come from.
package enum BatchSource {
  case held([[Tensor]])
  case arrays(ArrayLoader)
  case drawn(() throws -> [Tensor])
}

package final class Batches {
  private let source: BatchSource
  private var next = 0
  package private(set) var current: [Tensor] = []
  package private(set) var index = -1
  /// Told when a pass is over and the next one begins.
  package var epochEnded: (() throws -> Void)?

  package init(_ source: BatchSource) throws {
    if case .held(let batches) = source, batches.isEmpty {
      throw BettyError.value("batches: the list is empty")
    }
    self.source = source
  }

  func draw() throws {
    switch source {
    case .drawn(let give): current = try give()
    case .held(let batches):
      try startAnew(at: batches.count)
      current = batches[next]
    case .arrays(let loader):
      try startAnew(at: loader.batchCount)
      current = try loader.batch(next)
    }
    index = next
    next += 1
  }

  private func startAnew(at count: Int) throws {
    guard next >= count else { return }
    next = 0
    try epochEnded?()
  }
}

/// Rows of arrays of one length, in order or shuffled anew for each pass.
package final class ArrayLoader {
  private let arrays: [Tensor]
  private let rows: Int
  private let size: Int
  private let isShuffled: Bool
  let batchCount: Int
  private var order: Tensor?

  package init(
    _ arrays: [Tensor], batchSize: Int, isShuffled: Bool = false, dropsLast: Bool = false
  ) throws {
    guard let first = arrays.first else { throw BettyError.value("data: no arrays given") }
    rows = first.type.shape.first ?? 0
    for array in arrays where (array.type.shape.first ?? 0) != rows {
      throw BettyError.value(
        "data: arrays have different lengths, \(first.type) and \(array.type)")
    }
    guard batchSize >= 1 else {
      throw BettyError.value("data: batch size must be at least 1, got \(batchSize)")
    }
    batchCount = dropsLast ? rows / batchSize : (rows + batchSize - 1) / batchSize
    guard batchCount > 0 else {
      throw BettyError.value("data: \(rows) rows make no batch of \(batchSize)")
    }
    self.arrays = arrays
    self.isShuffled = isShuffled
    size = batchSize
  }

  func batch(_ index: Int) throws -> [Tensor] {
    let first = index * size
    let count = min(size, rows - first)
    if count == rows && !isShuffled { return arrays }
    if isShuffled && index == 0 {
      order = try Recording.call("randperm", [], ["n": .int(rows)])[0]
    }
    let part: Attributes = ["dim": .int(0), "start": .int(first), "length": .int(count)]
    let batch: [Tensor]
    if isShuffled, let order {
      let chosen = try Recording.call("narrow", [order], part)[0]
      batch = try arrays.map {
        try Recording.call("index_select", [$0, chosen], ["dim": .int(0)])[0]
      }
    } else {
      batch = try arrays.map { try Recording.call("narrow", [$0], part)[0] }
    }
    try Recording.evaluate(batch)
    return batch
  }
}
