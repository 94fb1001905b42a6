// Products of a matrix of bf16 or f16 and one vector, which is f32 as the result is: numbers are
// widened as they are read, once each.

import BettyKernelInterface
import CBettySupport

@inline(always) private func widened<F: NarrowFormat>(_: F.Type, _ p: RawIn) -> SIMD16<Float> {
  F.widen(p.loadUnaligned(as: SIMD16<UInt16>.self))
}

@inline(always) private func widened<F: NarrowFormat>(
  _: F.Type, _ p: RawIn, _ count: Int
) -> SIMD16<Float> {
  F.widen(partOf(p, count &* 2))
}

/// y[r] = sum over c of matrix[r, c] x[c], for first <= r < last.
@inline(always) func multiplyNarrowVector<F: NarrowFormat>(
  _: F.Type, _ y: Raw, _ matrix: RawIn, _ x: RawIn, _ columns: Int, _ ld: Int, _ first: Int,
  _ last: Int
) {
  let to = y.assumingMemoryBound(to: Float.self)
  for r in first..<last {
    let row = matrix + r &* ld &* 2
    var even = F32.splat(0)
    var odd = F32.splat(0)
    var c = 0
    while c &+ 32 <= columns {
      even = F32.multiplyAdd(widened(F.self, row + c &* 2), F32.load(x + c &* 4), even)
      odd = F32.multiplyAdd(
        widened(F.self, row + (c &* 2 &+ 32)), F32.load(x + (c &* 4 &+ 64)), odd)
      c &+= 32
    }
    while c < columns {
      let left = min(columns &- c, 16)
      even = F32.multiplyAdd(
        widened(F.self, row + c &* 2, left), partOf(x + c &* 4, left &* 4), even)
      c &+= 16
    }
    to[r] = F32.sum(even + odd)
  }
}

/// y[c] = sum over r of x[r] matrix[r, c], for first <= c < last.
@inline(always) func multiplyVectorNarrow<F: NarrowFormat>(
  _: F.Type, _ y: Raw, _ matrix: RawIn, _ x: RawIn, _ rows: Int, _ ld: Int, _ first: Int,
  _ last: Int
) {
  let weights = x.assumingMemoryBound(to: Float.self)
  let step = ld &* 2
  var c = first
  while c &+ 64 <= last {
    var s0 = F32.splat(0)
    var s1 = s0
    var s2 = s0
    var s3 = s0
    var at = matrix + c &* 2
    for r in 0..<rows {
      let weight = F32.splat(weights[r])
      s0 = F32.multiplyAdd(widened(F.self, at), weight, s0)
      s1 = F32.multiplyAdd(widened(F.self, at + 32), weight, s1)
      s2 = F32.multiplyAdd(widened(F.self, at + 64), weight, s2)
      s3 = F32.multiplyAdd(widened(F.self, at + 96), weight, s3)
      at += step
    }
    F32.store(y + c &* 4, s0)
    F32.store(y + (c &* 4 &+ 64), s1)
    F32.store(y + (c &* 4 &+ 128), s2)
    F32.store(y + (c &* 4 &+ 192), s3)
    c &+= 64
  }
  while c < last {
    let left = min(last &- c, 16)
    var sum = F32.splat(0)
    var at = matrix + c &* 2
    for r in 0..<rows {
      sum = F32.multiplyAdd(widened(F.self, at, left), F32.splat(weights[r]), sum)
      at += step
    }
    putPart(y + c &* 4, sum, left &* 4)
    c &+= 16
  }
}
