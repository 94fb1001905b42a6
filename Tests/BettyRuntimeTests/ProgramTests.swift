// Programs as their callers see them: counts, donations, loops, errors, empty tensors.

import BettyGraph
import BettyKernelInterface
import BettyKernels
import Synchronization
import Testing

@testable import BettyRuntime

private func pairs() throws -> Graph {
  var graph = Graph()
  let p = try graph.input([4])
  let g = try graph.input([4])
  graph.outputs = [try graph.call(P.sub, [p, g]), try graph.call(P.mul, [p, g])]
  return graph
}

@Test func donatedOutputLiesInItsInput() throws {
  let program = try Compiler.compile(pairs(), options: CompileOptions(donations: [0: 0]))
  #expect(program.outputs == [.donated(0), .fresh(bytes: 16)])
  let p = try buffer([1, 2, 3, 4])
  let g = try buffer([10, 20, 30, 40])
  let results = try program.run([p, g])
  #expect(results[0] === p)
  #expect(try numbers(results[0], program.outputTypes[0]) == [-9, -18, -27, -36])
  #expect(try numbers(results[1], program.outputTypes[1]) == [10, 40, 90, 160])
  #expect(try numbers(g, program.inputTypes[1]) == [10, 20, 30, 40])
}

@Test func donatedInputPassedTwiceIsCopied() throws {
  let program = try Compiler.compile(pairs(), options: CompileOptions(donations: [0: 0]))
  let p = try buffer([1, 2, 3, 4])
  let results = try program.run([p, p])
  #expect(try numbers(p, program.inputTypes[0]) == [1, 2, 3, 4])
  #expect(try numbers(results[0], program.outputTypes[0]) == [0, 0, 0, 0])
}

@Test func donationReadLaterIsCopiedAtTheEnd() throws {
  // p' = sum(p) - reversed p: no place of p can be written before all are read.
  var graph = Graph()
  let p = try graph.input([3])
  let back = try graph.call(
    P.slice, [p], ["starts": .ints([2]), "stops": .ints([-1]), "steps": .ints([-1])])
  let total = try graph.spread(graph.total(p, [0]), [3], [])
  graph.outputs = [try graph.call(P.sub, [total, back])]
  let program = try Compiler.compile(graph, options: CompileOptions(donations: [0: 0]))
  let input = try buffer([1, 2, 4])
  let results = try program.run([input])
  #expect(results[0] === input)
  #expect(try numbers(input, program.outputTypes[0]) == [3, 5, 6])
}

@Test func momentumUpdatesWhereItLies() throws {
  var graph = Graph()
  let p = try graph.input([5])
  let m = try graph.input([5])
  let g = try graph.input([5])
  let decayed = try graph.call(P.mul, [m, graph.number(0.5, [5])])
  let next = try graph.call(P.add, [decayed, g])
  graph.outputs = [try graph.call(P.sub, [p, next]), next]
  let options = CompileOptions(donations: [0: 0, 1: 1])
  let program = try Compiler.compile(graph, options: options)
  #expect(program.outputs == [.donated(0), .donated(1)])
  #expect(program.stepCount == 1, "\(program.listing)")
  #expect(program.arenaBytes == 0)
  let buffers = try [buffer([1, 1, 1, 1, 1]), buffer([2, 4, 6, 8, 10]), buffer([1, 1, 1, 1, 1])]
  _ = try program.run(buffers)
  #expect(try numbers(buffers[1], program.outputTypes[1]) == [2, 3, 4, 5, 6])
  #expect(try numbers(buffers[0], program.outputTypes[0]) == [-1, -2, -3, -4, -5])
}

@Test func optimizerUpdatesLieInTheirParameters() throws {
  // The gradient is computed from the parameter that the update overwrites.
  var graph = Graph()
  let p = try graph.input([6])
  let momentum = try graph.input([6])
  let hyper = try graph.input([7], .f64)
  let g = try graph.call(P.mul, [p, p])
  graph.outputs = try graph.apply(P.sgdUpdate, [p, g, momentum, hyper])
  let options = CompileOptions(donations: [0: 0, 1: 1])
  let program = try Compiler.compile(graph, options: options)
  #expect(program.outputs == [.donated(0), .donated(1)])
  #expect(program.stepCount == 2, "\(program.listing)")
  let buffers = try [
    buffer([1, 2, 3, 4, 5, 6]), buffer([1, 1, 1, 1, 1, 1]),
    buffer([0.1, 0.5, 0, 0, 0, 0, 0], .f64),
  ]
  _ = try program.run(buffers)
  // buffer <- 0.5 buffer + g; p <- p - 0.1 buffer
  expectClose(try numbers(buffers[1], program.outputTypes[1]), [1.5, 4.5, 9.5, 16.5, 25.5, 36.5])
  expectClose(
    try numbers(buffers[0], program.outputTypes[0]), [0.85, 1.55, 2.05, 2.35, 2.45, 2.35])
}

