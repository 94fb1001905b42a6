// Less common functions of one and two numbers.

import BettyKernelInterface

extension Functions {
  static let special: [FunctionEntry] = hyperbolic + gammas + pairs + signsAndBits + fused

  private static let hyperbolic: [FunctionEntry] = [
    smooth("asinh", doc: "Inverse hyperbolic sine") { b, x in
      // Of a = |x|, where nothing cancels: log1p(a + a² / (1 + sqrt(1 + a²))), or log(2a) where a² is all.
      // The sign is chosen, not abs: its slope at 0 is 1.
      let isNegative = try b.op(P.lt, x, 0)
      let size = try b.select(isNegative, b.op(P.neg, x), x)
      let isLarge = try b.op(P.gt, size, 1e9)
      let usual = try b.select(isLarge, 1, size)
      let square = try b.op(P.mul, usual, usual)
      let root = try b.op(P.add, b.op(P.sqrt, b.op(P.add, square, 1)), 1)
      let near = try b.op(P.log1p, b.op(P.add, usual, b.op(P.div, square, root)))
      let far = try b.op(P.add, b.op(P.log, b.select(isLarge, size, 1)), 0.693147180559945309)
      let value = try b.select(isLarge, far, near)
      return try b.select(isNegative, b.op(P.neg, value), value)
    },
    smooth("acosh", doc: "Inverse hyperbolic cosine", in: 1.2...3) { b, x in
      // Of d = x - 1, where nothing cancels near 1: log1p(d + sqrt(d) sqrt(x + 1)), or log(2x) where x is all.
      let isLarge = try b.op(P.gt, x, 1e9)
      let usual = try b.select(isLarge, 2, x)
      let above = try b.op(P.sub, usual, 1)
      let root = try b.op(P.mul, b.op(P.sqrt, above), b.op(P.sqrt, b.op(P.add, usual, 1)))
      let near = try b.op(P.log1p, b.op(P.add, above, root))
      let far = try b.op(P.add, b.op(P.log, b.select(isLarge, x, 1)), 0.693147180559945309)
      return try b.select(isLarge, far, near)
    },
    smooth("atanh", doc: "Inverse hyperbolic tangent", in: -0.8...0.8) { b, x in
      let (up, down) = try (b.op(P.log1p, x), b.op(P.log1p, b.op(P.neg, x)))
      return try b.op(P.mul, b.op(P.sub, up, down), 0.5)
    },
    smooth("erfc", doc: "1 - erf(input)") { b, x in try b.op(P.sub, 1, b.op(P.erf, x)) },
    smooth("erfinv", doc: "The number whose erf is input", in: -0.8...0.8) { b, x in
      try b.op(P.erfinv, x)
    },
    smooth("sinc", doc: "sin(pi * input) / (pi * input), 1 at 0", in: 0.2...2) { b, x in
      let angle = try b.op(P.mul, x, Double.pi)
      let square = try b.op(P.mul, angle, angle)
      // Near 0 the series, whose derivatives are right.
      let isSmall = try b.op(P.lt, square, 1e-4)
      let series = try b.op(
        P.sub, 1,
        b.op(
          P.mul, square,
          b.op(
            P.sub, 1.0 / 6, b.op(P.mul, square, 1.0 / 120))))
      let safe = try b.select(isSmall, 1, angle)
      return try b.select(isSmall, series, b.op(P.div, b.op(P.sin, safe), safe))
    },
    smooth("deg2rad", doc: "Degrees as radians") { b, x in try b.op(P.mul, x, Double.pi / 180) },
    smooth("rad2deg", doc: "Radians as degrees") { b, x in try b.op(P.mul, x, 180 / Double.pi) },
  ]

