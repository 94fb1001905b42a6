// Tensors out of nothing, casts and copies, and random draws. A draw takes the i64[2] key (seed,
// counter) as its last input, so that the same key gives the same numbers wherever the graph goes.

import BettyKernelInterface

extension Functions {
  static let creation: [FunctionEntry] = constants + alike + conversions + draws

  static let float = AttributeSpec("dtype", .dtype, default: .dtype(.defaultFloat))

  private static func filled(_ name: String, _ value: Double, doc: String) -> FunctionEntry {
    FunctionEntry(
      name, [], [sizes, float], doc: doc, samples: [Sample([], ["size": .ints([2, 3])])]
    ) { b, _, attributes in
      try b.full(value, b.lengths(attributes), attributes.dtype("dtype") ?? .defaultFloat)
    }
  }

  private static let constants: [FunctionEntry] = [
    filled("zeros", 0, doc: "Zeros of a size"),
    filled("ones", 1, doc: "Ones of a size"),
    FunctionEntry(
      "full", ["fill_value"], [sizes, dtypeOption], doc: "A value in every element of a size",
      samples: sample([], at: ["size": .ints([2, 3])])
    ) { b, x, attributes in
      // Cast from the number itself: the default type has fewer digits than f64.
      let value =
        try attributes.dtype("dtype").map { try b.cast(x[0].value, $0) } ?? b.tensor(x[0])
      try b.needRank([value], [0])
      return try b.broadcast(value, to: b.lengths(attributes))
    },
    FunctionEntry(
      "arange", [],
      [
        AttributeSpec("start", .double, default: .int(0)), AttributeSpec("end", .double),
        AttributeSpec("step", .double, default: .int(1)), dtypeOption,
      ], doc: "start, start + step… before end; i64 if all are integers",
      samples: [Sample([], ["end": .int(5)])]
    ) { b, _, attributes in try b.arange(attributes) },
    FunctionEntry(
      "linspace", [],
      [
        AttributeSpec("start", .double), AttributeSpec("end", .double),
        AttributeSpec("steps", .int), float,
      ], doc: "steps numbers from start to end, both included",
      samples: [Sample([], ["start": .int(0), "end": .int(1), "steps": .int(5)])]
    ) { b, _, attributes in try b.linspace(attributes) },
    FunctionEntry(
      "eye", [], [AttributeSpec("n", .int), AttributeSpec("m", .int, optional: true), float],
      doc: "Identity matrix, n by m", samples: [Sample([], ["n": .int(3)])]
    ) { b, _, attributes in
      let rows = try b.size(attributes.int("n"), "n")
      let columns = try b.size(attributes.int("m", default: rows), "m")
      let (row, column) = try b.positions(rows, columns)
      return try b.cast(b.op(P.eq, row, column), attributes.dtype("dtype") ?? .defaultFloat)
    },
  ]

  private static func alike(_ name: String, _ value: Double, doc: String) -> FunctionEntry {
    moving(name, [dtypeOption], doc: doc, samples: sample([2, 3])) { b, x, attributes in
      try b.full(value, b.shape(x), attributes.dtype("dtype") ?? b.dtype(x))
    }
  }

  private static let alike: [FunctionEntry] = [
    alike("zeros_like", 0, doc: "Zeros of the shape and type of input"),
    alike("ones_like", 1, doc: "Ones of the shape and type of input"),
    FunctionEntry(
      "full_like", ["input", "fill_value"], [dtypeOption],
      doc: "A value in every element of the shape and type of input", samples: sample([2, 3], [])
    ) { b, x, attributes in
      try b.needRank([x[1].value], [0])
      let dtype = attributes.dtype("dtype") ?? b.dtype(x[0].value)
      return try b.broadcast(b.cast(x[1].value, dtype), to: b.shape(x[0].value))
    },
  ]

