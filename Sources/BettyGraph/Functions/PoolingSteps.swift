// What pooling functions are made of: PyTorch's checks and sizes, divisors of means, windows of
// unequal size.

import BettyKernelInterface

extension Builder {
  mutating func spatial(_ operand: Operand, _ dims: Int) throws -> SpatialOperand {
    let value = try needFloating(operand)
    let shape = self.shape(value)
    guard shape.count == dims + 1 || shape.count == dims + 2 else {
      throw fail(
        .runtime, "expected \(dims + 1)D or \(dims + 2)D input, got \(type(value))")
    }
    // Only the batch may be empty.
    guard shape.suffix(dims + 1).allSatisfy({ $0 > 0 }) else {
      throw fail(.runtime, "expected non-zero channel and spatial sizes, got \(type(value))")
    }
    return SpatialOperand(
      value: value, dims: dims, isBatched: shape.count == dims + 2,
      size: Array(shape.suffix(dims)), dtype: dtype(value))
  }

  /// One number a spatial dimension, or one for all of them.
  func perDimension(
    _ attributes: Attributes, _ key: String, _ dims: Int, least: Int
  ) throws -> [Int] {
    let given = attributes.ints(key)
    guard given.count == 1 || given.count == dims else {
      throw fail(.runtime, "\(key) must be an int or have \(dims) entries, got \(given)")
    }
    guard given.allSatisfy({ $0 >= least && $0 < 1 << 31 }) else {
      throw fail(.runtime, "\(key) should be at least \(least), got \(given)")
    }
    return given.count == dims ? given : [Int](repeating: given[0], count: dims)
  }

  /// Reads kernel_size, stride (the kernel's by default), padding, dilation and ceil_mode.
  func window(
    _ input: SpatialOperand, _ attributes: Attributes, isPadded: Bool
  ) throws -> SpatialWindow {
    let dims = input.dims
    let kernel = try perDimension(attributes, "kernel_size", dims, least: 1)
    let hasStride = !attributes.ints("stride").isEmpty
    let stride = hasStride ? try perDimension(attributes, "stride", dims, least: 1) : kernel
    let padding = try perDimension(attributes, "padding", dims, least: 0)
    let dilation =
      attributes["dilation"] == nil
      ? [Int](repeating: 1, count: dims)
      : try perDimension(attributes, "dilation", dims, least: 1)
    let reach = zip(kernel, dilation).map { ($0 - 1) * $1 + 1 }
    for (pad, width) in zip(padding, kernel) where isPadded && pad > width / 2 {
      throw fail(
        .runtime,
        "pad should be at most half of kernel size, got padding=\(padding) and "
          + "kernel_size=\(kernel)")
    }
    let isCeiled = attributes.bool("ceil_mode")
    let output = (0..<dims).map { axis in
      let room = input.size[axis] + 2 * padding[axis] - reach[axis]
      if room < 0, !isCeiled || room + stride[axis] - 1 < 0 { return 0 }
      var count = (room + (isCeiled ? stride[axis] - 1 : 0)) / stride[axis] + 1
      // The last window starts inside the input or its left padding.
      if isCeiled, (count - 1) * stride[axis] >= input.size[axis] + padding[axis] { count -= 1 }
      return count
    }
    guard output.allSatisfy({ $0 >= 1 }) else {
      throw fail(
        .runtime,
        "output size is too small: kernel_size=\(kernel), stride=\(stride), padding=\(padding) "
          + "and dilation=\(dilation) leave \(output) of \(type(input.value))")
    }
    return SpatialWindow(kernel, stride, padding, dilation, output)
  }

  // MARK: Places

  /// Taps [N, O…, C] as flat positions in the input's plane.
  mutating func places(
    _ taps: Value, _ window: SpatialWindow, _ input: SpatialOperand
  ) throws -> Value {
    let shape = self.shape(taps)
    var rest = try cast(taps, .i64)
    var total: Value?
    for axis in (0..<input.dims).reversed() {
      let line = try iota(shape, axis: axis + 1)
      let start = try op(
        P.sub, op(P.mul, line, Double(window.stride[axis])), Double(window.padding[axis]))
      let kernel = Double(window.kernel[axis])
      let tap = try axis == 0 ? rest : op(P.remainder, rest, kernel)
      rest = try op(P.floorDivide, rest, kernel)
      let place = try op(P.add, start, op(P.mul, tap, Double(window.dilation[axis])))
      let scale = input.size[(axis + 1)...].reduce(1, *)
      let part = try op(P.mul, place, Double(scale))
      total = try total.map { try op(P.add, $0, part) } ?? part
    }
    return total ?? rest
  }

  // MARK: Means

  mutating func averages(
    _ input: SpatialOperand, _ window: SpatialWindow, _ attributes: Attributes
  ) throws -> Value {
    let whole =
      window.output.allSatisfy { $0 == 1 } && window.kernel == input.size
      && window.padding.allSatisfy { $0 == 0 }
    let spatial = Array(1...input.dims)
    let wide = try input.wide(&self)
    var total: Value
    if whole {
      total = try reduce(P.sum, wide, spatial)
      total = try reshape(
        total, [shape(wide)[0]] + window.output + [shape(wide)[input.dims + 1]])
    } else {
      total = try op(P.windowSum, wide, window.attributes(of: input))
    }
    if attributes["divisor_override"] != nil {
      let divisor = attributes.int("divisor_override")
      guard divisor != 0 else { throw fail(.runtime, "divisor must be not zero") }
      return try op(P.div, total, Double(divisor))
    }
    return try divided(total, window, input, attributes.bool("count_include_pad"))
  }

