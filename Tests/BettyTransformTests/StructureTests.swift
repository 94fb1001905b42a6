// What the transforms append, and what they leave alone.

import BettyGraph
import BettyKernelInterface
import Testing

@testable import BettyTransform

@Suite struct StructureTests {
  private let vector: TensorType

  init() throws { vector = try TensorType(.f64, [3]) }

  private func names(_ graph: Graph, from start: Int) -> [String] {
    graph.nodes[start...].map(\.primitive.name)
  }

  @Test func onlyThePathIsDifferentiated() throws {
    var graph = Graph()
    let x = graph.addInput(vector)
    let y = graph.addInput(vector)
    let unrelated = try graph.call(P.exp, [y])
    let product = try graph.mul(x, unrelated)
    let start = graph.nodes.count
    let gradients = try Transform.vjp(&graph, of: [product], cotangents: [y], wrt: [x])
    #expect(names(graph, from: start) == ["mul"])
    #expect(gradients == [Value(graph.types.count - 1)])
  }

  @Test func independenceIsNilInBothModes() throws {
    var graph = Graph()
    let x = graph.addInput(vector)
    let y = graph.addInput(vector)
    let out = try graph.call(P.sin, [y])
    let count = graph.nodes.count
    #expect(try Transform.vjp(&graph, of: [out], cotangents: [x], wrt: [x]) == [nil])
    #expect(try Transform.jvp(&graph, of: [out], wrt: [x], tangents: [y]) == [nil])
    #expect(graph.nodes.count == count)
  }

  @Test func nothingFlowsThroughIntegersAndStopGradient() throws {
    var graph = Graph()
    let x = graph.addInput(vector)
    let truncated = try graph.cast(graph.cast(x, .i64), .f64)
    let stopped = try graph.call(P.stopGradient, [x])
    let out = try graph.mul(truncated, stopped)
    #expect(try Transform.vjp(&graph, of: [out], cotangents: [x], wrt: [x]) == [nil])
    #expect(try Transform.jvp(&graph, of: [out], wrt: [x], tangents: [x]) == [nil])
    let integer = graph.addInput(try TensorType(.i64, [3]))
    let float = try graph.cast(integer, .f64)
    #expect(try Transform.vjp(&graph, of: [float], cotangents: [x], wrt: [integer]) == [nil])
  }

  /// b bit for bit, the slope of a, that slope at b: y² has 2 y a' and 2 a'², whatever a is.
  @Test func straightThroughHasTheValueOfOneAndTheSlopeOfTheOther() throws {
    var graph = Graph()
    let x = graph.addInput(vector)
    let y = graph.addInput(vector)
    let scaled = try graph.scale(x, 3)
    let value = try graph.call(P.straightThrough, [scaled, y])
    let out = try graph.mul(value, value)
    let first = try Transform.gradient(&graph, of: out, wrt: [x, y])
    #expect(first[1] == nil)
    let slope = try #require(first[0])
    let second = try Transform.gradient(&graph, of: slope, wrt: [x, y])
    let one = try graph.constant(1, like: x)
    let forward = try Transform.jvp(&graph, of: [value], wrt: [x, y], tangents: [one, x])
    let seen = try Transform.jvp(
      &graph, of: [value], wrt: [x, y], tangents: [one, x], throughStops: true)
    graph.outputs = [value, slope] + (second + forward + seen).compactMap { $0 }
    #expect(second[1] == nil && graph.outputs.count == 5)
    let point: [[Double]] = [[.infinity, 1, .nan], [-0.0, 2, -.infinity]]
    for graph in [graph, try Transform.simplify(graph)] {
      let numbers = try Reference.evaluate(graph, point)
      #expect(numbers[0] == point[1] && numbers[0][0].sign == .minus)
      #expect(numbers[1] == [0, 12, -.infinity])
      #expect(numbers[2] == [18, 18, 18] && numbers[3] == [3, 3, 3])
      #expect(numbers[4][..<2] == [.infinity, 1] && numbers[4][2].isNaN)
    }
  }

