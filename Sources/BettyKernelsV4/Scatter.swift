// Kernels that write where i64 indices say: what meets at a target is set (the last one stays),
// added or joined. Invariant: a call writes only targets low..<high of the axis, in the order of
// the updates, so tasks that share the targets out give what one task gives.

import BettyKernelInterface

/// Which part of the targets a call owns: outer rows first..<last, of each low..<high.
struct Targets {
  let length: Int
  let inner: Int
  let first: Int
  let last: Int
  let low: Int
  let high: Int
}

/// Calls the body with the places of each element of updates [o, j, i] and of its target
/// [o, indices[o, j, i], i], in order.
@inline(always) func eachTarget(
  _ indices: Indices, _ count: Int, _ targets: Targets, _ status: Status,
  _ body: (_ target: Int, _ position: Int) -> Void
) {
  let (length, inner) = (targets.length, targets.inner)
  let (low, high) = (targets.low, targets.high)
  for o in targets.first..<targets.last {
    let (base, from) = (o &* length &* inner, o &* count &* inner)
    if inner == 1 {
      for position in from..<from &+ count {
        guard let index = checked(indices, position, length, status) else { continue }
        if index >= low && index < high { body(base &+ index, position) }
      }
      continue
    }
    for j in 0..<count {
      let row = from &+ j &* inner
      for i in 0..<inner {
        guard let index = checked(indices, row &+ i, length, status) else { continue }
        if index >= low && index < high { body(base &+ index &* inner &+ i, row &+ i) }
      }
    }
  }
}

/// Calls the body with the first elements of each row of updates [o, j] and of its target
/// [o, indices[j]], in order.
@inline(always) func eachRow(
  _ indices: Indices, _ count: Int, _ targets: Targets, _ status: Status,
  _ body: (_ target: Int, _ position: Int) -> Void
) {
  let (length, inner) = (targets.length, targets.inner)
  for o in targets.first..<targets.last {
    let (base, from) = (o &* length, o &* count)
    for j in 0..<count {
      guard let index = checked(indices, j, length, status) else { continue }
      if index >= targets.low && index < targets.high {
        body((base &+ index) &* inner, (from &+ j) &* inner)
      }
    }
  }
}

@inline(always) private func bySize(
  _ size: Int, _ d: Raw, _ a: RawIn, _ each: ((Int, Int) -> Void) -> Void
) {
  switch size {
  case 1: copyEach(UInt8.self, d, a, each)
  case 2: copyEach(UInt16.self, d, a, each)
  case 4: copyEach(UInt32.self, d, a, each)
  default: copyEach(UInt64.self, d, a, each)
  }
}

@inline(always) private func copyEach<T>(
  _: T.Type, _ d: Raw, _ a: RawIn, _ each: ((Int, Int) -> Void) -> Void
) {
  let to = d.assumingMemoryBound(to: T.self)
  let from = a.assumingMemoryBound(to: T.self)
  each { target, position in to[target] = from[position] }
}

/// destination[o, indices[j], i] = updates[o, j, i]
func setIndexed(
  _ d: Raw, _ a: RawIn, _ indices: Indices, _ size: Int, _ length: Int, _ inner: Int, _ count: Int,
  _ first: Int, _ last: Int, _ low: Int, _ high: Int, _ status: Status
) {
  let targets = Targets(
    length: length, inner: inner, first: first, last: last, low: low, high: high)
  if inner == 1 {
    bySize(size, d, a) { eachRow(indices, count, targets, status, $0) }
    return
  }
  let bytes = inner &* size
  eachRow(indices, count, targets, status) { target, position in
    (d + target &* size).copyMemory(from: a + position &* size, byteCount: bytes)
  }
}

/// destination[o, indices[o, j, i], i] = updates[o, j, i]
func setScattered(
  _ d: Raw, _ a: RawIn, _ indices: Indices, _ size: Int, _ length: Int, _ inner: Int, _ count: Int,
  _ first: Int, _ last: Int, _ low: Int, _ high: Int, _ status: Status
) {
  let targets = Targets(
    length: length, inner: inner, first: first, last: last, low: low, high: high)
  bySize(size, d, a) { eachTarget(indices, count, targets, status, $0) }
}

/// What a scatter joins elements by.
protocol Join {
  associatedtype Scalar
  /// What targets start from where their own value does not count; nil for the last update.
  static var start: Scalar? { get }
  static func join(_ a: Scalar, _ b: Scalar) -> Scalar
}

enum Larger<E: Element>: Join {
  @inline(always) static var start: E.Scalar? { nil }
  /// NaN stays.
  @inline(always) static func join(_ a: E.Scalar, _ b: E.Scalar) -> E.Scalar {
    b > a || b != b ? b : a
  }
}

enum Smaller<E: Element>: Join {
  @inline(always) static var start: E.Scalar? { nil }
  @inline(always) static func join(_ a: E.Scalar, _ b: E.Scalar) -> E.Scalar {
    b < a || b != b ? b : a
  }
}

enum Times<E: Element>: Join where E.Scalar: ExpressibleByIntegerLiteral {
  @inline(always) static var start: E.Scalar? { 1 }
  @inline(always) static func join(_ a: E.Scalar, _ b: E.Scalar) -> E.Scalar { E.mul(a, b) }
}

/// destination[o, indices[o, j, i], i] joined with updates[o, j, i]; with `fresh` the targets' own
/// values do not count.
@inline(always) func joinScattered<J: Join>(
  _: J.Type, _ d: Raw, _ a: RawIn, _ indices: Indices, _ count: Int, _ targets: Targets,
  _ fresh: Bool, _ status: Status
) {
  let to = d.assumingMemoryBound(to: J.Scalar.self)
  let from = a.assumingMemoryBound(to: J.Scalar.self)
  if fresh {
    eachTarget(indices, count, targets, status) { target, position in
      to[target] = J.start ?? from[position]
    }
  }
  eachTarget(indices, count, targets, status) { target, position in
    to[target] = J.join(to[target], from[position])
  }
}

/// destination[o, indices[o, j, i], i] += updates[o, j, i]
@inline(always) func addScattered<E: Element>(
  _: E.Type, _ d: Raw, _ a: RawIn, _ indices: Indices, _ length: Int, _ inner: Int,
  _ count: Int, _ first: Int, _ last: Int, _ status: Status
) {
  let to = d.assumingMemoryBound(to: E.Scalar.self)
  let from = a.assumingMemoryBound(to: E.Scalar.self)
  let targets = Targets(
    length: length, inner: inner, first: first, last: last, low: 0, high: length)
  eachTarget(indices, count, targets, status) { target, position in
    to[target] = E.add(to[target], from[position])
  }
}
