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

  /// A class, so that the step of last time is counted where it is.
  private final class Slot {
    let entry: Entry
    let number: Int
    var uses = 0
    /// When it was found last.
    var time = 0

    init(_ entry: Entry, number: Int) { (self.entry, self.number) = (entry, number) }
  }

  private var slots: [Key: Slot] = [:]
  private var last: Slot?
  private var time = 0
  private var made = 0
  private static let limit = 1024

  mutating func find(_ keys: [StructureKey], _ kind: StepKind) -> Entry? {
    let threads = ThreadPool.shared.threads
    if let last, last.entry.kind == kind, last.entry.threads == threads, last.entry.keys == keys {
      return taken(last)
    }
    return slots[Key(keys: keys, kind: kind, threads: threads)].map { taken($0) }
  }

  private mutating func taken(_ slot: Slot) -> Entry {
    time += 1
    slot.uses += 1
    slot.time = time
    last = slot
    return slot.entry
  }

  mutating func insert(_ entry: Entry) {
    if slots.count >= Self.limit { forgetOlderHalf() }
    made += 1
    let slot = Slot(entry, number: made)
    slots[entry.key] = slot
    _ = taken(slot)
  }

  private mutating func forgetOlderHalf() {
    let times = slots.values.map(\.time).sorted()
    let middle = times[times.count / 2]
    slots = slots.filter { $0.value.time > middle }
  }

  /// The program of the last step.
  var latest: StepProgram? { last?.entry.program }

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
