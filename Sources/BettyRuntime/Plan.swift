// Where every value lies. Values that units hand to each other share one arena; a result takes over the memory of an operand that dies where it is made, if the unit allows.
// Invariant: two values whose lifetimes meet never overlap, unless one was made in place of the
// other.

import BettyGraph
import BettyKernelInterface

enum Location: Hashable {
  case arena(Int)
  case input(Int)
  case output(Int)
}

/// What the caller gets for each output of a program.
package enum OutputSource: Hashable, Sendable {
  /// A buffer of its own, of so many bytes.
  case fresh(bytes: Int)
  /// The input itself.
  case input(Int)
  /// The input's buffer, overwritten.
  case donated(Int)
  /// The same value as an earlier output.
  case output(Int)
}

struct Plan {
  private(set) var units: Units
  /// By value; nil where nothing lies in memory.
  private(set) var locations: [Location?]
  /// Arena offset of each unit's temporary memory.
  private(set) var temporaries: [Int] = []
  private(set) var arenaBytes = 0
  private(set) var outputs: [OutputSource] = []
  private(set) var timetable = Timetable(units: 0)
  /// The first unit that overwrites an input.
  private(set) var firstOverwrite: Int

  private var blocks: [Block] = []
  private var blockOf: [Int]
  /// By value.
  private var readings: [Accesses]
  private var lowered: Lowered { units.lowered }

  /// A donation that cannot be made in place is copied at the end with `copiesAtEnd`, otherwise the
  /// output is fresh. Orders the units.
  init(
    _ units: Units, donations: [Int: Int], copiesAtEnd: Bool, shapes: [Int: TileShape],
    threads: Int, memoryOrderBytes: Int
  ) {
    self.units = units
    let values = units.lowered.dtypes.count
    locations = Array(repeating: nil, count: values)
    blockOf = Array(repeating: -1, count: values)
    readings = Array(repeating: Accesses(), count: values)
    firstOverwrite = Int.max
    for (index, input) in lowered.inputs.enumerated() { locations[input] = .input(index) }
    let wishes = placeOutputs(donations)
    // A loop's carries are its own: what they are written over is no input of the program.
    let granted = copiesAtEnd ? units.afterChecks(wishes) : wishes
    timetable = self.units.arrange(
      wishes: granted, shapes: shapes, threads: threads, memoryOrderBytes: memoryOrderBytes)
    findReadings()
    var refused = donate(granted).merging(wishes.filter { granted[$0.key] == nil }) { $1 }
    if !copiesAtEnd {
      for value in refused.keys { makeFresh(value) }
      refused = [:]
    }
    // They live until they are copied, so nothing may be made in their place.
    for value in refused.keys { readings[value].add(timetable.end) }
    for index in self.units.list.indices { place(index) }
    for (value, input) in refused.sorted(by: { $0.value < $1.value }) {
      self.units.appendCopyOut(of: value, to: input)
      timetable.append()
    }
    findFirstOverwrite()
    pack { Assembler.temporaryBytes($0, units.lowered, shapes) }
  }

  // MARK: Outputs and donations

  /// Decides what each output is; gives the values that may be written over an input.
  private mutating func placeOutputs(_ donations: [Int: Int]) -> [Int: Int] {
    var first: [Int: Int] = [:]
    var wishes: [Int: Int] = [:]
    let returned = Set(lowered.outputs)
    var taken = Set<Int>()
    for (index, value) in lowered.outputs.enumerated() {
      if case .input(let input) = locations[value] {
        outputs.append(.input(input))
      } else if let earlier = first[value] {
        outputs.append(.output(earlier))
      } else {
        first[value] = index
        if let input = donations[index], lowered.inputs.indices.contains(input),
          lowered.byteCount(lowered.inputs[input]) == lowered.byteCount(value),
          !returned.contains(lowered.inputs[input]), taken.insert(input).inserted
        {
          wishes[value] = input
          outputs.append(.donated(input))
        } else {
          locations[value] = .output(index)
          outputs.append(.fresh(bytes: lowered.byteCount(value)))
        }
      }
    }
    return wishes
  }