  /// Divides by the elements of each window.
  private mutating func divided(
    _ total: Value, _ window: SpatialWindow, _ input: SpatialOperand, _ includesPadding: Bool
  ) throws -> Value {
    var (result, divisor) = (total, 1)
    for axis in 0..<input.dims {
      let (size, padding) = (input.size[axis], window.padding[axis])
      let counts = (0..<window.output[axis]).map { o in
        let start = o * window.stride[axis] - padding
        let end = min(start + window.kernel[axis], size + padding)
        return includesPadding ? end - start : min(end, size) - max(start, 0)
      }
      if counts.allSatisfy({ $0 == counts[0] }) {
        divisor *= counts[0]
        continue
      }
      let line = try iota([window.output[axis]], axis: 0, dtype(total))
      let start = try op(
        P.sub, op(P.mul, line, Double(window.stride[axis])), Double(padding))
      let end = try op(
        P.minimum, op(P.add, start, Double(window.kernel[axis])),
        Double(includesPadding ? size + padding : size))
      let first = try includesPadding ? start : op(P.maximum, start, 0)
      let others = shape(total).indices.filter { $0 != axis + 1 }
      let count = try spread(op(P.sub, end, first), over: others, like: total)
      result = try op(P.div, result, count)
    }
    return divisor == 1 ? result : try op(P.div, result, Double(divisor))
  }

  // MARK: Adaptive windows

  /// output_size with -1 replaced by the input's size.
  func adaptive(_ input: SpatialOperand, _ attributes: Attributes) throws -> [Int] {
    let given = try perDimension(attributes, "output_size", input.dims, least: -1)
    return zip(given, input.size).map { $0 == -1 ? $1 : $0 }
  }

  private func isTiled(_ input: SpatialOperand, _ wanted: [Int]) -> Bool {
    zip(input.size, wanted).allSatisfy { $1 > 0 && $0 % $1 == 0 }
  }

  mutating func adaptiveAverages(_ input: SpatialOperand, _ wanted: [Int]) throws -> Value {
    if isTiled(input, wanted) {
      return try averages(input, SpatialWindow(tiling: input.size, into: wanted), [:])
    }
    var value = try input.wide(&self)
    for axis in 0..<input.dims {
      value = try byBins(value, axis + 1, wanted[axis]) { b, bin in
        let length = b.shape(bin)[axis + 1]
        let mean = try b.op(P.div, b.reduce(P.sum, bin, [axis + 1]), Double(length))
        return try b.reshape(mean, b.shape(bin).replacing(axis + 1, with: 1))
      }
    }
    return value
  }

  mutating func adaptiveMaxima(
    _ input: SpatialOperand, _ wanted: [Int], _ wantsPlaces: Bool
  ) throws -> [Value] {
    if isTiled(input, wanted) {
      let window = SpatialWindow(tiling: input.size, into: wanted)
      let made = try graph.apply(P.maxPool, [input.wide(&self)], window.attributes(of: input))
      let result = try input.result(&self, made[0])
      guard wantsPlaces else { return [result] }
      return try [
        result, input.result(&self, places(made[1], window, input), isIndex: true),
      ]
    }
    guard !wantsPlaces else {
      throw fail(
        .notSupported,
        "return_indices needs output sizes that divide the input's, got \(wanted) of \(input.size)")
    }
    var value = try input.wide(&self)
    // Axes that become empty last: a window has to have a size.
    let axes = wanted.indices.sorted { wanted[$0] > 0 && wanted[$1] == 0 }
    for axis in axes {
      value = try byBins(value, axis + 1, wanted[axis]) { b, bin in
        let shape = b.shape(bin)
        let one = shape.replacing(axis + 1, with: 1)
        let window = SpatialWindow(
          tiling: Array(shape[1...input.dims]), into: Array(one[1...input.dims]))
        let operand = SpatialOperand(
          value: bin, dims: input.dims, isBatched: true, size: Array(shape[1...input.dims]),
          dtype: b.dtype(bin))
        return try b.graph.apply(P.maxPool, [bin], window.attributes(of: operand))[0]
      }
    }
    return [try input.result(&self, value)]
  }

  /// Bin o of an axis runs from floor(o n / count) to ceil((o + 1) n / count).
  private mutating func byBins(
    _ x: Value, _ axis: Int, _ count: Int,
    _ reduced: (inout Builder, Value) throws -> Value
  ) throws -> Value {
    let length = shape(x)[axis]
    guard count > 0 else { return try slice(x, axis: axis, from: 0, to: 0) }
    guard count <= 1 << 16 else {
      throw fail(.value, "output size \(count) is too large for \(type(x))")
    }
    let bins = try (0..<count).map { o in
      let (start, end) = (o * length / count, ((o + 1) * length + count - 1) / count)
      return try reduced(&self, slice(x, axis: axis, from: start, to: end))
    }
    return try concatenate(bins, axis)
  }
}
