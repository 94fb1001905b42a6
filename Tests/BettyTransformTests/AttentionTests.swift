// Attention in blocks: values against plain loops, gradients against the graph over whole scores, and memory
// that grows with the length.

import BettyGraph
import BettyKernelInterface
import BettyRuntime
import Glibc
import Testing

@testable import BettyTransform

/// One shape of attention, longer than a block in both directions.
struct AttentionCase: CustomTestStringConvertible, Sendable {
  var batch = [2]
  var queries = 150
  var keys = 290
  var isCausal = false
  /// Shape and type of a mask.
  var mask: ([Int], DType)?
  var dropout = 0.0
  var threads = 1
  var dtype = DType.f64
  let width = 5
  let valueWidth = 3

  var testDescription: String {
    "\(batch) \(queries) \(keys) causal \(isCausal) mask \(mask?.0 ?? []) dropout \(dropout) "
      + "threads \(threads) \(dtype)"
  }

  static let all = [
    AttentionCase(), AttentionCase(isCausal: true), AttentionCase(batch: [1], threads: 2),
    AttentionCase(batch: [], queries: 290, keys: 150, isCausal: true, threads: 2),
    AttentionCase(batch: [2, 3], mask: ([2, 1, 1, 290], .bool), threads: 2),
    AttentionCase(batch: [2, 3], mask: ([1, 3, 150, 290], .f64)),
    AttentionCase(mask: ([1, 150, 1], .bool)), AttentionCase(dropout: 0.3),
    AttentionCase(batch: [1], queries: 7, keys: 1, dropout: 0.5, threads: 2),
    AttentionCase(threads: 2, dtype: .f32), AttentionCase(isCausal: true, dtype: .bf16),
  ]

  /// Query, keys, value, mask and key as inputs of a graph, with their numbers.
  func inputs(_ graph: inout Graph) throws -> (values: [Value], numbers: [[Double]]) {
    var generator = Generator(17)
    var values: [Value] = []
    var numbers: [[Double]] = []
    for shape in [[queries, width], [keys, width], [keys, valueWidth]] {
      let type = try TensorType(dtype, batch + shape)
      values.append(graph.addInput(type))
      numbers.append(generator.uniform(-2...2, type.count))
    }
    if let mask {
      let type = try TensorType(mask.1 == .bool ? .bool : dtype, mask.0)
      values.append(graph.addInput(type))
      let drawn = generator.uniform(-1...1, type.count)
      numbers.append(mask.1 == .bool ? drawn.map { $0 > 0 ? 1 : 0 } : drawn)
    }
    if dropout > 0 {
      values.append(graph.addInput(try TensorType(.i64, [2])))
      numbers.append([5, 9])
    }
    return (values, numbers)
  }

  var attributes: Attributes {
    [
      "scale": .double(0.4), "is_causal": .bool(isCausal), "dropout": .double(dropout),
      "masked": .bool(mask != nil),
    ]
  }

  func compile(_ graph: Graph, _ numbers: [[Double]]) throws -> [[Double]] {
    let program = try Compiler.compile(graph, options: CompileOptions(threads: threads))
    let buffers = try zip(graph.inputs, numbers).map { input, numbers in
      let type = graph.type(of: input)
      let buffer = try Buffer(byteCount: max(type.byteCount, 1))
      Reference.pack(numbers, type.dtype, buffer.pointer)
      return buffer
    }
    let results = try program.run(buffers)
    return zip(graph.outputs, results).map {
      Reference.unpack(graph.type(of: $0), $1.pointer)
    }
  }

  var tolerance: Double { dtype == .f64 ? 1e-11 : dtype == .f32 ? 1e-4 : 5e-2 }
}

@Suite struct AttentionTests {
  private func expect(_ got: [Double], _ wanted: [Double], _ tolerance: Double, _ name: String) {
    #expect(got.count == wanted.count, "\(name)")
    let worst = zip(got, wanted).map { abs($0 - $1) / max(1, abs($1)) }.max() ?? 0
    #expect(worst <= tolerance, "\(name) differs by \(worst)")
  }

