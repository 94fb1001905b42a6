// Windows that slide over channels-last data [N, S…, C] with one or two spatial axes: max_pool,
// window_sum, and the linear maps their derivatives are. Attributes `size` and `output` are the
// spatial sizes of the wide and of the narrow side, so that a map and its transpose share them.
// Element o of the narrow side belongs to the elements o * stride - padding + tap * dilation of the
// wide one, as far as they exist.

import BettyKernelInterface

/// What the attributes say, with two spatial axes.
struct WindowGeometry {
  let size, output, window, stride, padding, dilation: [Int]

  static let specs = ["size", "output", "window", "stride", "padding", "dilation"].map {
    AttributeSpec($0, .ints)
  }

  private static let limit = 1 << 31

  /// Everything is bounded here, so that kernels cannot overflow.
  init(_ attributes: Attributes, _ name: String) throws {
    func pair(_ key: String, _ least: Int, filling: Int) throws -> [Int] {
      let values = attributes.ints(key)
      guard values.count == 1 || values.count == 2 else {
        throw BettyError.value("\(name): \(key) must have 1 or 2 entries, got \(values)")
      }
      guard values.allSatisfy({ $0 >= least && $0 < Self.limit }) else {
        throw BettyError.value("\(name): \(key) must be at least \(least), got \(values)")
      }
      return values.count == 2 ? values : [filling] + values
    }
    size = try pair("size", 0, filling: 1)
    output = try pair("output", 0, filling: 1)
    window = try pair("window", 1, filling: 1)
    stride = try pair("stride", 1, filling: 1)
    padding = try pair("padding", 0, filling: 0)
    dilation = try pair("dilation", 1, filling: 1)
    guard Set(Self.specs.map { attributes.ints($0.name).count }).count == 1 else {
      throw BettyError.value("\(name): window, stride, padding, dilation and sizes differ in rank")
    }
    guard window.product < Self.limit else {
      throw BettyError.value("\(name): the window has too many elements, got \(window)")
    }
  }

  /// Whether every window has an element.
  var isCovered: Bool {
    (0..<2).allSatisfy { axis in
      (0..<output[axis]).allSatisfy { o in
        let start = o * stride[axis] - padding[axis]
        guard start < size[axis] else { return false }
        if start >= 0 { return true }
        let tap = (-start + dilation[axis] - 1) / dilation[axis]
        return tap < window[axis] && start + tap * dilation[axis] < size[axis]
      }
    }
  }

  func numbers(channels: Int) -> [Int] {
    size + [channels] + output + window + stride + padding + dilation
  }
}

extension P {
  private enum Side { case wide, narrow }

  /// The type of one side given that of the other.
  private static func opposite(
    _ input: TensorType, _ given: Side, _ attributes: Attributes, _ name: String
  ) throws -> TensorType {
    try Rules.dtype(input, .floating, name)
    _ = try WindowGeometry(attributes, name)
    let (size, output) = (attributes.ints("size"), attributes.ints("output"))
    let (own, other) = given == .wide ? (size, output) : (output, size)
    guard input.rank == own.count + 2, Array(input.shape[1...own.count]) == own else {
      throw BettyError.value("\(name): takes [N, \(own), C], got \(input)")
    }
    return try TensorType(input.dtype, [input.shape[0]] + other + [input.shape[own.count + 1]])
  }

  private static func checkTaps(_ taps: TensorType, _ narrow: TensorType, _ name: String) throws {
    guard taps.dtype == .i32, taps.shape == narrow.shape else {
      throw BettyError.value("\(name): taps must be i32\(narrow.shape), got \(taps)")
    }
  }

  /// Calls `body` with the kernel's rows split over tasks.
  private static func rows(
    _ request: KernelRequest, written: TensorType, read: TensorType, _ name: String,
    _ body: @escaping @Sendable (KernelFrame, UnsafePointer<Int>, Int, Int) -> Void
  ) throws -> PreparedKernel {
    let geometry = try WindowGeometry(request.attributes, name)
    if written.count == 0 { return PreparedKernel { _, _ in } }
    let channels = written.shape[written.rank - 1]
    let numbers = geometry.numbers(channels: channels)
    let rows = written.rank == 3 ? written.shape[0] : written.shape[0] * written.shape[1]
    // A narrow element costs as much as its window.
    let work = Swift.max(written.count, read.count)
    let tasks = request.tasks(work, units: rows)
    return PreparedKernel(tasks: tasks) { frame, task in
      let range = part(task, of: tasks, rows)
      numbers.withUnsafeBufferPointer {
        guard let base = $0.baseAddress else { return }
        body(frame, base, range.lowerBound, range.upperBound)
      }
    }
  }

  static func windowAttributes(
    size: [Int], output: [Int], window: [Int], stride: [Int], padding: [Int], dilation: [Int]
  ) -> Attributes {
    [
      "size": .ints(size), "output": .ints(output), "window": .ints(window),
      "stride": .ints(stride), "padding": .ints(padding), "dilation": .ints(dilation),
    ]
  }

  private static let windowCases = [
    windowAttributes(
      size: [5], output: [2], window: [2], stride: [2], padding: [0], dilation: [1]),
    windowAttributes(
      size: [5, 4], output: [3, 4], window: [3, 3], stride: [2, 1], padding: [1, 1],
      dilation: [1, 1]),
    windowAttributes(
      size: [4, 7], output: [3, 2], window: [2, 2], stride: [1, 3], padding: [0, 1],
      dilation: [1, 2]),
  ]

