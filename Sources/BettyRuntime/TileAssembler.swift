// A tile unit → code: order of instructions, operands that are memory, registers by liveness, and
// the multiply-add peephole.
// Invariant: a register is free again after the last instruction that reads its value; an
// instruction that writes over the memory of an operand comes after every read of that operand (or
// the value is kept in a register and stored at the end of the tile).

import BettyGraph
import BettyKernelInterface
import BettyKernels

/// What the address of an operand is.
enum Binding: Hashable {
  case value(Int)
  /// Offset in the unit's temporary memory.
  case temporary(Int)
  /// The bytes of one element.
  case immediate(UInt64)
  case register
}

/// The parts of a TileCode, with operands named by what they are bound to.
struct TileAssembly {
  var bindings: [Binding] = []
  var operands: [TileOperand] = []
  var moving = 0
  var prologue: [TileInstruction] = []
  var body: [TileInstruction] = []
  var loads: [(elementSize: Int, offset: Int, shape: [Int], strides: [Int])] = []
  var reductions: [TileReduction] = []
  var scratchBytes = 0
}

struct TileAssembler {
  let units: Units
  let unit: Unit
  let shape: TileShape
  let locations: [Location?]
  var lowered: Lowered { units.lowered }

  /// An instruction over values; `result` is -1 for reductions.
  struct Draft {
    var kind: TileInstruction.Kind
    var isPerRow = false
    var result: Int
    var inputs: [Int]
    var detail = 0
    var function: TileFunction
  }
  var prologue: [Draft] = []
  var body: [Draft] = []
  var stores: [Draft] = []
  var assembly = TileAssembly()
  /// Operand of each value, once it has one.
  var operandOf: [Int: Int] = [:]
  var pendingRegisters: [(value: Int, register: Int)] = []

  static let nothing: TileFunction = { _, _, _, _, _ in }

  static func assemble(
    _ unit: Unit, _ units: Units, _ shape: TileShape, locations: [Location?]
  ) throws -> TileAssembly {
    var assembler = TileAssembler(
      units: units, unit: unit, shape: shape, locations: locations)
    try assembler.draft()
    assembler.postponeStores()
    assembler.bindMemory()
    assembler.allocateRegisters()
    assembler.emit()
    return assembler.assembly
  }

  private init(units: Units, unit: Unit, shape: TileShape, locations: [Location?]) {
    self.units = units
    self.unit = unit
    self.shape = shape
    self.locations = locations
  }

  // MARK: Drafts

  private mutating func draft() throws {
    let folded = foldedProducts()
    var ready = Set<Int>()
    var same: [Int: Int] = [:]  // repeated casts, by their first
    var casts: [[Int]: Int] = [:]
    for index in unit.nodes {
      let node = lowered.nodes[index]
      var inputs = node.inputs.map { same[$0] ?? $0 }
      if case .reduction = node.operation {
        load(inputs, &ready)
        body.append(
          Draft(
            kind: .reduce, result: -1, inputs: inputs, detail: assembly.reductions.count,
            function: TileAssembler.nothing))
        try addReduction(node)
        continue
      }
      let result = node.results[0]
      if folded.contains(result) { continue }
      if case .cast = node.operation, !units.needed[result] {
        let key = [inputs[0], Int(lowered.dtypes[result].rawValue)]
        if let first = casts[key] {
          same[result] = first
          continue
        }
        casts[key] = result
      }
      var function = try function(of: node)
      if case .tile(.add) = node.operation,
        let position = node.inputs.firstIndex(where: { folded.contains($0) }),
        let product = lowered.producer(of: node.inputs[position]),
        let fused = kernelTable[.multiplyAdd, lowered.dtypes[result]]
      {
        inputs = product.inputs.map { same[$0] ?? $0 } + [inputs[1 - position]]
        function = fused
      }
      load(inputs, &ready)
      ready.insert(result)
      body.append(
        Draft(
          kind: .compute, isPerRow: isPerRow(result), result: result, inputs: inputs,
          function: function))
    }
  }

  private func function(of node: LoweredNode) throws -> TileFunction {
    let from = lowered.dtypes[node.inputs[0]]
    let to = lowered.dtypes[node.results[0]]
    var found: TileFunction?
    if case .tile(let op) = node.operation {
      found = kernelTable[op, lowered.dtypes[node.inputs[op == .select ? 1 : 0]]]
    } else {
      found = kernelTable.cast[Int(from.rawValue) * DType.count + Int(to.rawValue)]
    }
    guard let found else {
      throw BettyError(.notSupported, "\(node.name): not defined for \(from.name)")
    }
    return found
  }

