// Kernels of attention: blocks of queries meet blocks of keys, products by OpenBLAS and the rows between
// them by the kernels of AttentionKernels. Invariant: a task's scratch holds a block of scores and what
// belongs to it; nothing has the size of all scores.

import BettyKernelInterface
import BettyKernels
import Glibc

struct AttentionPlan: Sendable {
  let size: Shape
  let kernels: AttentionKernels
  private let contract: @Sendable (Contract.Call) -> Void
  private let uniform: @convention(c) (Raw, UnsafePointer<Int64>, Int, Int) -> Void
  private let fill: @convention(c) (Raw, RawIn, Int, Int) -> Void
  /// The bytes of -inf.
  private let lowest: UInt64
  /// Bytes of an element.
  let bytes: Int
  private let bias: Mask?
  private let allowed: Mask?
  /// Of query, keys, value and the cotangent [batches, queries, valueWidth], by position.
  private let layouts: [MatrixLayout?]
  /// Position of the key of the draw among the operands.
  let key: Int?
  /// Queries and keys of a block.
  let rows: Int
  let columns: Int
  let threads: Int

  /// What AttentionOperands says, for bodies.
  struct Shape: Sendable {
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

  init(_ request: KernelRequest, others: Int, _ name: String) throws {
    let found = try AttentionOperands(request.inputs, request.attributes, others: others, name)
    let dtype = request.inputs[0].dtype
    kernels = try request.floating(request.table.attention, dtype, name)
    uniform = try request.floating(request.table.uniform, .f32, name)
    contract = Contract.function(dtype)
    fill = request.table.fill
    lowest = dtype.bits(-.infinity)
    bytes = dtype.size
    size = Shape(
      batches: found.batch.product, queries: found.queries, keys: found.keys, width: found.width,
      valueWidth: found.valueWidth, scale: found.scale, isCausal: found.isCausal,
      dropout: found.dropout)
    layouts = try Self.layouts(request, others: others, name)
    let mask = found.mask.map { (request.inputs[$0], Mask(request.inputs[$0], $0, found.batch)) }
    (bias, allowed) = mask?.0.dtype == .bool ? (nil, mask?.1) : (mask?.1, nil)
    key = found.key
    rows = Swift.min(Self.blockRows, Swift.max(found.queries, 1))
    columns = Swift.min(Self.blockColumns, Swift.max(found.keys, 1))
    threads = request.threads
  }

  /// The matrices may be views whose rows are contiguous; nothing else may be one.
  private static func layouts(
    _ request: KernelRequest, others: Int, _ name: String
  ) throws -> [MatrixLayout?] {
    let matrices = others > 0 ? [0, 1, 2, 5] : [0, 1, 2]
    return try request.inputs.indices.map { position in
      guard matrices.contains(position) else {
        guard request.views[position] == nil else {
          throw BettyError(.notSupported, "\(name): operand \(position) must be contiguous")
        }
        return nil
      }
      let layout = try MatrixLayout(request.inputs[position], request.views[position], name)
      guard !layout.isFlipped else {
        throw BettyError(.notSupported, "\(name): rows of operand \(position) must be contiguous")
      }
      return layout
    }
  }

  // MARK: Blocks

  /// A block of queries of one batch, or a block of its keys.
  struct Part {
    let batch: Int
    let range: Range<Int>
  }

  func parts(_ length: Int, _ block: Int) -> Int { (length + block - 1) / block }

  func part(_ index: Int, of length: Int, _ block: Int) -> Part {
    let (batch, number) = index.quotientAndRemainder(dividingBy: parts(length, block))
    return Part(batch: batch, range: number * block..<Swift.min((number + 1) * block, length))
  }

  /// Address of `row` of an operand [batches, length, width].
  @inline(__always)
  func place(
    _ operand: Raw, _ batch: Int, _ row: Int, _ length: Int, _ width: Int
  ) -> Raw { operand + (batch * length + row) * width * bytes }

  /// Address of a row of a matrix among the operands, and the elements between rows.
  @inline(__always)
  func row(
    _ operands: UnsafePointer<Raw>, _ position: Int, _ batch: Int, _ row: Int
  ) -> (start: Raw, ld: Int) {
    // Made for every matrix by `layouts`.
    let layout = layouts[position].unsafelyUnwrapped
    return (operands[position] + (layout.starts[batch] + row * layout.ld) * bytes, layout.ld)
  }

  /// Whether some query of the block sees some key of the other.
  func meets(_ queries: Range<Int>, _ keys: Range<Int>) -> Bool {
    !size.isCausal || keys.lowerBound < queries.upperBound
  }

  /// out = a bᵀ or so; sizes that are 0 leave zeros.
  func multiply(
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
  func logits(
    _ scores: Raw, _ operands: UnsafePointer<Raw>, _ batch: Int, _ queries: Range<Int>,
    _ keys: Range<Int>
  ) {
    let query = row(operands, 0, batch, queries.lowerBound)
    let key = row(operands, 1, batch, keys.lowerBound)
    multiply(
      queries.count, keys.count, size.width, query.start, query.ld, key.start, key.ld,
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
  func drop(
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

  var blockBytes: Int { (rows * columns * bytes + 63) & ~63 }
  private var rowBytes: Int { (rows * bytes + 63) & ~63 }
  var drawBytes: Int { (columns * DType.f32.size + 63) & ~63 }

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
      let value = row(frame.operands, 2, batch, keys.lowerBound)
      multiply(
        queries.count, size.valueWidth, keys.count, scores, keys.count, value.start, value.ld,
        into: out, adding: !isFirst)
      isFirst = false
    }
    if isFirst { memset(out, 0, queries.count * size.valueWidth * bytes) }
    let target = place(logarithms, batch, queries.lowerBound, size.queries, 1)
    kernels.close(target, factors, largest, sums, queries.count)
    kernels.scaleRows(out, factors, queries.count, size.valueWidth)
  }

  /// Tasks for so many products of the size of the scores that fall into `units`.
  func tasks(products: Int, units: Int) -> Int {
    // 100 microseconds are some 10 million multiplications and additions on one core.
    let work =
      Double(products * size.batches) * Double(size.queries) * Double(size.keys)
      * Double(size.width + size.valueWidth)
    guard threads > 1, work >= 1e7, units > 1 else { return 1 }
    return Swift.min(threads * 4, units, Int(Swift.min(work / 5e6, 1e6)))
  }
}
