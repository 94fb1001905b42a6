// Conversion of types, values with another derivative, and tensors out of nothing: cast, stop_gradient,
// straight_through, constant, iota.

import BettyKernelInterface

extension P {
  package static let cast: Primitive = Primitive(
    "cast", attributes: [AttributeSpec("dtype", .dtype)],
    derivative: .linear(operands: [0]) { graph, node, cotangent in
      let dtype = graph.dtype(of: node.inputs[0])
      guard dtype.isFloating, graph.dtype(of: cotangent).isFloating else { return [nil] }
      return [try graph.cast(cotangent, dtype)]
    }, kernel: .cast,
    samples: [
      Sample([.init([])], ["dtype": .dtype(.f64)]),
      Sample([.init([3, 4])], ["dtype": .dtype(.f32)]),
      Sample([.init([5], 0...3, dtype: .i64)], ["dtype": .dtype(.f32)]),
      Sample([.init([2, 3], 0...1, dtype: .bool)], ["dtype": .dtype(.f64)]),
      Sample([.init([2, 3], 0.1...0.9)], ["dtype": .dtype(.i32)]),
    ]
  ) { inputs, attributes in
    try Rules.count(inputs, 1, "cast")
    return [try inputs[0].with(Rules.requiredDType(attributes, "cast"))]
  }

  /// The operand, through which no derivative flows.
  package static let stopGradient: Primitive = Primitive(
    "stop_gradient", derivative: .zero, kernel: .alias, batching: .same,
    samples: [Sample([.init([])]), Sample([.init([3, 4])])]
  ) { inputs, _ in
    try Rules.count(inputs, 1, "stop_gradient")
    return inputs
  }

  /// (a, b): the value of b bit for bit, with the derivative of a (Bengio, Léonard and Courville 2013).
  /// Nothing flows to b, and what a is does not matter, so that it may be infinite.
  package static let straightThrough: Primitive = Primitive(
    "straight_through",
    derivative: .elementwise([{ graph, node in try graph.constant(1, like: node.output) }, nil]),
    kernel: .composite { _, inputs, _ in [inputs[1]] }, batching: .same,
    samples: [Sample([.init([]), .init([])]), Sample([.init([3, 4]), .init([3, 4])])]
  ) { inputs, _ in
    try Rules.count(inputs, 2, "straight_through")
    guard inputs[0] == inputs[1] else {
      throw BettyError.type(
        "straight_through: takes two tensors of one type, got \(inputs[0]) and \(inputs[1])")
    }
    return [inputs[1]]
  }

  package static let constant: Primitive = Primitive(
    "constant",
    attributes: [
      AttributeSpec("value", .double), AttributeSpec("shape", .ints),
      AttributeSpec("dtype", .dtype),
    ], derivative: .zero, kernel: .constant,
    samples: [
      Sample([], ["value": .double(1.5), "shape": .ints([]), "dtype": .dtype(.f32)]),
      Sample([], ["value": .double(-3), "shape": .ints([2, 3]), "dtype": .dtype(.i64)]),
      Sample([], ["value": .double(1), "shape": .ints([4]), "dtype": .dtype(.bool)]),
      Sample([], ["value": .double(-.infinity), "shape": .ints([2]), "dtype": .dtype(.f64)]),
    ]
  ) { inputs, attributes in
    try Rules.count(inputs, 0, "constant")
    let dtype = try Rules.requiredDType(attributes, "constant")
    let value = attributes.double("value")
    guard isRepresentable(value, dtype) else {
      throw BettyError.value("constant: \(value) is not a value of \(dtype.name)")
    }
    return [try TensorType(dtype, attributes.ints("shape"))]
  }

  /// Whether a constant of this type can hold the number; floats round, integers must be exact.
  package static func isRepresentable(_ value: Double, _ dtype: DType) -> Bool {
    switch dtype {
    case .f64, .f32, .bf16, .f16: true
    case .i64: Int64(exactly: value) != nil
    case .i32: Int32(exactly: value) != nil
    case .u8: UInt8(exactly: value) != nil
    case .bool: value == 0 || value == 1
    }
  }

  /// Each element's position along one axis.
  package static let iota: Primitive = Primitive(
    "iota",
    attributes: [
      AttributeSpec("shape", .ints), AttributeSpec("axis", .int), AttributeSpec("dtype", .dtype),
    ], derivative: .zero, kernel: .buffer(prepare: prepareIota),
    samples: [
      Sample([], ["shape": .ints([5]), "axis": .int(0), "dtype": .dtype(.i64)]),
      Sample([], ["shape": .ints([2, 3, 2]), "axis": .int(1), "dtype": .dtype(.f32)]),
      Sample([], ["shape": .ints([0, 3]), "axis": .int(1), "dtype": .dtype(.f64)]),
    ]
  ) { inputs, attributes in
    try Rules.count(inputs, 0, "iota")
    let dtype = try Rules.requiredDType(attributes, "iota")
    let type = try TensorType(dtype, attributes.ints("shape"))
    let axis = try Rules.axis(attributes, type, "iota")
    let largest = dtype == .u8 ? 256 : dtype == .i32 ? 1 << 31 : Int.max
    guard dtype != .bool, type.shape[axis] <= largest else {
      throw BettyError.type("iota: \(dtype.name) cannot count to \(type.shape[axis])")
    }
    return [type]
  }

  @Sendable private static func prepareIota(_ request: KernelRequest) throws -> PreparedKernel {
    let type = request.outputs[0]
    guard type.dtype.computeType == type.dtype else {
      throw KernelRequest.missing("iota", type.dtype)
    }
    let axis = request.attributes.int("axis")
    let length = type.shape[axis]
    let inner = Array(type.shape[(axis + 1)...]).product
    let count = type.count
    let tasks = request.tasks(count, units: count)
    return PreparedKernel(tasks: tasks) { frame, task in
      let (out, range) = (frame.operands[0], part(task, of: tasks, count))
      switch type.dtype {
      case .f64: fill(out, range, length, inner) { Double($0) }
      case .f32: fill(out, range, length, inner) { Float($0) }
      case .i64: fill(out, range, length, inner) { Int64($0) }
      case .i32: fill(out, range, length, inner) { Int32(truncatingIfNeeded: $0) }
      default: fill(out, range, length, inner) { UInt8(truncatingIfNeeded: $0) }
      }
    }
  }

  /// Along the last axis positions follow one another; along others each is repeated `inner` times.
  @inline(__always)
  private static func fill<T>(
    _ out: UnsafeMutableRawPointer, _ range: Range<Int>, _ length: Int, _ inner: Int,
    _ convert: (Int) -> T
  ) {
    if range.isEmpty { return }
    let out = out.assumingMemoryBound(to: T.self)
    let (steps, offset) = range.lowerBound.quotientAndRemainder(dividingBy: inner)
    var (place, step, repeats) = (range.lowerBound, steps % length, inner - offset)
    while place < range.upperBound {
      let left = range.upperBound - place
      let count = inner == 1 ? Swift.min(length - step, left) : Swift.min(repeats, left)
      if inner == 1 {
        for i in 0..<count { out[place &+ i] = convert(step &+ i) }
        step = 0
      } else {
        (out + place).update(repeating: convert(step), count: count)
        step = step + 1 == length ? 0 : step + 1
      }
      (place, repeats) = (place + count, inner)
    }
  }

  package static let creation: [Primitive] = [cast, stopGradient, straightThrough, constant, iota]
}
