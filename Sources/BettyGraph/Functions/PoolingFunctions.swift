// Pooling: max_pool, avg_pool and their adaptive forms over [N, C, S…] or [C, S…] with one or two
// spatial dimensions. Invariant: primitives see channels last; the permutations around them meet
// those of the neighbours and disappear.

import BettyKernelInterface

extension Functions {
  private static func window(_ optional: Bool = false) -> [AttributeSpec] {
    [
      AttributeSpec("kernel_size", .ints), AttributeSpec("stride", .ints, optional: true),
      AttributeSpec("padding", .ints, default: .int(0)),
    ]
  }

  private static let ceil = AttributeSpec("ceil_mode", .bool, default: .bool(false))

  private static func shape(_ dims: Int) -> [Int] { dims == 1 ? [2, 3, 6] : [2, 3, 6, 5] }

  static let poolings: [FunctionEntry] = (1...2).flatMap { dims in
    [
      FunctionEntry(
        tuple: "max_pool\(dims)d", ["input"],
        window() + [
          AttributeSpec("dilation", .ints, default: .int(1)), ceil,
          AttributeSpec("return_indices", .bool, default: .bool(false)),
        ], doc: "Largest element of each window; with return_indices also its place in the plane",
        samples: sample(shape(dims), at: ["kernel_size": .int(2)]), returnsTuple: false
      ) { b, x, attributes in
        let input = try b.spatial(x[0], dims)
        let window = try b.window(input, attributes, isPadded: true)
        let made = try b.graph.apply(
          P.maxPool, [input.wide(&b)], window.attributes(of: input))
        let result = try input.result(&b, made[0])
        guard attributes.bool("return_indices") else { return [result] }
        return try [result, input.result(&b, b.places(made[1], window, input), isIndex: true)]
      },
      FunctionEntry(
        "avg_pool\(dims)d", ["input"],
        window() + [
          ceil, AttributeSpec("count_include_pad", .bool, default: .bool(true)),
          AttributeSpec("divisor_override", .int, optional: true),
        ], doc: "Mean of each window",
        samples: sample(shape(dims), at: ["kernel_size": .int(2), "stride": .int(2)])
      ) { b, x, attributes in
        let input = try b.spatial(x[0], dims)
        let window = try b.window(input, attributes, isPadded: true)
        return try input.result(&b, b.averages(input, window, attributes))
      },
      FunctionEntry(
        "adaptive_avg_pool\(dims)d", ["input"], [AttributeSpec("output_size", .ints)],
        doc: "Means of output_size windows that cover the input; -1 keeps a dimension",
        samples: sample(shape(dims), at: ["output_size": .int(2)])
      ) { b, x, attributes in
        let input = try b.spatial(x[0], dims)
        let wanted = try b.adaptive(input, attributes)
        return try input.result(&b, b.adaptiveAverages(input, wanted))
      },
      FunctionEntry(
        tuple: "adaptive_max_pool\(dims)d", ["input"],
        [
          AttributeSpec("output_size", .ints),
          AttributeSpec("return_indices", .bool, default: .bool(false)),
        ],
        doc: "Largest elements of output_size windows that cover the input; -1 keeps a dimension",
        samples: sample(shape(dims), at: ["output_size": .int(2)]), returnsTuple: false
      ) { b, x, attributes in
        let input = try b.spatial(x[0], dims)
        let wanted = try b.adaptive(input, attributes)
        return try b.adaptiveMaxima(input, wanted, attributes.bool("return_indices"))
      },
    ]
  }
}

/// An image operand: its channels-last form and how it came.
struct SpatialOperand {
  let value: Value
  let dims: Int
  /// False for one sample without a batch dimension.
  let isBatched: Bool
  let size: [Int]
  let dtype: DType

  /// [N, S…, C] in the type that is computed in.
  func wide(_ b: inout Builder) throws -> Value {
    let batched = isBatched ? value : try b.reshape(value, [1] + b.shape(value))
    return try b.moveAxis(b.cast(batched, dtype.computeType), from: 1, to: dims + 1)
  }

  /// A channels-last result as the caller's layout.
  func result(_ b: inout Builder, _ made: Value, isIndex: Bool = false) throws -> Value {
    var value = try b.moveAxis(made, from: dims + 1, to: 1)
    if !isIndex { value = try b.cast(value, dtype) }
    return isBatched ? value : try b.reshape(value, Array(b.shape(value).dropFirst()))
  }
}

/// A window as users write it, checked.
struct SpatialWindow {
  var kernel, stride, padding, dilation, output: [Int]

  func attributes(of input: SpatialOperand) -> Attributes {
    P.windowAttributes(
      size: input.size, output: output, window: kernel, stride: stride, padding: padding,
      dilation: dilation)
  }

  /// Windows of equal size that lie side by side.
  init(tiling size: [Int], into output: [Int]) {
    kernel = zip(size, output).map { $0 / $1 }
    stride = kernel
    padding = size.map { _ in 0 }
    dilation = size.map { _ in 1 }
    self.output = output
  }

  init(_ kernel: [Int], _ stride: [Int], _ padding: [Int], _ dilation: [Int], _ output: [Int]) {
    (self.kernel, self.stride, self.padding) = (kernel, stride, padding)
    (self.dilation, self.output) = (dilation, output)
  }
}
