// Reductions over dimensions, given as one, several or none (which means all), with keepdim.

import BettyKernelInterface

extension Functions {
  static let dim = AttributeSpec("dim", .ints, optional: true)
  static let oneDim = AttributeSpec("dim", .int, optional: true)
  static let keepdim = AttributeSpec("keepdim", .bool, default: .bool(false))
  static let dtypeOption = AttributeSpec("dtype", .dtype, optional: true)

  /// A reduction over any dimensions; the body drops them, keepdim puts them back.
  static func reduction(
    _ name: String, _ extra: [AttributeSpec] = [], doc: String,
    in range: ClosedRange<Double> = -2...2, floating: Bool = false,
    body: @escaping @Sendable (inout Builder, Value, [Int], Attributes) throws -> Value
  ) -> FunctionEntry {
    FunctionEntry(
      name, ["input"], [dim, keepdim] + extra, doc: doc,
      samples: sample([2, 3], in: range)
        + sample([2, 3], in: range, at: ["dim": .int(-1), "keepdim": .bool(true)])
    ) { b, x, attributes in
      let value = try floating ? b.needFloating(x[0]) : b.tensor(x[0])
      let target = try b.reduction(of: value, attributes)
      return try b.keep(target, body(&b, target.value, target.axes, attributes))
    }
  }

  static let reductions: [FunctionEntry] = sums + extremes + logic + moments + scans

  private static let sums: [FunctionEntry] = [
    reduction("sum", [dtypeOption], doc: "Sum; bool and integers are summed as i64") {
      b, x, axes, attributes in
      try b.reduce(P.sum, b.accumulable(x, attributes), axes)
    },
    reduction(
      "prod", [dtypeOption], doc: "Product; bool and integers are multiplied as i64", in: 0.5...2
    ) { b, x, axes, attributes in
      try b.reduce(P.prod, b.accumulable(x, attributes), axes)
    },
    reduction("mean", [dtypeOption], doc: "Mean of floating numbers") { b, x, axes, attributes in
      let value = try attributes.dtype("dtype").map { try b.cast(x, $0) } ?? x
      return try b.mean(b.needFloating(Operand(value)), axes)
    },
    reduction("nansum", doc: "Sum in which NaN counts as 0") { b, x, axes, attributes in
      let value = try b.accumulable(x, attributes)
      guard b.dtype(value).isFloating else { return try b.reduce(P.sum, value, axes) }
      return try b.reduce(P.sum, b.select(b.op(P.ne, value, value), 0, value), axes)
    },
    reduction("logsumexp", doc: "log(sum(exp(input)))") { b, x, axes, _ in
      try b.logSumExp(b.floating(Operand(x)), axes)
    },
    reduction(
      "norm", [AttributeSpec("p", .double, default: .double(2))],
      doc: "The p-norm: 1, 2, inf, -inf, 0 or any other p", in: 0.3...2, floating: true
    ) { b, x, axes, attributes in try b.norm(x, axes, attributes.double("p")) },
  ]

  private static let extremes: [FunctionEntry] = [
    reduction("amax", doc: "Largest value; equal ones share the gradient", body: extreme(P.max)),
    reduction("amin", doc: "Smallest value; equal ones share the gradient", body: extreme(P.min)),
    valueAndIndex("max", P.max, P.argmax, doc: "Largest value; with dim also where it is"),
    valueAndIndex("min", P.min, P.argmin, doc: "Smallest value; with dim also where it is"),
    index("argmax", P.argmax, doc: "Index of the largest value, of the flat tensor without dim"),
    index("argmin", P.argmin, doc: "Index of the smallest value, of the flat tensor without dim"),
  ]

  private static let logic: [FunctionEntry] = [
    quantifier("all", P.min, ofNothing: 1, doc: "No element is zero"),
    quantifier("any", P.max, ofNothing: 0, doc: "Some element is not zero"),
    reduction("count_nonzero", doc: "How many elements are not zero") { b, x, axes, _ in
      try b.reduce(P.sum, b.cast(b.cast(x, .bool), .i64), axes)
    },
  ]

  /// all and any: over no dimensions where `dim` is empty, unlike other reductions.
  private static func quantifier(
    _ name: String, _ primitive: Primitive, ofNothing value: Double, doc: String
  ) -> FunctionEntry {
    reduction(name, doc: doc) { b, x, axes, attributes in
      let isNone = attributes["dim"] != nil && attributes.ints("dim").isEmpty
      return try b.quantified(primitive, ofNothing: value, x, isNone ? [] : axes)
    }
  }

