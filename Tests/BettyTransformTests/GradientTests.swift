// Every primitive against central differences, in both modes, first and second order, before and
// after simplification. One list, Registry.primitives: a primitive cannot be added without being
// tested here.

import BettyGraph
import BettyKernelInterface
import Testing

@testable import BettyTransform

/// A primitive and one of its samples.
struct GradientCase: CustomTestStringConvertible, Sendable {
  let primitive: Primitive
  let sample: Sample
  let number: Int
  var testDescription: String { "\(primitive.name) #\(number)" }

  static let all = Registry.primitives.flatMap { primitive in
    primitive.samples.enumerated().map {
      GradientCase(primitive: primitive, sample: $0.element, number: $0.offset)
    }
  }
}

/// A function of inputs with a direction for each and a weight for each output: what the products
/// of its Jacobian are tested on.
private struct Probe {
  var graph: Graph
  /// Numbers of the inputs of `graph`.
  let point: [[Double]]
  let wrt: [Value]
  let direction: [[Double]]
  /// Floating outputs and their cotangents.
  let outputs: [Value]
  let weights: [[Double]]
  /// Of the finite difference: values of f32 need a coarser one.
  let step: Double
  let tolerance: Double

  init(
    _ graph: Graph, point: [[Double]], wrt: [Value], outputs: [Value], generator: inout Generator
  ) {
    self.graph = graph
    self.point = point
    self.wrt = wrt
    self.outputs = outputs
    let low = graph.types.contains { $0.dtype.computeType != $0.dtype }
    func draw(_ value: Value) -> [Double] {
      let numbers = generator.uniform(-1...1, graph.type(of: value).count)
      return low ? numbers.map { $0.rounded() } : numbers
    }
    direction = wrt.map { draw($0) }
    weights = outputs.map { draw($0) }
    let coarse = graph.types.contains { $0.dtype.isFloating && $0.dtype != .f64 }
    // What takes storage types of its own is bilinear: on whole numbers any step is exact.
    step = low ? 1 : coarse ? 1e-2 : 1e-5
    tolerance = coarse ? 2e-3 : 2e-7
  }

  /// The primitive that hides a derivative, which a difference sees.
  private var isHidden: Bool { graph.nodes.contains { $0.primitive === P.stopGradient } }

  /// The graph in which straight_through gives what its derivative is that of: a sample does not read
  /// the value but through linear operations.
  private var shown: Graph {
    guard graph.nodes.contains(where: { $0.primitive === P.straightThrough }) else { return graph }
    var shown = Graph()
    for (value, producer) in graph.producers.enumerated() {
      guard producer >= 0 else {
        _ = shown.addInput(graph.types[value])
        continue
      }
      let node = graph.nodes[producer]
      guard node.results.lowerBound == value else { continue }
      let isHiding = node.primitive === P.straightThrough
      _ = shown.append(
        isHiding ? P.stopGradient : node.primitive, isHiding ? [node.inputs[0]] : node.inputs,
        node.attributes, node.results.map { graph.types[$0] })
    }
    return shown
  }

  /// The derivative of Σ weights · outputs along the direction, by a central difference.
  func difference() throws -> Double {
    if isHidden { return 0 }
    let graph = shown
    func shifted(_ sign: Double) throws -> Double {
      var inputs = point
      for (value, direction) in zip(wrt, direction) {
        guard let place = graph.inputs.firstIndex(of: value) else { continue }
        inputs[place] = zip(inputs[place], direction).map { $0 + sign * step * $1 }
      }
      return dot(weights, try Reference.evaluate(graph, inputs, outputs))
    }
    return try (shifted(1) - shifted(-1)) / (2 * step)
  }

  /// The forward pass: the graph with tangents as further inputs and outputs, and their numbers.
  func forward() throws -> (graph: Graph, outputs: [Value?], point: [[Double]]) {
    var graph = graph
    let tangents = wrt.map { graph.addInput(graph.type(of: $0)) }
    let made = try Transform.jvp(&graph, of: outputs, wrt: wrt, tangents: tangents)
    graph.outputs = made.compactMap { $0 }
    return (graph, made, point + direction)
  }

  func reverse() throws -> (graph: Graph, outputs: [Value?], point: [[Double]]) {
    var graph = graph
    let cotangents = outputs.map { graph.addInput(graph.type(of: $0)) }
    let made = try Transform.vjp(&graph, of: outputs, cotangents: cotangents, wrt: wrt)
    graph.outputs = made.compactMap { $0 }
    return (graph, made, point + weights)
  }

