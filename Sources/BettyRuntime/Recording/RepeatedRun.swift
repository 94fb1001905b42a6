// A bound program run again and again on inputs of the same types, all of whose results are new values of
// handles: the tables of a run are made once. Invariants: a run takes effect only if it is as plain as that
// (else it says so, and the long way is taken); between runs nothing here refers to the memory of handles,
// so that it can be overwritten.

import BettyGraph

package final class RepeatedRun {
  private let bound: BoundProgram
  private let handles: [Tensor]
  private var leaves: [Tensor]
  /// By input: the type that its tensor must still have.
  private let types: [Int32]
  /// By input: what is held during a run.
  private var held: [Buffer?]
  private let cells: UnsafeMutableRawPointer
  private let pointers: UnsafeMutablePointer<UnsafeMutableRawPointer>
  private var isRunning = false

  /// nil for programs with other results, or with inputs that are there only once.
  package init?(_ bound: BoundProgram, _ recorded: RecordedInputs, handles: [Tensor]) {
    guard bound.updatesOnly else { return nil }
    self.bound = bound
    self.handles = handles
    leaves = recorded.leaves
    let inputs = bound.inputs
    types = Lock.held {
      inputs.map { input in
        switch input {
        case .leaf(let leaf): recorded.leaves[leaf].value.typeID
        case .handle(let handle): handles[handle].typeID
        case .number, .scalars, .computed: TypeID.none
        }
      }
    }
    held = inputs.map { _ in nil }
    let count = inputs.count + bound.program.outputs.count
    cells = .allocate(byteCount: bound.cellBytes + 8, alignment: 8)
    pointers = .allocate(capacity: count + 1)
    pointers.initialize(repeating: cells, count: count + 1)
    for (position, input) in inputs.enumerated() {
      let cell = cells + bound.cellOffsets[position]
      pointers[position] = cell
      guard case .number(let number) = input else { continue }
      cell.storeBytes(of: NumberCell.cell(recorded.numbers[number]), as: UInt64.self)
    }
  }

  deinit {
    cells.deallocate()
    pointers.deallocate()
  }

  /// Takes another leaf: part of another batch, a fresh random key.
  package func replace(_ leaf: Int, by tensor: Tensor) { leaves[leaf] = tensor }

  /// Runs once; false if it takes the long way.
  package func run(scalars: [Double]) throws -> Bool {
    guard Lock.held({ bind(scalars) }) else { return false }
    defer {
      isRunning = false
      drop()
    }
    try bound.program.execute(
      inputs: UnsafePointer(pointers), outputs: UnsafePointer(pointers + types.count))
    Lock.held {
      for case .handle(let handle) in bound.outputs { handles[handle].makeExtra().version &+= 1 }
    }
    return true
  }

  /// Under the lock.
  private func bind(_ scalars: [Double]) -> Bool {
    guard !isRunning else { return false }
    for output in bound.outputs.indices where !bound.mayOverwrite(output, handles) { return false }
    for (position, input) in bound.inputs.enumerated() {
      switch input {
      case .leaf(let leaf):
        let value = leaves[leaf].value
        guard hold(value, position) else { return false }
      case .handle(let handle):
        guard hold(handles[handle].resolved(), position) else {
          drop()
          return false
        }
      case .scalars(let first):
        bound.write(
          scalars, first, bound.program.inputTypes[position],
          to: cells + bound.cellOffsets[position])
      case .number, .computed: break
      }
    }
    isRunning = true
    return true
  }

  @inline(__always)
  private func hold(_ value: Tensor, _ position: Int) -> Bool {
    guard let buffer = value.buffer, value.typeID == types[position] else { return false }
    if held[position] !== buffer { held[position] = buffer }
    pointers[position] = buffer.pointer
    return true
  }

  /// Gives up the memory of handles.
  private func drop() {
    for (position, input) in bound.inputs.enumerated() {
      if case .handle = input { held[position] = nil }
    }
  }
}
