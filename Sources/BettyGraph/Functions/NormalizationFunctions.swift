// Softmax and its relatives, and normalisations.

import BettyKernelInterface

extension Functions {
  static let normalizations: [FunctionEntry] = [
    rows("softmax", doc: "exp(input) divided by its sum along dim") { b, x, axis in
      try b.op(P.softmax, x, ["axis": .int(axis)])
    },
    rows("log_softmax", doc: "Logarithm of softmax along dim") { b, x, axis in
      try b.op(P.logSoftmax, x, ["axis": .int(axis)])
    },
    rows("softmin", doc: "Softmax of -input along dim") { b, x, axis in
      try b.op(P.softmax, b.op(P.neg, x), ["axis": .int(axis)])
    },
    FunctionEntry(
      "layer_norm", ["input", "weight?", "bias?"],
      [
        AttributeSpec("normalized_shape", .ints),
        AttributeSpec("eps", .double, default: .double(1e-5)),
      ], doc: "Mean 0 and variance 1 over the last dimensions, times weight, plus bias",
      samples: sample([2, 3], [3], [3], at: ["normalized_shape": .ints([3])]), body: layerNorm),
    FunctionEntry(
      "rms_norm", ["input", "weight?"],
      [
        AttributeSpec("normalized_shape", .ints), AttributeSpec("eps", .double, optional: true),
      ], doc: "Mean square 1 over the last dimensions, times weight",
      samples: sample([2, 3], [3], at: ["normalized_shape": .ints([3])])
    ) { b, x, attributes in
      let (value, axes) = try b.normalized(x, attributes)
      let eps = attributes.double("eps", default: b.dtype(value) == .f64 ? 0x1p-52 : 0x1p-23)
      let square = try b.mean(b.op(P.mul, value, value), axes)
      let factor = try b.op(P.rsqrt, b.op(P.add, square, eps))
      let result = try b.op(P.mul, value, b.spread(factor, over: axes, like: value))
      return try x.optional(1).map { try b.op(P.mul, result, $0.value) } ?? result
    },
    FunctionEntry(
      "normalize", ["input"],
      [
        AttributeSpec("p", .double, default: .double(2)),
        AttributeSpec("dim", .ints, default: .int(1)),
        AttributeSpec("eps", .double, default: .double(1e-12)),
      ], doc: "input / max(norm, eps) along dim", samples: sample([2, 3], in: 0.2...2)
    ) { b, x, attributes in
      let value = try b.needFloating(x[0])
      let axes = try b.reduction(of: value, attributes).axes
      let norm = try b.norm(value, axes, attributes.double("p"))
      let bounded = try b.clamp(norm, attributes.double("eps"))
      return try b.op(P.div, value, b.spread(bounded, over: axes, like: value))
    },
    FunctionEntry(
      "cosine_similarity", ["x1", "x2"],
      [
        AttributeSpec("dim", .int, default: .int(1)),
        AttributeSpec("eps", .double, default: .double(1e-8)),
      ], doc: "Cosine of the angle between vectors along dim",
      samples: sample([2, 3], [2, 3], in: 0.2...2)
    ) { b, x, attributes in
      let values = try b.promoted([x[0], x[1]], floating: true)
      let shape = try b.common(values)
      let (left, right) = try (
        b.broadcast(values[0], to: shape), b.broadcast(values[1], to: shape)
      )
      let axis = try b.realAxis(attributes.int("dim"), of: left)
      let product = try b.reduce(P.sum, b.op(P.mul, left, right), [axis])
      let norms = try [left, right].map { side in
        let norm = try b.norm(side, [axis], 2)
        return try b.clamp(norm, attributes.double("eps"))
      }
      return try b.op(P.div, product, b.op(P.mul, norms[0], norms[1]))
    },
  ]

  /// A function along one dimension, in attribute `dtype` if given.
  private static func rows(
    _ name: String, doc: String,
    body: @escaping @Sendable (inout Builder, Value, Int) throws -> Value
  ) -> FunctionEntry {
    FunctionEntry(
      name, ["input"], [AttributeSpec("dim", .int), dtypeOption], doc: doc,
      samples: sample([2, 3], at: ["dim": .int(-1)]) + sample([2, 3], at: ["dim": .int(0)])
    ) { b, x, attributes in
      var value = try b.tensor(x[0])
      if let dtype = attributes.dtype("dtype") { value = try b.cast(value, dtype) }
      value = try b.needFloating(Operand(value))
      let axis = try b.axis(attributes.int("dim"), rank: b.rank(value))
      guard b.rank(value) == 0 else { return try body(&b, value, axis) }
      return try b.reshape(body(&b, b.reshape(value, [1]), 0), [])
    }
  }

  private static let layerNorm: FunctionBody = { b, x, attributes in
    let (value, axes) = try b.normalized(x, attributes)
    let mean = try b.mean(value, axes)
    let centred = try b.op(P.sub, value, b.spread(mean, over: axes, like: value))
    let variance = try b.mean(b.op(P.mul, centred, centred), axes)
    let factor = try b.op(P.rsqrt, b.op(P.add, variance, attributes.double("eps")))
    var result = try b.op(P.mul, centred, b.spread(factor, over: axes, like: value))
    if let weight = x.optional(1) { result = try b.op(P.mul, result, weight.value) }
    if let bias = x.optional(2) { result = try b.op(P.add, result, bias.value) }
    return result
  }
}

extension Builder {
  /// The input of a normalisation over its last axes, after checking that the shapes fit.
  mutating func normalized(
    _ x: Arguments, _ attributes: Attributes
  ) throws -> (value: Value, axes: [Int]) {
    let value = try needFloating(x[0])
    let wanted = attributes.ints("normalized_shape")
    let given = [value] + (1..<x.operands.count).compactMap { x.optional($0)?.value }
    guard !wanted.isEmpty, Array(shape(value).suffix(wanted.count)) == wanted,
      given.dropFirst().allSatisfy({ shape($0) == wanted })
    else {
      throw fail(.runtime, "normalized_shape \(wanted) does not fit, got \(list(given))")
    }
    try needSameType(given)
    return (value, Array(rank(value) - wanted.count..<rank(value)))
  }
}
