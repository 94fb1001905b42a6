// The loop over problems, written once: C and Python reach it through the same functions.

import BettyGraph
import BettyRuntime

package struct EngineConfig: Sendable, Equatable {
  package var trainIters = 50_000
  package var validStep = 500
  /// See RollBack.swift.
  package var rollBack = false
  package var strategy = Strategy.single
  /// See Replicas.swift; 0: as many as there are threads.
  package var replicas = 0
  /// Every batch norm is by the statistics of the whole batch, not of each replica's part.
  package var synchronizesNorms = false

  package enum Strategy: String, Sendable, CaseIterable {
    case single = "default"
    case dataParallel = "data_parallel"
  }

  package init() {}

  /// Replicas of each problem's step.
  package var replicaCount: Int {
    guard strategy == .dataParallel else { return 1 }
    return replicas == 0 ? ThreadPool.shared.threads : replicas
  }

  fileprivate func check() throws {
    guard strategy == .dataParallel || replicas <= 1 else {
      throw BettyError.value(
        "EngineConfig: \(replicas) replicas need strategy 'data_parallel', got "
          + "'\(strategy.rawValue)'")
    }
    let threads = ThreadPool.shared.threads
    guard replicas <= threads else {
      throw BettyError.value(
        "EngineConfig: \(replicas) replicas need as many threads, there are \(threads)")
    }
  }

  package mutating func set(_ name: String, _ value: Attribute) throws {
    switch name {
    case "train_iters": trainIters = try integer(name, value, atLeast: 0)
    case "valid_step": validStep = try integer(name, value, atLeast: 1)
    case "roll_back": rollBack = try integer(name, value, atLeast: 0) != 0
    case "sync_batchnorm": synchronizesNorms = try integer(name, value, atLeast: 0) != 0
    case "replicas": replicas = try integer(name, value, atLeast: 0)
    case "strategy":
      guard case .string(let text) = value else {
        throw BettyError.type("EngineConfig: option 'strategy' takes string, got \(value.kindName)")
      }
      guard let known = Strategy(rawValue: text) else {
        throw BettyError.value(
          "EngineConfig: strategy must be 'default' or 'data_parallel', got '\(text)'")
      }
      strategy = known
    default:
      throw BettyError(
        .key,
        "EngineConfig: unknown option '\(name)', known are replicas, roll_back, strategy, "
          + "sync_batchnorm, train_iters, valid_step")
    }
  }

  private func integer(_ name: String, _ value: Attribute, atLeast least: Int) throws -> Int {
    let number: Int
    switch value {
    case .int(let given): number = given
    case .bool(let flag): number = flag ? 1 : 0
    default:
      throw BettyError.type("EngineConfig: option '\(name)' takes int, got \(value.kindName)")
    }
    guard number >= least else {
      throw BettyError.value("EngineConfig: \(name) must be at least \(least), got \(number)")
    }
    return number
  }
}

package struct EngineHooks {
  /// Replaces the engine's own train step (which it may call).
  package var trainStep: (() throws -> Void)?
  /// Gives true to stop the run.
  package var validation: (() throws -> Bool)?
  /// Told how far a run is, some twenty times a second; the steps that follow are recorded.
  package var progress: (() throws -> Void)?
  package init() {}
}

