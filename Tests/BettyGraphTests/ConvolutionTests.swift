// Convolutions and their gradients against seven loops, in every path of the kernels.

import BettyKernelInterface
import BettyKernels
import Testing

@testable import BettyGraph

/// One convolution, two spatial axes.
struct ConvolutionCase: Sendable, CustomStringConvertible {
  let x: [Int]
  /// Kernel height and width, and filters.
  let kernel: [Int]
  var stride = [1, 1]
  var low = [0, 0]
  var high = [0, 0]
  var dilation = [1, 1]
  var groups = 1

  var description: String {
    "\(x) \(kernel) stride \(stride) pad \(low) \(high) dilation \(dilation) groups \(groups)"
  }
  var w: [Int] { [kernel[0], kernel[1], x[3] / groups, kernel[2]] }
  var attributes: Attributes {
    Graph.convolutionAttributes(
      stride: stride, low: low, high: high, dilation: dilation, groups: groups)
  }

  func size(_ dtype: DType) throws -> ConvolutionSize {
    let x = try TensorType(dtype, x)
    return try ConvolutionRules(x, attributes, "test").size(x: x, w: TensorType(dtype, w))
  }

  static let all: [ConvolutionCase] = {
    var cases: [ConvolutionCase] = []
    // Same padding, as most networks have: channels of every remainder, narrow and wide images.
    for (channels, filters) in [(1, 1), (3, 16), (3, 20), (16, 16), (17, 33), (32, 32), (40, 48)] {
      for width in [1, 3, 8, 14, 17] {
        cases.append(
          ConvolutionCase(
            x: [2, 5, width, channels], kernel: [3, 3, filters], low: [1, 1], high: [1, 1]))
      }
    }
    for channels in [4, 16, 19, 40] {
      for (taps, dilation) in [(3, 1), (5, 1), (3, 2), (5, 2)] {
        for stride in [1, 2] {
          let pad = taps / 2 * dilation
          cases.append(
            ConvolutionCase(
              x: [2, 9, 10, channels], kernel: [taps, taps, channels], stride: [stride, stride],
              low: [pad, pad], high: [pad, pad], dilation: [dilation, dilation],
              groups: channels))
        }
      }
    }
    cases += [
      ConvolutionCase(
        x: [3, 7, 9, 8], kernel: [3, 3, 16], stride: [2, 2], low: [1, 1], high: [1, 1]),
      ConvolutionCase(
        x: [2, 8, 8, 16], kernel: [3, 3, 32], stride: [2, 2], low: [1, 1], high: [1, 1]),
      ConvolutionCase(x: [2, 8, 9, 16], kernel: [1, 1, 32], stride: [2, 2]),
      ConvolutionCase(x: [2, 6, 5, 20], kernel: [1, 1, 10]),
      ConvolutionCase(x: [2, 6, 5, 20], kernel: [1, 1, 10], groups: 5),
      ConvolutionCase(x: [2, 6, 5, 8], kernel: [1, 1, 8], low: [1, 0], high: [0, 2]),
      ConvolutionCase(
        x: [2, 11, 12, 3], kernel: [7, 7, 16], stride: [2, 2], low: [3, 3], high: [3, 3]),
      ConvolutionCase(
        x: [2, 8, 7, 12], kernel: [3, 3, 18], low: [1, 1], high: [1, 1], groups: 3),
      ConvolutionCase(
        x: [2, 8, 7, 4], kernel: [3, 3, 12], low: [1, 1], high: [1, 1], groups: 4),
      ConvolutionCase(
        x: [1, 9, 9, 16], kernel: [3, 3, 16], low: [2, 2], high: [2, 2], dilation: [2, 2]),
      ConvolutionCase(x: [2, 6, 8, 5], kernel: [2, 4, 6], low: [0, 3], high: [2, 1]),
      ConvolutionCase(
        x: [1, 1, 20, 6], kernel: [1, 5, 7], stride: [1, 3], low: [0, 2], high: [0, 2]),
      ConvolutionCase(x: [2, 4, 4, 16], kernel: [3, 3, 16]),
      // Gradients of filters by products.
      ConvolutionCase(x: [1, 3, 4, 66], kernel: [3, 3, 257], low: [1, 1], high: [1, 1]),
      ConvolutionCase(x: [2, 3, 4, 33], kernel: [1, 1, 34]),
      ConvolutionCase(x: [2, 3, 3, 16], kernel: [3, 3, 16], low: [5, 4], high: [4, 6]),
      ConvolutionCase(x: [1, 5, 6, 16], kernel: [3, 3, 16], low: [0, 1], high: [1, 0]),
      ConvolutionCase(x: [1, 6, 6, 16], kernel: [2, 2, 16], stride: [3, 4]),
      ConvolutionCase(x: [0, 4, 4, 16], kernel: [3, 3, 16], low: [1, 1], high: [1, 1]),
      ConvolutionCase(x: [2, 0, 2, 3], kernel: [1, 2, 4], low: [1, 0], high: [1, 0]),
    ]
    return cases
  }()
}

