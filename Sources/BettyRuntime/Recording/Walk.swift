// The recorded subgraph behind some values in canonical order: depth first, inputs before what reads them.
// Its structure is written as words, which are the key of everything cached. Invariants: used under the
// lock; never recursive; equal words mean equal computations up to the contents of leaves and numbers.

import BettyGraph
import BettyKernelInterface
import CBettySupport

/// What the walk goes through and what it stops at.
package enum WalkMode: Sendable {
  /// Stops at what is computed: what is left to run.
  case evaluate
  /// Stops at parameters and at what needs no gradient and was computed before: a step to differentiate.
  case step
  /// Goes only through what needs a gradient: what backward differentiates.
  case gradient
}

/// A number met in a recording: an input of the program, never part of its key.
struct NumberInput {
  var bits: UInt
  var kind: Int32
  var dtype: DType

  var value: Double {
    kind == TypeID.double ? Double(bitPattern: UInt64(bits)) : Double(Int(bitPattern: bits))
  }
}

struct Walk {
  /// How an entry of the words begins; other entries begin with the id of an operation (> 0).
  enum Word {
    /// type, parameter
    static let leaf: Int32 = -1
    /// index, node
    static let projection: Int32 = -2
    /// positions of all outputs follow
    static let outputs: Int32 = -3
    /// precedes a node that is computed already
    static let computed: Int32 = -4
    /// precedes a node through which no gradient flows
    static let constant: Int32 = -5
    /// in the place of an input
    static let number: Int32 = -1
  }

  private struct Frame {
    var tensor: Unmanaged<Tensor>
    var next: Int32
  }

  let mode: WalkMode
  private let stamp: UInt32
  private var stack: RawList<Frame>
  /// Leaves, nodes and projections by position.
  private(set) var order: RawList<Unmanaged<Tensor>>
  private(set) var leaves: RawList<Unmanaged<Tensor>>
  private(set) var outputs: RawList<Unmanaged<Tensor>>
  /// What a later gradient should not compute again.
  private var expensive: RawList<Unmanaged<Tensor>>
  /// The gradient is taken already, and not of a gradient: nothing is kept for later.
  private var sawGradient = false
  private(set) var numbers: RawList<NumberInput>
  private(set) var words: RawList<Int32>

  nonisolated(unsafe) private static var lastStamp: UInt32 = 0
  nonisolated(unsafe) private static var spare: Walk?

  /// Takes the memory of the last walk. Give it back with `end`.
  static func begin(_ mode: WalkMode) -> Walk {
    lastStamp &+= 1
    if lastStamp == 0 { lastStamp = 1 }
    if let spare {
      self.spare = nil
      return Walk(mode, lastStamp, spare)
    }
    return Walk(mode, lastStamp)
  }

  consuming func end() {
    if Walk.spare == nil { Walk.spare = self } else { free() }
  }

  private init(_ mode: WalkMode, _ stamp: UInt32) {
    self.mode = mode
    self.stamp = stamp
    stack = RawList()
    order = RawList()
    leaves = RawList()
    outputs = RawList()
    expensive = RawList()
    numbers = RawList()
    words = RawList(capacity: 256)
  }

  private init(_ mode: WalkMode, _ stamp: UInt32, _ spare: Walk) {
    self.mode = mode
    self.stamp = stamp
    stack = spare.stack
    order = spare.order
    leaves = spare.leaves
    outputs = spare.outputs
    expensive = spare.expensive
    numbers = spare.numbers
    words = spare.words
    stack.clear()
    order.clear()
    leaves.clear()
    outputs.clear()
    expensive.clear()
    numbers.clear()
    words.clear()
  }

  private func free() {
    stack.base.deallocate()
    order.base.deallocate()
    leaves.base.deallocate()
    outputs.base.deallocate()
    expensive.base.deallocate()
    numbers.base.deallocate()
    words.base.deallocate()
  }

  // MARK: Going through

  /// Makes a value one of the outputs; call `visit` for each afterwards.
  @inline(__always)
  func markRoot(_ value: Tensor) { value.flags.insert(.root) }

