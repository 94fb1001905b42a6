// Fused programs against the plain evaluator and against one step per operation.

import BettyGraph
import BettyKernelInterface
import BettyTransform
import Testing

@testable import BettyRuntime

/// Grows a graph of elementwise operations, views and reductions over a few related shapes.
private struct RandomGraph {
  var graph = Graph()
  var generator: Generator
  var pool: [Value] = []
  let rows: Int
  let columns: Int

  init(seed: Int, size: Int, dtype: DType) throws {
    generator = Generator(seed)
    (rows, columns) = generator.pick([
      (1, 1), (1, 5), (2, 3), (7, 1), (7, 64), (40, 100), (300, 9), (3, 2500),
    ])
    for shape in [[rows, columns], [rows, columns], [columns], [rows], []] {
      pool.append(try graph.input(shape, dtype))
    }
    for _ in 0..<size { try grow() }
    let made = pool.dropFirst(5)
    graph.outputs = made.filter { _ in Bool.random(using: &generator) } + [pool[pool.count - 1]]
  }

  private mutating func grow() throws {
    let value = generator.pick(pool)
    let type = graph.type(of: value)
    switch Int.random(in: 0..<10, using: &generator) {
    case 0...1:
      let ops = [P.neg, P.abs, P.tanh, P.sigmoid, P.relu, P.sin, P.gelu]
      pool.append(try graph.call(generator.pick(ops), [value]))
    case 2...5:
      let same = pool.filter { graph.type(of: $0) == type }
      let ops = [P.add, P.sub, P.mul, P.maximum, P.add, P.mul]
      pool.append(try graph.call(generator.pick(ops), [value, generator.pick(same)]))
    case 6: pool.append(try widened(value, type))
    case 7: pool.append(try moved(value, type))
    case 8:
      let axes = type.shape.indices.filter { _ in Bool.random(using: &generator) }
      let op = generator.pick([P.sum, P.max])
      guard !axes.contains(where: { type.shape[$0] == 0 }) else { return }
      let reduced = try graph.call(op, [value], ["axes": .ints(Array(axes))])
      // Kept near 1, so that rounding does not grow with the graph.
      pool.append(try graph.call(P.tanh, [reduced]))
    default:
      let same = pool.filter { graph.type(of: $0) == type }
      // Only of inputs: a comparison of computed numbers may hang on their last bit.
      let exact = pool.prefix(5).filter { graph.type(of: $0) == type }
      guard !exact.isEmpty else { return }
      let mask = try graph.call(P.lt, [generator.pick(exact), generator.pick(exact)])
      pool.append(try graph.call(P.select, [mask, generator.pick(same), value]))
    }
  }

  private mutating func widened(_ value: Value, _ type: TensorType) throws -> Value {
    switch type.shape {
    case []: return try graph.spread(value, [rows, columns], [])
    case [columns]: return try graph.spread(value, [rows, columns], [1])
    case [rows]: return try graph.spread(value, [rows, columns], [0])
    default: return try graph.call(P.reshape, [value], ["shape": .ints([type.count])])
    }
  }

  private mutating func moved(_ value: Value, _ type: TensorType) throws -> Value {
    guard type.rank == 2 else {
      let steps = type.shape.map { _ in -1 }
      return try graph.call(
        P.slice, [value],
        [
          "starts": .ints(type.shape.map { $0 - 1 }), "stops": .ints(steps), "steps": .ints(steps),
        ])
    }
    let back = try graph.call(P.permute, [value], ["axes": .ints([1, 0])])
    let changed = try graph.call(P.tanh, [back])
    return try graph.call(P.permute, [changed], ["axes": .ints([1, 0])])
  }

  mutating func inputs() -> [[Double]] {
    graph.inputs.map { input in
      random(graph.type(of: input).count, &generator).map { Double(Float($0)) }
    }
  }
}

@Test(arguments: 0..<40) func randomGraphsAgree(seed: Int) throws {
  var random = try RandomGraph(seed: seed, size: 5 + seed, dtype: seed % 3 == 0 ? .f64 : .f32)
  let inputs = random.inputs()
  let expected = try Evaluator.run(random.graph, inputs)
  for threads in [1, 2] {
    for unfused in [true, false] {
      let options = CompileOptions(threads: threads, unfused: unfused)
      let program = try Compiler.compile(random.graph, options: options)
      for round in 0..<2 {
        let results = try run(program, inputs)
        for (index, (result, reference)) in zip(results, expected).enumerated() {
          expectClose(
            result, reference, tolerance: 2e-4,
            "seed \(seed) threads \(threads) unfused \(unfused) run \(round) output \(index)")
        }
      }
    }
  }
}

