// What one step of a problem does. Where no hook needs to see a gradient, everything (loss, gradients,
// implicit gradients, clipping, update) is one program on parameters in place; otherwise the gradients
// are computed, shown to the hooks, and the update is a program of its own.

import BettyGraph
import BettyRuntime

extension Problem {
  /// A descent step, by the user's own method if there is one.
  func takeStep(fresh: Bool) throws {
    guard let own = hooks.descend else { return try descend(fresh: fresh) }
    try undoing { try Recording.duringStep { try own(fresh) } }
  }

  /// Records and takes a step. If that fails before parameters have moved, buffers and random numbers are
  /// as before it too; with `always`, in any case.
  func undoing<Result>(
    always: Bool = false, _ step: () throws -> Result
  ) throws -> Result {
    let random = RandomKeys.state
    let before = (engine?.problems ?? [self]).flatMap { $0.buffers.map { Standing($0) } }
    isUpdated = false
    var isDone = false
    defer { Recording.endStep() }
    defer {
      if always || !isDone && !isUpdated {
        for buffer in before { buffer.putBack() }
        RandomKeys.draw(as: 0, from: random.position)
      }
    }
    let result = try step()
    isDone = true
    return result
  }

  /// One descent step on a batch of somebody's own, by which problems above differentiate nothing.
  package func descendAside() throws {
    let (recorded, take) = (lastRecorded, lastTake)
    let drawn = (batch: batches?.current ?? [], index: batches?.index ?? -1)
    defer {
      if let recorded {
        lastRecorded = recorded
        lastTake = take
      }
      batches?.resume(drawn.batch, index: drawn.index)
    }
    // Replicas have their rows of a batch from the engine, which has it from its source.
    if engine?.config.strategy == .dataParallel { try batches?.draw() }
    try descend(fresh: false, replaying: false)
  }

  /// One descent step on the next batch, or again on the last one.
  package func descend(fresh: Bool, replaying: Bool = true) throws {
    followFreezing()
    if fresh { try batches?.draw() }
    if replaying, config.replay, let batches, let optimizer, isWhole {
      return try replayStep(batches.current, optimizer, fresh: fresh)
    }
    try undoing {
      let buffers = try buffersInDanger()
      let capture = try record(fresh: fresh)
      if isWhole, let optimizer {
        _ = try stepAtOnce(capture, optimizer, buffers, uses: nil)
      } else {
        try stepByGradients(capture, buffers)
      }
    }
  }

  /// Whether a step is one program: no hook sees the gradients before they are used, nothing is
  /// accumulated, and nobody has left a gradient for this step to add to.
  private var isWhole: Bool {
    hooks.gradCallback == nil && hooks.customOptimizerStep == nil && unrolledPaths.isEmpty
      && accumulation == 1 && !hasLeftover
  }

  /// Whether a parameter has a gradient that nobody has used; looked at where one may have come.
  private var hasLeftover: Bool {
    let given = Tensor.gradientsGiven
    if given == gradientsSeen { return false }
    if Tensor.haveGradient(parameters) { return true }
    gradientsSeen = given
    return false
  }

  /// Whether parameters have their gradients, clipped, while `param_callback` runs. A replayed step makes
  /// none.
  var showsGradients: Bool { hooks.paramCallback != nil && !config.replay }

  /// Records a step; with `before`, buffers that it changes are roots beside the loss.
  func record(fresh: Bool, _ before: BuffersBefore? = nil) throws -> Capture {
    let loss = try recordedLoss(fresh: fresh)
    let capture = Capture([loss.total] + (before?.changed ?? []), mode: .step)
    capture.replicas = loss.replicas
    return capture
  }

  /// What this problem's paths lead through, as last recorded.
  func lowerRecordings() throws -> [Recorded] {
    config.firstOrder ? try recordings(of: lowersOnPaths) : []
  }

  func recordings(of lowers: [Problem]) throws -> [Recorded] {
    try lowers.map { lower in
      guard let recorded = lower.lastRecorded else {
        throw BettyError.runtime(
          "problem '\(name)': its hypergradient goes through '\(lower.name)', which has not "
            + "taken a step with the parameters that it has")
      }
      return recorded
    }
  }

