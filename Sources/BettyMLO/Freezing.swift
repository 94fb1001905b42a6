// Which parameters of a problem are trained: those that require gradients, now. One that is frozen has no
// gradient and no update, and no hypergradient flows through it; its optimizer state waits. Invariant: as
// long as no leaf of the process has been told to take gradients or none, or been given another type,
// nothing is looked at.

import BettyRuntime

struct Freezing {
  /// Positions of the parameters that are trained.
  let positions: [Int]
  let trained: [Tensor]
  /// θ of the problem where it is an inner node of a path.
  let meta: [Tensor]
  /// What forward passes may change beside the trained parameters, e.g. statistics.
  let buffers: [Tensor]
  private var seen = Tensor.freezings
  private let parameters: [Tensor]
  private let givenMeta: [Tensor]
  private let flags: [Bool]
  private let types: [Int32]

  init(_ parameters: [Tensor] = [], meta: [Tensor] = [], others: [Tensor] = []) {
    self.parameters = parameters
    givenMeta = meta
    flags = (parameters + meta).map(\.requiresGrad)
    types = (parameters + meta).map(\.typeNumber)
    let flags = flags
    positions = parameters.indices.filter { flags[$0] }
    trained = positions.map { parameters[$0] }
    self.meta = meta.indices.filter { flags[parameters.count + $0] }.map { meta[$0] }
    buffers = parameters.indices.filter { !flags[$0] }.map { parameters[$0] } + others
  }

  var mayHaveChanged: Bool { seen != Tensor.freezings }

  mutating func hasChanged() -> Bool {
    seen = Tensor.freezings
    return zip(parameters + givenMeta, flags).contains { $0.requiresGrad != $1 } || isRetyped
  }

  /// Whether a parameter has another type or shape than it had: what was recorded before is of another
  /// problem.
  var isRetyped: Bool { zip(parameters + givenMeta, types).contains { $0.typeNumber != $1 } }
}

extension Problem {
  package var trained: [Tensor] { freezing.trained }
  package var metaParameters: [Tensor] { freezing.meta }
  /// What forward passes change beside the parameters, e.g. statistics: part of what roll-back undoes.
  package var buffers: [Tensor] { freezing.buffers }
}
