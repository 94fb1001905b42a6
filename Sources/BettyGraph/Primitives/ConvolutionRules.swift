// Which sizes make a convolution, in the words of PyTorch; the same check says what the kernels run
// on. Messages speak of channels and spatial sizes, never of positions in a shape: users see channels
// first. Invariant: the sizes of a ConvolutionSize made here, and their products, fit an Int32 where a
// product of matrices takes them and an Int everywhere.

import BettyKernelInterface

struct ConvolutionRules {
  static let attributes = [
    AttributeSpec("stride", .ints), AttributeSpec("low", .ints), AttributeSpec("high", .ints),
    AttributeSpec("dilation", .ints), AttributeSpec("groups", .int), Rules.resultType,
  ]

  let name: String
  let stride: [Int]
  let low: [Int]
  let high: [Int]
  let dilation: [Int]
  let groups: Int
  private var spatial: Int { stride.count }

  /// Of the attributes; `input` says how many spatial axes there are.
  init(_ input: TensorType, _ attributes: Attributes, _ name: String) throws {
    self.name = name
    try Rules.dtype(input, .floating, name)
    guard input.rank == 3 || input.rank == 4 else {
      throw BettyError.runtime(
        "\(name): one or two spatial axes between batch and channels are needed, got \(input)")
    }
    func list(_ key: String, least: Int) throws -> [Int] {
      let values = attributes.ints(key)
      guard values.count == input.rank - 2, values.allSatisfy({ $0 >= least }) else {
        throw BettyError.runtime(
          "\(name): \(key) must be \(input.rank - 2) numbers of \(least) or more, got \(values)")
      }
      return values
    }
    stride = try list("stride", least: 1)
    dilation = try list("dilation", least: 1)
    low = try list("low", least: 0)
    high = try list("high", least: 0)
    groups = attributes.int("groups")
    guard groups > 0 else {
      throw BettyError.runtime("\(name): groups must be positive, got \(groups)")
    }
  }

  /// The type of the result of `convolution`.
  func output(x: TensorType, w: TensorType) throws -> TensorType {
    let size = try size(x: x, w: w)
    let out = spatial == 1 ? [size.outWidth] : [size.outHeight, size.outWidth]
    return try TensorType(x.dtype, [size.batch] + out + [size.filters])
  }

  /// Two for each weight of a filter and each element of the result.
  static func flops(result: TensorType, weight: TensorType) -> Double {
    guard let filters = result.shape.last, filters > 0 else { return 0 }
    return 2 * Double(result.count) * Double(weight.count) / Double(filters)
  }

  func check(g: TensorType, against y: TensorType) throws {
    guard g == y else {
      throw BettyError.runtime("\(name): the result is \(y), its gradient \(g)")
    }
  }

  /// One spatial axis is the second of two.
  func size(x: TensorType, w: TensorType) throws -> ConvolutionSize {
    guard x.dtype == w.dtype, x.rank == spatial + 2, w.rank == spatial + 2 else {
      throw BettyError.runtime("\(name): input and weight do not match, got \(x) and \(w)")
    }
    guard w.count > 0, x.shape[x.rank - 1] > 0 else {
      throw BettyError.runtime(
        "\(name): input channels and weight must not be empty, got \(x) and \(w)")
    }
    var size = ConvolutionSize()
    size.batch = x.shape[0]
    size.channels = x.shape[x.rank - 1]
    size.filters = w.shape[w.rank - 1]
    size.groups = groups
    try checkChannels(size, groupChannels: w.shape[w.rank - 2])
    let out = try outSizes(Array(x.shape[1...spatial]), Array(w.shape[..<spatial]))
    (size.width, size.kernelWidth, size.outWidth) = (
      x.shape[spatial], w.shape[spatial - 1], out[spatial - 1]
    )
    (size.strideWidth, size.dilationWidth) = (stride[spatial - 1], dilation[spatial - 1])
    size.padLeft = low[spatial - 1]
    if spatial == 2 {
      (size.height, size.kernelHeight, size.outHeight) = (x.shape[1], w.shape[0], out[0])
      (size.strideHeight, size.dilationHeight, size.padTop) = (stride[0], dilation[0], low[0])
    }
    guard Swift.max(w.count, size.channels, size.filters) <= Int(Int32.max) else {
      throw BettyError.runtime("\(name): more than 2147483647 weights or channels, got \(x), \(w)")
    }
    return size
  }

