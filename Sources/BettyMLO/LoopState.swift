// A run taken up in the middle of an inner loop: what a problem has beside parameters, optimizer and count.
// Invariant: between two loops there is nothing; a run that is taken up takes the steps that the
// other would have taken, bit by bit.

import BettyGraph
import BettyRuntime

extension Problem {
  /// What belongs to the inner loop under way, as tensors; none if no loop is.
  package func loopState() throws -> [Tensor] {
    let problems = engine?.problems ?? [self]
    // Somebody above has heard of some children only: what lies below it may be asked once more about
    // the loops that have ended.
    let isWaitedFor = problems.contains { $0.ready.contains(true) }
    let recorded = isWaitedFor && isOnPath ? lastRecorded : nil
    // A loop that began at a copy goes on where a period of the warm-up ends.
    let goesOn = unrolling?.isFromSource == true && !isInnerLoopStart
    let isTraced =
      unrolling?.isWanted == true && (count % period != 0 || isWaitedFor || goesOn)
    let goesBack = rollsBack && (hasFired || (hasRepeated && !isInnerLoopStart))
    let gradients = parameters.map(\.gradient)
    let isUnderWay =
      isTraced || recorded != nil || saved != nil || goesBack || owed > 0
      || isInnerLoopStart != beginsLoop || ready.contains(true) || undone.contains(true)
      || gradients.contains { $0 != nil }
    guard isUnderWay else { return [] }
    var state = StateWriter(problems)
    state.add(Self.version)
    state.add([isInnerLoopStart, rollsBack && hasFired, hasRepeated])
    state.add(owed)
    state.add(ready)
    state.add(undone)
    state.add(gradients.count)
    for gradient in gradients { try state.add(gradient) }
    state.add(saved != nil)
    try saved?.write(into: &state)
    let batch = rollsBack ? batches?.current ?? [] : []
    try state.add(batch)
    state.add(batch.isEmpty ? -1 : batches?.index ?? -1)
    state.add(recorded != nil)
    if let recorded { try state.add(recorded) }
    state.add(isTraced)
    if isTraced { try unrolling?.write(into: &state) }
    return try state.written()
  }

  /// Of the words that `loopState` writes.
  private static var version: Int { 1 }

  private var isOnPath: Bool {
    engine?.problems.contains { upper in
      upper.paths.contains { $0[1..<$0.count - 1].contains { $0 === self } }
    } ?? false
  }

  /// Takes up the loop that `loopState` told of; with none, the next step is the first one of a loop or
  /// goes on in one of which nothing is known. After the engine has found the paths, and after
  /// parameters, optimizer and count are as they were.
  package func setLoopState(_ tensors: [Tensor]) throws {
    try forgetLoop()
    guard !tensors.isEmpty else { return try warnOfLostLoop() }
    do { try take(StateReader(tensors, engine?.problems ?? [self])) } catch {
      try forgetLoop()
      guard let error = error as? BettyError else { throw error }
      throw BettyError(error.kind, "problem '\(name)': \(error.message)")
    }
  }

  private func take(_ reader: StateReader) throws {
    var state = reader
    guard try state.int() == Self.version else { throw StateReader.misfit }
    let flags = try state.flags()
    guard flags.count == 3 else { throw StateReader.misfit }
    (isInnerLoopStart, hasFired, hasRepeated) = (flags[0], flags[1], flags[2])
    owed = try state.int()
    let (ready, undone) = (try state.flags(), try state.flags())
    guard ready.count == children.count, undone.count == children.count,
      try state.count() == parameters.count
    else { throw StateReader.misfit }
    (self.ready, self.undone) = (ready, undone)
    for parameter in parameters { try parameter.setGradient(try state.tensor()) }
    if try state.flag() { saved = try SavedState(self, from: &state) }
    let (batch, index) = (try state.listOfTensors(), try state.int())
    if !batch.isEmpty { batches?.resume(batch, index: index) }
    if try state.flag() { lastRecorded = try state.recorded() }
    if try state.flag() {
      guard let unrolling, unrolling.isWanted else { throw StateReader.misfit }
      try unrolling.read(from: &state)
    }
    try state.end()
  }

  private func forgetLoop() throws {
    (isInnerLoopStart, hasFired, hasRepeated, owed, saved) = (beginsLoop, false, false, 0, nil)
    hasBegun = false
    ready = children.map { _ in false }
    undone = ready
    try clearGradients()
    try unrolling?.forget()
  }

  /// Files of earlier versions say nothing of a loop.
  private func warnOfLostLoop() throws {
    guard count % period != 0 else { return }
    let lost =
      unrolling?.isWanted == true
      ? "the steps that type '\(config.type)' differentiates"
      : rollsBack && count > config.warmupSteps
        ? "what roll_back goes back to"
        : count % config.gradientAccumulation != 0 ? "the gradients accumulated so far" : nil
    guard let lost else { return }
    try hooks.warn?(
      "problem '\(name)', step \(count): its state was taken in the middle of an inner loop and is "
        + "without \(lost); this loop will differ from that of the other run")
  }
}
