// Reductions over one axis of [outer, reduced, inner]. Their order is fixed by the shape alone,
// never by the number of tasks. Sums of f32 keep several lanes and pass blocks of them on to an f64
// total, so that the error does not grow with the length.

import BettyKernelInterface

protocol Reduction {
  associatedtype E: Element
  /// What totals are kept in: f64 for sums and products of f32.
  associatedtype Total
  static var identity: E.Scalar { get }
  static var start: Total { get }
  static func combine(_ a: E.Vector, _ b: E.Vector) -> E.Vector
  static func combine(_ a: Total, _ b: E.Scalar) -> Total
  /// All lanes of a vector.
  static func fold(_ a: E.Vector) -> E.Scalar
  static func scalar(_ a: Total) -> E.Scalar
}

/// A reduction of floats that is kept in the element's own type.
protocol FloatReduction: Reduction where Total == E.Scalar, E: FloatElement {}
extension FloatReduction {
  @inline(always) static var start: E.Scalar { identity }
  @inline(always) static func scalar(_ a: E.Scalar) -> E.Scalar { a }
}

enum SumFloat32: Reduction {
  typealias E = F32
  @inline(always) static var identity: Float { 0 }
  @inline(always) static var start: Double { 0 }
  @inline(always) static func combine(_ a: F32.Vector, _ b: F32.Vector) -> F32.Vector { a + b }
  @inline(always) static func combine(_ a: Double, _ b: Float) -> Double { a + Double(b) }
  @inline(always) static func fold(_ a: F32.Vector) -> Float { F32.sum(a) }
  @inline(always) static func scalar(_ a: Double) -> Float { Float(a) }
}
enum ProductFloat32: Reduction {
  typealias E = F32
  @inline(always) static var identity: Float { 1 }
  @inline(always) static var start: Double { 1 }
  @inline(always) static func combine(_ a: F32.Vector, _ b: F32.Vector) -> F32.Vector { a * b }
  @inline(always) static func combine(_ a: Double, _ b: Float) -> Double { a * Double(b) }
  @inline(always) static func fold(_ a: F32.Vector) -> Float { F32.product(a) }
  @inline(always) static func scalar(_ a: Double) -> Float { Float(a) }
}
enum SumFloat64: FloatReduction {
  typealias E = F64
  @inline(always) static var identity: Double { 0 }
  @inline(always) static func combine(_ a: F64.Vector, _ b: F64.Vector) -> F64.Vector { a + b }
  @inline(always) static func combine(_ a: Double, _ b: Double) -> Double { a + b }
  @inline(always) static func fold(_ a: F64.Vector) -> Double { F64.sum(a) }
}
enum ProductFloat64: FloatReduction {
  typealias E = F64
  @inline(always) static var identity: Double { 1 }
  @inline(always) static func combine(_ a: F64.Vector, _ b: F64.Vector) -> F64.Vector { a * b }
  @inline(always) static func combine(_ a: Double, _ b: Double) -> Double { a * b }
  @inline(always) static func fold(_ a: F64.Vector) -> Double { F64.product(a) }
}
enum Largest<E: FloatElement>: FloatReduction {
  typealias Total = E.Scalar
  @inline(always) static var identity: E.Scalar { E.lowest }
  @inline(always) static func combine(_ a: E.Vector, _ b: E.Vector) -> E.Vector {
    E.maximum(a, b)
  }
  @inline(always) static func combine(_ a: E.Scalar, _ b: E.Scalar) -> E.Scalar {
    E.maximum(a, b)
  }
  @inline(always) static func fold(_ a: E.Vector) -> E.Scalar { E.largest(a) }
}
enum Smallest<E: FloatElement>: FloatReduction {
  typealias Total = E.Scalar
  @inline(always) static var identity: E.Scalar { E.highest }
  @inline(always) static func combine(_ a: E.Vector, _ b: E.Vector) -> E.Vector {
    E.minimum(a, b)
  }
  @inline(always) static func combine(_ a: E.Scalar, _ b: E.Scalar) -> E.Scalar {
    E.minimum(a, b)
  }
  @inline(always) static func fold(_ a: E.Vector) -> E.Scalar { E.smallest(a) }
}

/// Vectors in one block of a long row: what four lanes of accumulators take before they are
/// totalled.
private let blockVectors = 128