/// Calls `visit` with the positions in x, w and y of every product.
private func products(_ s: ConvolutionSize, _ visit: (_ x: Int, _ w: Int, _ y: Int) -> Void) {
  let (cg, kg) = (s.groupChannels, s.groupFilters)
  for n in 0..<s.batch {
    for oy in 0..<s.outHeight {
      for ox in 0..<s.outWidth {
        for r in 0..<s.kernelHeight {
          for t in 0..<s.kernelWidth {
            let iy = oy * s.strideHeight - s.padTop + r * s.dilationHeight
            let ix = ox * s.strideWidth - s.padLeft + t * s.dilationWidth
            if iy < 0 || iy >= s.height || ix < 0 || ix >= s.width { continue }
            for k in 0..<s.filters {
              for c in 0..<cg {
                visit(
                  ((n * s.height + iy) * s.width + ix) * s.channels + k / kg * cg + c,
                  ((r * s.kernelWidth + t) * cg + c) * s.filters + k,
                  ((n * s.outHeight + oy) * s.outWidth + ox) * s.filters + k)
              }
            }
          }
        }
      }
    }
  }
}

@Suite struct ConvolutionTests {
  /// Sums of small integers are exact in any order and any split.
  @Test(arguments: ConvolutionCase.all, [DType.f32, .f64])
  func isTheSumOfProducts(_ item: ConvolutionCase, _ dtype: DType) throws {
    let size = try item.size(dtype)
    let x = digits(try TensorType(dtype, item.x), 1, -2...3)
    let w = digits(try TensorType(dtype, item.w), 2, -2...3)
    let shape = [size.batch, size.outHeight, size.outWidth, size.filters]
    let g = digits(try TensorType(dtype, shape), 3, -2...3)
    var y = [Double](repeating: 0, count: g.1.count)
    var (dx, dw) = (x.1.map { _ in 0.0 }, w.1.map { _ in 0.0 })
    products(size) {
      y[$2] += x.1[$0] * w.1[$1]
      dx[$0] += g.1[$2] * w.1[$1]
      dw[$1] += g.1[$2] * x.1[$0]
    }
    func check(
      _ primitive: Primitive, _ a: (TensorType, [Double]), _ b: (TensorType, [Double]),
      _ shape: [Int]?, _ wanted: [Double]
    ) throws {
      for threads in [1, 3] {
        var attributes = item.attributes
        attributes["shape"] = shape.map { .ints($0) }
        let run = try KernelRunner(primitive, [a, b], attributes, threads: threads)
        #expect(run.outputs[0] == wanted, "\(primitive.name) \(item), threads \(threads)")
        #expect(run.isIntact, "\(primitive.name) \(item), threads \(threads)")
      }
    }
    try check(P.convolution, x, w, nil, y)
    try check(P.convolutionInputGradient, g, w, item.x, dx)
    try check(P.convolutionWeightGradient, x, g, item.w, dw)
  }

  /// Large enough to be split over tasks: the split must not show.
  static let large = [
    ConvolutionCase(x: [4, 16, 16, 32], kernel: [3, 3, 32], low: [1, 1], high: [1, 1]),
    ConvolutionCase(
      x: [3, 20, 30, 16], kernel: [3, 3, 48], stride: [2, 2], low: [1, 1], high: [1, 1]),
    ConvolutionCase(x: [1, 40, 40, 24], kernel: [3, 3, 24], low: [1, 1], high: [1, 1]),
    ConvolutionCase(
      x: [4, 30, 30, 3], kernel: [7, 7, 32], stride: [2, 2], low: [3, 3], high: [3, 3]),
    ConvolutionCase(x: [4, 20, 20, 64], kernel: [1, 1, 64]),
    ConvolutionCase(x: [2, 12, 12, 64], kernel: [3, 3, 256], low: [1, 1], high: [1, 1]),
    ConvolutionCase(
      x: [8, 24, 24, 64], kernel: [5, 5, 64], low: [4, 4], high: [4, 4], dilation: [2, 2],
      groups: 64),
  ]