  @Test func cotangentsOfRepeatedOutputsAndOperandsAddUp() throws {
    var graph = Graph()
    let x = graph.addInput(vector)
    let one = try graph.constant(1, like: x)
    let square = try graph.mul(x, x)
    let made = try Transform.vjp(
      &graph, of: [square, square, x], cotangents: [one, one, one], wrt: [x, x])
    graph.outputs = made.compactMap { $0 }
    // d/dx (2 x² + x) = 4 x + 1
    let numbers = try Reference.evaluate(graph, [[1, 2, -3]])
    #expect(numbers == [[5, 9, -11], [5, 9, -11]])
  }

  @Test func intermediateValuesPassCotangentsOn() throws {
    var graph = Graph()
    let x = graph.addInput(vector)
    let middle = try graph.scale(x, 3)
    let out = try graph.mul(middle, middle)
    let one = try graph.constant(1, like: x)
    graph.outputs = try Transform.vjp(
      &graph, of: [out], cotangents: [one], wrt: [middle, x]
    ).compactMap { $0 }
    #expect(try Reference.evaluate(graph, [[1, 2, 3]]) == [[6, 12, 18], [18, 36, 54]])
    // The transpose: both tangents move the output.
    graph.outputs = try Transform.jvp(
      &graph, of: [out], wrt: [middle, x], tangents: [one, one]
    ).compactMap { $0 }
    #expect(try Reference.evaluate(graph, [[1, 2, 3]]) == [[24, 48, 72]])
  }

