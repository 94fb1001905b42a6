// Functions between images of different sizes: interpolate, unfold and fold, pixel_shuffle. All are
// composites of indexing and movement, so derivatives of any order follow.

import BettyKernelInterface

extension Functions {
  private static let patches: [AttributeSpec] = [
    AttributeSpec("kernel_size", .ints), AttributeSpec("dilation", .ints, default: .int(1)),
    AttributeSpec("padding", .ints, default: .int(0)),
    AttributeSpec("stride", .ints, default: .int(1)),
  ]

  static let resampling: [FunctionEntry] = [
    FunctionEntry(
      "interpolate", ["input"],
      [
        AttributeSpec("size", .ints), AttributeSpec("mode", .string, default: .string("nearest")),
        AttributeSpec("align_corners", .bool, default: .bool(false)),
        AttributeSpec("antialias", .bool, default: .bool(false)),
        AttributeSpec("scale_d", .double, optional: true),
        AttributeSpec("scale_h", .double, optional: true),
        AttributeSpec("scale_w", .double, optional: true),
      ], doc: "An image of another size: nearest, nearest-exact, (bi-, tri)linear or bicubic",
      samples: sample([1, 2, 3, 4], at: ["size": .ints([5, 8]), "mode": .string("bilinear")])
        + sample([1, 2, 3, 4], at: ["size": .ints([5, 2]), "mode": .string("bicubic")])
        + sample(
          [1, 1, 4, 3],
          at: ["size": .ints([2, 4]), "mode": .string("bicubic"), "antialias": .bool(true)])
    ) { b, x, attributes in
      let dims = min(max(b.rank(x[0].value) - 2, 1), 3)
      let input = try b.spatial(x[0], dims)
      guard input.isBatched else {
        throw b.fail(.value, "expected [N, C, …] of 3 to 5 dimensions, got \(b.type(input.value))")
      }
      let mode = try b.interpolationMode(input, attributes)
      let size = try b.perDimension(attributes, "size", dims, least: 1)
      var value = try input.wide(&b)
      for axis in 0..<dims {
        let key = ["scale_w", "scale_h", "scale_d"][dims - 1 - axis]
        let given = attributes[key] == nil ? nil : attributes.double(key)
        if let given, !(given > 0 && given.isFinite) {
          throw b.fail(.value, "scale factors must be positive, got \(given)")
        }
        let line = Resampling(
          axis: axis + 1, from: input.size[axis], to: size[axis], scale: given,
          alignsCorners: attributes.bool("align_corners"))
        value =
          switch (mode, attributes.bool("antialias")) {
          case (_, true): try b.smoothed(value, line, isCubic: mode == "bicubic")
          case ("bicubic", _): try b.resampledCubic(value, line)
          default: try b.resampled(value, line, mode)
          }
      }
      return try input.result(&b, value)
    },
    FunctionEntry(
      "unfold", ["input"], patches, doc: "Patches [N, C * kernel, L] of images [N, C, H, W]",
      samples: sample([2, 3, 4, 5], at: ["kernel_size": .ints([2, 3])])
    ) { b, x, attributes in
      let value = try b.tensor(x[0])
      let rank = b.rank(value)
      guard rank == 3 || rank == 4, b.shape(value).suffix(3).allSatisfy({ $0 > 0 }) else {
        throw b.fail(.runtime, "expected a 3D or 4D image, got \(b.type(value))")
      }
      let batched = try rank == 4 ? value : b.reshape(value, [1] + b.shape(value))
      let grid = try b.patches(Array(b.shape(batched)[2...]), attributes)
      let made = try b.unfold(batched, grid)
      return try rank == 4 ? made : b.reshape(made, Array(b.shape(made).dropFirst()))
    },
    FunctionEntry(
      "fold", ["input"], [AttributeSpec("output_size", .ints)] + patches,
      doc: "Images [N, C, H, W] with patches [N, C * kernel, L] added up in their places",
      samples: sample(
        [2, 18, 9], at: ["output_size": .ints([4, 5]), "kernel_size": .ints([2, 3])])
    ) { b, x, attributes in
      let value = try b.tensor(x[0])
      let rank = b.rank(value)
      guard rank == 2 || rank == 3 else {
        throw b.fail(.runtime, "expected 2D or 3D patches, got \(b.type(value))")
      }
      let batched = try rank == 3 ? value : b.reshape(value, [1] + b.shape(value))
      let size = try b.perDimension(attributes, "output_size", 2, least: 1)
      let made = try b.fold(batched, b.patches(size, attributes))
      return try rank == 3 ? made : b.reshape(made, Array(b.shape(made).dropFirst()))
    },
    moving(
      "pixel_shuffle", [AttributeSpec("upscale_factor", .int)],
      doc: "[…, C r², H, W] as […, C, H r, W r]",
      samples: sample([1, 8, 2, 3], at: ["upscale_factor": .int(2)])
    ) { b, x, attributes in
      let (factor, rank) = (attributes.int("upscale_factor"), b.rank(x))
      guard factor > 0, factor < 1 << 16, rank >= 3 else {
        throw b.fail(
          .runtime,
          "expected a positive upscale_factor and at least 3D input, got \(factor) and "
            + "\(b.type(x))")
      }
      let shape = b.shape(x)
      let lead = Array(shape.dropLast(3))
      let (channels, height, width) = (shape[rank - 3], shape[rank - 2], shape[rank - 1])
      guard channels % (factor * factor) == 0 else {
        throw b.fail(
          .runtime,
          "channels must be divisible by the square of upscale_factor, got "
            + "\(b.type(x)) and upscale_factor=\(factor)")
      }
      let least = channels / (factor * factor)
      let open = try b.reshape(x, lead + [least, factor, factor, height, width])
      let axes = Array(lead.indices) + [0, 3, 1, 4, 2].map { $0 + lead.count }
      return try b.reshape(
        b.permute(open, axes), lead + [least, height * factor, width * factor])
    },
    moving(
      "pixel_unshuffle", [AttributeSpec("downscale_factor", .int)],
      doc: "[…, C, H r, W r] as […, C r², H, W]",
      samples: sample([1, 2, 4, 6], at: ["downscale_factor": .int(2)])
    ) { b, x, attributes in
      let (factor, rank) = (attributes.int("downscale_factor"), b.rank(x))
      let shape = b.shape(x)
      guard factor > 0, rank >= 3, shape[rank - 2] % factor == 0, shape[rank - 1] % factor == 0
      else {
        throw b.fail(
          .runtime,
          "height and width must be divisible by downscale_factor, got \(b.type(x)) "
            + "and downscale_factor=\(factor)")
      }
      let lead = Array(shape.dropLast(3))
      let (channels, height, width) = (
        shape[rank - 3], shape[rank - 2] / factor, shape[rank - 1] / factor
      )
      let open = try b.reshape(x, lead + [channels, height, factor, width, factor])
      let axes = Array(lead.indices) + [0, 2, 4, 1, 3].map { $0 + lead.count }
      return try b.reshape(
        b.permute(open, axes), lead + [channels * factor * factor, height, width])
    },
  ]
}