  private func checkChannels(_ size: ConvolutionSize, groupChannels: Int) throws {
    guard size.channels % groups == 0 else {
      throw BettyError.runtime(
        "\(name): groups \(groups) do not divide \(size.channels) input channels")
    }
    guard size.filters % groups == 0 else {
      throw BettyError.runtime(
        "\(name): groups \(groups) do not divide \(size.filters) output channels")
    }
    guard size.channels / groups == groupChannels else {
      let (wanted, _) = groupChannels.multipliedReportingOverflow(by: groups)
      throw BettyError.runtime(
        "\(name): weight with groups \(groups) expects input with \(wanted) channels, "
          + "got \(size.channels) channels")
    }
  }

  private func outSizes(_ input: [Int], _ kernel: [Int]) throws -> [Int] {
    var padded: [Int] = []
    var reach: [Int] = []
    for axis in 0..<spatial {
      let both = try Rules.add(low[axis], high[axis], name)
      padded.append(try Rules.add(input[axis], both, name))
      let spread = try Rules.multiply(dilation[axis], kernel[axis] - 1, name)
      reach.append(try Rules.add(spread, 1, name))
    }
    for axis in 0..<spatial where padded[axis] < reach[axis] {
      func times(_ sizes: [Int]) -> String { sizes.map(String.init).joined(separator: " x ") }
      throw BettyError.runtime(
        "\(name): padded input size per channel is (\(times(padded))), the kernel's is "
          + "(\(times(reach))); the kernel cannot be greater than the input")
    }
    return (0..<spatial).map { (padded[$0] - reach[$0]) / stride[$0] + 1 }
  }
}

extension ConvolutionRules {
  private struct Example {
    let x: [Int]
    let w: [Int]
    let y: [Int]
    var stride = [1, 1]
    var low = [0, 0]
    var high = [0, 0]
    var dilation = [1, 1]
    var groups = 1
  }

  private static let examples = [
    Example(x: [1, 4, 5, 2], w: [3, 3, 2, 3], y: [1, 4, 5, 3], low: [1, 1], high: [1, 1]),
    Example(x: [2, 5, 4, 2], w: [3, 2, 2, 1], y: [2, 2, 3, 1], stride: [2, 1]),
    Example(
      x: [1, 6, 5, 1], w: [3, 2, 1, 2], y: [1, 3, 3, 2], stride: [1, 2], low: [0, 1],
      high: [1, 2], dilation: [2, 2]),
    Example(x: [2, 3, 3, 4], w: [2, 2, 2, 2], y: [2, 2, 2, 2], groups: 2),
    Example(
      x: [1, 4, 3, 3], w: [3, 3, 1, 3], y: [1, 4, 3, 3], low: [1, 1], high: [1, 1], groups: 3),
    Example(
      x: [1, 5, 4, 2], w: [3, 3, 1, 4], y: [1, 3, 2, 4], stride: [2, 2], low: [1, 1],
      high: [1, 1], groups: 2),
    Example(x: [2, 2, 3, 3], w: [1, 1, 3, 2], y: [2, 2, 3, 2]),
    Example(x: [1, 4, 3, 2], w: [1, 1, 2, 3], y: [1, 2, 2, 3], stride: [2, 2]),
    Example(
      x: [1, 2, 2, 3], w: [3, 3, 3, 2], y: [1, 3, 1, 2], low: [2, 0], high: [1, 1]),
    Example(x: [0, 3, 3, 2], w: [2, 2, 2, 2], y: [0, 2, 2, 2]),
    Example(
      x: [2, 6, 2], w: [3, 2, 3], y: [2, 3, 3], stride: [2], low: [1], high: [0], dilation: [1]),
    Example(
      x: [1, 5, 4], w: [2, 1, 4], y: [1, 3, 4], stride: [1], low: [0], high: [0], dilation: [2],
      groups: 4),
  ]

  /// Samples of one of the three: which shapes are its operands, and its attribute `shape`.
  static func samples(
    _ pick: (_ x: [Int], _ w: [Int], _ y: [Int]) -> ([Int], [Int], [Int]?)
  ) -> [Sample] {
    let samples = examples.map { example in
      let (first, second, shape) = pick(example.x, example.w, example.y)
      var attributes = Graph.convolutionAttributes(
        stride: example.stride, low: example.low, high: example.high,
        dilation: example.dilation, groups: example.groups)
      attributes["shape"] = shape.map { .ints($0) }
      return Sample([.init(first), .init(second)], attributes)
    }
    return samples + samples.prefix(2).map(\.summed)
  }
}