/// `start` and `n` contiguous floats. Compiled once for whole reductions, tiles and rows.
@inline(never) func reduceRun<R: Reduction>(
  _: R.Type, _ start: R.Total, _ p: RawIn, _ n: Int
) -> R.Total where R.E: FloatElement {
  let size = MemoryLayout<R.E.Scalar>.size
  let step = R.E.lanes &* size
  var total = start
  var at = p
  var left = n
  while left >= 4 &* R.E.lanes {
    var block = min(left / R.E.lanes, blockVectors) & ~3
    left &-= block &* R.E.lanes
    var s0 = R.E.load(at)
    var s1 = R.E.load(at + step)
    var s2 = R.E.load(at + 2 &* step)
    var s3 = R.E.load(at + 3 &* step)
    at += 4 &* step
    block &-= 4
    while block > 0 {
      s0 = R.combine(s0, R.E.load(at))
      s1 = R.combine(s1, R.E.load(at + step))
      s2 = R.combine(s2, R.E.load(at + 2 &* step))
      s3 = R.combine(s3, R.E.load(at + 3 &* step))
      at += 4 &* step
      block &-= 4
    }
    total = R.combine(total, R.fold(R.combine(R.combine(s0, s1), R.combine(s2, s3))))
  }
  if left == 0 { return total }
  let empty = R.E.splat(R.identity)
  var sum = empty
  while left > 0 {
    let full = left >= R.E.lanes
    let x = full ? R.E.load(at) : R.E.select(empty, R.E.loadPart(at, left), R.E.first(left))
    sum = R.combine(sum, x)
    at += step
    left &-= R.E.lanes
  }
  return R.combine(total, R.fold(sum))
}

@inline(always) func reduceAxis<R: Reduction>(
  _: R.Type, _ d: Raw, _ a: RawIn, _ reduced: Int, _ inner: Int, _ first: Int, _ last: Int
) where R.E: FloatElement {
  let size = MemoryLayout<R.E.Scalar>.size
  let to = d.assumingMemoryBound(to: R.E.Scalar.self)
  if inner == 1 {
    for o in first..<last {
      to[o] = R.scalar(reduceRun(R.self, R.start, a + o &* reduced &* size, reduced))
    }
    return
  }
  for o in first..<last {
    let row = inner &* size
    reduceLeading(R.self, d + o &* row, a + o &* reduced &* row, reduced, inner)
  }
}

/// The column of lanes at `p`, `rows` of them: sums of 16 rows are summed 16 at a time, and so on,
/// so that the error of a long column stays small.
@inline(always) func reduceColumn<R: Reduction>(
  _: R.Type, _ rows: Int, _ p: RawIn, _ stride: Int, _ load: (RawIn) -> R.E.Vector
) -> R.E.Vector {
  let empty = R.E.splat(R.identity)
  var upper = empty
  var middle = empty
  var lower = empty
  var at = p
  var left = rows
  var blocks = 0
  while left > 0 {
    var sum = empty
    var block = min(left, 16)
    left &-= block
    if block == 16 {
      // Four sums side by side, so that no addition waits for the last.
      var (s0, s1, s2, s3) = (empty, empty, empty, empty)
      while block > 0 {
        s0 = R.combine(s0, load(at))
        s1 = R.combine(s1, load(at + stride))
        s2 = R.combine(s2, load(at + 2 &* stride))
        s3 = R.combine(s3, load(at + 3 &* stride))
        at += 4 &* stride
        block &-= 4
      }
      sum = R.combine(R.combine(s0, s1), R.combine(s2, s3))
    }
    while block > 0 {
      sum = R.combine(sum, load(at))
      at += stride
      block &-= 1
    }
    lower = R.combine(lower, sum)
    blocks &+= 1
    if blocks & 15 == 0 {
      middle = R.combine(middle, lower)
      lower = empty
    }
    if blocks & 255 == 0 {
      upper = R.combine(upper, middle)
      middle = empty
    }
  }
  return R.combine(upper, R.combine(middle, lower))
}

/// d[i] = op over r of a[r, i]: the lanes are columns.
@inline(always) func reduceLeading<R: Reduction>(
  _: R.Type, _ d: Raw, _ a: RawIn, _ reduced: Int, _ inner: Int
) {
  let size = MemoryLayout<R.E.Scalar>.size
  let lanes = R.E.lanes
  let row = inner &* size
  var i = 0
  while i &+ lanes <= inner {
    let at = i &* size
    R.E.store(d + at, reduceColumn(R.self, reduced, a + at, row) { R.E.load($0) })
    i &+= lanes
  }
  if i < inner {
    let at = i &* size
    let left = inner &- i
    R.E.storePart(
      d + at, reduceColumn(R.self, reduced, a + at, row) { R.E.loadPart($0, left) }, left)
  }
}

@inline(always) func reduceTile<R: Reduction>(
  _: R.Type, _ d: Raw, _ a: RawIn, _ n: Int
) where R.E: FloatElement {
  let total = d.assumingMemoryBound(to: R.Total.self)
  total[0] = reduceRun(R.self, total[0], a, n)
}