  @Test(arguments: AttentionCase.all.filter { $0.dropout == 0 })
  func valuesAreThoseOfPlainLoops(_ example: AttentionCase) throws {
    var graph = Graph()
    let (values, numbers) = try example.inputs(&graph)
    graph.outputs = try graph.apply(P.attention, values, example.attributes)
    let made = try example.compile(graph, numbers)
    let wanted = loops(example, numbers)
    expect(made[0], wanted.output, example.tolerance, "attention")
    expect(made[1], wanted.logarithms, example.tolerance, "logarithms")
  }

  private func loops(
    _ example: AttentionCase, _ x: [[Double]]
  ) -> (output: [Double], logarithms: [Double]) {
    let (rows, columns) = (example.queries, example.keys)
    let (width, wide) = (example.width, example.valueWidth)
    var output: [Double] = []
    var logarithms: [Double] = []
    for (number, place) in places(example.batch).enumerated() {
      for i in 0..<rows {
        let weights = (0..<columns).map { j -> Double in
          var score = 0.0
          for e in 0..<width {
            score +=
              x[0][(number * rows + i) * width + e] * x[1][(number * columns + j) * width + e]
          }
          score *= 0.4
          if example.isCausal, j > i { return 0 }
          if let mask = example.mask {
            let found = x[3][offset(place + [i, j], mask.0)]
            if mask.1 == .bool { return found == 0 ? 0 : exp(score) }
            score += found
          }
          return exp(score)
        }
        let sum = weights.reduce(0, +)
        logarithms.append(sum == 0 ? 0 : log(sum))
        for v in 0..<wide {
          let total = (0..<columns).reduce(0.0) {
            $0 + weights[$1] * x[2][(number * columns + $1) * wide + v]
          }
          output.append(sum == 0 ? 0 : total / sum)
        }
      }
    }
    return (output, logarithms)
  }

  private func places(_ shape: [Int]) -> [[Int]] {
    shape.reduce([[]]) { found, length in found.flatMap { head in (0..<length).map { head + [$0] } }
    }
  }

  private func offset(_ place: [Int], _ shape: [Int]) -> Int {
    zip(place, shape).reduce(0) { $0 * $1.1 + ($1.1 == 1 ? 0 : $1.0) }
  }

  /// Both sides differentiate the same attention: one by its rule, one through softmax.
  @Test(arguments: AttentionCase.all)
  func gradientsAreThoseOfTheWholeScores(_ example: AttentionCase) throws {
    func gradients(
      _ attention: (inout Graph, [Value]) throws -> Value
    ) throws -> [[Double]] {
      var graph = Graph()
      var (values, numbers) = try example.inputs(&graph)
      let output = try attention(&graph, values)
      let cotangent = graph.addInput(graph.type(of: output))
      var generator = Generator(3)
      numbers.append(generator.uniform(-1...1, graph.type(of: output).count))
      let wrt = values.filter { graph.dtype(of: $0).isFloating }
      graph.outputs =
        try [output]
        + Transform.vjp(&graph, of: [output], cotangents: [cotangent], wrt: wrt).compactMap { $0 }
      return try example.compile(Transform.simplify(graph), numbers)
    }
    let blocks = try gradients { graph, values in
      try graph.apply(P.attention, values, example.attributes)[0]
    }
    let whole = try gradients { graph, values in try composite(&graph, values, example) }
    for (number, pair) in zip(blocks, whole).enumerated() {
      expect(pair.0, pair.1, example.tolerance * 4, "result \(number)")
    }
  }

