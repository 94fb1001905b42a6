// Reductions of integers and bools, which any order suits: plain loops that the compiler
// vectorises, or whose vectors lie along the inner axis.

import BettyKernelInterface

protocol IntegerCombination {
  associatedtype Scalar: FixedWidthInteger
  static var identity: Scalar { get }
  static func combine(_ a: Scalar, _ b: Scalar) -> Scalar
}
enum SumInteger<Scalar: FixedWidthInteger>: IntegerCombination {
  @inline(always) static var identity: Scalar { 0 }
  @inline(always) static func combine(_ a: Scalar, _ b: Scalar) -> Scalar { a &+ b }
}
enum ProductInteger<Scalar: FixedWidthInteger>: IntegerCombination {
  @inline(always) static var identity: Scalar { 1 }
  @inline(always) static func combine(_ a: Scalar, _ b: Scalar) -> Scalar { a &* b }
}
enum LargestInteger<Scalar: FixedWidthInteger>: IntegerCombination {
  @inline(always) static var identity: Scalar { .min }
  @inline(always) static func combine(_ a: Scalar, _ b: Scalar) -> Scalar { a < b ? b : a }
}
enum SmallestInteger<Scalar: FixedWidthInteger>: IntegerCombination {
  @inline(always) static var identity: Scalar { .max }
  @inline(always) static func combine(_ a: Scalar, _ b: Scalar) -> Scalar { b < a ? b : a }
}

@inline(never) func combineRun<R: IntegerCombination>(
  _: R.Type, _ start: R.Scalar, _ p: RawIn, _ n: Int
) -> R.Scalar {
  let from = p.assumingMemoryBound(to: R.Scalar.self)
  var total = start
  for i in 0..<n { total = R.combine(total, from[i]) }
  return total
}

@inline(always) func combineAxis<R: IntegerCombination>(
  _: R.Type, _ d: Raw, _ a: RawIn, _ reduced: Int, _ inner: Int, _ first: Int, _ last: Int
) {
  let to = d.assumingMemoryBound(to: R.Scalar.self)
  let from = a.assumingMemoryBound(to: R.Scalar.self)
  for o in first..<last {
    let row = from + o &* reduced &* inner
    let target = to + o &* inner
    if inner == 1 {
      target[0] = combineRun(R.self, R.identity, row, reduced)
      continue
    }
    for i in 0..<inner { target[i] = R.identity }
    for r in 0..<reduced {
      for i in 0..<inner { target[i] = R.combine(target[i], row[r &* inner &+ i]) }
    }
  }
}

@inline(always) func combineTile<R: IntegerCombination>(
  _: R.Type, _ d: Raw, _ a: RawIn, _ n: Int
) {
  let total = d.assumingMemoryBound(to: R.Scalar.self)
  total[0] = combineRun(R.self, total[0], a, n)
}
