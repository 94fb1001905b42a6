// Rows of attention in blocks: logits, the running softmax, its recollection from saved sums, slopes.
// A row is a query, its columns are a block of keys.

import BettyKernelInterface

@inline(always) func makeLogits<E: FloatElement>(_: E.Type, _ scores: Raw, _ block: AttentionBlock)
{
  let size = MemoryLayout<E.Scalar>.size
  let scale = E.splat(E.Scalar(block.scale))
  for row in 0..<block.rows {
    let x = scores + row &* block.columns &* size
    let visible = min(max(block.visible &+ row, 0), block.columns)
    if let bias = block.bias {
      let from = bias + row &* block.biasSteps.row &* size
      biasRow(E.self, x, from, block.biasSteps.column, scale, visible)
    } else {
      scaleRun(E.self, x, scale, visible)
    }
    let logits = x.assumingMemoryBound(to: E.Scalar.self)
    if let allowed = block.allowed {
      let flags = (allowed + row &* block.allowedSteps.row).assumingMemoryBound(to: UInt8.self)
      let step = block.allowedSteps.column
      for c in 0..<visible where flags[c &* step] == 0 { logits[c] = E.lowest }
    }
    for c in visible..<block.columns { logits[c] = E.lowest }
  }
}

@inline(always) func scaleRun<E: FloatElement>(
  _: E.Type, _ x: Raw, _ factor: E.Vector, _ count: Int
) {
  mapRun(E.self, x, count) { at, y in y * factor }
}

@inline(always) private func biasRow<E: FloatElement>(
  _: E.Type, _ x: Raw, _ bias: RawIn, _ step: Int, _ scale: E.Vector, _ count: Int
) {
  if step == 0 {
    let all = E.splat(bias.load(as: E.Scalar.self))
    mapRun(E.self, x, count) { _, y in E.multiplyAdd(y, scale, all) }
    return
  }
  let size = MemoryLayout<E.Scalar>.size
  var c = 0
  while c < count {
    let left = min(count &- c, E.lanes)
    let at = c &* size
    if left == E.lanes {
      E.store(x + at, E.multiplyAdd(E.load(x + at), scale, E.load(bias + at)))
    } else {
      let y = E.multiplyAdd(E.loadPart(x + at, left), scale, E.loadPart(bias + at, left))
      E.storePart(x + at, y, left)
    }
    c &+= E.lanes
  }
}

/// x = body(offset in bytes, x), vector by vector.
@inline(always) private func mapRun<E: FloatElement>(
  _: E.Type, _ x: Raw, _ count: Int, _ body: (Int, E.Vector) -> E.Vector
) {
  let size = MemoryLayout<E.Scalar>.size
  var c = 0
  while c &+ E.lanes <= count {
    E.store(x + c &* size, body(c &* size, E.load(x + c &* size)))
    c &+= E.lanes
  }
  if c < count {
    let at = c &* size
    E.storePart(x + at, body(at, E.loadPart(x + at, count &- c)), count &- c)
  }
}

@inline(always) func attendRows<E: FloatElement>(
  _: E.Type, _ logits: Raw, _ largest: Raw, _ sums: Raw, _ factors: Raw, _ rows: Int, _ columns: Int
) {
  let size = MemoryLayout<E.Scalar>.size
  let top = largest.assumingMemoryBound(to: E.Scalar.self)
  let sum = sums.assumingMemoryBound(to: E.Scalar.self)
  let factor = factors.assumingMemoryBound(to: E.Scalar.self)
  for row in 0..<rows {
    let x = logits + row &* columns &* size
    let old = top[row]
    let new = reduceRun(Largest<E>.self, old, x, columns)
    // A row without keys so far is shifted by nothing: exp(-inf) is 0.
    let shift = new == E.lowest ? 0 : new
    let kept = E.largest(E.exp(E.splat(old - shift)))
    top[row] = new
    factor[row] = kept
    sum[row] = sum[row] * kept + sumExponentials(E.self, x, columns, shift, x)
  }
}

