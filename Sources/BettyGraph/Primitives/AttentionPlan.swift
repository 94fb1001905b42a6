// Kernels of attention: blocks of queries meet blocks of keys, products by OpenBLAS and the rows between
// them by the kernels of AttentionKernels. Invariant: a task's scratch holds a block of scores and what
// belongs to it; nothing has the size of all scores.

import BettyKernelInterface
import BettyKernels
import Glibc

struct AttentionPlan: Sendable {
  private let size: Shape
  private let kernels: AttentionKernels
  private let contract: @Sendable (Contract.Call) -> Void
  private let uniform: @convention(c) (Raw, UnsafePointer<Int64>, Int, Int) -> Void
  private let fill: @convention(c) (Raw, RawIn, Int, Int) -> Void
  /// The bytes of -inf.
  private let lowest: UInt64
  /// Bytes of an element.
  private let bytes: Int
  private let bias: Mask?
  private let allowed: Mask?
  /// Position of the key of the draw among the operands.
  private let key: Int?
  /// Queries and keys of a block.
  private let rows: Int
  private let columns: Int
  private let threads: Int

  /// What AttentionOperands says, for bodies.
  private struct Shape: Sendable {
    let batches: Int
    let queries: Int
    let keys: Int
    let width: Int
    let valueWidth: Int
    let scale: Double
    let isCausal: Bool
    let dropout: Double
  }

  /// Where the mask of each batch begins, in elements, and its steps along queries and keys.
  private struct Mask: Sendable {
    let operand: Int
    let starts: [Int]
    let row: Int
    let column: Int

    init(_ type: TensorType, _ operand: Int, _ batch: [Int]) {
      self.operand = operand
      let shape = type.shape
      var strides = [Int](repeating: 0, count: shape.count)
      var step = 1
      for axis in shape.indices.reversed() {
        strides[axis] = shape[axis] == 1 ? 0 : step
        step *= shape[axis]
      }
      row = strides[batch.count]
      column = strides[batch.count + 1]
      var starts = [0]
      for (axis, length) in batch.enumerated() {
        starts = starts.flatMap { start in (0..<length).map { start + $0 * strides[axis] } }
      }
      self.starts = starts
    }
  }

  /// 64 KB of f32 scores leave room for the operands in the second-level cache.
  private static let blockRows = 128
  private static let blockColumns = 128

  private init(_ request: KernelRequest, others: Int, _ name: String) throws {
    let found = try AttentionOperands(request.inputs, request.attributes, others: others, name)
    let dtype = request.inputs[0].dtype
    kernels = try request.floating(request.table.attention, dtype, name)
    uniform = try request.floating(request.table.uniform, .f32, name)
    contract = Contract.function(dtype)
    fill = request.table.fill
    lowest = pattern(-.infinity, dtype)
    bytes = dtype.size
    size = Shape(
      batches: found.batch.product, queries: found.queries, keys: found.keys, width: found.width,
      valueWidth: found.valueWidth, scale: found.scale, isCausal: found.isCausal,
      dropout: found.dropout)
    let mask = found.mask.map { (request.inputs[$0], Mask(request.inputs[$0], $0, found.batch)) }
    (bias, allowed) = mask?.0.dtype == .bool ? (nil, mask?.1) : (mask?.1, nil)
    key = found.key
    rows = Swift.min(Self.blockRows, Swift.max(found.queries, 1))
    columns = Swift.min(Self.blockColumns, Swift.max(found.keys, 1))
    threads = request.threads
  }

  // MARK: Blocks

  /// A block of queries of one batch, or a block of its keys.
  private struct Part {
    let batch: Int
    let range: Range<Int>
  }

  private func parts(_ length: Int, _ block: Int) -> Int { (length + block - 1) / block }

  private func part(_ index: Int, of length: Int, _ block: Int) -> Part {
    let (batch, number) = index.quotientAndRemainder(dividingBy: parts(length, block))
    return Part(batch: batch, range: number * block..<Swift.min((number + 1) * block, length))
  }

  /// Address of `row` of an operand [batches, length, width].
  @inline(__always)
  private func place(
    _ operand: Raw, _ batch: Int, _ row: Int, _ length: Int, _ width: Int
  ) -> Raw { operand + (batch * length + row) * width * bytes }