  /// Walks to a value and everything behind it that is not walked yet.
  mutating func visit(_ root: Tensor) {
    guard root.mark != stamp, !root.isNumber else { return }
    root.uses = 0
    guard !isLeaf(root) else { return emitLeaf(root) }
    stack.append(Frame(tensor: .passUnretained(root), next: 0))
    while stack.count > 0 {
      let top = stack.count &- 1
      let frame = stack[top]
      frame.tensor._withUnsafeGuaranteedRef { tensor in
        var next = Int(frame.next)
        let count = tensor.inputCount
        while next < count {
          let position = next
          next &+= 1
          if tensor.operation?.isNumber(position) == true { continue }
          guard let input = tensor.input(position) else { continue }
          let isNew = input._withUnsafeGuaranteedRef { child in
            guard child.mark != stamp else {
              child.uses &+= 1
              return false
            }
            child.uses = 1
            guard isLeaf(child) else { return true }
            emitLeaf(child)
            return false
          }
          if isNew {
            stack[top] = Frame(tensor: frame.tensor, next: Int32(truncatingIfNeeded: next))
            stack.append(Frame(tensor: input, next: 0))
            return
          }
        }
        stack.removeLast()
        emitNode(tensor)
      }
    }
  }

  @inline(__always)
  private func isLeaf(_ tensor: Tensor) -> Bool {
    guard tensor.flags.contains(.history) else { return true }
    switch mode {
    case .evaluate: return tensor.buffer != nil
    case .step:
      // A leaf that the step has made of its own values, by requires_grad_(), moves with them.
      let takesGradient = tensor.flags.contains(.gradLeaf)
      if takesGradient, tensor.extra?.gradient?.parameterID != 0 { return true }
      if tensor.buffer == nil || tensor.flags.contains(.keepsHistory) { return false }
      return takesGradient || !tensor.flags.contains(.requiresGrad)
    case .gradient:
      if tensor.flags.contains(.stop) { return !tensor.flags.contains(.root) }
      return tensor.flags.contains(.gradLeaf) || !tensor.flags.contains(.requiresGrad)
    }
  }

  @inline(__always)
  private mutating func note(_ tensor: Tensor) {
    tensor.mark = stamp
    tensor.position = Int32(truncatingIfNeeded: order.count)
    order.append(.passUnretained(tensor))
  }

  @inline(__always)
  private mutating func emitLeaf(_ tensor: Tensor) {
    note(tensor)
    leaves.append(.passUnretained(tensor))
    words.append(Word.leaf)
    words.append(tensor.typeID)
    words.append(mode == .evaluate ? 0 : leafWord(tensor))
    if tensor.flags.contains(.root) { add(tensor) }
  }

  @inline(__always)
  private mutating func add(_ tensor: Tensor) {
    tensor.flags.insert(.output)
    outputs.append(.passUnretained(tensor))
  }

  /// The parameter this leaf is the present value of; -1: another leaf that takes a gradient.
  private func leafWord(_ tensor: Tensor) -> Int32 {
    guard tensor.flags.contains(.requiresGrad) || tensor.extra?.gradient != nil else { return 0 }
    guard mode == .step else { return -1 }
    if let slot = tensor.extra?.gradient, slot.parameterID != 0,
      slot.handle?.extra?.current === tensor
    {
      return slot.parameterID
    }
    return tensor.flags.contains(.requiresGrad) ? -1 : 0
  }

  @inline(__always)
  private mutating func emitNode(_ tensor: Tensor) {
    guard let operation = tensor.operation else { return emitProjection(tensor) }
    note(tensor)
    if mode == .evaluate {
      keepOperands(of: tensor)
    } else if mode == .step {
      if tensor.buffer != nil { words.append(Word.computed) }
      if tensor.flags.contains(.constant) { words.append(Word.constant) }
    }
    words.append(operation.id)
    for position in 0..<operation.inputCount {
      if operation.isNumber(position), let dtype = operation.numbers[position] {
        words.append(Word.number)
        numbers.append(
          NumberInput(
            bits: tensor.slot(position), kind: operation.operands[position], dtype: dtype))
      } else if let input = tensor.input(position) {
        words.append(input._withUnsafeGuaranteedRef { $0.position })
      }
    }
    if operation.isGradient && !tensor.flags.contains(.requiresGrad) { sawGradient = true }
    if tensor.flags.contains(.tuple) {
      for result in tensor.extra?.results ?? [] {
        if let alive = result.tensor, alive.isHeld, alive.mark != stamp, mode != .gradient,
          alive.buffer == nil
        {
          emitProjection(alive)
        }
      }
    } else {
      noteOutput(tensor, isExpensive: operation.isExpensive)
    }
  }

  private mutating func emitProjection(_ tensor: Tensor) {
    guard let node = tensor.input(0) else { return }
    note(tensor)
    if tensor.buffer != nil && mode == .step { words.append(Word.computed) }
    words.append(Word.projection)
    words.append(Int32(truncatingIfNeeded: tensor.slot1))
    let isExpensive = node._withUnsafeGuaranteedRef {
      words.append($0.position)
      return $0.operation?.isExpensive ?? false
    }
    noteOutput(tensor, isExpensive: isExpensive)
  }

