// Filters, or the right side of a product, as the tiles read them: rows of two vectors of numbers,
// each an f32 or a pair of bf16 that are neighbours in depth.

import BettyKernelInterface
import CBettySupport

/// What is packed. `step` is the way to the next number in depth, which a pair holds as well.
protocol PackSource {
  /// Stored numbers in a packed one.
  static var span: Int { get }
  static func word(_ p: RawIn, _ at: Int, _ step: Int) -> UInt32
  /// The last one where only half of a pair is left.
  static func last(_ p: RawIn, _ at: Int) -> UInt32
}

extension PackSource {
  @inline(always) static func bits(_ p: RawIn, _ at: Int) -> UInt32 {
    UInt32(p.load(fromByteOffset: at &* 2, as: UInt16.self))
  }
}

enum PackSingles: PackSource {
  @inline(always) static var span: Int { 1 }
  @inline(always) static func word(_ p: RawIn, _ at: Int, _: Int) -> UInt32 {
    p.load(fromByteOffset: at &* 4, as: UInt32.self)
  }
  @inline(always) static func last(_ p: RawIn, _ at: Int) -> UInt32 { word(p, at, 0) }
}

enum PackWidened<Source: CastSource>: PackSource where Source.Number == Float {
  @inline(always) static var span: Int { 1 }
  @inline(always) static func word(_ p: RawIn, _ at: Int, _: Int) -> UInt32 {
    p.load(fromByteOffset: at &* 2, as: Source.self).number.bitPattern
  }
  @inline(always) static func last(_ p: RawIn, _ at: Int) -> UInt32 { word(p, at, 0) }
}

enum PackPairs: PackSource {
  @inline(always) static var span: Int { 2 }
  @inline(always) static func word(_ p: RawIn, _ at: Int, _ step: Int) -> UInt32 {
    bits(p, at) | bits(p, at &+ step) &<< 16
  }
  @inline(always) static func last(_ p: RawIn, _ at: Int) -> UInt32 { bits(p, at) }
}

/// Blocks of two vectors of filters (one where no more are left), each all taps deep; only the
/// blocks `first`..<`last` of them.
func packFilters<S: PackSource>(
  _: S.Type, _ packed: Raw, _ filters: RawIn, _ taps: UnsafeBufferPointer<Int>,
  _ p: ConvolutionPacking, _ first: Int, _ last: Int
) {
  let words = (p.inner &+ S.span &- 1) / S.span
  let depth = taps.count &* words
  for block in first..<last {
    let lane = block &* 2 &* laneCount
    let width = p.lanes &- lane > laneCount ? 2 &* laneCount : laneCount
    let full = min(width, p.lanes &- lane)
    let to = (packed + lane &* depth &* 4).assumingMemoryBound(to: UInt32.self)
    for (place, tap) in taps.enumerated() {
      let target = to + place &* words &* width
      let at = tap &* p.tapStep &+ lane &* p.laneStep
      if p.laneStep == 1 {
        packRows(S.self, target, width, full, filters, at, p)
      } else {
        packColumns(S.self, target, width, full, filters, at, p)
      }
      if full < width {
        for i in 0..<words {
          for l in full..<width { target[i &* width &+ l] = 0 }
        }
      }
    }
  }
}

/// Lanes are neighbours in memory.
@inline(always) private func packRows<S: PackSource>(
  _: S.Type, _ target: UnsafeMutablePointer<UInt32>, _ width: Int, _ full: Int, _ filters: RawIn,
  _ at: Int, _ p: ConvolutionPacking
) {
  let whole = p.inner / S.span
  for i in 0..<whole {
    let row = at &+ i &* S.span &* p.innerStep
    for l in 0..<full { target[i &* width &+ l] = S.word(filters, row &+ l, p.innerStep) }
  }
  if whole &* S.span == p.inner { return }
  let row = at &+ whole &* S.span &* p.innerStep
  for l in 0..<full { target[whole &* width &+ l] = S.last(filters, row &+ l) }
}

