// Normalisations by statistics of the data: batch_norm, instance_norm, group_norm. Channels are
// axis 1. Invariant: everything is written as (x - mean) * scale + bias with one scale a channel, so
// that it is one multiplication and one addition an element and fuses with its neighbours.

import BettyKernelInterface

extension Functions {
  private static let eps = AttributeSpec("eps", .double, default: .double(1e-5))

  static let statisticNormalizations: [FunctionEntry] = [
    FunctionEntry(
      "batch_norm_inference", ["input", "running_mean", "running_var", "weight?", "bias?"], [eps],
      doc: "Channels with given mean and variance made standard, times weight, plus bias",
      samples: sample([2, 3, 2], [3], [3], [3], [3], in: 0.5...2)
    ) { b, x, attributes in
      let given = try b.channels(x, vectors: 1..<5)
      guard let mean = given.vectors[0], let variance = given.vectors[1] else {
        throw b.fail(.type, "takes running_mean and running_var")
      }
      let factor = try b.op(P.rsqrt, b.op(P.add, variance, attributes.double("eps")))
      return try b.standardized(given, mean, factor, [1], given.vectors[2...])
    },
    FunctionEntry(
      tuple: "batch_norm_training",
      ["input", "weight?", "bias?", "running_mean?", "running_var?", "momentum?"],
      [
        eps, AttributeSpec("synchronized", .bool, default: .bool(false)),
        AttributeSpec("partial", .bool, default: .bool(false)),
      ],
      doc: "Channels made standard by their own mean and variance; then the new running statistics",
      samples: sample([4, 3, 2], [3], [3], [3], [3], [], in: 0.5...2)
    ) { b, x, attributes in
      let given = try b.channels(x, vectors: 1..<5)
      let axes = b.shape(given.input).indices.filter { $0 != 1 }
      let count = b.count(given.input, axes)
      // The rest of a batch whose statistics are joint is with other replicas.
      guard count != 1 || attributes.bool("partial") else {
        throw b.fail(
          .value, "expected more than 1 value per channel when training, got \(b.type(x[0]).type)")
      }
      let statistics = attributes.bool("synchronized") ? "synchronized" : "batch"
      let moments = try b.moments(given.input, axes, statistics)
      let factor = try b.op(P.rsqrt, b.op(P.add, moments.variance, attributes.double("eps")))
      let result = try b.standardized(given, moments.mean, factor, [1], given.vectors[0...1])
      let running = try b.running(
        given, moments.mean, moments.variance, count, x.optional(5))
      return [result] + running
    },
    FunctionEntry(
      tuple: "instance_norm_training",
      ["input", "weight?", "bias?", "running_mean?", "running_var?", "momentum?"], [eps],
      doc: "Channels of each sample made standard; then the new running statistics",
      samples: sample([2, 3, 4], [3], [3], [3], [3], [], in: 0.5...2)
    ) { b, x, attributes in
      let given = try b.channels(x, vectors: 1..<5)
      let axes = Array(b.shape(given.input).indices.dropFirst(2))
      let count = b.count(given.input, axes)
      guard count != 1 else {
        throw b.fail(
          .value,
          "expected more than 1 spatial element when training, got \(b.type(x[0]).type)")
      }
      let moments = try b.moments(given.input, axes)
      let factor = try b.op(P.rsqrt, b.op(P.add, moments.variance, attributes.double("eps")))
      let result = try b.standardized(given, moments.mean, factor, [0, 1], given.vectors[0...1])
      let statistics = try b.running(
        given, b.mean(moments.mean, [0]), b.mean(moments.variance, [0]), count, x.optional(5))
      return [result] + statistics
    },
    FunctionEntry(
      "group_norm", ["input", "weight?", "bias?"], [AttributeSpec("num_groups", .int), eps],
      doc: "Groups of channels of each sample made standard, times weight, plus bias",
      samples: sample([2, 4, 3], [4], [4], at: ["num_groups": .int(2)]), body: groupNorm),
  ]

  private static let groupNorm: FunctionBody = { b, x, attributes in
    let given = try b.channels(x, vectors: 1..<3)
    let (shape, groups) = (b.shape(given.input), attributes.int("num_groups"))
    guard groups > 0, shape[1] % groups == 0 else {
      throw b.fail(
        .runtime,
        "expected number of channels to be divisible by num_groups, got \(b.type(x[0]).type) "
          + "and num_groups=\(groups)")
    }
    let size = shape[0] * groups == 0 ? 0 : b.type(given.input).count / (shape[0] * groups)
    guard shape[0] * size != 1 else {
      throw b.fail(
        .value, "expected more than 1 value per channel when training, got \(b.type(x[0]).type)")
    }
    let grouped = try b.reshape(given.input, [shape[0], groups, size])
    let moments = try b.moments(grouped, [2])
    let factor = try b.op(P.rsqrt, b.op(P.add, moments.variance, attributes.double("eps")))
    let centred = try b.op(P.sub, grouped, b.spread(moments.mean, over: [2], like: grouped))
    let standard = try b.op(P.mul, centred, b.spread(factor, over: [2], like: grouped))
    var result = try b.reshape(standard, shape)
    let others = shape.indices.filter { $0 != 1 }
    if let weight = given.vectors[0] {
      result = try b.op(P.mul, result, b.spread(weight, over: others, like: result))
    }
    if let bias = given.vectors[1] {
      result = try b.op(P.add, result, b.spread(bias, over: others, like: result))
    }
    return try b.cast(result, given.dtype)
  }
}

