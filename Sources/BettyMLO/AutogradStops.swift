// Backward in parts, for whoever wants to see or change a gradient on its way: each part ends at stops, and
// the next begins at one of them. Invariant: a stop is gone through once, after all that reads it.

import BettyGraph
import BettyRuntime

extension Autograd {
  /// Where tensors are in the history of `outputs`, in an order in which inputs come before what reads them;
  /// nil for those that play no part. Gradients are wanted with respect to some of them, or to all leaves.
  package static func positions(
    of tensors: [Tensor], in outputs: [Tensor], wanted: [Tensor]?
  ) throws -> [Int?] {
    try Capture(outputs, mode: .gradient, sought: wanted ?? []).checkHistory(
      "backward", sought: wanted)
    return Capture(outputs, mode: .gradient, sought: tensors).soughtPositions
  }

  /// Gradients of `outputs` with respect to `stops` that do not go through another stop; nil where there is
  /// no dependence. Adds to the gradients of other leaves if `accumulating`.
  package static func backward(
    _ outputs: [Tensor], _ cotangents: [Tensor?], upTo stops: [Tensor], accumulating: Bool,
    createGraph: Bool
  ) throws -> [Tensor?] {
    let cotangents = try check("backward", outputs, cotangents)
    let capture = Capture(outputs, mode: .gradient, sought: stops, stops: stops)
    let found = capture.soughtPositions
    let stopped = found.compactMap { $0 }
    let leaves =
      accumulating ? capture.gradientPositions.filter { !stopped.contains($0) } : []
    if stopped.isEmpty && leaves.isEmpty { return stops.map { _ in nil } }
    var gradients = try derive(
      .vjp, capture, sought: stopped + leaves, cotangents, gradMode: createGraph)[...]
    let answers = found.map { $0 == nil ? nil : gradients.removeFirst() }
    for (position, gradient) in zip(leaves, gradients) {
      guard let gradient else { continue }
      try capture.order[position].accumulate(gradient, createGraph: createGraph)
    }
    return answers
  }

  /// Says that nothing will go through the history of `outputs` again.
  package static func consume(_ outputs: [Tensor]) {
    let capture = Capture(outputs, mode: .gradient)
    capture.consume(outputs, sought: capture.gradientPositions)
  }
}
