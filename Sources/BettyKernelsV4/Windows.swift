// Windows that slide over [N, H, W, C]: largest element with its place, sum, and the transposes.
// The wide side is [N, H, W, C], the narrow side [N, OH, OW, C]; element (oh, ow) of the narrow side
// belongs to the elements oh * stride - padding + tap * dilation of the wide one, as far as they
// exist. Invariant: a task owns whole rows of what it writes; loops over channels (and, where
// windows move by one, over whole rows) are contiguous, so that they become vectors.

import BettyKernelInterface

/// Sizes of both sides and of the window, in the order of `KernelTable.windowGeometry`.
struct WindowSizes {
  let height, width, channels, outHeight, outWidth, windowHeight, windowWidth: Int
  let strideHeight, strideWidth, padHeight, padWidth, dilationHeight, dilationWidth: Int

  @inline(always) init(_ g: UnsafePointer<Int>) {
    (height, width, channels) = (g[0], g[1], g[2])
    (outHeight, outWidth) = (g[3], g[4])
    (windowHeight, windowWidth) = (g[5], g[6])
    (strideHeight, strideWidth) = (g[7], g[8])
    (padHeight, padWidth) = (g[9], g[10])
    (dilationHeight, dilationWidth) = (g[11], g[12])
  }

  @inline(always) var row: Int { width &* channels }
  @inline(always) var outRow: Int { outWidth &* channels }

  /// Calls body(narrow offset, wide offset, count) for the elements of one narrow row that have tap
  /// `kw` inside the wide row.
  @inline(always) func runs(_ kw: Int, _ body: (Int, Int, Int) -> Void) {
    let shift = kw &* dilationWidth &- padWidth
    let first = shift >= 0 ? 0 : (strideWidth &- 1 &- shift) / strideWidth
    let end = shift >= width ? 0 : (width &- 1 &- shift) / strideWidth &+ 1
    let last = min(end, outWidth)
    guard first < last else { return }
    if strideWidth == 1 {
      body(first &* channels, (first &+ shift) &* channels, (last &- first) &* channels)
      return
    }
    for ow in first..<last {
      body(ow &* channels, (ow &* strideWidth &+ shift) &* channels, channels)
    }
  }

  /// Calls body(tap, wide row) for the taps of narrow row `oh` that are inside.
  @inline(always) func tapsOfNarrow(_ oh: Int, _ body: (Int, Int) -> Void) {
    for kh in 0..<windowHeight {
      let ih = oh &* strideHeight &- padHeight &+ kh &* dilationHeight
      if ih >= 0 && ih < height { body(kh, ih) }
    }
  }

  /// Calls body(tap, narrow row) for the taps that reach wide row `ih`.
  @inline(always) func tapsOfWide(_ ih: Int, _ body: (Int, Int) -> Void) {
    for kh in 0..<windowHeight {
      let place = ih &+ padHeight &- kh &* dilationHeight
      guard place >= 0, place % strideHeight == 0 else { continue }
      let oh = place / strideHeight
      if oh < outHeight { body(kh, oh) }
    }
  }
}

/// The largest element of each window and the number of its tap: the first of equals, or the last
/// NaN, as in PyTorch. Rows are those of the narrow side.
@inline(always) func poolLargest<T: BinaryFloatingPoint>(
  _: T.Type, _ d: Raw, _ taps: UnsafeMutablePointer<Int32>, _ a: RawIn,
  _ geometry: UnsafePointer<Int>, _ first: Int, _ last: Int
) {
  let s = WindowSizes(geometry)
  let to = d.assumingMemoryBound(to: T.self)
  let from = a.assumingMemoryBound(to: T.self)
  for r in first..<last {
    let y = to + r &* s.outRow
    let places = taps + r &* s.outRow
    let (n, oh) = r.quotientAndRemainder(dividingBy: s.outHeight)
    for i in 0..<s.outRow {
      y[i] = -T.infinity
      places[i] = -1
    }
    s.tapsOfNarrow(oh) { kh, ih in
      let x = from + (n &* s.height &+ ih) &* s.row
      for kw in 0..<s.windowWidth {
        let tap = Int32(truncatingIfNeeded: kh &* s.windowWidth &+ kw)
        s.runs(kw) { narrow, wide, count in
          pickLarger(y + narrow, places + narrow, x + wide, tap, count)
        }
      }
    }
  }
}

@inline(always) private func pickLarger<T: BinaryFloatingPoint>(
  _ y: UnsafeMutablePointer<T>, _ places: UnsafeMutablePointer<Int32>, _ x: UnsafePointer<T>,
  _ tap: Int32, _ count: Int
) {
  for i in 0..<count {
    let (candidate, best, place) = (x[i], y[i], places[i])
    // Comparisons joined without a branch: at most one of the first two holds.
    let larger = (candidate > best) != (candidate != candidate)
    let wins = (larger ? 1 : 0) | (place < 0 ? 1 : 0)
    y[i] = wins != 0 ? candidate : best
    places[i] = wins != 0 ? tap : place
  }
}

