// Activations of nn.functional. Branches are chosen before an exponential is taken, so that no
// infinity of the branch not taken reaches a gradient.

import BettyKernelInterface

extension Functions {
  static let activations: [FunctionEntry] = rectifiers + smoothOnes + gates

  /// An activation with attributes.
  private static func activation(
    _ name: String, _ attributes: [AttributeSpec] = [], doc: String,
    at sampled: Attributes = [:],
    body: @escaping @Sendable (inout Builder, Value, Attributes) throws -> Value
  ) -> FunctionEntry {
    FunctionEntry(
      name, ["input"], attributes, doc: doc, samples: sample([2, 3], in: 0.2...2, at: sampled)
    ) { b, x, attributes in try body(&b, b.needFloating(x[0]), attributes) }
  }

  /// An activation that keeps integers; their bounds are cut at the point.
  private static func kept(
    _ name: String, _ attributes: [AttributeSpec] = [], doc: String, at sampled: Attributes = [:],
    body: @escaping @Sendable (inout Builder, Value, Attributes) throws -> Value
  ) -> FunctionEntry {
    FunctionEntry(
      name, ["input"], attributes, doc: doc, samples: sample([2, 3], in: 0.2...2, at: sampled)
    ) { b, x, attributes in
      let value = try b.tensor(x[0])
      guard b.dtype(value) != .bool else { throw b.fail(.notSupported, "not defined for bool") }
      return try body(&b, value, attributes)
    }
  }

  private static func number(_ name: String, _ value: Double) -> AttributeSpec {
    AttributeSpec(name, .double, default: .double(value))
  }

  private static let rectifiers: [FunctionEntry] = [
    FunctionEntry(
      "relu", ["input"], doc: "max(input, 0)", samples: sample([2, 3], in: 0.2...2)
    ) { b, x, _ in
      let value = try b.tensor(x[0])
      guard b.dtype(value) != .bool else { throw b.fail(.notSupported, "not defined for bool") }
      return try b.op(P.relu, value)
    },
    activation(
      "leaky_relu", [number("negative_slope", 0.01)], doc: "input, times negative_slope below 0"
    ) { b, x, attributes in
      let below = try b.op(P.mul, x, attributes.double("negative_slope"))
      return try b.select(b.op(P.gt, x, 0), x, below)
    },
    kept("relu6", doc: "Limited to [0, 6]") { b, x, _ in try b.hardLimit(x, 0, 6) },
    kept(
      "hardtanh", [number("min_val", -1), number("max_val", 1)],
      doc: "Limited to [min_val, max_val], without a gradient at the bounds"
    ) { b, x, attributes in
      let (low, high) = (attributes.double("min_val"), attributes.double("max_val"))
      guard low <= high else {
        throw b.fail(.value, "min_val must not exceed max_val, got \(low) and \(high)")
      }
      return try b.hardLimit(x, low, high)
    },
    activation("hardsigmoid", doc: "relu6(input + 3) / 6") { b, x, _ in
      try b.op(P.div, b.hardLimit(b.op(P.add, x, 3), 0, 6), 6)
    },
    activation("hardswish", doc: "input * relu6(input + 3) / 6") { b, x, _ in
      // Three pieces, so that the slopes at infinities are those of the outer ones.
      let inner = try b.select(b.op(P.lt, b.op(P.abs, x), 3), x, 0)
      let middle = try b.op(P.div, b.op(P.mul, inner, b.op(P.add, inner, 3)), 6)
      let upper = try b.select(b.op(P.lt, x, 3), middle, x)
      return try b.select(b.op(P.le, x, -3), b.op(P.mul, x, 0), upper)
    },
    kept(
      "threshold", [AttributeSpec("threshold", .double), AttributeSpec("value", .double)],
      doc: "input above threshold, else value",
      at: ["threshold": .double(1), "value": .double(0)]
    ) { b, x, attributes in
      let bound = b.number(attributes.double("threshold"), like: x)
      return try b.select(
        b.op(P.le, x, bound), b.number(attributes.double("value"), like: x), x)
    },
    activation("hardshrink", [number("lambd", 0.5)], doc: "0 within lambd of 0, else input") {
      b, x, attributes in
      let inside = try b.op(P.le, b.op(P.abs, x), attributes.double("lambd"))
      return try b.select(inside, 0, x)
    },
    activation("softshrink", [number("lambd", 0.5)], doc: "Moved towards 0 by lambd at most") {
      b, x, attributes in
      let bound = attributes.double("lambd")
      guard bound >= 0 else {
        throw b.fail(.runtime, "lambd must be 0 or more, got \(bound)")
      }
      let up = try b.select(b.op(P.lt, x, -bound), b.op(P.add, x, bound), b.op(P.mul, x, 0))
      return try b.select(b.op(P.gt, x, bound), b.op(P.sub, x, bound), up)
    },
    FunctionEntry(
      "prelu", ["input", "weight"], doc: "input, times weight (one, or one a channel) below 0",
      samples: sample([2, 3], [3], in: 0.2...2)
    ) { b, x, _ in
      let (value, weight) = try (b.needFloating(x[0]), b.needFloating(x[1]))
      try b.needSameType([value, weight])
      var slope = weight
      let count = b.type(weight).count
      if count != 1 {
        guard b.rank(value) >= 2, b.shape(value)[1] == count else {
          throw b.fail(.runtime, "weight must hold one number a channel, got \(b.type(weight))")
        }
        let tail = [Int](repeating: 1, count: b.rank(value) - 2)
        slope = try b.reshape(weight, [count] + tail)
      } else {
        slope = try b.reshape(weight, [])
      }
      return try b.select(b.op(P.gt, value, 0), value, b.op(P.mul, value, slope))
    },
  ]

