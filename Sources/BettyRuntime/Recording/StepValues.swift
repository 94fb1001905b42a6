// What a program reads while a step of a problem is recorded: a loss it prints, a value it branches on.
// Whoever differentiates the step later puts other parameters in their place, so what follows from them
// stays recorded although it is computed, also behind detach() and without grad mode; outside of steps a
// computed value that needs no gradient gives up how it was made.
// Invariants: used under the lock; what was kept is given up before the next step is recorded.

import BettyGraph

extension Recording {
  /// How many steps are being recorded, one inside another.
  nonisolated(unsafe) private static var stepDepth = 0
  /// Computed during the step, with their history.
  nonisolated(unsafe) private static var kept: [Tensor] = []

  static var isInStep: Bool { unsafe stepDepth > 0 }

  /// Records a step, or a part of one.
  package static func duringStep<Result>(_ record: () throws -> Result) rethrows -> Result {
    Lock.held {
      if unsafe stepDepth == 0 { giveUpHistories() }
      unsafe stepDepth += 1
    }
    defer { Lock.held { unsafe stepDepth -= 1 } }
    return try record()
  }

  /// The step is over: what was computed in it gives up how it was made.
  package static func endStep() {
    Lock.held { if unsafe stepDepth == 0 { giveUpHistories() } }
  }

  static func keepHistory(of tensor: Tensor) {
    tensor.flags.insert(.keepsHistory)
    unsafe kept.append(tensor)
  }

  /// What follows from no parameter need not be computed again with other parameters: it becomes a
  /// constant of the recording.
  static func giveUpConstants() {
    guard unsafe !kept.isEmpty else { return }
    var ancestry = Ancestry(
      isSought: { $0.flags.contains(.requiresGrad) }, isEnd: { !$0.flags.contains(.history) })
    unsafe kept.removeAll { tensor in
      if ancestry.contains(tensor) { return false }
      tensor.giveUpHistory()
      return true
    }
  }

  private static func giveUpHistories() {
    guard unsafe !kept.isEmpty else { return }
    let tensors = unsafe kept
    unsafe kept = []
    for tensor in tensors { tensor.giveUpHistory() }
  }
}
