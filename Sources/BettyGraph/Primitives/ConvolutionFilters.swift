// Gradients of filters, direct: sums over the pixels of blocks, in f32. Each task sums for itself,
// and the sums are added in the order of the tasks. What is stored in bf16 or f16 is copied into
// frames first, the image as well as the gradient: widened, or as pairs of neighbouring pixels.

import BettyKernelInterface
import Glibc

/// The blocks that the sums are made of.
private struct FilterBlocks: Sendable {
  let count: Int
  let scratchBytes: Int
  /// Adds a block to the sums.
  let accumulate: @Sendable (KernelFrame, _ block: Int, _ sums: Raw) -> Void
}

/// The gradient's part of a block in a frame of its own: `width` places in a row, a number for
/// each filter.
private struct GradientFrame: Sendable {
  let width: Int
  let filters: Int

  func bytes(_ pass: ConvolutionPass) -> Int {
    pass.blockImages * pass.blockRows * width * filters * 4
  }

  func place(_ lattice: inout ConvolutionLattice) {
    lattice.columns = width
    lattice.targetColumn = filters * 4
    lattice.targetRow = width * filters * 4
    lattice.targetImage = lattice.rows * lattice.targetRow
  }
}

extension DirectKernels {
  /// The gradient of the filters: operands x, g, w; nil where it is not for these kernels.
  static func filters(_ request: KernelRequest, _ size: ConvolutionSize) -> PreparedKernel? {
    guard let format = PassFormat(request), let direct = request.table.direct,
      request.inputs[0].count > 0, format.stored == .f32 || !size.isDepthwise,
      let add = request.table[.add, .f32],
      let narrow = request.table.conversion(.f32, format.result),
      let pass = ConvolutionPass(
        size, format, transposed: false, slack: size.isDepthwise ? 0 : direct.slack,
        threads: request.threads),
      let blocks = format.pairs
        ? pairBlocks(direct, size, pass)
        : format.stored == .f32
          ? plainBlocks(direct, size, pass) : widenedBlocks(direct, size, pass)
    else { return nil }
    let units = Swift.min(request.threads, blocks.count)
    let tasks = Swift.min(request.tasks(convolving: size, units: units), Swift.max(units, 1))
    let bytes = request.outputs[0].count * 4
    let step = (bytes + 63) & ~63
    let isPlain = tasks == 1 && format.result == .f32
    let sum = PreparedKernel.Stage(tasks: tasks) { frame, task in
      let sums = isPlain ? frame.operands[2] : frame.operands[3] + task * step
      memset(sums, 0, bytes)
      for index in part(task, of: tasks, blocks.count) { blocks.accumulate(frame, index, sums) }
    }
    if isPlain { return PreparedKernel(stages: [sum], scratchBytes: blocks.scratchBytes) }
    let join = join(request, count: tasks, step: step, add, narrow)
    return PreparedKernel(
      stages: [sum, join], scratchBytes: blocks.scratchBytes, workspaceBytes: tasks * step)
  }

  /// Adds the sums of all tasks, in their order.
  static func join(
    _ request: KernelRequest, count: Int, step: Int, _ add: TileFunction, _ narrow: TileFunction
  ) -> PreparedKernel.Stage {
    let result = request.outputs[0]
    let tasks = request.tasks(result.count * count, units: result.count / 1024)
    return PreparedKernel.Stage(tasks: tasks) { frame, task in
      let range = part(task, of: tasks, result.count)
      let out = frame.operands[2] + range.lowerBound * result.dtype.size
      let sums = frame.operands[3] + range.lowerBound * 4
      let total = result.dtype == .f32 ? out : sums
      if count > 1 { add(total, sums, sums + step, sums, range.count) }
      for other in 2..<Swift.max(count, 2) {
        add(total, total, sums + other * step, total, range.count)
      }
      if result.dtype != .f32 { narrow(out, sums, sums, sums, range.count) }
    }
  }

