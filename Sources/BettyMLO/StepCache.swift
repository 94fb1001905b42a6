// The compiled steps of a problem or an optimizer, by the structure of what was recorded. A loop repeats one
// or two, or a round of some hundred: batches or sequences of many lengths. Invariant: the step of last time
// is found without hashing.

import BettyRuntime

/// What a step does at its end, as far as programs differ by it.
enum StepKind: Hashable {
  /// Updates by an optimizer, whose structure has this revision.
  case update(revision: Int32)
  /// Adds gradients to those that are there, of one of so many micro-steps.
  case gradients(accumulation: Int)
  /// Gives gradients and changes nothing.
  case question(accumulation: Int)
}

struct StepCache: CustomStringConvertible {
  struct Entry {
    let keys: [StructureKey]
    let kind: StepKind
    let threads = ThreadPool.shared.threads
    /// Of the first recording.
    let graph: RecordedGraph
    let program: StepProgram
    /// The same without the loss, made when the problem replays.
    let replay: StepProgram?
    /// Positions of the parameters that have a gradient.
    let present: [Int]
    /// Positions in the optimizer of the parameters it updates.
    let stepped: [Int]
    var check = FiniteCheck(onNan: .ignore, isScaled: false)

    fileprivate var key: Key { Key(keys: keys, kind: kind, threads: threads) }
  }

  fileprivate struct Key: Hashable {
    let keys: [StructureKey]
    let kind: StepKind
    let threads: Int
  }

  private struct Slot {
    let entry: Entry
    let number: Int
    var uses = 1
    /// When it was found last.
    var time: Int
  }

  private var slots: [Key: Slot] = [:]
  private var last: Entry?
  private var time = 0
  private var made = 0
  private static let limit = 1024

  mutating func find(_ keys: [StructureKey], _ kind: StepKind) -> Entry? {
    let threads = ThreadPool.shared.threads
    if let last, last.kind == kind, last.threads == threads, last.keys == keys {
      return last
    }
    time += 1
    let key = Key(keys: keys, kind: kind, threads: threads)
    guard let place = slots.index(forKey: key) else { return nil }
    slots.values[place].uses += 1
    slots.values[place].time = time
    last = slots.values[place].entry
    return last
  }

  mutating func insert(_ entry: Entry) {
    if slots.count >= Self.limit { forgetOlderHalf() }
    time += 1
    made += 1
    slots[entry.key] = Slot(entry: entry, number: made, time: time)
    last = entry
  }

  private mutating func forgetOlderHalf() {
    let times = slots.values.map(\.time).sorted()
    let middle = times[times.count / 2]
    slots = slots.filter { $0.value.time > middle }
  }

  /// The program of the last step.
  var latest: StepProgram? { last?.program }

  /// Of each structure the recorded loss, its step and what replays it, the most used ones first.
  var description: String {
    let ordered = slots.values.sorted { ($1.uses, $0.number) < ($0.uses, $1.number) }
    return ordered.enumerated().map { index, slot in
      var parts = ["structure \(index)", "recording: \(slot.entry.graph.value)"]
      parts.append("\(slot.entry.program)")
      if let replay = slot.entry.replay { parts.append("replayed as \(replay)") }
      return parts.joined(separator: "\n")
    }.joined(separator: "\n")
  }
}
