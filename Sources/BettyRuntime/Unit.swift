// Units: what becomes one step of a program. A tile unit is a group of elementwise operations with
// their reductions; constants and views that only tile units read need no unit of their own.
// Invariant: `reads` are the roots (memory owners) a unit takes from memory, `writes` those it
// makes.

import BettyKernelInterface

struct Unit {
  enum Kind { case tile, copy, fill, reduce, buffer, loop, copyOut }
  var kind: Kind
  /// Indices into `Lowered.nodes`, ascending; one, except for tile units.
  var nodes: [Int]
  var reads: [Int] = []
  var writes: [Int] = []
  /// copyOut: the input whose memory takes the value of reads[0].
  var target = -1
}

/// How a tile unit gets an operand that it does not compute.
enum TileSource {
  case memory(Int)
  case constant(UInt64)
  case strided(View, of: Int)
}

/// The units of a lowered graph and what has to lie in memory between them.
struct Units {
  let lowered: Lowered
  private(set) var list: [Unit] = []
  /// False when units wait for each other, which groups without a way back cannot.
  private(set) var isComplete = true
  /// By value: has a place in memory.
  private(set) var needed: [Bool]
  /// Of one run, by a rough estimate.
  private(set) var nanoseconds = 0.0
  private(set) var nanosecondsAlone = 0.0

  /// `group[node]`: equal numbers fuse; -1 for nodes that are no part of a tile unit.
  init(_ lowered: Lowered, group: [Int]) {
    self.lowered = lowered
    needed = [Bool](repeating: false, count: lowered.dtypes.count)
    let used = mark(group)
    collect(group, used)
    sortByDependencies()
  }

  func source(of value: Int) -> TileSource {
    if !needed[value], let node = lowered.producer(of: value) {
      switch node.operation {
      case .constant(let bits): return .constant(bits)
      case .view(let view): return .strided(view, of: node.inputs[0])
      default: break
      }
    }
    return .memory(value)
  }

  /// Elements that a tile unit walks over; its values have so many, or one for each row.
  func count(of unit: Unit) -> Int {
    unit.nodes.reduce(0) { most, index in
      let node = lowered.nodes[index]
      return max(most, lowered.counts[node.isReduction ? node.inputs[0] : node.results[0]])
    }
  }

  private mutating func need(_ value: Int) {
    needed[lowered.root(of: value).value] = true
  }

  private mutating func need(all values: [Int]) {
    for value in values { need(value) }
  }

  /// Backwards: which nodes run, which values need memory.
  private mutating func mark(_ group: [Int]) -> [Bool] {
    for output in lowered.outputs { need(output) }
    var used = [Bool](repeating: false, count: lowered.nodes.count)
    var wanted = [Bool](repeating: false, count: lowered.dtypes.count)
    for output in lowered.outputs { wanted[output] = true }
    for index in lowered.nodes.indices.reversed() {
      let node = lowered.nodes[index]
      guard node.results.contains(where: { wanted[$0] || needed[$0] }) else { continue }
      used[index] = true
      for input in node.inputs { wanted[input] = true }
      switch node.operation {
      case .constant: break
      case .view, .window, .buffer, .loop: need(all: node.inputs)
      case .tile, .cast, .reduction:
        guard group[index] >= 0 else {
          need(all: node.inputs)
          continue
        }
        for input in node.inputs where isMemory(input, readBy: group[index], group) {
          need(input)
        }
      }
    }
    return used
  }

  private func isMemory(_ value: Int, readBy reader: Int, _ group: [Int]) -> Bool {
    let producer = lowered.producers[value]
    guard producer >= 0 else { return true }
    switch lowered.nodes[producer].operation {
    case .constant, .view: return false
    case .tile, .cast: return group[producer] != reader
    default: return true
    }
  }

  private mutating func collect(_ group: [Int], _ used: [Bool]) {
    var unitOfGroup: [Int: Int] = [:]
    for (index, node) in lowered.nodes.enumerated() where used[index] {
      switch node.operation {
      case .window: continue
      case .constant, .view:
        guard needed[node.results[0]] else { continue }
        let isView = !node.inputs.isEmpty
        add(Unit(kind: isView ? .copy : .fill, nodes: [index]))
      case .buffer: add(Unit(kind: .buffer, nodes: [index]))
      case .loop: add(Unit(kind: .loop, nodes: [index]))
      case .reduction where group[index] < 0: add(Unit(kind: .reduce, nodes: [index]))
      case .tile, .cast, .reduction:
        if let unit = unitOfGroup[group[index]] {
          list[unit].nodes.append(index)
        } else {
          unitOfGroup[group[index]] = list.count
          list.append(Unit(kind: .tile, nodes: [index]))
        }
      }
    }
    for unit in list.indices { findOperands(unit, group) }
  }

  private mutating func add(_ unit: Unit) { list.append(unit) }

