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

/// For what has no vector form: divisions and powers of integers.
protocol ScalarOp {
  associatedtype Scalar
  static func apply(_ a: Scalar, _ b: Scalar) -> Scalar
}

@inline(always) func unary<O: UnaryOp>(_: O.Type, _ d: Raw, _ a: RawIn, _ n: Int) {
  let size = MemoryLayout<O.E.Scalar>.size
  let lanes = O.E.lanes
  var i = 0
  while i &+ lanes <= n {
    let at = i &* size
    O.E.store(d + at, O.apply(O.E.load(a + at)))
    i &+= lanes
  }
  if i < n {
    let at = i &* size
    O.E.storePart(d + at, O.apply(O.E.loadPart(a + at, n &- i)), n &- i)
  }
}

/// As `unary` for an operation of many instructions, which are compiled once for vector and tail.
@inline(always) func unaryLong<O: UnaryOp>(_: O.Type, _ d: Raw, _ a: RawIn, _ n: Int) {
  let size = MemoryLayout<O.E.Scalar>.size
  let lanes = O.E.lanes
  var i = 0
  while i < n {
    let at = i &* size
    let left = n &- i
    let y = O.apply(left >= lanes ? O.E.load(a + at) : O.E.loadPart(a + at, left))
    if left >= lanes {
      O.E.store(d + at, y)
    } else {
      O.E.storePart(d + at, y, left)
    }
    i &+= lanes
  }
}

@inline(always) func binary<O: BinaryOp>(_: O.Type, _ d: Raw, _ a: RawIn, _ b: RawIn, _ n: Int) {
  let size = MemoryLayout<O.E.Scalar>.size
  let lanes = O.E.lanes
  var i = 0
  while i &+ lanes <= n {
    let at = i &* size
    O.E.store(d + at, O.apply(O.E.load(a + at), O.E.load(b + at)))
    i &+= lanes
  }
  if i < n {
    let at = i &* size
    let left = n &- i
    O.E.storePart(
      d + at, O.apply(O.E.loadPart(a + at, left), O.E.loadPart(b + at, left)), left)
  }
}

/// As `binary` for an operation of many instructions, which are compiled once for vector and tail.
@inline(always) func binaryLong<O: BinaryOp>(
  _: O.Type, _ d: Raw, _ a: RawIn, _ b: RawIn, _ n: Int
) {
  let size = MemoryLayout<O.E.Scalar>.size
  let lanes = O.E.lanes
  var i = 0
  while i < n {
    let at = i &* size
    let left = n &- i
    let isFull = left >= lanes
    let x = isFull ? O.E.load(a + at) : O.E.loadPart(a + at, left)
    let y = O.apply(x, isFull ? O.E.load(b + at) : O.E.loadPart(b + at, left))
    if isFull { O.E.store(d + at, y) } else { O.E.storePart(d + at, y, left) }
    i &+= lanes
  }
}

@inline(always) func ternary<O: TernaryOp>(
  _: O.Type, _ d: Raw, _ a: RawIn, _ b: RawIn, _ c: RawIn, _ n: Int
) {
  let size = MemoryLayout<O.E.Scalar>.size
  let lanes = O.E.lanes
  var i = 0
  while i &+ lanes <= n {
    let at = i &* size
    O.E.store(d + at, O.apply(O.E.load(a + at), O.E.load(b + at), O.E.load(c + at)))
    i &+= lanes
  }
  if i < n {
    let at = i &* size
    let left = n &- i
    let x = O.E.loadPart(a + at, left)
    let y = O.E.loadPart(b + at, left)
    O.E.storePart(d + at, O.apply(x, y, O.E.loadPart(c + at, left)), left)
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
    let left = n &- i
    let mask = O.apply(O.E.loadPart(a + at, left), O.E.loadPart(b + at, left))
    putPart(d + i, O.E.bytes(mask), left)
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
    let left = n &- i
    let mask = E.mask(partOf(a + i, left))
    E.storePart(
      d + at, E.select(E.loadPart(c + at, left), E.loadPart(b + at, left), mask), left)
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
