// Recording a call: one node is appended, nothing is computed. The fast path (known types, at most three
// operands, one result) is a table look-up and the making of one object. Invariant: what a node refers to
// are values as they were at the call.

import BettyGraph
import BettyKernelInterface

package enum Recording {
  package typealias Operands = UnsafeBufferPointer<Unmanaged<Tensor>>

  /// Chains of more nodes than this are computed by themselves.
  static let deepest: Int32 = 20_000

  /// Records a call. The result is the tensor, or a node of several results: see `results(of:)`.
  /// Operands stay the caller's. For a random function without its key, a fresh key is drawn.
  package static func call(
    _ function: Function, _ attributes: InternedAttributes, _ operands: Operands
  ) throws -> Tensor {
    if Autocast.isEnabled, let cast = try Autocast.operands(of: function, operands) {
      return try call(function, attributes, cast: cast)
    }
    if function.takesKey && operands.count < function.inputs.names.count {
      return try callWithKey(function, attributes, operands)
    }
    return try callWhole(function, attributes, operands)
  }

  /// With its key, if it takes one; other operands may be left out before it.
  @inline(__always)
  private static func callWhole(
    _ function: Function, _ attributes: InternedAttributes, _ operands: Operands
  ) throws -> Tensor {
    let node = try Lock.held {
      let operation = try find(function, attributes, operands)
      return operation.isPlain
        ? record(operation, operands) : recordSpecial(operation, operands)
    }
    if node.depth > deepest { node.shorten() }
    Trail.shortenIfFull()
    return node
  }

  private static func call(
    _ function: Function, _ attributes: InternedAttributes, cast operands: [Tensor]
  ) throws -> Tensor {
    defer { withExtendedLifetime(operands) {} }
    return try operands.map { Unmanaged.passUnretained($0) }.withUnsafeBufferPointer { operands in
      try Autocast.with(nil) { try call(function, attributes, operands) }
    }
  }

  package static func call(
    _ function: Function, _ operands: [Tensor], _ attributes: InternedAttributes = .none
  ) throws -> [Tensor] {
    let node = try operands.map { Unmanaged.passUnretained($0) }.withUnsafeBufferPointer {
      try call(function, attributes, $0)
    }
    withExtendedLifetime(operands) {}
    return results(of: node)
  }

  /// Records a call by name: for code that is not in a hurry.
  package static func call(
    _ name: String, _ operands: [Tensor], _ attributes: Attributes = [:]
  ) throws -> [Tensor] {
    guard let function = Functions.named(name) else {
      throw BettyError(.key, "\(name): there is no such operation")
    }
    return try call(function, operands, .of(attributes))
  }

  /// The tensors that a call gave.
  package static func results(of node: Tensor) -> [Tensor] {
    guard node.flags.contains(.tuple), let operation = node.operation else { return [node] }
    return Lock.held { operation.resultTypes.indices.map { projection(node, $0) } }
  }

  /// Appends a graph as one node: its inputs are `inputs` in order. What gradients are made of.
  /// Inputs are values: a handle of a capture means what it was when it was captured.
  package static func splice(_ operation: RecordedOperation, _ inputs: [Tensor]) -> [Tensor] {
    let node = Lock.held {
      let values = inputs.map { Unmanaged.passUnretained($0.value) }
      return values.withUnsafeBufferPointer { operands in
        let node = record(operation, operands, areValues: true)
        if operation.isTuple { becomeTuple(node, operation) }
        return node
      }
    }
    withExtendedLifetime(inputs) {}
    if node.depth > deepest { node.shorten() }
    return results(of: node)
  }

  /// Makes what `splice` takes; `operands` tell which inputs are plain numbers.
  package static func operation(
    _ name: String, _ graph: Graph, numbers: [DType?] = [], isGradient: Bool = false
  ) -> RecordedOperation {
    Lock.held {
      let operands = graph.inputs.enumerated().map { position, input in
        switch position < numbers.count ? numbers[position] : nil {
        case .f64?: TypeID.double
        case .i64?: TypeID.int
        case .bool?: TypeID.bool
        default: TypeID.of(graph.type(of: input))
        }
      }
      return RecordedOperation(
        name: name, graph: graph, operands: operands, isFunction: false,
        isGradient: isGradient)
    }
  }

  private static func callWithKey(
    _ function: Function, _ attributes: InternedAttributes, _ operands: Operands
  ) throws -> Tensor {
    let key = try RandomKeys.next()
    let all = Array(operands) + [Unmanaged.passUnretained(key)]
    defer { withExtendedLifetime(key) {} }
    return try all.withUnsafeBufferPointer { try callWhole(function, attributes, $0) }
  }
}

// MARK: Under the lock

extension Recording {
  @inline(__always)
  private static func find(
    _ function: Function, _ attributes: InternedAttributes, _ operands: Operands
  ) throws -> RecordedOperation {
    let count = operands.count
    if count <= 3 {
      let id = Int32(truncatingIfNeeded: function.id)
      let t0 = count > 0 ? operands[0]._withUnsafeGuaranteedRef { $0.typeID } : 0
      let t1 = count > 1 ? operands[1]._withUnsafeGuaranteedRef { $0.typeID } : 0
      let t2 = count > 2 ? operands[2]._withUnsafeGuaranteedRef { $0.typeID } : 0
      let entry = OperationCache.entry(id, attributes.id, t0, t1, t2)
      if entry.pointee.function == id, entry.pointee.attributes == attributes.id,
        entry.pointee.types == (t0, t1, t2), entry.pointee.count == Int32(count),
        let operation = entry.pointee.operation
      {
        return operation.takeUnretainedValue()
      }
    }
    let types = operands.map { $0._withUnsafeGuaranteedRef { $0.typeID } }
    return try OperationCache.find(function, attributes, types)
  }

