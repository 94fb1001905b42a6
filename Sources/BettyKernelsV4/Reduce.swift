// Reductions over one axis of [outer, reduced, inner]. Their order is fixed by the shape alone, never by
// the number of tasks. Sums of f32 keep several lanes and pass blocks of them on to an f64 total, so that
// the error does not grow with the length.

import BettyKernelInterface

protocol Reduction {
  associatedtype E: Element
  /// What totals are kept in: f64 for sums and products of f32.
  associatedtype Total
  static var identity: E.Scalar { get }
  static var start: Total { get }
  static func combine(_ a: E.Vector, _ b: E.Vector) -> E.Vector
  static func combine(_ a: Total, _ b: E.Scalar) -> Total
  static func scalar(_ a: Total) -> E.Scalar
}

/// A total of the element's own type.
protocol PlainReduction: Reduction where Total == E.Scalar {}
extension PlainReduction {
  @inline(always) static var start: E.Scalar { identity }
  @inline(always) static func scalar(_ a: E.Scalar) -> E.Scalar { a }
}

enum SumFloat32: Reduction {
  typealias E = F32
  @inline(always) static var identity: Float { 0 }
  @inline(always) static var start: Double { 0 }
  @inline(always) static func combine(_ a: F32.Vector, _ b: F32.Vector) -> F32.Vector { a + b }
  @inline(always) static func combine(_ a: Double, _ b: Float) -> Double { a + Double(b) }
  @inline(always) static func scalar(_ a: Double) -> Float { Float(a) }
}
enum ProductFloat32: Reduction {
  typealias E = F32
  @inline(always) static var identity: Float { 1 }
  @inline(always) static var start: Double { 1 }
  @inline(always) static func combine(_ a: F32.Vector, _ b: F32.Vector) -> F32.Vector { a * b }
  @inline(always) static func combine(_ a: Double, _ b: Float) -> Double { a * Double(b) }
  @inline(always) static func scalar(_ a: Double) -> Float { Float(a) }
}
enum Sum<E: Element>: PlainReduction where E.Scalar: ExpressibleByIntegerLiteral {
  typealias Total = E.Scalar
  @inline(always) static var identity: E.Scalar { 0 }
  @inline(always) static func combine(_ a: E.Vector, _ b: E.Vector) -> E.Vector { E.add(a, b) }
  @inline(always) static func combine(_ a: E.Scalar, _ b: E.Scalar) -> E.Scalar { E.add(a, b) }
}
enum Product<E: Element>: PlainReduction where E.Scalar: ExpressibleByIntegerLiteral {
  typealias Total = E.Scalar
  @inline(always) static var identity: E.Scalar { 1 }
  @inline(always) static func combine(_ a: E.Vector, _ b: E.Vector) -> E.Vector { E.mul(a, b) }
  @inline(always) static func combine(_ a: E.Scalar, _ b: E.Scalar) -> E.Scalar { E.mul(a, b) }
}
enum Largest<E: Element>: PlainReduction {
  typealias Total = E.Scalar
  @inline(always) static var identity: E.Scalar { E.lowest }
  @inline(always) static func combine(_ a: E.Vector, _ b: E.Vector) -> E.Vector {
    E.maximum(a, b)
  }
  @inline(always) static func combine(_ a: E.Scalar, _ b: E.Scalar) -> E.Scalar {
    E.maximum(a, b)
  }
}
enum Smallest<E: Element>: PlainReduction {
  typealias Total = E.Scalar
  @inline(always) static var identity: E.Scalar { E.highest }
  @inline(always) static func combine(_ a: E.Vector, _ b: E.Vector) -> E.Vector {
    E.minimum(a, b)
  }
  @inline(always) static func combine(_ a: E.Scalar, _ b: E.Scalar) -> E.Scalar {
    E.minimum(a, b)
  }
}

/// Vectors in one block of a long row: what four lanes of accumulators take before they are totalled.
private let blockVectors = 512

