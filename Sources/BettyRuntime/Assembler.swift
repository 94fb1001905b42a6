// Planned units → steps with a table of address sources: the last pass of the compiler.
// Invariant: the operands of a step are consecutive in the table, in the order its code expects.

import BettyGraph
import BettyKernelInterface
import BettyKernels

struct Assembler {
  let plan: Plan
  let threads: Int
  let storage = Storage()
  private(set) var steps: [Step] = []
  private(set) var infos: [StepInfo] = []
  private(set) var addresses: [AddressSource] = []
  private(set) var scratchBytes = 0
  private(set) var statuses = 0
  private(set) var loops: [Loop] = []
  private var units: Units { plan.units }
  private var lowered: Lowered { plan.units.lowered }

  init(_ plan: Plan, shapes: [Int: TileShape], threads: Int) throws {
    self.plan = plan
    self.threads = threads
    for (index, unit) in plan.units.list.enumerated() {
      switch unit.kind {
      case .tile:
        guard let shape = shapes[unit.nodes[0]] else { continue }
        try tile(unit, shape, temporary: plan.temporaries[index])
      case .copy: copy(unit)
      case .fill: fill(unit)
      case .reduce: reduce(unit)
      case .buffer: buffer(unit, temporary: plan.temporaries[index])
      case .loop: loop(unit, temporary: plan.temporaries[index])
      case .copyOut: copyOut(unit)
      }
    }
  }

  private func node(_ unit: Unit) -> LoweredNode { lowered.nodes[unit.nodes[0]] }

  private func source(of value: Int) -> AddressSource {
    let (root, offset) = lowered.root(of: value)
    switch plan.locations[root] {
    case .arena(let start): return .arena(start + offset)
    case .input(let index): return .input(index, offset: offset)
    case .output(let index): return .output(index, offset: offset)
    case nil: return .arena(0)
    }
  }

  private mutating func add(
    _ kind: Step.Kind, _ unit: Unit, _ operands: [AddressSource], tasks: Int = 1,
    payload: UnsafeRawPointer, name: String? = nil
  ) {
    let title = name ?? unit.nodes.last.map { lowered.nodes[$0].name } ?? "copy"
    var info = StepInfo(name: title, operations: max(unit.nodes.count, 1), indices: [])
    info.elements = (unit.reads + unit.writes).map { lowered.counts[$0] }
    if kind == .buffer {
      let node = node(unit)
      info.indices = node.inputs.enumerated()
        .filter { lowered.dtypes[$0.element] == .i64 }
        .map { ($0.offset, lowered.counts[$0.element]) }
      statuses += 1
    }
    steps.append(
      Step(
        kind: kind, tasks: tasks, operands: addresses.count, payload: payload,
        status: max(statuses - 1, 0)))
    infos.append(info)
    addresses += operands
  }

  private mutating func tile(_ unit: Unit, _ shape: TileShape, temporary: Int) throws {
    let assembly = try TileAssembler.assemble(unit, units, shape, locations: plan.locations)
    let operands = assembly.bindings.map { binding -> AddressSource in
      switch binding {
      case .value(let value): return source(of: value)
      case .temporary(let offset): return .arena(temporary + offset)
      case .immediate(let bits):
        return .fixed(UnsafeMutableRawPointer(mutating: storage.keep(one: bits)))
      case .register: return .arena(0)
      }
    }
    let loads = assembly.loads.map { storage.load($0.elementSize, $0.offset, $0.shape, $0.strides) }
    let code = TileCode(
      geometry: shape.geometry, operands: storage.keep(assembly.operands),
      moving: assembly.moving, hasRows: assembly.operands.contains(where: \.isPerRow),
      prologue: storage.keep(assembly.prologue),
      body: storage.keep(assembly.body), loads: storage.keep(loads),
      reductions: storage.keep(assembly.reductions), scratchBytes: assembly.scratchBytes)
    scratchBytes = max(scratchBytes, assembly.scratchBytes)
    let names = unit.nodes.map { lowered.nodes[$0].name }
    add(
      .tile, unit, operands, tasks: shape.geometry.tasks,
      payload: UnsafeRawPointer(storage.keep(one: code)), name: names.joined(separator: "+"))
  }

  private mutating func copy(_ unit: Unit) {
    let node = node(unit)
    guard case .view(let view) = node.operation else { return }
    let result = node.results[0]
    let size = lowered.dtypes[result].size
    let count = lowered.counts[result]
    let chunk = Assembler.chunk(count, cost: 1, threads: threads)
    let code = CopyCode(
      load: storage.load(size, view.offset * size, view.shape, view.strides), count: count,
      chunk: chunk)
    add(
      .copy, unit, [source(of: result), source(of: node.inputs[0])],
      tasks: Assembler.tasks(count, chunk), payload: UnsafeRawPointer(storage.keep(one: code)))
  }