/// Numbers in depth are neighbours.
@inline(always) private func packColumns<S: PackSource>(
  _: S.Type, _ target: UnsafeMutablePointer<UInt32>, _ width: Int, _ full: Int, _ filters: RawIn,
  _ at: Int, _ p: ConvolutionPacking
) {
  let whole = p.inner / S.span
  var first = 0
  // Pairs that lie side by side, eight by eight; what does not fill one goes pair by pair.
  while S.span == 2 && p.innerStep == 1 && first &+ 8 <= full {
    var i = 0
    while i &+ 8 <= whole {
      betty_transpose_words(
        filters + (at &+ first &* p.laneStep &+ i &* 2) &* 2, p.laneStep &* 2,
        target + (i &* width &+ first), width &* 4)
      i &+= 8
    }
    for l in first..<first &+ 8 {
      packColumn(S.self, target + l, width, filters, at &+ l &* p.laneStep, p, from: i)
    }
    first &+= 8
  }
  for l in first..<full {
    packColumn(S.self, target + l, width, filters, at &+ l &* p.laneStep, p, from: 0)
  }
}

/// One lane, from number `first` in depth on.
@inline(always) private func packColumn<S: PackSource>(
  _: S.Type, _ target: UnsafeMutablePointer<UInt32>, _ width: Int, _ filters: RawIn,
  _ column: Int, _ p: ConvolutionPacking, from first: Int
) {
  let whole = p.inner / S.span
  for i in first..<whole {
    target[i &* width] = S.word(filters, column &+ i &* S.span &* p.innerStep, p.innerStep)
  }
  if whole &* S.span < p.inner {
    target[whole &* width] = S.last(filters, column &+ whole &* S.span &* p.innerStep)
  }
}

/// The left side of a product: rows of pairs, `step` bytes apart, of `depth` numbers each; where
/// the depth is odd the last pair ends with a zero. Transposed, the source has its rows where the
/// columns were.
func packPairs(
  _ packed: Raw, _ step: Int, _ source: RawIn, _ ld: Int, _ transposed: Bool, _ rows: Int,
  _ depth: Int
) {
  if !transposed {
    for row in 0..<rows {
      let to = packed + row &* step
      to.copyMemory(from: source + row &* ld &* 2, byteCount: depth &* 2)
      if depth & 1 == 1 { to.storeBytes(of: 0, toByteOffset: depth &* 2, as: UInt16.self) }
    }
    return
  }
  let to = packed.assumingMemoryBound(to: UInt32.self)
  let words = step / 4
  let whole = depth / 2
  var pair = 0
  // Eight by eight; what does not fill one goes pair by pair.
  while pair &+ 8 <= whole {
    var row = 0
    while row &+ 8 <= rows {
      betty_transpose_pairs(
        source + (2 &* pair &* ld &+ row) &* 2, ld &* 2, to + (row &* words &+ pair), step)
      row &+= 8
    }
    while row < rows {
      for i in pair..<pair &+ 8 {
        to[row &* words &+ i] = PackPairs.word(source, 2 &* i &* ld &+ row, ld)
      }
      row &+= 1
    }
    pair &+= 8
  }
  for row in 0..<rows {
    for i in pair..<whole {
      to[row &* words &+ i] = PackPairs.word(source, 2 &* i &* ld &+ row, ld)
    }
    if depth & 1 == 1 {
      to[row &* words &+ whole] = PackPairs.last(source, 2 &* whole &* ld &+ row)
    }
  }
}

/// pairs[i, c] = (even[i, c], odd[i, c]) of bf16; both step on by `step` numbers from one i to the next.
func interleavePairs(
  _ pairs: Raw, _ even: RawIn, _ odd: RawIn, _ step: Int, _ count: Int, _ channels: Int
) {
  var to = pairs.assumingMemoryBound(to: UInt32.self)
  var (low, high) = (
    even.assumingMemoryBound(to: UInt16.self), odd.assumingMemoryBound(to: UInt16.self)
  )
  for _ in 0..<count {
    for c in 0..<channels { to[c] = UInt32(low[c]) | UInt32(high[c]) &<< 16 }
    to += channels
    low += step
    high += step
  }
}
