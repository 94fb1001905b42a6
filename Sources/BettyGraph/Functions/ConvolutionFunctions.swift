// Convolutions as PyTorch calls them: channels first, filters [out, in / groups, …], a bias, padding by
// number or by name, inputs with or without a batch. They permute to channels last and back around
// one primitive, so that neighbours' permutations meet and cancel.

import BettyKernelInterface

extension Functions {
  static let convolutions: [FunctionEntry] =
    (1...2).map(convolution) + (1...2).map(transposedConvolution)

  private static let numbers = [
    AttributeSpec("stride", .ints, default: .int(1)),
    AttributeSpec("padding", .intsOrString, default: .int(0)),
  ]
  private static let dilation = AttributeSpec("dilation", .ints, default: .int(1))
  private static let groups = AttributeSpec("groups", .int, default: .int(1))

  private static func convolution(_ spatial: Int) -> FunctionEntry {
    let tail = [Int](repeating: 3, count: spatial)
    return FunctionEntry(
      "conv\(spatial)d", ["input", "weight", "bias?"], numbers + [dilation, groups],
      doc:
        "Convolution of [N, C, …] with weight [K, C / groups, …]; padding may be 'same', 'valid'",
      samples: sample(
        [2, 4] + tail, [6, 2] + tail, [6], at: ["padding": .int(1), "groups": .int(2)])
        + sample([2] + tail, [3, 2] + tail, at: ["padding": .string("same")])
    ) { b, x, attributes in
      let call = try ConvolutionCall(b, x, spatial, attributes)
      let values = try b.channelsLast(x, spatial)
      let result = try b.emit(
        P.convolution, [values.input, values.weight], call.attributes(high: call.high))
      return try b.channelsFirst(result, x)
    }
  }

  private static func transposedConvolution(_ spatial: Int) -> FunctionEntry {
    let tail = [Int](repeating: 3, count: spatial)
    return FunctionEntry(
      "conv_transpose\(spatial)d", ["input", "weight", "bias?"],
      [
        numbers[0], AttributeSpec("padding", .ints, default: .int(0)),
        AttributeSpec("output_padding", .ints, default: .int(0)), groups, dilation,
      ],
      doc: "Transposed convolution of [N, C, …] with weight [C, K / groups, …]",
      samples: sample(
        [2, 4] + tail, [4, 1] + tail, [2],
        at: ["stride": .int(2), "output_padding": .int(1), "groups": .int(2)])
        + sample([4] + tail, [4, 2] + tail, at: ["padding": .int(1)])
    ) { b, x, attributes in
      let call = try ConvolutionCall(b, x, spatial, attributes)
      let values = try b.channelsLast(x, spatial)
      let channels = [values.input, values.weight].map { b.shape($0)[spatial + 1] }
      guard channels[0] == channels[1] else {
        throw b.fail(.runtime, "input has \(channels[0]) channels, weight \(channels[1])")
      }
      let sizes = try call.transposedSizes(b, b.shape(values.input))
      var options = call.attributes(high: sizes.high)
      let (perGroup, overflow) = b.shape(values.weight)[spatial].multipliedReportingOverflow(
        by: call.groups)
      guard !overflow else { throw b.fail(.runtime, "groups overflow, got \(call.groups)") }
      options["shape"] = .ints([b.shape(values.input)[0]] + sizes.reached + [perGroup])
      var result = try b.emit(P.convolutionInputGradient, [values.input, values.weight], options)
      if sizes.rest.contains(where: { $0 > 0 }) {
        let none = [Int](repeating: 0, count: spatial + 2)
        result = try b.emit(
          P.pad, [result], P.padAttributes(none, [0] + sizes.rest + [0], none, value: 0))
      }
      return try b.channelsFirst(result, x)
    }
  }
}

/// The attributes of a call, one number per spatial axis.
private struct ConvolutionCall {
  let spatial: Int
  let stride: [Int]
  let dilation: [Int]
  let groups: Int
  let outputPadding: [Int]
  let kernel: [Int]
  private(set) var low: [Int]
  private(set) var high: [Int]
  /// What sums of bf16 and f16 stay in for a bias to be added, before they are rounded once.
  private let sums: DType?

