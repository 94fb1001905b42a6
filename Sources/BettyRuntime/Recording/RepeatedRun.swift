// A bound program run again and again on inputs of the same types, all of whose results are new values of
// handles: the tables of a run are made once. Invariants: a run takes effect only if it is as plain as that
// (else it says so, and the long way is taken); between runs nothing here refers to the memory of handles,
// so that it can be overwritten.

import BettyGraph

package final class RepeatedRun {
  /// An input that is a tensor. Runs look at it without counting references: the object that lists the
  /// tensors keeps them.
  private struct Slot {
    let position: Int
    let tensor: Unmanaged<Tensor>
    /// The type that its value must still have.
    let type: Int32
    /// What it stands for is overwritten between runs: a parameter.
    let isHandle: Bool
  }

  private let bound: BoundProgram
  private let handles: [Tensor]
  private var leaves: [Tensor]
  private let handleSlots: [Slot]
  private var leafSlots: [(leaf: Int, slot: Slot)]
  /// Inputs that are numbers of a run, and the first of them.
  private let scalars: [(position: Int, first: Int)]
  /// Handles that a run gives new values.
  private let updated: [Unmanaged<Tensor>]
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
    var leafSlots: [(leaf: Int, slot: Slot)] = []
    var handleSlots: [Slot] = []
    var scalars: [(position: Int, first: Int)] = []
    Lock.held {
      for (position, input) in bound.inputs.enumerated() {
        switch input {
        case .leaf(let leaf):
          let tensor = recorded.leaves[leaf]
          let slot = Slot(
            position: position, tensor: .passUnretained(tensor), type: tensor.value.typeID,
            isHandle: tensor.flags.contains(.redirect))
          leafSlots.append((leaf, slot))
        case .handle(let handle):
          let tensor = handles[handle]
          handleSlots.append(
            Slot(
              position: position, tensor: .passUnretained(tensor), type: tensor.typeID,
              isHandle: true))
        case .scalars(let first): scalars.append((position, first))
        case .number, .computed: break
        }
      }
    }
    (self.leafSlots, self.handleSlots, self.scalars) = (leafSlots, handleSlots, scalars)
    updated = bound.outputs.compactMap {
      guard case .handle(let handle) = $0 else { return nil }
      return .passUnretained(handles[handle])
    }
    held = bound.inputs.map { _ in nil }
    let count = bound.inputs.count + bound.program.outputs.count
    cells = .allocate(byteCount: bound.cellBytes + 8, alignment: 8)
    pointers = .allocate(capacity: count + 1)
    pointers.initialize(repeating: cells, count: count + 1)
    for (position, input) in bound.inputs.enumerated() {
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
  package func replace(_ leaf: Int, by tensor: Tensor) {
    leaves[leaf] = tensor
    for index in leafSlots.indices where leafSlots[index].leaf == leaf {
      let slot = leafSlots[index].slot
      leafSlots[index].slot = Slot(
        position: slot.position, tensor: .passUnretained(tensor), type: slot.type,
        isHandle: slot.isHandle)
    }
  }

  /// Runs once; false if it takes the long way.
  package func run(scalars: [Double]) throws -> Bool {
    guard Lock.held({ bind(scalars) }) else { return false }
    defer {
      isRunning = false
      drop()
    }
    try bound.program.execute(
      inputs: UnsafePointer(pointers), outputs: UnsafePointer(pointers + held.count))
    Lock.held {
      for handle in updated {
        handle._withUnsafeGuaranteedRef { $0.makeExtra().version &+= 1 }
      }
    }
    return true
  }

  /// Under the lock.
  private func bind(_ scalars: [Double]) -> Bool {
    guard !isRunning else { return false }
    for output in bound.outputs.indices where !bound.mayOverwrite(output, handles) { return false }
    for (_, slot) in leafSlots {
      guard slot.tensor._withUnsafeGuaranteedRef({ hold($0.value, slot) }) else { return false }
    }
    for slot in handleSlots {
      guard slot.tensor._withUnsafeGuaranteedRef({ hold($0.resolved(), slot) }) else {
        drop()
        return false
      }
    }
    for (position, first) in self.scalars {
      bound.write(
        scalars, first, bound.program.inputTypes[position], to: cells + bound.cellOffsets[position])
    }
    isRunning = true
    return true
  }

  @inline(__always)
  private func hold(_ value: Tensor, _ slot: Slot) -> Bool {
    guard let buffer = value.buffer, value.typeID == slot.type else { return false }
    if held[slot.position] !== buffer { held[slot.position] = buffer }
    pointers[slot.position] = buffer.pointer
    return true
  }

  /// Gives up the memory of handles.
  private func drop() {
    for slot in handleSlots { held[slot.position] = nil }
    for (_, slot) in leafSlots where slot.isHandle { held[slot.position] = nil }
  }
}
