// Data in memory, dealt out in batches of rows. Invariants: every row comes once an epoch, except those
// that drop_last leaves out, or those of `order`, in its order or shuffled; equal seeds give equal orders,
// those of betty.utils.data.DataLoader.

import BettyGraph
import BettyRuntime

final class ArrayBatches {
  private let tensors: [Tensor]
  private let rows: Int
  private var batchSize: Int
  private var shuffle = false
  private var dropLast = false
  /// Rows of a pass, in the order in which they are given.
  private var rowsInOrder: [Int64] = []
  /// The same in that of the present pass.
  private var order: [Int64] = []
  private var inOrder = true
  private var position = -1
  /// Told when a pass is over, before the next begins.
  var epochEnded: (() throws -> Void)?

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
    order = (0..<Int64(rows)).map { $0 }
    for (name, value) in options.entries {
      switch (name, value) {
      case ("batch_size", .int(let size)) where size > 0: batchSize = size
      case ("shuffle", .bool(let flag)): shuffle = flag
      case ("drop_last", .bool(let flag)): dropLast = flag
      case ("order", .ints(let indices)):
        order = try checked(indices)
        inOrder = false
      case ("batch_size", _), ("shuffle", _), ("drop_last", _), ("order", _):
        throw BettyError.value("data: option '\(name)' cannot be \(value.kindName) of this value")
      default:
        throw BettyError(
          .key, "data: unknown option '\(name)', known are batch_size, drop_last, order, shuffle")
      }
    }
    rowsInOrder = order
    guard !dropLast || batchSize <= order.count else {
      throw BettyError.value("data: a batch of \(batchSize) of \(order.count) rows is never full")
    }
    batchSize = min(batchSize, order.count)
  }

  private func checked(_ indices: [Int]) throws -> [Int64] {
    guard !indices.isEmpty else { throw BettyError.value("data: option 'order' is empty") }
    for index in indices where index < 0 || index >= rows {
      throw BettyError.index("data: row \(index) of \(rows)")
    }
    return indices.map(Int64.init)
  }

  /// The next batch: copied rows, since a recorded step reads batches of one type wherever they began.
  func next() throws -> [Tensor] {
    let isOver = position >= order.count || (dropLast && order.count - position < batchSize)
    if position < 0 || isOver {
      if position >= 0 { try epochEnded?() }
      if shuffle { order = try permutation() }
      position = 0
    }
    let chosen = order[position..<min(position + batchSize, order.count)]
    if isWhole {
      position = order.count
      return tensors
    }
    let batch = try tensors.map { try $0.rows(chosen) }
    position = chosen.endIndex
    return batch
  }

  /// A batch is the data as it is.
  private var isWhole: Bool { inOrder && !shuffle && batchSize == rows }

  private func permutation() throws -> [Int64] {
    let drawn = try Recording.call("randperm", [], ["n": .int(order.count)])[0]
    return try drawn.withBytes { $0.bindMemory(to: Int64.self).map { rowsInOrder[Int($0)] } }
  }
}
