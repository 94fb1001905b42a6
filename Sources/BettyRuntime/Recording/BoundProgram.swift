// A program with its inputs and outputs tied to tensors: leaves and numbers of a capture, handles that are
// changed in place, runtime scalars. What optimizer steps and step programs run. Invariants: a handle's
// memory is overwritten only if nothing else refers to it, else it gets fresh memory, so whatever was
// recorded before still sees the old value; results are stored only if the run succeeded.

import BettyGraph
import BettyKernelInterface

package final class BoundProgram: @unchecked Sendable {
  package enum Input: Hashable, Sendable {
    /// A leaf of the capture, by position in `leaves`.
    case leaf(Int)
    /// A number of the capture.
    case number(Int)
    /// A value of the capture that is computed already, by position in `order`.
    case computed(Int)
    /// One of the handles given to `run`.
    case handle(Int)
    /// One of the scalars given to `run`; a vector takes as many as it has elements, from there on.
    case scalars(Int)
  }

  package enum Output: Hashable, Sendable {
    /// The value of one of the capture's outputs.
    case captured(Int)
    /// The new value of a handle.
    case handle(Int)
    /// A new tensor, returned.
    case fresh
  }

  package let program: Program
  /// What it was compiled from.
  package let graph: Graph
  let inputs: [Input]
  let outputs: [Output]
  private let types: [Int32]
  private let inputTypes: [Int32]
  /// Donated handles by program output.
  private let donated: [Int?]
  let cellOffsets: [Int]
  let cellBytes: Int

  /// `graph` is compiled as it is: simplify before. Its inputs and outputs are tied in order.
  package init(_ graph: Graph, inputs: [Input], outputs: [Output], threads: Int? = nil) throws {
    guard graph.inputs.count == inputs.count, graph.outputs.count == outputs.count else {
      throw BettyError.runtime("program: \(graph.inputs.count) inputs, \(inputs.count) bound")
    }
    var donations: [Int: Int] = [:]
    for (position, output) in outputs.enumerated() {
      guard case .handle(let handle) = output,
        let source = inputs.firstIndex(of: .handle(handle)),
        graph.type(of: graph.outputs[position]) == graph.type(of: graph.inputs[source])
      else { continue }
      donations[position] = source
    }
    program = try Compiler.compile(
      graph, options: CompileOptions(donations: donations, threads: threads))
    self.graph = graph
    self.inputs = inputs
    self.outputs = outputs
    types = Lock.held { graph.outputs.map { TypeID.of(graph.type(of: $0)) } }
    inputTypes = Lock.held { graph.inputs.map { TypeID.of(graph.type(of: $0)) } }
    donated = zip(program.outputs, outputs).map { source, output in
      guard case .donated = source, case .handle(let handle) = output else { return nil }
      return handle
    }
    var offset = 0
    cellOffsets = zip(inputs, graph.inputs).map { input, value in
      switch input {
      case .number, .scalars:
        defer { offset += (graph.type(of: value).byteCount + 7) & ~7 }
        return offset
      default: return 0
      }
    }
    cellBytes = offset
  }

  /// Runs once. The recording of `capture` is given up, so that the memory it refers to may be
  /// overwritten; its outputs get their values. Gives the tensors of the `fresh` outputs.
  package func run(
    _ capture: Capture, beside others: [RecordedInputs] = [], handles: [Tensor] = [],
    scalars: [Double] = []
  ) throws -> [Tensor] {
    let computed = keepComputed(capture)
    return try run(capture.inputs.joined(others), capture, computed, handles, scalars)
  }

  /// Runs on other leaves and numbers of the recording's structure; values of the recording's outputs
  /// go nowhere. Only for programs that read nothing computed of a recording.
  package func run(
    again inputs: RecordedInputs, handles: [Tensor] = [], scalars: [Double] = []
  ) throws -> [Tensor] {
    try run(inputs, nil, [:], handles, scalars)
  }

  private func run(
    _ recorded: RecordedInputs, _ capture: Capture?, _ computed: [Int: Buffer],
    _ handles: [Tensor], _ scalars: [Double]
  ) throws -> [Tensor] {
    try evaluateMissing(recorded, handles)
    capture?.giveUp()
    if Lock.held({ outputs.indices.contains { isKept($0, handles) } }) { Trail.compute() }
    var buffers: [Buffer] = []
    buffers.reserveCapacity(inputs.count)
    let cells = UnsafeMutableRawPointer.allocate(byteCount: cellBytes + 8, alignment: 8)
    defer { cells.deallocate() }
    var results: [Buffer] = []
    results.reserveCapacity(outputs.count)
    try Lock.held {
      let isFree = outputs.indices.map { mayOverwrite($0, handles) }
      try bind(&buffers, cells, recorded, computed, handles, scalars)
      for (position, source) in program.outputs.enumerated() {
        switch source {
        case .fresh(let bytes): results.append(try Buffer(byteCount: bytes))
        case .output(let other): results.append(results[other])
        case .input(let input): results.append(try inputBuffer(input, buffers, cells))
        case .donated(let input):
          if !isFree[position] { buffers[input] = try Recording.copy(buffers[input]) }
          results.append(buffers[input])
        }
      }
    }
    do {
      try execute(buffers, cells, results)
    } catch {
      capture?.takeBack()
      Earlier.giveBack(after: error, behind: capture?.outputs ?? [])
      throw error
    }
    capture?.forget()
    return Lock.held { store(results, capture, handles) }
  }

  /// Whether every result is a new value of a handle, in its place, and no input is gone after a run.
  var updatesOnly: Bool {
    !donated.contains(nil) && !inputs.contains { if case .computed = $0 { true } else { false } }
  }

  // MARK: Parts of a run

  /// Handles and leaves that stand for something recorded only.
  private func evaluateMissing(_ recorded: RecordedInputs, _ handles: [Tensor]) throws {
    var missing: [Tensor] = []
    Lock.held {
      for input in inputs {
        switch input {
        case .leaf(let position):
          let leaf = recorded.leaves[position].value
          if leaf.buffer == nil { missing.append(leaf) }
        case .handle(let position):
          let value = handles[position].resolved()
          if value.buffer == nil { missing.append(value) }
        default: break
        }
      }
    }
    if !missing.isEmpty { try Recording.evaluate(values: missing) }
  }

  private func keepComputed(_ capture: Capture) -> [Int: Buffer] {
    var kept: [Int: Buffer] = [:]
    Lock.held {
      for case .computed(let position) in inputs { kept[position] = capture.order[position].buffer }
    }
    return kept
  }

  /// Whether an output may be written over its handle's memory. Under the lock.
  func mayOverwrite(_ output: Int, _ handles: [Tensor]) -> Bool {
    guard let handle = donated[output], let extra = handles[handle].extra,
      extra.current != nil
    else { return false }
    return isKnownUniquelyReferenced(&extra.current) && extra.ownsContent
  }

  /// Whether somebody still needs the memory that an output would be written over. Under the lock.
  private func isKept(_ output: Int, _ handles: [Tensor]) -> Bool {
    donated[output] != nil && !mayOverwrite(output, handles)
  }

  private func bind(
    _ buffers: inout [Buffer], _ cells: UnsafeMutableRawPointer, _ recorded: RecordedInputs,
    _ computed: [Int: Buffer], _ handles: [Tensor], _ scalars: [Double]
  ) throws {
    for (position, input) in inputs.enumerated() {
      let cell = cells + cellOffsets[position]
      switch input {
      case .leaf(let leaf):
        buffers.append(try buffer(of: recorded.leaves[leaf].value, for: position))
      case .handle(let handle):
        buffers.append(try buffer(of: handles[handle].resolved(), for: position))
      case .computed(let place):
        guard let buffer = computed[place] else {
          throw BettyError.runtime("program: a value of the recording is gone")
        }
        buffers.append(buffer)
      case .number(let number):
        cell.storeBytes(of: NumberCell.cell(recorded.numbers[number]), as: UInt64.self)
        buffers.append(Recording.noBuffer)
      case .scalars(let first):
        write(scalars, first, program.inputTypes[position], to: cell)
        buffers.append(Recording.noBuffer)
      }
    }
  }

  /// The memory of what stands at an input. Under the lock.
  private func buffer(of value: Tensor, for input: Int) throws -> Buffer {
    guard value.typeID == inputTypes[input] else {
      throw BettyError.runtime(
        "program: a tensor that was \(program.inputTypes[input]) when this was recorded is now "
          + "\(TypeID.type(value.typeID))")
    }
    return try value.computedBuffer()
  }

  func write(
    _ scalars: [Double], _ first: Int, _ type: TensorType, to cell: UnsafeMutableRawPointer
  ) {
    for element in 0..<type.count where first + element < scalars.count {
      let value = type.dtype.bits(scalars[first + element])
      withUnsafeBytes(of: value) {
        (cell + element * type.dtype.size).copyMemory(
          from: $0.baseAddress ?? UnsafeRawPointer(cell), byteCount: type.dtype.size)
      }
    }
  }

  private func isCell(_ input: Int) -> Bool {
    switch inputs[input] {
    case .number, .scalars: true
    default: false
    }
  }

  private func inputBuffer(
    _ input: Int, _ buffers: [Buffer], _ cells: UnsafeMutableRawPointer
  ) throws -> Buffer {
    guard isCell(input) else { return buffers[input] }
    return try Buffer(
      copying: UnsafeRawBufferPointer(
        start: cells + cellOffsets[input], count: program.inputTypes[input].byteCount))
  }

  private func execute(
    _ buffers: [Buffer], _ cells: UnsafeMutableRawPointer, _ results: [Buffer]
  ) throws {
    try withUnsafeTemporaryAllocation(
      of: UnsafeMutableRawPointer.self, capacity: buffers.count + results.count + 1
    ) { pointers in
      guard let base = pointers.baseAddress else { return }
      for (position, buffer) in buffers.enumerated() {
        let pointer = isCell(position) ? cells + cellOffsets[position] : buffer.pointer
        (base + position).initialize(to: pointer)
      }
      for (position, buffer) in results.enumerated() {
        (base + buffers.count + position).initialize(to: buffer.pointer)
      }
      try program.execute(
        inputs: UnsafePointer(base), outputs: UnsafePointer(base + buffers.count))
    }
    withExtendedLifetime((buffers, results)) {}
  }

  /// Under the lock.
  private func store(
    _ results: [Buffer], _ capture: Capture?, _ handles: [Tensor]
  ) -> [Tensor] {
    var fresh: [Tensor] = []
    for (position, output) in outputs.enumerated() {
      switch output {
      case .captured(let place):
        guard let tensor = capture?.outputs[place], tensor.buffer == nil else { continue }
        tensor.buffer = results[position]
        tensor.flags.remove(.mayFail)
        tensor.depth = 0
      case .handle(let handle): handles[handle].replaceContent(results[position])
      case .fresh:
        fresh.append(
          Tensor(
            operation: nil, typeID: types[position], flags: [], buffer: results[position]))
      }
    }
    Earlier.settle()
    Trail.settle()
    return fresh
  }
}

