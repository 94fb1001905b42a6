// Clipping of gradients to a total norm, of all of a problem's parameters that have one, as torch's
// clip_grad_norm_ of its trainable_parameters: whether an optimizer has them plays no part.

import BettyGraph
import BettyRuntime

enum Clipping {
  /// g · min(1, limit / (‖g‖ + 1e-6)) over all gradients together.
  static func clip(
    _ gradients: [Value], to limit: Double, in graph: inout Graph
  ) throws -> [Value] {
    guard let square = try Vectors.dot(gradients, gradients, in: &graph) else { return gradients }
    // The floor, far below the margin, keeps the derivative at zero gradients finite.
    let floor = try graph.constant(1e-30, like: square)
    let norm = try graph.call(P.sqrt, [try graph.call(P.maximum, [square, floor])])
    let margin = try graph.constant(1e-6, like: norm)
    let bound = try graph.constant(limit, like: norm)
    let one = try graph.constant(1, like: norm)
    let ratio = try graph.call(P.div, [bound, try graph.call(P.add, [norm, margin])])
    let factor = try graph.call(P.minimum, [ratio, one])
    return try gradients.map {
      try graph.call(P.mul, [$0, try Vectors.spread(factor, like: $0, in: &graph)])
    }
  }
}

/// The same of gradients that are tensors, recorded: part of the program that uses the result. One operation
/// as long as limit and types stay, so that what it is part of is compiled once.
struct ClippingOperation {
  private var limit = 0.0
  private var types: [Int32] = []
  private var operation: RecordedOperation?

  mutating func clipped(_ gradients: [Tensor], to limit: Double) throws -> [Tensor] {
    let types = gradients.map(\.typeNumber)
    guard let operation, self.limit == limit, self.types == types else {
      var graph = Graph()
      let inputs = gradients.map { graph.addInput($0.type) }
      graph.outputs = try Clipping.clip(inputs, to: limit, in: &graph)
      (self.limit, self.types) = (limit, types)
      operation = Recording.operation("clip_grad_norm", graph)
      return try clipped(gradients, to: limit)
    }
    return Recording.splice(operation, gradients.map(\.present))
  }
}

extension Problem {
  /// The gradients become the clipped ones.
  func clipGradients() throws {
    guard config.gradientClipping > 0 else { return }
    let owners = parameters.filter { $0.gradient != nil }
    if owners.isEmpty { return }
    let clipped = try clipping.clipped(
      owners.compactMap(\.gradient), to: config.gradientClipping)
    for (parameter, gradient) in zip(owners, clipped) { try parameter.setGradient(gradient) }
  }
}
