// The tiles of direct convolution, of any numbers and results: every accumulator is a variable of its
// own, so that it stays in a register.

import BettyKernelInterface

#if BETTY_WIDE
  /// 8 pixels × 2 vectors of filters; `last` lanes of the last vector are stored.
  @inline(never) func tile8x2<N: TileNumbers, R: TileResults>(
    _: N.Type, _: R.Type, _ places: UnsafePointer<PixelPlace>, _ filters: RawIn,
    _ runs: UnsafePointer<ConvolutionRun>, _ count: Int, _ at: Int, _ last: Int
  ) {
    let p0 = places[0].source
    let p1 = places[1].source
    let p2 = places[2].source
    let p3 = places[3].source
    let p4 = places[4].source
    let p5 = places[5].source
    let p6 = places[6].source
    let p7 = places[7].source
    var c00 = R.start(places[0].target + at, laneCount)
    var c01 = R.start(places[0].target + (at &+ R.laneBytes), last)
    var c10 = R.start(places[1].target + at, laneCount)
    var c11 = R.start(places[1].target + (at &+ R.laneBytes), last)
    var c20 = R.start(places[2].target + at, laneCount)
    var c21 = R.start(places[2].target + (at &+ R.laneBytes), last)
    var c30 = R.start(places[3].target + at, laneCount)
    var c31 = R.start(places[3].target + (at &+ R.laneBytes), last)
    var c40 = R.start(places[4].target + at, laneCount)
    var c41 = R.start(places[4].target + (at &+ R.laneBytes), last)
    var c50 = R.start(places[5].target + at, laneCount)
    var c51 = R.start(places[5].target + (at &+ R.laneBytes), last)
    var c60 = R.start(places[6].target + at, laneCount)
    var c61 = R.start(places[6].target + (at &+ R.laneBytes), last)
    var c70 = R.start(places[7].target + at, laneCount)
    var c71 = R.start(places[7].target + (at &+ R.laneBytes), last)
    var w = filters
    for run in 0..<count {
      var e = runs[run].offset
      let end = e &+ runs[run].length &* 4
      while e < end {
        let w0 = N.row(w + 0 &* laneBytes)
        let w1 = N.row(w + 1 &* laneBytes)
        let a0 = N.number(p0 + e)
        c00 = N.multiplyAdd(a0, w0, c00)
        c01 = N.multiplyAdd(a0, w1, c01)
        let a1 = N.number(p1 + e)
        c10 = N.multiplyAdd(a1, w0, c10)
        c11 = N.multiplyAdd(a1, w1, c11)
        let a2 = N.number(p2 + e)
        c20 = N.multiplyAdd(a2, w0, c20)
        c21 = N.multiplyAdd(a2, w1, c21)
        let a3 = N.number(p3 + e)
        c30 = N.multiplyAdd(a3, w0, c30)
        c31 = N.multiplyAdd(a3, w1, c31)
        let a4 = N.number(p4 + e)
        c40 = N.multiplyAdd(a4, w0, c40)
        c41 = N.multiplyAdd(a4, w1, c41)
        let a5 = N.number(p5 + e)
        c50 = N.multiplyAdd(a5, w0, c50)
        c51 = N.multiplyAdd(a5, w1, c51)
        let a6 = N.number(p6 + e)
        c60 = N.multiplyAdd(a6, w0, c60)
        c61 = N.multiplyAdd(a6, w1, c61)
        let a7 = N.number(p7 + e)
        c70 = N.multiplyAdd(a7, w0, c70)
        c71 = N.multiplyAdd(a7, w1, c71)
        e &+= 4
        w += 2 &* laneBytes
      }
    }
    if last == laneCount {
      R.put(places[0].target + at, c00)
      R.put(places[0].target + (at &+ R.laneBytes), c01)
      R.put(places[1].target + at, c10)
      R.put(places[1].target + (at &+ R.laneBytes), c11)
      R.put(places[2].target + at, c20)
      R.put(places[2].target + (at &+ R.laneBytes), c21)
      R.put(places[3].target + at, c30)
      R.put(places[3].target + (at &+ R.laneBytes), c31)
      R.put(places[4].target + at, c40)
      R.put(places[4].target + (at &+ R.laneBytes), c41)
      R.put(places[5].target + at, c50)
      R.put(places[5].target + (at &+ R.laneBytes), c51)
      R.put(places[6].target + at, c60)
      R.put(places[6].target + (at &+ R.laneBytes), c61)
      R.put(places[7].target + at, c70)
      R.put(places[7].target + (at &+ R.laneBytes), c71)
      return
    }
    R.put(places[0].target + at, c00)
    R.put(places[0].target + (at &+ R.laneBytes), c01, last)
    R.put(places[1].target + at, c10)
    R.put(places[1].target + (at &+ R.laneBytes), c11, last)
    R.put(places[2].target + at, c20)
    R.put(places[2].target + (at &+ R.laneBytes), c21, last)
    R.put(places[3].target + at, c30)
    R.put(places[3].target + (at &+ R.laneBytes), c31, last)
    R.put(places[4].target + at, c40)
    R.put(places[4].target + (at &+ R.laneBytes), c41, last)
    R.put(places[5].target + at, c50)
    R.put(places[5].target + (at &+ R.laneBytes), c51, last)
    R.put(places[6].target + at, c60)
    R.put(places[6].target + (at &+ R.laneBytes), c61, last)
    R.put(places[7].target + at, c70)
    R.put(places[7].target + (at &+ R.laneBytes), c71, last)
  }

  /// 8 pixels × 1 vector, as above; even and odd numbers have sums of their own, because additions to eight
  /// sums would wait for each other.
  @inline(never) func tile8x1<N: TileNumbers, R: TileResults>(
    _: N.Type, _: R.Type, _ places: UnsafePointer<PixelPlace>, _ filters: RawIn,
    _ runs: UnsafePointer<ConvolutionRun>, _ count: Int, _ at: Int, _ last: Int
  ) {
    let p0 = places[0].source
    let p1 = places[1].source
    let p2 = places[2].source
    let p3 = places[3].source
    let p4 = places[4].source
    let p5 = places[5].source
    let p6 = places[6].source
    let p7 = places[7].source
    var c0 = R.start(places[0].target + at, last)
    var d0 = Lane(repeating: 0)
    var c1 = R.start(places[1].target + at, last)
    var d1 = Lane(repeating: 0)
    var c2 = R.start(places[2].target + at, last)
    var d2 = Lane(repeating: 0)
    var c3 = R.start(places[3].target + at, last)
    var d3 = Lane(repeating: 0)
    var c4 = R.start(places[4].target + at, last)
    var d4 = Lane(repeating: 0)
    var c5 = R.start(places[5].target + at, last)
    var d5 = Lane(repeating: 0)
    var c6 = R.start(places[6].target + at, last)
    var d6 = Lane(repeating: 0)
    var c7 = R.start(places[7].target + at, last)
    var d7 = Lane(repeating: 0)
    var w = filters
    for run in 0..<count {
      var e = runs[run].offset
      let end = e &+ runs[run].length &* 4
      while e &+ 8 <= end {
        let even = N.row(w)
        let odd = N.row(w + laneBytes)
        c0 = N.multiplyAdd(N.number(p0 + e), even, c0)
        c1 = N.multiplyAdd(N.number(p1 + e), even, c1)
        c2 = N.multiplyAdd(N.number(p2 + e), even, c2)
        c3 = N.multiplyAdd(N.number(p3 + e), even, c3)
        c4 = N.multiplyAdd(N.number(p4 + e), even, c4)
        c5 = N.multiplyAdd(N.number(p5 + e), even, c5)
        c6 = N.multiplyAdd(N.number(p6 + e), even, c6)
        c7 = N.multiplyAdd(N.number(p7 + e), even, c7)
        d0 = N.multiplyAdd(N.number(p0 + (e &+ 4)), odd, d0)
        d1 = N.multiplyAdd(N.number(p1 + (e &+ 4)), odd, d1)
        d2 = N.multiplyAdd(N.number(p2 + (e &+ 4)), odd, d2)
        d3 = N.multiplyAdd(N.number(p3 + (e &+ 4)), odd, d3)
        d4 = N.multiplyAdd(N.number(p4 + (e &+ 4)), odd, d4)
        d5 = N.multiplyAdd(N.number(p5 + (e &+ 4)), odd, d5)
        d6 = N.multiplyAdd(N.number(p6 + (e &+ 4)), odd, d6)
        d7 = N.multiplyAdd(N.number(p7 + (e &+ 4)), odd, d7)
        e &+= 8
        w += 2 &* laneBytes
      }
      if e < end {
        let only = N.row(w)
        c0 = N.multiplyAdd(N.number(p0 + e), only, c0)
        c1 = N.multiplyAdd(N.number(p1 + e), only, c1)
        c2 = N.multiplyAdd(N.number(p2 + e), only, c2)
        c3 = N.multiplyAdd(N.number(p3 + e), only, c3)
        c4 = N.multiplyAdd(N.number(p4 + e), only, c4)
        c5 = N.multiplyAdd(N.number(p5 + e), only, c5)
        c6 = N.multiplyAdd(N.number(p6 + e), only, c6)
        c7 = N.multiplyAdd(N.number(p7 + e), only, c7)
        w += laneBytes
      }
    }
    R.write(places[0].target + at, c0 + d0, last)
    R.write(places[1].target + at, c1 + d1, last)
    R.write(places[2].target + at, c2 + d2, last)
    R.write(places[3].target + at, c3 + d3, last)
    R.write(places[4].target + at, c4 + d4, last)
    R.write(places[5].target + at, c5 + d5, last)
    R.write(places[6].target + at, c6 + d6, last)
    R.write(places[7].target + at, c7 + d7, last)
  }
