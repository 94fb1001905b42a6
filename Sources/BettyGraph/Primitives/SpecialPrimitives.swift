// The elementwise primitive outside the tile machine: bits of integers.

import BettyKernelInterface
import BettyKernels

extension P {
  /// Bits of two integers: attribute `operation` is and, or, xor, left or right (shifts).
  package static let bitwise: Primitive = Primitive(
    "bitwise", attributes: [AttributeSpec("operation", .string)], derivative: .zero,
    kernel: .buffer { request in
      let type = request.inputs[0]
      guard let operation = Special.Bits(rawValue: request.attributes.string("operation")),
        let function = Special.bits(operation, type.dtype)
      else { throw KernelRequest.missing("bitwise", type.dtype) }
      let size = type.dtype.size
      let tasks = request.tasks(type.count, units: type.count)
      return PreparedKernel(tasks: tasks) { frame, task in
        let range = part(task, of: tasks, type.count)
        let offset = range.lowerBound * size
        function(
          frame.operands[2] + offset, frame.operands[0] + offset, frame.operands[1] + offset,
          range.count)
      }
    }, batching: .same,
    samples: Special.Bits.allCases.map {
      Sample(
        [.init([2, 3], 0...9, dtype: .i64), .init([2, 3], 0...9, dtype: .i64)],
        ["operation": .string($0.rawValue)])
    }
  ) { inputs, attributes in
    try Rules.count(inputs, 2, "bitwise")
    try Rules.same(inputs[0], inputs[1], "bitwise")
    guard inputs[0].dtype.isInteger else {
      throw BettyError.type("bitwise: takes integers, got \(inputs[0])")
    }
    let operation = attributes.string("operation")
    guard Special.Bits(rawValue: operation) != nil else {
      throw BettyError.value("bitwise: unknown operation '\(operation)'")
    }
    return [inputs[0]]
  }

  package static let special: [Primitive] = [bitwise]
}