  /// One node of one result, or the node that several results are taken from.
  @inline(__always)
  static func record(
    _ operation: RecordedOperation, _ operands: Operands, areValues: Bool = false
  ) -> Tensor {
    var slots: (UInt, UInt, UInt) = (0, 0, 0)
    var depth: Int32 = 0
    var flowing: UInt32 = 0
    var reading: UInt32 = 0
    let count = operands.count
    if count <= Tensor.inlineInputs {
      for position in 0..<count {
        let bits = take(
          operands[position], areValues, operation, position, &depth, &flowing, &reading)
        if position == 0 {
          slots.0 = bits
        } else if position == 1 {
          slots.1 = bits
        } else {
          slots.2 = bits
        }
      }
    } else {
      let heap = UnsafeMutablePointer<UInt>.allocate(capacity: count)
      for position in 0..<count {
        heap[position] = take(
          operands[position], areValues, operation, position, &depth, &flowing, &reading)
      }
      slots.0 = UInt(bitPattern: heap)
    }
    var flags: Tensor.Flags = .history
    let flow = Tensor.Flags(rawValue: flowing)
    if flow.contains(.requiresGrad) {
      flags = GradMode.isEnabled ? [.history, .requiresGrad] : [.history, .constant]
    }
    if operation.mayFail || flow.contains(.mayFail) { flags.insert(.mayFail) }
    Counters.recordings.store(
      Counters.recordings.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
    let isTrailing = Trail.holds(operation, flags, reading: reading)
    if isTrailing { flags.insert(.trails) }
    let node = Tensor(
      operation: operation, slots.0, slots.1, slots.2,
      typeID: operation.resultTypes.first ?? TypeID.none,
      flags: flags, depth: depth &+ 1)
    // Views are looks at what is listed; who asks whether they are the last must not count the list.
    if isTrailing, !operation.isView { Trail.note(node) }
    return node
  }

  /// Retains the value of an operand, or gives the bits of a number.
  @inline(__always)
  private static func take(
    _ operand: Unmanaged<Tensor>, _ isValue: Bool, _ operation: RecordedOperation,
    _ position: Int, _ depth: inout Int32, _ flowing: inout UInt32, _ reading: inout UInt32
  ) -> UInt {
    operand._withUnsafeGuaranteedRef { handle in
      if handle.flags.contains(.number) { return handle.slot0 }
      let value = isValue ? handle : handle.resolved()
      value.flags.insert(.wasRead)
      if value.depth > depth { depth = value.depth }
      let isDifferentiated = operation.flow & RecordedOperation.flowBit(position) != 0
      let passed: Tensor.Flags = isDifferentiated ? [.requiresGrad, .mayFail] : .mayFail
      flowing |= value.flags.rawValue & passed.rawValue
      let read: Tensor.Flags = value.buffer == nil ? [.requiresGrad, .trails] : .requiresGrad
      reading |= value.flags.rawValue & read.rawValue
      return UInt(bitPattern: Unmanaged.passRetained(value).toOpaque())
    }
  }

  /// Calls that are not one new value: an operand given back, a view, several results.
  @inline(never)
  private static func recordSpecial(_ operation: RecordedOperation, _ operands: Operands) -> Tensor
  {
    if let position = operation.returnedOperand {
      let operand = operands[position].takeUnretainedValue()
      if operation.gathers, !operand.isContiguous { return record(operation, operands) }
      return operand
    }
    let node = record(operation, operands)
    if operation.isView {
      let operand = operands[0].takeUnretainedValue()
      if operation.gathers, !operand.isSeen(through: operation) { return node }
      node.becomeView(of: operand)
      Windows.settleIfOfData(node, operation)
    } else {
      becomeTuple(node, operation)
    }
    return node
  }

  private static func becomeTuple(_ node: Tensor, _ operation: RecordedOperation) {
    node.flags.insert(.tuple)
    node.typeID = TypeID.none
    node.makeExtra().results = operation.resultTypes.map { _ in Tensor.WeakTensor() }
  }

  /// Result `index` of a node of several.
  static func projection(_ node: Tensor, _ index: Int) -> Tensor {
    if let alive = node.extra?.results[index].tensor { return alive }
    guard let operation = node.operation else { return node }
    var flags = Tensor.Flags([.history, .projection]).union(node.flags.intersection(.mayFail))
    if node.flags.contains(.requiresGrad), flowsToGrad(node, operation.flows[index]) {
      flags.insert(.requiresGrad)
    }
    let made = Tensor(
      operation: nil, UInt(bitPattern: Unmanaged.passRetained(node).toOpaque()), UInt(index),
      typeID: operation.resultTypes[index], flags: flags, depth: node.depth)
    node.extra?.results[index].tensor = made
    return made
  }

  private static func flowsToGrad(_ node: Tensor, _ flow: UInt64) -> Bool {
    (0..<node.inputCount).contains { position in
      guard flow & RecordedOperation.flowBit(position) != 0,
        node.operation?.isNumber(position) == false
      else { return false }
      return node.input(position)?._withUnsafeGuaranteedRef {
        $0.flags.contains(.requiresGrad)
      } ?? false
    }
  }
}