  private static let smoothOnes: [FunctionEntry] = [
    activation("elu", [number("alpha", 1)], doc: "input, alpha * (exp(input) - 1) below 0") {
      b, x, attributes in try b.elu(x, attributes.double("alpha"), scale: 1, divisor: 1)
    },
    activation("celu", [number("alpha", 1)], doc: "elu with input / alpha in the exponent") {
      b, x, attributes in
      let alpha = attributes.double("alpha")
      guard alpha != 0 else { throw b.fail(.runtime, "alpha must not be 0") }
      return try b.elu(x, alpha, scale: 1, divisor: alpha)
    },
    activation("selu", doc: "Scaled elu that keeps mean and variance") { b, x, _ in
      try b.elu(x, 1.6732632423543772, scale: 1.0507009873554805, divisor: 1)
    },
    activation(
      "gelu", [AttributeSpec("approximate", .string, default: .string("none"))],
      doc: "input times the normal distribution's value there; approximate 'none' or 'tanh'"
    ) { b, x, attributes in
      switch attributes.string("approximate") {
      case "none": return try b.op(P.gelu, x)
      case "tanh":
        let cubed = try b.op(P.mul, b.op(P.mul, x, x), x)
        let inner = try b.op(P.add, x, b.op(P.mul, cubed, 0.044715))
        let wave = try b.op(P.tanh, b.op(P.mul, inner, 0.7978845608028654))
        return try b.op(P.mul, b.op(P.mul, x, 0.5), b.op(P.add, wave, 1))
      case let other:
        throw b.fail(.runtime, "approximate is 'none' or 'tanh', got '\(other)'")
      }
    },
    activation("silu", doc: "input * sigmoid(input)") { b, x, _ in
      try b.op(P.mul, x, b.op(P.sigmoid, x))
    },
    activation("mish", doc: "input * tanh(softplus(input))") { b, x, _ in
      try b.op(P.mul, x, b.op(P.tanh, b.op(P.softplus, x)))
    },
    activation(
      "softplus", [number("beta", 1), number("threshold", 20)],
      doc: "log(1 + exp(beta * input)) / beta, input above the threshold"
    ) { b, x, attributes in
      let (beta, limit) = (attributes.double("beta"), attributes.double("threshold"))
      let scaled = beta == 1 ? x : try b.op(P.mul, x, beta)
      let value = try b.op(P.softplus, scaled)
      let result = beta == 1 ? value : try b.op(P.div, value, beta)
      return try b.select(b.op(P.gt, scaled, limit), x, result)
    },
    activation("logsigmoid", doc: "log(sigmoid(input))") { b, x, _ in
      try b.op(P.neg, b.op(P.softplus, b.op(P.neg, x)))
    },
    smooth("softsign", doc: "input / (1 + |input|)") { b, x in
      try b.op(P.div, x, b.op(P.add, b.op(P.abs, x), 1))
    },
    smooth("tanhshrink", doc: "input - tanh(input)") { b, x in
      try b.op(P.sub, x, b.op(P.tanh, x))
    },
  ]

  private static let gates: [FunctionEntry] = [
    FunctionEntry(
      "glu", ["input"], [AttributeSpec("dim", .int, default: .int(-1))],
      doc: "First half times sigmoid of the second", samples: sample([2, 4])
    ) { b, x, attributes in
      let value = try b.needFloating(x[0])
      let axis = try b.realAxis(attributes.int("dim"), of: value)
      let length = b.shape(value)[axis]
      guard length % 2 == 0 else {
        throw b.fail(.runtime, "dimension \(axis) must be even, got \(b.type(value))")
      }
      let halves = try b.split(value, axis, [length / 2, length / 2])
      return try b.op(P.mul, halves[0], b.op(P.sigmoid, halves[1]))
    },
    FunctionEntry(
      "dropout", ["input", "key"],
      [
        AttributeSpec("p", .double, default: .double(0.5)),
        AttributeSpec("training", .bool, default: .bool(true)),
      ], doc: "Zero with probability p, the rest divided by 1 - p; as it is outside training",
      samples: [Sample([.init([2, 3]), .init([2], 0...100, dtype: .i64)], ["p": .double(0.5)])]
    ) { b, x, attributes in
      let value = try b.needFloating(x[0])
      let p = attributes.double("p")
      guard p >= 0, p <= 1 else {
        throw b.fail(.value, "probability must be between 0 and 1, got \(p)")
      }
      if p == 0 || !attributes.bool("training") { return value }
      if p == 1 { return try b.op(P.mul, value, 0) }
      let draw = try b.fineUniform(b.shape(value), b.dtype(value), key: x[1])
      return try b.select(b.op(P.ge, draw, p), b.op(P.mul, value, 1 / (1 - p)), 0)
    },
  ]
}

extension Builder {
  /// Limited to a range, with slope 0 at its ends; NaN passes.
  mutating func hardLimit(_ x: Value, _ low: Double, _ high: Double) throws -> Value {
    let (least, most) = (number(low, like: x), number(high, like: x))
    let top = try select(op(P.ge, x, most), most, x)
    return try select(op(P.le, x, least), least, top)
  }

  /// A number as one of the type of x: without what is behind the point among integers.
  func number(_ value: Double, like x: Value) -> Double {
    dtype(x).isFloating ? value : value.rounded(.towardZero)
  }

  mutating func elu(
    _ x: Value, _ alpha: Double, scale: Double, divisor: Double
  ) throws -> Value {
    let isUp = try op(P.gt, x, 0)
    let down = try select(isUp, 0, divisor == 1 ? x : op(P.div, x, divisor))
    let curve = try op(P.mul, op(P.expm1, down), alpha * scale)
    return try select(isUp, scale == 1 ? x : op(P.mul, x, scale), curve)
  }
}