  /// Whether some query of the block sees some key of the other.
  private func meets(_ queries: Range<Int>, _ keys: Range<Int>) -> Bool {
    !size.isCausal || keys.lowerBound < queries.upperBound
  }

  /// out = a bᵀ or so; sizes that are 0 leave zeros.
  private func multiply(
    _ m: Int, _ n: Int, _ k: Int, _ a: Raw, _ lda: Int, transposeA: Bool = false, _ b: Raw,
    _ ldb: Int, transposeB: Bool = false, into out: Raw, adding: Bool
  ) {
    if m == 0 || n == 0 { return }
    if k == 0 {
      if !adding { memset(out, 0, m * n * bytes) }
      return
    }
    contract(
      Contract.Call(
        m: m, n: n, k: k, a: RawIn(a), lda: lda, transposeA: transposeA, b: RawIn(b), ldb: ldb,
        transposeB: transposeB, out: out, ldOut: n, accumulates: adding))
  }

  /// The logits of a block: scaled products of queries and keys under the mask.
  private func logits(
    _ scores: Raw, _ operands: UnsafePointer<Raw>, _ batch: Int, _ queries: Range<Int>,
    _ keys: Range<Int>
  ) {
    multiply(
      queries.count, keys.count, size.width,
      place(operands[0], batch, queries.lowerBound, size.queries, size.width), size.width,
      place(operands[1], batch, keys.lowerBound, size.keys, size.width), size.width,
      transposeB: true, into: scores, adding: false)
    var block = AttentionBlock(rows: queries.count, columns: keys.count, scale: size.scale)
    if size.isCausal { block.visible = queries.lowerBound + 1 - keys.lowerBound }
    if let bias {
      let start = bias.starts[batch] + queries.lowerBound * bias.row + keys.lowerBound * bias.column
      block.bias = RawIn(operands[bias.operand] + start * bytes)
      block.biasSteps = (bias.row, bias.column)
    }
    if let allowed {
      let start =
        allowed.starts[batch] + queries.lowerBound * allowed.row
        + keys.lowerBound * allowed.column
      block.allowed = RawIn(operands[allowed.operand] + start)
      block.allowedSteps = (allowed.row, allowed.column)
    }
    kernels.logits(scores, block)
  }

  /// to = from under dropout; the draws of a row are those of the whole scores.
  private func drop(
    _ to: Raw, _ from: Raw, draws: Raw, _ operands: UnsafePointer<Raw>, _ batch: Int,
    _ queries: Range<Int>, _ keys: Range<Int>
  ) {
    guard let key else { return }
    let seed = UnsafePointer(operands[key].assumingMemoryBound(to: Int64.self))
    for row in 0..<queries.count {
      let at = row * keys.count * bytes
      let first = (batch * size.queries + queries.lowerBound + row) * size.keys + keys.lowerBound
      uniform(draws, seed, first, keys.count)
      kernels.drop(to + at, from + at, draws, size.dropout, keys.count)
    }
  }

  // MARK: Scratch

  private var blockBytes: Int { (rows * columns * bytes + 63) & ~63 }
  private var rowBytes: Int { (rows * bytes + 63) & ~63 }
  private var drawBytes: Int { (columns * DType.f32.size + 63) & ~63 }

  // MARK: Forward

  static func forward(_ request: KernelRequest) throws -> PreparedKernel {
    let plan = try AttentionPlan(request, others: 0, "attention")
    let size = plan.size
    if size.batches * size.queries == 0 { return PreparedKernel { _, _ in } }
    let (output, logarithms) = (request.inputs.count, request.inputs.count + 1)
    let units = size.batches * plan.parts(size.queries, plan.rows)
    let tasks = plan.tasks(products: 2, units: units)
    let scratch = plan.blockBytes + 3 * plan.rowBytes + plan.drawBytes
    return PreparedKernel(tasks: tasks, scratchBytes: scratch) { frame, task in
      for index in BettyGraph.part(task, of: tasks, units) {
        let part = plan.part(index, of: size.queries, plan.rows)
        plan.attend(
          frame, part.batch, part.range, output: frame.operands[output],
          logarithms: frame.operands[logarithms])
      }
    }
  }

