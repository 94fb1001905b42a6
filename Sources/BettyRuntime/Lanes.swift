// When steps run: sections one after the other, each of one lane or of several that run side by side,
// each lane on one thread, its steps one after the other. A single lane has all threads for each of its
// steps. Lanes meet only at the end of their section, so a replica, or one of two passes through a
// network, costs one meeting and not one an operation.
// Invariant: steps of different lanes of a section neither read nor overwrite what the other makes or
// reads; results do not depend on which thread ran a lane.

/// Steps that run one after the other.
struct Lane {
  var first: Int
  var count: Int
}

struct Section {
  var firstLane: Int
  var laneCount: Int
}

/// When a unit runs.
struct Place: Equatable {
  var section: Int
  var lane: Int
  var position: Int
}

/// Where accesses to some memory lie, as far as their end goes.
struct Accesses {
  /// The section of the last of them.
  private(set) var section = -1
  /// Several lanes of the section.
  private static let several = -1
  private var lane = 0
  private(set) var position = 0

  mutating func add(_ place: Place) {
    if place.section > section {
      (section, lane, position) = (place.section, place.lane, place.position)
    } else if place.section == section {
      if place.lane != lane { lane = Self.several }
      position = max(position, place.position)
    }
  }

  mutating func add(_ others: Accesses) {
    if others.section < 0 { return }
    add(Place(section: others.section, lane: others.lane, position: others.position))
  }

  /// Whether all of them are over when the unit at `place` begins.
  func end(before place: Place) -> Bool {
    section < place.section
      || (section == place.section && lane == place.lane && position < place.position)
  }

  /// Whether the unit at `place` makes the last one, with the others over.
  func end(at place: Place) -> Bool {
    section == place.section && lane == place.lane && position == place.position
  }
}

struct Timetable {
  /// Of each unit.
  private(set) var places: [Place] = []
  private(set) var lanes: [Lane] = []
  private(set) var sections: [Section] = []

  /// One after the other.
  init(units: Int) { self.init([[units]]) }

  /// Units of each lane of each section; they follow each other in that order.
  init(_ counts: [[Int]]) {
    for (section, own) in counts.enumerated() {
      sections.append(Section(firstLane: lanes.count, laneCount: own.count))
      for (lane, count) in own.enumerated() {
        lanes.append(Lane(first: places.count, count: count))
        for position in 0..<count {
          places.append(Place(section: section, lane: lane, position: position))
        }
      }
    }
  }

  /// After everything, also after what is appended.
  var end: Place { Place(section: Int.max, lane: 0, position: 0) }

  /// The units from a place to the last access, by number; of a section of several lanes, all of them.
  func units(from first: Place, to last: Accesses) -> ClosedRange<Int32> {
    let begin = sections[first.section]
    let from = lanes[begin.firstLane].first + (begin.laneCount == 1 ? first.position : 0)
    guard last.section < sections.count else { return Int32(from)...Int32.max }
    let end = sections[last.section]
    let lane = lanes[end.firstLane + end.laneCount - 1]
    let to = lane.first + (end.laneCount == 1 ? last.position : lane.count - 1)
    return Int32(from)...Int32(to)
  }

  /// Another unit, alone at the end.
  mutating func append() {
    if let last = sections.last, last.laneCount == 1 {
      let lane = lanes[last.firstLane]
      lanes[last.firstLane].count += 1
      places.append(Place(section: sections.count - 1, lane: 0, position: lane.count))
    } else {
      sections.append(Section(firstLane: lanes.count, laneCount: 1))
      places.append(Place(section: sections.count - 1, lane: 0, position: 0))
      lanes.append(Lane(first: places.count - 1, count: 1))
    }
  }
}

/// Rough nanoseconds.
struct UnitCost {
  /// On one thread.
  var alone: Double
  /// With all threads.
  var shared: Double
  /// It uses the threads in its own way.
  var isLoop = false

  /// What it costs to hand tasks to other threads and to wait for them.
  static let meeting = 2000.0

  init(_ alone: Double, tasks: Int, threads: Int) {
    self.alone = alone
    let workers = min(tasks, threads)
    shared = workers <= 1 ? alone : alone / Double(workers) * 1.1 + UnitCost.meeting
  }

  init(loop: Double, alone: Double) {
    (self.alone, shared, isLoop) = (alone, loop, true)
  }
}

extension Units {
  func cost(_ unit: Unit, _ shapes: [Int: TileShape], threads: Int) -> UnitCost {
    func cost(_ alone: Double, _ tasks: Int = 1) -> UnitCost {
      UnitCost(alone, tasks: tasks, threads: threads)
    }
    guard let first = unit.nodes.first else { return cost(0) }
    let node = lowered.nodes[first]
    let elements = (node.inputs + node.results).reduce(0.0) { $0 + Double(lowered.counts[$1]) }
    switch unit.kind {
    case .tile:
      guard let shape = shapes[first] else { return cost(0) }
      let work = unit.nodes.reduce(0) { $0 + lowered.nodes[$1].operation.weight }
      let ideal = Double(shape.geometry.count) * Double(min(work, 1 << 20)) * 0.15
      return cost(50 + ideal, shape.geometry.tasks)
    case .buffer:
      guard case .buffer(let kernel, _) = node.operation else { return cost(0) }
      if node.name == "matmul" || node.name.hasPrefix("convolution"), node.inputs.count == 2 {
        // The square root of (mk)(kn)(mn) is mkn, two operations each.
        let sizes = (node.inputs + node.results).map { Double(lowered.counts[$0]) }
        return cost(100 + (sizes[0] * sizes[1] * sizes[2]).squareRoot() / 25, kernel.tasks)
      }
      return cost(50 + elements * 0.5, kernel.tasks)
    case .copy, .reduce:
      let tasks = elements < Double(TileGeometry.leastPerTask) ? 1 : threads
      return cost(50 + elements * 0.3, tasks)
    case .fill, .copyOut: return cost(50 + elements * 0.05)
    case .loop:
      guard case .loop(let loop) = node.operation else { return cost(0) }
      let (body, count) = (loop.body, Double(loop.count))
      return UnitCost(loop: body.nanoseconds * count, alone: body.nanosecondsAlone * count)
    }
  }
}
