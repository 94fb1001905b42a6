// The pool, the allocator and programs under several threads and after a fork.

import BettyGraph
import BettyKernelInterface
import CBettySupport
import Glibc
import Synchronization
import Testing

@testable import BettyRuntime

/// Swift's Glibc hides it.
@_silgen_name("fork") private func fork() -> pid_t

private func sumProgram(_ count: Int, threads: Int) throws -> Program {
  var graph = Graph()
  let x = try graph.input([count])
  graph.outputs = [
    try graph.total(graph.call(P.mul, [x, graph.number(2, [count])]), [0]),
    try graph.call(P.neg, [x]),
  ]
  return try Compiler.compile(graph, options: CompileOptions(threads: threads))
}

@Test func everyTaskRunsOnceWhoeverElseIsWorking() async {
  let done = UnsafeMutablePointer<Atomic<Int>>.allocate(capacity: 4)
  for caller in 0..<4 { (done + caller).initialize(to: Atomic(0)) }
  nonisolated(unsafe) let table = done
  await withTaskGroup(of: Void.self) { group in
    for caller in 0..<4 {
      group.addTask {
        for _ in 0..<200 {
          ThreadPool.shared.run(37, limit: 2, context: UnsafeMutableRawPointer(table + caller)) {
            context, task, _ in
            context.assumingMemoryBound(to: Atomic<Int>.self).pointee
              .wrappingAdd(task + 1, ordering: .relaxed)
          }
        }
      }
    }
  }
  for caller in 0..<4 {
    #expect((done + caller).pointee.load(ordering: .relaxed) == 200 * 37 * 38 / 2)
  }
  done.deallocate()
}

@Test func manyThreadsRunOneProgram() async throws {
  let count = 200_000
  let program = try sumProgram(count, threads: 2)
  #expect(program.steps[0].tasks > 1)
  try await withThrowingTaskGroup(of: [Double].self) { group in
    for caller in 0..<4 {
      group.addTask {
        var sums: [Double] = []
        let x = try buffer([Double](repeating: Double(caller + 1), count: count))
        for _ in 0..<5 {
          let results = try program.run([x])
          sums.append(try numbers(results[0], program.outputTypes[0])[0] / Double(caller + 1))
        }
        return sums
      }
    }
    for try await sums in group { #expect(sums == [Double](repeating: 400_000, count: 5)) }
  }
}

@Test func childOfAForkComputes() throws {
  let count = 200_000
  let program = try sumProgram(count, threads: 2)
  let x = try buffer([Double](repeating: 1, count: count))
  let before = try numbers(program.run([x])[0], program.outputTypes[0])
  let child = fork()
  if child == 0 {
    var status: Int32 = 1
    if let results = try? program.run([x]), program.outputTypes[0].byteCount == 4,
      results[0].pointer.load(as: Float.self) == Float(before[0])
    {
      status = 0
    }
    _exit(status)
  }
  #expect(succeeds(child), "the child hung or failed")
}

/// Whether the process ends well within ten seconds.
private func succeeds(_ child: pid_t) -> Bool {
  var status: Int32 = -1
  var waited: pid_t = 0
  for _ in 0..<1000 where waited == 0 {
    waited = waitpid(child, &status, WNOHANG)
    if waited == 0 { usleep(10_000) }
  }
  if waited == 0 { kill(child, SIGKILL) }
  return waited == child && status == 0
}

/// A fork takes the locks in the order of those who allocate while they record.
@Test func aForkWaitsForTheRecordingFirst() throws {
  let child = fork()
  if child == 0 {
    Lock.held {
      let failed = betty_support_spawn(
        { _ in
          if fork() == 0 { _exit(0) }
          return nil
        }, nil)
      usleep(100_000)  // the fork is waiting by now
      if failed != 0 || (try? Buffer(byteCount: 64)) == nil { _exit(1) }
    }
    _exit(0)
  }
  #expect(succeeds(child), "the fork held memory while it waited")
}

@Test func threadsAreChecked() throws {
  #expect(throws: BettyError.self) { try ThreadPool.shared.setThreads(0) }
  #expect(throws: BettyError.self) { try ThreadPool.shared.setThreads(100_000) }
}

// MARK: Allocator

@Test func sizeClassesCover() {
  for bytes in [0, 1, 64, 65, 512, 513, 1000, 4096, 5000, 1 << 20, (1 << 21) + 1, 123_456_789] {
    let sizeClass = Allocator.sizeClass(of: bytes)
    let size = Allocator.classBytes(sizeClass)
    #expect(size >= bytes && size % 64 == 0)
    #expect(size <= max(bytes + bytes / 8 + 64, 64))
    if sizeClass > 0 { #expect(Allocator.classBytes(sizeClass - 1) < max(bytes, 64)) }
  }
}

@Test func memoryThatIsNotThereIsAnError() {
  for bytes in [Int.max, 1 << 50, -1] {
    let error = #expect(throws: BettyError.self) { _ = try Buffer(byteCount: bytes) }
    #expect(error?.kind == .memory)
    #expect(error?.message.contains("\(bytes)") == true)
  }
}

@Test func externalMemoryIsReleasedOnce() throws {
  let memory = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 64)
  nonisolated(unsafe) let released = UnsafeMutablePointer<Int>.allocate(capacity: 1)
  released.initialize(to: 0)
  var holder: Buffer? = Buffer(external: memory, byteCount: 64) { pointer in
    released.pointee += 1
    pointer.deallocate()
  }
  #expect(holder?.isOwned == false)
  holder = nil
  #expect(released.pointee == 1)
  released.deallocate()
}