  private func composite(
    _ graph: inout Graph, _ x: [Value], _ example: AttentionCase
  ) throws -> Value {
    let product = try graph.matmul(x[0], x[1], transposeB: true)
    var scores = try graph.scale(product, 0.4)
    let type = graph.type(of: scores)
    let lowest = try graph.constant(-.infinity, type)
    func wide(_ value: Value) throws -> Value {
      let shape = graph.shape(of: value)
      let kept = shape.indices.filter { shape[$0] == type.shape[$0] }
      let thin = try graph.reshape(value, kept.map { shape[$0] })
      return try graph.broadcast(thin, type.shape, axes: kept)
    }
    var allowed: Value?
    if example.isCausal {
      let iotas = try [0, 1].map {
        try graph.call(
          P.iota, [],
          [
            "shape": .ints(type.shape), "axis": .int(type.rank - 2 + $0), "dtype": .dtype(.i64),
          ])
      }
      allowed = try graph.call(P.ge, iotas)
    }
    if let mask = example.mask {
      if mask.1 == .bool {
        allowed = try wide(x[3])
      } else {
        scores = try graph.add(scores, wide(x[3]))
      }
    }
    if let allowed { scores = try graph.select(allowed, scores, lowest) }
    var weights = try graph.call(P.softmax, [scores], ["axis": .int(type.rank - 1)])
    if let allowed { weights = try graph.select(allowed, weights, graph.constant(0, type)) }
    if example.dropout > 0, let key = x.last {
      let draw = try graph.call(
        P.randomUniform, [key], ["shape": .ints(type.shape), "dtype": .dtype(.f32)])
      let isKept = try graph.call(P.ge, [draw, graph.constant(example.dropout, like: draw)])
      let scaled = try graph.scale(weights, 1 / (1 - example.dropout))
      weights = try graph.select(isKept, scaled, graph.constant(0, type))
    }
    return try graph.matmul(weights, x[2])
  }

  @Test func memoryIsLinearInTheLength() throws {
    func bytes(_ length: Int) throws -> Int {
      var graph = Graph()
      let type = try TensorType(.f32, [2, length, 64])
      let inputs = (0..<4).map { _ in graph.addInput(type) }
      let output = try graph.apply(
        P.attention, Array(inputs.prefix(3)),
        [
          "scale": .double(0.125), "is_causal": .bool(true), "dropout": .double(0),
          "masked": .bool(false),
        ])[0]
      graph.outputs =
        try [output]
        + Transform.vjp(
          &graph, of: [output], cotangents: [inputs[3]], wrt: Array(inputs.prefix(3))
        ).compactMap { $0 }
      return try Compiler.compile(
        Transform.simplify(graph), options: CompileOptions(threads: 2)
      ).arenaBytes
    }
    let planned = try [512, 1024, 2048].map(bytes)
    // The logarithms and delta, two numbers a query of each batch.
    #expect(planned == [512, 1024, 2048].map { 2 * 2 * $0 * 4 }, "\(planned)")
  }

  /// Heads lie between each other, [batch, length, heads, width]: products and attention read them there.
  @Test(arguments: [DType.f64, .f32], [1, 2])
  func headsAreReadWhereTheyLie(_ dtype: DType, _ threads: Int) throws {
    var graph = Graph()
    var heads: [Value] = []
    for (length, width) in [(7, 4), (9, 4), (9, 5)] {
      let x = graph.addInput(try TensorType(dtype, [2, length, 3 * width]))
      heads.append(try graph.permute(graph.reshape(x, [2, length, 3, width]), [0, 2, 1, 3]))
    }
    let attended = try graph.apply(
      P.attention, heads,
      [
        "scale": .double(0.5), "is_causal": .bool(false), "dropout": .double(0),
        "masked": .bool(false),
      ])
    let scores = try graph.matmul(heads[0], heads[1], transposeB: true)
    graph.outputs = [attended[0], attended[1], scores, try graph.matmul(scores, heads[2])]
    let program = try Compiler.compile(graph, options: CompileOptions(threads: threads))
    #expect(program.stepCount == 3, "\(program.listing)")
    var generator = Generator(12)
    let numbers = graph.inputs.map { generator.uniform(-2...2, graph.type(of: $0).count) }
    let example = AttentionCase(threads: threads, dtype: dtype)
    let made = try example.compile(graph, numbers)
    let wanted = try Reference.evaluate(graph, numbers)
    for (number, pair) in zip(made, wanted).enumerated() {
      expect(pair.0, pair.1, example.tolerance, "result \(number)")
    }
  }
}
