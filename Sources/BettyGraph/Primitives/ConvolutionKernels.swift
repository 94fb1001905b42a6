// Convolutions: direct kernels where they fit, else products of matrices: pixels are unfolded, a bounded block at a time, into a task's
// scratch and multiplied with the filters of a group; pointwise ones are products as they lie.

import BettyKernelInterface
import BettyKernels
import Glibc

/// Sizes in bytes and functions that the three share.
private struct UnfoldedPlan: Sendable {
  let size: ConvolutionSize
  let bytes: Int
  let contract: @Sendable (Contract.Call) -> Void
  let unfold: @Sendable (Raw, RawIn, ConvolutionSize, Int, Int, Int) -> Void
  let fold: @Sendable (Raw, RawIn, ConvolutionSize, Int, Int, Int) -> Void
  /// Pixels of the output that are unfolded at a time.
  let block: Int
  let scratch: Int

  /// Half of the second-level cache, beside filters and results.
  private static let blockBytes = 1 << 19

  init(_ request: KernelRequest, _ size: ConvolutionSize, _ name: String) throws {
    let dtype = request.inputs[0].dtype
    unfold = try request.floating(request.table.unfold, dtype, name)
    fold = try request.floating(request.table.fold, dtype, name)
    contract = Contract.function(dtype)
    self.size = size
    bytes = dtype.size
    let row = size.unfolded * bytes
    let pixels = Swift.max(size.batch * size.outPixels, 1)
    block =
      size.isPointwise
      ? Swift.min(pixels, 1 << 20) : Swift.min(pixels, Swift.max(Self.blockBytes / row, 16))
    scratch = size.isPointwise ? 0 : block * row
  }

  /// The rows of one group for the output pixels `first`..<`last`, and their leading dimension.
  func columns(_ x: RawIn, _ frame: KernelFrame, _ group: Int, _ pixels: Range<Int>) -> (RawIn, Int)
  {
    if size.isPointwise {
      let offset = pixels.lowerBound * size.channels + group * size.groupChannels
      return (x + offset * bytes, size.channels)
    }
    unfold(frame.scratch, x, size, group, pixels.lowerBound, pixels.upperBound)
    return (RawIn(frame.scratch), size.unfolded)
  }

  /// Filters of a group in w, or its part of a pixel of y.
  func filters(_ base: RawIn, _ group: Int) -> RawIn { base + group * size.groupFilters * bytes }

  /// Calls `body` for each block of `pixels` and each group.
  func forBlocks(_ pixels: Range<Int>, _ body: (Range<Int>, Int) -> Void) {
    var first = pixels.lowerBound
    while first < pixels.upperBound {
      let last = Swift.min(first + block, pixels.upperBound)
      for group in 0..<size.groups { body(first..<last, group) }
      first = last
    }
  }
}

extension P {
  /// A deep pointwise convolution of bf16 or f16, or its transpose: pixels × filters as they lie.
  private static func narrowProduct(
    _ request: KernelRequest, _ size: ConvolutionSize, transposed: Bool
  ) throws -> PreparedKernel? {
    let stored = request.inputs[0].dtype
    guard stored.computeType != stored, size.isPlainProduct, request.outputs[0].count > 0 else {
      return nil
    }
    let k = transposed ? size.filters : size.channels
    let product = Product(
      [size.batch * size.outPixels, k], [size.channels, size.filters], false, transposed)
    return try prepareNarrowProduct(request, product)
  }

  @Sendable static func prepareConvolution(_ request: KernelRequest) throws -> PreparedKernel {
    let size = try ConvolutionRules(request.inputs[0], request.attributes, "convolution")
      .size(x: request.inputs[0], w: request.inputs[1])
    if let kernel = try narrowProduct(request, size, transposed: false) { return kernel }
    if !size.isPlainProduct, let kernel = DirectKernels.pass(request, size, transposed: false) {
      return kernel
    }
    let plan = try UnfoldedPlan(request, size, "convolution")
    let pixels = size.batch * size.outPixels
    let tasks = request.tasks(convolving: size, units: (pixels + 15) / 16)
    return PreparedKernel(tasks: tasks, scratchBytes: plan.scratch) { frame, task in
      plan.forBlocks(part(task, of: tasks, pixels)) { block, group in
        let (rows, ld) = plan.columns(frame.operands[0], frame, group, block)
        let out = frame.operands[2] + block.lowerBound * size.filters * plan.bytes
        plan.contract(
          Contract.Call(
            m: block.count, n: size.groupFilters, k: size.unfolded, a: rows, lda: ld,
            transposeA: false, b: plan.filters(frame.operands[1], group), ldb: size.filters,
            transposeB: false, out: out + group * size.groupFilters * plan.bytes,
            ldOut: size.filters))
      }
    }
  }