  /// Lets a value be made in its input's memory when nobody reads the input afterwards; gives the
  /// others, which are copied there at the end.
  private mutating func donate(_ wishes: [Int: Int]) -> [Int: Int] {
    var refused: [Int: Int] = [:]
    for (writer, unit) in units.list.enumerated() {
      for value in unit.writes {
        guard let input = wishes[value] else { continue }
        let source = lowered.inputs[input]
        let place = timetable.places[writer]
        let safe =
          readings[source].end(before: place)
          || (readings[source].end(at: place) && mayReplace(source, by: value, in: unit))
        if safe { locations[value] = .input(input) } else { refused[value] = input }
      }
    }
    return refused
  }

  private mutating func makeFresh(_ value: Int) {
    guard let index = lowered.outputs.firstIndex(of: value) else { return }
    outputs[index] = .fresh(bytes: lowered.byteCount(value))
    locations[value] = .output(index)
  }

  private mutating func findFirstOverwrite() {
    for (index, unit) in units.list.enumerated() {
      let overwrites = unit.writes.contains {
        if case .input = locations[$0] { true } else { false }
      }
      if overwrites || unit.kind == .copyOut {
        firstOverwrite = index
        return
      }
    }
  }

  // MARK: In place

  /// Whether a unit may write `result` over its operand `operand`, which nobody needs afterwards.
  private func mayReplace(_ operand: Int, by result: Int, in unit: Unit) -> Bool {
    guard lowered.byteCount(operand) == lowered.byteCount(result) else { return false }
    switch unit.kind {
    case .buffer:
      let node = lowered.nodes[unit.nodes[0]]
      guard case .buffer(_, let inPlace) = node.operation,
        let position = node.results.firstIndex(of: result), position < inPlace.count,
        let source = inPlace[position], source < node.inputs.count,
        node.inputs[source] == operand
      else { return false }
      return node.inputs.filter { lowered.root(of: $0).value == operand }.count == 1
    case .tile:
      guard lowered.counts[operand] == lowered.counts[result],
        lowered.producer(of: result)?.isReduction == false
      else { return false }
      // A store over an operand may come at the end of the tile: too late for what reads the result
      // along its rows.
      return readsOnlyDirectly(operand, in: unit) && readsOnlyDirectly(result, in: unit)
    case .loop:
      let node = lowered.nodes[unit.nodes[0]]
      guard case .loop(let loop) = node.operation,
        let carry = node.results.firstIndex(of: result), loop.inPlace[carry],
        node.inputs[carry] == operand
      else { return false }
      return node.inputs.filter { lowered.root(of: $0).value == operand }.count == 1
    case .copy, .fill, .reduce, .copyOut: return false
    }
  }

  private func readsOnlyDirectly(_ operand: Int, in unit: Unit) -> Bool {
    for index in unit.nodes {
      for input in lowered.nodes[index].inputs where input != operand {
        if lowered.root(of: input).value == operand { return false }
        if case .strided(_, let source) = units.source(of: input),
          lowered.root(of: source).value == operand
        {
          return false
        }
      }
    }
    return true
  }

  // MARK: Arena

  private mutating func findReadings() {
    for (unit, place) in zip(units.list, timetable.places) {
      for value in unit.reads { readings[value].add(place) }
    }
  }

  private mutating func place(_ index: Int) {
    let unit = units.list[index]
    let place = timetable.places[index]
    for value in unit.writes where locations[value] == nil {
      let reused = unit.reads.first { operand in
        let block = blockOf[operand]
        return block >= 0 && blocks[block].retaker != index
          && blocks[block].accesses.end(at: place) && mayReplace(operand, by: value, in: unit)
      }
      if let reused {
        blockOf[value] = blockOf[reused]
        blocks[blockOf[value]].retaker = index
      } else {
        blockOf[value] = blocks.count
        blocks.append(Block(bytes: lowered.byteCount(value), at: place))
      }
      blocks[blockOf[value]].accesses.add(readings[value])
    }
  }

  private mutating func pack(_ temporaryBytes: (Unit) -> Int) {
    let values = blocks.count
    for (index, unit) in units.list.enumerated() {
      blocks.append(Block(bytes: temporaryBytes(unit), at: timetable.places[index]))
    }
    arenaBytes = Arena.place(&blocks, timetable)
    for value in blockOf.indices where blockOf[value] >= 0 {
      locations[value] = .arena(blocks[blockOf[value]].offset)
    }
    temporaries = blocks[values...].map(\.offset)
  }
}

extension LoweredNode {
  var isReduction: Bool { if case .reduction = operation { true } else { false } }
}
