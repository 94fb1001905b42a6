// Random numbers by Philox 4x32-10: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as
// easy as 1, 2, 3", SC 2011. Element i of a draw depends on the key (seed, counter) and i alone. A
// block of four words has the key (seed low, seed high) and the counter (block low, block high,
// counter low, high).

import BettyKernelInterface
import CBettySupport
import Glibc

typealias Words = SIMD4<UInt32>

/// One block of four random words.
@inline(always) func philox(_ counter: Words, _ key: SIMD2<UInt32>) -> Words {
  var c = counter
  var k = key
  for _ in 0..<10 {
    let left = UInt64(c.x) &* 0xD251_1F53
    let right = UInt64(c.z) &* 0xCD9E_8D57
    c = Words(
      UInt32(truncatingIfNeeded: right &>> 32) ^ c.y ^ k.x, UInt32(truncatingIfNeeded: right),
      UInt32(truncatingIfNeeded: left &>> 32) ^ c.w ^ k.y, UInt32(truncatingIfNeeded: left))
    k.x = k.x &+ 0x9E37_79B9
    k.y = k.y &+ 0xBB67_AE85
  }
  return c
}

/// The blocks of one draw.
struct Draw {
  var key: SIMD2<UInt32>
  var low: UInt32
  var high: UInt32

  init(_ key: UnsafePointer<Int64>) {
    let seed = UInt64(bitPattern: key[0])
    let counter = UInt64(bitPattern: key[1])
    self.key = SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed &>> 32))
    low = UInt32(truncatingIfNeeded: counter)
    high = UInt32(truncatingIfNeeded: counter &>> 32)
  }

  @inline(always) func block(_ index: Int) -> Words {
    let i = UInt64(truncatingIfNeeded: index)
    let counter = Words(
      UInt32(truncatingIfNeeded: i), UInt32(truncatingIfNeeded: i &>> 32), low, high)
    return philox(counter, key)
  }
}

/// 53 random bits in [0, 1).
@inline(always) func unit(_ low: UInt32, _ high: UInt32) -> Double {
  Double((UInt64(high) &<< 32 | UInt64(low)) &>> 11) * 0x1p-53
}

/// Turns a block of words into elements.
protocol Distribution {
  associatedtype Scalar
  associatedtype Block: SIMD where Block.Scalar == Scalar
  static func elements(_ words: Words) -> Block
}

enum UniformFloat64: Distribution {
  @inline(always) static func elements(_ w: Words) -> SIMD2<Double> {
    SIMD2(unit(w.x, w.y), unit(w.z, w.w))
  }
}
/// Box and Muller: two uniforms give two independent normals. 1 - u is never 0.
enum NormalFloat64: Distribution {
  @inline(always) static func elements(_ w: Words) -> SIMD2<Double> {
    let radius = (-2 * Glibc.log(1 - unit(w.x, w.y))).squareRoot()
    let angle = 2 * Double.pi * unit(w.z, w.w)
    return SIMD2(radius * Glibc.cos(angle), radius * Glibc.sin(angle))
  }
}

/// Elements `first` to `first + n` of a draw; `d` points at the first of them.
@inline(always) func draw<D: Distribution>(
  _: D.Type, _ d: Raw, _ key: UnsafePointer<Int64>, _ first: Int, _ n: Int
) {
  let source = Draw(key)
  let width = D.Block.scalarCount
  let to = d.assumingMemoryBound(to: D.Scalar.self)
  var i = 0
  while i < n {
    let block = (first &+ i) / width
    let skip = (first &+ i) &- block &* width
    let x = D.elements(source.block(block))
    let take = min(width &- skip, n &- i)
    for k in 0..<take { to[i &+ k] = x[skip &+ k] }
    i &+= take
  }
}

/// What becomes of the 32 uniform numbers of eight blocks: f32, where draws are many.
protocol WideDistribution {
  static func elements(_ a: F32.Vector, _ b: F32.Vector) -> (F32.Vector, F32.Vector)
}

enum UniformFloat32: WideDistribution {
  @inline(always) static func elements(
    _ a: F32.Vector, _ b: F32.Vector
  ) -> (F32.Vector, F32.Vector) { (a, b) }
}
/// The two uniforms of a pair of normals are neighbours, and so are the normals.
enum NormalFloat32: WideDistribution {
  @inline(always) static func elements(
    _ a: F32.Vector, _ b: F32.Vector
  ) -> (F32.Vector, F32.Vector) {
    let one = F32.splat(1)
    let radius = F32.squareRoot(F32.splat(-2) * F32.log(one - betty_evens_f32(a, b)))
    let angle = F32.splat(2 * Float.pi) * betty_odds_f32(a, b)
    let x = radius * F32.cos(angle)
    let y = radius * F32.sin(angle)
    return (betty_zip_low_f32(x, y), betty_zip_high_f32(x, y))
  }
}

/// As `draw`, 32 elements at a time. An element is always computed in the same place of the same
/// group, so that its bits do not depend on where a task begins.
@inline(always) func drawWide<D: WideDistribution>(
  _: D.Type, _ d: Raw, _ key: UnsafePointer<Int64>, _ first: Int, _ n: Int
) {
  let seed = UInt64(bitPattern: key[0])
  let counter = UInt64(bitPattern: key[1])
  withUnsafeTemporaryAllocation(byteCount: 128, alignment: 64) { memory in
    guard let group = memory.baseAddress else { return }
    var i = 0
    while i < n {
      let skip = (first &+ i) & 31
      let take = min(32 &- skip, n &- i)
      let to = d + i &* 4
      let place = take == 32 ? to : group
      let block = UInt64(bitPattern: Int64(((first &+ i) &>> 5) &* 8))
      betty_philox8_f32(place, block, counter, seed)
      let made = D.elements(F32.load(place), F32.load(place + 64))
      F32.store(place, made.0)
      F32.store(place + 64, made.1)
      if take < 32 { to.copyMemory(from: group + skip &* 4, byteCount: take &* 4) }
      i &+= take
    }
  }
}

/// Fisher and Yates: position i swaps with a random one of 0...i.
func permute(
  _ d: UnsafeMutablePointer<Int64>, _ key: UnsafePointer<Int64>, _ count: Int
) {
  let source = Draw(key)
  for i in 0..<max(count, 0) { d[i] = Int64(i) }
  var i = count &- 1
  while i > 0 {
    let words = source.block(i)
    let random = UInt64(words.y) &<< 32 | UInt64(words.x)
    // The high half of the product is uniform on 0...i up to a bias of (i + 1) / 2^64.
    let j = Int(truncatingIfNeeded: random.multipliedFullWidth(by: UInt64(i &+ 1)).high)
    let kept = d[i]
    d[i] = d[j]
    d[j] = kept
    i &-= 1
  }
}
