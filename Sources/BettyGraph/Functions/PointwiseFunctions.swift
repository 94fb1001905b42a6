// Functions of one operand, element by element, and those that pick between operands.

import BettyKernelInterface

extension Functions {
  typealias One = @Sendable (inout Builder, Value) throws -> Value

  /// A function of a floating operand; integers become f32.
  static func smooth(
    _ name: String, doc: String, in range: ClosedRange<Double> = -2...2, _ body: @escaping One
  ) -> FunctionEntry {
    FunctionEntry(name, ["input"], doc: doc, samples: sample([2, 3], in: range)) { b, x, _ in
      try body(&b, b.floating(x[0]))
    }
  }

  private static func smooth(
    _ name: String, _ primitive: Primitive, doc: String, in range: ClosedRange<Double> = -2...2
  ) -> FunctionEntry {
    smooth(name, doc: doc, in: range) { b, x in try b.op(primitive, x) }
  }

  /// Rounding: integers are already round.
  private static func rounding(
    _ name: String, _ primitive: Primitive, doc: String
  ) -> FunctionEntry {
    FunctionEntry(
      name, ["input"], doc: doc, samples: sample([2, 3], in: 0.1...0.4)
    ) { b, x, _ in
      let value = try b.tensor(x[0])
      if b.dtype(value) == .bool { throw b.fail(.notSupported, "not defined for bool") }
      return b.dtype(value).isFloating ? try b.op(primitive, value) : value
    }
  }

  /// Kept type: integers stay integers.
  private static func signed(
    _ name: String, _ primitive: Primitive, doc: String, bool: Bool = false
  ) -> FunctionEntry {
    FunctionEntry(name, ["input"], doc: doc, samples: sample([2, 3], in: 0.2...2)) { b, x, _ in
      let value = try b.tensor(x[0])
      guard b.dtype(value) == .bool else { return try b.op(primitive, value) }
      if bool { return value }
      throw b.fail(.notSupported, "not defined for bool, got \(b.type(value)), use logical_not")
    }
  }

  static let pointwise: [FunctionEntry] = signs + exponentials + trigonometry + bounds

  private static let signs: [FunctionEntry] = [
    signed("neg", P.neg, doc: "Negative"),
    signed("abs", P.abs, doc: "Absolute value"),
    signed("sign", P.sign, doc: "-1, 0 or 1", bool: true),
    FunctionEntry(
      "square", ["input"], doc: "input * input", samples: sample([2, 3])
    ) { b, x, _ in
      let value = try b.tensor(x[0])
      let number = b.dtype(value) == .bool ? try b.cast(value, .i64) : value
      return try b.op(P.mul, number, number)
    },
    rounding("floor", P.floor, doc: "Rounded down"),
    rounding("ceil", P.ceil, doc: "Rounded up"),
    rounding("round", P.round, doc: "Rounded to the nearest integer, halves to the even one"),
    rounding("trunc", P.trunc, doc: "Rounded towards zero"),
    FunctionEntry(
      "frac", ["input"], doc: "The part behind the point", samples: sample([2, 3], in: 0.1...0.9)
    ) { b, x, _ in
      let value = try b.needFloating(x[0])
      return try b.op(P.sub, value, b.op(P.trunc, value))
    },
  ]

