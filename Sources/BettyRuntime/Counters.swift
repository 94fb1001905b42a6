// Exact counts of what the process has done, for tests and for users who wonder where time goes.
// Invariant: every event is counted once, by whoever does it; reading never disturbs a run.

import Synchronization

package enum Counters {
  package static let recordings = Atomic<Int>(0)
  package static let cacheHits = Atomic<Int>(0)
  package static let compilations = Atomic<Int>(0)
  /// Steps executed, those inside loops once per iteration.
  package static let kernelsLaunched = Atomic<Int>(0)
  package static let programRuns = Atomic<Int>(0)
  /// Buffers handed out by the allocator, whether their memory was fresh or cached.
  package static let allocations = Atomic<Int>(0)
  package static let bytesAllocated = Atomic<Int>(0)
  /// Bytes of the memory that programs share to run in.
  package static let arenaBytes = Atomic<Int>(0)

  @inline(__always)
  package static func add(_ counter: borrowing Atomic<Int>, _ amount: Int = 1) {
    counter.wrappingAdd(amount, ordering: .relaxed)
  }

  /// Name and value of each counter, in a fixed order.
  package static func snapshot() -> [(name: String, value: Int)] {
    [
      ("recordings", recordings.load(ordering: .relaxed)),
      ("cache_hits", cacheHits.load(ordering: .relaxed)),
      ("compilations", compilations.load(ordering: .relaxed)),
      ("kernels_launched", kernelsLaunched.load(ordering: .relaxed)),
      ("program_runs", programRuns.load(ordering: .relaxed)),
      ("allocations", allocations.load(ordering: .relaxed)),
      ("bytes_allocated", bytesAllocated.load(ordering: .relaxed)),
      ("arena_bytes", arenaBytes.load(ordering: .relaxed)),
    ]
  }
}
