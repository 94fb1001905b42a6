// Recording and evaluation: counts, keys, numbers, what is kept and what is not.

import BettyGraph
import BettyKernelInterface
import Testing

@testable import BettyRuntime

/// Calls by name, for tests.
func call(_ name: String, _ operands: Tensor..., attributes: Attributes = [:]) throws -> Tensor {
  try Recording.call(name, operands, attributes)[0]
}

/// What the counters say that `body` did.
struct Work: Equatable {
  var recordings = 0
  var compilations = 0
  var runs = 0
  var hits = 0

  static func now() -> Work {
    Work(
      recordings: Counters.recordings.load(ordering: .relaxed),
      compilations: Counters.compilations.load(ordering: .relaxed),
      runs: Counters.programRuns.load(ordering: .relaxed),
      hits: Counters.cacheHits.load(ordering: .relaxed))
  }

  static func of(_ body: () throws -> Void) rethrows -> Work {
    let before = now()
    try body()
    let after = now()
    return Work(
      recordings: after.recordings - before.recordings,
      compilations: after.compilations - before.compilations, runs: after.runs - before.runs,
      hits: after.hits - before.hits)
  }
}

/// Everything that reads the process-wide counters runs one after the other.
@Suite(.serialized)
struct RecordingSuite {
  @Suite(.serialized)
  struct Counting {
    @Test func nothingRunsUntilItIsRead() throws {
      let a = try Tensor.floats([1, 2, 3])
      let work = try Work.of { () throws in
        let b = try call("add", a, a)
        _ = try call("mul", b, b)
      }
      #expect(work == Work(recordings: 2))
    }

    @Test func aStructureIsCompiledOnce() throws {
      func step(_ values: [Float]) throws -> [Double] {
        let x = try Tensor.floats(values)
        let y = try call("mul", call("add", x, x), x)
        return try call("sub", y, x).doubles()
      }
      #expect(try step([1, 2, 7]) == [1, 6, 91])
      let work = try Work.of { () throws in
        for shift in 0..<5 {
          let x = Float(shift)
          #expect(try step([x, 2, 3])[0] == Double(2 * x * x - x))
        }
      }
      #expect(work == Work(recordings: 15, compilations: 0, runs: 5, hits: 5))
    }

    @Test func anAnnealedNumberNeverCompilesAgain() throws {
      let x = try Tensor.floats([1, 2, 3, 4, 5])
      func step(_ coefficient: Double, _ power: Int) throws -> [Double] {
        let scaled = try call("mul", x, .number(coefficient))
        return try call("add", scaled, .number(power)).doubles()
      }
      _ = try step(0.5, 1)
      let work = try Work.of { () throws in
        for epoch in 1...10 {
          let values = try step(1 / Double(epoch), epoch)
          #expect(abs(values[1] - (2 / Double(epoch) + Double(epoch))) < 1e-6)
        }
      }
      #expect(work.compilations == 0)
      #expect(work.runs == 10)
    }

    @Test func differentStructuresDoNotShare() throws {
      let a = try Tensor.floats([1, 2])
      let b = try Tensor.floats([10, 20])
      // a - b and b - a differ only in where the leaves go.
      let first = try call("sub", a, b)
      let second = try call("sub", b, a)
      let both = try call("add", first, call("mul", second, .number(2.0)))
      #expect(try both.doubles() == [9, 18])
      let same = try call("add", call("sub", a, b), call("mul", call("sub", a, b), .number(2.0)))
      #expect(try same.doubles() == [-27, -54])
    }

    @Test func oneProgramForSeveralOutputs() throws {
      let x = try Tensor.floats([4, 9])
      let root = try call("sqrt", x)
      let twice = try call("add", root, root)
      let work = try Work.of { try Recording.evaluate([twice, root]) }
      #expect(work.runs == 1)
      let again = try Work.of { () throws in
        #expect(try root.doubles() == [2, 3])
        #expect(try twice.doubles() == [4, 6])
      }
      #expect(again.runs == 0)
    }

    @Test func whatAHandleIsOnIsKept() throws {
      let x = try Tensor.floats([1, 4])
      let held = try call("sqrt", x)
      held.retainHandle()
      // A value that only the result is made of, and one that somebody keeps without a handle.
      weak var free: Tensor?
      func squared() throws -> Tensor {
        let sum = try call("add", held, x)
        free = sum
        return try call("mul", sum, sum)
      }
      let (result, kept) = (try squared(), try call("exp", held))
      let before = Counters.allocations.load(ordering: .relaxed)
      try Recording.evaluate([result, try call("neg", kept)])
      // The three that are asked for or held, and the kept one; what only led there is gone.
      #expect(Counters.allocations.load(ordering: .relaxed) - before == 4)
      #expect(held.isComputed && kept.isComputed)
      #expect(free == nil)
      let work = try Work.of { () throws in #expect(try held.doubles() == [1, 2]) }
      #expect(work.runs == 0)
    }

    @Test func aSecondResultIsNotComputedAgain() throws {
      let x = try Tensor.floats([3, 1, 2], [3])
      let results = try Recording.call("max", [x], ["dim": .int(0)])
      try #require(results.count == 2)
      for result in results { result.retainHandle() }
      let work = try Work.of { () throws in
        #expect(try results[0].doubles() == [3])
        #expect(try results[1].doubles() == [0])
      }
      #expect(work.runs == 1)
    }
  }

