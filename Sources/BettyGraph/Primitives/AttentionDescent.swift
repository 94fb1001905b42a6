// The gradient of attention in blocks: scores are made again, and every block of keys gives its own
// gradients and adds to those of the queries that see it.

import BettyKernelInterface
import BettyKernels
import Glibc

extension AttentionPlan {
  /// Where the operands of the gradient lie.
  private struct GradientFrame {
    let frame: KernelFrame
    let inputs: Int
    var logarithms: Raw { frame.operands[3] }
    var delta: Raw { frame.operands[4] }
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
    let operands = frame.frame.operands
    let key = row(operands, 1, batch, keys.lowerBound)
    let value = row(operands, 2, batch, keys.lowerBound)
    var first = queries.lowerBound
    while first < queries.upperBound {
      let block = first..<Swift.min(first + rows, queries.upperBound)
      first = block.upperBound
      guard meets(block, keys) else { continue }
      let (m, n) = (block.count, keys.count)
      logits(weights, operands, batch, block, keys)
      kernels.recall(
        weights, place(frame.logarithms, batch, block.lowerBound, size.queries, 1), m, n)
      let query = row(operands, 0, batch, block.lowerBound)
      let cotangent = row(operands, 5, batch, block.lowerBound)
      var used = weights
      if self.key != nil {
        drop(dropped, weights, draws: draws, operands, batch, block, keys)
        used = dropped
      }
      if toKeys {
        multiply(
          n, size.valueWidth, m, used, n, transposeA: true, cotangent.start, cotangent.ld,
          into: place(frame.values, batch, keys.lowerBound, size.keys, size.valueWidth),
          adding: true)
      }
      multiply(
        m, n, size.valueWidth, cotangent.start, cotangent.ld, value.start, value.ld,
        transposeB: true, into: slopes, adding: false)
      if self.key != nil { drop(slopes, slopes, draws: draws, operands, batch, block, keys) }
      kernels.slope(
        slopes, weights, place(frame.delta, batch, block.lowerBound, size.queries, 1), size.scale,
        m, n)
      if toQueries {
        multiply(
          m, size.width, n, slopes, n, key.start, key.ld,
          into: place(frame.queries, batch, block.lowerBound, size.queries, size.width),
          adding: true)
      }
      if toKeys {
        multiply(
          n, size.width, m, slopes, n, transposeA: true, query.start, query.ld,
          into: place(frame.keys, batch, keys.lowerBound, size.keys, size.width), adding: true)
      }
    }
  }
}
