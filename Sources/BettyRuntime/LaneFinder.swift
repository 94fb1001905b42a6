// Finds what can run side by side: parts of a graph that share nothing but what is made before them and
// meet only in what comes after them, like the replicas of a step, or two passes of a finite difference.
// A round looks for such parts among the units that are left: what is near their beginning may be shared
// by several parts and then comes first; what depends on two parts is left for the next round.
// Invariant: units are given in an order that runs; in each lane they keep it.

struct LaneFinder {
  /// Of each unit the ones it waits for, and those that wait for it.
  private let before: [[Int]]
  private let after: [[Int]]
  private let costs: [UnitCost]
  private let threads: Int
  /// Sections of lanes of units.
  private(set) var sections: [[[Int]]] = []
  /// Nanoseconds that running side by side saves, and those that are left.
  private(set) var gain = 0.0
  private(set) var total = 0.0

  /// Below this it is not worth waking anybody.
  private static let leastGain = 3000.0
  private static let mostRounds = 200
  private static let deepest = 2
  /// Shares of the longest path that count as its beginning.
  private static let beginnings = [0, 0.015, 0.06, 0.12, 0.25, 0.5, 0.75, 0.9]

  /// `isLate`: what is written over an input, after everything that is not made from it.
  init(_ units: [Unit], valueCount: Int, threads: Int, costs: [UnitCost], isLate: (Unit) -> Bool) {
    self.threads = threads
    self.costs = costs
    var writer = [Int](repeating: -1, count: valueCount)
    for (index, unit) in units.enumerated() { for value in unit.writes { writer[value] = index } }
    before = units.map { unit in Set(unit.reads.map { writer[$0] }.filter { $0 >= 0 }).sorted() }
    var after = [[Int]](repeating: [], count: units.count)
    for (index, sources) in before.enumerated() {
      for source in sources { after[source].append(index) }
    }
    self.after = after
    inRest = [Bool](repeating: false, count: units.count)
    part = [Int](repeating: 0, count: units.count)
    path = [Double](repeating: 0, count: units.count)
    var late = units.map(isLate)
    for index in units.indices where before[index].contains(where: { late[$0] }) {
      late[index] = true
    }
    schedule(units.indices.filter { !late[$0] }, depth: 0)
    schedule(units.indices.filter { late[$0] }, depth: 0)
  }

  // MARK: Rounds

  private mutating func schedule(_ units: [Int], depth: Int) {
    var rest = units
    var rounds = 0
    while !rest.isEmpty {
      guard rounds < Self.mostRounds, let split = bestSplit(rest) else { return append(rest) }
      if depth < Self.deepest {
        schedule(split.shared, depth: depth + 1)
      } else {
        append(split.shared)
      }
      sections.append(split.lanes)
      gain += split.gain
      total += split.time
      rest = split.rest
      rounds += 1
    }
  }

  /// Units that have all threads, one after the other.
  private mutating func append(_ units: [Int]) {
    if units.isEmpty { return }
    total += units.reduce(0) { $0 + costs[$1].shared }
    if let last = sections.last, last.count == 1 {
      sections[sections.count - 1][0] += units
    } else {
      sections.append([units])
    }
  }

  // MARK: One round

  private struct Split {
    /// What several lanes need.
    var shared: [Int] = []
    var lanes: [[Int]] = []
    var rest: [Int] = []
    var time = 0.0
    var gain = 0.0
  }

  private enum Part {
    static let beginning = -1
    static let later = -2
    static let shared = -3
  }

  // By unit, for the units of a round.
  private var inRest: [Bool]
  private var part: [Int]
  private var path: [Double]

  private mutating func bestSplit(_ rest: [Int]) -> Split? {
    for unit in rest { inRest[unit] = true }
    defer { for unit in rest { inRest[unit] = false } }
    var longest = 0.0
    for unit in rest {
      let start = before[unit].reduce(0) { inRest[$1] ? max($0, path[$1]) : $0 }
      path[unit] = start + costs[unit].alone
      longest = max(longest, path[unit])
    }
    var best: Split?
    for share in Self.beginnings {
      let count = divide(rest, beginning: share * longest)
      guard count > 1 else { continue }
      let split = arranged(rest, count)
      if split.gain >= max(Self.leastGain, 1.02 * (best?.gain ?? 0)) { best = split }
    }
    return best
  }

  /// Gives each unit its part; how many parts there are.
  private mutating func divide(_ rest: [Int], beginning: Double) -> Int {
    var count = 0
    for unit in rest {
      if path[unit] <= beginning {
        part[unit] = Part.beginning
        continue
      }
      var found = costs[unit].isLoop ? Part.later : Part.beginning
      for source in before[unit] where inRest[source] && part[source] != Part.beginning {
        if found == Part.beginning {
          found = part[source]
        } else if found != part[source] {
          found = Part.later
        }
      }
      if found == Part.beginning {
        found = count
        count += 1
      }
      part[unit] = found
    }
    for unit in rest.reversed() where part[unit] == Part.beginning {
      part[unit] = owner(of: unit, &count)
    }
    return count
  }

  /// Of a unit at the beginning: the only part that needs it, if there is one.
  private func owner(of unit: Int, _ count: inout Int) -> Int {
    if costs[unit].isLoop { return Part.shared }
    var found = Part.beginning
    var isNeededLater = false
    for reader in after[unit] where inRest[reader] {
      let own = part[reader]
      if own == Part.later {
        isNeededLater = true
      } else if found == Part.beginning {
        found = own
      } else if found != own {
        return Part.shared
      }
    }
    if found != Part.beginning { return found }
    if isNeededLater { return Part.later }
    count += 1
    return count - 1
  }

  /// The parts in lanes, the largest first, each where least is to do.
  private func arranged(_ rest: [Int], _ count: Int) -> Split {
    var loads = [Double](repeating: 0, count: count)
    var split = Split()
    var together = 0.0
    for unit in rest where part[unit] >= 0 {
      loads[part[unit]] += costs[unit].alone
      together += costs[unit].shared
    }
    var lane = [Int](repeating: 0, count: count)
    var times = [Double](repeating: 0, count: min(threads, count))
    for index in loads.indices.sorted(by: { (loads[$1], $0) < (loads[$0], $1) }) {
      let least = times.indices.min { times[$0] < times[$1] } ?? 0
      lane[index] = least
      times[least] += loads[index]
    }
    split.lanes = times.map { _ in [] }
    for unit in rest {
      switch part[unit] {
      case Part.later: split.rest.append(unit)
      case Part.shared: split.shared.append(unit)
      default: split.lanes[lane[part[unit]]].append(unit)
      }
    }
    split.time = (times.max() ?? 0) + UnitCost.meeting
    split.gain = together - split.time
    return split
  }
}
