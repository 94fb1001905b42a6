// The caching allocator: a fresh 64 MB block costs 30 ms in page faults, a reused one nothing, so
// freed blocks are kept by size class. Blocks are aligned to 64 bytes, from 2 MB up to huge pages.
// Invariant: every block in free list c has exactly `classBytes(c)` bytes; all state is under one
// lock, which a fork leaves free in the child.

import BettyGraph
import CBettySupport

package struct MemoryStats: Sendable {
  /// Bytes in buffers that exist, as asked for rounded to their size class.
  package var live = 0
  package var peak = 0
  /// Bytes in freed blocks kept for later.
  package var cached = 0
}

package enum Allocator {
  struct Block {
    let pointer: UnsafeMutableRawPointer
    let sizeClass: Int
  }

  private struct State {
    var heads = [UnsafeMutableRawPointer?](repeating: nil, count: classCount)
    var stats = MemoryStats()
  }
  // Touched only between lock() and unlock().
  nonisolated(unsafe) private static var state = State()

  private static func lock() { betty_support_lock(0) }
  private static func unlock() { betty_support_unlock(0) }

  // Classes: 64 bytes, then eight steps to each power of two (at most an eighth is wasted).
  private static let classCount = 8 * 58
  private static let largest = 1 << 60

  static func sizeClass(of bytes: Int) -> Int {
    let units = max((bytes &+ 63) >> 6, 1)  // of 64 bytes
    if units <= 8 { return units &- 1 }
    let power = Int.bitWidth &- 1 &- (units &- 1).leadingZeroBitCount  // 2^power <= units - 1
    let step = ((units &- 1) >> (power &- 3)) & 7
    return (power &- 3) &* 8 &+ step &+ 8
  }

  static func classBytes(_ sizeClass: Int) -> Int {
    if sizeClass < 8 { return (sizeClass &+ 1) << 6 }
    let power = (sizeClass &- 8) >> 3
    return (8 &+ ((sizeClass &- 8) & 7) &+ 1) << (power &+ 6)
  }

  static func allocate(_ bytes: Int) throws(BettyError) -> Block {
    guard bytes >= 0, bytes <= largest else { throw outOfMemory(bytes) }
    let sizeClass = sizeClass(of: bytes)
    let size = classBytes(sizeClass)
    lock()
    var block = state.heads[sizeClass]
    if let reused = block {
      state.heads[sizeClass] = reused.load(as: UnsafeMutableRawPointer?.self)
      state.stats.cached &-= size
      count(size)
    }
    // A workload that keeps changing its sizes must not hoard: beyond what is in use (or 256 MB)
    // the cache is emptied before the system is asked for more.
    let hoards = block == nil && state.stats.cached > max(state.stats.live, 256 << 20)
    unlock()
    if block == nil {
      if hoards { releaseCached() }
      block = betty_support_allocate(size)
      if block == nil {
        releaseCached()
        Workspace.releaseIdle()
        block = betty_support_allocate(size)
      }
      guard block != nil else { throw outOfMemory(bytes) }
      lock()
      count(size)
      unlock()
    }
    guard let block else { throw outOfMemory(bytes) }
    Counters.add(Counters.allocations)
    Counters.add(Counters.bytesAllocated, bytes)
    return Block(pointer: block, sizeClass: sizeClass)
  }

  /// Under the lock.
  private static func count(_ size: Int) {
    state.stats.live &+= size
    state.stats.peak = max(state.stats.peak, state.stats.live)
  }

  static func free(_ pointer: UnsafeMutableRawPointer, sizeClass: Int) {
    let size = classBytes(sizeClass)
    lock()
    pointer.storeBytes(of: state.heads[sizeClass], as: UnsafeMutableRawPointer?.self)
    state.heads[sizeClass] = pointer
    state.stats.cached &+= size
    state.stats.live &-= size
    unlock()
  }

  /// Gives a block back to the system.
  static func discard(_ block: Block) {
    lock()
    state.stats.live &-= classBytes(block.sizeClass)
    unlock()
    betty_support_free(block.pointer)
  }

  /// Gives every cached block back to the system.
  package static func releaseCached() {
    lock()
    let heads = state.heads
    state.heads = [UnsafeMutableRawPointer?](repeating: nil, count: classCount)
    state.stats.cached = 0
    unlock()
    for head in heads {
      var next = head
      while let block = next {
        next = block.load(as: UnsafeMutableRawPointer?.self)
        betty_support_free(block)
      }
    }
  }

  package static func memoryStats() -> MemoryStats {
    lock()
    defer { unlock() }
    return state.stats
  }

  /// Starts a new measurement of the peak.
  package static func resetPeak() {
    lock()
    state.stats.peak = state.stats.live
    unlock()
  }

  private static func outOfMemory(_ bytes: Int) -> BettyError {
    BettyError(.memory, "allocate: no memory for \(bytes) bytes")
  }
}
