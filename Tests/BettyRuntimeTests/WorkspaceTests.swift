// Programs share the memory that they run in.

import BettyGraph
import Synchronization
import Testing

@testable import BettyRuntime

/// Sums of e^(x x), whose inner value lies in the arena: 4 · side² bytes.
private func program(side: Int) throws -> Program {
  var graph = Graph()
  let x = try graph.input([side, side])
  let flags: Attributes = ["transpose_a": .bool(false), "transpose_b": .bool(false)]
  let product = try graph.call(P.matmul, [x, x], flags)
  graph.outputs = [try graph.total(graph.call(P.exp, [product]), [0, 1])]
  return try Compiler.compile(graph, options: CompileOptions(threads: 1))
}

/// One after the other, so that the places are this suite's while it looks at them.
@Suite(.serialized) struct WorkspaceTests {
  @Test func programsThatRunInTurnShareTheLargestArena() throws {
    let sides = [200, 300, 400]
    let programs = try sides.map { try program(side: $0) }
    let inputs = try sides.map { try buffer([Double](repeating: 0, count: $0 * $0)) }
    let needed = programs.map(\.memoryBytes)
    #expect(zip(needed, sides).allSatisfy { $0 >= 4 * $1 * $1 })
    Workspace.releaseIdle()
    for _ in 0..<3 {
      for (index, program) in programs.enumerated() {
        let result = try program.run([inputs[index]])
        let count = Double(sides[index] * sides[index])
        #expect(try numbers(result[0], program.outputTypes[0]) == [count])
      }
    }
    let held = Counters.arenaBytes.load(ordering: .relaxed)
    // Other tests may run beside this one, with small arenas.
    #expect(held >= needed[2] && held < needed[2] + needed[1], "\(held) bytes")
  }

  @Test func whatRunsAtTheSameTimeHasMemoryOfItsOwn() throws {
    let first = try Workspace.lend(1000)
    let second = try Workspace.lend(5000)
    #expect(first != second && first.pointee.pointer != second.pointee.pointer)
    #expect(first.pointee.byteCount >= 1000 && second.pointee.byteCount >= 5000)
    Workspace.giveBack(second)
    Workspace.giveBack(first)
  }

  @Test func morePlacesThanAreKept() throws {
    let lent = try (0..<100).map { _ in try Workspace.lend(64) }
    #expect(Set(lent.map { $0.pointee.pointer }).count == 100)
    for place in lent { Workspace.giveBack(place) }
  }

  @Test func withoutMemoryThePlaceIsFreeAgain() throws {
    #expect(throws: BettyError.self) { try Workspace.lend(1 << 61) }
    let lent = try (0..<64).map { _ in try Workspace.lend(64) }
    for place in lent { Workspace.giveBack(place) }
    let place = try Workspace.lend(64)
    #expect(place.pointee.byteCount >= 64)
    Workspace.giveBack(place)
  }
}

/// A loop of products that updates its input in place is stopped before it begins to or not at all.
@Test func aLoopThatOverwritesItsInputIsNotStoppedHalfway() throws {
  let side = 1000
  var body = Graph()
  _ = body.addInput(TensorType(scalar: .i64))
  let carry = try body.input([side, side])
  let w = try body.input([side, side])
  let flags: Attributes = ["transpose_a": .bool(false), "transpose_b": .bool(false)]
  let moved = try (0..<4).reduce(carry) { value, _ in try body.call(P.matmul, [value, w], flags) }
  body.outputs = [try body.add(carry, moved)]
  var graph = Graph()
  let inputs = try (0..<2).map { _ in try graph.input([side, side]) }
  graph.outputs = [
    try graph.call(
      P.repeat, inputs, ["count": .int(4), "carries": .int(1), "body": .graph(body)])
  ]
  let options = CompileOptions(donations: [0: 0], threads: 1)
  let program = try Compiler.compile(graph, options: options)
  #expect(program.outputs == [.donated(0)])
  let ones = try buffer([Double](repeating: 1, count: side * side))
  let small = try buffer([Double](repeating: 1e-3, count: side * side))
  defer { Interruption.check = nil }
  Interruption.check = { true }
  let result = try? program.run([ones, small])
  Interruption.check = nil
  // The product with `small` leaves ones as they are: each round doubles the carry.
  let left = try numbers(ones, program.inputTypes[0])
  let end = result == nil ? 1.0 : 16.0
  #expect(left.allSatisfy { abs($0 - end) < 1e-3 }, "\(left[0]), \(result == nil)")
}
