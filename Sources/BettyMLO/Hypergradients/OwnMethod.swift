// A method of a user's own. When a step's graph is built it is called once, with lazy tensors that stand for
// values of that graph; what it records on them is copied into the graph, so that a repeated step runs it
// as a part of its program. Invariant: a stand-in has no memory, so reading one is an error.

import BettyGraph
import BettyRuntime
import BettyTransform

/// One call: what the user's function is given.
package final class MethodCall {
  package let vector: [Tensor]
  package let parameters: [Tensor]
  package let upper: [Tensor]
  package let loss: Tensor
  /// What the function gives: as many tensors as `upper` has, shaped like them.
  package var product: [Tensor] = []
  /// The values of the graph that stand-ins stand for.
  private var standIns: [(tensor: Tensor, value: Value)] = []
  private let hessian: Linear
  private let mixed: Linear

  /// An operation v ↦ Jv with the stand-ins of its residuals.
  private struct Linear {
    let operation: RecordedOperation
    let residuals: [Tensor]
    /// Per answer the output of the operation; nil: zero.
    let outputs: [Int?]
  }

  init(
    _ vector: [Value], _ lower: LowerProblem, _ upper: [Value], in graph: inout Graph
  ) throws {
    var made: [(tensor: Tensor, value: Value)] = []
    func standIn(_ value: Value) -> Tensor {
      let tensor = Tensor.standIn(graph.type(of: value))
      made.append((tensor, value))
      return tensor
    }
    func linear(_ wrt: [Value], _ sign: Double) throws -> Linear {
      let gradients = try lower.gradients(by: wrt, in: &graph)
      var present: [Value] = []
      var outputs: [Int?] = []
      for gradient in gradients {
        outputs.append(gradient == nil ? nil : present.count)
        if let gradient {
          present.append(try Vectors.scaled([gradient], by: sign, in: &graph)[0])
        }
      }
      let part = try Transform.linearize(&graph, of: present, wrt: lower.parameters)
      let reach = lower.scale.map { [$0.reach] } ?? []
      return Linear(
        operation: Recording.operation("product", try Self.inRange(part, reach, graph)),
        residuals: (part.residuals + reach).map(standIn), outputs: outputs)
    }
    hessian = try linear(lower.parameters, 1)
    mixed = try linear(upper, -1)
    self.vector = vector.map(standIn)
    parameters = lower.parameters.map(standIn)
    self.upper = upper.map(standIn)
    loss = standIn(lower.loss)
    standIns = made
  }

  /// The linear part on vectors that are scaled for it, if there is a scale: one more residual.
  private static func inRange(
    _ part: LinearPart, _ reach: [Value], _ graph: Graph
  ) throws -> Graph {
    guard let reach = reach.first else { return part.graph }
    let count = part.residuals.count
    var scaled = Graph()
    let inputs = part.graph.inputs.map { part.graph.type(of: $0) }
    let residuals = inputs[..<count].map { scaled.addInput($0) }
    let largest = scaled.addInput(graph.type(of: reach))
    let vectors = inputs[count...].map { scaled.addInput($0) }
    scaled.outputs = try GradientScale.linear(reach: largest, vectors, in: &scaled) {
      try part.apply(&$0, to: $1, at: residuals)
    }.compactMap { $0 }
    return scaled
  }

  /// "hvp": H · v; "mixed": −vᵀ ∂²L/∂θ∂λ.
  package func apply(_ name: String, to vectors: [Tensor]) throws -> [Tensor] {
    guard name == "hvp" || name == "mixed" else {
      throw BettyError.value("product: must be 'hvp' or 'mixed', got '\(name)'")
    }
    guard vectors.count == parameters.count else {
      throw BettyError.value(
        "\(name): expected \(parameters.count) tensors, shaped as lower.parameters, got "
          + "\(vectors.count)")
    }
    for (vector, parameter) in zip(vectors, parameters) where vector.type != parameter.type {
      throw BettyError.value("\(name): expected \(parameter.type), got \(vector.type)")
    }
    let linear = name == "hvp" ? hessian : mixed
    let answers = name == "hvp" ? parameters : upper
    let needed = linear.outputs.contains { $0 != nil }
    let made =
      needed ? Recording.splice(linear.operation, linear.residuals + vectors.map(\.present)) : []
    return try zip(linear.outputs, answers).map { output, like in
      if let output { return made[output] }
      return try Recording.zeros(like: like)
    }
  }

  /// Copies what was recorded into the graph; gives what the product became there. Tensors that
  /// the function brought along become inputs, listed in `lower`, and numbers constants.
  func finish(
    _ lower: inout LowerProblem, name: String, in graph: inout Graph
  ) throws -> [Value?] {
    guard product.count == upper.count else {
      throw BettyError.value(
        "method '\(name)': expected \(upper.count) tensors, shaped as upper.parameters, got "
          + "\(product.count)")
    }
    for (given, like) in zip(product, upper) where given.type != like.type {
      throw BettyError.value("method '\(name)': expected \(like.type), got \(given.type)")
    }
    let capture = Capture(product, mode: .step)
    let inner = capture.graph
    var arguments: [Value] = []
    let leaves = capture.leaves
    for (place, input) in inner.inputs.enumerated() {
      let type = inner.type(of: input)
      guard place < leaves.count else {
        let number = try capture.number(place - leaves.count).item().asDouble
        arguments.append(try graph.constant(number, type))
        continue
      }
      if let known = standIns.first(where: { $0.tensor === leaves[place] }) {
        arguments.append(known.value)
        continue
      }
      let value = graph.addInput(type)
      lower.brought.append((try Tensor.parameter(leaves[place], requiresGrad: false), value))
      arguments.append(value)
    }
    let map = graph.inline(inner, arguments)
    return capture.roots.map { map[$0.index] }
  }
}

struct OwnMethod: HypergradientMethod {
  let name: String
  let call: @Sendable (MethodCall) throws -> Void

  func product(
    of vector: [Value], lower: inout LowerProblem, upper: [Value], in graph: inout Graph
  ) throws -> [Value?] {
    let made = try MethodCall(vector, lower, upper, in: &graph)
    try GradMode.with(false) { try call(made) }
    return try made.finish(&lower, name: name, in: &graph)
  }
}