  private mutating func fill(_ unit: Unit) {
    let node = node(unit)
    guard case .constant(let bits) = node.operation else { return }
    let result = node.results[0]
    let code = FillCode(
      bits: bits, elementSize: lowered.dtypes[result].size, count: lowered.counts[result])
    add(.fill, unit, [source(of: result)], payload: UnsafeRawPointer(storage.keep(one: code)))
  }

  private mutating func reduce(_ unit: Unit) {
    let node = node(unit)
    guard case .reduction(let op, let outer, let reduced, let inner) = node.operation,
      let function = kernelTable.reduce[
        Int(op.rawValue) * DType.count + Int(lowered.dtypes[node.inputs[0]].rawValue)]
    else { return }
    let chunk = Assembler.chunk(outer, cost: reduced * inner, threads: threads)
    let code = ReduceCode(
      function: function, outer: outer, reduced: reduced, inner: inner, chunk: chunk)
    add(
      .reduce, unit, [source(of: node.results[0]), source(of: node.inputs[0])],
      tasks: Assembler.tasks(outer, chunk), payload: UnsafeRawPointer(storage.keep(one: code)))
  }

  private mutating func buffer(_ unit: Unit, temporary: Int) {
    let node = node(unit)
    guard case .buffer(let kernel, _) = node.operation else { return }
    scratchBytes = max(scratchBytes, kernel.scratchBytes)
    var operands = (node.inputs + node.results).map(source)
    if kernel.workspaceBytes > 0 { operands.append(.arena(temporary)) }
    let stages = storage.keep(kernel.stages)
    if stages.count == 1, let only = stages.baseAddress {
      add(.buffer, unit, operands, tasks: kernel.tasks, payload: UnsafeRawPointer(only))
    } else {
      add(
        .stages, unit, operands, tasks: kernel.tasks,
        payload: UnsafeRawPointer(storage.keep(one: stages)))
    }
  }

  private mutating func loop(_ unit: Unit, temporary: Int) {
    let node = node(unit)
    guard case .loop(let loop) = node.operation else { return }
    let bytes = node.results.map { lowered.byteCount($0) }
    var operands = (node.inputs + node.results).map(source)
    var offset = temporary
    for (size, inPlace) in zip(bytes, loop.inPlace) {
      operands.append(.arena(offset))
      offset += inPlace ? 0 : (size + 63) & ~63
    }
    let code = LoopCode(
      nested: loops.count, count: loop.count, carries: loop.carries, inputs: node.inputs.count,
      until: loop.until ?? -1, carryBytes: storage.keep(bytes), inPlace: storage.keep(loop.inPlace))
    loops.append(loop)
    add(.loop, unit, operands, payload: UnsafeRawPointer(storage.keep(one: code)))
  }

  private mutating func copyOut(_ unit: Unit) {
    let value = unit.reads[0]
    add(
      .copyOut, unit, [.input(unit.target, offset: 0), source(of: value)],
      payload: UnsafeRawPointer(storage.keep(one: lowered.byteCount(value))))
  }

  /// Items per task, when `cost` elements are the work of an item.
  static func chunk(_ items: Int, cost: Int, threads: Int) -> Int {
    let least = TileGeometry.leastPerTask / max(cost, 1) + 1
    guard threads > 1, items >= 2 * least else { return max(items, 1) }
    let tasks = min(threads * 4, items / least)
    return (items + tasks - 1) / tasks
  }

  static func tasks(_ items: Int, _ chunk: Int) -> Int { max((items + chunk - 1) / chunk, 1) }

  /// Temporary memory of a unit beside its operands and its code's own.
  static func temporaryBytes(_ unit: Unit, _ lowered: Lowered, _ shapes: [Int: TileShape]) -> Int {
    switch unit.kind {
    case .tile: return shapes[unit.nodes[0]]?.temporaryBytes ?? 0
    case .loop:
      let node = lowered.nodes[unit.nodes[0]]
      guard case .loop(let loop) = node.operation else { return 0 }
      return zip(node.results, loop.inPlace).reduce(0) {
        $0 + ($1.1 ? 0 : (lowered.byteCount($1.0) + 63) & ~63)
      }
    case .buffer:
      guard case .buffer(let kernel, _) = lowered.nodes[unit.nodes[0]].operation else { return 0 }
      return kernel.workspaceBytes
    case .copy, .fill, .reduce, .copyOut: return 0
    }
  }
}