  private mutating func findOperands(_ unit: Int, _ group: [Int]) {
    var reads: [Int] = []
    var writes: [Int] = []
    let isTile = list[unit].kind == .tile
    var inside = Set<Int>()
    for index in list[unit].nodes {
      let node = lowered.nodes[index]
      for input in node.inputs where !inside.contains(input) {
        var value = input
        if isTile {
          switch source(of: input) {
          case .constant: continue
          case .strided(_, let source): value = source
          case .memory: break
          }
          if inside.contains(value) { continue }
        }
        let root = lowered.root(of: value).value
        if !reads.contains(root) { reads.append(root) }
      }
      if isTile { inside.formUnion(node.results) }
      writes += isTile ? node.results.filter { needed[$0] } : node.results
    }
    list[unit].reads = reads
    list[unit].writes = writes
  }

  /// Every unit after those it reads from; otherwise in the order of their last nodes.
  private mutating func sortByDependencies() {
    let count = list.count
    list = Units.ordered(list, valueCount: lowered.dtypes.count) { _ in false }
    isComplete = list.count == count
  }

  /// The final order and the time of each unit. What is written over an input (`wishes`) comes as
  /// late as it can, or, where memory matters most, as soon as nobody needs the input.
  mutating func arrange(
    wishes: [Int: Int], shapes: [Int: TileShape], threads: Int, memoryOrderBytes: Int
  ) -> Timetable {
    let count = lowered.dtypes.count
    func isLate(_ unit: Unit) -> Bool { unit.writes.contains { wishes[$0] != nil } }
    let bytes = list.reduce(0) { $0 + $1.writes.reduce(0) { $0 + lowered.byteCount($1) } }
    list = Units.ordered(list, valueCount: count, late: isLate)
    var leastGain = 0.0
    if bytes >= memoryOrderBytes, let order = orderedForMemory(wishes: wishes) {
      list = order
      // Side by side, updates come at the end, and gradients wait for them.
      let waiting = wishes.keys.reduce(0) { $0 + lowered.byteCount($1) }
      leastGain = waiting < bytes / 8 ? 0.1 : .infinity
    }
    let costs = list.map { cost($0, shapes, threads: threads) }
    nanoseconds = costs.reduce(0) { $0 + $1.shared }
    nanosecondsAlone = costs.reduce(0) { $0 + $1.alone }
    guard threads > 1, leastGain < .infinity else { return Timetable(units: list.count) }
    let finder = LaneFinder(
      list, valueCount: count, threads: threads, costs: costs, isLate: isLate)
    guard finder.gain > leastGain * nanoseconds else { return Timetable(units: list.count) }
    nanoseconds = finder.total
    list = finder.sections.flatMap { $0.flatMap { $0.map { list[$0] } } }
    return Timetable(finder.sections.map { $0.map(\.count) })
  }

  mutating func appendCopyOut(of value: Int, to input: Int) {
    list.append(Unit(kind: .copyOut, nodes: [], reads: [value], target: input))
  }

  /// Kahn's algorithm; among the ready units the ones that are not `late`, then the earliest, go
  /// first.
  private static func ordered(
    _ units: [Unit], valueCount: Int, late: (Unit) -> Bool
  ) -> [Unit] {
    var writer = [Int](repeating: -1, count: valueCount)
    for (index, unit) in units.enumerated() { for value in unit.writes { writer[value] = index } }
    var waiting = [Int](repeating: 0, count: units.count)
    var readers = [[Int]](repeating: [], count: units.count)
    for (index, unit) in units.enumerated() {
      for source in Set(unit.reads.map { writer[$0] }) where source >= 0 {
        waiting[index] += 1
        readers[source].append(index)
      }
    }
    let keys = units.enumerated().map { (late($1) ? 1 : 0, $1.nodes.last ?? 0, $0) }
    let rank = units.indices.sorted { keys[$0] < keys[$1] }
    var place = [Int](repeating: 0, count: units.count)
    for (position, index) in rank.enumerated() { place[index] = position }
    var ready = Heap()
    for index in units.indices where waiting[index] == 0 { ready.insert(place[index]) }
    var result: [Unit] = []
    while let next = ready.popSmallest() {
      let index = rank[next]
      result.append(units[index])
      for reader in readers[index] {
        waiting[reader] -= 1
        if waiting[reader] == 0 { ready.insert(place[reader]) }
      }
    }
    return result
  }
}

/// A binary heap of small numbers.
struct Heap {
  private var items: [Int] = []

  mutating func insert(_ item: Int) {
    items.append(item)
    var child = items.count - 1
    while child > 0, items[child] < items[(child - 1) / 2] {
      items.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  mutating func popSmallest() -> Int? {
    guard let first = items.first, let last = items.popLast() else { return nil }
    if items.isEmpty { return first }
    items[0] = last
    var parent = 0
    while true {
      var child = 2 * parent + 1
      guard child < items.count else { return first }
      if child + 1 < items.count, items[child + 1] < items[child] { child += 1 }
      guard items[child] < items[parent] else { return first }
      items.swapAt(child, parent)
      parent = child
    }
  }
}