  /// weightsᵀ J direction in both modes, simplified or not, all equal to the difference.
  func check(_ name: String, simplified: Bool) throws {
    let expected = try difference()
    let forward = try forward()
    let tangents = try values(forward.graph, forward.outputs, forward.point, simplified)
    compare(dot(weights, tangents), expected, "\(name): jvp")
    let reverse = try reverse()
    let cotangents = try values(reverse.graph, reverse.outputs, reverse.point, simplified)
    compare(dot(cotangents, direction), expected, "\(name): vjp")
    // Both are exact, so they agree far better than with a difference.
    let (a, b) = (dot(weights, tangents), dot(cotangents, direction))
    let exact = step > 1e-3 ? 1e-4 : 1e-9
    let scale = max(1, abs(a))
    #expect(abs(a - b) <= exact * scale, "\(name): jvp gives \(a), vjp \(b)")
  }

  /// Numbers of values of which nil is zero (an empty array has product 0 with anything).
  private func values(
    _ graph: Graph, _ made: [Value?], _ point: [[Double]], _ simplified: Bool
  ) throws -> [[Double]] {
    let graph = simplified ? try Transform.simplify(graph) : graph
    var numbers = try Reference.evaluate(graph, point)[...]
    return made.map { $0 == nil ? [] : numbers.removeFirst() }
  }

  private func compare(_ got: Double, _ expected: Double, _ name: String) {
    let scale = max(1, abs(expected))
    #expect(
      abs(got - expected) <= tolerance * scale, "\(name) gives \(got), difference \(expected)")
  }
}

private func dot(_ a: [[Double]], _ b: [[Double]]) -> Double {
  zip(a, b).reduce(0) { sum, pair in zip(pair.0, pair.1).reduce(sum) { $0 + $1.0 * $1.1 } }
}

@Suite struct GradientTests {
  /// The probe of a sample over some of its floating inputs; nil if nothing is to be
  /// differentiated.
  private func probe(
    _ example: GradientCase, _ dtype: DType, seed: UInt64, wrt chosen: Int? = nil
  ) throws -> Probe? {
    var generator = Generator(seed)
    let graph = try example.sample.graph(of: example.primitive, dtype)
    let floating = graph.inputs.indices.filter { graph.dtype(of: graph.inputs[$0]).isFloating }
    let positions = chosen.map { floating.indices.contains($0) ? [floating[$0]] : [] } ?? floating
    let outputs = graph.outputs.filter { graph.dtype(of: $0).isFloating }
    guard !positions.isEmpty, !outputs.isEmpty else { return nil }
    return Probe(
      graph, point: example.sample.draw(graph, &generator),
      wrt: positions.map { graph.inputs[$0] }, outputs: outputs, generator: &generator)
  }

  @Test(arguments: GradientCase.all)
  func firstOrder(_ example: GradientCase) throws {
    // All inputs together, then each alone: a rule may be right only when every tangent is there.
    for chosen in [nil] + (0..<example.sample.inputs.count).map(Optional.some) {
      guard let probe = try probe(example, .f64, seed: 1, wrt: chosen) else { continue }
      let name = "\(example.testDescription) wrt \(chosen.map(String.init) ?? "all")"
      try probe.check(name, simplified: false)
      try probe.check(name + ", simplified", simplified: true)
      try probe.forward().graph.verify()
      try probe.reverse().graph.verify()
    }
  }

  /// The check notices a wrong rule: a slope that is off, and a transpose that is not the transpose.
  @Test func wrongRulesAreNoticed() throws {
    func primitive(_ derivative: Derivative) -> Primitive {
      Primitive(
        "wrong", derivative: derivative, kernel: .tile(.neg), samples: [Sample([.init([3])])]
      ) {
        inputs, _ in inputs
      }
    }
    let wrong: [Derivative] = [
      .zero, .elementwise([{ graph, node in try graph.constant(-1.001, like: node.output) }]),
      .linear(operands: [0]) { _, _, cotangent in [cotangent] },
    ]
    for derivative in wrong {
      let primitive = primitive(derivative)
      let example = GradientCase(primitive: primitive, sample: primitive.samples[0], number: 0)
      let probe = try #require(try probe(example, .f64, seed: 1))
      try withKnownIssue {
        try probe.check("wrong", simplified: false)
      } matching: { issue in
        issue.comments.contains {
          $0.rawValue.contains("difference") || $0.rawValue.contains("jvp")
        }
      }
    }
  }

  /// The gradient graph differentiated again: in its inputs and in the cotangents.
  @Test(arguments: GradientCase.all)
  func secondOrderOverReverse(_ example: GradientCase) throws {
    guard let first = try probe(example, .f64, seed: 2) else { return }
    let gradient = try first.reverse()
    try checkAgain(gradient, first, "\(example.testDescription) over reverse")
  }

  @Test(arguments: GradientCase.all)
  func secondOrderOverForward(_ example: GradientCase) throws {
    guard let first = try probe(example, .f64, seed: 3) else { return }
    let tangent = try first.forward()
    try checkAgain(tangent, first, "\(example.testDescription) over forward")
  }

