// The update from gradients that are there (or recorded and not computed yet: then they, and the loss
// behind them, are computed in the same program).

import BettyGraph
import BettyRuntime

extension Optimizer {
  /// Updates every parameter that has a gradient.
  package func step() throws {
    var positions: [Int] = []
    var gradients: [Tensor] = []
    for (position, entry) in entries.enumerated() {
      guard let gradient = entry.parameter.gradient else { continue }
      positions.append(position)
      gradients.append(gradient)
    }
    guard !gradients.isEmpty else { return }
    let capture = Capture(gradients, mode: .step)
    capture.keepsGradients = true
    let keys = [capture.key, StructureKey(positions.map { Int32(truncatingIfNeeded: $0) })]
    let entry = try program(capture, keys, positions)
    _ = try entry.program.run(capture)
    advance(positions)
  }

  private func program(
    _ capture: Capture, _ keys: [StructureKey], _ positions: [Int]
  ) throws -> StepCache.Entry {
    if let entry = programs.find(keys, .update(revision: revision)) { return entry }
    var step = StepGraph()
    let recorded = try MixedCapture(capture)
    let gradients = step.add(recorded)
    for (position, gradient) in zip(positions, gradients) {
      try StepBuilder.update(
        entries[position].parameter, gradient, with: self, in: &step)
    }
    let entry = StepCache.Entry(
      keys: keys, kind: .update(revision: revision), graph: recorded.recorded,
      program: try step.compiled(), replay: nil, present: positions, stepped: positions)
    programs.insert(entry)
    return entry
  }

  /// Counts a step of some parameters.
  func advance(_ positions: [Int]) {
    for position in positions { entries[position].steps += 1 }
  }
}
