// An iterative problem's side of unrolled differentiation: which method traces its steps, where its inner
// loops begin, and what is handed to the trace. Invariant: nothing of a step that failed is kept.

import BettyGraph
import BettyRuntime

final class Unrolling {
  /// Between the micro-steps of one optimizer step.
  private var pending: [TapedRecording] = []
  private var trace: any Trace
  /// The gradients, as values, that the micro-steps of an update under way have left.
  private var left: [Tensor?] = []
  /// Whether the loop under way began at the source.
  private(set) var isFromSource = false
  /// The trace of the engine's own loop while another is rehearsed, and what the rehearsed one is compared
  /// with.
  private var aside:
    (trace: any Trace, pending: [TapedRecording], left: [Tensor?], isFromSource: Bool)?
  private var judge: (any Trace)?
  private unowned let problem: Problem
  private(set) var isWanted = false
  /// Numbers of the problem's parameters.
  private var own: Set<Int32> = []
  /// Where every inner loop begins, and whether optimizer and state begin anew there.
  private(set) var source: Problem?

  init?(_ problem: Problem) {
    guard let method = problem.method as? any UnrolledMethod else { return nil }
    self.problem = problem
    trace = method.trace(of: problem)
  }

  func begin(at source: Problem) throws {
    let (own, other) = (problem.trained, source.trained)
    guard own.count == other.count else {
      throw BettyError.value(
        "initialize_from: problem '\(problem.name)' has \(own.count) parameters and "
          + "'\(source.name)' \(other.count)")
    }
    for (place, (a, b)) in zip(own, other).enumerated() where a.type != b.type {
      throw BettyError.value(
        "initialize_from: parameter \(place) of problem '\(problem.name)' is \(a.type) and that "
          + "of '\(source.name)' \(b.type)")
    }
    self.source = source
  }

  /// Hooks that change gradients leave no graph to differentiate.
  func check(isOnPath: Bool) throws {
    isWanted = isOnPath
    guard isOnPath else { return }
    if problem.hooks.gradCallback != nil || problem.hooks.customOptimizerStep != nil {
      throw BettyError.value(
        "problem '\(problem.name)': type '\(problem.config.type)' differentiates the optimizer's "
          + "steps and can't see what grad_callback or custom_optimizer_step does")
    }
    guard problem.optimizer != nil else {
      throw BettyError.value(
        "problem '\(problem.name)': type '\(problem.config.type)' needs an optimizer")
    }
    guard problem.paths.isEmpty else {
      throw BettyError.value(
        "problem '\(problem.name)': type '\(problem.config.type)' can't be unrolled through a "
          + "hypergradient of its own; make it implicit or leave it out of u2l")
    }
  }

  /// Before the first step of a period; parents are due at its end, unless it is part of the warm-up: a loop
  /// that began at a copy then goes on from it.
  func restart(isLoopStart: Bool) throws {
    pending.removeAll()
    left = []
    if !isLoopStart, isFromSource { return }
    isFromSource = isLoopStart && source != nil
    if let origin {
      for (own, other) in origin { try own.assign(other) }
      try problem.optimizer?.resetState()
    }
    try trace.restart(from: origin)
    try judge?.restart(from: origin)
  }

  func forgetOrigin() { isFromSource = false }

  private var origin: LoopOrigin? {
    guard isFromSource, let source else { return nil }
    return zip(problem.trained, source.trained).map { (own: $0, source: $1) }
  }

  // MARK: Rehearsal

  /// From now on another loop is traced: as the options say, and whole by the other mode.
  func beginRehearsal() throws {
    guard aside == nil, let method = problem.method as? any UnrolledMethod else { return }
    aside = (trace, pending, left, isFromSource)
    trace = method.trace(of: problem)
    let whole = Tape(problem, truncation: 0, checkpoints: false)
    judge = whole
    guard trace is Tape else { return }
    let tangents = Tangents(problem)
    do {
      try tangents.restart(from: nil)
      judge = tangents
    } catch let error as BettyError where error.kind == .value {
      // Too many upper numbers to carry a tangent for each.
    }
  }