/// The total of `n` contiguous elements.
@inline(always) func reduceRun<R: Reduction>(
  _: R.Type, _ start: R.Total, _ p: RawIn, _ n: Int
) -> R.Total {
  let size = MemoryLayout<R.E.Scalar>.size
  let step = R.E.lanes &* size
  var total = start
  var at = 0
  var vectors = n / R.E.lanes
  let tail = n &- vectors &* R.E.lanes
  while vectors >= 4 {
    let block = min(vectors, blockVectors) & ~3
    var s0 = R.E.load(p + at)
    var s1 = R.E.load(p + (at &+ step))
    var s2 = R.E.load(p + (at &+ 2 &* step))
    var s3 = R.E.load(p + (at &+ 3 &* step))
    at &+= 4 &* step
    var k = 4
    while k < block {
      s0 = R.combine(s0, R.E.load(p + at))
      s1 = R.combine(s1, R.E.load(p + (at &+ step)))
      s2 = R.combine(s2, R.E.load(p + (at &+ 2 &* step)))
      s3 = R.combine(s3, R.E.load(p + (at &+ 3 &* step)))
      at &+= 4 &* step
      k &+= 4
    }
    total = fold(R.self, total, R.combine(R.combine(s0, s1), R.combine(s2, s3)))
    vectors &-= block
  }
  while vectors > 0 {
    total = fold(R.self, total, R.E.load(p + at))
    at &+= step
    vectors &-= 1
  }
  let rest = (p + at).assumingMemoryBound(to: R.E.Scalar.self)
  for i in 0..<tail { total = R.combine(total, rest[i]) }
  return total
}

/// Adds the lanes of a vector to a total, one after the other.
@inline(always) func fold<R: Reduction>(_: R.Type, _ total: R.Total, _ v: R.E.Vector) -> R.Total {
  var total = total
  for i in 0..<R.E.lanes { total = R.combine(total, v[i]) }
  return total
}

@inline(always) func reduceAxis<R: Reduction>(
  _: R.Type, _ d: Raw, _ a: RawIn, _ reduced: Int, _ inner: Int, _ first: Int, _ last: Int
) {
  let size = MemoryLayout<R.E.Scalar>.size
  let to = d.assumingMemoryBound(to: R.E.Scalar.self)
  if inner == 1 {
    for o in first..<last {
      to[o] = R.scalar(reduceRun(R.self, R.start, a + o &* reduced &* size, reduced))
    }
    return
  }
  for o in first..<last {
    reduceLeading(
      R.self, d + o &* inner &* size, a + o &* reduced &* inner &* size, reduced, inner)
  }
}

/// d[i] = op over r of a[r, i]: the lanes are columns.
@inline(always) func reduceLeading<R: Reduction>(
  _: R.Type, _ d: Raw, _ a: RawIn, _ reduced: Int, _ inner: Int
) {
  let size = MemoryLayout<R.E.Scalar>.size
  let lanes = R.E.lanes
  let row = inner &* size
  var i = 0
  while i < inner {
    let wide = min(lanes, inner &- i)
    let at = a + i &* size
    var total = R.E.splat(R.identity)
    var r = 0
    while r < reduced {
      // Blocks of rows keep the error of a long column small.
      let end = min(r &+ 512, reduced)
      var sum = R.E.splat(R.identity)
      if wide == lanes {
        while r < end {
          sum = R.combine(sum, R.E.load(at + r &* row))
          r &+= 1
        }
      } else {
        while r < end {
          sum = R.combine(sum, loadPart(at + r &* row, wide &* size))
          r &+= 1
        }
      }
      total = R.combine(total, sum)
    }
    storePart(d + i &* size, total, wide &* size)
    i &+= wide
  }
}

@inline(always) func reduceTile<R: Reduction>(_: R.Type, _ d: Raw, _ a: RawIn, _ n: Int) {
  let total = d.assumingMemoryBound(to: R.Total.self)
  total[0] = reduceRun(R.self, total[0], a, n)
}
