// Roll-back: once the problems above have stepped, every inner loop below them is undone, and one step of it
// is taken again, on the last batch, with what the upper problems have become. Invariant: a repeated step
// that fails leaves the problem as it was before it was undone, and is still to be taken.

import BettyGraph
import BettyRuntime

/// Parameters, buffers and optimizer state of a problem at some time.
struct SavedState {
  private let tensors: [Snapshot]
  /// Steps of each entry of the optimizer.
  private let steps: [Int]
  private let optimizer: Optimizer?

  init(_ problem: Problem) throws {
    tensors = try Self.handles(problem).map { try Snapshot($0) }
    optimizer = problem.optimizer
    steps = optimizer?.entries.map(\.steps) ?? []
  }

  private static func handles(_ problem: Problem) throws -> [Tensor] {
    guard let optimizer = problem.optimizer else { return problem.trained + problem.buffers }
    for position in optimizer.entries.indices { try optimizer.prepareState(position) }
    return problem.trained + problem.buffers + optimizer.entries.flatMap(\.tensors)
  }

  func write(into state: inout StateWriter) throws {
    try state.add(tensors.map(\.value))
    state.add(steps)
  }

  init(_ problem: Problem, from state: inout StateReader) throws {
    let (handles, values) = (try Self.handles(problem), try state.listOfTensors())
    optimizer = problem.optimizer
    steps = try state.ints()
    guard handles.count == values.count, steps.count == optimizer?.entries.count ?? 0 else {
      throw StateReader.misfit
    }
    tensors = try zip(handles, values).map { try Snapshot($0, of: $1) }
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
    let isBeginning = isLoopStart || hasRepeated
    guard rollsBack, !hasFired,
      isBeginning ? count >= config.warmupSteps : count == config.warmupSteps
    else { return }
    saved = try SavedState(self)
    hasRepeated = false
  }

  /// After the steps of an inner loop, of all problems above and then of those below: undoes it and takes
  /// one step.
  fileprivate func stepAfterRollBack() throws {
    guard rollsBack, hasFired, let state = saved, !isAwaited, undone.allSatisfy({ $0 }) else {
      return
    }
    let present = try SavedState(self)
    isRepeating = true
    isUpdated = false
    defer { isRepeating = false }
    var failure: (any Error)?
    do {
      try state.restore()
      try unrolling?.forget()
      try clearGradients()
      try takeStep(fresh: false)
    } catch {
      guard isUpdated else {
        try present.restore()
        throw error
      }
      failure = error
    }
    isRepeating = false
    (saved, hasFired, hasRepeated) = (nil, false, true)
    for parent in parents {
      if let place = parent.children.firstIndex(where: { $0 === self }) {
        parent.undone[place] = true
      }
    }
    heed(hooks.schedulerStep, &failure)
    if let failure { throw failure }
  }
}

extension Engine {
  /// After a step of a leaf and all that it has set off: has problems go back whose parents have stepped,
  /// which may be several below one of them. The lower ones first.
  func rollBack() throws {
    guard config.rollBack else { return }
    for problem in upwards { try problem.stepAfterRollBack() }
  }
}
