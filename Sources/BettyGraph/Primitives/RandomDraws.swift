// Random draws. A draw is a function of its key (seed, counter) alone: Philox, Salmon et al., SC
// 2011.

import BettyKernelInterface

extension P {
  private static let key = Sample.Input([2], 0...1000, dtype: .i64)

  private static func checkKey(_ inputs: [TensorType], _ name: String) throws {
    try Rules.count(inputs, 1, name)
    guard inputs[0].dtype == .i64, inputs[0].shape == [2] else {
      throw BettyError.value("\(name): the key must be i64[2], got \(inputs[0])")
    }
  }

  private typealias Draw = @convention(c) (Raw, UnsafePointer<Int64>, Int, Int) -> Void

  private static func draw(
    _ name: String, _ functions: @escaping @Sendable (KernelTable) -> [Draw]
  ) -> Primitive {
    Primitive(
      name, attributes: [AttributeSpec("shape", .ints), AttributeSpec("dtype", .dtype)],
      derivative: .zero,
      kernel: .buffer(
        prepare: { request in
          let output = request.outputs[0]
          let function = try request.floating(functions(request.table), output.dtype, name)
          let (count, size) = (output.count, output.dtype.size)
          let tasks = request.tasks(count, units: count)
          return PreparedKernel(tasks: tasks) { frame, task in
            let range = part(task, of: tasks, count)
            function(
              frame.operands[1] + range.lowerBound * size,
              UnsafePointer(frame.operands[0].assumingMemoryBound(to: Int64.self)),
              range.lowerBound, range.count)
          }
        }),
      samples: [
        Sample([key], ["shape": .ints([]), "dtype": .dtype(.f32)]),
        Sample([key], ["shape": .ints([5]), "dtype": .dtype(.f64)]),
        Sample([key], ["shape": .ints([3, 4]), "dtype": .dtype(.f32)]),
        Sample([key], ["shape": .ints([0, 4]), "dtype": .dtype(.f32)]),
      ]
    ) { inputs, attributes in
      try checkKey(inputs, name)
      let type = try TensorType(
        Rules.requiredDType(attributes, name), attributes.ints("shape"))
      try Rules.dtype(type, .floating, name)
      return [type]
    }
  }

  /// Uniform on [0, 1).
  package static let randomUniform: Primitive = draw("random_uniform") { $0.uniform }
  /// Standard normal.
  package static let randomNormal: Primitive = draw("random_normal") { $0.normal }

  /// A permutation of 0..<count.
  package static let randomPermutation: Primitive = Primitive(
    "random_permutation", attributes: [AttributeSpec("count", .int)], derivative: .zero,
    kernel: .buffer { request in
      let (count, permutation) = (request.outputs[0].count, request.table.permutation)
      return PreparedKernel { frame, _ in
        permutation(
          frame.operands[1].assumingMemoryBound(to: Int64.self),
          UnsafePointer(frame.operands[0].assumingMemoryBound(to: Int64.self)), count)
      }
    },
    samples: [Sample([key], ["count": .int(7)]), Sample([key], ["count": .int(0)])],
    isExpensive: true
  ) { inputs, attributes in
    try checkKey(inputs, "random_permutation")
    return [try TensorType(.i64, [attributes.int("count")])]
  }

  package static let random: [Primitive] = [randomUniform, randomNormal, randomPermutation]
}