package final class Engine {
  package let problems: [Problem]
  package var config: EngineConfig
  package var hooks = EngineHooks()
  package private(set) var globalStep = 0
  package private(set) var dependencies = Dependencies()
  private var leaves: [Problem] = []
  /// Every problem after those below it.
  private(set) var upwards: [Problem] = []
  private(set) var isStarted = false
  private var isRunning = false
  private var pulse = Pulse()
  /// Whether a leaf has stepped in the step under way.
  private var hasStepped = false
  /// Whether a step has failed since all that was due was done.
  private var mayOweSteps = false

  package init(_ problems: [Problem], config: EngineConfig) throws {
    guard !problems.isEmpty else { throw BettyError.value("Engine: no problems given") }
    try config.check()
    self.problems = problems
    self.config = config
    for problem in problems { problem.join(self) }
  }

  /// Problems refer to each other through their dependencies: taken apart, they can go.
  deinit { for problem in problems { problem.leave(ObjectIdentifier(self)) } }

  /// Adds an edge, by position in `problems`: l2u from lower to upper, u2l from upper to lower.
  package func depend(_ kind: String, _ from: Int, _ to: Int) throws {
    for index in [from, to] where !problems.indices.contains(index) {
      throw BettyError.index("dependencies: problem \(index) of \(problems.count)")
    }
    switch kind {
    case "l2u": dependencies.lowerToUpper[from, default: []].append(to)
    case "u2l": dependencies.upperToLower[from, default: []].append(to)
    default:
      throw BettyError.value("dependencies: kind must be 'l2u' or 'u2l', got '\(kind)'")
    }
    isStarted = false
  }

  /// Goes on at a step that another run had reached.
  package func resume(at step: Int) throws {
    try Count.check(step, "Engine: step")
    globalStep = step
  }

  /// Takes all dependencies away; others may follow, even in the middle of a run.
  package func clearDependencies() {
    dependencies = Dependencies()
    isStarted = false
  }

  /// Checks the dependencies and finds leaves and paths; run and trainStep do it when needed.
  package func start() throws {
    let graph = try ProblemGraph(names: problems.map(\.name), dependencies: dependencies)
    for (index, problem) in problems.enumerated() {
      problem.connect(
        parents: graph.parents[index].map { problems[$0] },
        children: graph.children[index].map { problems[$0] },
        paths: graph.paths[index].map { $0.map { problems[$0] } })
    }
    for problem in problems { problem.connectIndirect() }
    leaves = graph.leaves.map { problems[$0] }
    let levels = problems.map(\.level)
    let found = foundUpwards()
    upwards = zip(levels, problems).sorted { a, b in
      (a.0, found.firstIndex { $0 === a.1 } ?? 0) < (b.0, found.firstIndex { $0 === b.1 } ?? 0)
    }.map(\.1)
    for problem in problems { try checkUnrolling(of: problem) }
    try checkIndirect()
    for problem in problems { try problem.checkPrecision() }
    isStarted = true
  }

  /// The problems in the order in which the leaves, and then the parents of each, name them.
  private func foundUpwards() -> [Problem] {
    var found = leaves
    var next = 0
    while next < found.count {
      for parent in found[next].parents where !found.contains(where: { $0 === parent }) {
        found.append(parent)
      }
      next += 1
    }
    return found
  }

  private func checkUnrolling(of problem: Problem) throws {
    let isOnPath = problems.contains { upper in
      upper.unrolledPaths.contains { $0[1..<$0.count - 1].contains { $0 === problem } }
    }
    try problem.unrolling?.check(isOnPath: isOnPath)
  }

  package func run() throws {
    guard !isRunning else { throw BettyError.runtime("Engine: run was called inside a run") }
    isRunning = true
    defer { isRunning = false }
    if !isStarted { try start() }
    for iteration in 0..<config.trainIters {
      globalStep += 1
      hasStepped = false
      do {
        if let trainStep = hooks.trainStep { try trainStep() } else { try self.trainStep() }
      } catch {
        if !hasStepped { globalStep -= 1 }
        mayOweSteps = true  // a step of the user's own may have left some
        throw error
      }
      if (iteration + 1) % config.validStep == 0, let validation = hooks.validation {
        if try validation() { return }
      }
    }
  }

  /// Steps every leaf once, and with them the problems above that are due; before that, what a failure
  /// of the last step has kept from being done.
  package func trainStep() throws {
    if !isStarted { try start() }
    if mayOweSteps {
      for problem in problems where problem.owesSteps { try problem.step() }
      try rollBack()
      mayOweSteps = false
    }
    hasStepped = false
    do { try stepLeaves() } catch {
      mayOweSteps = true
      throw error
    }
    guard pulse.isDue else { return }
    if Interruption.isWanted {
      throw BettyError(.interrupted, "Engine: interrupted at step \(globalStep)")
    }
    if let progress = hooks.progress {
      try progress()
      for problem in problems { problem.recordsNext = true }
    }
  }

  private func stepLeaves() throws {
    for (place, leaf) in leaves.enumerated() {
      do { try leaf.step() } catch {
        if !hasStepped && leaf.owesSteps {
          leaf.forgetOwedStep()
        } else {
          hasStepped = true
          for later in leaves[(place + 1)...] { later.oweStep() }
        }
        throw error
      }
      hasStepped = true
    }
  }
}