  func endRehearsal() {
    guard let aside else { return }
    (trace, pending, left, isFromSource) = aside
    (self.aside, judge) = (nil, nil)
  }

  // MARK: A loop that is taken up

  func write(into state: inout StateWriter) throws {
    let moved = Set(problem.parameters.map(\.parameterID))
    state.add(isFromSource)
    state.add(pending.count)
    for recording in pending { try state.add(recording, moved: moved) }
    try trace.write(into: &state)
  }

  func read(from state: inout StateReader) throws {
    isFromSource = try state.flag()
    guard !isFromSource || source != nil else { throw StateReader.misfit }
    pending.removeAll()
    for _ in 0..<(try state.count()) { pending.append(try state.taped()) }
    if !pending.isEmpty { leave(gradients: problem.parameters.map(\.gradient)) }
    try trace.restart(from: origin)
    try trace.read(from: &state)
  }

  /// As between two loops: no trace leads back to where one began.
  func forget() throws {
    pending.removeAll()
    left = []
    forgetOrigin()
    if isWanted { try trace.restart(from: nil) }
  }

  // MARK: Steps

  /// What a step on the gradients of the parameters at these positions is going to read besides; nil if no
  /// path leads through it.
  func begin(_ present: [Int]) throws -> TapeStep? {
    guard isWanted, let optimizer = problem.optimizer else { return nil }
    let update = try TapedUpdate(problem, optimizer, present)
    let positions = present.compactMap { optimizer.position(of: problem.parameters[$0]) }
    return TapeStep(
      recordings: [], update: update, hyper: positions.flatMap { optimizer.runtime($0) },
      before: try Recording.pinned(update.moved))
  }

  /// Refuses gradients that are not those of the recorded losses: the tape would be of other steps.
  func check(gradients: [Tensor?]) throws {
    guard isWanted else { return }
    let areKnown =
      left.isEmpty
      ? gradients.allSatisfy { $0 == nil } : zip(gradients, left).allSatisfy { $0?.present === $1 }
    guard areKnown else {
      throw BettyError.runtime(
        "problem '\(problem.name)': type '\(problem.config.type)' differentiates steps on the gradient of "
          + "the loss alone, and its parameters have others, of a backward() in training_step or "
          + "before it: add what that is of to the loss, or clear them (zero_grad)")
    }
  }

  /// The gradients after a micro-step.
  func leave(gradients: [Tensor?]) {
    if isWanted { left = gradients.map { $0?.present } }
  }

  /// One more loss whose gradient the next optimizer step takes.
  func record(_ recorded: Recorded) throws {
    guard isWanted else { return }
    if own.isEmpty { own = Set(problem.parameters.map(\.parameterID)) }
    pending.append(try TapedRecording(recorded, moved: own))
  }

  /// The optimizer has stepped as `begin` was told.
  func commit(_ step: TapeStep?) throws {
    guard var step else { return }
    defer {
      pending.removeAll()
      left = []
    }
    step.recordings = pending
    try trace.append(step)
    try judge?.append(step)
  }

  /// Parameters, options or optimizers are others.
  func forgetPrograms() {
    own = []
    trace.forgetPrograms()
    judge?.forgetPrograms()
    aside?.trace.forgetPrograms()
  }

  // MARK: Products

  /// vᵀ dθ/dλ for v shaped as the parameters that hypergradients flow through.
  /// `judged`: by what a rehearsal compares with.
  func product(
    of vector: [Tensor], upper: [Tensor], judged: Bool = false
  ) throws -> [Tensor?] {
    var byParameter: [Int32: Tensor] = [:]
    for (parameter, value) in zip(problem.metaParameters, vector) {
      byParameter[parameter.parameterID] = value
    }
    let trace = judged ? judge : self.trace
    return try trace?.product(of: byParameter, upper: upper) ?? upper.map { _ in nil }
  }
}
