// Runs the code of a tile unit. The inner loop does nothing but calls: the addresses of all
// operands are kept in the worker's scratch and move by one tile at a time.
// Invariant: results depend on the chunks, which are fixed when planned, never on which thread ran
// them.

import BettyKernelInterface
import BettyKernels

/// One chunk of a tile unit on one worker.
struct TileMachine {
  private let code: UnsafePointer<TileCode>
  /// Addresses of the operands at the position; registers stay.
  private let current: UnsafeMutablePointer<UnsafeMutableRawPointer>
  private let base: UnsafePointer<UnsafeMutableRawPointer>
  private let scratch: UnsafeMutableRawPointer
  private let task: Int

  /// Bytes at the start of the scratch that hold the addresses.
  static func headBytes(operands: Int) -> Int { (operands * 8 + 63) & ~63 }

  static func run(
    _ code: UnsafePointer<TileCode>, _ base: UnsafePointer<UnsafeMutableRawPointer>,
    scratch: UnsafeMutableRawPointer, task: Int
  ) {
    let machine = TileMachine(
      code: code,
      current: scratch.assumingMemoryBound(to: UnsafeMutableRawPointer.self), base: base,
      scratch: scratch, task: task)
    machine.run()
  }

  private func run() {
    let geometry = code.pointee.geometry
    var position = task &* geometry.chunk
    let end = min(position &+ geometry.chunk, geometry.count)
    start(at: position)
    begin()
    for instruction in code.pointee.prologue {
      execute(instruction, position, min(geometry.tile, end &- position))
    }
    let split = geometry.splitsRows ? geometry.row : 0
    while position < end {
      var count = min(geometry.tile, end &- position)
      if split > 0 { count = min(count, split &- position % split) }
      for instruction in code.pointee.body { execute(instruction, position, count) }
      position &+= count
      move(by: count)
    }
    if !code.pointee.reductions.isEmpty { finish() }
  }

  private func start(at position: Int) {
    let operands = code.pointee.operands
    let rows = code.pointee.hasRows ? position / code.pointee.geometry.row : 0
    for index in 0..<operands.count {
      let operand = operands[index]
      current[index] =
        operand.register >= 0
        ? scratch + operand.register
        : base[index] + operand.stride &* (operand.isPerRow ? rows : position)
    }
  }

  @inline(__always)
  private func move(by count: Int) {
    let operands = code.pointee.operands
    guard code.pointee.hasRows else {
      for index in 0..<code.pointee.moving { current[index] += operands[index].stride &* count }
      return
    }
    let rows = count / code.pointee.geometry.row
    for index in 0..<code.pointee.moving {
      let operand = operands[index]
      current[index] += operand.stride &* (operand.isPerRow ? rows : count)
    }
  }

  @inline(__always)
  private func execute(_ instruction: TileInstruction, _ position: Int, _ count: Int) {
    if instruction.isPerRow {
      let row = code.pointee.geometry.row
      run(instruction, position / row, count / row)
    } else {
      run(instruction, position, count)
    }
  }

  @inline(__always)
  private func run(_ instruction: TileInstruction, _ position: Int, _ count: Int) {
    let destination = current[Int(instruction.destination)]
    let a = current[Int(instruction.a)]
    switch instruction.kind {
    case .compute:
      instruction.function(
        destination, a, current[Int(instruction.b)], current[Int(instruction.c)], count)
    case .load:
      let load = code.pointee.loads[Int(instruction.detail)]
      kernelTable.stridedCopy(
        destination, a + load.offset, load.elementSize, load.rank, load.shape, load.strides,
        position, count)
    case .fill:
      let load = code.pointee.loads[Int(instruction.detail)]
      kernelTable.fill(destination, a + load.offset, load.elementSize, count)
    case .reduce: reduce(code.pointee.reductions[Int(instruction.detail)], a, position, count)
    }
  }

  // MARK: Reductions

  private func begin() {
    for reduction in code.pointee.reductions where reduction.form != .columns {
      reset(reduction)
    }
  }

  private func reset(_ reduction: TileReduction) {
    (scratch + reduction.accumulator).storeBytes(of: reduction.identity, as: UInt64.self)
  }

  private func reduce(
    _ reduction: TileReduction, _ tile: UnsafeMutableRawPointer, _ position: Int, _ count: Int
  ) {
    let geometry = code.pointee.geometry
    let row = geometry.row
    let accumulator = scratch + reduction.accumulator
    switch reduction.form {
    case .full: reduction.accumulate(accumulator, tile, count)
    case .rows:
      let result = base[reduction.destination] + position / row &* reduction.elementSize
      if !geometry.splitsRows {
        let rows = count / row
        reduction.reduce(result, tile, rows, row, 1, 0, rows)
        return
      }
      reduction.accumulate(accumulator, tile, count)
      if (position &+ count) % row == 0 {
        reduction.finish(result, accumulator, accumulator, accumulator, 1)
        reset(reduction)
      }
    case .columns: reduceColumns(reduction, tile, position, count)
    }
  }

  private func reduceColumns(
    _ reduction: TileReduction, _ tile: UnsafeMutableRawPointer, _ position: Int, _ count: Int
  ) {
    let geometry = code.pointee.geometry
    let row = geometry.row
    let sums =
      base[reduction.partial] + task &* row &* reduction.elementSize
    let first = position < task &* geometry.chunk &+ (geometry.splitsRows ? row : geometry.tile)
    if geometry.splitsRows {
      let place = sums + position % row &* reduction.elementSize
      if first {
        place.copyMemory(from: tile, byteCount: count &* reduction.elementSize)
      } else {
        reduction.combine(place, place, tile, tile, count)
      }
      return
    }
    if first {
      reduction.reduce(sums, tile, 1, count / row, row, 0, 1)
      return
    }
    let sum = scratch + reduction.accumulator
    reduction.reduce(sum, tile, 1, count / row, row, 0, 1)
    reduction.combine(sums, sums, sum, sum, row)
  }

  private func finish() {
    for reduction in code.pointee.reductions where reduction.form == .full {
      let place = base[reduction.partial] + task &* reduction.accumulatorSize
      place.copyMemory(
        from: scratch + reduction.accumulator, byteCount: reduction.accumulatorSize)
    }
  }

  /// After all chunks: joins their partial results, in their order.
  static func join(
    _ code: UnsafePointer<TileCode>, _ base: UnsafePointer<UnsafeMutableRawPointer>
  ) {
    let tasks = code.pointee.geometry.tasks
    for reduction in code.pointee.reductions {
      let partial = base[reduction.partial]
      let result = base[reduction.destination]
      switch reduction.form {
      case .rows: break
      case .full:
        if tasks > 1 {
          reduction.join(partial, partial + reduction.accumulatorSize, tasks &- 1)
        }
        reduction.finish(result, partial, partial, partial, 1)
      case .columns where tasks > 1:
        let row = code.pointee.geometry.row
        reduction.reduce(result, partial, 1, tasks, row, 0, 1)
      case .columns: break
      }
    }
  }
}
