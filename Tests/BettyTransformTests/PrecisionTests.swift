// Mixed precision of a graph: the table covers the registry, casts are where and as many as they should
// be, and derivatives of first and second order stay close to those in f32.

import BettyGraph
import BettyKernelInterface
import BettyRuntime
import Testing

@testable import BettyTransform

/// A classifier: two layers, an activation between, the mean of the cross-entropies.
private struct Network {
  var graph = Graph()
  let (x, w1, b1, w2, b2, labels): (Value, Value, Value, Value, Value, Value)
  var weights: [Value] { [w1, b1, w2, b2] }

  init(_ activation: Primitive = P.tanh, decay: Bool = false, dtype: DType = .f32) throws {
    x = graph.addInput(try TensorType(dtype, [12, 16]))
    w1 = graph.addInput(try TensorType(dtype, [20, 16]))
    b1 = graph.addInput(try TensorType(dtype, [20]))
    w2 = graph.addInput(try TensorType(dtype, [5, 20]))
    b2 = graph.addInput(try TensorType(dtype, [5]))
    labels = graph.addInput(try TensorType(.i64, [12]))
    let hidden = try Self.layer(&graph, x, w1, b1)
    let active = try graph.call(activation, [hidden])
    let logits = try Self.layer(&graph, active, w2, b2)
    let losses = try graph.call(P.crossEntropy, [logits, labels])
    var loss = try graph.scale(graph.sum(losses, [0]), 1 / 12)
    if decay { loss = try graph.add(loss, graph.sum(graph.mul(w1, w1), [0, 1])) }
    graph.outputs = [loss]
  }

  private static func layer(
    _ graph: inout Graph, _ x: Value, _ w: Value, _ b: Value
  ) throws -> Value {
    let product = try graph.matmul(x, w, transposeB: true)
    return try graph.add(product, graph.broadcast(b, graph.shape(of: product), axes: [1]))
  }

  func point() -> [[Double]] {
    var generator = Generator(4)
    return graph.inputs.map { input in
      let type = graph.type(of: input)
      return type.dtype == .i64
        ? (0..<type.count).map { Double($0 % 5) } : generator.uniform(-0.5...0.5, type.count)
    }
  }

  func owners(_ own: Precision, _ weights: Precision? = nil) -> PrecisionOwners {
    PrecisionOwners(
      own: own,
      inputs: graph.inputs.map { $0 == x || $0 == labels ? nil : weights ?? own })
  }
}

/// The outputs of a graph by the compiler, as Doubles.
func computed(_ graph: Graph, _ point: [[Double]]) throws -> [[Double]] {
  let program = try Compiler.compile(graph, options: CompileOptions(threads: 2))
  let buffers = try zip(graph.inputs, point).map { input, numbers in
    let type = graph.type(of: input)
    let buffer = try Buffer(byteCount: max(type.byteCount, 1))
    Reference.pack(numbers, type.dtype, buffer.pointer)
    return buffer
  }
  let results = try program.run(buffers)
  return zip(graph.outputs, results).map { Reference.unpack(graph.type(of: $0), $1.pointer) }
}

private func cosine(_ a: [Double], _ b: [Double]) -> Double {
  func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
  return dot(a, b) / (dot(a, a) * dot(b, b)).squareRoot()
}

/// How often a value is cast to a type.
private func casts(_ graph: Graph, of value: Value, to dtype: DType) -> Int {
  graph.nodes.filter {
    $0.primitive === P.cast && $0.inputs == [value] && $0.attributes.dtype("dtype") == dtype
  }.count
}

private func products(_ graph: Graph) -> [DType] {
  graph.nodes.filter { $0.primitive.precisionPolicy == .low }
    .map { graph.types[$0.results.lowerBound].dtype }
}

@Suite struct PrecisionTests {
  @Test func theTableCoversTheRegistry() {
    let listed = PrecisionPolicy.table.flatMap(\.primitives).map(\.name)
    #expect(Set(listed).count == listed.count)
    #expect(Set(listed) == Set(Registry.primitives.map(\.name)))
  }

