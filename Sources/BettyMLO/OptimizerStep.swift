// The update from gradients that are there (or recorded and not computed yet: then they, and the loss
// behind them, are computed in the same program).

import BettyGraph
import BettyRuntime

extension Optimizer {
  /// Updates every parameter that has a gradient. With a limit above 0 the gradients are clipped to
  /// that total norm first.
  package func step(clipping limit: Double = 0) throws {
    var positions: [Int] = []
    var gradients: [Tensor] = []
    for (position, entry) in entries.enumerated() {
      guard let gradient = entry.parameter.gradient else { continue }
      positions.append(position)
      gradients.append(gradient)
    }
    guard !gradients.isEmpty else { return }
    let capture = Capture(gradients, mode: .step)
    let keys = [capture.key, StructureKey(positions.map { Int32(truncatingIfNeeded: $0) })]
    let entry = try program(capture, keys, positions, limit)
    _ = try entry.program.run(capture)
    advance(positions)
  }

  private func program(
    _ capture: Capture, _ keys: [StructureKey], _ positions: [Int], _ limit: Double
  ) throws -> StepCache.Entry {
    let revision = limit > 0 ? ~revision : revision
    if let entry = programs.find(keys, revision) { return entry }
    var step = StepGraph()
    let recorded = try MixedCapture(capture)
    var gradients = step.add(recorded)
    if limit > 0 { gradients = try StepBuilder.clip(gradients, to: limit, in: &step.graph) }
    for (position, gradient) in zip(positions, gradients) {
      try StepBuilder.update(
        entries[position].parameter, gradient, with: self, in: &step)
    }
    let entry = StepCache.Entry(
      keys: keys, revision: revision, graph: recorded.recorded,
      program: try step.compiled(), replay: nil, present: positions, stepped: positions)
    programs.insert(entry)
    return entry
  }

  /// Gradients scaled so that their total norm is at most `limit`.
  static func clipped(_ gradients: [Tensor], to limit: Double) throws -> [Tensor] {
    var graph = Graph()
    let inputs = gradients.map { graph.addInput($0.type) }
    graph.outputs = try StepBuilder.clip(inputs, to: limit, in: &graph)
    return Recording.splice(Recording.operation("clip_grad_norm", graph), gradients)
  }

  /// Counts a step of some parameters.
  func advance(_ positions: [Int]) {
    for position in positions { entries[position].steps += 1 }
  }
}
