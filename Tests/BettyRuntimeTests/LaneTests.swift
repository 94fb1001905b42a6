// Lanes: what shares nothing runs side by side and meets once; memory of lanes of one section is apart;
// the results are those of one thread.

import BettyGraph
import BettyKernelInterface
import Testing

@testable import BettyRuntime

private let flags: Attributes = ["transpose_a": .bool(false), "transpose_b": .bool(false)]

/// Layers of a product and tanh.
private func layers(_ graph: inout Graph, _ x: Value, _ weights: [Value]) throws -> Value {
  try weights.reduce(x) { try graph.call(P.tanh, [graph.call(P.matmul, [$0, $1], flags)]) }
}

/// Passes through shared layers whose weights are made first; their results are added.
private func passes(_ count: Int, of depth: Int, size: Int = 64) throws -> Graph {
  var graph = Graph()
  let weights = try (0..<depth).map { _ in
    try graph.call(P.exp, [try graph.input([size, size])])
  }
  var total: Value?
  for _ in 0..<count {
    let end = try layers(&graph, try graph.input([size, size]), weights)
    total = try total.map { try graph.call(P.add, [$0, end]) } ?? end
  }
  graph.outputs = total.map { [$0] } ?? []
  return graph
}

private func compile(_ graph: Graph, threads: Int) throws -> Program {
  try Compiler.compile(graph, options: CompileOptions(threads: threads))
}

