// The one pool of worker threads. A job is a number of tasks; each thread has an equal run of
// them, the same for every job of as many tasks, so that what one step wrote is in the cache of the
// thread that reads it in the next; who is done takes from the others' runs. The caller works too
// and waits only for workers that have begun, so a parked worker that wakes late costs nothing.
// When the pool is busy with another caller's job, the caller does its tasks alone. Workers spin a
// while after a job and then sleep. After a fork the child has no workers: it notices and starts
// its own.
// Invariant: `gate` is 2 * epoch + (1 when held), the epoch is the fork count, and only the holder
// touches `team`; a worker runs tasks of a job only between adding itself to `active` and leaving
// it, and the job's memory stays until `active` is zero again.

import BettyGraph
import CBettySupport
import Glibc
import Synchronization

package final class ThreadPool: @unchecked Sendable {
  /// (context, task, worker): worker is below the limit given, 0 is the caller.
  package typealias Body =
    @convention(c) (_ context: UnsafeMutableRawPointer, _ task: Int, _ worker: Int) -> Void

  package static let shared = ThreadPool()

  private let gate = Atomic<UInt64>(0)
  private let target: Atomic<Int>
  private var team: Team?

  private init() {
    var count = Int(betty_support_core_count())
    if let text = getenv("BETTY_NUM_THREADS") {
      if let wanted = Int(String(cString: text)), wanted > 0 {
        count = wanted
      } else {
        betty_support_setting_ignored("BETTY_NUM_THREADS", text, "a positive number")
      }
    }
    target = Atomic(min(count, ThreadPool.maximum))
  }

  package static let maximum = 256

  /// Threads that may work on one job, the caller included.
  package var threads: Int { target.load(ordering: .relaxed) }

  package func setThreads(_ count: Int) throws(BettyError) {
    guard count >= 1, count <= ThreadPool.maximum else {
      throw .runtime("set_num_threads: need 1 to \(ThreadPool.maximum) threads, got \(count)")
    }
    target.store(count, ordering: .relaxed)  // the next job replaces the team
  }

  /// Runs tasks 0..<count on at most `limit` threads; returns when all are done.
  package func run(
    _ count: Int, limit: Int, context: UnsafeMutableRawPointer, body: @escaping Body
  ) {
    if count > 1, limit > 1, threads > 1, acquire() {
      if let team = readyTeam() {
        team.run(Job(body: body, context: context, count: count, limit: min(limit, team.size)))
        release()
        return
      }
      release()
    }
    var task = 0
    while task < count {
      body(context, task, 0)
      task &+= 1
    }
  }

  private func acquire() -> Bool {
    let epoch = UInt64(betty_support_fork_count())
    let seen = gate.load(ordering: .relaxed)
    if seen == epoch &* 2 {
      return gate.compareExchange(
        expected: seen, desired: seen | 1, ordering: .acquiring
      ).exchanged
    }
    if seen >> 1 == epoch { return false }
    // First job after a fork: the workers, and whoever held the gate, are in the parent.
    let taken = gate.compareExchange(
      expected: seen, desired: epoch &* 2 | 1, ordering: .acquiring
    ).exchanged
    if taken, let stale = team {
      _ = Unmanaged.passRetained(stale)  // never freed: its memory may be in any state
      team = nil
    }
    return taken
  }

  private func release() {
    gate.store(gate.load(ordering: .relaxed) & ~1, ordering: .releasing)
  }

  private func readyTeam() -> Team? {
    let wanted = threads
    if let team, team.size == wanted { return team }
    team?.stop()
    let fresh = Team(size: wanted)
    team = fresh.start() ? fresh : nil
    return team
  }
}

private struct Job {
  let body: ThreadPool.Body
  let context: UnsafeMutableRawPointer
  let count: Int
  let limit: Int

  /// The tasks that a thread begins with.
  func run(of thread: Int) -> Range<Int> {
    count &* thread / limit..<count &* (thread &+ 1) / limit
  }
}

/// A fixed set of workers and the job they share.
private final class Team: @unchecked Sendable {
  let size: Int