/// How positions along one axis of the result map to those of the input.
struct Resampling {
  let axis, from, to: Int
  /// Scale factor where the user gave one that counts.
  let scale: Double?
  let alignsCorners: Bool

  /// Input positions a result position is wide.
  var step: Double {
    if alignsCorners { return to > 1 ? Double(from - 1) / Double(to - 1) : 0 }
    return scale.map { 1 / $0 } ?? Double(from) / Double(to)
  }
}

/// A grid of patches over an image.
struct PatchGrid {
  let size, kernel, dilation, padding, stride, output: [Int]
  var padded: [Int] { zip(size, padding).map { $0 + 2 * $1 } }
  /// Offset of each tap in the padded image.
  var taps: [(Int, Int)] {
    (0..<kernel[0]).flatMap { i in
      (0..<kernel[1]).map { (i * dilation[0], $0 * dilation[1]) }
    }
  }
}

extension Builder {
  mutating func resampled(_ x: Value, _ line: Resampling, _ mode: String) throws -> Value {
    if line.from == line.to, line.scale == nil || line.scale == 1 { return x }
    // PyTorch finds the nearest in f32 whatever the image's type.
    let isNearest = mode.hasPrefix("nearest")
    let dtype = isNearest ? .f32 : self.dtype(x)
    let positions = try iota([line.to], axis: 0, dtype)
    if isNearest {
      let step = Double(line.scale.map { Float(1 / $0) } ?? Float(line.from) / Float(line.to))
      let centre = mode == "nearest" ? positions : try op(P.add, positions, 0.5)
      let place = try op(P.floor, op(P.mul, centre, step))
      return try taken(x, place, line)
    }
    var place: Value
    if line.alignsCorners {
      place = try op(P.mul, positions, line.step)
    } else {
      place = try op(P.sub, op(P.mul, op(P.add, positions, 0.5), line.step), 0.5)
      place = try op(P.maximum, place, 0)
    }
    let low = try op(P.floor, place)
    let share = try op(P.sub, place, low)
    let others = shape(x).indices.filter { $0 != line.axis }
    let first = try taken(x, low, line)
    let second = try taken(x, op(P.add, low, 1), line)
    let weight = try spread(share, over: others, like: first)
    return try op(P.add, first, op(P.mul, weight, op(P.sub, second, first)))
  }