  private static func windowSamples(_ side: Side, taps: Bool, distinct: Bool = false) -> [Sample] {
    windowCases.map { attributes in
      let own = attributes.ints(side == .wide ? "size" : "output")
      let narrow = [2] + attributes.ints("output") + [3]
      let last = Double(attributes.ints("window").product - 1)
      let places = Sample.Input(narrow, 0...last, dtype: .i32)
      return Sample(
        [.init([2] + own + [3], -2...2, distinct: distinct)] + (taps ? [places] : []), attributes)
    }
  }

  /// The largest element of each window, and the number of its tap as i32.
  package static let maxPool: Primitive = Primitive(
    "max_pool", attributes: WindowGeometry.specs,
    derivative: .custom(
      vjp: { graph, node, cotangents in
        guard let cotangent = cotangents[0] else { return [nil] }
        return [try graph.call(windowScatter, [cotangent, node.outputs[1]], node.attributes)]
      },
      jvp: { graph, node, tangents in
        guard let tangent = tangents[0] else { return [nil, nil] }
        return [try graph.call(windowGather, [tangent, node.outputs[1]], node.attributes), nil]
      }),
    kernel: .buffer { request in
      let pool = try request.floating(request.table.maxPool, request.inputs[0].dtype, "max_pool")
      return try rows(request, written: request.outputs[0], read: request.inputs[0], "max_pool") {
        frame, geometry, first, last in
        pool(
          frame.operands[1], frame.operands[2].assumingMemoryBound(to: Int32.self),
          frame.operands[0], geometry, first, last)
      }
    },
    samples: windowSamples(.wide, taps: false, distinct: true), isExpensive: true
  ) { inputs, attributes in
    try Rules.count(inputs, 1, "max_pool")
    let result = try opposite(inputs[0], .wide, attributes, "max_pool")
    guard try WindowGeometry(attributes, "max_pool").isCovered || result.count == 0 else {
      throw BettyError.value("max_pool: a window lies outside of \(inputs[0])")
    }
    return [result, try result.with(.i32)]
  }

  /// A linear map between the sides that follows taps.
  private static func tapped(
    _ name: String, _ side: Side, transpose: @escaping @Sendable () -> Primitive,
    _ functions: @escaping @Sendable (KernelTable) -> [TapFunction]
  ) -> Primitive {
    Primitive(
      name, attributes: WindowGeometry.specs,
      derivative: .linear(operands: [0]) { graph, node, cotangent in
        [try graph.call(transpose(), [cotangent, node.inputs[1]], node.attributes), nil]
      },
      kernel: .buffer { request in
        let function = try request.floating(
          functions(request.table), request.inputs[0].dtype, name)
        return try rows(request, written: request.outputs[0], read: request.inputs[0], name) {
          frame, geometry, first, last in
          function(
            frame.operands[2], frame.operands[0],
            UnsafePointer(frame.operands[1].assumingMemoryBound(to: Int32.self)), geometry, first,
            last)
        }
      }, samples: windowSamples(side, taps: true)
    ) { inputs, attributes in
      try Rules.count(inputs, 2, name)
      let result = try opposite(inputs[0], side, attributes, name)
      try checkTaps(inputs[1], side == .wide ? result : inputs[0], name)
      return [result]
    }
  }

  private typealias TapFunction =
    @convention(c) (Raw, RawIn, UnsafePointer<Int32>, UnsafePointer<Int>, Int, Int) -> Void

  /// x at the tap of each window, 0 where that is outside.
  package static let windowGather: Primitive = tapped(
    "window_gather", .wide, transpose: { windowScatter }, { $0.windowGather })

  package static let windowScatter: Primitive = tapped(
    "window_scatter", .narrow, transpose: { windowGather }, { $0.windowScatter })

  private typealias SumFunction = @convention(c) (Raw, RawIn, UnsafePointer<Int>, Int, Int) -> Void

  private static func summed(
    _ name: String, _ side: Side, transpose: @escaping @Sendable () -> Primitive,
    _ functions: @escaping @Sendable (KernelTable) -> [SumFunction]
  ) -> Primitive {
    Primitive(
      name, attributes: WindowGeometry.specs,
      derivative: .linear(operands: [0]) { graph, node, cotangent in
        [try graph.call(transpose(), [cotangent], node.attributes)]
      },
      kernel: .buffer { request in
        let function = try request.floating(
          functions(request.table), request.inputs[0].dtype, name)
        return try rows(request, written: request.outputs[0], read: request.inputs[0], name) {
          frame, geometry, first, last in
          function(frame.operands[1], frame.operands[0], geometry, first, last)
        }
      }, samples: windowSamples(side, taps: false)
    ) { inputs, attributes in
      try Rules.count(inputs, 1, name)
      return [try opposite(inputs[0], side, attributes, name)]
    }
  }

  /// The sum of each window.
  package static let windowSum: Primitive = summed(
    "window_sum", .wide, transpose: { windowSpread }, { $0.windowSum })

  /// Each element added to all of its window.
  package static let windowSpread: Primitive = summed(
    "window_spread", .narrow, transpose: { windowSum }, { $0.windowSpread })

  package static let windows: [Primitive] = [
    maxPool, windowGather, windowScatter, windowSum, windowSpread,
  ]
}
