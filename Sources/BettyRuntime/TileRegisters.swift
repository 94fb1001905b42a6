// The second half of a tile unit's assembly: registers for the values that are not in memory, by
// liveness, and the instructions with their operands' numbers.
// Invariant: two values share a register only if the first is not read after the second is made.

import BettyKernelInterface

extension TileAssembler {
  mutating func allocateRegisters() {
    var registers = 0
    var free: [Int] = []
    var size = 1
    var lastUse: [Int: Int] = [:]
    let all = body + stores
    for (position, draft) in all.enumerated() {
      for value in draft.inputs { lastUse[value] = position }
    }
    func take() -> Int {
      if let register = free.popLast() { return register }
      registers += 1
      return registers - 1
    }
    for draft in prologue {
      pendingRegisters.append((draft.result, take()))
      size = max(size, lowered.dtypes[draft.result].size)
    }
    let pinned = Set(prologue.map(\.result))
    var registerOf: [Int: Int] = [:]
    for (position, draft) in all.enumerated() {
      let dying = Set(draft.inputs).filter { lastUse[$0] == position && !pinned.contains($0) }
      let needsRegister =
        draft.result >= 0 && position < body.count && operandOf[draft.result] == nil
      let width = needsRegister ? lowered.dtypes[draft.result].size : 0
      // An operand of another width must not be overwritten while it is read.
      for value in dying where width == 0 || lowered.dtypes[max(value, 0)].size == width {
        if let register = registerOf.removeValue(forKey: value) { free.append(register) }
      }
      if needsRegister {
        size = max(size, width)
        let register = take()
        registerOf[draft.result] = register
        pendingRegisters.append((draft.result, register))
        if lastUse[draft.result] == nil { free.append(register) }
      }
      for value in dying {
        if let register = registerOf.removeValue(forKey: value) { free.append(register) }
      }
    }
    layOut(registers: registers, elementSize: size)
  }

  /// Scratch of a worker: addresses, accumulators, registers.
  private mutating func layOut(registers: Int, elementSize: Int) {
    let geometry = shape.geometry
    var offset = TileMachine.headBytes(
      operands: assembly.operands.count + registers)
    for index in assembly.reductions.indices {
      assembly.reductions[index].accumulator = offset
      let isColumns = assembly.reductions[index].form == .columns && !geometry.splitsRows
      offset += isColumns ? (geometry.row * 8 + 63) & ~63 : 64
    }
    let bytes = (geometry.tile * elementSize + 63) & ~63
    let first = assembly.operands.count
    for register in 0..<registers {
      assembly.bindings.append(.register)
      assembly.operands.append(TileOperand(stride: 0, register: offset + register * bytes))
    }
    for (value, register) in pendingRegisters { operandOf[value] = first + register }
    assembly.scratchBytes = offset + registers * bytes
  }

  // MARK: Code

  mutating func emit() {
    assembly.prologue = prologue.map { instruction($0, destination: operandOf[$0.result] ?? 0) }
    assembly.body = body.map { draft in
      let source = draft.inputs.first.map(operand) ?? 0
      return instruction(draft, destination: operandOf[draft.result] ?? source)
    }
    for (store, destination) in zip(stores, pendingStores) {
      assembly.body.append(instruction(store, destination: destination))
    }
  }

  private func operand(_ value: Int) -> Int { value <= -2 ? -2 - value : operandOf[value] ?? 0 }

  private func instruction(_ draft: Draft, destination: Int) -> TileInstruction {
    let inputs = draft.inputs.map { Int32(operand($0)) }
    let a = inputs.first ?? 0
    return TileInstruction(
      kind: draft.kind, isPerRow: draft.isPerRow, destination: Int32(destination), a: a,
      b: inputs.count > 1 ? inputs[1] : a, c: inputs.count > 2 ? inputs[2] : a,
      detail: Int32(draft.detail), function: draft.function)
  }
}