  @Sendable static func prepareConvolutionInputGradient(
    _ request: KernelRequest
  ) throws -> PreparedKernel {
    let name = "convolution_input_gradient"
    let size = try ConvolutionRules(request.inputs[0], request.attributes, name)
      .size(x: request.outputs[0].with(request.inputs[0].dtype), w: request.inputs[1])
    if let kernel = try narrowProduct(request, size, transposed: true) { return kernel }
    if !size.isPlainProduct, let kernel = DirectKernels.pass(request, size, transposed: true) {
      return kernel
    }
    let plan = try UnfoldedPlan(request, size, name)
    let image = size.pixels * size.channels * plan.bytes
    // Windows overlap within an image.
    let tasks = request.tasks(convolving: size, units: size.batch)
    return PreparedKernel(tasks: tasks, scratchBytes: plan.scratch) { frame, task in
      let images = part(task, of: tasks, size.batch)
      let out = frame.operands[2]
      if !size.isPointwise { memset(out + images.lowerBound * image, 0, images.count * image) }
      let pixels = images.lowerBound * size.outPixels..<images.upperBound * size.outPixels
      plan.forBlocks(pixels) { block, group in
        let (target, ld) =
          size.isPointwise
          ? (
            out + (block.lowerBound * size.channels + group * size.groupChannels) * plan.bytes,
            size.channels
          ) : (frame.scratch, size.unfolded)
        let from = frame.operands[0] + block.lowerBound * size.filters * plan.bytes
        plan.contract(
          Contract.Call(
            m: block.count, n: size.unfolded, k: size.groupFilters,
            a: plan.filters(from, group), lda: size.filters, transposeA: false,
            b: plan.filters(frame.operands[1], group), ldb: size.filters, transposeB: true,
            out: target, ldOut: ld))
        if !size.isPointwise {
          plan.fold(out, frame.scratch, size, group, block.lowerBound, block.upperBound)
        }
      }
    }
  }

  @Sendable static func prepareConvolutionWeightGradient(
    _ request: KernelRequest
  ) throws -> PreparedKernel {
    let name = "convolution_weight_gradient"
    let size = try ConvolutionRules(request.inputs[0], request.attributes, name)
      .size(x: request.inputs[0], w: request.outputs[0].with(request.inputs[0].dtype))
    let isProduct =
      request.inputs[0].dtype == .f32 && size.isFilterProduct(request.table.direct)
    if !isProduct, let kernel = DirectKernels.filters(request, size) { return kernel }
    let plan = try UnfoldedPlan(request, size, name)
    let pixels = size.batch * size.outPixels
    let outBytes = request.outputs[0].byteCount
    let step = (outBytes + 63) & ~63
    let add = request.table[.add, .f32]
    let splits = request.outputs[0].dtype == .f32 && add != nil && outBytes > 0
    let tasks = splits ? request.tasks(convolving: size, units: request.threads) : 1
    let sum = PreparedKernel.Stage(tasks: tasks) { frame, task in
      let out = tasks == 1 ? frame.operands[2] : frame.operands[3] + task * step
      memset(out, 0, outBytes)
      plan.forBlocks(part(task, of: tasks, pixels)) { block, group in
        let (rows, ld) = plan.columns(frame.operands[0], frame, group, block)
        let from = frame.operands[1] + block.lowerBound * size.filters * plan.bytes
        plan.contract(
          Contract.Call(
            m: size.unfolded, n: size.groupFilters, k: block.count, a: rows, lda: ld,
            transposeA: true, b: plan.filters(from, group), ldb: size.filters,
            transposeB: false, out: out + group * size.groupFilters * plan.bytes,
            ldOut: size.filters, accumulates: true))
      }
    }
    guard tasks > 1, let add else {
      return PreparedKernel(stages: [sum], scratchBytes: plan.scratch)
    }
    return PreparedKernel(
      stages: [sum, DirectKernels.join(request, count: tasks, step: step, add, add)],
      scratchBytes: plan.scratch, workspaceBytes: tasks * step)
  }
}

extension KernelRequest {
  /// Tasks for a convolution that falls into at most `units` independent parts.
  func tasks(convolving size: ConvolutionSize, units: Int) -> Int {
    // 100 microseconds are some 10 million multiplications and additions on one core.
    let work = 2 * Double(size.batch * size.outPixels) * Double(size.unfolded * size.filters)
    guard threads > 1, work >= 1e7, units > 1 else { return 1 }
    return Swift.min(threads * 4, units, Int(Swift.min(work / 5e6, 1e6)))
  }
}
