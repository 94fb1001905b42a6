// The tiles of direct convolution: every accumulator is a variable of its own, so that it stays in a
// register.

import BettyKernelInterface

#if BETTY_WIDE
  /// 8 pixels × 2 vectors of filters; `last` lanes of the last vector are stored.
  @inline(never) func tile8x2(
    _ places: UnsafePointer<PixelPlace>, _ filters: RawIn, _ runs: UnsafePointer<ConvolutionRun>,
    _ count: Int, _ at: Int, _ last: Int
  ) {
    let p0 = places[0].source
    let p1 = places[1].source
    let p2 = places[2].source
    let p3 = places[3].source
    let p4 = places[4].source
    let p5 = places[5].source
    let p6 = places[6].source
    let p7 = places[7].source
    var c00 = Lane(repeating: 0)
    var c01 = Lane(repeating: 0)
    var c10 = Lane(repeating: 0)
    var c11 = Lane(repeating: 0)
    var c20 = Lane(repeating: 0)
    var c21 = Lane(repeating: 0)
    var c30 = Lane(repeating: 0)
    var c31 = Lane(repeating: 0)
    var c40 = Lane(repeating: 0)
    var c41 = Lane(repeating: 0)
    var c50 = Lane(repeating: 0)
    var c51 = Lane(repeating: 0)
    var c60 = Lane(repeating: 0)
    var c61 = Lane(repeating: 0)
    var c70 = Lane(repeating: 0)
    var c71 = Lane(repeating: 0)
    var w = filters
    for run in 0..<count {
      var e = runs[run].offset
      let end = e &+ runs[run].length &* 4
      while e < end {
        let w0 = (w + 0 &* laneBytes).loadUnaligned(as: Lane.self)
        let w1 = (w + 1 &* laneBytes).loadUnaligned(as: Lane.self)
        let a0 = Lane(repeating: (p0 + e).load(as: Float.self))
        c00 = multiplyAdd(a0, w0, c00)
        c01 = multiplyAdd(a0, w1, c01)
        let a1 = Lane(repeating: (p1 + e).load(as: Float.self))
        c10 = multiplyAdd(a1, w0, c10)
        c11 = multiplyAdd(a1, w1, c11)
        let a2 = Lane(repeating: (p2 + e).load(as: Float.self))
        c20 = multiplyAdd(a2, w0, c20)
        c21 = multiplyAdd(a2, w1, c21)
        let a3 = Lane(repeating: (p3 + e).load(as: Float.self))
        c30 = multiplyAdd(a3, w0, c30)
        c31 = multiplyAdd(a3, w1, c31)
        let a4 = Lane(repeating: (p4 + e).load(as: Float.self))
        c40 = multiplyAdd(a4, w0, c40)
        c41 = multiplyAdd(a4, w1, c41)
        let a5 = Lane(repeating: (p5 + e).load(as: Float.self))
        c50 = multiplyAdd(a5, w0, c50)
        c51 = multiplyAdd(a5, w1, c51)
        let a6 = Lane(repeating: (p6 + e).load(as: Float.self))
        c60 = multiplyAdd(a6, w0, c60)
        c61 = multiplyAdd(a6, w1, c61)
        let a7 = Lane(repeating: (p7 + e).load(as: Float.self))
        c70 = multiplyAdd(a7, w0, c70)
        c71 = multiplyAdd(a7, w1, c71)
        e &+= 4
        w += 2 &* laneBytes
      }
    }
    if last == laneCount {
      (places[0].target + at).storeBytes(of: c00, as: Lane.self)
      (places[0].target + (at &+ 1 &* laneBytes)).storeBytes(of: c01, as: Lane.self)
      (places[1].target + at).storeBytes(of: c10, as: Lane.self)
      (places[1].target + (at &+ 1 &* laneBytes)).storeBytes(of: c11, as: Lane.self)
      (places[2].target + at).storeBytes(of: c20, as: Lane.self)
      (places[2].target + (at &+ 1 &* laneBytes)).storeBytes(of: c21, as: Lane.self)
      (places[3].target + at).storeBytes(of: c30, as: Lane.self)
      (places[3].target + (at &+ 1 &* laneBytes)).storeBytes(of: c31, as: Lane.self)
      (places[4].target + at).storeBytes(of: c40, as: Lane.self)
      (places[4].target + (at &+ 1 &* laneBytes)).storeBytes(of: c41, as: Lane.self)
      (places[5].target + at).storeBytes(of: c50, as: Lane.self)
      (places[5].target + (at &+ 1 &* laneBytes)).storeBytes(of: c51, as: Lane.self)
      (places[6].target + at).storeBytes(of: c60, as: Lane.self)
      (places[6].target + (at &+ 1 &* laneBytes)).storeBytes(of: c61, as: Lane.self)
      (places[7].target + at).storeBytes(of: c70, as: Lane.self)
      (places[7].target + (at &+ 1 &* laneBytes)).storeBytes(of: c71, as: Lane.self)
      return
    }
    (places[0].target + at).storeBytes(of: c00, as: Lane.self)
    storeLanes(places[0].target + (at &+ laneBytes), c01, last)
    (places[1].target + at).storeBytes(of: c10, as: Lane.self)
    storeLanes(places[1].target + (at &+ laneBytes), c11, last)
    (places[2].target + at).storeBytes(of: c20, as: Lane.self)
    storeLanes(places[2].target + (at &+ laneBytes), c21, last)
    (places[3].target + at).storeBytes(of: c30, as: Lane.self)
    storeLanes(places[3].target + (at &+ laneBytes), c31, last)
    (places[4].target + at).storeBytes(of: c40, as: Lane.self)
    storeLanes(places[4].target + (at &+ laneBytes), c41, last)
    (places[5].target + at).storeBytes(of: c50, as: Lane.self)
    storeLanes(places[5].target + (at &+ laneBytes), c51, last)
    (places[6].target + at).storeBytes(of: c60, as: Lane.self)
    storeLanes(places[6].target + (at &+ laneBytes), c61, last)
    (places[7].target + at).storeBytes(of: c70, as: Lane.self)
    storeLanes(places[7].target + (at &+ laneBytes), c71, last)
  }

  /// 8 pixels × 1 vector, as above; even and odd numbers have sums of their own, because additions to eight
  /// sums would wait for each other.
  @inline(never) func tile8x1(
    _ places: UnsafePointer<PixelPlace>, _ filters: RawIn, _ runs: UnsafePointer<ConvolutionRun>,
    _ count: Int, _ at: Int, _ last: Int
  ) {
    let p0 = places[0].source
    let p1 = places[1].source
    let p2 = places[2].source
    let p3 = places[3].source
    let p4 = places[4].source
    let p5 = places[5].source
    let p6 = places[6].source
    let p7 = places[7].source
    var c0 = Lane(repeating: 0)
    var d0 = Lane(repeating: 0)
    var c1 = Lane(repeating: 0)
    var d1 = Lane(repeating: 0)
    var c2 = Lane(repeating: 0)
    var d2 = Lane(repeating: 0)
    var c3 = Lane(repeating: 0)
    var d3 = Lane(repeating: 0)
    var c4 = Lane(repeating: 0)
    var d4 = Lane(repeating: 0)
    var c5 = Lane(repeating: 0)
    var d5 = Lane(repeating: 0)
    var c6 = Lane(repeating: 0)
    var d6 = Lane(repeating: 0)
    var c7 = Lane(repeating: 0)
    var d7 = Lane(repeating: 0)
    var w = filters
    for run in 0..<count {
      var e = runs[run].offset
      let end = e &+ runs[run].length &* 4
      while e &+ 8 <= end {
        let even = w.loadUnaligned(as: Lane.self)
        let odd = (w + laneBytes).loadUnaligned(as: Lane.self)
        c0 = multiplyAdd(Lane(repeating: (p0 + e).load(as: Float.self)), even, c0)
        c1 = multiplyAdd(Lane(repeating: (p1 + e).load(as: Float.self)), even, c1)
        c2 = multiplyAdd(Lane(repeating: (p2 + e).load(as: Float.self)), even, c2)
        c3 = multiplyAdd(Lane(repeating: (p3 + e).load(as: Float.self)), even, c3)
        c4 = multiplyAdd(Lane(repeating: (p4 + e).load(as: Float.self)), even, c4)
        c5 = multiplyAdd(Lane(repeating: (p5 + e).load(as: Float.self)), even, c5)
        c6 = multiplyAdd(Lane(repeating: (p6 + e).load(as: Float.self)), even, c6)
        c7 = multiplyAdd(Lane(repeating: (p7 + e).load(as: Float.self)), even, c7)
        d0 = multiplyAdd(Lane(repeating: (p0 + (e &+ 4)).load(as: Float.self)), odd, d0)
        d1 = multiplyAdd(Lane(repeating: (p1 + (e &+ 4)).load(as: Float.self)), odd, d1)
        d2 = multiplyAdd(Lane(repeating: (p2 + (e &+ 4)).load(as: Float.self)), odd, d2)
        d3 = multiplyAdd(Lane(repeating: (p3 + (e &+ 4)).load(as: Float.self)), odd, d3)
        d4 = multiplyAdd(Lane(repeating: (p4 + (e &+ 4)).load(as: Float.self)), odd, d4)
        d5 = multiplyAdd(Lane(repeating: (p5 + (e &+ 4)).load(as: Float.self)), odd, d5)
        d6 = multiplyAdd(Lane(repeating: (p6 + (e &+ 4)).load(as: Float.self)), odd, d6)
        d7 = multiplyAdd(Lane(repeating: (p7 + (e &+ 4)).load(as: Float.self)), odd, d7)
        e &+= 8
        w += 2 &* laneBytes
      }
      if e < end {
        let only = w.loadUnaligned(as: Lane.self)
        c0 = multiplyAdd(Lane(repeating: (p0 + e).load(as: Float.self)), only, c0)
        c1 = multiplyAdd(Lane(repeating: (p1 + e).load(as: Float.self)), only, c1)
        c2 = multiplyAdd(Lane(repeating: (p2 + e).load(as: Float.self)), only, c2)
        c3 = multiplyAdd(Lane(repeating: (p3 + e).load(as: Float.self)), only, c3)
        c4 = multiplyAdd(Lane(repeating: (p4 + e).load(as: Float.self)), only, c4)
        c5 = multiplyAdd(Lane(repeating: (p5 + e).load(as: Float.self)), only, c5)
        c6 = multiplyAdd(Lane(repeating: (p6 + e).load(as: Float.self)), only, c6)
        c7 = multiplyAdd(Lane(repeating: (p7 + e).load(as: Float.self)), only, c7)
        w += laneBytes
      }
    }
    writeLanes(places[0].target + at, c0 + d0, last)
    writeLanes(places[1].target + at, c1 + d1, last)
    writeLanes(places[2].target + at, c2 + d2, last)
    writeLanes(places[3].target + at, c3 + d3, last)
    writeLanes(places[4].target + at, c4 + d4, last)
    writeLanes(places[5].target + at, c5 + d5, last)
    writeLanes(places[6].target + at, c6 + d6, last)
    writeLanes(places[7].target + at, c7 + d7, last)
  }
