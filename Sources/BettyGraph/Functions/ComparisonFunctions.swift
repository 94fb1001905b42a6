// Comparisons and logic: results are bool, operands are promoted first.

import BettyKernelInterface

extension Functions {
  private static func comparison(
    _ name: String, _ primitive: Primitive, doc: String
  ) -> FunctionEntry {
    FunctionEntry(
      name, ["input", "other"], doc: doc, samples: sample([2, 3], [3])
    ) { b, x, _ in
      let values = try b.promoted([x[0], x[1]])
      return try b.op(primitive, values[0], values[1])
    }
  }

  private static func logical(
    _ name: String, _ primitive: Primitive, doc: String
  ) -> FunctionEntry {
    FunctionEntry(
      name, ["input", "other"], doc: doc,
      samples: [Sample([.init([2, 3], 0...1, dtype: .bool), .init([3], 0...1, dtype: .bool)])]
    ) { b, x, _ in
      try b.op(primitive, b.truth(x[0]), b.truth(x[1]))
    }
  }

  private static func test(
    _ name: String, doc: String, integers: Double,
    _ body: @escaping One
  ) -> FunctionEntry {
    FunctionEntry(name, ["input"], doc: doc, samples: sample([2, 3])) { b, x, _ in
      let value = try b.tensor(x[0])
      guard b.dtype(value).isFloating else { return try b.full(integers, b.shape(value), .bool) }
      return try body(&b, value)
    }
  }

  static let comparisons: [FunctionEntry] = [
    comparison("eq", P.eq, doc: "input == other"),
    comparison("ne", P.ne, doc: "input != other"),
    comparison("lt", P.lt, doc: "input < other"),
    comparison("le", P.le, doc: "input <= other"),
    comparison("gt", P.gt, doc: "input > other"),
    comparison("ge", P.ge, doc: "input >= other"),
    logical("logical_and", P.logicalAnd, doc: "Both are not zero"),
    logical("logical_or", P.logicalOr, doc: "One of them is not zero"),
    logical("logical_xor", P.logicalXor, doc: "Exactly one of them is not zero"),
    FunctionEntry(
      "logical_not", ["input"], doc: "Is zero",
      samples: [Sample([.init([2, 3], 0...1, dtype: .bool)])]
    ) { b, x, _ in try b.op(P.logicalNot, b.truth(x[0])) },
    test("isnan", doc: "Is not a number", integers: 0) { b, x in try b.op(P.ne, x, x) },
    test("isinf", doc: "Is an infinity", integers: 0) { b, x in
      try b.op(P.eq, b.op(P.abs, x), .infinity)
    },
    test("isfinite", doc: "Is neither an infinity nor NaN", integers: 1) { b, x in
      try b.op(P.lt, b.op(P.abs, x), .infinity)
    },
    FunctionEntry(
      "isclose", ["input", "other"],
      [
        AttributeSpec("rtol", .double, default: .double(1e-5)),
        AttributeSpec("atol", .double, default: .double(1e-8)),
        AttributeSpec("equal_nan", .bool, default: .bool(false)),
      ], doc: "|input - other| <= atol + rtol * |other|", samples: sample([2, 3], [3])
    ) { b, x, attributes in
      let values = try b.promoted([x[0], x[1]])
      let (a, c) = (values[0], values[1])
      let equal = try b.op(P.eq, a, c)
      let (left, right) = try (b.floating(Operand(a)), b.floating(Operand(c)))
      let allowed = try b.op(
        P.add, b.op(P.mul, b.op(P.abs, right), attributes.double("rtol")),
        attributes.double("atol"))
      let distance = try b.op(P.abs, b.op(P.sub, left, right))
      let isFinite = try b.op(P.lt, distance, .infinity)
      let near = try b.op(P.logicalAnd, b.op(P.le, distance, allowed), isFinite)
      var result = try b.op(P.logicalOr, equal, near)
      if attributes.bool("equal_nan") {
        let both = try b.op(P.logicalAnd, b.op(P.ne, a, a), b.op(P.ne, c, c))
        result = try b.op(P.logicalOr, result, both)
      }
      return result
    },
  ]
}
