// Conditions on values, which are known only when a program runs: a check gives its operand as it is, and the
// run fails where an element breaks the condition. Invariant: who needs the condition reads the result
// of the check, or it is dropped as dead.

import BettyKernelInterface
import Glibc

extension P {
  /// The first element that is bad.
  @inline(__always)
  private static func first<Number>(
    _ type: Number.Type, _ start: UnsafeRawPointer, _ range: Range<Int>,
    where isBad: (Number) -> Bool
  ) -> Int? {
    let elements = start.assumingMemoryBound(to: type)
    for place in range where isBad(elements[place]) { return place }
    return nil
  }

  private typealias Scan =
    @Sendable (DType, UnsafeRawPointer, Range<Int>) -> Int?

  private static func prepare(
    _ request: KernelRequest, _ name: String, _ known: [DType], where scan: @escaping Scan
  ) throws -> PreparedKernel {
    let type = request.inputs[0]
    guard known.contains(type.dtype) else { throw KernelRequest.missing(name, type.dtype) }
    let (count, size, dtype) = (type.count, type.dtype.size, type.dtype)
    let tasks = request.tasks(count, units: count)
    return PreparedKernel(tasks: tasks) { frame, task in
      let range = part(task, of: tasks, count)
      let (from, to) = (frame.operands[0], frame.operands[1])
      if let place = scan(dtype, from, range), frame.status.pointee == 0 {
        frame.status.pointee = Int64(place) + 1
      }
      if from != to {
        memcpy(to + range.lowerBound * size, from + range.lowerBound * size, range.count * size)
      }
    }
  }

  private static let zero: Scan = { dtype, start, range in
    switch dtype {
    case .i64: first(Int64.self, start, range) { $0 == 0 }
    case .i32: first(Int32.self, start, range) { $0 == 0 }
    default: first(UInt8.self, start, range) { $0 == 0 }
    }
  }

  private static let improbable: Scan = { dtype, start, range in
    dtype == .f64
      ? first(Double.self, start, range) { !($0 >= 0 && $0 <= 1) }
      : first(Float.self, start, range) { !($0 >= 0 && $0 <= 1) }
  }

  private static let isZero: @Sendable (Int64) -> BettyError = { position in
    .runtime("integer division: ZeroDivisionError, the divisor at position \(position) is 0")
  }

  private static let isImprobable: @Sendable (Int64) -> BettyError = { position in
    .runtime(
      "probability: all elements must be between 0 and 1, the one at position \(position) is not")
  }

  /// Integers, none of which is 0.
  package static let divisor: Primitive = Primitive(
    "divisor", derivative: .zero,
    kernel: .buffer(
      inPlace: [0],
      prepare: { request in
        try prepare(request, "divisor", [.i64, .i32, .u8], where: zero)
      }), batching: .same,
    samples: [
      Sample([.init([], 1...9, dtype: .i64)]), Sample([.init([3, 2], 1...9, dtype: .i32)]),
      Sample([.init([0], 1...9, dtype: .u8)]),
    ],
    failure: isZero
  ) { inputs, _ in
    try Rules.count(inputs, 1, "divisor")
    guard inputs[0].dtype.isInteger else {
      throw BettyError.type("divisor: takes integers, got \(inputs[0])")
    }
    return inputs
  }

  /// Numbers of [0, 1]; NaN is none of them.
  package static let probability: Primitive = Primitive(
    "probability",
    derivative: .elementwise([{ graph, node in try graph.constant(1, like: node.output) }]),
    kernel: .buffer(
      inPlace: [0],
      prepare: { request in
        try prepare(request, "probability", [.f64, .f32], where: improbable)
      }), batching: .same,
    samples: [
      Sample([.init([], 0.2...0.8)]), Sample([.init([3, 2], 0.2...0.8)]),
      Sample([.init([0], 0.2...0.8)]),
    ],
    failure: isImprobable
  ) { inputs, _ in
    try Rules.count(inputs, 1, "probability")
    try Rules.dtype(inputs[0], .floating, "probability")
    return inputs
  }

  package static let checks: [Primitive] = [divisor, probability]
}