  @Test(arguments: [Precision.bf16, .fp16]) func productsAreLowAndTheRestIsNot(
    _ precision: Precision
  ) throws {
    let network = try Network()
    let dtype = try #require(precision.dtype)
    let (mixed, values) = try Transform.mixed(
      network.graph, network.owners(precision), keeping: network.graph.outputs)
    #expect(values == mixed.outputs)
    #expect(
      mixed.inputs.map { mixed.type(of: $0) }
        == network.graph.inputs.map {
          network.graph.type(of: $0)
        })
    let simple = try Transform.simplify(mixed)
    #expect(products(simple) == [dtype, dtype])
    for input in [network.x, network.w1, network.w2] {
      #expect(casts(simple, of: simple.inputs[input.index], to: dtype) == 1)
    }
    #expect(casts(simple, of: simple.inputs[network.b1.index], to: dtype) == 0)
    // What is computed elementwise, in rows or as a loss is f32.
    for node in simple.nodes
    where ![.low, .movement].contains(node.primitive.precisionPolicy)
      && node.primitive !== P.cast
    {
      for result in node.results { #expect(simple.types[result].dtype != dtype) }
    }
  }

  @Test func fp32AndF64StayAsTheyAre() throws {
    let network = try Network()
    let (same, _) = try Transform.mixed(network.graph, network.owners(.fp32))
    #expect(same == network.graph)
    let wide = try Network(dtype: .f64)
    let (mixed, _) = try Transform.mixed(wide.graph, wide.owners(.bf16))
    #expect(products(mixed) == [.f64, .f64])
  }

  /// Both a step of first and one of second order cast each weight once.
  @Test func aWeightIsCastOnceInAStep() throws {
    let network = try Network(decay: true)
    var (graph, _) = try Transform.mixed(network.graph, network.owners(.bf16))
    let recorded = 0..<graph.nodes.count
    let weights = network.weights.map { graph.inputs[$0.index] }
    let vector = weights.map { graph.addInput(graph.type(of: $0)) }
    let gradients = try Transform.gradient(&graph, of: graph.outputs[0], wrt: weights)
    let products = try Transform.jvp(
      &graph, of: gradients.compactMap { $0 }, wrt: weights, tangents: vector)
    graph.outputs = gradients.compactMap { $0 } + products.compactMap { $0 }
    graph = try Transform.simplify(Transform.storingLow(graph, recorded: [recorded]))
    for weight in [network.w1, network.w2] {
      #expect(casts(graph, of: graph.inputs[weight.index], to: .bf16) == 1)
    }
    #expect(graph.outputs.allSatisfy { graph.dtype(of: $0) == .f32 })
  }

  /// Gradients of weights keep the digits of their sums; what goes on to a product is rounded.
  @Test func gradientsOfWeightsAreSummedWide() throws {
    let network = try Network(P.tanh)
    var (graph, _) = try Transform.mixed(network.graph, network.owners(.bf16))
    let recorded = 0..<graph.nodes.count
    let weights = [network.w1, network.w2].map { graph.inputs[$0.index] }
    graph.outputs = try Transform.gradient(&graph, of: graph.outputs[0], wrt: weights)
      .compactMap { $0 }
    graph = try Transform.simplify(Transform.storingLow(graph, recorded: [recorded]))
    try graph.verify()
    // Two products forward and the cotangent of the activation; the gradients of two weights.
    #expect(products(graph).map(\.name).sorted() == ["bf16", "bf16", "bf16", "f32", "f32"])
    for output in graph.outputs {
      #expect(graph.node(of: output)?.primitive.precisionPolicy == .low)
    }
  }

  /// The activation is in memory as the operand of the second product; its derivative reads that.
  @Test func activationsAreKeptLow() throws {
    let network = try Network(P.tanh)
    var (graph, _) = try Transform.mixed(network.graph, network.owners(.bf16))
    let recorded = 0..<graph.nodes.count
    let weights = network.weights.map { graph.inputs[$0.index] }
    graph.outputs = try Transform.gradient(&graph, of: graph.outputs[0], wrt: weights)
      .compactMap { $0 }
    graph = try Transform.simplify(Transform.storingLow(graph, recorded: [recorded]))
    let tanh = try #require(graph.nodes.first { $0.primitive === P.tanh }).outputs[0]
    let readers = graph.nodes.filter { $0.inputs.contains(tanh) }
    #expect(readers.map(\.primitive.name) == ["cast"])
  }

