// Losses over classes: cross_entropy of logits and nll_loss of log-probabilities, for input [N, C,
// ...] or [C] with class indices [N, ...] or [], and cross_entropy also with class probabilities.
// Invariant: a label equal to ignore_index counts neither in the sum nor in the mean; any other
// label out of range is reported by the kernel that meets it.

import BettyKernelInterface

extension Functions {
  private static let ignoreIndex = AttributeSpec("ignore_index", .int, default: .int(-100))

  private static let labelled = [
    Sample([.init([4, 3]), .init([4], 0...2, dtype: .i64)])
  ]

  static let classLosses: [FunctionEntry] = [
    FunctionEntry(
      "cross_entropy", ["input", "target", "weight?"],
      [
        reductionOption, ignoreIndex,
        AttributeSpec("label_smoothing", .double, default: .double(0)),
      ], doc: "Cross entropy of logits with class indices or class probabilities",
      samples: labelled, body: crossEntropy),
    FunctionEntry(
      "nll_loss", ["input", "target", "weight?"], [reductionOption, ignoreIndex],
      doc: "Negative log-likelihood of class indices, input being log-probabilities",
      samples: labelled
    ) { b, x, attributes in
      let scores = try b.classScores(x[0])
      let labels = try b.labels(x, scores, attributes)
      let column = try b.reshape(labels.safe, [scores.count, 1])
      let picked = try b.emit(P.gather, [scores.rows, column], ["axis": .int(1)])
      let losses = try b.op(P.neg, b.reshape(picked, [scores.count]))
      return try b.reduced(b.weighted(losses, labels), labels, scores, attributes)
    },
  ]

  private static let crossEntropy: FunctionBody = { b, x, attributes in
    let scores = try b.classScores(x[0])
    let smoothing = attributes.double("label_smoothing")
    guard smoothing >= 0, smoothing <= 1 else {
      throw b.fail(.runtime, "label_smoothing must be between 0 and 1, got \(smoothing)")
    }
    if b.dtype(x[1].value).isFloating {
      return try b.crossEntropyWithProbabilities(x, scores, smoothing, attributes)
    }
    let labels = try b.labels(x, scores, attributes)
    if smoothing == 0 {
      let losses = try b.compute(P.crossEntropy, [scores.rows, labels.safe])
      return try b.reduced(b.weighted(losses, labels), labels, scores, attributes)
    }
    let logs = try b.op(P.logSoftmax, scores.rows, ["axis": .int(1)])
    let column = try b.reshape(labels.safe, [scores.count, 1])
    let picked = try b.emit(P.gather, [logs, column], ["axis": .int(1)])
    let losses = try b.weighted(b.op(P.neg, b.reshape(picked, [scores.count])), labels)
    // The smooth part has every class, each with its own weight.
    let each = try labels.weight.map { try b.op(P.mul, logs, $0) } ?? logs
    let smooth = try b.op(P.neg, b.reduce(P.sum, each, [1]))
    let mixed = try b.op(
      P.add, b.op(P.mul, losses, 1 - smoothing),
      b.op(P.mul, smooth, smoothing / Double(max(scores.classes, 1))))
    return try b.reduced(mixed, labels, scores, attributes)
  }
}

/// Scores as a matrix of one row per label.
struct ClassScores {
  let rows: Value
  /// The shape of the labels.
  let shape: [Int]
  let classes: Int
  var count: Int { shape.product }
}

/// Class indices as a vector, and what they say of each row.
struct ClassLabels {
  /// i64, 0 in place of ignored ones.
  let safe: Value
  /// bool, false for ignored ones.
  let valid: Value
  /// One a class.
  let weight: Value?
  /// The weight of each row's class.
  let factors: Value?
}

extension Builder {
  /// [N, C, d...] or [C] with the classes last and the rest flat.
  mutating func classScores(_ operand: Operand) throws -> ClassScores {
    let value = try needFloating(operand)
    let shape = self.shape(value)
    guard let first = shape.first else {
      throw fail(.value, "input must have one dimension at least, got \(type(value))")
    }
    if shape.count == 1 {
      return ClassScores(rows: try reshape(value, [1, first]), shape: [], classes: first)
    }
    let last = try moveAxis(value, from: 1, to: shape.count - 1)
    let batch = Array(self.shape(last).dropLast())
    return ClassScores(
      rows: try reshape(last, [batch.product, shape[1]]), shape: batch, classes: shape[1])
  }