  /// The program for a recording; compiled unless its structure has been seen.
  private func program(
    _ capture: Capture, _ lowers: [Recorded], _ ending: StepBuilder.Ending,
    _ uses: [BufferUse]? = nil
  ) throws -> StepCache.Entry {
    var keys = [capture.key] + lowers.map(\.key) + (adaptedStructure.map { [$0] } ?? [])
    if let uses { keys.append(BufferUse.key(uses)) }
    if let entry = steps.find(keys, kind(of: ending)) { return entry }
    let mixed = try MixedCapture(
      capture, owners(of: capture), synchronized: synchronizesNorms)
    let recorded = mixed.recorded
    var builder = StepBuilder(self)
    let present = try builder.build(mixed, recorded, lowers, ending, uses)
    try checkGradients(present, dependsOnOwn: builder.dependsOnOwn)
    let stepped = present.compactMap { optimizer?.position(of: parameters[$0]) }
    let entry = StepCache.Entry(
      keys: keys, kind: kind(of: ending), graph: recorded,
      program: try builder.step.compiled(), replay: uses == nil ? nil : try replayed(builder.step),
      present: present, stepped: stepped, check: builder.check)
    steps.insert(entry)
    return entry
  }

  /// Tells of a step that moves nothing. An upper problem without a path may wait for one.
  private func checkGradients(_ present: [Int], dependsOnOwn: Bool) throws {
    if !unrolledPaths.isEmpty { return }
    let message = "problem '\(name)': the loss depends on none of its parameters"
    if present.isEmpty {
      let mayWait = !children.isEmpty && (paths.isEmpty || !config.firstOrder)
      guard mayWait, let warn = hooks.warn else {
        throw BettyError.runtime(message)
      }
      let reason = "no u2l edge asks for its gradient through another problem"
      return try warn("\(message), and \(reason): nothing is updated")
    }
    if !dependsOnOwn {
      try hooks.warn?(
        "problem '\(name)', step \(count): neither its loss nor one below depends on its parameters; "
          + "their gradient is zero")
    }
  }

  private func kind(of ending: StepBuilder.Ending) -> StepKind {
    switch ending {
    case .update(let optimizer): .update(revision: optimizer.revision)
    case .gradients: .gradients(accumulation: accumulation)
    case .question: .question(accumulation: accumulation)
    }
  }

  private func replayed(_ step: StepGraph) throws -> StepProgram? {
    guard config.replay, batches != nil, isWhole, step.isReplayable else { return nil }
    return try step.compiled(forReplay: true)
  }

  func stepAtOnce(
    _ capture: Capture, _ optimizer: Optimizer, _ buffers: [Snapshot], uses: [BufferUse]?
  ) throws -> StepCache.Entry {
    let lowers = try lowerRecordings()
    let entry = try program(capture, lowers, .update(optimizer), uses)
    let recorded = Recorded(key: capture.key, graph: entry.graph, inputs: capture.inputs)
    var shown: [Tensor] = []
    let isTaken = try unrolled(recorded, entry.present) {
      let results = try entry.program.run(capture, lowers: lowers.map(\.inputs))
      if showsGradients { shown = Array(results.prefix(entry.present.count)) }
      try heedRefusals()
      return try wasTaken(results, buffers, entry.check)
    }
    guard isTaken else {
      // Upper problems need a recording, and there is no better one yet.
      if lastRecorded == nil { lastRecorded = recorded }
      try tellWarnings()
      return entry
    }
    optimizer.advance(entry.stepped)
    lastRecorded = recorded
    try show(shown, entry.present) { try updated() }
    try tellWarnings()
    return entry
  }

  /// Runs with parameters at some positions having gradients.
  private func show(_ gradients: [Tensor], _ positions: [Int], _ body: () throws -> Void) throws {
    let owners = positions.prefix(gradients.count).map { parameters[$0] }
    for (owner, gradient) in zip(owners, gradients) { try owner.setGradient(gradient) }
    defer { for owner in owners { try? owner.setGradient(nil) } }
    try body()
  }

  /// The gradient that a step on the last batch would take, direct and implicit parts together, by
  /// trained parameter; nil where there is none. Through an unrolled loop it goes as far as that has come.
  /// Nothing is changed but what methods tell of their last call.
  package func gradients() throws -> [Tensor?] {
    followFreezing()
    let wasUpdated = isUpdated
    defer { isUpdated = wasUpdated }
    let (entry, made) = try undoing(always: true) {
      let capture = try record(fresh: false)
      let lowers = try lowerRecordings()
      let entry = try program(capture, lowers, .question)
      return (entry, try entry.program.run(capture, lowers: lowers.map(\.inputs)))
    }
    if unrolledPaths.isEmpty { try heedMethods() }
    let before = parameters.map(\.gradient)
    defer { try? setGradients(before) }
    try clearGradients()
    try accumulate(made, entry.present)
    try addUnrolled(Array(made.dropFirst(entry.present.count)), isQuestion: true)
    return trained.map(\.gradient)
  }