  private static let gammas: [FunctionEntry] = [
    smooth("lgamma", doc: "Logarithm of |gamma(input)|", in: 0.4...4) { b, x in
      try b.wide(x) { try $0.logGamma($1) }
    },
    smooth("digamma", doc: "Derivative of lgamma", in: 0.4...4) { b, x in
      try b.wide(x) { try $0.digamma($1) }
    },
    FunctionEntry(
      "polygamma", ["input"], [AttributeSpec("n", .int)],
      doc: "The n-th derivative of digamma; of positive input where n > 1",
      samples: sample([2, 3], in: 0.4...4, at: ["n": .int(1)])
    ) { b, x, attributes in
      let order = attributes.int("n")
      guard order >= 0, order < 100 else {
        throw b.fail(.runtime, "n must be in 0...99, got \(order)")
      }
      return try b.wide(b.floating(x[0])) {
        order == 0 ? try $0.digamma($1) : try $0.polygamma(order, $1)
      }
    },
  ]

  /// Two operands in a floating type.
  private static func pair(
    _ name: String, and second: String = "other", doc: String,
    in range: ClosedRange<Double> = -2...2,
    body: @escaping @Sendable (inout Builder, Value, Value) throws -> Value
  ) -> FunctionEntry {
    FunctionEntry(
      name, InputSpec(arrayLiteral: "input", second), doc: doc,
      samples: sample([2, 3], [3], in: range)
    ) { b, x, _ in
      let values = try b.promoted([x[0], x[1]], floating: true)
      let shape = try b.common(values)
      return try body(&b, b.broadcast(values[0], to: shape), b.broadcast(values[1], to: shape))
    }
  }

  private static let pairs: [FunctionEntry] = [
    pair("xlogy", doc: "input * log(other), 0 where input is 0", in: 0.3...3) { b, x, y in
      // 0 times a finite logarithm is left to the product, whose slope in x is the logarithm.
      let isFinite = try b.op(P.logicalAnd, b.op(P.gt, y, 0), b.op(P.lt, y, .infinity))
      let isZero = try b.op(P.logicalAnd, b.op(P.eq, x, 0), b.op(P.logicalNot, isFinite))
      let product = try b.op(P.mul, x, b.op(P.log, b.select(isZero, 1, y)))
      return try b.select(b.op(P.ne, y, y), y, b.select(isZero, 0, product))
    },
    pair("logaddexp", doc: "log(exp(input) + exp(other))") { b, x, y in try b.logAddExp(x, y) },
    pair("logaddexp2", doc: "log2(2 ** input + 2 ** other)") { b, x, y in
      let ln2 = 0.6931471805599453
      let sum = try b.logAddExp(b.op(P.mul, x, ln2), b.op(P.mul, y, ln2))
      return try b.op(P.mul, sum, 1 / ln2)
    },
    pair("hypot", doc: "sqrt(input² + other²)", in: 0.3...2) { b, x, y in try b.hypotenuse(x, y) },
    pair("copysign", doc: "|input| with the sign of other", in: 0.3...2) { b, x, y in
      let size = try b.op(P.abs, x)
      return try b.select(b.isNegative(y), b.op(P.neg, size), size)
    },
    pair("float_power", and: "exponent", doc: "Power in f64", in: 0.5...2) { b, x, y in
      try b.op(P.pow, b.cast(x, .f64), b.cast(y, .f64))
    },
    FunctionEntry(
      "fmax", ["input", "other"], doc: "The larger of two, numbers win over NaN",
      samples: sample([2, 3], [3])
    ) { b, x, _ in try b.preferringNumbers(x, P.maximum) },
    FunctionEntry(
      "fmin", ["input", "other"], doc: "The smaller of two, numbers win over NaN",
      samples: sample([2, 3], [3])
    ) { b, x, _ in try b.preferringNumbers(x, P.minimum) },
    FunctionEntry(
      "heaviside", ["input", "values"], doc: "0 below 0, 1 above, values at 0",
      samples: sample([2, 3], [3])
    ) { b, x, _ in
      let values = try b.promoted([x[0], x[1]])
      let shape = try b.common(values)
      let (input, atZero) = try (
        b.broadcast(values[0], to: shape), b.broadcast(values[1], to: shape)
      )
      let step = try b.cast(b.op(P.gt, input, 0), b.dtype(input))
      return try b.select(b.op(P.eq, input, 0), atZero, step)
    },
    FunctionEntry(
      "ldexp", ["input", "other"], doc: "input * 2 ** other", samples: sample([2, 3], [3])
    ) { b, x, _ in
      let values = try b.promoted([x[0], x[1]], floating: true)
      return try b.op(
        P.mul, values[0], b.op(P.exp, b.op(P.mul, values[1], 0.6931471805599453)))
    },
  ]

