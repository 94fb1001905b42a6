// Dynamic scaling where products are stored in f16, whose least number is 6e-8 and largest 65504
// (Micikevicius et al., ICLR 2018, section 3.2). A loss is scaled by S before it is differentiated, and a
// vector that a Jacobian product is taken of to a largest element of min(1, S / S₀): what comes back is
// divided again in f32. A step that overflows is left out and S made smaller; S grows after a number of
// good steps. Invariant: programs read S from a tensor, so another S compiles nothing.

import BettyGraph
import BettyRuntime
import BettyTransform

/// S of one problem from step to step.
package final class LossScale {
  /// Good steps after which S grows, as torch's GradScaler has it.
  static let growthInterval = 2000
  /// Overflows of one problem in a row after which nothing is to be hoped for.
  static let mostOverflows = 200
  private static let range = 0x1p-24...0x1p32

  package private(set) var value: Double
  package private(set) var goodSteps = 0
  let initial: Double
  private let factor: Double
  private var handle: Tensor?

  init(_ config: ProblemConfig) {
    initial = config.initialDynamicScale
    value = initial
    factor = config.scaleFactor
  }

  /// S as programs read it: f64, a scalar.
  func tensor() throws -> Tensor {
    if let handle { return handle }
    let made = try Tensor.parameter(try Tensor.doubles([value], []), requiresGrad: false)
    handle = made
    return made
  }

  package func set(_ value: Double, goodSteps: Int) throws {
    guard value > 0, value.isFinite else {
      throw BettyError.value("loss_scale: must be a positive number, got \(value)")
    }
    try Count.check(goodSteps, "loss_scale: steps")
    self.value = value
    self.goodSteps = goodSteps
    try handle?.assign(try Tensor.doubles([value], []))
  }

  /// After a step that was taken.
  func succeed() throws {
    guard goodSteps + 1 >= Self.growthInterval else {
      goodSteps += 1
      return
    }
    try set(min(value * factor, Self.range.upperBound), goodSteps: 0)
  }

  /// After a step that overflowed.
  func fail() throws {
    try set(max(value / factor, Self.range.lowerBound), goodSteps: 0)
  }
}

/// S in a graph.
package struct GradientScale {
  /// f32, a scalar.
  private let scale: Value
  /// The largest element that vectors are given.
  let reach: Value

  /// `scale` is the input of S.
  init(_ input: Value, initial: Double, in graph: inout Graph) throws {
    scale = try graph.cast(input, .f32)
    let share = try graph.scale(scale, 1 / initial)
    reach = try graph.call(P.minimum, [share, graph.constant(1, like: share)])
  }

  /// Appends the derivatives of Σ weights · losses, taken of the scaled losses where there is a scale.
  static func gradients(
    of losses: [Value], weights: [Double]? = nil, wrt: [Value], _ scale: GradientScale?,
    in graph: inout Graph
  ) throws -> [Value?] {
    var seeds: [Value] = []
    for (place, loss) in losses.enumerated() {
      let seed = try graph.constant(weights?[place] ?? 1, like: loss)
      guard let scale else {
        seeds.append(seed)
        continue
      }
      seeds.append(try graph.mul(Vectors.spread(scale.scale, like: loss, in: &graph), seed))
    }
    let made = try Transform.vjp(&graph, of: losses, cotangents: seeds, wrt: wrt)
    guard let scale else { return made }
    let back = try graph.call(P.reciprocal, [scale.scale])
    return try made.map { try $0.map { try multiply($0, by: back, in: &graph) } }
  }

  /// A linear map of vectors, applied to them in range where there is a scale. With `undoing` the map is a
  /// derivative in reverse of gradients that were divided by S, which is undone on the way.
  static func linear(
    _ scale: GradientScale?, _ vectors: [Value], undoing: Bool = false, in graph: inout Graph,
    _ map: (inout Graph, [Value]) throws -> [Value?]
  ) throws -> [Value?] {
    guard let scale else { return try map(&graph, vectors) }
    return try linear(
      reach: undoing ? graph.mul(scale.reach, scale.scale) : scale.reach, vectors, in: &graph, map)
  }

  /// The same with the largest element alone: for the body of a loop.
  static func linear(
    reach: Value, _ vectors: [Value], in graph: inout Graph,
    _ map: (inout Graph, [Value]) throws -> [Value?]
  ) throws -> [Value?] {
    guard let largest = try largest(vectors, in: &graph) else { return try map(&graph, vectors) }
    // The floor keeps the factor finite so that zeros stay zeros.
    let bounded = try graph.call(P.maximum, [largest, graph.constant(1e-30, like: largest)])
    let factor = try graph.div(reach, bounded)
    let scaled = try vectors.map { try multiply($0, by: factor, in: &graph) }
    let back = try graph.div(bounded, reach)
    return try map(&graph, scaled).map { try $0.map { try multiply($0, by: back, in: &graph) } }
  }

  private static func multiply(
    _ value: Value, by factor: Value, in graph: inout Graph
  ) throws -> Value {
    try graph.mul(Vectors.spread(factor, like: value, in: &graph), value)
  }

  /// The largest absolute value, f32; nil without elements.
  private static func largest(_ vectors: [Value], in graph: inout Graph) throws -> Value? {
    var result: Value?
    for vector in vectors where graph.type(of: vector).count > 0 {
      let rank = graph.shape(of: vector).count
      var own = try graph.call(P.abs, [vector])
      if rank > 0 { own = try graph.call(P.max, [own], ["axes": .ints(Array(0..<rank))]) }
      own = try graph.cast(own, .f32)
      result = try result.map { try graph.call(P.maximum, [$0, own]) } ?? own
    }
    return result
  }
}

extension StepGraph {
  /// S of a problem where its recording needs one.
  mutating func scale(of problem: Problem, for graph: RecordedGraph) throws -> GradientScale? {
    guard graph.isHalf else { return nil }
    let input = input(try problem.lossScale.tensor())
    return try GradientScale(input, initial: problem.lossScale.initial, in: &self.graph)
  }
}