@Test func lateReadOfAnOverwrittenOperand() throws {
  // q takes p's memory, but p is read after q is made.
  var graph = Graph()
  let p = try graph.input([3])
  let q = try graph.call(P.neg, [p])
  graph.outputs = [q, try graph.call(P.add, [graph.call(P.tanh, [q]), p])]
  let program = try Compiler.compile(graph, options: CompileOptions(donations: [0: 0]))
  let results = try run(program, [[1, 2, 3]])
  #expect(results[0] == [-1, -2, -3])
  expectClose(results[1], [0.23840584, 1.03597242, 2.00494525])
}

@Test func outputsThatAreInputsViewsAndRepeats() throws {
  var graph = Graph()
  let x = try graph.input([2, 3])
  let y = try graph.call(P.neg, [x])
  let flat = try graph.call(P.reshape, [x], ["shape": .ints([6])])
  let row = try graph.call(
    P.slice, [x], ["starts": .ints([1, 0]), "stops": .ints([2, 3]), "steps": .ints([1, 1])])
  let back = try graph.call(P.permute, [y], ["axes": .ints([1, 0])])
  graph.outputs = [x, y, y, flat, row, back, try graph.number(7, [2])]
  let program = try Compiler.compile(graph)
  let input = try buffer([1, 2, 3, 4, 5, 6])
  let results = try program.run([input])
  #expect(results[0] === input)
  #expect(results[3] === input)
  #expect(results[2] === results[1])
  let values = try zip(results, program.outputTypes).map { try numbers($0, $1) }
  #expect(values[4] == [4, 5, 6])
  #expect(values[5] == [-1, -4, -2, -5, -3, -6])
  #expect(values[6] == [7, 7])
}

@Test func secondRunAllocatesItsOutputsOnly() throws {
  var graph = Graph()
  let x = try graph.input([10, 20])
  let w = try graph.input([20, 30])
  let flags: Attributes = ["transpose_a": .bool(false), "transpose_b": .bool(false)]
  let y = try graph.call(P.matmul, [graph.call(P.tanh, [x]), w], flags)
  graph.outputs = [try graph.total(graph.call(P.exp, [y]), [0]), y]
  let program = try Compiler.compile(graph)
  let inputs = try [200, 600].map { try buffer([Double](repeating: 0.1, count: $0)) }
  let first = try program.run(inputs)
  #expect(first.map(\.byteCount) == [120, 1200])
  let instances = program.instanceCount
  let counted = try leastCounts { _ = try program.run(inputs) }
  #expect(program.instanceCount == instances)
  #expect(counted["allocations"] == 2)
  #expect(counted["bytes_allocated"] == 1320)
  #expect(counted["kernels_launched"] == program.stepCount)
  #expect(counted["program_runs"] == 1)
  #expect(counted["compilations"] == 0)
  // tanh(x) is all that lies between the steps.
  #expect(program.arenaBytes == 832, "\(program.listing)")
}

/// What `body` adds to the counters. They are the process's, and other tests run beside: the least of
/// many rounds is what the body does.
private func leastCounts(_ body: () throws -> Void) throws -> [String: Int] {
  var least: [String: Int] = [:]
  for _ in 0..<300 {
    let before = Counters.snapshot()
    try body()
    for (old, new) in zip(before, Counters.snapshot()) {
      least[new.name] = min(least[new.name] ?? Int.max, new.value - old.value)
    }
  }
  return least
}

@Test func deepChainsCompileAndRun() throws {
  var graph = Graph()
  let x = try graph.input([8])
  var y = x
  for _ in 0..<20_000 { y = try graph.call(P.neg, [y]) }
  graph.outputs = [y]
  let program = try Compiler.compile(graph)
  #expect(program.stepCount <= 20_000 / 32)
  #expect(program.arenaBytes <= 128)
  #expect(try run(program, [[1, 2, 3, 4, 5, 6, 7, 8]])[0] == [1, 2, 3, 4, 5, 6, 7, 8])
}

@Test func whatCannotBeAllocatedIsAnError() throws {
  for length in [1 << 50, 1 << 59, (1 << 61) - 1] {
    var graph = Graph()
    let x = try graph.input([], .f32)
    graph.outputs = [try graph.call(P.exp, [graph.spread(x, [length], [])])]
    let error = #expect(throws: BettyError.self) { _ = try run(graph, [[1]]) }
    #expect(error?.kind == .memory)
  }
}

