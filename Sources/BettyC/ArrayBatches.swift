// Data in memory, dealt out in batches of rows. Invariant: every row comes once an epoch, except those
// that drop_last leaves out; equal seeds give equal orders.

import BettyGraph
import BettyRuntime

final class ArrayBatches {
  private let tensors: [Tensor]
  private let rows: Int
  private var batchSize: Int
  private var shuffle = false
  private var dropLast = false
  private var order: [Int64] = []
  private var position = 0

  init(_ tensors: [Tensor], _ options: Attributes) throws {
    guard let first = tensors.first, let rows = first.type.shape.first, rows > 0 else {
      throw BettyError.value("data: takes tensors with rows, got none")
    }
    for tensor in tensors where tensor.type.shape.first != rows {
      throw BettyError.value("data: tensors differ in rows, got \(first.type) and \(tensor.type)")
    }
    self.tensors = tensors
    self.rows = rows
    batchSize = rows
    for (name, value) in options.entries {
      switch (name, value) {
      case ("batch_size", .int(let size)) where size > 0: batchSize = min(size, rows)
      case ("shuffle", .bool(let flag)): shuffle = flag
      case ("drop_last", .bool(let flag)): dropLast = flag
      case ("batch_size", _), ("shuffle", _), ("drop_last", _):
        throw BettyError.value("data: option '\(name)' cannot be \(value.kindName) of this value")
      default:
        throw BettyError(
          .key, "data: unknown option '\(name)', known are batch_size, drop_last, shuffle")
      }
    }
    position = rows
  }

  /// The next batch.
  func next() throws -> [Tensor] {
    if batchSize == rows && !shuffle { return tensors }
    if position >= rows || (dropLast && rows - position < batchSize) { try restart() }
    let end = min(position + batchSize, rows)
    let batch: [Tensor]
    if shuffle {
      let index = try order[position..<end].withUnsafeBytes {
        try Tensor.copying($0, TensorType(.i64, [end - position]))
      }
      batch = try tensors.map {
        try Recording.call("index_select", [$0, index], ["dim": .int(0)])[0]
      }
    } else {
      let range: Attributes = [
        "dim": .int(0), "start": .int(position), "length": .int(end - position),
      ]
      batch = try tensors.map { try Recording.call("narrow", [$0], range)[0] }
    }
    // Rows are copied out now: a recorded step then reads a batch of one type, wherever it began.
    try Recording.evaluate(batch)
    position = end
    return batch
  }

  private func restart() throws {
    position = 0
    guard shuffle else { return }
    let permutation = try Recording.call("randperm", [], ["n": .int(rows)])[0]
    order = try permutation.withBytes { Array($0.bindMemory(to: Int64.self)) }
  }
}