  mutating func labels(
    _ x: Arguments, _ scores: ClassScores, _ attributes: Attributes
  ) throws -> ClassLabels {
    let target = x[1].value
    guard dtype(target).isInteger, shape(target) == scores.shape else {
      throw fail(
        .value,
        "target must be i64\(scores.shape) for input \(type(x[0].value)), got \(type(target))")
    }
    let labels = try cast(reshape(target, [scores.count]), .i64)
    let ignored = try full(integer: attributes.int("ignore_index"), [scores.count])
    let valid = try op(P.ne, labels, ignored)
    let safe = try select(valid, labels, 0)
    guard let weight = try classWeight(x, scores) else {
      return ClassLabels(safe: safe, valid: valid, weight: nil, factors: nil)
    }
    let factors = try take(weight, safe, 0)
    return ClassLabels(safe: safe, valid: valid, weight: weight, factors: factors)
  }

  private mutating func classWeight(_ x: Arguments, _ scores: ClassScores) throws -> Value? {
    guard let weight = x.optional(2)?.value else { return nil }
    guard shape(weight) == [scores.classes] else {
      throw fail(.runtime, "weight must be [\(scores.classes)], got \(type(weight))")
    }
    try needSameType([scores.rows, weight])
    return weight
  }

  mutating func weighted(_ losses: Value, _ labels: ClassLabels) throws -> Value {
    try labels.factors.map { try op(P.mul, losses, $0) } ?? losses
  }

  /// Leaves ignored rows out and applies attribute `reduction`; the mean divides by the weights of
  /// the rows that count.
  mutating func reduced(
    _ losses: Value, _ labels: ClassLabels, _ scores: ClassScores, _ attributes: Attributes
  ) throws -> Value {
    let counted = try select(labels.valid, losses, 0)
    guard attributes.string("reduction") == "mean" else {
      return try reduced(reshape(counted, scores.shape), attributes)
    }
    let ones = try labels.factors ?? full(1, [scores.count], dtype(losses))
    return try op(P.div, sum(counted), sum(select(labels.valid, ones, 0)))
  }

  mutating func crossEntropyWithProbabilities(
    _ x: Arguments, _ scores: ClassScores, _ smoothing: Double, _ attributes: Attributes
  ) throws -> Value {
    let target = x[1]
    guard shape(target.value) == shape(x[0].value) else {
      throw fail(
        .runtime,
        "class probabilities must be \(shape(x[0].value)), got \(type(target.value))")
    }
    guard attributes.int("ignore_index") < 0 else {
      throw fail(
        .runtime,
        "ignore_index goes with class indices, got \(attributes.int("ignore_index")) with "
          + "class probabilities")
    }
    var probabilities = try classScores(target).rows
    if smoothing > 0 {
      probabilities = try op(
        P.add, op(P.mul, probabilities, 1 - smoothing),
        smoothing / Double(max(scores.classes, 1)))
    }
    let logs = try op(P.logSoftmax, scores.rows, ["axis": .int(1)])
    let factors = try promoted([Operand(probabilities), Operand(logs)])
    var products = try op(P.mul, factors[0], factors[1])
    if let weight = try classWeight(x, scores) {
      products = try op(P.mul, products, cast(weight, dtype(products)))
    }
    let losses = try reshape(op(P.neg, reduce(P.sum, products, [1])), scores.shape)
    return try reduced(losses, attributes)
  }

  /// An integer constant; those a Double cannot hold are put together from halves.
  mutating func full(integer value: Int, _ shape: [Int]) throws -> Value {
    if value.magnitude <= 1 << 53 { return try full(Double(value), shape, .i64) }
    let high = try full(Double(value >> 32), shape, .i64)
    let unit = try full(0x1p32, shape, .i64)
    return try op(P.add, op(P.mul, high, unit), Double(value & 0xffff_ffff))
  }
}
