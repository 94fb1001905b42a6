// Sums over differences of rows a[i] - b[j], whose cost is that of a product of matrices. They are taken
// difference by difference, not from |a|² + |b|² - 2ab, which loses the digits of near rows.
// Invariant: one call writes rows first..<last of one example; scratch holds a block of columns.

import BettyKernelInterface

/// Eight vectors of sums: enough to hide how long an addition takes.
private struct EightSums<E: FloatElement> {
  var s0, s1, s2, s3, s4, s5, s6, s7: E.Vector

  @inline(always) init() {
    s0 = E.splat(0)
    s1 = s0
    s2 = s0
    s3 = s0
    s4 = s0
    s5 = s0
    s6 = s0
    s7 = s0
  }

  /// Adds a term to the first `width` (1, 4 or 8) of them.
  @inline(always) mutating func add(
    _ width: Int, _ term: (_ lane: Int, _ sum: E.Vector) -> E.Vector
  ) {
    s0 = term(0, s0)
    if width == 1 { return }
    s1 = term(1, s1)
    s2 = term(2, s2)
    s3 = term(3, s3)
    if width == 4 { return }
    s4 = term(4, s4)
    s5 = term(5, s5)
    s6 = term(6, s6)
    s7 = term(7, s7)
  }

  @inline(always) func each(_ width: Int, _ body: (_ lane: Int, _ sum: E.Vector) -> Void) {
    body(0, s0)
    if width == 1 { return }
    body(1, s1)
    body(2, s2)
    body(3, s3)
    if width == 4 { return }
    body(4, s4)
    body(5, s5)
    body(6, s6)
    body(7, s7)
  }
}

/// out[i, j] = sum over k of term(a[i, k] - b[j, k]): a block of columns of b is turned so that
/// vectors run along j.
@inline(always) private func overColumns<E: FloatElement>(
  _: E.Type, _ out: Raw, _ a: RawIn, _ b: RawIn, _ scratch: Raw, _ columns: Int, _ depth: Int,
  _ first: Int, _ last: Int,
  _ term: (_ place: Int, _ difference: E.Vector, _ sum: E.Vector) -> E.Vector
) {
  let left = a.assumingMemoryBound(to: E.Scalar.self)
  let right = b.assumingMemoryBound(to: E.Scalar.self)
  let turned = scratch.assumingMemoryBound(to: E.Scalar.self)
  let size = MemoryLayout<E.Scalar>.size
  var j = 0
  while j < columns {
    let rest = columns &- j
    let width = rest <= E.lanes ? 1 : rest <= 4 &* E.lanes ? 4 : 8
    let room = width &* E.lanes
    let count = min(rest, room)
    for k in 0..<depth {
      let row = turned + k &* room
      for c in 0..<count { row[c] = right[(j &+ c) &* depth &+ k] }
      for c in count..<room { row[c] = 0 }
    }
    for i in first..<last {
      var sums = EightSums<E>()
      switch width {
      case 1: addRow(E.self, &sums, 1, left, scratch, i &* depth, depth, term)
      case 4: addRow(E.self, &sums, 4, left, scratch, i &* depth, depth, term)
      default: addRow(E.self, &sums, 8, left, scratch, i &* depth, depth, term)
      }
      let row = out + (i &* columns &+ j) &* size
      sums.each(width) { lane, sum in
        let begin = lane &* E.lanes
        if begin &+ E.lanes <= count {
          E.store(row + begin &* size, sum)
        } else if begin < count {
          E.storePart(row + begin &* size, sum, count &- begin)
        }
      }
    }
    j &+= count
  }
}

@inline(always) private func addRow<E: FloatElement>(
  _: E.Type, _ sums: inout EightSums<E>, _ width: Int, _ left: UnsafePointer<E.Scalar>,
  _ turned: RawIn, _ begin: Int, _ depth: Int,
  _ term: (_ place: Int, _ difference: E.Vector, _ sum: E.Vector) -> E.Vector
) {
  let vector = MemoryLayout<E.Vector>.size
  var at = turned
  for place in begin..<begin &+ depth {
    let x = E.splat(left[place])
    sums.add(width) { lane, sum in
      term(place, E.sub(x, E.load(at + lane &* vector)), sum)
    }
    at += width &* vector
  }
}

/// out[i, j] = sum over k of (a[i, k] - b[j, k])²
@inline(always) func addSquares<E: FloatElement>(
  _: E.Type, _ out: Raw, _ a: RawIn, _ b: RawIn, _ scratch: Raw, _ columns: Int, _ depth: Int,
  _ first: Int, _ last: Int
) {
  overColumns(E.self, out, a, b, scratch, columns, depth, first, last) { _, difference, sum in
    E.multiplyAdd(difference, difference, sum)
  }
}

/// out[i, j] = sum over k of t[i, k] (a[i, k] - b[j, k])
@inline(always) func addProjections<E: FloatElement>(
  _: E.Type, _ out: Raw, _ t: RawIn, _ a: RawIn, _ b: RawIn, _ scratch: Raw, _ columns: Int,
  _ depth: Int, _ first: Int, _ last: Int
) {
  let along = t.assumingMemoryBound(to: E.Scalar.self)
  overColumns(E.self, out, a, b, scratch, columns, depth, first, last) { place, difference, sum in
    E.multiplyAdd(E.splat(along[place]), difference, sum)
  }
}

/// out[i, k] = sum over j of w[i, j] (a[i, k] - b[j, k])
@inline(always) func addWeighted<E: FloatElement>(
  _: E.Type, _ out: Raw, _ w: RawIn, _ a: RawIn, _ b: RawIn, _ columns: Int, _ depth: Int,
  _ first: Int, _ last: Int
) {
  let weights = w.assumingMemoryBound(to: E.Scalar.self)
  let size = MemoryLayout<E.Scalar>.size
  let vector = MemoryLayout<E.Vector>.size
  for i in first..<last {
    let (row, own) = (weights + i &* columns, a + i &* depth &* size)
    var k = 0
    while k < depth {
      let (x, y, to) = (own + k &* size, b + k &* size, out + (i &* depth &+ k) &* size)
      let rest = depth &- k
      if rest < E.lanes {
        let here = E.loadPart(x, rest)
        var sum = E.splat(0)
        for j in 0..<columns {
          let difference = E.sub(here, E.loadPart(y + j &* depth &* size, rest))
          sum = E.multiplyAdd(E.splat(row[j]), difference, sum)
        }
        E.storePart(to, sum, rest)
        break
      }
      let width = rest >= 8 &* E.lanes ? 8 : rest >= 4 &* E.lanes ? 4 : 1
      var sums = EightSums<E>()
      for j in 0..<columns {
        let (weight, other) = (E.splat(row[j]), y + j &* depth &* size)
        sums.add(width) { lane, sum in
          let place = lane &* vector
          return E.multiplyAdd(weight, E.sub(E.load(x + place), E.load(other + place)), sum)
        }
      }
      sums.each(width) { lane, sum in E.store(to + lane &* vector, sum) }
      k &+= width &* E.lanes
    }
  }
}