  /// Adds the gradient of a loss that the user has divided by the micro-steps of an update, implicit parts
  /// included, to those that the parameters have. It is the problem's loss to whoever differentiates it.
  package func backward(_ loss: Tensor) throws {
    var whole = try scalar(loss, from: "backward takes")
    if accumulation > 1 {
      whole = try Recording.call("mul", [whole, Tensor.number(Double(accumulation))])[0]
    }
    followFreezing()
    _ = try addGradients(Capture([whole], mode: .step), [])
  }

  /// Adds direct and implicit gradients to those that the parameters have; not those of a step that is left
  /// out. Tells also whether that could have been.
  private func addGradients(
    _ capture: Capture, _ buffers: [Snapshot]
  ) throws -> (isTaken: Bool, isChecked: Bool) {
    let before = parameters.map(\.gradient)
    try unrolling?.check(gradients: before)
    let lowers = try lowerRecordings()
    let entry = try program(capture, lowers, .gradients)
    let recorded = Recorded(key: capture.key, graph: entry.graph, inputs: capture.inputs)
    let results = try entry.program.run(capture, lowers: lowers.map(\.inputs))
    var isTaken = false
    defer { if !isTaken { try? setGradients(before) } }
    if unrolledPaths.isEmpty { try heedMethods() }
    isTaken = try isAdded(results, entry, buffers)
    guard isTaken else { return (false, true) }
    lastRecorded = recorded
    try unrolling?.record(recorded)
    unrolling?.leave(gradients: parameters.map(\.gradient))
    return (true, entry.check.isOn)
  }

  private func stepByGradients(_ capture: Capture, _ buffers: [Snapshot]) throws {
    let before = parameters.map(\.gradient)
    do {
      let (isTaken, isChecked) = try addGradients(capture, buffers)
      if isTaken { try hooks.gradCallback?() }
      let hasGradient = parameters.contains { $0.gradient != nil }
      if count % accumulation == 0, hasGradient || !isChecked {
        try applyGradients()
      }
    } catch {
      // Taken again, the step must not find half of itself in the gradients.
      if !isUpdated { try setGradients(before) }
      throw error
    }
  }

  /// Adds what a step has found to the gradients; false if it is not to be taken.
  private func isAdded(
    _ results: [Tensor], _ entry: StepCache.Entry, _ buffers: [Snapshot]
  ) throws -> Bool {
    let vectors = Array(results.dropFirst(entry.present.count))
    let isUnrolled = !unrolledPaths.isEmpty
    guard isUnrolled, check(entry).isOn else {
      guard try wasTaken(results, buffers, entry.check) else { return false }
      try accumulate(results, entry.present)
      try addUnrolled(vectors)
      return true
    }
    // Unrolled products come after the step's own check.
    try accumulate(results, entry.present)
    try addUnrolled(vectors)
    let isFinite = entry.check.isOn ? try results.last?.item() != .bool(false) : true
    return try settle(try isFinite && areGradientsFinite(), buffers, check(entry))
  }

  /// Unrolled products through f16 may overflow although the problem's own loss has none.
  private func check(_ entry: StepCache.Entry) -> FiniteCheck {
    let isScaled = unrolledPaths.contains { path in
      path[1..<path.count - 1].contains(where: \.isScaled)
    }
    return FiniteCheck(onNan: config.onNan, isScaled: entry.check.isScaled || isScaled)
  }

  private func areGradientsFinite() throws -> Bool {
    for gradient in parameters.compactMap(\.gradient) {
      let isFinite = try Recording.call("isfinite", [gradient])
      if try Recording.call("all", isFinite)[0].item() == .bool(false) { return false }
    }
    return true
  }

  private func applyGradients() throws {
    try clipGradients()
    if let custom = hooks.customOptimizerStep {
      try custom()
    } else {
      try stepByOptimizer()
    }
    // The step is taken: the next one does not add to its gradients, whatever param_callback does.
    defer { try? clearGradients() }
    try updated()
  }

  /// Gives each parameter its gradient, or none.
  func setGradients(_ gradients: [Tensor?]) throws {
    for (parameter, gradient) in zip(parameters, gradients) { try parameter.setGradient(gradient) }
  }

  func clearGradients() throws { for parameter in parameters { try parameter.setGradient(nil) } }

  /// Adds gradients to those that the parameters have.
  private func accumulate(_ gradients: [Tensor], _ positions: [Int]) throws {
    for (position, gradient) in zip(positions, gradients) {
      let parameter = parameters[position]
      guard let sum = parameter.gradient else {
        try parameter.setGradient(gradient)
        continue
      }
      try parameter.setGradient(try Recording.call("add", [sum, gradient])[0])
    }
  }
}