  @Test(arguments: large) func tasksDoNotChangeResults(_ item: ConvolutionCase) throws {
    let size = try item.size(.f32)
    let x = digits(try TensorType(.f32, item.x), 1)
    let w = digits(try TensorType(.f32, item.w), 2)
    let shape = [size.batch, size.outHeight, size.outWidth, size.filters]
    let g = digits(try TensorType(.f32, shape), 3)
    let calls: [(Primitive, (TensorType, [Double]), (TensorType, [Double]), [Int]?)] = [
      (P.convolution, x, w, nil), (P.convolutionInputGradient, g, w, item.x),
      (P.convolutionWeightGradient, x, g, item.w),
    ]
    for (primitive, a, b, shape) in calls {
      var attributes = item.attributes
      attributes["shape"] = shape.map { .ints($0) }
      let whole = try KernelRunner(primitive, [a, b], attributes, threads: 1)
      let split = try KernelRunner(primitive, [a, b], attributes, threads: 3)
      #expect(whole.outputs == split.outputs, "\(primitive.name) \(item)")
      #expect(whole.outputs[0].contains { $0 != 0 })
      #expect(whole.isIntact && split.isIntact)
    }
  }

  @Test func wrongSizesAreRefused() throws {
    func message(
      _ x: [Int], _ w: [Int], stride: [Int] = [1, 1], low: [Int] = [0, 0], high: [Int] = [0, 0],
      dilation: [Int] = [1, 1], groups: Int = 1
    ) throws -> String {
      var graph = Graph()
      let values = try [x, w].map { graph.addInput(try TensorType(.f32, $0)) }
      do {
        _ = try graph.call(
          P.convolution, values,
          Graph.convolutionAttributes(
            stride: stride, low: low, high: high, dilation: dilation, groups: groups))
        return ""
      } catch { return "\(error)" }
    }
    let x = [2, 5, 5, 6]
    #expect(
      try message(x, [3, 3, 4, 2]) == "convolution: weight with groups 1 expects input with 4 "
        + "channels, got 6 channels")
    #expect(
      try message(x, [3, 3, 1, 8], groups: 4) == "convolution: groups 4 do not divide 6 input "
        + "channels")
    #expect(
      try message(x, [3, 3, 2, 8], groups: 3) == "convolution: groups 3 do not divide 8 output "
        + "channels")
    #expect(
      try message(x, [4, 3, 6, 2], low: [0, 1], dilation: [2, 1]) == "convolution: padded input "
        + "size per channel is (5 x 6), the kernel's is (7 x 3); the kernel cannot be greater than "
        + "the input")
    #expect(
      try message(x, [3, 3, 6, 2], stride: [0, 1]) == "convolution: stride must be 2 numbers of 1 "
        + "or more, got [0, 1]")
    #expect(
      try message(x, [3, 3, 6, 2], low: [0, -1]) == "convolution: low must be 2 numbers of 0 or "
        + "more, got [0, -1]")
    #expect(
      try message(x, [3, 3, 6, 2], groups: 0) == "convolution: groups must be positive, got 0")
    #expect(
      try message([5, 6], [3, 3, 6, 2]) == "convolution: one or two spatial axes between batch and "
        + "channels are needed, got f32[5, 6]")
    #expect(
      try message(x, [3, 3, 6, 0]) == "convolution: input channels and weight must not be empty, "
        + "got f32[2, 5, 5, 6] and f32[3, 3, 6, 0]")
    let huge = 1 << 62
    #expect(
      try message(x, [3, 3, 6, 2], low: [huge, 0], high: [huge, 0]).hasPrefix(
        "convolution: size overflows"))
    #expect(
      try message(x, [3, 3, 6, 2], dilation: [huge, 1]).hasPrefix("convolution: size overflows"))
    #expect(!(try message([0, 1, 1, 6], [1, 1, 6, 2], low: [huge, 0])).contains("trap"))
  }
}