  private func attend(
    _ frame: KernelFrame, _ batch: Int, _ queries: Range<Int>, output: Raw, logarithms: Raw
  ) {
    let scores = frame.scratch
    let largest = scores + blockBytes
    let sums = largest + rowBytes
    let factors = sums + rowBytes
    let draws = factors + rowBytes
    withUnsafePointer(to: lowest) { fill(largest, $0, bytes, queries.count) }
    memset(sums, 0, queries.count * bytes)
    let out = place(output, batch, queries.lowerBound, size.queries, size.valueWidth)
    var isFirst = true
    for block in 0..<parts(size.keys, columns) {
      let keys = part(block, of: size.keys, columns).range
      guard meets(queries, keys) else { break }
      logits(scores, frame.operands, batch, queries, keys)
      kernels.attend(scores, largest, sums, factors, queries.count, keys.count)
      drop(scores, scores, draws: draws, frame.operands, batch, queries, keys)
      if !isFirst { kernels.scaleRows(out, factors, queries.count, size.valueWidth) }
      multiply(
        queries.count, size.valueWidth, keys.count, scores, keys.count,
        place(frame.operands[2], batch, keys.lowerBound, size.keys, size.valueWidth),
        size.valueWidth, into: out, adding: !isFirst)
      isFirst = false
    }
    if isFirst { memset(out, 0, queries.count * size.valueWidth * bytes) }
    let target = place(logarithms, batch, queries.lowerBound, size.queries, 1)
    kernels.close(target, factors, largest, sums, queries.count)
    kernels.scaleRows(out, factors, queries.count, size.valueWidth)
  }

  /// Tasks for so many products of the size of the scores that fall into `units`.
  private func tasks(products: Int, units: Int) -> Int {
    // 100 microseconds are some 10 million multiplications and additions on one core.
    let work =
      Double(products * size.batches) * Double(size.queries) * Double(size.keys)
      * Double(size.width + size.valueWidth)
    guard threads > 1, work >= 1e7, units > 1 else { return 1 }
    return Swift.min(threads * 4, units, Int(Swift.min(work / 5e6, 1e6)))
  }

  // MARK: Backward

  /// Where the operands of the gradient lie.
  private struct GradientFrame {
    let frame: KernelFrame
    let inputs: Int
    var logarithms: Raw { frame.operands[3] }
    var delta: Raw { frame.operands[4] }
    var cotangent: Raw { frame.operands[5] }
    var queries: Raw { frame.operands[inputs] }
    var keys: Raw { frame.operands[inputs + 1] }
    var values: Raw { frame.operands[inputs + 2] }
  }

  /// Batches are independent; with fewer of them than threads, blocks of queries and then blocks of
  /// keys are, at the price of making the scores twice.
  static func backward(_ request: KernelRequest) throws -> PreparedKernel {
    let plan = try AttentionPlan(request, others: 3, "attention_gradient")
    let size = plan.size
    if size.batches == 0 { return PreparedKernel { _, _ in } }
    let count = request.inputs.count
    let scratch = 3 * plan.blockBytes + plan.drawBytes
    let work = plan.tasks(products: 3, units: Int.max)
    if size.batches >= Swift.min(work, request.threads) {
      let tasks = plan.tasks(products: 3, units: size.batches)
      return PreparedKernel(tasks: tasks, scratchBytes: scratch) { frame, task in
        let frame = GradientFrame(frame: frame, inputs: count)
        for batch in BettyGraph.part(task, of: tasks, size.batches) {
          plan.clear(frame.queries, batch, 0..<size.queries, size.queries, size.width)
          for block in 0..<plan.parts(size.keys, plan.columns) {
            let keys = plan.part(block, of: size.keys, plan.columns).range
            plan.descend(frame, batch, 0..<size.queries, keys, toQueries: true, toKeys: true)
          }
        }
      }
    }
    let rowUnits = size.batches * plan.parts(size.queries, plan.rows)
    let keyUnits = size.batches * plan.parts(size.keys, plan.columns)
    let rowTasks = plan.tasks(products: 2, units: rowUnits)
    let keyTasks = plan.tasks(products: 2, units: keyUnits)
    let ofQueries = PreparedKernel.Stage(tasks: rowTasks) { frame, task in
      let frame = GradientFrame(frame: frame, inputs: count)
      for index in BettyGraph.part(task, of: rowTasks, rowUnits) {
        let part = plan.part(index, of: size.queries, plan.rows)
        plan.clear(frame.queries, part.batch, part.range, size.queries, size.width)
        for block in 0..<plan.parts(size.keys, plan.columns) {
          let keys = plan.part(block, of: size.keys, plan.columns).range
          plan.descend(frame, part.batch, part.range, keys, toQueries: true, toKeys: false)
        }
      }
    }
    let ofKeys = PreparedKernel.Stage(tasks: keyTasks) { frame, task in
      let frame = GradientFrame(frame: frame, inputs: count)
      for index in BettyGraph.part(task, of: keyTasks, keyUnits) {
        let part = plan.part(index, of: size.keys, plan.columns)
        plan.descend(
          frame, part.batch, 0..<size.queries, part.range, toQueries: false, toKeys: true)
      }
    }
    return PreparedKernel(stages: [ofQueries, ofKeys], scratchBytes: scratch)
  }

