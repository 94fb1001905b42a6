// The order of the units of a large program, made for memory: a parameter is updated as soon as its
// gradient is there and nobody reads the old value any more, so that gradients need not wait for
// each other; what only combines values that stay anyway (a perturbed parameter, a mask) is made
// right before it is read.
// Invariants: the order respects all dependencies; an input is overwritten after its last reader and
// after every index in data has been checked, so that a bad index leaves the parameters untouched.

import BettyGraph
import BettyKernelInterface

extension Units {
  /// Values below it may come at any time.
  private static let lightBytes = 4096
  /// Delaying less is not worth a move.
  private static let leastDelayedBytes = 1 << 16

  /// `wishes`: the values that may be written over an input. Nil when one of them cannot come after
  /// all readers of its input.
  func orderedForMemory(wishes: [Int: Int]) -> [Unit]? {
    let order = eager(wishes)
    guard order.count == list.count else { return nil }
    return delayed(order, wishes)
  }

  // MARK: Updates as early as they can

  private func eager(_ wishes: [Int: Int]) -> [Unit] {
    var writer = [Int](repeating: -1, count: lowered.dtypes.count)
    for (index, unit) in list.enumerated() { for value in unit.writes { writer[value] = index } }
    var before = list.map { unit in Set(unit.reads.map { writer[$0] }.filter { $0 >= 0 }) }
    var inputReaders: [Int: [Int]] = [:]
    for (index, unit) in list.enumerated() {
      for value in unit.reads where writer[value] < 0 {
        inputReaders[value, default: []].append(index)
      }
    }
    let checks = indexChecks
    var keys = list.map { (2, $0.nodes.last ?? 0) }
    var isLight = [Bool](repeating: false, count: list.count)
    for (index, unit) in list.enumerated() {
      let bytes = unit.writes.reduce(0) { $0 + lowered.byteCount($1) }
      isLight[index] =
        bytes < Units.lightBytes && before[index].allSatisfy { isLight[$0] }
        && unit.reads.allSatisfy { lowered.byteCount($0) < Units.lightBytes }
      if isLight[index] { keys[index].0 = 0 }
      let inputs = unit.writes.compactMap { wishes[$0] }.map { lowered.inputs[$0] }
      guard !inputs.isEmpty else { continue }
      keys[index].0 = 1
      for input in inputs { before[index].formUnion(inputReaders[input] ?? []) }
      before[index].formUnion(checks)
      before[index].remove(index)
    }
    return sorted(before, keys)
  }

  /// Those of `wishes` that can be granted: what a check waits for, or makes itself, would be written
  /// before anything was checked.
  func afterChecks(_ wishes: [Int: Int]) -> [Int: Int] {
    if wishes.isEmpty { return wishes }
    var isEarly = [Bool](repeating: false, count: list.count)
    for index in indexChecks { isEarly[index] = true }
    var isNeeded = [Bool](repeating: false, count: lowered.dtypes.count)
    var granted = wishes
    for (index, unit) in list.enumerated().reversed() {
      guard isEarly[index] || unit.writes.contains(where: { isNeeded[$0] }) else { continue }
      for value in unit.reads { isNeeded[value] = true }
      for value in unit.writes { granted[value] = nil }
    }
    return granted
  }

  /// The first unit that checks each list of indices against each table; a later one, as a rule in
  /// the backward pass, can find nothing new. And those that may fail by themselves.
  private var indexChecks: [Int] {
    struct Check: Hashable {
      let indices: Int
      /// Of the table and of what is picked: tables of one size may have other axes.
      let counts: Set<Int>
    }
    var seen = Set<Check>()
    var found: [Int] = []
    for (index, unit) in list.enumerated() where unit.kind == .buffer || unit.kind == .loop {
      let node = lowered.nodes[unit.nodes[0]]
      if Registry.primitive(named: node.name)?.failure != nil {
        found.append(index)
        continue
      }
      let counts = Set((node.inputs + node.results).map { lowered.counts[$0] })
      for input in node.inputs where lowered.dtypes[input] == .i64 {
        let check = Check(indices: lowered.root(of: input).value, counts: counts)
        if seen.insert(check).inserted || unit.kind == .loop { found.append(index) }
      }
    }
    return found
  }

  /// Kahn's algorithm, the smallest key first; shorter than the list when there is a cycle.
  private func sorted(_ before: [Set<Int>], _ keys: [(Int, Int)]) -> [Unit] {
    var waiting = before.map(\.count)
    var after = [[Int]](repeating: [], count: list.count)
    for (index, sources) in before.enumerated() {
      for source in sources { after[source].append(index) }
    }
    let rank = list.indices.sorted { (keys[$0].0, keys[$0].1, $0) < (keys[$1].0, keys[$1].1, $1) }
    var place = [Int](repeating: 0, count: list.count)
    for (position, index) in rank.enumerated() { place[index] = position }
    var ready = Heap()
    for index in list.indices where waiting[index] == 0 { ready.insert(place[index]) }
    var result: [Unit] = []
    while let next = ready.popSmallest() {
      result.append(list[rank[next]])
      for reader in after[rank[next]] {
        waiting[reader] -= 1
        if waiting[reader] == 0 { ready.insert(place[reader]) }
      }
    }
    return result
  }

  // MARK: Cheap values as late as they can

  private func delayed(_ order: [Unit], _ wishes: [Int: Int]) -> [Unit] {
    let count = lowered.dtypes.count
    var firstRead = [Int](repeating: Int.max, count: count)
    var lastRead = [Int](repeating: -1, count: count)
    var isWritten = [Bool](repeating: false, count: count)
    var overwritten = [Int](repeating: Int.max, count: count)
    for (index, unit) in order.enumerated() {
      for value in unit.reads {
        firstRead[value] = min(firstRead[value], index)
        lastRead[value] = index
      }
      for value in unit.writes {
        isWritten[value] = true
        if let input = wishes[value] { overwritten[lowered.inputs[input]] = index }
      }
    }
    // waiting[i]: the units that go right before unit i.
    var waiting = [[Int]](repeating: [], count: order.count)
    var isDelayed = [Bool](repeating: false, count: order.count)
    for (index, unit) in order.enumerated() {
      guard unit.kind == .tile || unit.kind == .copy || unit.kind == .fill,
        !unit.writes.contains(where: { wishes[$0] != nil }),
        let target = unit.writes.map({ firstRead[$0] }).min(), target != Int.max,
        target > index + 1,
        unit.writes.reduce(0, { $0 + lowered.byteCount($1) }) >= Units.leastDelayedBytes,
        unit.reads.allSatisfy({ isWritten[$0] ? lastRead[$0] >= target : overwritten[$0] > target })
      else { continue }
      waiting[target].append(index)
      isDelayed[index] = true
    }
    var result: [Unit] = []
    for index in order.indices where !isDelayed[index] {
      var stack = [(unit: index, isOpen: false)]
      while let top = stack.popLast() {
        if top.isOpen || waiting[top.unit].isEmpty {
          result.append(order[top.unit])
        } else {
          stack.append((top.unit, true))
          for other in waiting[top.unit].reversed() { stack.append((other, false)) }
        }
      }
    }
    return result
  }
}
