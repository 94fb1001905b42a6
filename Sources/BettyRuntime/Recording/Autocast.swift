// Mixed precision while recording, for code outside problems: calls get their operands in the type that
// the function's precision asks for, as torch.autocast does it. The casts are recorded, so gradients flow
// through them and equal ones are computed once. Invariant: off, it costs a call one look at the thread.

import BettyGraph
import BettyKernelInterface
import CBettySupport

package enum Autocast {
  @inline(__always)
  package static var isEnabled: Bool { betty_recording_thread().pointee.autocast != 0 }

  /// What products are rounded to on this thread; nil: off.
  package static var dtype: DType? {
    get {
      let state = betty_recording_thread().pointee.autocast
      return state == 0 ? nil : DType(rawValue: UInt8(truncatingIfNeeded: state - 1))
    }
    set {
      betty_recording_thread().pointee.autocast = newValue.map { 1 + UInt32($0.rawValue) } ?? 0
    }
  }

  /// Runs `body` with the mode set, and sets it back.
  package static func with<Result>(
    _ dtype: DType?, _ body: () throws -> Result
  ) rethrows -> Result {
    let previous = self.dtype
    self.dtype = dtype
    defer { self.dtype = previous }
    return try body()
  }

  /// The operands as the function is to take them; nil if they stay as they are.
  static func operands(
    of function: Function, _ operands: Recording.Operands
  ) throws -> [Tensor]? {
    guard let low = dtype else { return nil }
    let tensors = operands.map { $0.takeUnretainedValue() }
    let dtypes = Lock.held { tensors.map { $0.flags.contains(.number) ? nil : $0.type.dtype } }
    let wanted: DType
    switch function.precision {
    case .any: return nil
    case .low: wanted = low
    case .full: wanted = .f32
    case .widest:
      // Scalars give way to what has dimensions.
      let sized = zip(tensors, dtypes).filter { !$0.0.type.isScalar }.compactMap(\.1)
      guard sized.contains(.f32), sized.contains(where: \.isLow) else { return nil }
      wanted = .f32
    }
    let isOther = dtypes.map { $0 != nil && $0 != wanted && ($0 == .f32 || $0?.isLow == true) }
    guard isOther.contains(true) else { return nil }
    return try with(nil) {
      try zip(tensors, isOther).map { tensor, isOther in
        guard isOther else { return tensor }
        return try Recording.call("to", [tensor], ["dtype": .dtype(wanted)])[0]
      }
    }
  }
}
