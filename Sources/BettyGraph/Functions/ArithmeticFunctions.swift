// Arithmetic of two operands and of one, with PyTorch's promotion.

import BettyKernelInterface

/// Samples in short: shapes of inputs of the type under test, attributes.
func sample(
  _ shapes: [Int]..., in range: ClosedRange<Double> = -2...2, at attributes: Attributes = [:]
) -> [Sample] {
  [Sample(shapes.map { Sample.Input($0, range, distinct: true) }, attributes)]
}

extension Functions {
  /// Two operands, promoted, into one primitive.
  private static func binary(
    _ name: String, _ primitive: Primitive, doc: String, in range: ClosedRange<Double> = -2...2,
    floating: Bool = false
  ) -> FunctionEntry {
    FunctionEntry(
      name, ["input", "other"], doc: doc, samples: sample([2, 3], [3], in: range)
    ) { b, x, _ in
      let values = try b.promoted([x[0], x[1]], floating: floating)
      return try b.op(primitive, values[0], values[1])
    }
  }

  /// Division of floats or integers.
  private static func division(
    _ name: String, _ primitive: Primitive, doc: String
  ) -> FunctionEntry {
    FunctionEntry(
      name, ["input", "other"], doc: doc, samples: sample([2, 3], [3], in: 0.5...2)
    ) { b, x, _ in
      let values = try b.promoted([x[0], x[1]])
      return try b.op(primitive, values[0], b.divisor(values[1], of: values[0]))
    }
  }

  private static func extreme(
    _ name: String, _ primitive: Primitive, doc: String
  ) -> FunctionEntry {
    FunctionEntry(
      name, ["input", "other"], doc: doc, samples: sample([2, 3], [3])
    ) { b, x, _ in
      let values = try b.promoted([x[0], x[1]])
      return try b.extreme(primitive, values[0], values[1])
    }
  }

  /// add and sub: the second operand times `alpha`.
  private static func sum(_ name: String, _ primitive: Primitive, doc: String) -> FunctionEntry {
    FunctionEntry(
      name, ["input", "other", "alpha?"], doc: doc, samples: sample([2, 3], [3])
    ) { b, x, _ in
      var values = try b.promoted([x[0], x[1]])
      let dtype = b.dtype(values[0])
      if primitive === P.sub, [x[0], x[1]].contains(where: { b.dtype($0.value) == .bool }) {
        throw b.fail(.notSupported, "subtraction of bool is not defined, use logical_xor")
      }
      if let alpha = x.optional(2) {
        guard dtype.isFloating || !b.dtype(alpha.value).isFloating else {
          throw b.fail(.runtime, "alpha must be an integer for operands of \(dtype.name)")
        }
        let factor = try b.cast(alpha.value, dtype)
        values[1] = try b.multiply(values[1], factor)
      }
      return try b.add(primitive, values[0], values[1])
    }
  }

  static let arithmetic: [FunctionEntry] = [
    sum("add", P.add, doc: "input + alpha * other"),
    sum("sub", P.sub, doc: "input - alpha * other"),
    FunctionEntry(
      "mul", ["input", "other"], doc: "Product, element by element", samples: sample([2, 3], [3])
    ) { b, x, _ in
      let values = try b.promoted([x[0], x[1]])
      return try b.multiply(values[0], values[1])
    },
    FunctionEntry(
      "div", ["input", "other"], [AttributeSpec("rounding_mode", .string, optional: true)],
      doc: "Quotient; rounding_mode 'floor' or 'trunc' rounds it and keeps integers",
      samples: sample([2, 3], [3], in: 0.5...2), body: divide),
    division("floor_divide", P.floorDivide, doc: "Quotient rounded down"),
    division("remainder", P.remainder, doc: "Remainder with the sign of other"),
    FunctionEntry(
      "fmod", ["input", "other"], doc: "Remainder with the sign of input",
      samples: sample([2, 3], [3], in: 0.5...2)
    ) { b, x, _ in
      let values = try b.promoted([x[0], x[1]])
      return try b.truncatedRemainder(values[0], b.divisor(values[1], of: values[0]))
    },
    FunctionEntry(
      "pow", ["input", "exponent"], doc: "Power, element by element",
      samples: sample([2, 3], [3], in: 0.5...2)
    ) { b, x, _ in
      let values = try b.promoted([x[0], x[1]])
      if b.dtype(values[0]) == .bool, x[1].isNumber {
        return try b.op(P.logicalOr, values[0], b.op(P.logicalNot, values[1]))
      }
      return try b.op(P.pow, values[0], values[1])
    },
    FunctionEntry(
      "pow_number", ["input"], [AttributeSpec("exponent", .double)],
      doc: "Power with an exponent that is part of the program, so that squares become products",
      samples: sample([2, 3], at: ["exponent": .double(3)]), body: powNumber),
    extreme("maximum", P.maximum, doc: "The larger of two, NaN wins"),
    extreme("minimum", P.minimum, doc: "The smaller of two, NaN wins"),
    binary("atan2", P.atan2, doc: "Angle of the point (other, input)", floating: true),
    FunctionEntry(
      "lerp", ["input", "end", "weight"], doc: "input + weight * (end - input)",
      samples: sample([2, 3], [2, 3], [2, 3], in: 0.6...2)
    ) { b, x, _ in
      let values = try b.promoted([x[0], x[1], x[2]])
      // Two forms, so that weight 1 gives `end` exactly.
      let difference = try b.op(P.sub, values[1], values[0])
      let near = try b.op(P.add, values[0], b.op(P.mul, values[2], difference))
      let rest = try b.op(P.sub, 1, values[2])
      let far = try b.op(P.sub, values[1], b.op(P.mul, difference, rest))
      return try b.select(b.op(P.lt, b.op(P.abs, values[2]), 0.5), near, far)
    },
  ]