#else
  /// 6 pixels × 2 vectors of filters; `last` lanes of the last vector are stored.
  @inline(never) func tile6x2<N: TileNumbers, R: TileResults>(
    _: N.Type, _: R.Type, _ places: UnsafePointer<PixelPlace>, _ filters: RawIn,
    _ runs: UnsafePointer<ConvolutionRun>, _ count: Int, _ at: Int, _ last: Int
  ) {
    let p0 = places[0].source
    let p1 = places[1].source
    let p2 = places[2].source
    let p3 = places[3].source
    let p4 = places[4].source
    let p5 = places[5].source
    var c00 = R.start(places[0].target + at, laneCount)
    var c01 = R.start(places[0].target + (at &+ R.laneBytes), last)
    var c10 = R.start(places[1].target + at, laneCount)
    var c11 = R.start(places[1].target + (at &+ R.laneBytes), last)
    var c20 = R.start(places[2].target + at, laneCount)
    var c21 = R.start(places[2].target + (at &+ R.laneBytes), last)
    var c30 = R.start(places[3].target + at, laneCount)
    var c31 = R.start(places[3].target + (at &+ R.laneBytes), last)
    var c40 = R.start(places[4].target + at, laneCount)
    var c41 = R.start(places[4].target + (at &+ R.laneBytes), last)
    var c50 = R.start(places[5].target + at, laneCount)
    var c51 = R.start(places[5].target + (at &+ R.laneBytes), last)
    var w = filters
    for run in 0..<count {
      var e = runs[run].offset
      let end = e &+ runs[run].length &* 4
      while e < end {
        let w0 = N.row(w + 0 &* laneBytes)
        let w1 = N.row(w + 1 &* laneBytes)
        let a0 = N.number(p0 + e)
        c00 = N.multiplyAdd(a0, w0, c00)
        c01 = N.multiplyAdd(a0, w1, c01)
        let a1 = N.number(p1 + e)
        c10 = N.multiplyAdd(a1, w0, c10)
        c11 = N.multiplyAdd(a1, w1, c11)
        let a2 = N.number(p2 + e)
        c20 = N.multiplyAdd(a2, w0, c20)
        c21 = N.multiplyAdd(a2, w1, c21)
        let a3 = N.number(p3 + e)
        c30 = N.multiplyAdd(a3, w0, c30)
        c31 = N.multiplyAdd(a3, w1, c31)
        let a4 = N.number(p4 + e)
        c40 = N.multiplyAdd(a4, w0, c40)
        c41 = N.multiplyAdd(a4, w1, c41)
        let a5 = N.number(p5 + e)
        c50 = N.multiplyAdd(a5, w0, c50)
        c51 = N.multiplyAdd(a5, w1, c51)
        e &+= 4
        w += 2 &* laneBytes
      }
    }
    if last == laneCount {
      R.put(places[0].target + at, c00)
      R.put(places[0].target + (at &+ R.laneBytes), c01)
      R.put(places[1].target + at, c10)
      R.put(places[1].target + (at &+ R.laneBytes), c11)
      R.put(places[2].target + at, c20)
      R.put(places[2].target + (at &+ R.laneBytes), c21)
      R.put(places[3].target + at, c30)
      R.put(places[3].target + (at &+ R.laneBytes), c31)
      R.put(places[4].target + at, c40)
      R.put(places[4].target + (at &+ R.laneBytes), c41)
      R.put(places[5].target + at, c50)
      R.put(places[5].target + (at &+ R.laneBytes), c51)
      return
    }
    R.put(places[0].target + at, c00)
    R.put(places[0].target + (at &+ R.laneBytes), c01, last)
    R.put(places[1].target + at, c10)
    R.put(places[1].target + (at &+ R.laneBytes), c11, last)
    R.put(places[2].target + at, c20)
    R.put(places[2].target + (at &+ R.laneBytes), c21, last)
    R.put(places[3].target + at, c30)
    R.put(places[3].target + (at &+ R.laneBytes), c31, last)
    R.put(places[4].target + at, c40)
    R.put(places[4].target + (at &+ R.laneBytes), c41, last)
    R.put(places[5].target + at, c50)
    R.put(places[5].target + (at &+ R.laneBytes), c51, last)
  }

  /// 6 pixels × 1 vector of filters; `last` lanes of the last vector are stored.
  @inline(never) func tile6x1<N: TileNumbers, R: TileResults>(
    _: N.Type, _: R.Type, _ places: UnsafePointer<PixelPlace>, _ filters: RawIn,
    _ runs: UnsafePointer<ConvolutionRun>, _ count: Int, _ at: Int, _ last: Int
  ) {
    let p0 = places[0].source
    let p1 = places[1].source
    let p2 = places[2].source
    let p3 = places[3].source
    let p4 = places[4].source
    let p5 = places[5].source
    var c00 = R.start(places[0].target + at, last)
    var c10 = R.start(places[1].target + at, last)
    var c20 = R.start(places[2].target + at, last)
    var c30 = R.start(places[3].target + at, last)
    var c40 = R.start(places[4].target + at, last)
    var c50 = R.start(places[5].target + at, last)
    var w = filters
    for run in 0..<count {
      var e = runs[run].offset
      let end = e &+ runs[run].length &* 4
      while e < end {
        let w0 = N.row(w + 0 &* laneBytes)
        let a0 = N.number(p0 + e)
        c00 = N.multiplyAdd(a0, w0, c00)
        let a1 = N.number(p1 + e)
        c10 = N.multiplyAdd(a1, w0, c10)
        let a2 = N.number(p2 + e)
        c20 = N.multiplyAdd(a2, w0, c20)
        let a3 = N.number(p3 + e)
        c30 = N.multiplyAdd(a3, w0, c30)
        let a4 = N.number(p4 + e)
        c40 = N.multiplyAdd(a4, w0, c40)
        let a5 = N.number(p5 + e)
        c50 = N.multiplyAdd(a5, w0, c50)
        e &+= 4
        w += 1 &* laneBytes
      }
    }
    if last == laneCount {
      R.put(places[0].target + at, c00)
      R.put(places[1].target + at, c10)
      R.put(places[2].target + at, c20)
      R.put(places[3].target + at, c30)
      R.put(places[4].target + at, c40)
      R.put(places[5].target + at, c50)
      return
    }
    R.put(places[0].target + at, c00, last)
    R.put(places[1].target + at, c10, last)
    R.put(places[2].target + at, c20, last)
    R.put(places[3].target + at, c30, last)
    R.put(places[4].target + at, c40, last)
    R.put(places[5].target + at, c50, last)
  }
#endif