private func expectSame(_ graph: Graph, seed: Int, _ threads: [Int], runs: Int = 4) throws {
  var generator = Generator(seed)
  let inputs = graph.inputs.map {
    random(graph.type(of: $0).count, &generator, in: -0.2...0.2)
  }
  let expected = try run(try compile(graph, threads: 1), inputs)
  for threads in threads {
    let program = try compile(graph, threads: threads)
    for _ in 0..<runs { #expect(try run(program, inputs) == expected) }
  }
}

@Test func passesMeetOnce() throws {
  let program = try compile(try passes(2, of: 6), threads: 2)
  let lanes = program.sections.map(\.laneCount)
  // The weights in two lanes, the passes, the sum with the last tanh of each.
  #expect(lanes == [2, 2, 1], "\(program.listing)")
  #expect(program.lanes.map(\.count) == [3, 3, 11, 11, 1])
  try expectSame(try passes(2, of: 6), seed: 1, [2, 3])
}

@Test func morePassesThanThreadsShareThem() throws {
  let program = try compile(try passes(5, of: 3), threads: 3)
  #expect(program.sections.map(\.laneCount).max() == 3, "\(program.listing)")
  try expectSame(try passes(5, of: 3), seed: 2, [2, 3, 4, 8])
}

@Test func aChainStaysInOneLane() throws {
  let graph = try passes(1, of: 4)
  let program = try compile(graph, threads: 2)
  #expect(program.sections.last?.laneCount == 1, "\(program.listing)")
}

@Test func passesAfterWhatJoinsThemAreFoundToo() throws {
  // Two passes, a product of both, two passes from there.
  var graph = Graph()
  let w = try graph.input([64, 64])
  let first = try (0..<2).map { _ in
    try layers(&graph, try graph.input([64, 64]), [w, w, w])
  }
  let middle = try graph.call(P.matmul, first, flags)
  let second = try (0..<2).map { _ in
    try layers(&graph, try graph.call(P.mul, [middle, try graph.input([64, 64])]), [w, w, w])
  }
  graph.outputs = [try graph.call(P.sub, second)]
  let program = try compile(graph, threads: 2)
  #expect(program.sections.map(\.laneCount) == [2, 1, 2, 1], "\(program.listing)")
  try expectSame(graph, seed: 3, [2, 4])
}

@Test func loopsAreNoPartOfALane() throws {
  var body = Graph()
  _ = body.addInput(TensorType(scalar: .i64))
  let carry = try body.input([64, 64])
  body.outputs = [try body.call(P.tanh, [body.call(P.matmul, [carry, carry], flags)])]
  var graph = Graph()
  let ends = try (0..<2).map { _ -> Value in
    let x = try layers(&graph, try graph.input([64, 64]), [try graph.input([64, 64])])
    return try graph.call(
      P.repeat, [x], ["count": .int(3), "carries": .int(1), "body": .graph(body)])
  }
  graph.outputs = [try graph.call(P.add, ends)]
  let program = try compile(graph, threads: 2)
  for section in program.sections where section.laneCount > 1 {
    let own = program.lanes[section.firstLane..<section.firstLane + section.laneCount]
    let steps = own.flatMap { program.steps[$0.first..<$0.first + $0.count] }
    #expect(!steps.contains { $0.kind == .loop }, "\(program.listing)")
  }
  try expectSame(graph, seed: 4, [2])
}

@Test func updatesInLanesAreMadeInPlaceAfterTheirChecks() throws {
  // Rows of two tables by index, and both tables updated by their sums.
  var graph = Graph()
  let tables = try (0..<2).map { _ in try graph.input([200, 64]) }
  let indices = try graph.input([64], .i64)
  let w = try graph.input([64, 64])
  graph.outputs = try tables.map { table in
    let rows = try graph.call(P.take, [table, indices], ["axis": .int(0)])
    let total = try graph.total(try layers(&graph, rows, [w, w]), [0, 1])
    return try graph.call(P.add, [table, try graph.spread(total, [200, 64], [])])
  }
  let options = CompileOptions(donations: [0: 0, 1: 1], threads: 2)
  let program = try Compiler.compile(graph, options: options)
  #expect(program.outputs == [.donated(0), .donated(1)])
  #expect(program.sections.contains { $0.laneCount == 2 }, "\(program.listing)")
  let values = [Double](repeating: 0.5, count: 200 * 64)
  let data = try (0..<2).map { _ in try buffer(values) }
  var bad = [Double](repeating: 3, count: 64)
  bad[7] = 200
  let other = try buffer([Double](repeating: 0.1, count: 64 * 64))
  let error = #expect(throws: BettyError.self) {
    _ = try program.run([data[0], data[1], try buffer(bad, .i64), other])
  }
  #expect(error?.message == "take: index 200 is out of range at position 7")
  for table in data { #expect(try numbers(table, program.inputTypes[0]) == values) }
}

/// Bytes of the arena that each unit reads or writes.
private struct Footprint {
  var reads: [Range<Int>] = []
  var writes: [Range<Int>] = []

  init(_ index: Int, _ plan: Plan, _ shapes: [Int: TileShape]) {
    let unit = plan.units.list[index]
    func ranges(_ values: [Int]) -> [Range<Int>] {
      values.compactMap { value in
        guard case .arena(let start) = plan.locations[value] else { return nil }
        return start..<start + plan.units.lowered.byteCount(value)
      }
    }
    reads = ranges(unit.reads)
    writes = ranges(unit.writes)
    let bytes = Assembler.temporaryBytes(unit, plan.units.lowered, shapes)
    let start = plan.temporaries[index]
    if bytes > 0 { writes.append(start..<start + bytes) }
  }

  func disturbs(_ other: Footprint) -> Bool {
    writes.contains { own in (other.reads + other.writes).contains { $0.overlaps(own) } }
  }
}

@Test func lanesOfASectionLeaveEachOtherAlone() throws {
  var generator = Generator(9)
  var found = 0
  for round in 0..<40 {
    let graph = try tangle(&generator, steps: 60)
    let (plan, shapes) = try Compiler.plan(graph, CompileOptions(), threads: 2 + round % 3)
    let prints = plan.units.list.indices.map { Footprint($0, plan, shapes) }
    let places = plan.timetable.places
    for first in prints.indices {
      for second in prints.indices
      where places[first].section == places[second].section
        && places[first].lane != places[second].lane
      {
        found += 1
        #expect(!prints[first].disturbs(prints[second]), "\(round): \(first) and \(second)")
      }
    }
    try expectSame(graph, seed: round, [2, 3, 4], runs: 2)
  }
  #expect(found > 1000)
}

/// Products and sums of earlier values, more often of late ones.
private func tangle(_ generator: inout Generator, steps: Int) throws -> Graph {
  var graph = Graph()
  var values = try (0..<4).map { _ in try graph.input([48, 48]) }
  func pick() -> Value {
    let back = Int(abs(random(1, &generator, in: 0...1)[0]) * 12)
    return values[max(values.count - 1 - back, 0)]
  }
  for _ in 0..<steps {
    let kind = random(1, &generator, in: 0...1)[0]
    let made =
      kind < 0.6
      ? try graph.call(P.tanh, [graph.call(P.matmul, [pick(), pick()], flags)])
      : try graph.call(kind < 0.8 ? P.add : P.mul, [pick(), pick()])
    values.append(made)
  }
  graph.outputs = Array(values.suffix(6))
  return graph
}