  init(_ b: Builder, _ x: Arguments, _ spatial: Int, _ attributes: Attributes) throws {
    self.spatial = spatial
    func list(_ name: String, least: Int) throws -> [Int] {
      let given = attributes.ints(name)
      let values = given.count == 1 ? Array(repeating: given[0], count: spatial) : given
      guard values.count == spatial else {
        throw b.fail(.runtime, "\(name) takes one number or \(spatial), got \(given)")
      }
      // As large as no tensor, so that sums of them cannot overflow.
      guard values.allSatisfy({ $0 >= least && $0 < 1 << 40 }) else {
        throw b.fail(.runtime, "\(name) must be \(least) or more, got \(given)")
      }
      return values
    }
    let (input, weight) = (b.type(x[0].value), b.type(x[1].value))
    let computed = input.dtype.computeType
    sums = x.optional(2) != nil && computed != input.dtype ? computed : nil
    guard input.rank == spatial + 1 || input.rank == spatial + 2 else {
      throw b.fail(.runtime, "input must be \(spatial + 1)-d or \(spatial + 2)-d, got \(input)")
    }
    guard weight.rank == spatial + 2 else {
      throw b.fail(.runtime, "weight must be \(spatial + 2)-d, got \(weight)")
    }
    kernel = Array(weight.shape.suffix(spatial))
    stride = try list("stride", least: 1)
    dilation = try list("dilation", least: 1)
    outputPadding = attributes["output_padding"] == nil ? [] : try list("output_padding", least: 0)
    groups = attributes.int("groups")
    guard case .string(let word) = attributes["padding"] else {
      low = try list("padding", least: 0)
      high = low
      return
    }
    (low, high) = (Array(repeating: 0, count: spatial), Array(repeating: 0, count: spatial))
    switch word {
    case "valid": break
    case "same":
      guard stride.allSatisfy({ $0 == 1 }) else {
        throw b.fail(.runtime, "padding='same' is not supported with stride \(stride)")
      }
      for axis in 0..<spatial {
        let total = try Rules.multiply(dilation[axis], Swift.max(kernel[axis] - 1, 0), b.name)
        low[axis] = total / 2
        high[axis] = total - total / 2
      }
    default:
      throw b.fail(.value, "padding must be 'same', 'valid' or numbers, got '\(word)'")
    }
  }

  func attributes(high: [Int]) -> Attributes {
    var attributes = Graph.convolutionAttributes(
      stride: stride, low: low, high: high, dilation: dilation, groups: groups)
    attributes["dtype"] = sums.map { .dtype($0) }
    return attributes
  }

  /// Of a transposed convolution: the sizes that the windows reach, what is left as zeros behind
  /// them, and the padding at the high end of the convolution that it transposes. Output padding
  /// takes back what padding has cut there, before it adds zeros.
  func transposedSizes(
    _ b: Builder, _ input: [Int]
  ) throws -> (reached: [Int], rest: [Int], high: [Int]) {
    var (reached, rest, high): ([Int], [Int], [Int]) = ([], [], [])
    for axis in 0..<spatial {
      guard outputPadding[axis] < Swift.max(stride[axis], dilation[axis]) else {
        throw b.fail(
          .runtime,
          "output_padding must be smaller than stride or dilation, got output_padding "
            + "\(outputPadding), stride \(stride) and dilation \(dilation)")
      }
      let steps = try Rules.multiply(Swift.max(input[axis + 1] - 1, 0), stride[axis], b.name)
      let reach = try Rules.multiply(dilation[axis], Swift.max(kernel[axis] - 1, 0), b.name)
      let inside = Swift.min(outputPadding[axis], stride[axis] - 1)
      let whole = try Rules.add(Rules.add(steps, reach, b.name), inside + 1, b.name)
      let restored = Swift.min(outputPadding[axis] - inside, low[axis])
      reached.append(whole - 2 * low[axis] + restored)
      rest.append(outputPadding[axis] - inside - restored)
      high.append(low[axis] - restored)
    }
    guard input[1...spatial].allSatisfy({ $0 > 0 }), reached.allSatisfy({ $0 > 0 }) else {
      throw b.fail(
        .runtime,
        "input size per channel \(Array(input[1...spatial])) gives output size \(reached), "
          + "which is too small")
    }
    return (reached, rest, high)
  }
}

extension Builder {
  /// The input as [N, …, C] and the weight as [*R, in, out], of one element type.
  fileprivate mutating func channelsLast(
    _ x: Arguments, _ spatial: Int
  ) throws -> (input: Value, weight: Value) {
    let bias = x.optional(2)?.value
    try needSameType([x[0].value, x[1].value] + (bias.map { [$0] } ?? []))
    var input = try needFloating(x[0], .runtime)
    if rank(input) == spatial + 1 { input = try reshape(input, [1] + shape(input)) }
    let axes = Array(2..<spatial + 2)
    return try (permute(input, [0] + axes + [1]), permute(x[1].value, axes + [1, 0]))
  }

  /// The result with its bias, as the user's input is laid out and typed.
  fileprivate mutating func channelsFirst(_ y: Value, _ x: Arguments) throws -> Value {
    var result = y
    let filters = shape(y)[rank(y) - 1]
    if let bias = x.optional(2)?.value {
      guard shape(bias) == [filters] else {
        throw fail(.runtime, "bias must be [\(filters)], got \(type(bias))")
      }
      result = try op(P.add, result, cast(bias, dtype(result)))
    }
    let stored = dtype(x[0].value)
    result = try moveAxis(cast(result, stored), from: rank(result) - 1, to: 1)
    guard rank(x[0].value) < rank(result) else { return result }
    return try reshape(result, Array(shape(result).dropFirst()))
  }
}