  /// The elements at positions of an axis, at most the last one.
  mutating func taken(_ x: Value, _ place: Value, _ line: Resampling) throws -> Value {
    let bounded = try op(P.minimum, place, Double(line.from - 1))
    return try emit(P.take, [x, cast(bounded, .i64)], ["axis": .int(line.axis)])
  }

  func patches(_ size: [Int], _ attributes: Attributes) throws -> PatchGrid {
    let kernel = try perDimension(attributes, "kernel_size", 2, least: 1)
    let dilation = try perDimension(attributes, "dilation", 2, least: 1)
    let padding = try perDimension(attributes, "padding", 2, least: 0)
    let stride = try perDimension(attributes, "stride", 2, least: 1)
    let output = (0..<2).map { axis -> Int in
      let room = size[axis] + 2 * padding[axis] - dilation[axis] * (kernel[axis] - 1) - 1
      return room < 0 ? 0 : room / stride[axis] + 1
    }
    guard output.allSatisfy({ $0 > 0 }), kernel.reduce(1, *) <= 1 << 12 else {
      throw fail(
        .runtime,
        "kernel_size=\(kernel), dilation=\(dilation), padding=\(padding) and "
          + "stride=\(stride) leave \(output) blocks of an image \(size)")
    }
    return PatchGrid(
      size: size, kernel: kernel, dilation: dilation, padding: padding, stride: stride,
      output: output)
  }

  mutating func unfold(_ x: Value, _ grid: PatchGrid) throws -> Value {
    let shape = self.shape(x)
    let pad = [0, 0] + grid.padding
    let padded = try self.pad(x, low: pad, high: pad, interior: [0, 0, 0, 0], value: 0)
    let parts = try grid.taps.map { row, column in
      let starts = [0, 0, row, column]
      let stops =
        shape[..<2]
        + zip([row, column], zip(grid.output, grid.stride)).map {
          $0 + ($1.0 - 1) * $1.1 + 1
        }
      let part = try emit(
        P.slice, [padded],
        [
          "starts": .ints(starts), "stops": .ints(Array(stops)),
          "steps": .ints([1, 1] + grid.stride),
        ])
      return try reshape(part, [shape[0], shape[1], 1] + grid.output)
    }
    let stacked = try concatenate(parts, 2)
    return try reshape(stacked, [shape[0], shape[1] * parts.count, grid.output.reduce(1, *)])
  }

  mutating func fold(_ x: Value, _ grid: PatchGrid) throws -> Value {
    let shape = self.shape(x)
    let (taps, blocks) = (grid.taps, grid.output.reduce(1, *))
    guard shape[1] % taps.count == 0, shape[2] == blocks else {
      throw fail(
        .runtime,
        "expected [N, C * \(taps.count), \(blocks)] for output_size=\(grid.size), "
          + "got \(type(x))")
    }
    let channels = shape[1] / taps.count
    let open = try reshape(x, [shape[0], channels, taps.count] + grid.output)
    var total: Value?
    for (number, (row, column)) in taps.enumerated() {
      let part = try slice(open, axis: 2, from: number, to: number + 1)
      let block = try reshape(part, [shape[0], channels] + grid.output)
      let reach = zip(grid.output, grid.stride).map { ($0 - 1) * $1 + 1 }
      let placed = try pad(
        block, low: [0, 0, row, column],
        high: [0, 0, grid.padded[0] - row - reach[0], grid.padded[1] - column - reach[1]],
        interior: [0, 0] + grid.stride.map { $0 - 1 }, value: 0)
      total = try total.map { try op(P.add, $0, placed) } ?? placed
    }
    guard var image = total else { return x }
    for axis in 0..<2 {
      let start = grid.padding[axis]
      image = try slice(image, axis: axis + 2, from: start, to: start + grid.size[axis])
    }
    return image
  }
}
