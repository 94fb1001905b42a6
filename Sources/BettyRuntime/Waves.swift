// Independent steps side by side: two passes through a small network keep two cores busy although no
// single step is worth splitting. Units are ordered by depth, neighbours that do not depend on each
// other form a wave, and a wave takes as long as its longest unit.
// Invariant: units of one time neither read nor overwrite what another of that time makes or reads;
// results do not depend on which thread ran them.

import BettyKernelInterface

/// A range of steps; those of a parallel wave run at the same time.
struct Wave {
  var first: Int
  var count: Int
  var isParallel: Bool
}

struct Timetable {
  /// The time of each unit, ascending.
  private(set) var times: [Int] = []
  private(set) var waves: [Wave] = []
  /// Nanoseconds that running side by side saves, by estimate.
  private(set) var gain = 0.0

  /// Below this a wave is not worth waking anybody.
  private static let leastGain = 3000.0

  /// One after the other.
  init(units: Int) {
    times = Array(0..<units)
    waves = [Wave(first: 0, count: units, isParallel: false)]
  }

  /// `cost` in nanoseconds, nil for a unit that has to be alone.
  init(_ units: [Unit], valueCount: Int, cost: (Unit) -> Double?) {
    var timeOfWrite = [Int](repeating: -1, count: valueCount)
    var first = 0
    var costs: [Double] = []
    func isFree(_ unit: Unit, _ time: Int) -> Bool {
      !unit.reads.contains { timeOfWrite[$0] == time }
    }
    var time = -1
    for (index, unit) in units.enumerated() {
      let own = cost(unit)
      if let own, time >= 0, !costs.isEmpty, isFree(unit, time) {
        costs.append(own)
      } else {
        close(first..<index, costs)
        time += 1
        first = index
        costs = own.map { [$0] } ?? []
      }
      times.append(time)
      for value in unit.writes { timeOfWrite[value] = time }
    }
    close(first..<units.count, costs)
  }

  private mutating func close(_ range: Range<Int>, _ costs: [Double]) {
    if range.isEmpty { return }
    let saved = costs.reduce(0, +) - (costs.max() ?? 0)
    let isParallel = range.count > 1 && saved >= Timetable.leastGain
    if isParallel { gain += saved }
    if !isParallel, let last = waves.indices.last, !waves[last].isParallel {
      waves[last].count += range.count
    } else {
      waves.append(Wave(first: range.lowerBound, count: range.count, isParallel: isParallel))
    }
  }

  /// Another unit, alone at the end.
  mutating func append() {
    let index = times.count
    times.append((times.last ?? -1) + 1)
    if let last = waves.indices.last, !waves[last].isParallel {
      waves[last].count += 1
    } else {
      waves.append(Wave(first: index, count: 1, isParallel: false))
    }
  }
}

extension Units {
  /// Rough nanoseconds of a unit on one thread; nil when it uses the threads itself or is a loop.
  func cost(_ unit: Unit, _ shapes: [Int: TileShape]) -> Double? {
    guard let first = unit.nodes.first else { return nil }
    let node = lowered.nodes[first]
    let elements = (node.inputs + node.results).reduce(0.0) { $0 + Double(lowered.counts[$1]) }
    switch unit.kind {
    case .tile:
      guard let shape = shapes[first], shape.geometry.tasks == 1 else { return nil }
      let work = unit.nodes.reduce(0) { $0 + lowered.nodes[$1].operation.weight }
      return 50 + Double(shape.geometry.count * min(work, 1 << 20)) * 0.15
    case .buffer:
      guard case .buffer(let kernel, _) = node.operation, kernel.tasks <= 1 else { return nil }
      if node.name == "matmul" || node.name.hasPrefix("convolution"), node.inputs.count == 2 {
        // The square root of (mk)(kn)(mn) is mkn, two operations each.
        let sizes = (node.inputs + node.results).map { Double(lowered.counts[$0]) }
        return 100 + (sizes[0] * sizes[1] * sizes[2]).squareRoot() / 25
      }
      return 50 + elements * 0.5
    case .copy, .reduce:
      return elements < Double(TileGeometry.leastPerTask) ? 50 + elements * 0.3 : nil
    case .fill: return 50 + elements * 0.05
    case .loop, .copyOut: return nil
    }
  }
}
