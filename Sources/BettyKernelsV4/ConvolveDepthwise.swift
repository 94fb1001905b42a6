// Depthwise convolution of f32: lanes are channels, and a tile is some pixels of one vector of channels.

import BettyKernelInterface

/// target[pixel, c] = sum over taps of source[pixel, tap, c] filters[tap, c]
func convolveDepthwise(
  _ target: Raw, _ source: RawIn, _ filters: RawIn, _ taps: UnsafeBufferPointer<ConvolutionRun>,
  _ lattice: ConvolutionLattice, _ channels: Int
) {
  guard lattice.count > 0 else { return }
  withUnsafeTemporaryAllocation(of: PixelPlace.self, capacity: 8) { buffer in
    let places = buffer.baseAddress.unsafelyUnwrapped
    var walk = PixelWalk(lattice, source, target)
    while walk.left > 0 {
      walk.next(places, 8)
      var channel = 0
      while channel < channels {
        depthwiseTile(places, filters, taps, channel &* 4, min(channels &- channel, laneCount))
        channel &+= laneCount
      }
    }
  }
}

@inline(never) private func depthwiseTile(
  _ places: UnsafePointer<PixelPlace>, _ filters: RawIn,
  _ taps: UnsafeBufferPointer<ConvolutionRun>, _ at: Int, _ lanes: Int
) {
  let p0 = places[0].source + at
  let p1 = places[1].source + at
  let p2 = places[2].source + at
  let p3 = places[3].source + at
  let p4 = places[4].source + at
  let p5 = places[5].source + at
  let p6 = places[6].source + at
  let p7 = places[7].source + at
  var c0 = Lane(repeating: 0)
  var c1 = Lane(repeating: 0)
  var c2 = Lane(repeating: 0)
  var c3 = Lane(repeating: 0)
  var c4 = Lane(repeating: 0)
  var c5 = Lane(repeating: 0)
  var c6 = Lane(repeating: 0)
  var c7 = Lane(repeating: 0)
  for tap in taps {
    let w = readLanes(filters + (tap.filters &+ at), lanes)
    c0 = fusedLanes(readLanes(p0 + tap.offset, lanes), w, c0)
    c1 = fusedLanes(readLanes(p1 + tap.offset, lanes), w, c1)
    c2 = fusedLanes(readLanes(p2 + tap.offset, lanes), w, c2)
    c3 = fusedLanes(readLanes(p3 + tap.offset, lanes), w, c3)
    c4 = fusedLanes(readLanes(p4 + tap.offset, lanes), w, c4)
    c5 = fusedLanes(readLanes(p5 + tap.offset, lanes), w, c5)
    c6 = fusedLanes(readLanes(p6 + tap.offset, lanes), w, c6)
    c7 = fusedLanes(readLanes(p7 + tap.offset, lanes), w, c7)
  }
  writeLanes(places[0].target + at, c0, lanes)
  writeLanes(places[1].target + at, c1, lanes)
  writeLanes(places[2].target + at, c2, lanes)
  writeLanes(places[3].target + at, c3, lanes)
  writeLanes(places[4].target + at, c4, lanes)
  writeLanes(places[5].target + at, c5, lanes)
  writeLanes(places[6].target + at, c6, lanes)
  writeLanes(places[7].target + at, c7, lanes)
}

/// sums[tap, c] += sum over pixels of source[pixel, tap, c] gradient[pixel, c]
func accumulateDepthwise(
  _ sums: Raw, _ source: RawIn, _ gradient: RawIn, _ taps: UnsafeBufferPointer<ConvolutionRun>,
  _ lattice: ConvolutionLattice, _ channels: Int
) {
  guard let first = taps.baseAddress else { return }
  var channel = 0
  while channel < channels {
    let lanes = min(channels &- channel, laneCount)
    let at = channel &* 4
    var tap = 0
    while tap < taps.count {
      // A tap that is not there is read as the last one, and its sum left.
      depthwiseSums(
        sums, source + at, gradient + at, first + tap, min(taps.count &- tap, 8), lattice, at, lanes
      )
      tap &+= 8
    }
    channel &+= laneCount
  }
}

@inline(never) private func depthwiseSums(
  _ sums: Raw, _ source: RawIn, _ gradient: RawIn, _ taps: UnsafePointer<ConvolutionRun>,
  _ count: Int, _ lattice: ConvolutionLattice, _ at: Int, _ lanes: Int
) {
  let t0 = taps[min(0, count &- 1)].offset
  let t1 = taps[min(1, count &- 1)].offset
  let t2 = taps[min(2, count &- 1)].offset
  let t3 = taps[min(3, count &- 1)].offset
  let t4 = taps[min(4, count &- 1)].offset
  let t5 = taps[min(5, count &- 1)].offset
  let t6 = taps[min(6, count &- 1)].offset
  let t7 = taps[min(7, count &- 1)].offset
  var c0 = Lane(repeating: 0)
  var c1 = Lane(repeating: 0)
  var c2 = Lane(repeating: 0)
  var c3 = Lane(repeating: 0)
  var c4 = Lane(repeating: 0)
  var c5 = Lane(repeating: 0)
  var c6 = Lane(repeating: 0)
  var c7 = Lane(repeating: 0)
  for image in 0..<lattice.images {
    for row in 0..<lattice.rows {
      var x = source + (image &* lattice.sourceImage &+ row &* lattice.sourceRow)
      var g = gradient + (image &* lattice.targetImage &+ row &* lattice.targetRow)
      let end = g + lattice.columns &* lattice.targetColumn
      while g < end {
        let y = readLanes(g, lanes)
        c0 = fusedLanes(readLanes(x + t0, lanes), y, c0)
        c1 = fusedLanes(readLanes(x + t1, lanes), y, c1)
        c2 = fusedLanes(readLanes(x + t2, lanes), y, c2)
        c3 = fusedLanes(readLanes(x + t3, lanes), y, c3)
        c4 = fusedLanes(readLanes(x + t4, lanes), y, c4)
        c5 = fusedLanes(readLanes(x + t5, lanes), y, c5)
        c6 = fusedLanes(readLanes(x + t6, lanes), y, c6)
        c7 = fusedLanes(readLanes(x + t7, lanes), y, c7)
        x += lattice.sourceColumn
        g += lattice.targetColumn
      }
    }
  }
  @inline(always) func add(_ i: Int, _ value: Lane) {
    if i >= count { return }
    let place = sums + (taps[i].filters &+ at)
    writeLanes(place, readLanes(place, lanes) + value, lanes)
  }
  add(0, c0)
  add(1, c1)
  add(2, c2)
  add(3, c3)
  add(4, c4)
  add(5, c5)
  add(6, c6)
  add(7, c7)
}