  private static let divide: FunctionBody = { b, x, attributes in
    let mode = attributes.string("rounding_mode")
    guard mode.isEmpty || mode == "floor" || mode == "trunc" else {
      throw b.fail(.runtime, "rounding_mode is 'floor' or 'trunc', got '\(mode)'")
    }
    let values = try b.promoted([x[0], x[1]], floating: mode.isEmpty)
    if mode.isEmpty { return try b.op(P.div, values[0], values[1]) }
    let divisor = try b.divisor(values[1], of: values[0])
    if mode == "floor" { return try b.op(P.floorDivide, values[0], divisor) }
    if b.dtype(values[0]).isFloating {
      return try b.op(P.trunc, b.op(P.div, values[0], values[1]))
    }
    let remainder = try b.truncatedRemainder(values[0], divisor)
    return try b.op(P.floorDivide, b.op(P.sub, values[0], remainder), divisor)
  }

  private static let powNumber: FunctionBody = { b, x, attributes in
    var value = try b.tensor(x[0])
    let exponent = attributes.double("exponent")
    if case .double = attributes["exponent"] {
      value = try b.floating(Operand(value))
    } else if b.dtype(value) == .bool {
      value = try b.cast(value, .i64)
    }
    let isInteger = !b.dtype(value).isFloating
    guard !isInteger || exponent >= 0 else {
      throw b.fail(
        .runtime, "integers to negative powers are not defined, got \(b.type(value)) to \(exponent)"
      )
    }
    switch exponent {
    case 1: return value
    case 2: return try b.op(P.mul, value, value)
    case 3: return try b.op(P.mul, b.op(P.mul, value, value), value)
    case 0.5: return try b.op(P.sqrt, value)
    case -0.5: return try b.op(P.rsqrt, value)
    case -1: return try b.op(P.reciprocal, value)
    default: return try b.op(P.pow, value, exponent)
    }
  }
}

extension Builder {
  /// Product; of bool it is "and".
  mutating func multiply(_ x: Value, _ y: Value) throws -> Value {
    try op(dtype(x) == .bool ? P.logicalAnd : P.mul, x, y)
  }

  /// Sum or difference; the sum of bool is "or".
  mutating func add(_ primitive: Primitive, _ x: Value, _ y: Value) throws -> Value {
    try op(dtype(x) == .bool ? P.logicalOr : primitive, x, y)
  }

  /// The larger or smaller of two; of bool "or" and "and".
  mutating func extreme(_ primitive: Primitive, _ x: Value, _ y: Value) throws -> Value {
    guard dtype(x) == .bool else { return try op(primitive, x, y) }
    return try op(primitive === P.maximum ? P.logicalOr : P.logicalAnd, x, y)
  }

  /// What x is divided by: a 0 among integers is an error when it is met.
  mutating func divisor(_ y: Value, of x: Value) throws -> Value {
    guard dtype(y).isInteger, try !common([x, y]).contains(0) else { return y }
    return try emit(P.divisor, [y])
  }

  /// sign(x) * (|x| mod |y|), exact for floats and integers.
  mutating func truncatedRemainder(_ x: Value, _ y: Value) throws -> Value {
    let (left, right) = try (absolute(x), absolute(y))
    let remainder = try op(P.remainder, left, right)
    let negative = try op(P.lt, x, 0)
    return try select(negative, op(P.neg, remainder), remainder)
  }

  mutating func absolute(_ x: Value) throws -> Value {
    dtype(x) == .u8 || dtype(x) == .bool ? x : try op(P.abs, x)
  }
}
