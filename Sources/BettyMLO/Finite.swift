// What becomes of a step whose loss or gradients are not finite: option on_nan, and dynamic scaling. The
// check is part of the step's program: parameters and state keep their values where it fails. Invariant:
// with "ignore", the default, and without f16, nothing is computed and nothing is read.

import BettyGraph
import BettyRuntime

package enum OnNan: String, Sendable, CaseIterable {
  /// The step is taken.
  case ignore
  /// The run ends with an error; everything keeps its last good values.
  case stop
  /// The step is left out and counted.
  case skip
}

/// How the finiteness of a step is looked at.
struct FiniteCheck {
  let onNan: OnNan
  /// Products are stored in f16: an overflow leaves the step out whatever `onNan` says.
  let isScaled: Bool

  var isOn: Bool { onNan != .ignore || isScaled }
  /// The loss, which is not scaled, is looked at by itself: S can do nothing about it.
  var looksAtLoss: Bool { onNan == .stop && isScaled }
}

extension StepBuilder {
  /// Whether every element of some values is finite, a scalar bool.
  mutating func areFinite(_ values: [Value]) throws -> Value {
    var total: Value?
    for value in values {
      let size = try step.graph.call(P.abs, [value])
      let infinity = try step.graph.constant(.infinity, like: size)
      let isFinite = try step.graph.call(P.lt, [size, infinity])
      // A comparison with NaN is false: what is not below infinity is counted.
      let one = try step.graph.constant(1, like: size)
      let zero = try step.graph.constant(0, like: size)
      let bad = try Vectors.total(
        try step.graph.call(P.select, [isFinite, zero, one]), in: &step.graph)
      total = try total.map { try add($0, bad) } ?? bad
    }
    guard let total else { throw BettyError.runtime("on_nan: nothing to look at") }
    return try step.graph.call(P.eq, [total, try step.graph.constant(0, like: total)])
  }

  private mutating func add(_ a: Value, _ b: Value) throws -> Value {
    var b = b
    let dtype = step.graph.dtype(of: a)
    if step.graph.dtype(of: b) != dtype {
      b = try step.graph.call(P.cast, [b], ["dtype": .dtype(dtype)])
    }
    return try step.graph.call(P.add, [a, b])
  }
}

extension Problem {
  /// Buffers that a step about to be recorded may spoil.
  func buffersInDanger() throws -> [Snapshot] {
    let isScaled = engine?.problems.contains { $0.config.precision == .fp16 } ?? false
    return config.onNan == .ignore && !isScaled ? [] : try buffers.map { try Snapshot($0) }
  }

  /// What a step found, from its results: true if it was taken. An error where that ends the run.
  func wasTaken(_ results: [Tensor], _ before: [Snapshot], _ check: FiniteCheck) throws -> Bool {
    guard check.isOn, let flag = results.last else { return true }
    let isFinite = try flag.item() != .bool(false)
    if !isFinite, check.looksAtLoss, results.count > 1,
      try results[results.count - 2].item() == .bool(false)
    {
      for buffer in before { try buffer.restore() }
      throw notFinite
    }
    return try settle(isFinite, before, check)
  }

  /// Counts a step that was not finite, or ends the run; S follows.
  func settle(_ isFinite: Bool, _ before: [Snapshot], _ check: FiniteCheck) throws -> Bool {
    if isFinite {
      overflows = 0
      if check.isScaled { for scale in scales { try scale.succeed() } }
      return true
    }
    for buffer in before { try buffer.restore() }
    guard check.isScaled else {
      guard config.onNan == .skip else { throw notFinite }
      skippedSteps += 1
      return false
    }
    skippedSteps += 1
    for scale in scales { try scale.fail() }
    overflows += 1
    if overflows >= LossScale.mostOverflows {
      throw BettyError.runtime(
        "problem '\(name)': \(LossScale.mostOverflows) steps in a row overflowed in fp16, the last "
          + "one step \(count) at a scale of \(lossScale.value); parameters keep their last good "
          + "values")
    }
    return false
  }

  private var notFinite: BettyError {
    .runtime(
      "problem '\(name)': the loss or its gradient is not finite at step \(count); parameters "
        + "keep their last good values")
  }

  /// Whether derivatives of its loss, as last recorded, are scaled. Its own precision may be another: a
  /// product with an upper problem's parameters is in theirs.
  var isScaled: Bool { config.precision == .fp16 || lastRecorded?.graph.isHalf == true }

  /// Those that this problem's steps depend on.
  private var scales: [LossScale] {
    let below = paths.flatMap { $0[1..<$0.count - 1] }
    var all = [lossScale]
    for problem in below where problem.isScaled {
      if !all.contains(where: { $0 === problem.lossScale }) { all.append(problem.lossScale) }
    }
    return all
  }
}