  /// Products that only one addition of this unit reads.
  private func foldedProducts() -> Set<Int> {
    var readers: [Int: Int] = [:]
    for index in unit.nodes {
      for input in lowered.nodes[index].inputs { readers[input, default: 0] += 1 }
    }
    let inside = Set(unit.nodes)
    var folded = Set<Int>()
    for index in unit.nodes {
      let node = lowered.nodes[index]
      guard case .tile(.add) = node.operation,
        kernelTable[.multiplyAdd, lowered.dtypes[node.results[0]]] != nil
      else { continue }
      let product = node.inputs.first { input in
        guard inside.contains(lowered.producers[input]), readers[input] == 1,
          !units.needed[input], case .tile(.mul)? = lowered.producer(of: input)?.operation
        else { return false }
        return true
      }
      if let product { folded.insert(product) }
    }
    return folded
  }

  /// Makes sure that operands which are not in memory as they are get into registers.
  private mutating func load(_ values: [Int], _ ready: inout Set<Int>) {
    for value in values where ready.insert(value).inserted {
      let size = lowered.dtypes[value].size
      switch units.source(of: value) {
      case .memory: break
      case .constant(let bits):
        assembly.loads.append((size, 0, [], []))
        prologue.append(fill(value, addOperand(.immediate(bits), stride: 0)))
      case .strided(let view, let source):
        assembly.loads.append((size, view.offset * size, view.shape, view.strides))
        let operand = addOperand(.value(source), stride: 0)
        if isMadeHere(source) {
          body.append(stridedLoad(value, operand))
        } else if view.isSplat {
          prologue.append(fill(value, operand))
        } else if isInvariant(view, value) {
          prologue.append(stridedLoad(value, operand))
        } else {
          body.append(stridedLoad(value, operand))
        }
      }
    }
  }

  /// Whether a value of this unit has one number a row.
  func isPerRow(_ value: Int) -> Bool { lowered.counts[value] < shape.geometry.count }

  private func isMadeHere(_ value: Int) -> Bool {
    lowered.producers[value] >= 0 && unit.nodes.contains(lowered.producers[value])
  }

  private func isInvariant(_ view: View, _ value: Int) -> Bool {
    let geometry = shape.geometry
    return !isPerRow(value) && view.period < lowered.counts[value] && !geometry.splitsRows
      && geometry.tile % view.period == 0
  }

  // A load's source is an operand, not a value: it travels as -2 - operand.
  private func fill(_ value: Int, _ operand: Int) -> Draft {
    Draft(
      kind: .fill, result: value, inputs: [-2 - operand], detail: assembly.loads.count - 1,
      function: TileAssembler.nothing)
  }
  private func stridedLoad(_ value: Int, _ operand: Int) -> Draft {
    Draft(
      kind: .load, isPerRow: isPerRow(value), result: value, inputs: [-2 - operand],
      detail: assembly.loads.count - 1, function: TileAssembler.nothing)
  }

  private mutating func addOperand(_ binding: Binding, stride: Int) -> Int {
    assembly.bindings.append(binding)
    assembly.operands.append(TileOperand(stride: stride, register: -1))
    return assembly.operands.count - 1
  }

  private mutating func addMoving(_ value: Int) -> Int {
    let operand = addOperand(.value(value), stride: lowered.dtypes[value].size)
    assembly.operands[operand].isPerRow = isPerRow(value)
    return operand
  }