  private static let conversions: [FunctionEntry] = [
    moving(
      "to", [AttributeSpec("dtype", .dtype)], doc: "In another element type",
      samples: sample([2, 3], at: ["dtype": .dtype(.f64)])
    ) { b, x, attributes in try b.cast(x, attributes.dtype("dtype") ?? b.dtype(x)) },
    moving(
      "detach", doc: "The same values, through which no gradient flows",
      samples: sample([2, 3])
    ) { b, x, _ in try b.emit(P.stopGradient, [x]) },
    moving("clone", doc: "A copy", samples: sample([2, 3])) { _, x, _ in x },
    moving(
      "contiguous", doc: "Itself or, of a view that lies scattered in memory, a copy",
      samples: sample([2, 3])
    ) { _, x, _ in x },
  ]

  private static let key = Sample.Input([2], 0...100, dtype: .i64)

  private static let draws: [FunctionEntry] = [
    FunctionEntry(
      "rand", ["key"], [sizes, float], doc: "Uniform on [0, 1)",
      samples: [Sample([key], ["size": .ints([2, 3])])]
    ) { b, x, attributes in
      try b.uniform(b.lengths(attributes), attributes.dtype("dtype") ?? .defaultFloat, key: x[0])
    },
    FunctionEntry(
      "randn", ["key"], [sizes, float], doc: "Standard normal",
      samples: [Sample([key], ["size": .ints([2, 3])])]
    ) { b, x, attributes in
      try b.draw(
        P.randomNormal, b.lengths(attributes), attributes.dtype("dtype") ?? .defaultFloat, key: x[0]
      )
    },
    FunctionEntry(
      "randint", ["key"],
      [
        AttributeSpec("low", .int, default: .int(0)), AttributeSpec("high", .int), sizes,
        AttributeSpec("dtype", .dtype, default: .dtype(.i64)),
      ], doc: "Integers from low to high - 1",
      samples: [Sample([key], ["high": .int(10), "size": .ints([2, 3])])]
    ) { b, x, attributes in
      let (low, high) = (attributes.int("low"), attributes.int("high"))
      let (span, overflow) = high.subtractingReportingOverflow(low)
      guard low < high, !overflow, span <= 1 << 53 else {
        throw b.fail(.runtime, "low must be below high, by at most 2^53, got \(low) and \(high)")
      }
      let shape = try b.lengths(attributes)
      let draw = try b.uniform(shape, .f64, key: x[0])
      let steps = try b.cast(b.op(P.floor, b.op(P.mul, draw, Double(span))), .i64)
      let integers = low == 0 ? steps : try b.op(P.add, steps, b.full(integer: low, shape))
      return try b.cast(integers, attributes.dtype("dtype") ?? .i64)
    },
    FunctionEntry(
      "randperm", ["key"],
      [AttributeSpec("n", .int), AttributeSpec("dtype", .dtype, default: .dtype(.i64))],
      doc: "The numbers 0 to n - 1 in random order", samples: [Sample([key], ["n": .int(5)])]
    ) { b, x, attributes in
      let count = try b.size(attributes.int("n"), "n")
      let order = try b.emit(P.randomPermutation, [b.checkedKey(x[0])], ["count": .int(count)])
      return try b.cast(order, attributes.dtype("dtype") ?? .i64)
    },
    FunctionEntry(
      "bernoulli", ["input", "key"], doc: "1 with the probability given by input, else 0",
      samples: [Sample([.init([2, 3], 0...1), key])]
    ) { b, x, _ in
      let p = try b.op(P.probability, b.needFloating(x[0]))
      let dtype = b.dtype(p)
      let draw = try b.fineUniform(b.shape(p), dtype, key: x[1])
      return try b.cast(b.op(P.lt, draw, b.cast(p, b.dtype(draw))), dtype)
    },
  ]
}

extension Builder {
  /// Attribute `size`, checked.
  func lengths(_ attributes: Attributes) throws -> [Int] {
    let lengths = attributes.ints("size")
    for length in lengths { _ = try size(length, "size") }
    return lengths
  }

  func checkedKey(_ operand: Operand) throws -> Value {
    let type = self.type(operand.value)
    guard type.dtype == .i64, type.shape == [2] else {
      throw fail(.type, "key must be i64[2], got \(type)")
    }
    return operand.value
  }