/// y[o] = x at tap places[o] of the window; 0 where that is outside.
@inline(always) func gatherWindows<T: BinaryFloatingPoint>(
  _: T.Type, _ d: Raw, _ a: RawIn, _ taps: UnsafePointer<Int32>, _ geometry: UnsafePointer<Int>,
  _ first: Int, _ last: Int
) {
  let s = WindowSizes(geometry)
  let to = d.assumingMemoryBound(to: T.self)
  let from = a.assumingMemoryBound(to: T.self)
  for r in first..<last {
    let y = to + r &* s.outRow
    let places = taps + r &* s.outRow
    let (n, oh) = r.quotientAndRemainder(dividingBy: s.outHeight)
    for i in 0..<s.outRow { y[i] = 0 }
    s.tapsOfNarrow(oh) { kh, ih in
      let x = from + (n &* s.height &+ ih) &* s.row
      for kw in 0..<s.windowWidth {
        let tap = Int32(truncatingIfNeeded: kh &* s.windowWidth &+ kw)
        s.runs(kw) { narrow, wide, count in
          for i in 0..<count {
            // Both are read whatever the tap is: a load under a condition is no vector's.
            let (found, old) = (x[wide &+ i], y[narrow &+ i])
            y[narrow &+ i] = places[narrow &+ i] == tap ? found : old
          }
        }
      }
    }
  }
}

/// The transpose: x[i] = sum of y[o] over the windows whose place is i. Rows are those of the wide side.
@inline(always) func scatterWindows<T: BinaryFloatingPoint>(
  _: T.Type, _ d: Raw, _ a: RawIn, _ taps: UnsafePointer<Int32>, _ geometry: UnsafePointer<Int>,
  _ first: Int, _ last: Int
) {
  let s = WindowSizes(geometry)
  let to = d.assumingMemoryBound(to: T.self)
  let from = a.assumingMemoryBound(to: T.self)
  for r in first..<last {
    let x = to + r &* s.row
    let (n, ih) = r.quotientAndRemainder(dividingBy: s.height)
    for i in 0..<s.row { x[i] = 0 }
    s.tapsOfWide(ih) { kh, oh in
      let start = (n &* s.outHeight &+ oh) &* s.outRow
      let (y, places) = (from + start, taps + start)
      for kw in 0..<s.windowWidth {
        let tap = Int32(truncatingIfNeeded: kh &* s.windowWidth &+ kw)
        s.runs(kw) { narrow, wide, count in
          for i in 0..<count {
            let (sum, old) = (x[wide &+ i] + y[narrow &+ i], x[wide &+ i])
            x[wide &+ i] = places[narrow &+ i] == tap ? sum : old
          }
        }
      }
    }
  }
}

/// y[o] = sum of the window. Rows are those of the narrow side.
@inline(always) func sumWindows<T: BinaryFloatingPoint>(
  _: T.Type, _ d: Raw, _ a: RawIn, _ geometry: UnsafePointer<Int>, _ first: Int, _ last: Int
) {
  let s = WindowSizes(geometry)
  let to = d.assumingMemoryBound(to: T.self)
  let from = a.assumingMemoryBound(to: T.self)
  for r in first..<last {
    let y = to + r &* s.outRow
    let (n, oh) = r.quotientAndRemainder(dividingBy: s.outHeight)
    for i in 0..<s.outRow { y[i] = 0 }
    s.tapsOfNarrow(oh) { _, ih in
      let x = from + (n &* s.height &+ ih) &* s.row
      for kw in 0..<s.windowWidth {
        s.runs(kw) { narrow, wide, count in
          for i in 0..<count { y[narrow &+ i] += x[wide &+ i] }
        }
      }
    }
  }
}

/// The transpose: every element of a window gets y[o]. Rows are those of the wide side.
@inline(always) func spreadWindows<T: BinaryFloatingPoint>(
  _: T.Type, _ d: Raw, _ a: RawIn, _ geometry: UnsafePointer<Int>, _ first: Int, _ last: Int
) {
  let s = WindowSizes(geometry)
  let to = d.assumingMemoryBound(to: T.self)
  let from = a.assumingMemoryBound(to: T.self)
  for r in first..<last {
    let x = to + r &* s.row
    let (n, ih) = r.quotientAndRemainder(dividingBy: s.height)
    for i in 0..<s.row { x[i] = 0 }
    s.tapsOfWide(ih) { _, oh in
      let y = from + (n &* s.outHeight &+ oh) &* s.outRow
      for kw in 0..<s.windowWidth {
        s.runs(kw) { narrow, wide, count in
          for i in 0..<count { x[wide &+ i] += y[narrow &+ i] }
        }
      }
    }
  }
}

extension KernelTable {
  mutating func fillWindows() {
    maxPool = [
      { y, t, x, g, f, l in poolLargest(Double.self, y, t, x, g, f, l) },
      { y, t, x, g, f, l in poolLargest(Float.self, y, t, x, g, f, l) },
    ]
    windowGather = [
      { y, x, t, g, f, l in gatherWindows(Double.self, y, x, t, g, f, l) },
      { y, x, t, g, f, l in gatherWindows(Float.self, y, x, t, g, f, l) },
    ]
    windowScatter = [
      { x, y, t, g, f, l in scatterWindows(Double.self, x, y, t, g, f, l) },
      { x, y, t, g, f, l in scatterWindows(Float.self, x, y, t, g, f, l) },
    ]
    windowSum = [
      { y, x, g, f, l in sumWindows(Double.self, y, x, g, f, l) },
      { y, x, g, f, l in sumWindows(Float.self, y, x, g, f, l) },
    ]
    windowSpread = [
      { x, y, g, f, l in spreadWindows(Double.self, x, y, g, f, l) },
      { x, y, g, f, l in spreadWindows(Float.self, x, y, g, f, l) },
    ]
  }
}
