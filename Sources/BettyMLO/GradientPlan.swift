// Derivatives of a recorded structure as one operation to splice into the recording: made once per
// structure and question. The derivative graph is cut where the recording has values, so that a forward
// value is referred to, not computed again; what lies inside an operation is recomputed, and shared with
// the forward pass when both run in one program. Invariant: a plan holds no tensors.

import BettyGraph
import BettyKernelInterface
import BettyRuntime
import BettyTransform

/// What is asked about a recorded structure.
enum DerivativeQuestion: Int32, Sendable {
  /// cotangents of outputs → cotangents of the sought values
  case vjp
  /// tangents of the sought values → tangents of the outputs
  case jvp
  /// of one output: vectors → products of its Hessian with them
  case hvp
}

final class GradientPlan: Sendable {
  /// Where an input of the operation comes from.
  enum Source: Sendable {
    case position(Int)
    case result(Int, Int)
    case number(Int)
    case vector(Int)
  }

  let operation: RecordedOperation
  let sources: [Source]
  /// Per answer, the result of the operation; nil: no dependence.
  let results: [Int?]

  init(operation: RecordedOperation, sources: [Source], results: [Int?]) {
    self.operation = operation
    self.sources = sources
    self.results = results
  }

  /// `given` says which vectors are given; a missing cotangent of a scalar is one.
  static func make(
    _ question: DerivativeQuestion, _ capture: Capture, sought: [Int], given: [Bool]
  ) throws -> GradientPlan {
    var graph = capture.graph
    let map = capture.map
    var boundary = boundaries(map)
    func value(_ position: Int) throws -> Value {
      guard let value = map.values[position] else {
        throw BettyError.runtime("grad: not a value")
      }
      return value
    }
    let outputs = try capture.rootPositions.map(value)
    let wrt = try sought.map(value)
    let shaped = question == .vjp ? outputs : wrt
    var vectors: [Value?] = []
    for (position, like) in shaped.enumerated() {
      guard given[position] else {
        vectors.append(question == .vjp ? try ones(&graph, graph.type(of: like)) : nil)
        continue
      }
      let vector = graph.addInput(graph.type(of: like))
      boundary[vector] = .vector(position)
      vectors.append(vector)
    }
    let answers: [Value?] =
      switch question {
      case .vjp: try Transform.vjp(&graph, of: outputs, cotangents: vectors, wrt: wrt)
      case .jvp: try Transform.jvp(&graph, of: outputs, wrt: wrt, tangents: vectors)
      case .hvp:
        try Transform.hvp(&graph, loss: outputs[0], wrt: wrt, vector: vectors.compactMap { $0 })
      }
    return try cutOut(question, graph, answers, boundary, capture)
  }

  /// Values that the recording has: leaves, numbers, results of nodes.
  static func boundaries(_ map: GraphMap) -> [Value: Source] {
    var boundary: [Value: Source] = [:]
    for (position, values) in map.results {
      for (index, value) in values.enumerated() { boundary[value] = .result(position, index) }
    }
    for (position, value) in map.values.enumerated() {
      if let value { boundary[value] = .position(position) }
    }
    for (index, value) in map.numbers.enumerated() { boundary[value] = .number(index) }
    return boundary
  }

  private static func cutOut(
    _ question: DerivativeQuestion, _ graph: Graph, _ answers: [Value?],
    _ boundary: [Value: Source], _ capture: Capture
  ) throws -> GradientPlan {
    var results: [Int?] = []
    var found: [Value] = []
    for answer in answers {
      results.append(answer == nil ? nil : found.count)
      if let answer { found.append(answer) }
    }
    var (cut, inputs) = graph.cut(found) { boundary[$0] != nil }
    cut = try Transform.simplify(cut, keepingStopGradient: true)
    let used = cut.usedInputs()
    cut = cut.keepingInputs(used)
    var sources: [Source] = zip(inputs, used).compactMap { input, isUsed in
      isUsed ? boundary[input] : nil
    }
    // The outputs themselves come along unused: evaluating a gradient then also computes the loss,
    // if somebody holds it, in the same program.
    if question == .vjp {
      for position in capture.rootPositions {
        guard let value = capture.map.values[position] else { continue }
        _ = cut.addInput(graph.type(of: value))
        sources.append(.position(position))
      }
    }
    return assemble(
      "\(question)", cut, sources, capture, results: results, isGradient: question == .vjp)
  }

  /// The plan of a graph whose inputs come from `sources`; without `results`, one for each output.
  static func assemble(
    _ name: String, _ graph: Graph, _ sources: [Source], _ capture: Capture,
    results: [Int?]? = nil, isGradient: Bool = false
  ) -> GradientPlan {
    let numbers = sources.map { source -> DType? in
      if case .number(let index) = source { capture.numberKind(index) } else { nil }
    }
    let operation = Recording.operation(name, graph, numbers: numbers, isGradient: isGradient)
    return GradientPlan(
      operation: operation, sources: sources, results: results ?? Array(graph.outputs.indices))
  }

  /// Records the operation on what a recording of the plan's structure was made on.
  func record(on capture: Capture, vectors: [Tensor?]) throws -> [Tensor] {
    let inputs = try sources.map { source in
      switch source {
      case .position(let position): return capture.order[position]
      case .result(let position, let index):
        return Recording.result(of: capture.order[position], index)
      case .number(let index): return capture.number(index)
      case .vector(let index):
        guard let vector = vectors[index] else {
          throw BettyError.runtime("grad: a vector is missing")
        }
        return vector.present
      }
    }
    return Recording.splice(operation, inputs)
  }

  private static func ones(_ graph: inout Graph, _ type: TensorType) throws -> Value {
    try graph.call(
      P.constant, [],
      ["value": .double(1), "shape": .ints(type.shape), "dtype": .dtype(type.dtype)])
  }
}
