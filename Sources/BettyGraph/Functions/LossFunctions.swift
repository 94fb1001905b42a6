// Losses of two tensors, element by element, then `reduction`: none, mean or sum.

import BettyKernelInterface

extension Functions {
  static let losses: [FunctionEntry] = distances + binaryLosses + divergences + classLosses

  static let reductionOption = AttributeSpec("reduction", .string, default: .string("mean"))

  private typealias Pair = @Sendable (inout Builder, Value, Value, Attributes) throws -> Value

  /// A loss of two promoted operands that broadcast.
  private static func loss(
    _ name: String, _ attributes: [AttributeSpec] = [], doc: String,
    in range: ClosedRange<Double> = -2...2, _ body: @escaping Pair
  ) -> FunctionEntry {
    FunctionEntry(
      name, ["input", "target"], attributes + [reductionOption], doc: doc,
      samples: sample([2, 3], [2, 3], in: range)
    ) { b, x, attributes in
      let values = try b.promoted([x[0], x[1]])
      guard b.dtype(values[0]).isFloating else {
        throw b.fail(.notSupported, "operands must be floating point, got \(b.list(values))")
      }
      return try b.reduced(body(&b, values[0], values[1], attributes), attributes)
    }
  }

  private static let distances: [FunctionEntry] = [
    loss("mse_loss", doc: "Squared difference") { b, x, y, _ in
      let difference = try b.op(P.sub, x, y)
      return try b.op(P.mul, difference, difference)
    },
    loss("l1_loss", doc: "Absolute difference") { b, x, y, _ in
      try b.op(P.abs, b.op(P.sub, x, y))
    },
    loss(
      "smooth_l1_loss", [AttributeSpec("beta", .double, default: .double(1))],
      doc: "Squared difference / 2 beta below beta, then linear"
    ) { b, x, y, attributes in
      let beta = attributes.double("beta")
      guard beta >= 0 else { throw b.fail(.runtime, "beta must not be negative, got \(beta)") }
      let distance = try b.op(P.abs, b.op(P.sub, x, y))
      if beta == 0 { return distance }
      let square = try b.op(P.mul, b.op(P.mul, distance, distance), 0.5 / beta)
      let line = try b.op(P.sub, distance, 0.5 * beta)
      return try b.select(b.op(P.lt, distance, beta), square, line)
    },
    loss(
      "huber_loss", [AttributeSpec("delta", .double, default: .double(1))],
      doc: "Squared difference / 2 below delta, then linear"
    ) { b, x, y, attributes in
      let delta = attributes.double("delta")
      guard delta > 0 else { throw b.fail(.runtime, "delta must be positive, got \(delta)") }
      let distance = try b.op(P.abs, b.op(P.sub, x, y))
      let square = try b.op(P.mul, b.op(P.mul, distance, distance), 0.5)
      let line = try b.op(P.mul, b.op(P.sub, distance, 0.5 * delta), delta)
      return try b.select(b.op(P.le, distance, delta), square, line)
    },
    loss("soft_margin_loss", doc: "log(1 + exp(-target * input))") { b, x, y, _ in
      try b.op(P.softplus, b.op(P.neg, b.op(P.mul, x, y)))
    },
    loss(
      "hinge_embedding_loss", [AttributeSpec("margin", .double, default: .double(1))],
      doc: "input where target is 1, max(0, margin - input) where it is -1"
    ) { b, x, y, attributes in
      let far = try b.op(P.relu, b.op(P.sub, attributes.double("margin"), x))
      let near = try b.select(b.op(P.ne, y, -1), x, 0)
      return try b.op(P.add, near, b.select(b.op(P.ne, y, 1), far, 0))
    },
  ]