  private static func bits(_ name: String, _ operation: String, doc: String) -> FunctionEntry {
    FunctionEntry(
      name, ["input", "other"], doc: doc,
      samples: [
        Sample([.init([2, 3], 0...9, dtype: .i64), .init([3], 0...3, dtype: .i64)])
      ]
    ) { b, x, _ in
      let values = try b.promoted([x[0], x[1]])
      let shape = try b.common(values)
      let (left, right) = try (
        b.broadcast(values[0], to: shape), b.broadcast(values[1], to: shape)
      )
      let logical = ["and": P.logicalAnd, "or": P.logicalOr, "xor": P.logicalXor][operation]
      if let logical, b.dtype(left) == .bool { return try b.op(logical, left, right) }
      guard b.dtype(left).isInteger else {
        throw b.fail(.notSupported, "takes integers, got \(b.list(values))")
      }
      return try b.emit(P.bitwise, [left, right], ["operation": .string(operation)])
    }
  }

  private static let signsAndBits: [FunctionEntry] = [
    moving("positive", doc: "The input", samples: sample([2, 3])) { b, x, _ in
      guard b.dtype(x) != .bool else { throw b.fail(.runtime, "not defined for bool") }
      return x
    },
    FunctionEntry("signbit", ["input"], doc: "Has a minus sign", samples: sample([2, 3])) {
      b, x, _ in
      let value = try b.tensor(x[0])
      if b.dtype(value).isFloating { return try b.isNegative(value) }
      return try b.dtype(value) == .bool
        ? b.full(0, b.shape(value), .bool) : b.op(P.lt, value, 0)
    },
    infinite("isposinf", .infinity, doc: "Is +infinity"),
    infinite("isneginf", -.infinity, doc: "Is -infinity"),
    bits("bitwise_and", "and", doc: "Bits that both have; of bool, and"),
    bits("bitwise_or", "or", doc: "Bits that one of them has; of bool, or"),
    bits("bitwise_xor", "xor", doc: "Bits that exactly one has; of bool, xor"),
    bits("bitwise_left_shift", "left", doc: "input times a power of 2"),
    bits("bitwise_right_shift", "right", doc: "input divided by a power of 2, rounded down"),
    FunctionEntry(
      "bitwise_not", ["input"], doc: "All bits turned; of bool, not",
      samples: [Sample([.init([2, 3], 0...9, dtype: .i64)])]
    ) { b, x, _ in
      let value = try b.tensor(x[0])
      if b.dtype(value) == .bool { return try b.op(P.logicalNot, value) }
      guard b.dtype(value).isInteger else {
        throw b.fail(.notSupported, "takes integers, got \(b.type(value))")
      }
      let ones = try b.full(b.dtype(value) == .u8 ? 255 : -1, b.shape(value), b.dtype(value))
      return try b.emit(P.bitwise, [value, ones], ["operation": .string("xor")])
    },
  ]

  private static func infinite(_ name: String, _ value: Double, doc: String) -> FunctionEntry {
    FunctionEntry(name, ["input"], doc: doc, samples: sample([2, 3])) { b, x, _ in
      let input = try b.tensor(x[0])
      guard b.dtype(input).isFloating else { return try b.full(0, b.shape(input), .bool) }
      return try b.op(P.eq, input, value)
    }
  }