  private func checkAgain(
    _ derived: (graph: Graph, outputs: [Value?], point: [[Double]]), _ first: Probe, _ name: String
  ) throws {
    for simplified in [false, true] {
      let graph = simplified ? try Transform.simplify(derived.graph) : derived.graph
      guard !graph.outputs.isEmpty else { return }
      var generator = Generator(4)
      let added = derived.graph.inputs.count - first.graph.inputs.count
      let positions = first.wrt.compactMap(first.graph.inputs.firstIndex)
      let wrt = positions.map { graph.inputs[$0] } + graph.inputs.suffix(added)
      let second = Probe(
        graph, point: derived.point, wrt: wrt, outputs: graph.outputs, generator: &generator)
      try second.check(name, simplified: false)
      try second.check(name + ", simplified", simplified: true)
    }
  }

  /// Derivatives keep the element type whatever it is, and f32 agrees with f64.
  @Test(arguments: GradientCase.all, [DType.f32, .bf16, .f16])
  func everyType(_ example: GradientCase, _ dtype: DType) throws {
    guard let narrow = try probe(example, dtype, seed: 5),
      let wide = try probe(example, .f64, seed: 5)
    else { return }
    let (narrowGraph, wideGraph) = (try narrow.reverse(), try wide.reverse())
    #expect(narrowGraph.outputs.map { $0 == nil } == wideGraph.outputs.map { $0 == nil })
    _ = try narrow.forward()
    guard dtype == .f32 else { return }
    let got = try Reference.evaluate(Transform.simplify(narrowGraph.graph), narrowGraph.point)
    let expected = try Reference.evaluate(wideGraph.graph, wideGraph.point)
    for (got, expected) in zip(got.joined(), expected.joined()) {
      #expect(
        abs(got - expected) <= 1e-4 * max(1, abs(expected)), "\(example.testDescription) in f32")
    }
  }

  /// Slopes where a naive formula gives NaN or infinity, and those of slopes; numbers of PyTorch.
  @Test func extremeValues() throws {
    let large: [Double] = [-1e20, -1000, -50, 0, 50, 1000, 1e20]
    let cases: [(Primitive, [[Double]], [Double])] = [
      (P.tanh, [large], [0, 0, 0, 1, 0, 0, 0]), (P.relu, [large], [0, 0, 0, 0, 1, 1, 1]),
      (P.sigmoid, [[-1000, 0, 1000]], [0, 0.25, 0]), (P.gelu, [[-1e20, 0, 1e20]], [0, 0.5, 1]),
      (P.softplus, [[-1000, 0, 1000]], [0, 0.5, 1]), (P.erf, [[-1e20, 1e20]], [0, 0]),
      (P.pow, [[0, 0, 0, -2], [0, 1, 2, 2]], [0, 1, 0, -4]), (P.atan2, [[0], [0]], [0]),
      (P.maximum, [[1, 2], [1, 1]], [0.5, 1]), (P.abs, [[0]], [0]),
    ]
    for (primitive, point, expected) in cases {
      var graph = Graph()
      let type = try TensorType(.f64, [expected.count])
      let inputs = point.map { _ in graph.addInput(type) }
      let out = try graph.call(primitive, inputs)
      let slope = try Transform.gradient(&graph, of: out, wrt: [inputs[0]])[0]
      let slopes = [try #require(slope)]
      let again = try Transform.gradient(&graph, of: slopes[0], wrt: [inputs[0]])
      graph.outputs = slopes + again.compactMap { $0 }
      for graph in [graph, try Transform.simplify(graph)] {
        let got = try Reference.evaluate(graph, point)
        #expect(got[0] == expected, "\(primitive.name) gives \(got[0])")
        #expect(!got.joined().contains { $0.isNaN }, "\(primitive.name) gives \(got)")
      }
    }
  }

  @Test func everyPrimitiveIsReached() {
    let reached = Set(GradientCase.all.map(\.primitive.name))
    #expect(Registry.primitives.count >= 60)
    for primitive in Registry.primitives where !reached.contains(primitive.name) {
      Issue.record("no sample of \(primitive.name)")
    }
    // A primitive that has a derivative has a sample through which it flows.
    for primitive in Registry.primitives {
      if case .zero = primitive.derivative { continue }
      let flows = primitive.samples.contains { sample in
        guard let graph = try? sample.graph(of: primitive, .f64) else { return false }
        let operands = graph.inputs.map { graph.type(of: $0) }
        return operands.contains { $0.dtype.isFloating && $0.count > 0 }
          && graph.outputs.contains { graph.dtype(of: $0).isFloating }
      }
      #expect(flows, "\(primitive.name) has a derivative but no sample with one")
    }
  }
}