  private func clear(
    _ operand: Raw, _ batch: Int, _ range: Range<Int>, _ length: Int, _ width: Int
  ) {
    memset(
      place(operand, batch, range.lowerBound, length, width), 0, range.count * width * bytes)
  }

  /// What a block of keys takes part in: its own gradients are made, those of the queries added to.
  private func descend(
    _ frame: GradientFrame, _ batch: Int, _ queries: Range<Int>, _ keys: Range<Int>,
    toQueries: Bool, toKeys: Bool
  ) {
    let weights = frame.frame.scratch
    let dropped = weights + blockBytes
    let slopes = dropped + blockBytes
    let draws = slopes + blockBytes
    if toKeys {
      clear(frame.keys, batch, keys, size.keys, size.width)
      clear(frame.values, batch, keys, size.keys, size.valueWidth)
    }
    let key = place(frame.frame.operands[1], batch, keys.lowerBound, size.keys, size.width)
    let value = place(
      frame.frame.operands[2], batch, keys.lowerBound, size.keys, size.valueWidth)
    var first = queries.lowerBound
    while first < queries.upperBound {
      let block = first..<Swift.min(first + rows, queries.upperBound)
      first = block.upperBound
      guard meets(block, keys) else { continue }
      let (m, n) = (block.count, keys.count)
      let operands = frame.frame.operands
      logits(weights, operands, batch, block, keys)
      kernels.recall(
        weights, place(frame.logarithms, batch, block.lowerBound, size.queries, 1), m, n)
      let cotangent = place(
        frame.cotangent, batch, block.lowerBound, size.queries, size.valueWidth)
      var used = weights
      if self.key != nil {
        drop(dropped, weights, draws: draws, operands, batch, block, keys)
        used = dropped
      }
      if toKeys {
        multiply(
          n, size.valueWidth, m, used, n, transposeA: true, cotangent, size.valueWidth,
          into: place(frame.values, batch, keys.lowerBound, size.keys, size.valueWidth),
          adding: true)
      }
      multiply(
        m, n, size.valueWidth, cotangent, size.valueWidth, value, size.valueWidth,
        transposeB: true, into: slopes, adding: false)
      if self.key != nil { drop(slopes, slopes, draws: draws, operands, batch, block, keys) }
      kernels.slope(
        slopes, weights, place(frame.delta, batch, block.lowerBound, size.queries, 1), size.scale,
        m, n)
      if toQueries {
        multiply(
          m, size.width, n, slopes, n, key, size.width,
          into: place(frame.queries, batch, block.lowerBound, size.queries, size.width),
          adding: true)
      }
      if toKeys {
        multiply(
          n, size.width, m, slopes, n, transposeA: true,
          place(operands[0], batch, block.lowerBound, size.queries, size.width), size.width,
          into: place(frame.keys, batch, keys.lowerBound, size.keys, size.width), adding: true)
      }
    }
  }
}
