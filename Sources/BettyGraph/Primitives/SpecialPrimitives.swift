// Elementwise primitives outside the tile machine: erfinv, and bits of integers.

import BettyKernelInterface
import BettyKernels

extension P {
  /// The number whose erf is x; ±infinity at ±1, NaN beyond.
  package static let erfinv: Primitive = Primitive(
    "erfinv",
    derivative: .elementwise([
      { graph, node in
        let square = try graph.mul(node.output, node.output)
        return try graph.scale(graph.call(exp, [square]), 0.8862269254527580)
      }
    ]),
    kernel: .buffer(
      inPlace: [0],
      prepare: { request in
        let type = request.inputs[0]
        guard type.dtype == .f64 || type.dtype == .f32 else {
          throw KernelRequest.missing("erfinv", type.dtype)
        }
        let tasks = request.tasks(type.count, units: type.count)
        return PreparedKernel(tasks: tasks) { frame, task in
          let range = part(task, of: tasks, type.count)
          if type.dtype == .f64 {
            let x = frame.operands[0].assumingMemoryBound(to: Double.self)
            let y = frame.operands[1].assumingMemoryBound(to: Double.self)
            for place in range { y[place] = Special.inverseErf(x[place]) }
          } else {
            let x = frame.operands[0].assumingMemoryBound(to: Float.self)
            let y = frame.operands[1].assumingMemoryBound(to: Float.self)
            for place in range { y[place] = Float(Special.inverseErf(Double(x[place]))) }
          }
        }
      }),
    samples: [[], [5], [3, 4], [0, 3]].map { Sample([.init($0, -0.8...0.8)]) }
  ) { inputs, _ in
    try Rules.count(inputs, 1, "erfinv")
    try Rules.dtype(inputs[0], .floating, "erfinv")
    return inputs
  }

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

  package static let special: [Primitive] = [erfinv, bitwise]
}