  /// A random tensor; storage types are drawn as f32, integers are refused.
  mutating func draw(
    _ primitive: Primitive, _ shape: [Int], _ dtype: DType, key: Operand
  ) throws -> Value {
    guard dtype.isFloating else {
      throw fail(.runtime, "dtype must be floating point, got \(dtype.name)")
    }
    let drawn = try emit(
      primitive, [checkedKey(key)],
      ["shape": .ints(shape), "dtype": .dtype(dtype.computeType)])
    return try cast(drawn, dtype)
  }

  /// Uniform on [0, 1). A storage type takes as many bits as its significand has: more would round, the
  /// largest of them to 1.
  mutating func uniform(_ shape: [Int], _ dtype: DType, key: Operand) throws -> Value {
    let drawn = try fineUniform(shape, dtype, key: key)
    guard self.dtype(drawn) != dtype else { return drawn }
    let steps = dtype == .bf16 ? 0x1p8 : 0x1p11
    return try cast(op(P.div, op(P.floor, op(P.mul, drawn, steps)), steps), dtype)
  }

  /// The same, for a storage type in f32: to be compared with numbers that those bits would not tell apart.
  mutating func fineUniform(_ shape: [Int], _ dtype: DType, key: Operand) throws -> Value {
    try draw(P.randomUniform, shape, dtype.isFloating ? dtype.computeType : dtype, key: key)
  }

  mutating func arange(_ attributes: Attributes) throws -> Value {
    let names = ["start", "end", "step"]
    let isInteger = names.allSatisfy { if case .int = attributes[$0] { true } else { false } }
    if isInteger { return try integerRange(attributes) }
    let (start, end, step) = (
      attributes.double("start"), attributes.double("end"), attributes.double("step")
    )
    let span = ((end - start) / step).rounded(.up)
    guard step != 0, span.isFinite, span >= 0, span < 0x1p53 else {
      throw fail(.runtime, "\(start) to \(end) by \(step) is no range")
    }
    let steps = try op(P.mul, iota([Int(span)], axis: 0, .f64), step)
    return try cast(op(P.add, steps, start), attributes.dtype("dtype") ?? .defaultFloat)
  }

  /// A range of integers, exact up to the ends of i64.
  private mutating func integerRange(_ attributes: Attributes) throws -> Value {
    let (start, end, step) = (
      attributes.int("start"), attributes.int("end"), attributes.int("step")
    )
    let (span, overflow) = end.subtractingReportingOverflow(start)
    guard step != 0, !overflow, span == 0 || (span > 0) == (step > 0) else {
      throw fail(.runtime, "\(start) to \(end) by \(step) is no range")
    }
    let steps = span.magnitude / step.magnitude + (span.magnitude % step.magnitude == 0 ? 0 : 1)
    let shape = [Int(clamping: steps)]
    var result = try iota(shape, axis: 0)
    if step != 1 { result = try op(P.mul, result, full(integer: step, shape)) }
    if start != 0 { result = try op(P.add, result, full(integer: start, shape)) }
    return try cast(result, attributes.dtype("dtype") ?? .i64)
  }

  /// From both ends, so that the last number is `end` exactly.
  mutating func linspace(_ attributes: Attributes) throws -> Value {
    let count = try size(attributes.int("steps"), "steps")
    let (start, end) = (attributes.double("start"), attributes.double("end"))
    let dtype = attributes.dtype("dtype") ?? .defaultFloat
    if count <= 1 { return try full(start, [count], dtype) }
    let step = (end - start) / Double(count - 1)
    let positions = try iota([count], axis: 0, .f64)
    let up = try op(P.add, op(P.mul, positions, step), start)
    let left = try op(P.mul, op(P.sub, Double(count - 1), positions), step)
    let down = try op(P.sub, end, left)
    let isFirstHalf = try op(P.lt, positions, Double(count / 2))
    return try cast(select(isFirstHalf, up, down), dtype)
  }
}