  /// Roots and what a handle is on; what a later gradient should not compute again is noted apart.
  @inline(__always)
  private mutating func noteOutput(_ tensor: Tensor, isExpensive: Bool) {
    let flags = tensor.flags
    if flags.contains(.root) || (mode != .gradient && tensor.buffer == nil && tensor.isHeld) {
      add(tensor)
    } else if mode == .evaluate && isExpensive && flags.contains(.requiresGrad) {
      expensive.append(.passUnretained(tensor))
    }
  }

  /// Where a tensor's present value was met, or a leaf that shares its gradient.
  func position(of tensor: Tensor) -> Int? {
    let value = tensor.resolved()
    if value.mark == stamp { return Int(value.position) }
    guard let slot = value.extra?.gradient else { return nil }
    let leaf = leaves.elements.first {
      $0._withUnsafeGuaranteedRef { $0.extra?.gradient === slot }
    }
    return leaf.map { Int($0._withUnsafeGuaranteedRef { $0.position }) }
  }

  // MARK: What is kept beside what handles are on

  /// A loop may record the next value of a state before it reads what the last one gave: then no handle is on
  /// the last one when it is computed, and with each turn all that came before would be computed again.
  private mutating func keepStates() {
    for value in order.elements {
      // Asked of the pointer: a reference to ask through would be counted.
      let references = betty_recording_references(value.toOpaque())
      value._withUnsafeGuaranteedRef { tensor in
        guard tensor.buffer == nil, tensor.flags.isDisjoint(with: [.output, .tuple]) else { return }
        if isState(tensor, references) { add(tensor) }
      }
    }
    for value in order.elements { value._withUnsafeGuaranteedRef { noteUnkept($0) } }
  }

  /// What a parameter was once, and what others that are not computed now are made of. Of what takes part in
  /// a gradient the others are the gradient, most of the time, and what that should not compute again is
  /// noted apart.
  @inline(__always)
  private func isState(_ tensor: Tensor, _ references: Int) -> Bool {
    if tensor.flags.contains(.gradLeaf) { return true }
    guard !tensor.flags.contains(.requiresGrad) else { return false }
    return isReferredElsewhere(tensor, references)
  }

  /// Whether more refers to a value than the nodes of this walk and the list of Trail.
  @inline(__always)
  private func isReferredElsewhere(_ tensor: Tensor, _ references: Int) -> Bool {
    references > Int(tensor.uses) + (tensor.flags.contains(.listed) ? 1 : 0)
  }

  /// What a step goes on with in the next one, as a hidden state behind detach(), does not lead to what the
  /// step is recorded for, so no handle is on anything inside: without its value the next step would begin
  /// with all of this one.
  private mutating func keepCarried() {
    for value in order.elements {
      let references = betty_recording_references(value.toOpaque())
      value._withUnsafeGuaranteedRef { tensor in
        guard tensor.buffer == nil, tensor.flags.contains(.history),
          tensor.flags.isDisjoint(with: [.output, .tuple, .gradLeaf])
        else { return }
        if isReferredElsewhere(tensor, references) { add(tensor) }
      }
    }
  }

  /// Counts how often a value was computed and not kept. What was so twice is kept where something new
  /// reads it, so that no chain is computed more than three times.
  @inline(__always)
  private func noteUnkept(_ tensor: Tensor) {
    guard tensor.buffer == nil, !tensor.flags.contains(.output) else { return }
    tensor.flags.insert(tensor.flags.contains(.unkept) ? .unkeptAgain : .unkept)
  }

  /// The operands of a node that were computed twice and not kept, if it was not.
  @inline(__always)
  private mutating func keepOperands(of tensor: Tensor) {
    guard tensor.flags.isDisjoint(with: .unkeptAgain) else { return }
    for position in 0..<tensor.inputCount where tensor.operation?.isNumber(position) != true {
      tensor.input(position)?._withUnsafeGuaranteedRef { operand in
        guard operand.flags.contains(.unkeptAgain), operand.buffer == nil,
          operand.flags.isDisjoint(with: [.output, .tuple])
        else { return }
        add(operand)
      }
    }
  }

  /// Ends the words with the outputs; gives their hash.
  mutating func finish() -> UInt64 {
    words.append(Word.outputs)
    if mode == .evaluate { keepStates() }
    if mode == .step { keepCarried() }
    if !sawGradient {
      for value in expensive.elements {
        value._withUnsafeGuaranteedRef { if !$0.flags.contains(.output) { add($0) } }
      }
    }
    for output in outputs.elements {
      output._withUnsafeGuaranteedRef {
        words.append($0.position)
        $0.flags.subtract([.root, .output])
      }
    }
    return StructureKey.hash(words.elements)
  }
}
