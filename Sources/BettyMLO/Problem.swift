// One level of a multilevel program: parameters, optimizer, options and the user's callbacks. What a step
// does is in ProblemStep.swift, when it is taken in Stepping.swift. Invariant: an error in a step leaves
// parameters, optimizer state and counts as they were before it.

import BettyGraph
import BettyRuntime

/// What a user defines. A hook that is nil costs nothing.
package struct ProblemHooks {
  /// Records the loss of a batch; `fresh` asks for the next batch, otherwise the last one is repeated.
  package var trainingStep: (_ fresh: Bool) throws -> Tensor
  package var onInnerLoopStart: (() throws -> Void)?
  package var gradCallback: (() throws -> Void)?
  package var paramCallback: (() throws -> Void)?
  package var customOptimizerStep: (() throws -> Void)?
  /// Takes the place of a whole descent step; it calls `backward`, and the optimizer itself.
  package var descend: ((_ fresh: Bool) throws -> Void)?
  package var schedulerStep: (() throws -> Void)?
  package var log: (() throws -> Void)?
  package var epochCallback: (() throws -> Void)?
  /// Told once what a hypergradient method warns of.
  package var warn: ((String) throws -> Void)?

  package init(trainingStep: @escaping (_ fresh: Bool) throws -> Tensor) {
    self.trainingStep = trainingStep
  }
}