  @Suite(.serialized)
  struct Memory {
    @Test func computedNodesDropWhatLedToThem() throws {
      weak var leaf: Tensor?
      weak var middle: Tensor?
      let result: Tensor
      do {
        let x = try Tensor.floats([1, 2, 3])
        leaf = x
        let y = try call("add", x, x)
        middle = y
        result = try call("exp", y)
      }
      #expect(leaf != nil)
      try Recording.evaluate([result])
      #expect(leaf == nil)
      #expect(middle == nil)
    }

    @Test func memoryIsGivenBackByItsOwnCallback() throws {
      nonisolated(unsafe) var released = 0
      let memory = UnsafeMutableRawPointer.allocate(byteCount: 8, alignment: 8)
      memory.storeBytes(of: 2.5, as: Double.self)
      do {
        let buffer = Buffer(external: memory, byteCount: 8) { _ in
          released += 1
          // What a callback may do: record and evaluate.
          _ = try? call("add", .floats([1]), .floats([2])).doubles()
        }
        let x = Tensor(buffer, try TensorType(.f64, []))
        #expect(try call("mul", x, x).item() == .double(6.25))
        #expect(released == 0)
      }
      #expect(released == 1)
      memory.deallocate()
    }

    #if DEBUG
      let nodes = 200_000  // the same ten evaluations, without a minute of unoptimised recording
    #else
      let nodes = 1_000_000
    #endif

    @Test func aMillionNodesDeep() throws {
      var x = try Tensor.floats([0, 1])
      let one = Tensor.number(1.0)
      for _ in 0..<nodes { x = try call("add", x, one) }
      #expect(try x.doubles() == [Double(nodes), Double(nodes) + 1])
    }

    @Test func aMillionNodesAreReleasedWithoutBeingRead() throws {
      weak var first: Tensor?
      do {
        var x = try Tensor.floats([0, 1])
        first = x
        try x.setRequiresGrad(true)  // histories are kept, however long
        for _ in 0..<200_000 { x = try call("neg", x) }
      }
      #expect(first == nil)
    }
  }

  @Suite(.serialized)
  struct Failing {
    @Test func anErrorLeavesEverythingAsItWas() throws {
      let x = try Tensor.floats([1, 2, 3])
      let good = try call("add", x, x)
      good.retainHandle()
      let indices = try Tensor.ints([0, 7])
      let bad = try call("index_select", good, indices, attributes: ["dim": .int(0)])
      #expect(throws: BettyError.self) { try bad.doubles() }
      #expect(throws: BettyError.self) { try bad.doubles() }
      #expect(try good.doubles() == [2, 4, 6])
      try indices.update(to: .ints([2, 0]), "copy_")
      #expect(throws: BettyError.self) { try bad.doubles() }  // recorded with the old indices
      let anew = try call("index_select", good, indices, attributes: ["dim": .int(0)])
      #expect(try anew.doubles() == [6, 2])
    }

    @Test func callsAreChecked() throws {
      let x = try Tensor.floats([1, 2, 3])
      let y = try Tensor.floats([1, 2])
      #expect(throws: BettyError.self) { try call("add", x, y) }
      #expect(throws: BettyError.self) { try call("no_such_operation", x) }
      #expect(throws: BettyError.self) { try call("add", x) }
      #expect(throws: BettyError.self) { try x.item() }
      #expect(throws: BettyError.self) { try Tensor.floats([1, 2], [3]) }
    }
  }

  @Suite(.serialized)
  struct Threading {
    @Test func manyThreadsAtOnce() async throws {
      let shared = try Tensor.floats((0..<100).map(Float.init))
      let results = await withTaskGroup(of: Bool.self) { group in
        for worker in 0..<8 {
          group.addTask {
            for round in 0..<200 {
              let number = Tensor.number(Double(worker * round))
              guard let scaled = try? call("mul", shared, number),
                let sum = try? call("sum", call("add", scaled, shared)),
                let value = try? sum.item().asDouble
              else { return false }
              let expected = 4950 * Double(worker * round + 1)
              if abs(value - expected) > 1e-5 * expected { return false }
            }
            return true
          }
        }
        return await group.reduce(into: []) { $0.append($1) }
      }
      #expect(results == [Bool](repeating: true, count: 8))
    }

    @Test func oneHandleChangedAndReadByMany() async throws {
      let handle = try Tensor.parameter(.floats([1, 1, 1, 1]), requiresGrad: false)
      await withTaskGroup(of: Void.self) { group in
        for worker in 0..<4 {
          group.addTask {
            for _ in 0..<200 {
              if worker % 2 == 0 {
                guard let next = try? call("add", handle, .number(1.0)) else { return }
                try? handle.update(to: next, "add_")
              } else {
                _ = try? call("sum", handle).item()
              }
            }
          }
        }
      }
      let values = try handle.doubles()
      #expect(values[0] >= 201 && values[0] <= 401)
      #expect(values == [Double](repeating: values[0], count: 4))
    }
  }

  @Suite(.serialized)
  struct Randomness {
    @Test func keysFollowTheSeed() throws {
      RandomKeys.manualSeed(3)
      let first = try (0..<2).map { _ in try RandomKeys.next().doubles() }
      let state = RandomKeys.state
      let third = try RandomKeys.next().doubles()
      #expect(first == [[3, 0], [3, 1]])
      RandomKeys.restore(seed: state.seed, position: state.position)
      #expect(try RandomKeys.next().doubles() == third)
    }

    @Test func aThreadMayDrawApart() throws {
      RandomKeys.manualSeed(3)
      RandomKeys.drawApart(true)
      defer { RandomKeys.drawApart(false) }
      RandomKeys.restore(seed: 7, position: 2)
      #expect(try RandomKeys.next().doubles() == [7, 2])
      RandomKeys.drawApart(false)
      #expect(try RandomKeys.next().doubles() == [3, 0])
    }
  }
}