  private static let correction = AttributeSpec("correction", .double, default: .double(1))

  private static let moments: [FunctionEntry] = [
    reduction("var", [correction], doc: "Variance, divided by count - correction", floating: true) {
      b, x, axes, attributes in try b.variance(x, axes, attributes.double("correction"))
    },
    reduction("std", [correction], doc: "Standard deviation; its slope at 0 is 0", floating: true) {
      b, x, axes, attributes in
      try b.safeSqrt(b.variance(x, axes, attributes.double("correction")))
    },
  ]

  private static let scans: [FunctionEntry] = [
    FunctionEntry(
      "cumsum", ["input"], [AttributeSpec("dim", .int), dtypeOption], doc: "Running sum",
      samples: sample([2, 3], at: ["dim": .int(1)])
    ) { b, x, attributes in
      let value = try b.accumulable(b.tensor(x[0]), attributes)
      let axis = try b.axis(attributes.int("dim"), rank: b.rank(value))
      if b.rank(value) == 0 { return value }
      return try b.op(P.cumsum, value, ["axis": .int(axis), "reverse": .bool(false)])
    },
    FunctionEntry(
      "cumprod", ["input"], [AttributeSpec("dim", .int), dtypeOption], doc: "Running product",
      samples: sample([2, 3], in: 0.5...2, at: ["dim": .int(1)])
    ) { b, x, attributes in
      let value = try b.accumulable(b.tensor(x[0]), attributes)
      let axis = try b.axis(attributes.int("dim"), rank: b.rank(value))
      return b.rank(value) == 0 ? value : try b.runningProduct(value, axis)
    },
  ]

  private static func extreme(
    _ primitive: Primitive
  ) -> @Sendable (inout Builder, Value, [Int], Attributes) throws -> Value {
    { b, x, axes, attributes in
      try b.needElements(x, axes, attributes["dim"] == nil ? .runtime : .index)
      return try b.reduce(primitive, x, axes)
    }
  }

  private static func valueAndIndex(
    _ name: String, _ whole: Primitive, _ position: Primitive, doc: String
  ) -> FunctionEntry {
    FunctionEntry(
      tuple: name, ["input"], [oneDim, keepdim], doc: doc,
      samples: sample([2, 3]) + sample([2, 3], at: ["dim": .int(0)]), returnsTuple: false
    ) { b, x, attributes in
      let value = try b.tensor(x[0])  // before b is read: it may append a node
      let target = try b.reduction(of: value, attributes)
      try b.needElements(
        target.value, target.axes, attributes["dim"] == nil ? .runtime : .index)
      let ordered = try b.orderable(target.value)
      guard attributes["dim"] != nil else {
        return [try b.reduce(whole, target.value, target.axes)]
      }
      guard let axis = target.axes.first else {
        return [target.value, try b.full(0, [], .i64)]
      }
      // Values are gathered, so that the gradient goes to the one element that is named.
      let kept = b.shape(target.value).replacing(axis, with: 1)
      let indices = try b.compute(position, [ordered], ["axis": .int(axis)])
      let gathered = try b.emit(
        P.gather, [target.value, b.reshape(indices, kept)], ["axis": .int(axis)])
      let values = try b.reshape(gathered, b.shape(indices))
      return [try b.keep(target, values), try b.keep(target, indices)]
    }
  }

  private static func index(
    _ name: String, _ primitive: Primitive, doc: String
  ) -> FunctionEntry {
    FunctionEntry(
      name, ["input"], [oneDim, keepdim], doc: doc,
      samples: sample([2, 3]) + sample([2, 3], at: ["dim": .int(0)])
    ) { b, x, attributes in
      let value = try b.orderable(b.tensor(x[0]))
      let target = try b.reduction(of: value, attributes)
      try b.needElements(value, target.axes, .index)
      guard attributes["dim"] != nil else {
        let flat = try b.reshape(value, [b.type(value).count])
        return try b.keep(target, b.compute(primitive, [flat], ["axis": .int(0)]))
      }
      guard let axis = target.axes.first else { return try b.full(0, [], .i64) }
      return try b.keep(target, b.compute(primitive, [value], ["axis": .int(axis)]))
    }
  }
}