  private static let exponentials: [FunctionEntry] = [
    smooth("exp", P.exp, doc: "e to the power of input"),
    smooth("exp2", doc: "2 to the power of input") { b, x in
      try b.op(P.exp, b.op(P.mul, x, 0.6931471805599453))
    },
    smooth("expm1", P.expm1, doc: "exp(input) - 1, exact near 0"),
    smooth("log", P.log, doc: "Natural logarithm", in: 0.3...3),
    smooth("log1p", P.log1p, doc: "log(1 + input), exact near 0", in: -0.6...2),
    smooth("log2", doc: "Logarithm to base 2", in: 0.3...3) { b, x in
      try b.op(P.mul, b.op(P.log, x), 1.4426950408889634)
    },
    smooth("log10", doc: "Logarithm to base 10", in: 0.3...3) { b, x in
      try b.op(P.mul, b.op(P.log, x), 0.4342944819032518)
    },
    smooth("sqrt", P.sqrt, doc: "Square root", in: 0.3...3),
    smooth("rsqrt", P.rsqrt, doc: "1 / sqrt(input)", in: 0.3...3),
    smooth("reciprocal", P.reciprocal, doc: "1 / input", in: 0.4...3),
    smooth("sigmoid", P.sigmoid, doc: "1 / (1 + exp(-input))"),
    smooth("erf", P.erf, doc: "Error function"),
    FunctionEntry(
      "logit", ["input"], [AttributeSpec("eps", .double, optional: true)],
      doc: "log(input / (1 - input)); with eps of input limited to [eps, 1 - eps]",
      samples: sample([2, 3], in: 0.2...0.8)
    ) { b, x, attributes in
      var value = try b.floating(x[0])
      if attributes["eps"] != nil {
        let (low, high) = (attributes.double("eps"), 1 - attributes.double("eps"))
        value = try b.select(b.op(P.lt, value, low), low, value)
        value = try b.select(b.op(P.gt, value, high), high, value)
      }
      // Two logarithms: the slope of a quotient's is not a number at 0 and 1.
      return try b.op(P.sub, b.op(P.log, value), b.op(P.log1p, b.op(P.neg, value)))
    },
  ]

  private static let trigonometry: [FunctionEntry] = [
    smooth("sin", P.sin, doc: "Sine"),
    smooth("cos", P.cos, doc: "Cosine"),
    smooth("tan", doc: "Tangent", in: -1...1) { b, x in
      try b.op(P.div, b.op(P.sin, x), b.op(P.cos, x))
    },
    smooth("tanh", P.tanh, doc: "Hyperbolic tangent"),
    smooth("sinh", doc: "Hyperbolic sine") { b, x in
      let (up, down) = try (b.op(P.expm1, x), b.op(P.expm1, b.op(P.neg, x)))
      return try b.op(P.mul, b.op(P.sub, up, down), 0.5)
    },
    smooth("cosh", doc: "Hyperbolic cosine") { b, x in
      let (up, down) = try (b.op(P.exp, x), b.op(P.exp, b.op(P.neg, x)))
      return try b.op(P.mul, b.op(P.add, up, down), 0.5)
    },
    smooth("atan", doc: "Inverse tangent") { b, x in
      try b.compute(P.atan2, [x, b.full(1, b.shape(x), b.dtype(x))])
    },
    smooth("asin", doc: "Inverse sine", in: -0.8...0.8) { b, x in
      try b.op(P.atan2, x, b.legOfUnitCircle(x))
    },
    smooth("acos", doc: "Inverse cosine", in: -0.8...0.8) { b, x in
      try b.op(P.atan2, b.legOfUnitCircle(x), x)
    },
  ]

