// Options that change after a problem or an engine was made. Invariant: from the next step on, all is as if
// they had been there at first, or they are refused and nothing has changed.

import BettyGraph

extension Problem {
  /// Takes other options; what was compiled for the old ones is forgotten, and with another method what it
  /// kept from one call to the next.
  package func configure(_ config: ProblemConfig) throws {
    let fresh = try Hypergradients.make(config, for: name)
    let before = self.config
    let isOther = config.type != before.type || config.methodOptions != before.methodOptions
    if isOther, method is any UnrolledMethod || fresh is any UnrolledMethod {
      let what =
        config.type == before.type
        ? "options of type '\(config.type)' can't be changed"
        : "type '\(before.type)' can't become '\(config.type)'"
      throw BettyError.value(
        "problem '\(name)': \(what) once the problem is made: it keeps the steps of the inner loop")
    }
    guard config.replay == before.replay else {
      throw BettyError.value("problem '\(name)': replay can't be changed once the problem is made")
    }
    try take(config)
    do {
      try checkPrecision()
      try engine?.checkIndirect()
    } catch {
      try take(before)
      throw error
    }
    forgetUnusedRecords()
    guard isOther else { return }
    for upper in engine?.problems ?? [] { upper.records.removeAll { $0.problem == name } }
  }
}

extension Engine {
  /// Takes another length of a run, from the next run on, or another time to validate.
  package func configure(_ config: EngineConfig) throws {
    var fixed = config
    (fixed.trainIters, fixed.validStep) = (self.config.trainIters, self.config.validStep)
    guard fixed == self.config else {
      throw BettyError.value(
        "EngineConfig: only train_iters and valid_step can be changed once the engine is made")
    }
    self.config = config
  }
}