  /// Lives as long as any worker may look at it; its address is what they sleep on.
  private struct Board: ~Copyable {
    /// Odd while a job is open; workers sleep on its value.
    let generation = Atomic<UInt32>(0)
    let active = Atomic<Int>(0)
    let sleepers = Atomic<Int>(0)
    let stopped = Atomic<Bool>(false)
  }
  private let board: UnsafeMutablePointer<Board>
  /// The next task of each thread's run, `stride` apart: a line of the cache each.
  private let next: UnsafeMutablePointer<Atomic<Int>>
  private static let stride = 8
  private var job: Job?
  /// Pauses before a worker sleeps, 100 to 500 microseconds: the Python between two evaluations of a
  /// step is shorter, and to wake a thread takes longer than most steps.
  private static let spins = 10_000

  init(size: Int) {
    self.size = size
    board = .allocate(capacity: 1)
    board.initialize(to: Board())
    next = .allocate(capacity: size &* Team.stride)
    for index in 0..<size &* Team.stride { (next + index).initialize(to: Atomic(0)) }
  }

  deinit {
    next.deinitialize(count: size &* Team.stride)
    next.deallocate()
    board.deinitialize(count: 1)
    board.deallocate()
  }

  /// What a new thread is told.
  private final class Introduction {
    let team: Team
    let worker: Int
    init(team: Team, worker: Int) {
      self.team = team
      self.worker = worker
    }
  }

  /// False when not one thread could be started.
  func start() -> Bool {
    var started = 0
    for worker in 1..<max(size, 2) {
      let introduction = Unmanaged.passRetained(Introduction(team: self, worker: worker))
      let failed = betty_support_spawn(
        { context in
          guard let context else { return nil }
          let introduction = Unmanaged<Introduction>.fromOpaque(context).takeRetainedValue()
          introduction.team.work(as: introduction.worker)
          return nil
        }, introduction.toOpaque())
      if failed != 0 {
        introduction.release()
        break
      }
      started += 1
    }
    return started > 0
  }

  func stop() {
    board.pointee.stopped.store(true, ordering: .releasing)
    board.pointee.generation.wrappingAdd(2, ordering: .sequentiallyConsistent)
    betty_support_futex_wake(board, Int32.max)
  }

  func run(_ job: Job) {
    self.job = job
    for thread in 0..<job.limit {
      next[thread &* Team.stride].store(job.run(of: thread).lowerBound, ordering: .relaxed)
    }
    board.pointee.generation.wrappingAdd(1, ordering: .sequentiallyConsistent)  // open
    if board.pointee.sleepers.load(ordering: .sequentiallyConsistent) > 0 {
      betty_support_futex_wake(board, Int32(min(job.count, job.limit) &- 1))
    }
    drain(job, worker: 0)
    board.pointee.generation.wrappingAdd(1, ordering: .sequentiallyConsistent)  // close
    var spin = 0
    while board.pointee.active.load(ordering: .sequentiallyConsistent) != 0 {
      // On a crowded machine the worker may be waiting for this very processor.
      if spin < Team.spins {
        spin &+= 1
        betty_support_pause()
      } else {
        sched_yield()
      }
    }
  }

  private func drain(_ job: Job, worker: Int) {
    var owner = worker
    for _ in 0..<job.limit {
      let end = job.run(of: owner).upperBound
      while true {
        let task = next[owner &* Team.stride].wrappingAdd(1, ordering: .acquiringAndReleasing)
        if task.oldValue >= end { break }
        job.body(job.context, task.oldValue, worker)
      }
      owner = owner &+ 1 == job.limit ? 0 : owner &+ 1
    }
  }

  private func work(as worker: Int) {
    var seen: UInt32 = 0
    while true {
      waitForChange(from: seen)
      // Enter, then look again whether the job is still open: the caller closes, then waits.
      board.pointee.active.wrappingAdd(1, ordering: .sequentiallyConsistent)
      seen = board.pointee.generation.load(ordering: .sequentiallyConsistent)
      // Asked after the generation is read: a team that stops changes it only once.
      if board.pointee.stopped.load(ordering: .acquiring) { return }
      if seen & 1 == 1, let job, worker < job.limit { drain(job, worker: worker) }
      board.pointee.active.wrappingSubtract(1, ordering: .sequentiallyConsistent)
    }
  }

  private func waitForChange(from seen: UInt32) {
    var spin = 0
    while board.pointee.generation.load(ordering: .acquiring) == seen {
      if spin < Team.spins {
        spin &+= 1
        betty_support_pause()
        continue
      }
      board.pointee.sleepers.wrappingAdd(1, ordering: .sequentiallyConsistent)
      betty_support_futex_wait(board, seen)
      board.pointee.sleepers.wrappingSubtract(1, ordering: .sequentiallyConsistent)
    }
  }
}