  /// A product with another problem's parameters is that problem's; of two activations, theirs.
  @Test func productsAreTheirParametersOwners() throws {
    var graph = Graph()
    let x = graph.addInput(try TensorType(.f32, [4, 8]))
    let (own, other) = (
      graph.addInput(try TensorType(.f32, [8, 8])), graph.addInput(try TensorType(.f32, [8, 8]))
    )
    let first = try graph.matmul(x, own)
    let second = try graph.matmul(graph.call(P.tanh, [first]), other)
    let scores = try graph.matmul(second, second, transposeB: true)
    graph.outputs = [first, second, scores]
    let owners = PrecisionOwners(own: .fp32, inputs: [nil, .fp32, .bf16])
    #expect(try products(Transform.mixed(graph, owners).graph) == [.f32, .bf16, .bf16])
    let swapped = PrecisionOwners(own: .bf16, inputs: [nil, .bf16, .fp32])
    #expect(try products(Transform.mixed(graph, swapped).graph) == [.bf16, .f32, .f32])
    let unowned = PrecisionOwners(own: .fp16, inputs: [nil, nil, .bf16])
    #expect(try products(Transform.mixed(graph, unowned).graph) == [.f16, .bf16, .bf16])
  }

  /// What only moves between two products stays low; another reader gets the rounded values.
  @Test func movementBetweenProductsIsLow() throws {
    var graph = Graph()
    let x = graph.addInput(try TensorType(.f32, [4, 8]))
    let weights = try (0..<2).map { _ in graph.addInput(try TensorType(.f32, [8, 8])) }
    let product = try graph.matmul(x, weights[0])
    let shifted = try graph.shift(product, 0.5)
    let positive = try graph.call(P.relu, [graph.permute(shifted, [1, 0])])
    let next = try graph.matmul(weights[1], positive)
    graph.outputs = [try graph.sum(next, [0, 1]), try graph.sum(positive, [0, 1])]
    let owners = PrecisionOwners(own: .bf16, inputs: [nil, .bf16, .bf16])
    let mixed = try Transform.simplify(Transform.mixed(graph, owners).graph)
    let relu = try #require(mixed.nodes.first { $0.primitive === P.relu })
    #expect(mixed.dtype(of: relu.outputs[0]) == .bf16)
    #expect(mixed.nodes.filter { $0.primitive === P.relu }.count == 1)
    // Of the first product to f32; of the sum to bf16; of what the sums read to f32; of x, weights.
    #expect(mixed.nodes.filter { $0.primitive === P.cast }.count == 7)
    #expect(mixed.outputs.allSatisfy { mixed.dtype(of: $0) == .f32 })
  }

  /// A parameter seen in other ways keeps its digits for readers that are no products.
  @Test func viewsOfParametersAreNotRoundedForOthers() throws {
    var graph = Graph()
    let (x, w) = (
      graph.addInput(try TensorType(.f32, [4, 8])), graph.addInput(try TensorType(.f32, [2, 32]))
    )
    let view = try graph.reshape(w, [8, 8])
    let loss = try graph.sum(graph.matmul(x, view), [0, 1])
    graph.outputs = [loss, try graph.sum(graph.mul(view, view), [0, 1])]
    let owners = PrecisionOwners(own: .bf16, inputs: [nil, .bf16])
    let mixed = try Transform.simplify(Transform.mixed(graph, owners).graph)
    let square = try #require(mixed.nodes.first { $0.primitive === P.mul })
    #expect(mixed.dtype(of: square.inputs[0]) == .f32)
    #expect(casts(mixed, of: mixed.inputs[w.index], to: .bf16) == 1)
    let point = mixed.inputs.map {
      [Double](repeating: 0.7001, count: mixed.type(of: $0).count)
    }
    let exact = try computed(mixed, point)
    #expect(abs(exact[1][0] - 64 * 0.7001 * 0.7001) < 1e-3)
  }

  /// Attention: softmax is done in f32 and kept low; its derivative reads what is kept.
  @Test func softmaxBetweenProductsIsKeptLow() throws {
    var graph = Graph()
    let x = graph.addInput(try TensorType(.f32, [6, 8]))
    let w = graph.addInput(try TensorType(.f32, [8, 8]))
    let q = try graph.matmul(x, w)
    let scores = try graph.scale(graph.matmul(q, q, transposeB: true), 0.3)
    let weights = try graph.call(P.softmax, [scores], ["axis": .int(1)])
    let loss = try graph.sum(graph.call(P.tanh, [graph.matmul(weights, q)]), [0, 1])
    graph.outputs = [loss]
    let owners = PrecisionOwners(own: .bf16, inputs: [nil, .bf16])
    var (mixed, _) = try Transform.mixed(graph, owners)
    let recorded = 0..<mixed.nodes.count
    mixed.outputs = try Transform.gradient(&mixed, of: mixed.outputs[0], wrt: [mixed.inputs[1]])
      .compactMap { $0 }
    mixed = try Transform.simplify(Transform.storingLow(mixed, recorded: [recorded]))
    let softmax = try #require(mixed.nodes.first { $0.primitive === P.softmax })
    #expect(mixed.dtype(of: softmax.outputs[0]) == .f32)
    let readers = mixed.nodes.filter { $0.inputs.contains(softmax.outputs[0]) }
    #expect(readers.map(\.primitive.name) == ["cast"])
    #expect(products(mixed).filter { $0 == .bf16 }.count >= 6)
  }

