// Exact reverse mode through the optimizer steps of an inner loop (Franceschi et al., ICML 2017; Maclaurin,
// Duvenaud, Adams, ICML 2015, without their reversal of the dynamics). Kept per step: θ, optimizer
// state and what was drawn; or, with checkpoints, θ and state at every √T-th step only (Griewank and
// Walther, Evaluating Derivatives, 2008, chapter 12), the others being computed again. Invariant: the
// first step that is kept has its θ.

import BettyGraph
import BettyRuntime

final class Tape: Trace {
  private unowned let problem: Problem
  /// Steps that are differentiated, from the last one back; 0 is all.
  private let truncation: Int
  /// Steps between two that keep θ and state.
  private let spacing: Int
  private var steps: [TapeStep] = []
  private var origin: LoopOrigin?
  private var isWhole = true
  private var adjoints = UnrolledCache<Adjoint>()
  private var repeats = UnrolledCache<UnrolledProgram>()
  private var zeros = Zeros()

  init(_ problem: Problem, truncation: Int, checkpoints: Bool) {
    self.problem = problem
    self.truncation = truncation
    let whole = problem.config.unrollSteps
    let length = truncation > 0 ? min(truncation, whole) : whole
    spacing = checkpoints ? Int(Double(length).squareRoot().rounded(.up)) : 1
  }

  func restart(from origin: LoopOrigin?) {
    steps.removeAll(keepingCapacity: true)
    self.origin = origin
    isWhole = true
  }

  func forgetPrograms() {
    adjoints = UnrolledCache()
    repeats = UnrolledCache()
  }

  func append(_ step: TapeStep) {
    var step = step
    if let last = steps.last, last.isLike(step), sinceCheckpoint < spacing { step.before = nil }
    steps.append(step)
    forget()
  }

  private var sinceCheckpoint: Int {
    steps.count - (steps.lastIndex { $0.before != nil } ?? 0)
  }

  /// Drops what no product reaches any more.
  private func forget() {
    guard truncation > 0, steps.count > truncation else { return }
    isWhole = false
    let first = steps.count - truncation
    guard let start = steps[...first].lastIndex(where: { $0.before != nil }), start > 0 else {
      return
    }
    steps.removeFirst(start)
  }

  func product(of vector: [Int32: Tensor], upper: [Tensor]) throws -> [Tensor?] {
    var cotangents = vector
    var sums: [Tensor?] = upper.map { _ in nil }
    let bottom = truncation > 0 ? max(0, steps.count - truncation) : 0
    var end = steps.count
    while end > bottom {
      var start = end - 1
      while start > 0 && steps[start].before == nil { start -= 1 }
      let states = try states(start..<end)
      for place in (max(start, bottom)..<end).reversed() {
        let adjoint = try adjoints.find(steps[place], upper.map(\.parameterID)) {
          try Adjoint(problem, steps[place], upper: upper)
        }
        try adjoint.run(
          steps[place], before: states[place - start], &cotangents, &sums, &zeros)
      }
      end = start
    }
    try addOrigin(cotangents, upper, &sums)
    return sums
  }

  /// θ and state before each of a range of steps, of which the first has them.
  private func states(_ range: Range<Int>) throws -> [[Tensor]] {
    var states: [[Tensor]] = []
    for place in range {
      if let before = steps[place].before {
        states.append(before)
        continue
      }
      let last = steps[place - 1]
      let program = try repeats.find(last, []) {
        var step = try UnrolledStep(problem, last)
        let after = try step.update(try step.gradients(of: step.theta))
        return try step.compiled(after)
      }
      states.append(try program.run(last, before: states[states.count - 1]))
    }
    return states
  }

  /// The loop began at a copy of other parameters: what reaches θ_0 is theirs.
  private func addOrigin(
    _ cotangents: [Int32: Tensor], _ upper: [Tensor], _ sums: inout [Tensor?]
  ) throws {
    guard isWhole, let origin else { return }
    for (parameter, source) in origin {
      guard let cotangent = cotangents[parameter.parameterID],
        let place = upper.firstIndex(where: { $0.parameterID == source.parameterID })
      else { continue }
      guard let sum = sums[place] else {
        sums[place] = cotangent
        continue
      }
      sums[place] = try Recording.call("add", [sum, cotangent])[0]
    }
  }

  func write(into state: inout StateWriter) throws {
    let moved = Set(problem.parameters.map(\.parameterID))
    state.add(isWhole)
    state.add(steps.count)
    for step in steps {
      state.add(step.recordings.count)
      for recording in step.recordings { try state.add(recording, moved: moved) }
      state.add(step.update.present)
      state.add(step.hyper + [step.update.clipping])
      state.add(step.before != nil)
      if let before = step.before { try state.add(before) }
    }
  }

  func read(from state: inout StateReader) throws {
    isWhole = try state.flag()
    for _ in 0..<(try state.count()) { steps.append(try step(from: &state)) }
    guard steps.first?.before != nil || steps.isEmpty else { throw StateReader.misfit }
  }

  private func step(from state: inout StateReader) throws -> TapeStep {
    var recordings: [TapedRecording] = []
    for _ in 0..<(try state.count()) { recordings.append(try state.taped()) }
    let present = try state.ints()
    var hyper = try state.doubles()
    let before = try state.flag() ? state.listOfTensors() : nil
    guard let optimizer = problem.optimizer, let clipping = hyper.popLast(),
      present.allSatisfy(problem.parameters.indices.contains)
    else { throw StateReader.misfit }
    // Steps of another optimizer, before it was exchanged within the loop, can't be taken up.
    let update = try TapedUpdate(problem, optimizer, present, clipping: clipping)
    guard hyper.count == update.numbers,
      before.map({ $0.map(\.type) == update.moved.map(\.type) }) ?? true
    else { throw StateReader.misfit }
    return TapeStep(recordings: recordings, update: update, hyper: hyper, before: before)
  }
}
