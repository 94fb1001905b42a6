// The loops that elementwise kernels run in: an operation is a type with a static function, so that
// each pairing is compiled to one loop without calls. Invariant: the destination may be an operand,
// because a vector is loaded from every operand before the result is stored at the same place.

import BettyKernelInterface

protocol UnaryOp {
  associatedtype E: Element
  static func apply(_ a: E.Vector) -> E.Vector
}

protocol BinaryOp {
  associatedtype E: Element
  static func apply(_ a: E.Vector, _ b: E.Vector) -> E.Vector
}

protocol TernaryOp {
  associatedtype E: Element
  static func apply(_ a: E.Vector, _ b: E.Vector, _ c: E.Vector) -> E.Vector
}

protocol CompareOp {
  associatedtype E: Element
  static func apply(_ a: E.Vector, _ b: E.Vector) -> E.Mask
}

/// For what has no vector form: a library call or a division of integers.
protocol ScalarOp {
  associatedtype Scalar
  static func apply(_ a: Scalar, _ b: Scalar) -> Scalar
}

/// The first `bytes` bytes of a vector; the other lanes are zero.
@inline(always) func loadPart<V: SIMD>(_ p: RawIn, _ bytes: Int) -> V {
  var v = V()
  withUnsafeMutableBytes(of: &v) { $0.baseAddress!.copyMemory(from: p, byteCount: bytes) }
  return v
}

@inline(always) func storePart<V: SIMD>(_ p: Raw, _ v: V, _ bytes: Int) {
  withUnsafeBytes(of: v) { p.copyMemory(from: $0.baseAddress!, byteCount: bytes) }
}

@inline(always) func unary<O: UnaryOp>(_: O.Type, _ d: Raw, _ a: RawIn, _ n: Int) {
  let size = MemoryLayout<O.E.Scalar>.size
  let end = n &* size
  let step = O.E.lanes &* size
  var i = 0
  while i &+ step <= end {
    O.E.store(d + i, O.apply(O.E.load(a + i)))
    i &+= step
  }
  if i < end {
    storePart(d + i, O.apply(loadPart(a + i, end &- i)), end &- i)
  }
}

@inline(always) func binary<O: BinaryOp>(_: O.Type, _ d: Raw, _ a: RawIn, _ b: RawIn, _ n: Int) {
  let size = MemoryLayout<O.E.Scalar>.size
  let end = n &* size
  let step = O.E.lanes &* size
  var i = 0
  while i &+ step <= end {
    O.E.store(d + i, O.apply(O.E.load(a + i), O.E.load(b + i)))
    i &+= step
  }
  if i < end {
    let rest = end &- i
    storePart(d + i, O.apply(loadPart(a + i, rest), loadPart(b + i, rest)), rest)
  }
}

@inline(always) func ternary<O: TernaryOp>(
  _: O.Type, _ d: Raw, _ a: RawIn, _ b: RawIn, _ c: RawIn, _ n: Int
) {
  let size = MemoryLayout<O.E.Scalar>.size
  let end = n &* size
  let step = O.E.lanes &* size
  var i = 0
  while i &+ step <= end {
    O.E.store(d + i, O.apply(O.E.load(a + i), O.E.load(b + i), O.E.load(c + i)))
    i &+= step
  }
  if i < end {
    let rest = end &- i
    let x: O.E.Vector = loadPart(a + i, rest)
    storePart(d + i, O.apply(x, loadPart(b + i, rest), loadPart(c + i, rest)), rest)
  }
}

/// The result is bools; in place only where the operands are bytes too.
@inline(always) func compare<O: CompareOp>(
  _: O.Type, _ d: Raw, _ a: RawIn, _ b: RawIn, _ n: Int
) {
  let size = MemoryLayout<O.E.Scalar>.size
  let lanes = O.E.lanes
  var i = 0
  while i &+ lanes <= n {
    let at = i &* size
    let mask = O.apply(O.E.load(a + at), O.E.load(b + at))
    (d + i).storeBytes(of: O.E.bytes(mask), as: O.E.Bytes.self)
    i &+= lanes
  }
  if i < n {
    let at = i &* size
    let rest = (n &- i) &* size
    let mask = O.apply(loadPart(a + at, rest), loadPart(b + at, rest))
    storePart(d + i, O.E.bytes(mask), n &- i)
  }
}

/// d = a ? b : c, with a of bools.
@inline(always) func select<E: Element>(
  _: E.Type, _ d: Raw, _ a: RawIn, _ b: RawIn, _ c: RawIn, _ n: Int
) {
  let size = MemoryLayout<E.Scalar>.size
  let lanes = E.lanes
  var i = 0
  while i &+ lanes <= n {
    let at = i &* size
    let mask = E.mask((a + i).loadUnaligned(as: E.Bytes.self))
    E.store(d + at, E.select(E.load(c + at), E.load(b + at), mask))
    i &+= lanes
  }
  if i < n {
    let at = i &* size
    let rest = (n &- i) &* size
    let mask = E.mask(loadPart(a + i, n &- i))
    storePart(d + at, E.select(loadPart(c + at, rest), loadPart(b + at, rest), mask), rest)
  }
}

@inline(always) func scalars<O: ScalarOp>(
  _: O.Type, _ d: Raw, _ a: RawIn, _ b: RawIn, _ n: Int
) {
  let to = d.assumingMemoryBound(to: O.Scalar.self)
  let left = a.assumingMemoryBound(to: O.Scalar.self)
  let right = b.assumingMemoryBound(to: O.Scalar.self)
  for i in 0..<n { to[i] = O.apply(left[i], right[i]) }
}