  private static let binaryLosses: [FunctionEntry] = [
    FunctionEntry(
      "binary_cross_entropy", ["input", "target", "weight?"], [reductionOption],
      doc: "Cross entropy of probabilities; logarithms end at -100",
      samples: sample([2, 3], [2, 3], in: 0.2...0.8)
    ) { b, x, attributes in
      let pair = try b.samePair(x)
      let (p, y) = try (b.op(P.probability, pair.0), b.op(P.probability, pair.1))
      let losses = try b.op(P.binaryCrossEntropy, p, y)
      return try b.reduced(b.weighted(losses, x.optional(2)), attributes)
    },
    FunctionEntry(
      "binary_cross_entropy_with_logits", ["input", "target", "weight?", "pos_weight?"],
      [reductionOption], doc: "Cross entropy of sigmoid(input); pos_weight multiplies positives",
      samples: sample([2, 3], [2, 3], in: 0.2...0.8)
    ) { b, x, attributes in
      let (logits, y) = try b.samePair(x)
      guard let positive = x.optional(3) else {
        var losses = try b.compute(P.bceWithLogits, [logits, y])
        // As in PyTorch the target's type is that of the loss.
        let own = b.dtype(x[1].value)
        if own.isFloating { losses = try b.cast(losses, own) }
        return try b.reduced(b.weighted(losses, x.optional(2)), attributes)
      }
      let factor = try b.op(
        P.add, b.op(P.mul, b.op(P.sub, b.cast(positive.value, b.dtype(y)), 1), y), 1)
      let softplus = try b.op(P.softplus, b.op(P.neg, logits))
      let losses = try b.op(
        P.add, b.op(P.mul, b.op(P.sub, 1, y), logits), b.op(P.mul, factor, softplus))
      return try b.reduced(b.weighted(losses, x.optional(2)), attributes)
    },
  ]

  private static let divergences: [FunctionEntry] = [
    FunctionEntry(
      "kl_div", ["input", "target"],
      [reductionOption, AttributeSpec("log_target", .bool, default: .bool(false))],
      doc: "target * (log(target) - input), input being logarithms; reduction also batchmean",
      samples: sample([2, 3], [2, 3], in: 0.2...0.8)
    ) { b, x, attributes in
      let values = try b.promoted([x[0], x[1]], floating: true)
      let (input, target) = (values[0], values[1])
      let losses: Value
      if attributes.bool("log_target") {
        losses = try b.op(P.mul, b.op(P.exp, target), b.op(P.sub, target, input))
      } else {
        // 0 log 0 is 0.
        let isZero = try b.op(P.eq, target, 0)
        let entropy = try b.op(P.mul, target, b.op(P.log, b.select(isZero, 1, target)))
        losses = try b.op(P.sub, b.select(isZero, 0, entropy), b.op(P.mul, target, input))
      }
      guard attributes.string("reduction") == "batchmean" else {
        return try b.reduced(losses, attributes)
      }
      let batch = b.shape(input).first ?? 1
      return try b.op(P.div, b.sum(losses), Double(batch))
    }
  ]
}

extension Builder {
  /// Applies attribute `reduction`.
  mutating func reduced(_ losses: Value, _ attributes: Attributes) throws -> Value {
    switch attributes.string("reduction") {
    case "none": return losses
    case "sum": return try sum(losses)
    case "mean": return try mean(losses, Array(0..<rank(losses)))
    case let other:
      throw fail(.value, "reduction is 'none', 'mean' or 'sum', got '\(other)'")
    }
  }

  /// Losses times an optional weight that broadcasts to them.
  mutating func weighted(_ losses: Value, _ weight: Operand?) throws -> Value {
    guard let weight else { return losses }
    let value = try cast(weight.value, dtype(losses))
    guard broadcastShape(shape(value), shape(losses)) == shape(losses) else {
      throw fail(.value, "weight does not broadcast to losses, got \(list([value, losses]))")
    }
    return try op(P.mul, losses, value)
  }

  /// Input and target of one shape, floating.
  mutating func samePair(_ x: Arguments) throws -> (Value, Value) {
    let values = try promoted([x[0], x[1]])
    guard shape(values[0]) == shape(values[1]), dtype(values[0]).isFloating else {
      throw fail(
        .value,
        "input and target must be floats of one shape, got \(list([x[0].value, x[1].value]))")
    }
    return (values[0], values[1])
  }
}