extension Recording {
  /// Stands in where a program input is no buffer.
  static let noBuffer = Buffer(external: noMemory, byteCount: 8) { _ in }
  nonisolated(unsafe) private static let noMemory = UnsafeMutableRawPointer.allocate(
    byteCount: 8, alignment: 8)

  static func copy(_ buffer: Buffer) throws -> Buffer {
    try Buffer(
      copying: UnsafeRawBufferPointer(start: buffer.pointer, count: buffer.byteCount))
  }
}

extension Tensor.Extra {
  /// Whether the memory of `current`, known to be referred to from here only, is all its own.
  var ownsContent: Bool {
    guard let content = current, content.flags.isDisjoint(with: [.history, .view]),
      content.buffer?.isOwned == true
    else { return false }
    return content.ownsBuffer
  }
}

extension Tensor {
  var ownsBuffer: Bool { isKnownUniquelyReferenced(&buffer) }

  /// Gives a redirected handle new memory: in place where it is the same. Under the lock.
  func replaceContent(_ new: Buffer) {
    let extra = makeExtra()
    extra.version &+= 1
    if let current = extra.current, current.buffer === new { return }
    let old = resolved()
    let content = Tensor(
      operation: nil, typeID: typeID,
      flags: old.flags.intersection([.gradLeaf, .requiresGrad]), buffer: new)
    if let slot = extra.gradient { content.makeExtra().gradient = slot }
    redirect(to: content)
  }
}