  /// input + value * (a operation c).
  private static func fusedPair(
    _ name: String, _ operation: Primitive, doc: String, in range: ClosedRange<Double>
  ) -> FunctionEntry {
    FunctionEntry(
      name, ["input", "tensor1", "tensor2", "value?"], doc: doc,
      samples: sample([2, 3], [2, 3], [3], in: range)
    ) { b, x, _ in
      let isQuotient = operation === P.div
      let values = try b.promoted([x[0], x[1], x[2]], floating: isQuotient)
      var term = try b.op(operation, values[1], values[2])
      if let value = x.optional(3) {
        term = try b.op(P.mul, term, b.cast(value.value, b.dtype(term)))
      }
      return try b.op(P.add, values[0], term)
    }
  }

  private static let fused: [FunctionEntry] = [
    fusedPair("addcmul", P.mul, doc: "input + value * tensor1 * tensor2", in: -2...2),
    fusedPair("addcdiv", P.div, doc: "input + value * tensor1 / tensor2", in: 0.5...2),
  ]
}

extension Builder {
  /// A body that computes in f64, rounded to the operand's type.
  mutating func wide(
    _ x: Value, _ body: (inout Builder, Value) throws -> Value
  ) throws -> Value {
    let dtype = self.dtype(x)
    return try cast(body(&self, cast(x, .f64)), dtype)
  }

  /// Has a minus sign, -0 too.
  mutating func isNegative(_ x: Value) throws -> Value {
    let isZero = try op(P.eq, x, 0)
    let sides = try op(P.reciprocal, select(isZero, x, 1))
    return try op(P.logicalOr, op(P.lt, x, 0), op(P.lt, sides, 0))
  }

  mutating func logAddExp(_ x: Value, _ y: Value) throws -> Value {
    let isFirst = try op(P.gt, x, y)
    let (large, small) = try (select(isFirst, x, y), select(isFirst, y, x))
    // Of equal infinities the difference is not a number.
    let isInfinite = try op(P.eq, op(P.abs, large), .infinity)
    let isSame = try op(P.logicalAnd, isInfinite, op(P.eq, small, large))
    let difference = try select(isSame, -.infinity, op(P.sub, small, large))
    return try op(P.add, large, op(P.softplus, difference))
  }

  /// sqrt(x² + y²) with slope 0 at (0, 0). In f64 the squares of f32 do not overflow; those of f64 are
  /// taken in units of the larger number, which is no more than a unit and passes no gradient.
  mutating func hypotenuse(_ x: Value, _ y: Value) throws -> Value {
    let stored = dtype(x)
    var (a, c) = try (cast(x, .f64), cast(y, .f64))
    let isInfinite = try op(
      P.logicalOr, op(P.eq, op(P.abs, a), .infinity), op(P.eq, op(P.abs, c), .infinity))
    (a, c) = try (select(isInfinite, 1, a), select(isInfinite, 1, c))
    var unit: Value?
    if stored == .f64 {
      let size = try emit(P.stopGradient, [op(P.maximum, op(P.abs, a), op(P.abs, c))])
      let some = try select(op(P.eq, size, 0), 1, size)
      (a, c) = try (op(P.div, a, some), op(P.div, c, some))
      unit = some
    }
    var result = try safeSqrt(op(P.add, op(P.mul, a, a), op(P.mul, c, c)))
    if let unit { result = try op(P.mul, result, unit) }
    return try cast(select(isInfinite, .infinity, result), stored)
  }

  /// fmax and fmin.
  mutating func preferringNumbers(_ x: Arguments, _ primitive: Primitive) throws -> Value {
    let values = try promoted([x[0], x[1]])
    let shape = try common(values)
    let (a, c) = try (broadcast(values[0], to: shape), broadcast(values[1], to: shape))
    let both = try extreme(primitive, a, c)
    guard dtype(a).isFloating else { return both }
    return try select(op(P.ne, a, a), c, select(op(P.ne, c, c), a, both))
  }
}