/// Outputs written over inputs of their type wherever the plan allows it: the same numbers.
@Test(arguments: 100..<140) func donationsChangeNoNumbers(seed: Int) throws {
  var random = try RandomGraph(seed: seed, size: 5 + seed % 40, dtype: .f32)
  let inputs = random.inputs()
  let expected = try Evaluator.run(random.graph, inputs)
  var donations: [Int: Int] = [:]
  for (output, value) in random.graph.outputs.enumerated() {
    let input = random.graph.inputs.indices.first { index in
      random.graph.type(of: random.graph.inputs[index]) == random.graph.type(of: value)
        && !donations.values.contains(index)
    }
    if let input { donations[output] = input }
  }
  for unfused in [true, false] {
    let options = CompileOptions(donations: donations, threads: 2, unfused: unfused)
    let results = try run(random.graph, inputs, options: options)
    for (index, (result, reference)) in zip(results, expected).enumerated() {
      expectClose(
        result, reference, tolerance: 2e-4, "seed \(seed) unfused \(unfused) output \(index)")
    }
  }
}

@Test func fusionLaunchesFewerKernels() throws {
  var random = try RandomGraph(seed: 7, size: 200, dtype: .f32)
  _ = random.inputs()
  let fused = try Compiler.compile(random.graph)
  let unfused = try Compiler.compile(random.graph, options: CompileOptions(unfused: true))
  #expect(fused.stepCount * 2 < unfused.stepCount, "\(fused.listing)")
}

/// gelu(x + bias) * scale + residual: one kernel.
private func chain(_ rows: Int, _ columns: Int) throws -> Graph {
  var graph = Graph()
  let x = try graph.input([rows, columns])
  let bias = try graph.input([columns])
  let residual = try graph.input([rows, columns])
  let spread = try graph.spread(bias, [rows, columns], [1])
  let y = try graph.call(P.gelu, [graph.call(P.add, [x, spread])])
  let scaled = try graph.call(P.mul, [y, graph.number(0.5, [rows, columns])])
  graph.outputs = [try graph.call(P.add, [scaled, residual])]
  return graph
}

@Test(arguments: [(3, 5), (1, 1), (64, 100), (70, 300), (2, 5000)])
func biasGeluResidualIsOneKernel(rows: Int, columns: Int) throws {
  let graph = try chain(rows, columns)
  let program = try Compiler.compile(graph)
  #expect(program.stepCount == 1, "\(program.listing)")
  #expect(program.arenaBytes == 0)
  var generator = Generator(1)
  let inputs = graph.inputs.map { random(graph.type(of: $0).count, &generator) }
  let expected = try Evaluator.run(graph, inputs)
  expectClose(try run(program, inputs)[0], expected[0])
}

@Test func reductionsEndTheirChains() throws {
  // tanh(x)^2 summed over rows, over columns and altogether, and tanh(x) itself: one kernel.
  for (rows, columns) in [(5, 7), (60, 700), (3, 24000), (24000, 3)] {
    var graph = Graph()
    let x = try graph.input([rows, columns])
    let y = try graph.call(P.tanh, [x])
    let square = try graph.call(P.mul, [y, y])
    graph.outputs = [try graph.total(square, [0, 1]), y, try graph.total(square, [0])]
    let program = try Compiler.compile(graph, options: CompileOptions(threads: 2))
    #expect(program.stepCount == 1, "\(program.listing)")
    var generator = Generator(2)
    let inputs = [random(rows * columns, &generator)]
    let expected = try Evaluator.run(graph, inputs)
    let results = try run(program, inputs)
    for (result, reference) in zip(results, expected) { expectClose(result, reference) }
    #expect(try run(program, inputs) == results, "the same bits every time")
    graph.outputs = [try graph.total(square, [1])]
    let trailing = try Compiler.compile(graph)
    #expect(trailing.stepCount == 1, "\(trailing.listing)")
    expectClose(try run(trailing, inputs)[0], try Evaluator.run(graph, inputs)[0])
  }
}