  /// Numbers of f32 as they lie.
  private static func plainBlocks(
    _ direct: DirectConvolution, _ size: ConvolutionSize, _ pass: ConvolutionPass
  ) -> FilterBlocks? {
    guard let place = pass.classes.first else { return nil }
    return FilterBlocks(count: pass.blocks, scratchBytes: pass.frameBytes) { frame, index, sums in
      let block = pass.block(index, frame.operands[0], frame.scratch)
      let (lattice, target) = pass.lattice(block, place)
      let gradient = frame.operands[1] + target
      place.runs.withUnsafeBufferPointer { runs in
        if size.isDepthwise {
          direct.accumulateDepthwise(sums, block.source, gradient, runs, lattice, size.channels)
        } else {
          groups(direct, size, pairs: false, sums, block.source, gradient, runs, lattice)
        }
      }
    }
  }

  /// Numbers widened to f32 in frames.
  private static func widenedBlocks(
    _ direct: DirectConvolution, _ size: ConvolutionSize, _ pass: ConvolutionPass
  ) -> FilterBlocks? {
    guard let place = pass.classes.first, let widen = pass.format.widen else { return nil }
    let narrow = GradientFrame(width: size.outWidth, filters: size.filters)
    let scratch = pass.frameBytes + narrow.bytes(pass)
    return FilterBlocks(count: pass.blocks, scratchBytes: scratch) { frame, index, sums in
      let block = pass.block(index, frame.operands[0], frame.scratch)
      var (lattice, _) = pass.lattice(block, place)
      narrow.place(&lattice)
      let gradient = frame.scratch + pass.frameBytes
      let pixels = block.images.lowerBound * size.outHeight + block.units.lowerBound
      let line = size.outWidth * size.filters
      let from = RawIn(frame.operands[1] + pixels * line * pass.format.stored.size)
      widen(gradient, from, from, from, lattice.images * lattice.rows * line)
      place.runs.withUnsafeBufferPointer {
        groups(direct, size, pairs: false, sums, block.source, gradient, $0, lattice)
      }
    }
  }

  /// bf16 as pairs of neighbouring pixels of a row of the gradient, and what each tap sees under
  /// them.
  private static func pairBlocks(
    _ direct: DirectConvolution, _ size: ConvolutionSize, _ pass: ConvolutionPass
  ) -> FilterBlocks? {
    guard let paired = PairedFrame(direct, size, pass) else { return nil }
    let narrow = GradientFrame(width: paired.width, filters: size.filters)
    let scratch = paired.bytes + narrow.bytes(pass)
    return FilterBlocks(count: pass.blocks, scratchBytes: scratch) { frame, index, sums in
      let (images, units) = pass.ranges(index)
      var lattice = paired.fill(frame.scratch, frame.operands[0], images, units)
      narrow.place(&lattice)
      let gradient = frame.scratch + paired.bytes
      let line = size.outWidth * size.filters * 2
      var from = frame.operands[1] + (images.lowerBound * size.outHeight + units.lowerBound) * line
      for row in 0..<lattice.images * lattice.rows {
        paired.pair(
          gradient + row * lattice.targetRow, from, width: size.outWidth, first: 0, step: 1,
          count: size.outWidth, channels: size.filters, zeros: frame.scratch)
        from += line
      }
      paired.runs.withUnsafeBufferPointer {
        groups(
          direct, size, pairs: true, sums, frame.scratch + paired.zeroBytes, gradient, $0, lattice)
      }
    }
  }

  /// Adds one block to the sums, group by group; numbers are four bytes in frames.
  private static func groups(
    _ direct: DirectConvolution, _ size: ConvolutionSize, pairs: Bool, _ sums: Raw,
    _ source: RawIn, _ gradient: RawIn, _ runs: DirectConvolution.Runs,
    _ lattice: ConvolutionLattice
  ) {
    let (sources, targets) = (size.groupChannels * 4, size.groupFilters * 4)
    for group in 0..<size.groups {
      direct.accumulate(
        pairs, sums + group * targets, size.filters * 4, source + group * sources,
        gradient + group * targets, runs, lattice, size.groupFilters)
    }
  }
}