/// The operands of a normalisation, in the type that is computed in.
struct ChannelOperands {
  let input: Value
  /// The type of the input and of the result.
  let dtype: DType
  /// One number a channel each; nil where left out.
  let vectors: [Value?]
  /// The types they came in.
  let dtypes: [DType]
}

extension Builder {
  /// Checks that the vectors at these positions have one number for each channel of the input.
  mutating func channels(_ x: Arguments, vectors: Range<Int>) throws -> ChannelOperands {
    let input = try needFloating(x[0])
    let dtype = self.dtype(input)
    guard rank(input) >= 2 else {
      throw fail(.value, "expected at least 2D input (got \(rank(input))D input)")
    }
    let channels = shape(input)[1]
    let names = Functions.named(name)?.inputs.names ?? []
    let values = try vectors.map { position -> Value? in
      guard let vector = x.optional(position) else { return nil }
      let type = type(vector.value)
      let what = position < names.count ? names[position] : "operand \(position)"
      guard type.count == channels, type.rank == 1 else {
        throw fail(.runtime, "\(what) should contain \(channels) elements, got \(type)")
      }
      guard type.dtype == dtype || type.dtype == dtype.computeType else {
        throw fail(.runtime, "\(what) must be of the input's type \(dtype.name), got \(type)")
      }
      return try cast(vector.value, dtype.computeType)
    }
    return ChannelOperands(
      input: try cast(input, dtype.computeType), dtype: dtype, vectors: values,
      dtypes: vectors.map { position in x.optional(position).map { self.dtype($0.value) } ?? dtype }
    )
  }

  mutating func moments(
    _ x: Value, _ axes: [Int], _ statistics: String? = nil
  ) throws -> (mean: Value, variance: Value) {
    var attributes: Attributes = ["axes": .ints(axes)]
    if let statistics { attributes["statistics"] = .string(statistics) }
    let made = try graph.apply(P.moments, [x], attributes)
    return (made[0], made[1])
  }

  /// (x - mean) * factor * weight + bias, where mean and factor have the axes `kept` of x.
  mutating func standardized(
    _ given: ChannelOperands, _ mean: Value, _ factor: Value, _ kept: [Int],
    _ affine: ArraySlice<Value?>
  ) throws -> Value {
    let x = given.input
    let axes = shape(x).indices.filter { !kept.contains($0) }
    let (weight, bias) = (affine.first ?? nil, affine.last ?? nil)
    let scale = try weight.map { try op(P.mul, factor, $0) } ?? factor
    let centred = try op(P.sub, x, spread(mean, over: axes, like: x))
    var result = try op(P.mul, centred, spread(scale, over: axes, like: x))
    if let bias {
      let others = shape(x).indices.filter { $0 != 1 }
      result = try op(P.add, result, spread(bias, over: others, like: x))
    }
    return try cast(result, given.dtype)
  }

  /// The running mean and variance (of samples, so corrected) moved by `momentum` towards new ones;
  /// nothing without them. No gradient flows into them.
  mutating func running(
    _ given: ChannelOperands, _ mean: Value, _ variance: Value, _ count: Int, _ momentum: Operand?
  ) throws -> [Value] {
    guard let oldMean = given.vectors[2], let oldVariance = given.vectors[3] else { return [] }
    let unbiased = try op(P.mul, variance, Double(count) / Double(max(count - 1, 1)))
    return try [(oldMean, mean), (oldVariance, unbiased)].enumerated().map { position, pair in
      let (old, new) = pair
      var share = try full(0.1, [], dtype(new))
      if let momentum {
        guard rank(momentum.value) == 0 else {
          throw fail(.runtime, "momentum must be a number, got \(type(momentum.value))")
        }
        share = try cast(momentum.value, dtype(new))
      }
      let rest = try op(P.sub, full(1, [], dtype(new)), share)
      let mixed = try op(P.add, op(P.mul, new, share), op(P.mul, old, rest))
      return try emit(P.stopGradient, [cast(mixed, given.dtypes[2 + position])])
    }
  }
}
