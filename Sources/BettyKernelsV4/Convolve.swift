// Direct convolution: a tile of pixels × filters stays in registers while the numbers under the
// pixels, contiguous in each run of taps, are broadcast against rows of packed filters. The sizes of the
// tile are what the processor's registers hold. Pixels of a tile need not be neighbours.

import BettyKernelInterface
import CBettySupport

#if BETTY_WIDE
  typealias Lane = SIMD16<Float>
  let tilePixels = 8
#else
  typealias Lane = SIMD8<Float>
  // Twelve sums, two vectors of filters and a number fill sixteen registers.
  let tilePixels = 6
#endif

@inline(always) var laneCount: Int { Lane.scalarCount }
@inline(always) var laneBytes: Int { Lane.scalarCount &* 4 }

#if BETTY_WIDE
  @inline(always) func fusedLanes(_ a: Lane, _ b: Lane, _ c: Lane) -> Lane {
    betty_multiply_add_f32(a, b, c)
  }
  @inline(always) func loadLanes(_ p: RawIn, _ count: Int) -> Lane {
    betty_load_part_f32(p, count)
  }
  @inline(always) func storeLanes(_ p: Raw, _ x: Lane, _ count: Int) {
    betty_store_part_f32(p, x, count)
  }
#else
  @inline(always) func fusedLanes(_ a: Lane, _ b: Lane, _ c: Lane) -> Lane {
    betty_multiply_add_f32x8(a, b, c)
  }
  @inline(always) func loadLanes(_ p: RawIn, _ count: Int) -> Lane {
    betty_load_part_f32x8(p, count)
  }
  @inline(always) func storeLanes(_ p: Raw, _ x: Lane, _ count: Int) {
    putPart(p, x, count &* 4)
  }
#endif

/// As many lanes as there are; on the widest registers a mask costs nothing, elsewhere a branch less.
@inline(always) func readLanes(_ p: RawIn, _ count: Int) -> Lane {
  #if BETTY_WIDE
    return loadLanes(p, count)
  #else
    return count == laneCount ? p.loadUnaligned(as: Lane.self) : loadLanes(p, count)
  #endif
}

@inline(always) func writeLanes(_ p: Raw, _ x: Lane, _ count: Int) {
  #if BETTY_WIDE
    storeLanes(p, x, count)
  #else
    if count == laneCount {
      p.storeBytes(of: x, as: Lane.self)
    } else {
      storeLanes(p, x, count)
    }
  #endif
}

/// One pixel: what it reads and what it writes.
struct PixelPlace {
  var source: RawIn
  var target: Raw
}

/// Walks over the pixels of a block, row by row.
struct PixelWalk {
  private let lattice: ConvolutionLattice
  private var source: RawIn
  private var target: Raw
  private var column = 0
  private var row = 0
  private(set) var left: Int

  @inline(always) init(_ lattice: ConvolutionLattice, _ source: RawIn, _ target: Raw) {
    self.lattice = lattice
    self.source = source
    self.target = target
    left = lattice.count
  }

  /// The places of the next pixels, as many as fit a tile; the last one repeats where none is left.
  @inline(always) mutating func next(_ places: UnsafeMutablePointer<PixelPlace>, _ count: Int) {
    for i in 0..<count {
      places[i] = PixelPlace(source: source, target: target)
      if left > 1 { advance() }
      left &-= 1
    }
  }

  @inline(always) private mutating func advance() {
    column &+= 1
    if column < lattice.columns {
      source += lattice.sourceColumn
      target += lattice.targetColumn
      return
    }
    column = 0
    row &+= 1
    source += lattice.sourceRow &- (lattice.columns &- 1) &* lattice.sourceColumn
    target += lattice.targetRow &- (lattice.columns &- 1) &* lattice.targetColumn
    if row < lattice.rows { return }
    row = 0
    source += lattice.sourceImage &- lattice.rows &* lattice.sourceRow
    target += lattice.targetImage &- lattice.rows &* lattice.targetRow
  }
}

/// target[pixel, f] = sum over runs and their numbers of source[pixel, run, i] filters[run, i, f].
func convolve<N: TileNumbers, R: TileResults>(
  _: N.Type, _: R.Type, _ target: Raw, _ source: RawIn, _ filters: RawIn,
  _ runs: UnsafeBufferPointer<ConvolutionRun>,
  _ lattice: ConvolutionLattice, _ lanes: Int
) {
  // Without runs nothing is read: the pixels become zeros.
  let none = UnsafePointer<ConvolutionRun>(bitPattern: MemoryLayout<ConvolutionRun>.alignment)
  guard let first = runs.baseAddress ?? none, lattice.count > 0 else { return }
  var depth = 0
  for run in runs { depth &+= run.length }
  withUnsafeTemporaryAllocation(of: PixelPlace.self, capacity: tilePixels) { buffer in
    let places = buffer.baseAddress.unsafelyUnwrapped
    var lane = 0
    var packed = filters
    while lane < lanes {
      let wide = lanes &- lane > laneCount
      let last = wide ? min(lanes &- lane &- laneCount, laneCount) : lanes &- lane
      var walk = PixelWalk(lattice, source, target)
      while walk.left > 0 {
        walk.next(places, tilePixels)
        wideOrNarrowTile(
          N.self, R.self, wide, places, packed, first, runs.count, lane &* R.size, last)
      }
      lane &+= wide ? 2 &* laneCount : laneCount
      packed += depth &* (wide ? 2 : 1) &* laneBytes
    }
  }
}

@inline(always) private func wideOrNarrowTile<N: TileNumbers, R: TileResults>(
  _: N.Type, _: R.Type, _ wide: Bool, _ places: UnsafePointer<PixelPlace>, _ filters: RawIn,
  _ runs: UnsafePointer<ConvolutionRun>, _ count: Int, _ at: Int, _ last: Int
) {
  #if BETTY_WIDE
    if wide {
      tile8x2(N.self, R.self, places, filters, runs, count, at, last)
    } else {
      tile8x1(N.self, R.self, places, filters, runs, count, at, last)
    }
  #else
    if wide {
      tile6x2(N.self, R.self, places, filters, runs, count, at, last)
    } else {
      tile6x1(N.self, R.self, places, filters, runs, count, at, last)
    }
  #endif
}
