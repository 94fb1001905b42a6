// Positions of the largest or smallest elements along the middle axis: the first of equals wins, and
// NaN beats every number. The value is found by vectors, then where it is first.

import BettyKernelInterface

/// Which of two is kept; NaN is.
protocol Extreme {
  associatedtype E: Element
  static func join(_ a: E.Vector, _ b: E.Vector) -> E.Vector
  static func join(_ a: E.Scalar, _ b: E.Scalar) -> E.Scalar
}
enum LargestOf<E: Element>: Extreme {
  @inline(always) static func join(_ a: E.Vector, _ b: E.Vector) -> E.Vector { E.maximum(a, b) }
  @inline(always) static func join(_ a: E.Scalar, _ b: E.Scalar) -> E.Scalar { E.maximum(a, b) }
}
enum SmallestOf<E: Element>: Extreme {
  @inline(always) static func join(_ a: E.Vector, _ b: E.Vector) -> E.Vector { E.minimum(a, b) }
  @inline(always) static func join(_ a: E.Scalar, _ b: E.Scalar) -> E.Scalar { E.minimum(a, b) }
}

@inline(always) func extremePosition<E: Element>(
  _: E.Type, _ d: UnsafeMutablePointer<Int64>, _ a: RawIn, _ reduced: Int, _ inner: Int,
  _ first: Int, _ last: Int, _ largest: Bool
) {
  if largest {
    extremePosition(LargestOf<E>.self, d, a, reduced, inner, first, last)
  } else {
    extremePosition(SmallestOf<E>.self, d, a, reduced, inner, first, last)
  }
}

@inline(never) func extremePosition<X: Extreme>(
  _: X.Type, _ d: UnsafeMutablePointer<Int64>, _ a: RawIn, _ reduced: Int, _ inner: Int,
  _ first: Int, _ last: Int
) {
  let from = a.assumingMemoryBound(to: X.E.Scalar.self)
  for o in first..<last {
    let part = from + o &* reduced &* inner
    if inner == 1 {
      d[o] = Int64(extremeInRow(X.self, part, reduced))
      continue
    }
    var i = 0
    while i &+ X.E.lanes <= inner {
      extremesInColumns(X.self, d + (o &* inner &+ i), part + i, reduced, inner)
      i &+= X.E.lanes
    }
    while i < inner {
      d[o &* inner &+ i] = Int64(firstExtreme(X.self, part + i, reduced, inner))
      i &+= 1
    }
  }
}

@inline(always) private func firstExtreme<X: Extreme>(
  _: X.Type, _ from: UnsafePointer<X.E.Scalar>, _ count: Int, _ stride: Int
) -> Int {
  var best = from[0]
  var position = 0
  var r = 1
  while r < count && best == best {
    let joined = X.join(best, from[r &* stride])
    if joined != best { position = r }
    best = joined
    r &+= 1
  }
  return position
}

/// Where an element first is, from `start` on; it is there.
@inline(always) private func firstPlace<T: Equatable>(
  of best: T, _ from: UnsafePointer<T>, _ start: Int, _ stride: Int
) -> Int {
  var r = start
  if best == best {
    while from[r &* stride] != best { r &+= 1 }
  } else {
    while from[r &* stride] == from[r &* stride] { r &+= 1 }
  }
  return r
}

@inline(always) private func extremeInRow<X: Extreme>(
  _: X.Type, _ from: UnsafePointer<X.E.Scalar>, _ count: Int
) -> Int {
  let lanes = X.E.lanes
  guard count >= 4 &* lanes else { return firstExtreme(X.self, from, count, 1) }
  @inline(always) func load(_ i: Int) -> X.E.Vector { X.E.load(UnsafeRawPointer(from + i)) }
  var (a, b) = (load(0), load(lanes))
  var (c, d) = (load(2 &* lanes), load(3 &* lanes))
  var i = 4 &* lanes
  while i &+ 4 &* lanes <= count {
    (a, b) = (X.join(a, load(i)), X.join(b, load(i &+ lanes)))
    (c, d) = (X.join(c, load(i &+ 2 &* lanes)), X.join(d, load(i &+ 3 &* lanes)))
    i &+= 4 &* lanes
  }
  let joined = X.join(X.join(a, b), X.join(c, d))
  var best = joined[0]
  for lane in 1..<lanes { best = X.join(best, joined[lane]) }
  while i < count {
    best = X.join(best, from[i])
    i &+= 1
  }
  // The vector that holds it, if it is not in the tail; then the lane.
  let wanted = X.E.splat(best)
  i = 0
  while i &+ lanes <= count {
    let x = load(i)
    let isThere = best == best ? X.E.equal(x, wanted) : X.E.not(X.E.equal(x, x))
    if X.E.anySet(isThere) { break }
    i &+= lanes
  }
  return firstPlace(of: best, from, i, 1)
}

/// As many columns as a vector has lanes: which block of rows holds the extreme of each, then where.
@inline(always) private func extremesInColumns<X: Extreme>(
  _: X.Type, _ d: UnsafeMutablePointer<Int64>, _ from: UnsafePointer<X.E.Scalar>, _ count: Int,
  _ stride: Int
) {
  let block = 16
  @inline(always) func load(_ r: Int) -> X.E.Vector {
    X.E.load(UnsafeRawPointer(from + r &* stride))
  }
  for lane in 0..<X.E.lanes { d[lane] = 0 }
  var best = load(0)
  var start = 0
  while start < count {
    var joined = load(start)
    for r in (start &+ 1)..<max(min(start &+ block, count), start &+ 1) {
      joined = X.join(joined, load(r))
    }
    joined = X.join(best, joined)
    let isKept = X.E.or(X.E.equal(joined, best), X.E.not(X.E.equal(best, best)))
    let isNew = X.E.not(isKept)
    if start == 0 {
      best = joined
    } else if X.E.anySet(isNew) {
      let bytes = X.E.bytes(isNew)
      for lane in 0..<X.E.lanes where bytes[lane] != 0 { d[lane] = Int64(start) }
      best = joined
    }
    start &+= block
  }
  for lane in 0..<X.E.lanes {
    d[lane] = Int64(firstPlace(of: best[lane], from + lane, Int(d[lane]), stride))
  }
}