  /// x ← tanh(x w) four times: the body multiplies low, its constant is rounded once outside.
  @Test func loopsTakeLowConstants() throws {
    let type = try TensorType(.f32, [8, 8])
    var body = Graph()
    _ = body.addInput(try TensorType(.i64, []))
    let (x, w) = (body.addInput(type), body.addInput(type))
    body.outputs = [try body.call(P.tanh, [body.matmul(x, w)])]
    var graph = Graph()
    let inputs = (0..<2).map { _ in graph.addInput(type) }
    let results = try graph.apply(
      P.repeat, inputs, ["count": .int(4), "carries": .int(1), "body": .graph(body)])
    graph.outputs = [try graph.sum(graph.mul(results[0], results[0]), [0, 1])]
    let owners = PrecisionOwners(own: .bf16, inputs: [nil, .bf16])
    func gradient(_ graph: Graph) throws -> Graph {
      var graph = graph
      let recorded = 0..<graph.nodes.count
      graph.outputs += try Transform.gradient(
        &graph, of: graph.outputs[0], wrt: [graph.inputs[1]]
      ).compactMap { $0 }
      return try Transform.simplify(Transform.storingLow(graph, recorded: [recorded]))
    }
    let mixed = try gradient(Transform.mixed(graph, owners).graph)
    try mixed.verify()
    let loops = mixed.nodes.filter { $0.primitive === P.repeat }
    #expect(loops.count >= 2)
    let constants = loops.flatMap { loop in
      loop.inputs.dropFirst(loop.attributes.int("carries")).map { mixed.dtype(of: $0) }
    }
    #expect(constants.filter { $0 == .bf16 }.count == loops.count)
    #expect(casts(mixed, of: mixed.inputs[1], to: .bf16) == 1)
    var generator = Generator(2)
    let point = graph.inputs.map { _ in generator.uniform(-0.5...0.5, 64) }
    let (exact, rounded) = (
      try computed(gradient(graph), point), try computed(mixed, point)
    )
    #expect(abs(exact[0][0] - rounded[0][0]) < 0.02 * abs(exact[0][0]))
    #expect(cosine(exact[1], rounded[1]) > 0.999)
  }

  @Test(arguments: [Precision.bf16, .fp16], [P.tanh, P.relu, P.gelu]) func derivativesAreClose(
    _ precision: Precision, _ activation: Primitive
  ) throws {
    let network = try Network(activation, decay: true)
    var generator = Generator(9)
    let vectors = network.weights.map {
      generator.uniform(-1...1, network.graph.type(of: $0).count)
    }
    func derivatives(_ own: Precision) throws -> [[Double]] {
      var (graph, _) = try Transform.mixed(network.graph, network.owners(own))
      let recorded = 0..<graph.nodes.count
      let weights = network.weights.map { graph.inputs[$0.index] }
      let vector = weights.map { graph.addInput(graph.type(of: $0)) }
      let gradients = try Transform.gradient(&graph, of: graph.outputs[0], wrt: weights)
      let products = try Transform.jvp(
        &graph, of: gradients.compactMap { $0 }, wrt: weights, tangents: vector)
      graph.outputs = gradients.compactMap { $0 } + products.compactMap { $0 }
      if own != .fp32 { graph = try Transform.storingLow(graph, recorded: [recorded]) }
      return try computed(Transform.simplify(graph), network.point() + vectors)
    }
    let (exact, rounded) = (try derivatives(.fp32), try derivatives(precision))
    #expect(exact.count == 8)
    for (a, b) in zip(exact, rounded) {
      #expect(cosine(a, b) > (precision == .bf16 ? 0.9995 : 0.99999))
      let difference = zip(a, b).map { abs($0 - $1) }.max() ?? 0
      let scale = a.map { abs($0) }.max() ?? 0
      #expect(difference <= (precision == .bf16 ? 0.03 : 0.004) * scale)
    }
  }
}
