// The precision of problems: whose policy holds for what a problem records, and what it asks of parameters
// and of the processor.

import BettyGraph
import BettyRuntime
import BettyTransform
import Synchronization

extension Problem {
  /// Whose parameters a recording of this problem is made on; nil where nobody asks for low precision.
  func owners(of capture: Capture) -> PrecisionOwners? {
    let problems = engine?.problems ?? [self]
    guard problems.contains(where: { $0.config.precision != .fp32 }) else { return nil }
    var known: [Int32: Precision] = [:]
    for problem in problems.filter({ $0 !== self }) + [self] {
      for handle in problem.buffers + problem.metaParameters + problem.parameters
      where handle.parameterID != 0 {
        known[handle.parameterID] = problem.config.precision
      }
    }
    let leaves = capture.leafParameters.map { known[$0] }
    let rest = capture.graph.inputs.count - leaves.count
    return PrecisionOwners(
      own: config.precision, inputs: leaves + [Precision?](repeating: nil, count: rest))
  }

  /// Refuses parameters that low precision would not do justice to.
  func checkPrecision() throws {
    guard config.precision != .fp32 else { return }
    for parameter in parameters + metaParameters where parameter.type.dtype == .f64 {
      throw BettyError.type(
        "problem '\(name)': precision '\(config.precision.rawValue)' needs parameters of f32, got "
          + "\(parameter.type)")
    }
    guard config.precision == .bf16, !ProcessorTraits.multipliesBF16 else { return }
    let isFirst = Self.hasWarned.withLock { hasWarned in
      defer { hasWarned = true }
      return !hasWarned
    }
    guard isFirst else { return }
    try hooks.warn?(
      "problem '\(name)': this processor has no AVX512-BF16, so precision 'bf16' saves memory but "
        + "no time")
  }

  private static let hasWarned = Mutex(false)
}
