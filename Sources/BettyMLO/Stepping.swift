// When a problem steps: a leaf at every step of the engine, another when all below it are through with an
// inner loop; then those above it do the same. Invariant: a step is taken or it is not: what fails before
// the update leaves it owed, what fails after it keeps nobody above from theirs.

import BettyGraph
import BettyRuntime

extension Problem {
  /// Micro-steps that this step's update is made of: a repeated step is a whole one.
  var accumulation: Int { isRepeating ? 1 : config.gradientAccumulation }

  /// One micro-step of a leaf, with all that it sets off.
  package func step() throws {
    try stepNormal()
    try engine?.rollBack()
  }

  /// Whether a parent that this problem has called has not stepped yet: it waits for another child.
  var isAwaited: Bool {
    parents.contains { parent in
      zip(parent.children, parent.ready).contains { $0 === self && $1 }
    }
  }

  /// Whether a failure has left steps that are still to be taken.
  var owesSteps: Bool { owed > 0 || !children.isEmpty && ready.allSatisfy { $0 } }

  /// A step that never began is not taken later.
  func forgetOwedStep() { owed = 0 }

  /// A step that another's failure kept from beginning.
  func oweStep() { owed = max(owed, 1) }

  /// Steps if every child is ready; then the parents that are due do the same.
  private func stepNormal() throws {
    guard ready.allSatisfy({ $0 }) else { return }
    if owed == 0 { owed = children.isEmpty ? 1 : config.stepsPerCall }
    while owed > 0 { try stepOnce() }
  }

  /// What happens once the parameters are updated: the step is taken, whatever the user's hook says.
  func updated() throws {
    isUpdated = true
    try hooks.paramCallback?()
  }

  private func stepOnce() throws {
    followFreezing()
    let isLoopStart = isInnerLoopStart
    if isLoopStart, !hasBegun { try hooks.onInnerLoopStart?() }
    hasBegun = true
    if isLoopStart || count % period == 0 { try unrolling?.restart(isLoopStart: isLoopStart) }
    try rememberIfDue(isLoopStart: isLoopStart)
    let before = count
    if isTraining { count += 1 }
    var failure: (any Error)?
    isUpdated = false
    do {
      try takeStep(fresh: true)
    } catch {
      failure = error
      guard isUpdated else {
        count = before
        throw error
      }
    }
    (isInnerLoopStart, hasBegun) = (false, false)
    owed = max(owed - 1, 0)
    if owed == 0 {
      for index in ready.indices { (ready[index], undone[index]) = (false, false) }
    }
    // The step is taken: what fails from here on keeps nobody above from theirs.
    if !rollsBack { heed(hooks.schedulerStep, &failure) }
    if failure == nil, config.logStep > 0, count % config.logStep == 0 {
      heed(hooks.log, &failure)
    }
    if isTraining, count % period == 0, count > config.warmupSteps {
      isInnerLoopStart = true
      hasFired = true
      try stepParents(after: &failure)
    }
    if let failure { throw failure }
  }

  /// Calls a hook; the first failure is the one that is told.
  func heed(_ hook: (() throws -> Void)?, _ failure: inout (any Error)?) {
    do { try hook?() } catch { failure = failure ?? error }
  }

  /// The parents that are due step; after a failure they owe their steps instead.
  private func stepParents(after failure: inout (any Error)?) throws {
    for parent in parents {
      if let place = parent.children.firstIndex(where: { $0 === self }) {
        parent.ready[place] = true
      }
      if failure != nil { continue }
      do { try parent.stepNormal() } catch { failure = error }
    }
  }
}