@Test func viewsOfViewsAndWindows() throws {
  var graph = Graph()
  let x = try graph.input([6, 4])
  let rows = try graph.call(
    P.slice, [x], ["starts": .ints([4, 0]), "stops": .ints([0, 4]), "steps": .ints([-2, 1])])
  let turned = try graph.call(P.permute, [rows], ["axes": .ints([1, 0])])
  let inner = try graph.call(
    P.slice, [turned], ["starts": .ints([1, 0]), "stops": .ints([3, 2]), "steps": .ints([1, 1])])
  let half = try graph.call(
    P.slice, [x], ["starts": .ints([3, 0]), "stops": .ints([6, 4]), "steps": .ints([1, 1])])
  let flat = try graph.call(P.reshape, [half], ["shape": .ints([12])])
  graph.outputs = [inner, try graph.call(P.neg, [flat]), try graph.call(P.exp, [inner])]
  let program = try Compiler.compile(graph)
  var generator = Generator(5)
  let inputs = [random(24, &generator)]
  let results = try run(program, inputs)
  for (result, reference) in zip(results, try Evaluator.run(graph, inputs)) {
    expectClose(result, reference)
  }
  // The copy of `inner`, and one kernel each for neg and exp.
  #expect(program.stepCount == 3, "\(program.listing)")
}