  private static let bounds: [FunctionEntry] = [
    FunctionEntry(
      "clamp", ["input", "min?", "max?"], doc: "Limited to [min, max], each may be left out",
      samples: sample([2, 3], [3], [2, 3], in: 1...3)
    ) { b, x, _ in
      let given = [x.optional(1), x.optional(2)]
      guard !given.allSatisfy({ $0 == nil }) else {
        throw b.fail(.runtime, "at least one of min and max must be given")
      }
      var values = try b.promoted([x[0]] + given.compactMap { $0 })
      let input = values.removeFirst()
      let low = given[0] == nil ? nil : values.removeFirst()
      return try b.clamp(
        input, low.map { Bound($0, given[0]) }, values.first.map { Bound($0, given[1]) })
    },
    FunctionEntry(
      "clamp_min", ["input", "min"], doc: "At least min", samples: sample([2, 3], [3])
    ) { b, x, _ in
      let values = try b.promoted([x[0], x[1]])
      return try b.clamp(values[0], Bound(values[1], x[1]), nil)
    },
    FunctionEntry(
      "clamp_max", ["input", "max"], doc: "At most max", samples: sample([2, 3], [3])
    ) { b, x, _ in
      let values = try b.promoted([x[0], x[1]])
      return try b.clamp(values[0], nil, Bound(values[1], x[1]))
    },
    FunctionEntry(
      "where", ["condition", "input", "other"], doc: "input where condition holds, else other",
      samples: [Sample([.init([2, 3], 0...1, dtype: .bool), .init([2, 3]), .init([3])])]
    ) { b, x, _ in
      let values = try b.promoted([x[1], x[2]])
      return try b.select(b.condition(x[0]), values[0], values[1])
    },
    FunctionEntry(
      "masked_fill", ["input", "mask", "value"], doc: "value where mask holds, else input",
      samples: [Sample([.init([2, 3]), .init([3], 0...1, dtype: .bool), .init([])])]
    ) { b, x, _ in
      let (value, mask) = try (b.tensor(x[0]), x[1].value)
      guard b.dtype(mask) == .bool else {
        throw b.fail(.runtime, "mask must be bool, got \(b.type(mask))")
      }
      guard b.rank(x[2].value) == 0 else {
        throw b.fail(.runtime, "value must be a number or 0-d, got \(b.type(x[2].value))")
      }
      return try b.select(mask, b.cast(x[2].value, b.dtype(value)), value)
    },
    FunctionEntry(
      "nan_to_num", ["input"],
      [
        AttributeSpec("nan", .double, default: .double(0)),
        AttributeSpec("posinf", .double, optional: true),
        AttributeSpec("neginf", .double, optional: true),
      ], doc: "Numbers in place of NaN and infinities", samples: sample([2, 3])
    ) { b, x, attributes in
      let value = try b.tensor(x[0])
      guard b.dtype(value).isFloating else { return value }
      let largest = b.dtype(value).largest
      let up = attributes.double("posinf", default: largest)
      let down = attributes.double("neginf", default: -largest)
      var result = try b.select(
        b.op(P.ne, value, value), attributes.double("nan"), value)
      result = try b.select(b.op(P.eq, value, .infinity), up, result)
      return try b.select(b.op(P.eq, value, -.infinity), down, result)
    },
  ]
}

/// A bound of clamp, in the type of what it bounds.
struct Bound {
  let value: Value
  let isNumber: Bool

  init(_ value: Value, isNumber: Bool) {
    self.value = value
    self.isNumber = isNumber
  }

  init(_ value: Value, _ operand: Operand?) {
    self.init(value, isNumber: operand?.isNumber ?? true)
  }
}

extension DType {
  /// The largest finite number of a floating type.
  var largest: Double {
    switch self {
    case .f64: .greatestFiniteMagnitude
    case .bf16: 3.3895313892515355e38
    case .f16: 65504
    default: Double(Float.greatestFiniteMagnitude)
    }
  }
}

extension Builder {
  /// sqrt(1 - x²), as a product so that it is exact near 1; of roots, whose slopes at 1 are infinite and
  /// not of unknown sign.
  mutating func legOfUnitCircle(_ x: Value) throws -> Value {
    try op(P.mul, op(P.sqrt, op(P.sub, 1, x)), op(P.sqrt, op(P.add, x, 1)))
  }

  /// PyTorch's clamp: NaN stays, max wins over min. At a bound that is a number the gradient ends, with
  /// a bound that is a tensor it is shared.
  mutating func clamp(_ x: Value, _ low: Bound?, _ high: Bound?) throws -> Value {
    try limit(limit(x, low, P.maximum, P.le), high, P.minimum, P.ge)
  }

  private mutating func limit(
    _ x: Value, _ bound: Bound?, _ joined: Primitive, _ isOutside: Primitive
  ) throws -> Value {
    guard let bound else { return x }
    if !bound.isNumber { return try op(joined, x, bound.value) }
    return try select(op(isOutside, x, bound.value), bound.value, x)
  }

  /// At least a number, or at most.
  mutating func clamp(_ x: Value, _ low: Double?, _ high: Double? = nil) throws -> Value {
    let bounds = try [low, high].map { number in
      try number.map { Bound(try full($0, shape(x), dtype(x)), isNumber: true) }
    }
    return try clamp(x, bounds[0], bounds[1])
  }

  /// A bool tensor; u8 is taken for one as in PyTorch.
  mutating func condition(_ operand: Operand) throws -> Value {
    let dtype = self.dtype(operand.value)
    guard dtype == .bool || dtype == .u8 else {
      throw fail(.runtime, "condition must be bool, got \(type(operand.value))")
    }
    return try cast(operand.value, .bool)
  }

  /// != 0, for the logical functions.
  mutating func truth(_ operand: Operand) throws -> Value { try cast(operand.value, .bool) }
}