  @Test func wrongValuesAreRefused() throws {
    var graph = Graph()
    let x = graph.addInput(vector)
    let scalar = graph.addInput(try TensorType(.f64, []))
    let out = try graph.call(P.sin, [x])
    #expect(throws: BettyError.self) {
      _ = try Transform.vjp(&graph, of: [out], cotangents: [scalar], wrt: [x])
    }
    #expect(throws: BettyError.self) {
      _ = try Transform.jvp(&graph, of: [out], wrt: [x], tangents: [])
    }
    #expect(throws: BettyError.self) {
      _ = try Transform.vjp(&graph, of: [out], cotangents: [x], wrt: [Value(1000)])
    }
    #expect(throws: BettyError.self) {
      _ = try Transform.substitute(&graph, of: [out], replacing: [(x, scalar)])
    }
  }

  @Test func hessianProductIsThatOfTheHessian() throws {
    // loss = Σ x³ y: H = [[6 x y, 3 x²], [3 x², 0]]
    var graph = Graph()
    let x = graph.addInput(vector)
    let y = graph.addInput(vector)
    let (u, v) = (graph.addInput(vector), graph.addInput(vector))
    let cube = try graph.mul(graph.mul(x, x), x)
    let loss = try graph.sum(graph.mul(cube, y), [0])
    graph.outputs = try Transform.hvp(&graph, loss: loss, wrt: [x, y], vector: [u, v])
      .compactMap { $0 }
    let numbers = try Reference.evaluate(
      Transform.simplify(graph), [[1, 2, 3], [1, -1, 2], [1, 0, 2], [2, 1, 0]])
    #expect(numbers == [[12, 12, 72], [3, 0, 54]])
  }

  @Test func substitutionSharesWhatDoesNotMove() throws {
    var graph = Graph()
    let x = graph.addInput(vector)
    let y = graph.addInput(vector)
    let fixed = try graph.call(P.exp, [y])
    let product = try graph.mul(x, fixed)
    let out = try graph.call(P.tanh, [product])
    let moved = try graph.add(x, y)
    let start = graph.nodes.count
    let new = try Transform.substitute(&graph, of: [out, fixed, x], replacing: [(x, moved)])
    #expect(names(graph, from: start) == ["mul", "tanh"])
    #expect(graph.nodes[start].inputs == [moved, fixed])
    #expect(new[1] == fixed && new[2] == moved)
    // An intermediate value is replaced where it is read.
    let end = graph.nodes.count
    let again = try Transform.substitute(&graph, of: [out], replacing: [(product, y)])
    #expect(names(graph, from: end) == ["tanh"])
    #expect(graph.node(of: again[0])?.inputs == [y])
  }

  @Test func linearPartReplays() throws {
    // f = tanh(A x) · y, linear part in x and y.
    var graph = Graph()
    let a = graph.addInput(try TensorType(.f64, [3, 3]))
    let x = graph.addInput(try TensorType(.f64, [3, 1]))
    let y = graph.addInput(try TensorType(.f64, [3, 1]))
    let inner = try graph.call(P.tanh, [graph.matmul(a, x)])
    graph.outputs = [try graph.mul(inner, y), a]
    var generator = Generator(7)
    let point = graph.inputs.map { generator.uniform(-1...1, graph.type(of: $0).count) }
    let direction = [x, y].map { generator.uniform(-1...1, graph.type(of: $0).count) }
    let (primal, linear) = try Transform.linearize(graph, wrt: [1, 2])
    #expect(!linear.nodes.contains { $0.primitive.name == "tanh" })
    #expect(linear.nodes.count { $0.primitive === P.matmul } == 1)
    let residuals = try Reference.evaluate(primal, point).dropFirst(2)
    let replayed = try Reference.evaluate(linear, residuals + direction)
    var direct = graph
    let tangents = [x, y].map { direct.addInput(graph.type(of: $0)) }
    direct.outputs = try Transform.jvp(
      &direct, of: [graph.outputs[0]], wrt: [x, y], tangents: tangents
    ).compactMap { $0 }
    let expected = try Reference.evaluate(direct, point + direction)
    #expect(replayed[0] == expected[0])
    // a does not depend on x and y: zeros of its type.
    #expect(replayed[1] == [Double](repeating: 0, count: 9))
    // Applied inside a graph it gives the same.
    var whole = graph
    let part = try Transform.linearize(&whole, of: graph.outputs, wrt: [x, y])
    #expect(part.dependent == [true, false])
    let vectors = [x, y].map { whole.addInput(graph.type(of: $0)) }
    whole.outputs = try part.apply(&whole, to: vectors)
    #expect(try Reference.evaluate(whole, point + direction) == replayed)
  }

  /// Depth costs no stack and time stays linear.
  @Test func deepGraphs() throws {
    var graph = Graph()
    let x = graph.addInput(vector)
    var value = x
    #if DEBUG
      let layers = 2_000
    #else
      let layers = 25_000
    #endif
    for step in 0..<layers {
      value = try graph.call(step % 2 == 0 ? P.sin : P.tanh, [value])
      value = try graph.mul(value, x)
    }
    let clock = ContinuousClock()
    var gradient: [Value?] = []
    let elapsed = try clock.measure {
      let loss = try graph.sum(value, [0])
      gradient = try Transform.gradient(&graph, of: loss, wrt: [x])
      graph.outputs = gradient.compactMap { $0 }
      graph = try Transform.simplify(graph)
      _ = try Transform.substitute(
        &graph, of: graph.outputs, replacing: [(graph.inputs[0], graph.outputs[0])])
    }
    #expect(graph.nodes.count > 4 * layers)
    // Far above what it takes on a busy machine, far below anything quadratic.
    #expect(elapsed < .seconds(20), "took \(elapsed)")
  }

  /// Rules that go up a chain do so for a bounded number of steps.
  @Test func chainsOfPermutedOperands() throws {
    var graph = Graph()
    let x = graph.addInput(try TensorType(.f32, [2, 3, 4]))
    var value = graph.addInput(try TensorType(.f32, [4, 2, 3]))
    for _ in 0..<20_000 {
      value = try graph.add(value, graph.permute(x, [2, 0, 1]))
    }
    graph.outputs = [try graph.permute(value, [1, 2, 0])]
    let simple = try Transform.simplify(graph)
    #expect(simple.nodes.count { $0.primitive === P.add } == 20_000)
  }
}