@Test func independentProductsRunSideBySide() throws {
  // Two chains of products that meet at the end.
  var graph = Graph()
  let flags: Attributes = ["transpose_a": .bool(false), "transpose_b": .bool(false)]
  let w = try graph.input([96, 96])
  var ends: [Value] = []
  for _ in 0..<2 {
    var x = try graph.input([96, 96])
    for _ in 0..<3 { x = try graph.call(P.tanh, [graph.call(P.matmul, [x, w], flags)]) }
    ends.append(x)
  }
  graph.outputs = [try graph.call(P.sub, ends)]
  let side = try Compiler.compile(graph, options: CompileOptions(threads: 2))
  let alone = try Compiler.compile(graph, options: CompileOptions(threads: 1))
  #expect(side.sections.map(\.laneCount) == [2, 1], "\(side.listing)")
  #expect(alone.sections.map(\.laneCount) == [1])
  var generator = Generator(6)
  let inputs = graph.inputs.map { _ in random(96 * 96, &generator, in: -0.2...0.2) }
  let expected = try run(alone, inputs)
  for _ in 0..<20 { #expect(try run(side, inputs) == expected) }
}

@Test func arenaIsReusedAlongAChain() throws {
  // Ten products in a row never need more than two results at once.
  var graph = Graph()
  var x = try graph.input([16, 16])
  let w = try graph.input([16, 16])
  let flags: Attributes = ["transpose_a": .bool(false), "transpose_b": .bool(false)]
  for _ in 0..<10 { x = try graph.call(P.matmul, [x, w], flags) }
  graph.outputs = [x]
  let program = try Compiler.compile(graph)
  #expect(program.stepCount == 10)
  #expect(program.arenaBytes == 2 * 16 * 16 * 4)
}

@Test func badIndexLeavesDonatedInputsAlone() throws {
  var graph = Graph()
  let table = try graph.input([5, 2])
  let indices = try graph.input([3], .i64)
  let rows = try graph.call(P.take, [table, indices], ["axis": .int(0)])
  let total = try graph.spread(graph.total(rows, [0, 1]), [5, 2], [])
  graph.outputs = [try graph.call(P.add, [table, total])]
  let program = try Compiler.compile(graph, options: CompileOptions(donations: [0: 0]))
  let data = try buffer([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  let bad = try buffer([0, 9, 1], .i64)
  let error = #expect(throws: BettyError.self) { _ = try program.run([data, bad]) }
  #expect(error?.kind == .index)
  #expect(error?.message == "take: index 9 is out of range at position 1")
  #expect(try numbers(data, program.inputTypes[0]) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  let good = try buffer([0, 4, 1], .i64)
  #expect(try numbers(program.run([data, good])[0], program.outputTypes[0])[0] == 30)
}

@Test func wrongInputsAreRefused() throws {
  let program = try Compiler.compile(pairs())
  #expect(throws: BettyError.self) { _ = try program.run([]) }
  let small = try buffer([1])
  #expect(throws: BettyError.self) { _ = try program.run([small, small]) }
}

@Test func emptyTensors() throws {
  var graph = Graph()
  let x = try graph.input([0, 4])
  let y = try graph.call(P.tanh, [x])
  let flags: Attributes = ["transpose_a": .bool(true), "transpose_b": .bool(false)]
  graph.outputs = [
    y, try graph.total(y, [0]), try graph.total(y, [1]), try graph.total(y, [0, 1]),
    try graph.call(P.prod, [x], ["axes": .ints([0])]), try graph.call(P.matmul, [x, y], flags),
  ]
  for unfused in [false, true] {
    let results = try run(graph, [[]], options: CompileOptions(unfused: unfused))
    #expect(results[0].isEmpty && results[2].isEmpty)
    #expect(results[1] == [0, 0, 0, 0])
    #expect(results[3] == [0])
    #expect(results[4] == [1, 1, 1, 1])
    #expect(results[5] == [Double](repeating: 0, count: 16))
  }
}

// MARK: Loops

/// (index, x, w, kept): x <- x * w + index, kept stays.
private func loopGraph(_ count: Int, donate: Bool) throws -> Program {
  var body = Graph()
  let index = body.addInput(try TensorType(.i64, []))
  let x = try body.input([3])
  let kept = try body.input([3])
  let w = try body.input([3])
  let step = try body.call(P.cast, [index], ["dtype": .dtype(.f32)])
  let scaled = try body.call(P.mul, [x, w])
  body.outputs = [try body.call(P.add, [scaled, body.spread(step, [3], [])]), kept]
  var graph = Graph()
  let operands = try (0..<3).map { _ in try graph.input([3]) }
  graph.outputs = try graph.apply(
    P.repeat, operands, ["count": .int(count), "carries": .int(2), "body": .graph(body)])
  return try Compiler.compile(graph, options: CompileOptions(donations: donate ? [0: 0] : [:]))
}

@Test(arguments: [0, 1, 2, 5], [true, false]) func loopsCarry(count: Int, donate: Bool) throws {
  let program = try loopGraph(count, donate: donate)
  var x: [Double] = [1, 2, 3]
  for index in 0..<count { x = zip(x, [2, 0.5, -1]).map { $0 * $1 + Double(index) } }
  for _ in 0..<2 {
    let results = try run(program, [[1, 2, 3], [7, 8, 9], [2, 0.5, -1]])
    expectClose(results[0], x)
    #expect(results[1] == [7, 8, 9])
  }
}

/// Fibonacci numbers until one is above a bound, in as many iterations, wherever the last two end up.
@Test(arguments: [0, 1, 2, 5, 6, 30]) func loopsStop(bound: Double) throws {
  var body = Graph()
  _ = body.addInput(try TensorType(.i64, []))
  let a = try body.input([])
  let b = try body.input([])
  let isOver = body.addInput(try TensorType(.bool, []))
  let limit = try body.input([])
  let next = try body.call(P.add, [a, b])
  body.outputs = [b, next, try body.call(P.logicalOr, [isOver, body.call(P.gt, [next, limit])])]
  var graph = Graph()
  let start = try (0..<2).map { _ in try graph.input([]) }
  let limits = try graph.input([])
  let isDone = try graph.call(P.gt, [start[1], limits])
  let results = try graph.apply(
    P.repeat, start + [isDone, limits],
    ["count": .int(12), "carries": .int(3), "body": .graph(body), "until": .int(2)])
  graph.outputs = Array(results[..<2])
  let program = try Compiler.compile(graph, options: CompileOptions())
  var (x, y, taken) = (1.0, 1.0, 0)
  while y <= bound && taken < 12 { (x, y, taken) = (y, x + y, taken + 1) }
  func kernels(_ point: [[Double]], giving result: [[Double]]) throws -> Int {
    let before = Counters.kernelsLaunched.load(ordering: .relaxed)
    #expect(try run(program, point) == result)
    return Counters.kernelsLaunched.load(ordering: .relaxed) - before
  }
  let some = try kernels([[1], [1], [bound]], giving: [[x], [y]])
  let none = try kernels([[1], [2], [0]], giving: [[1], [2]])
  // The kernels of the body, as often as there were iterations.
  #expect((some - none) % max(taken, 1) == 0 && (some > none) == (taken > 0))
}

@Test func swappedCarriesNeedTwoBuffers() throws {
  var body = Graph()
  _ = body.addInput(try TensorType(.i64, []))
  let a = try body.input([2])
  let b = try body.input([2])
  body.outputs = [b, try body.call(P.add, [a, b])]  // Fibonacci
  var graph = Graph()
  let start = try (0..<2).map { _ in try graph.input([2]) }
  graph.outputs = try graph.apply(
    P.repeat, start, ["count": .int(9), "carries": .int(2), "body": .graph(body)])
  let results = try run(graph, [[0, 1], [1, 1]])
  #expect(results == [[34, 55], [55, 89]])
}
