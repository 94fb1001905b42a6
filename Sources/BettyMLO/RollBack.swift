// Roll-back: once the problems above have stepped, the inner loop below them is undone, and one step of it
// is taken again, on the last batch, with what the upper problems have become. Invariant: a repeated step
// that fails leaves the problem as it was before it was undone.

import BettyGraph
import BettyRuntime

/// Parameters, buffers and optimizer state of a problem at some time.
struct SavedState {
  private let tensors: [Snapshot]
  /// Steps of each entry of the optimizer.
  private let steps: [Int]
  private let optimizer: Optimizer?

  init(_ problem: Problem) throws {
    var handles = problem.trained + problem.buffers
    if let optimizer = problem.optimizer {
      for position in optimizer.entries.indices { try optimizer.prepareState(position) }
      handles += optimizer.entries.flatMap(\.tensors)
    }
    tensors = try handles.map { try Snapshot($0) }
    optimizer = problem.optimizer
    steps = optimizer?.entries.map(\.steps) ?? []
  }

  func restore() throws {
    for tensor in tensors { try tensor.restore() }
    guard let optimizer else { return }
    for (position, count) in zip(optimizer.entries.indices, steps) {
      optimizer.entries[position].steps = count
    }
  }
}

extension Problem {
  /// Problems without upper ones have nothing to look ahead for.
  var rollsBack: Bool { !parents.isEmpty && engine?.config.rollBack == true }

  /// Remembers the state at the start of an inner loop. Warm-up is no part of the first loop: what it
  /// has learned stays.
  func rememberIfDue(isLoopStart: Bool) throws {
    guard rollsBack, isLoopStart ? count >= config.warmupSteps : count == config.warmupSteps
    else { return }
    saved = try SavedState(self)
  }

  /// After the steps of an inner loop and of the problems above: undoes it, takes one step, and has the
  /// problems above do the same.
  func stepAfterRollBack() throws {
    guard rollsBack, hasFired, let state = saved, undone.allSatisfy({ $0 }) else { return }
    saved = nil
    hasFired = false
    for index in undone.indices { undone[index] = false }
    let present = try SavedState(self)
    isRepeating = true
    defer { isRepeating = false }
    do {
      try state.restore()
      try unrolling?.restart(isLoopStart: false)
      for parameter in parameters { try parameter.setGradient(nil) }
      try takeStep(fresh: false)
    } catch {
      try present.restore()
      throw error
    }
    isRepeating = false
    try hooks.schedulerStep?()
    for parent in parents {
      if let place = parent.children.firstIndex(where: { $0 === self }) {
        parent.undone[place] = true
      }
      try parent.stepAfterRollBack()
    }
  }
}