@inline(always) func closeRows<E: FloatElement>(
  _: E.Type, _ logarithms: Raw, _ factors: Raw, _ largest: RawIn, _ sums: RawIn, _ rows: Int
) {
  let out = logarithms.assumingMemoryBound(to: E.Scalar.self)
  let factor = factors.assumingMemoryBound(to: E.Scalar.self)
  let top = largest.assumingMemoryBound(to: E.Scalar.self)
  let sum = sums.assumingMemoryBound(to: E.Scalar.self)
  for row in 0..<rows {
    let total = sum[row]
    out[row] = total == 0 ? 0 : top[row] + E.log(total)
    factor[row] = total == 0 ? 0 : 1 / total
  }
}

@inline(always) func recallRows<E: FloatElement>(
  _: E.Type, _ logits: Raw, _ logarithms: RawIn, _ rows: Int, _ columns: Int
) {
  let shift = logarithms.assumingMemoryBound(to: E.Scalar.self)
  let bytes = columns &* MemoryLayout<E.Scalar>.size
  for row in 0..<rows {
    let by = E.splat(shift[row])
    mapRun(E.self, logits + row &* bytes, columns) { _, x in E.exp(x - by) }
  }
}

@inline(always) func slopeRows<E: FloatElement>(
  _: E.Type, _ gradient: Raw, _ weights: RawIn, _ delta: RawIn, _ scale: Double, _ rows: Int,
  _ columns: Int
) {
  let shift = delta.assumingMemoryBound(to: E.Scalar.self)
  let factor = E.splat(E.Scalar(scale))
  let bytes = columns &* MemoryLayout<E.Scalar>.size
  for row in 0..<rows {
    let by = E.splat(shift[row])
    let from = weights + row &* bytes
    mapRun(E.self, gradient + row &* bytes, columns) { at, x in
      let left = bytes &- at
      let lanes = E.lanes &* MemoryLayout<E.Scalar>.size
      let weight =
        left >= lanes
        ? E.load(from + at) : E.loadPart(from + at, left / MemoryLayout<E.Scalar>.size)
      return weight * (x - by) * factor
    }
  }
}

@inline(always) func scaleEachRow<E: FloatElement>(
  _: E.Type, _ matrix: Raw, _ factors: RawIn, _ rows: Int, _ columns: Int
) {
  let factor = factors.assumingMemoryBound(to: E.Scalar.self)
  let bytes = columns &* MemoryLayout<E.Scalar>.size
  for row in 0..<rows {
    scaleRun(E.self, matrix + row &* bytes, E.splat(factor[row]), columns)
  }
}

@inline(always) func dropElements<E: FloatElement>(
  _: E.Type, _ to: Raw, _ from: RawIn, _ draws: RawIn, _ p: Double, _ count: Int
) {
  let (limit, factor) = (Float(p), E.Scalar(1 / (1 - p)))
  let target = to.assumingMemoryBound(to: E.Scalar.self)
  let source = from.assumingMemoryBound(to: E.Scalar.self)
  let draw = draws.assumingMemoryBound(to: Float.self)
  for c in 0..<count { target[c] = draw[c] >= limit ? source[c] * factor : 0 }
}

extension KernelTable {
  mutating func fillAttention() {
    attention = [
      AttentionKernels(
        logits: { x, block in makeLogits(F64.self, x, block) },
        attend: { x, m, s, f, r, c in attendRows(F64.self, x, m, s, f, r, c) },
        close: { l, f, m, s, r in closeRows(F64.self, l, f, m, s, r) },
        recall: { x, l, r, c in recallRows(F64.self, x, l, r, c) },
        slope: { g, w, d, s, r, c in slopeRows(F64.self, g, w, d, s, r, c) },
        scaleRows: { x, f, r, c in scaleEachRow(F64.self, x, f, r, c) },
        drop: { y, x, u, p, n in dropElements(F64.self, y, x, u, p, n) }),
      AttentionKernels(
        logits: { x, block in makeLogits(F32.self, x, block) },
        attend: { x, m, s, f, r, c in attendRows(F32.self, x, m, s, f, r, c) },
        close: { l, f, m, s, r in closeRows(F32.self, l, f, m, s, r) },
        recall: { x, l, r, c in recallRows(F32.self, x, l, r, c) },
        slope: { g, w, d, s, r, c in slopeRows(F32.self, g, w, d, s, r, c) },
        scaleRows: { x, f, r, c in scaleEachRow(F32.self, x, f, r, c) },
        drop: { y, x, u, p, n in dropElements(F32.self, y, x, u, p, n) }),
    ]
  }
}