@Test(arguments: [(4, 6, 0, 1), (4, 6, 1, 2), (90, 700, 0, 1), (3, 2500, 0, 2)])
func valueNeededTwiceAcrossAReduction(
  rows: Int, columns: Int, axis: Int, steps: Int
) throws {
  // y - max(y): the reduction must end before the subtraction starts, for each row or column.
  var graph = Graph()
  let x = try graph.input([rows, columns])
  let y = try graph.call(P.sin, [x])
  let top = try graph.call(P.max, [y], ["axes": .ints([1 - axis])])
  let wide = try graph.spread(top, [rows, columns], [axis])
  graph.outputs = [try graph.call(P.sub, [y, wide])]
  let program = try Compiler.compile(graph, options: CompileOptions(threads: 2))
  #expect(program.stepCount == steps, "\(program.listing)")
  var generator = Generator(3)
  let inputs = [random(rows * columns, &generator)]
  expectClose(try run(program, inputs)[0], try Evaluator.run(graph, inputs)[0])
}

/// (x - mean) / sqrt(variance + eps) * weight + bias over the rows.
private func layerNorm(_ rows: Int, _ columns: Int) throws -> Graph {
  var graph = Graph()
  let shape = [rows, columns]
  let x = try graph.input(shape)
  let (weight, bias) = (try graph.input([columns]), try graph.input([columns]))
  func mean(_ value: Value) throws -> Value {
    let sum = try graph.total(value, [1])
    return try graph.call(P.mul, [sum, graph.number(1 / Double(columns), [rows])])
  }
  let centred = try graph.call(P.sub, [x, graph.spread(mean(x), shape, [0])])
  let variance = try mean(graph.call(P.mul, [centred, centred]))
  let wider = try graph.call(P.add, [variance, graph.number(1e-5, [rows])])
  let factor = try graph.call(P.rsqrt, [wider])
  let standard = try graph.call(P.mul, [centred, graph.spread(factor, shape, [0])])
  let scaled = try graph.call(P.mul, [standard, graph.spread(weight, shape, [1])])
  graph.outputs = [try graph.call(P.add, [scaled, graph.spread(bias, shape, [1])])]
  return graph
}

@Test(arguments: [(3, 5), (64, 100), (70, 300), (400, 768), (17, 2048)])
func layerNormIsOneKernelForwardAndTwoBackward(rows: Int, columns: Int) throws {
  for threads in [1, 2] {
    var graph = try layerNorm(rows, columns)
    let options = CompileOptions(threads: threads)
    var generator = Generator(8)
    var inputs = graph.inputs.map { random(graph.type(of: $0).count, &generator) }
    let program = try Compiler.compile(graph, options: options)
    #expect(program.stepCount == 1, "\(program.listing)")
    expectClose(try run(program, inputs)[0], try Evaluator.run(graph, inputs)[0], tolerance: 1e-4)
    let cotangent = graph.addInput(graph.type(of: graph.outputs[0]))
    inputs.append(random(rows * columns, &generator))
    graph.outputs = try Transform.vjp(
      &graph, of: graph.outputs, cotangents: [cotangent], wrt: Array(graph.inputs.prefix(3))
    ).compactMap { $0 }
    let gradient = try Transform.simplify(graph)
    let backward = try Compiler.compile(gradient, options: options)
    #expect(backward.stepCount <= 2, "\(backward.listing)")
    let expected = try Evaluator.run(gradient, inputs)
    for (result, reference) in zip(try run(backward, inputs), expected) {
      expectClose(result, reference, tolerance: 1e-3)
    }
  }
}

@Test(arguments: [DType.bf16, .f16]) func storageTypesComputeInF32(dtype: DType) throws {
  var graph = Graph()
  let x = try graph.input([50, 30], dtype)
  let y = try graph.call(P.mul, [graph.call(P.exp, [x]), x])
  graph.outputs = [y, try graph.total(y, [0])]
  var generator = Generator(4)
  let inputs = [random(1500, &generator)]
  let stored = try numbers(buffer(inputs[0], dtype), graph.type(of: x))
  let expected = try Evaluator.run(graph, [stored])
  let tolerance = dtype == .bf16 ? 0.02 : 0.003
  for unfused in [true, false] {
    let results = try run(graph, inputs, options: CompileOptions(unfused: unfused))
    expectClose(results[0], expected[0], tolerance: tolerance)
    expectClose(results[1], expected[1], tolerance: tolerance)
  }
}