#else
  /// 4 pixels × 2 vectors of filters; `last` lanes of the last vector are stored.
  @inline(never) func tile4x2(
    _ places: UnsafePointer<PixelPlace>, _ filters: RawIn, _ runs: UnsafePointer<ConvolutionRun>,
    _ count: Int, _ at: Int, _ last: Int
  ) {
    let p0 = places[0].source
    let p1 = places[1].source
    let p2 = places[2].source
    let p3 = places[3].source
    var c00 = Lane(repeating: 0)
    var c01 = Lane(repeating: 0)
    var c10 = Lane(repeating: 0)
    var c11 = Lane(repeating: 0)
    var c20 = Lane(repeating: 0)
    var c21 = Lane(repeating: 0)
    var c30 = Lane(repeating: 0)
    var c31 = Lane(repeating: 0)
    var w = filters
    for run in 0..<count {
      var e = runs[run].offset
      let end = e &+ runs[run].length &* 4
      while e < end {
        let w0 = (w + 0 &* laneBytes).loadUnaligned(as: Lane.self)
        let w1 = (w + 1 &* laneBytes).loadUnaligned(as: Lane.self)
        let a0 = Lane(repeating: (p0 + e).load(as: Float.self))
        c00 = multiplyAdd(a0, w0, c00)
        c01 = multiplyAdd(a0, w1, c01)
        let a1 = Lane(repeating: (p1 + e).load(as: Float.self))
        c10 = multiplyAdd(a1, w0, c10)
        c11 = multiplyAdd(a1, w1, c11)
        let a2 = Lane(repeating: (p2 + e).load(as: Float.self))
        c20 = multiplyAdd(a2, w0, c20)
        c21 = multiplyAdd(a2, w1, c21)
        let a3 = Lane(repeating: (p3 + e).load(as: Float.self))
        c30 = multiplyAdd(a3, w0, c30)
        c31 = multiplyAdd(a3, w1, c31)
        e &+= 4
        w += 2 &* laneBytes
      }
    }
    if last == laneCount {
      (places[0].target + at).storeBytes(of: c00, as: Lane.self)
      (places[0].target + (at &+ 1 &* laneBytes)).storeBytes(of: c01, as: Lane.self)
      (places[1].target + at).storeBytes(of: c10, as: Lane.self)
      (places[1].target + (at &+ 1 &* laneBytes)).storeBytes(of: c11, as: Lane.self)
      (places[2].target + at).storeBytes(of: c20, as: Lane.self)
      (places[2].target + (at &+ 1 &* laneBytes)).storeBytes(of: c21, as: Lane.self)
      (places[3].target + at).storeBytes(of: c30, as: Lane.self)
      (places[3].target + (at &+ 1 &* laneBytes)).storeBytes(of: c31, as: Lane.self)
      return
    }
    (places[0].target + at).storeBytes(of: c00, as: Lane.self)
    storeLanes(places[0].target + (at &+ laneBytes), c01, last)
    (places[1].target + at).storeBytes(of: c10, as: Lane.self)
    storeLanes(places[1].target + (at &+ laneBytes), c11, last)
    (places[2].target + at).storeBytes(of: c20, as: Lane.self)
    storeLanes(places[2].target + (at &+ laneBytes), c21, last)
    (places[3].target + at).storeBytes(of: c30, as: Lane.self)
    storeLanes(places[3].target + (at &+ laneBytes), c31, last)
  }

  /// 4 pixels × 1 vector of filters; `last` lanes of the last vector are stored.
  @inline(never) func tile4x1(
    _ places: UnsafePointer<PixelPlace>, _ filters: RawIn, _ runs: UnsafePointer<ConvolutionRun>,
    _ count: Int, _ at: Int, _ last: Int
  ) {
    let p0 = places[0].source
    let p1 = places[1].source
    let p2 = places[2].source
    let p3 = places[3].source
    var c00 = Lane(repeating: 0)
    var c10 = Lane(repeating: 0)
    var c20 = Lane(repeating: 0)
    var c30 = Lane(repeating: 0)
    var w = filters
    for run in 0..<count {
      var e = runs[run].offset
      let end = e &+ runs[run].length &* 4
      while e < end {
        let w0 = (w + 0 &* laneBytes).loadUnaligned(as: Lane.self)
        let a0 = Lane(repeating: (p0 + e).load(as: Float.self))
        c00 = multiplyAdd(a0, w0, c00)
        let a1 = Lane(repeating: (p1 + e).load(as: Float.self))
        c10 = multiplyAdd(a1, w0, c10)
        let a2 = Lane(repeating: (p2 + e).load(as: Float.self))
        c20 = multiplyAdd(a2, w0, c20)
        let a3 = Lane(repeating: (p3 + e).load(as: Float.self))
        c30 = multiplyAdd(a3, w0, c30)
        e &+= 4
        w += 1 &* laneBytes
      }
    }
    if last == laneCount {
      (places[0].target + at).storeBytes(of: c00, as: Lane.self)
      (places[1].target + at).storeBytes(of: c10, as: Lane.self)
      (places[2].target + at).storeBytes(of: c20, as: Lane.self)
      (places[3].target + at).storeBytes(of: c30, as: Lane.self)
      return
    }
    storeLanes(places[0].target + at, c00, last)
    storeLanes(places[1].target + at, c10, last)
    storeLanes(places[2].target + at, c20, last)
    storeLanes(places[3].target + at, c30, last)
  }
#endif
