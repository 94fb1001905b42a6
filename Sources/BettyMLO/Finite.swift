// What becomes of a step whose loss or gradients are not finite (option on_nan). The check is part of the
// step's program: parameters and state keep their values where it fails. Invariant: with "ignore", the
// default, nothing is computed and nothing is read.

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

extension StepGraph {
  /// Where the flag is false, all that is updated keeps its value. The flag is the last result.
  mutating func keepUnless(_ flag: Value) throws {
    try changeUpdates { graph, old, new in
      let shape = graph.shape(of: new)
      let mask =
        shape.isEmpty
        ? flag
        : try graph.call(P.broadcast, [flag], ["shape": .ints(shape), "axes": .ints([])])
      return try graph.call(P.select, [mask, new, old])
    }
    addResult(flag)
  }
}

extension Problem {
  /// Buffers that a step about to be recorded may spoil.
  func buffersInDanger() throws -> [Snapshot] {
    config.onNan == .ignore ? [] : try buffers.map { try Snapshot($0) }
  }

  /// What a step found, from its results: true if it was taken. With "stop", an error if it was not.
  func wasTaken(_ results: [Tensor], _ before: [Snapshot]) throws -> Bool {
    guard config.onNan != .ignore, let flag = results.last else { return true }
    if try flag.item() != .bool(false) { return true }
    for buffer in before { try buffer.restore() }
    guard config.onNan == .skip else {
      throw BettyError.runtime(
        "problem '\(name)': the loss or its gradient is not finite at step \(count); parameters "
          + "keep their last good values")
    }
    skippedSteps += 1
    return false
  }
}