  private mutating func addReduction(_ node: LoweredNode) throws {
    guard let reduction = ReductionShape(node, lowered) else {
      throw BettyError(.notSupported, "\(node.name): no tile form")
    }
    let table = kernelTable
    let wide = reduction.accumulator
    func index(_ dtype: DType) -> Int {
      Int(reduction.op.rawValue) * DType.count + Int(dtype.rawValue)
    }
    let finish =
      wide == reduction.dtype
      ? table[.copy, wide]
      : table.cast[Int(wide.rawValue) * DType.count + Int(reduction.dtype.rawValue)]
    guard let reduce = table.reduce[index(reduction.dtype)],
      let accumulate = table.tileReduce[index(reduction.dtype)],
      let join = table.tileReduce[index(wide)],
      let combine = table[reduction.op.combining(reduction.dtype), reduction.dtype], let finish
    else {
      throw BettyError(.notSupported, "\(node.name): not defined for \(reduction.dtype.name)")
    }
    let destination = addOperand(.value(reduction.result), stride: 0)
    let needsPartial = reduction.partialBytes(shape.geometry) > 0
    let offset = shape.reductions[..<assembly.reductions.count]
      .reduce(0) { $0 + $1.partialBytes(shape.geometry) }
    let partial = needsPartial ? addOperand(.temporary(offset), stride: 0) : destination
    assembly.reductions.append(
      TileReduction(
        form: reduction.form, elementSize: reduction.dtype.size, accumulatorSize: wide.size,
        identity: reduction.op.identity(wide), destination: destination, partial: partial,
        accumulator: 0, reduce: reduce, accumulate: accumulate, join: join, combine: combine,
        finish: finish))
  }

  // MARK: Memory operands

  /// Values that overwrite an operand which is still read afterwards are stored at the end of the
  /// tile.
  private mutating func postponeStores() {
    for (position, draft) in body.enumerated() where draft.kind == .compute {
      guard units.needed[draft.result], let place = locations[draft.result] else { continue }
      let late = body[(position + 1)...].contains { later in
        later.inputs.contains { input in
          input >= 0 && input != draft.result && isDirect(input) && locations[input] == place
        }
      }
      guard late, let copy = kernelTable[.copy, lowered.dtypes[draft.result]] else { continue }
      stores.append(
        Draft(
          kind: .compute, isPerRow: draft.isPerRow, result: draft.result, inputs: [draft.result],
          function: copy))
    }
  }

  private func isDirect(_ value: Int) -> Bool {
    if case .memory = units.source(of: value) { units.needed[value] } else { false }
  }

  /// Gives every value that is read from or made in memory its operand; those that move come first.
  private mutating func bindMemory() {
    let postponed = Set(stores.map(\.result))
    var moving: [Int] = []
    for draft in body {
      for value in draft.inputs + [draft.result]
      where value >= 0 && !postponed.contains(value) && isMemory(value) && !moving.contains(value) {
        moving.append(value)
      }
    }
    let fixed = assembly.operands.count
    for value in moving {
      operandOf[value] = addMoving(value)
    }
    for store in stores { pendingStores.append(addMoving(store.result)) }
    rotate(fixed: fixed)
  }

  var pendingStores: [Int] = []

  private func isMemory(_ value: Int) -> Bool {
    if case .memory = units.source(of: value) {
      return units.needed[value] || isWindow(value)
    }
    return false
  }

  private func isWindow(_ value: Int) -> Bool {
    if case .window? = lowered.producer(of: value)?.operation { true } else { false }
  }

  /// Puts the operands after `fixed` in front and renumbers what refers to them.
  private mutating func rotate(fixed: Int) {
    let moving = assembly.operands.count - fixed
    func renumber(_ operand: Int) -> Int { operand < fixed ? operand + moving : operand - fixed }
    assembly.operands = Array(assembly.operands[fixed...] + assembly.operands[..<fixed])
    assembly.bindings = Array(assembly.bindings[fixed...] + assembly.bindings[..<fixed])
    assembly.moving = moving
    operandOf = operandOf.mapValues(renumber)
    pendingStores = pendingStores.map(renumber)
    func renumber(_ drafts: inout [Draft]) {
      for index in drafts.indices {
        drafts[index].inputs = drafts[index].inputs.map { $0 <= -2 ? -2 - renumber(-2 - $0) : $0 }
      }
    }
    renumber(&prologue)
    renumber(&body)
    for index in assembly.reductions.indices {
      assembly.reductions[index].destination = renumber(assembly.reductions[index].destination)
      assembly.reductions[index].partial = renumber(assembly.reductions[index].partial)
    }
  }
}

extension ReduceOp {
  /// The elementwise operation that joins two results.
  func combining(_ dtype: DType) -> TileOp {
    switch self {
    case .sum: .add
    case .prod: .mul
    case .max: dtype == .bool ? .logicalOr : .maximum
    case .min: dtype == .bool ? .logicalAnd : .minimum
    }
  }
}