extension Capture {
  /// Gives up the recorded history behind the outputs: a step takes its gradient only once.
  func giveUp() {
    Lock.held { consumeSpent() }
    dropValues()
    Lock.held {
      for output in outputs where output.flags.contains(.history) && !keepsHistory(of: output) {
        output.releaseInputs()
        if output.extra?.look == nil { output.flags.remove(.view) }
        output.depth = 0
        if output.flags.contains(.requiresGrad) { output.flags.insert(.freed) }
      }
    }
  }

  /// Whether somebody may still go through an output: a backward pass that has not been, or a change of what
  /// it is a view of.
  private func keepsHistory(of output: Tensor) -> Bool {
    if output.flags.contains(.requiresGrad) {
      return keepsGradients && output.flags.isDisjoint(with: [.gradLeaf, .consumed])
    }
    return output.flags.contains(.view) && output.extra?.look == nil && output.isBaseShared()
  }

  /// Gives outputs that have no value their history back, each as one operation on the leaves: they are
  /// what was recorded, and computing those that the error is not in succeeds. What was computed of them
  /// before is computed again.
  func takeBack() {
    let graph = graph
    let inputs = leaves.map(\.value) + numbers.indices.map(number)
    let kinds = leaves.map { _ in DType?.none } + numbers.indices.map(numberKind)
    for (output, value) in zip(outputs, graph.outputs) {
      let isMissing = Lock.held { output.buffer == nil && !output.flags.contains(.history) }
      guard isMissing else { continue }
      let (own, used) = graph.cut([value]) { graph.inputs.contains($0) }
      let places = used.compactMap { graph.inputs.firstIndex(of: $0) }
      let operation = Recording.operation(
        "recorded", own, numbers: places.map { kinds[$0] })
      Lock.held {
        output.become(Recording.recordLocked(operation, places.map { inputs[$0] }))
      }
    }
    forget()
  }
}

extension Tensor {
  /// Takes over the history of a node that nobody else has. Under the lock.
  fileprivate func become(_ node: Tensor) {
    (operation, slot0, slot1, slot2) = (node.operation, node.slot0, node.slot1, node.slot2)
    depth = node.depth
    flags.formUnion(node.flags.intersection([.history, .constant, .mayFail]))
    flags.subtract([.freed, .projection])
    node.flags.remove(.history)
  }
}
