// An inner loop taken to be looked at: from where the problem is, on its last batch, so often as one likes, and
// undone in the end. Invariant: every rehearsal starts from the same parameters, optimizer state and
// place in the random numbers; after the last one the problem is as before the first.

import BettyGraph
import BettyRuntime

/// What a problem was before its first rehearsal.
struct Rehearsal {
  let state: SavedState
  let random: Int
  let gradients: [Tensor?]
  let recorded: Recorded?
  let take: Take?
}

extension Problem {
  /// Takes an inner loop of so many updates, each a whole one on the last batch.
  package func rehearse(_ steps: Int) throws {
    followFreezing()
    if let rehearsal {
      try rehearsal.state.restore()
      RandomKeys.draw(as: 0, from: rehearsal.random)
    } else {
      rehearsal = Rehearsal(
        state: try SavedState(self), random: RandomKeys.state.position,
        gradients: parameters.map(\.gradient), recorded: lastRecorded, take: lastTake)
      try unrolling?.beginRehearsal()
    }
    try clearGradients()
    isRepeating = true
    defer { isRepeating = false }
    try unrolling?.restart(isLoopStart: true)
    for _ in 0..<steps { try takeStep(fresh: false) }
  }

  /// As before the first rehearsal.
  package func endRehearsal() throws {
    guard let rehearsal else { return }
    self.rehearsal = nil
    unrolling?.endRehearsal()
    try rehearsal.state.restore()
    RandomKeys.draw(as: 0, from: rehearsal.random)
    try setGradients(rehearsal.gradients)
    lastRecorded = rehearsal.recorded
    lastTake = rehearsal.take
  }

  /// vᵀ dθ_T/dλ through the steps of the loop rehearsed last, for v shaped as the parameters that
  /// hypergradients flow through: all of them, in the other mode than `type` says where that can be.
  package func pullBack(_ vector: [Tensor], to upper: [Tensor]) throws -> [Tensor?] {
    guard rehearsal != nil, let unrolling else {
      throw BettyError.runtime(
        "problem '\(name)': only through a loop of type 'iterative' or 'forward' that was rehearsed"
      )
    }
    guard vector.map(\.type) == metaParameters.map(\.type) else {
      throw BettyError.value("problem '\(name)': the vector is not shaped as its parameters")
    }
    return try unrolling.product(of: vector, upper: upper, judged: true)
  }
}