package final class Problem {
  package let name: String
  package private(set) var config: ProblemConfig
  package var hooks: ProblemHooks
  /// Those that are frozen included.
  package private(set) var parameters: [Tensor] = []
  private var givenMetaParameters: [Tensor] = []
  /// See Freezing.swift.
  private(set) var freezing = Freezing()
  package var optimizer: Optimizer? {
    didSet {
      if keepsGradients { optimizer?.keepGradients() }
      forgetAllPrograms()
    }
  }
  /// Whether a method differentiates this problem's updates.
  private var keepsGradients = false
  /// Micro-steps taken.
  package internal(set) var count = 0
  /// Steps of this call that are still to be taken; between calls only after a failure.
  var owed = 0
  /// Whether the step under way has updated the parameters.
  var isUpdated = false
  /// Gradients given to tensors when none of these parameters had one.
  var gradientsSeen = -1
  /// Steps left out because they were not finite, or overflowed in f16.
  package internal(set) var skippedSteps = 0
  /// Those in a row up to now that overflowed.
  var overflows = 0
  /// Keeps derivatives through products in f16 in range.
  package private(set) lazy var lossScale = LossScale(config)
  private var givenBuffers: [Tensor] = []
  /// In evaluation mode steps are not counted and the parents are not called.
  package var isTraining = true
  private(set) var method: any LowerMethod
  /// Where the method differentiates the inner loop itself.
  private(set) lazy var unrolling = Unrolling(self)
  /// By path, whether it is a question, and place in it.
  var implicitNodes: [[Int]: ImplicitNode] = [:]
  /// Micro-steps between two steps of the parents.
  private(set) var period: Int

  /// Set by the engine, and taken away when it goes. Every step asks for it: a weak reference would make
  /// each count of the engine's references a slow one.
  private(set) unowned var engine: Engine?
  private var engineIdentity: ObjectIdentifier?
  // Set by the engine.
  var parents: [Problem] = []
  var children: [Problem] = []
  /// Each [self, …, lower, self].
  package internal(set) var paths: [[Problem]] = []

  /// Which children are through with an inner loop since this problem's last step.
  var ready: [Bool] = []
  // Roll-back: what the inner loop began with, whether the parents were called since, which children
  // have repeated their step since this one's last, whether this one is repeating it, whether it has just
  // done so.
  var saved: SavedState?
  var hasFired = false
  var undone: [Bool] = []
  var isRepeating = false
  var hasRepeated = false
  /// See Rehearsal.swift.
  var rehearsal: Rehearsal?
  /// The next step is recorded although it could be replayed: somebody wants to read its values.
  var recordsNext = false
  var isInnerLoopStart = true
  /// Whether on_inner_loop_start was called for the loop that begins: a step that is taken again calls it
  /// no more.
  var hasBegun = false
  /// The recording of the last step: what hypergradients of upper problems differentiate.
  var lastRecorded: Recorded? { didSet { lastTake = nil } }
  var isInTrainingStep = false
  /// Whose present recording it is, if a step was replayed.
  var lastTake: Take?
  var steps = StepCache()
  /// Batches that the engine draws; nil if training_step sees to them.
  package var batches: Batches?
  /// See Replicas.swift.
  var sharding = Sharding()
  var replay = Replay()
  var clipping = ClippingOperation()
  /// What the methods on this problem's paths keep and tell.
  package var records: [MethodRecord] = []

  package init(_ name: String, config: ProblemConfig, hooks: ProblemHooks) throws {
    self.name = name
    self.config = config
    self.hooks = hooks
    method = try Hypergradients.make(config, for: name)
    period = try Self.period(of: config, for: name)
  }

  func join(_ engine: Engine) {
    self.engine = engine
    engineIdentity = ObjectIdentifier(engine)
  }

  /// Called by an engine that goes, which can no more be asked for; the problem may have joined another.
  func leave(_ identity: ObjectIdentifier) {
    guard identity == engineIdentity else { return }
    (engine, engineIdentity) = (nil, nil)
    connect(parents: [], children: [], paths: [])
  }

  private static func period(of config: ProblemConfig, for name: String) throws -> Int {
    let (period, overflow) = config.unrollSteps.multipliedReportingOverflow(
      by: config.gradientAccumulation)
    guard !overflow else {
      throw BettyError.value(
        "problem '\(name)': unroll_steps times gradient_accumulation is out of range, got "
          + "\(config.unrollSteps) and \(config.gradientAccumulation)")
    }
    return period
  }

  /// Puts options in place that go with the problem as it is: see Options.swift.
  func take(_ config: ProblemConfig) throws {
    period = try Self.period(of: config, for: name)
    let before = self.config
    // A name that was registered anew means the new method for problems made from then on.
    if config.type != before.type || config.methodOptions != before.methodOptions {
      method = try Hypergradients.make(config, for: name)
    }
    self.config = config
    if config.precision != before.precision
      || config.initialDynamicScale != before.initialDynamicScale
      || config.scaleFactor != before.scaleFactor
    {
      lossScale = LossScale(config)
    }
    keepsGradients = method.adapts
    if keepsGradients { optimizer?.keepGradients() }
    for problem in engine?.problems ?? [] { problem.connectIndirect() }
    forgetAllPrograms()
  }

  /// The parameters that are trained while they require gradients, and through which hypergradients flow.
  package func setParameters(_ tensors: [Tensor]) throws {
    parameters = try checked(tensors)
    givenMetaParameters = parameters
    sortOut()
  }

  package func setMetaParameters(_ tensors: [Tensor]) throws {
    givenMetaParameters = try checked(tensors)
    sortOut()
  }

  package func setBuffers(_ tensors: [Tensor]) {
    givenBuffers = tensors
    sortOut()
  }

  private func sortOut() {
    freezing = Freezing(parameters, meta: givenMetaParameters, others: givenBuffers)
    forgetAllPrograms()
  }

  /// Heeds that parameters have been frozen, unfrozen or given another type, here or in another problem.
  package func followFreezing() {
    guard freezing.mayHaveChanged else { return }
    let problems = engine?.problems ?? [self]
    for problem in problems where problem.freezing.hasChanged() {
      if problem.freezing.isRetyped {
        for other in problems { other.lastRecorded = nil }
      }
      problem.sortOut()
    }
  }

  /// Lets the engine draw the batches.
  package func setBatches(_ source: BatchSource) throws {
    let batches = try Batches(source)
    batches.epochEnded = hooks.epochCallback
    self.batches = batches
  }

  private func checked(_ tensors: [Tensor]) throws -> [Tensor] {
    for tensor in tensors where tensor.parameterID == 0 {
      throw BettyError.value(
        "problem '\(name)': parameters must be nn.Parameter, got \(tensor.type)")
    }
    return tensors
  }

  func connect(parents: [Problem], children: [Problem], paths: [[Problem]]) {
    // What children that stay have said so far holds.
    let (before, said) = (self.children, (ready, undone))
    func kept(_ flags: [Bool]) -> [Bool] {
      children.map { child in
        before.firstIndex { $0 === child }.map { flags[$0] } ?? false
      }
    }
    (ready, undone) = (kept(said.0), kept(said.1))
    self.parents = parents
    self.children = children
    self.paths = paths
    unrolledPaths = paths.filter { path in
      path[1..<path.count - 1].contains { $0.method is any UnrolledMethod }
    }
    owed = 0
    forgetPrograms()
    forgetUnusedRecords()
    lowersOnPaths = Self.lowers(on: implicitPaths)
    for lower in Self.lowers(on: paths) {
      lower.keepsGradients = lower.method.adapts
      if lower.keepsGradients { lower.optimizer?.keepGradients() }
    }
  }

  static func lowers(on paths: [[Problem]]) -> [Problem] {
    var found: [Problem] = []
    for lower in paths.flatMap({ $0[1..<$0.count - 1] })
    where !found.contains(where: { $0 === lower }) {
      found.append(lower)
    }
    return found
  }

  func setLastRecorded(_ take: Take) {
    lastRecorded = take.recorded
    lastTake = take
  }

  /// The structures its steps have had, as graphs and programs.
  package var dump: String { "problem '\(name)', step \(count)\n\(steps)" }

  /// Adds what lies below problems whose own implicit gradient counts. After `connect` of all.
  func connectIndirect() {
    lowersOnPaths = Self.withIndirect(lowersOnPaths)
  }

  /// Problems, and what lies below those whose own implicit gradient counts.
  static func withIndirect(_ problems: [Problem]) -> [Problem] {
    var found = problems
    var index = 0
    while index < found.count {
      let middle = found[index]
      index += 1
      guard middle.config.includeIndirect else { continue }
      for lower in lowers(on: middle.implicitPaths)
      where !found.contains(where: { $0 === lower }) {
        found.append(lower)
      }
    }
    return found
  }

  /// The structure of what methods read of lower optimizers; nil if they read nothing.
  var adaptedStructure: StructureKey? { Self.adaptedStructure(of: lowersOnPaths) }

  static func adaptedStructure(of lowers: [Problem]) -> StructureKey? {
    guard lowers.contains(where: { $0.method.adapts }) else { return nil }
    return StructureKey(
      lowers.flatMap {
        $0.method.adapts ? $0.optimizer.map { [$0.id, $0.revision] } ?? [] : []
      })
  }

  private(set) var lowersOnPaths: [Problem] = []
  /// Paths that lead through an unrolled inner loop; their gradients are computed step by step.
  private(set) var unrolledPaths: [[Problem]] = []
  /// The others; they are part of the graph of a step.
  var implicitPaths: [[Problem]] {
    paths.filter { path in !unrolledPaths.contains { $0.elementsEqual(path, by: ===) } }
  }

  /// Every inner loop begins at a differentiable copy of another problem's parameters, with optimizer
  /// state made anew.
  package func initialize(from source: Problem) throws {
    guard let unrolling else {
      throw BettyError.value(
        "initialize_from: problem '\(name)' has type '\(config.type)'; only an iterative problem "
          + "passes gradients to where it starts")
    }
    try unrolling.begin(at: source)
  }

  /// Programs of other problems may have been made on this problem's parameters.
  private func forgetAllPrograms() {
    forgetPrograms()
    for problem in engine?.problems ?? [] { problem.forgetPrograms() }
  }

  /// What was compiled for other parameters, another optimizer or other paths.
  func forgetPrograms() {
    steps = StepCache()
    replay = Replay()
    implicitNodes = [:]
    unrolling?.forgetPrograms()
  }

  /// Goes on at a count that another run had reached.
  package func resume(at count: Int) throws {
    try Count.check(count, "problem '\(name)': count")
    self.count = count
    unrolling?.forgetOrigin()
    (isInnerLoopStart, hasBegun) = (beginsLoop, false)
  }

  /// Whether the next step begins an inner loop, by the count alone.
  var beginsLoop: Bool { count == 0 || (count % period == 0 && count > config.warmupSteps) }
}
