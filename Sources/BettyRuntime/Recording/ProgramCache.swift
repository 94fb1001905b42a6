// Compiled recordings by structure and by the number of threads they were planned for. Invariants: used
// under the lock; bounded, what was used least recently goes first; a hit compares every word.

import BettyGraph
import BettyKernelInterface

/// A recording's program under its words.
final class CachedProgram: @unchecked Sendable {
  let words: [Int32]
  let program: Program
  fileprivate var lastUse: UInt64 = 0
  fileprivate var next: CachedProgram?

  init(words: [Int32], program: Program) {
    self.words = words
    self.program = program
  }
}

enum ProgramCache {
  static let limit = 4096
  nonisolated(unsafe) private static var entries: [UInt64: CachedProgram] = [:]
  nonisolated(unsafe) private static var count = 0
  nonisolated(unsafe) private static var clock: UInt64 = 0

  @inline(__always)
  static func find(_ hash: UInt64, _ words: UnsafeBufferPointer<Int32>) -> CachedProgram? {
    var candidate = entries[hash]
    let threads = ThreadPool.shared.threads
    while let entry = candidate {
      if entry.words.count == words.count, entry.program.threads == threads,
        entry.words.withUnsafeBufferPointer({ $0.elementsEqual(words) })
      {
        clock &+= 1
        entry.lastUse = clock
        return entry
      }
      candidate = entry.next
    }
    return nil
  }

  static func insert(_ hash: UInt64, _ entry: CachedProgram) {
    if count >= limit { forgetOldest() }
    clock &+= 1
    entry.lastUse = clock
    entry.next = entries[hash]
    entries[hash] = entry
    count += 1
  }

  /// Drops the quarter that was not used for longest.
  private static func forgetOldest() {
    let uses = entries.values.map(\.lastUse).sorted()
    let oldest = uses[uses.count / 4]
    entries = entries.filter { $0.value.lastUse > oldest }
    count = entries.count
    for entry in entries.values { entry.next = nil }
  }
}
