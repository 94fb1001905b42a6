// Gradients of filters, f32: a tile of numbers under a pixel × filters stays in registers over all pixels
// of a block and is then added to the sums. Reads up to a tile's rows past the last number of a run.

import BettyKernelInterface

@inline(always) private func addRow(_ sums: Raw, _ a: Lane, _ last: Int) {
  if last == laneCount {
    sums.storeBytes(of: sums.loadUnaligned(as: Lane.self) + a, as: Lane.self)
  } else {
    storeLanes(sums, loadLanes(sums, last) + a, last)
  }
}

@inline(always) private func addRow(_ sums: Raw, _ a: Lane, _ b: Lane, _ last: Int) {
  sums.storeBytes(of: sums.loadUnaligned(as: Lane.self) + a, as: Lane.self)
  addRow(sums + laneBytes, b, last)
}

#if BETTY_WIDE
  /// 8 rows × 2 vectors; the first `rows` rows and all lanes but those after `last` are real.
  @inline(never) func filterTile8x2(
    _ sums: Raw, _ step: Int, _ source: RawIn, _ target: RawIn, _ lattice: ConvolutionLattice,
    _ rows: Int, _ last: Int
  ) {
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
    for image in 0..<lattice.images {
      for row in 0..<lattice.rows {
        var x = source + (image &* lattice.sourceImage &+ row &* lattice.sourceRow)
        var g = target + (image &* lattice.targetImage &+ row &* lattice.targetRow)
        let end = g + lattice.columns &* lattice.targetColumn
        while g < end {
          let g0 = g.loadUnaligned(as: Lane.self)
          let g1 =
            last == laneCount
            ? (g + 1 &* laneBytes).loadUnaligned(as: Lane.self)
            : loadLanes(g + 1 &* laneBytes, last)
          let a0 = Lane(repeating: (x + 0).load(as: Float.self))
          c00 = multiplyAdd(a0, g0, c00)
          c01 = multiplyAdd(a0, g1, c01)
          let a1 = Lane(repeating: (x + 4).load(as: Float.self))
          c10 = multiplyAdd(a1, g0, c10)
          c11 = multiplyAdd(a1, g1, c11)
          let a2 = Lane(repeating: (x + 8).load(as: Float.self))
          c20 = multiplyAdd(a2, g0, c20)
          c21 = multiplyAdd(a2, g1, c21)
          let a3 = Lane(repeating: (x + 12).load(as: Float.self))
          c30 = multiplyAdd(a3, g0, c30)
          c31 = multiplyAdd(a3, g1, c31)
          let a4 = Lane(repeating: (x + 16).load(as: Float.self))
          c40 = multiplyAdd(a4, g0, c40)
          c41 = multiplyAdd(a4, g1, c41)
          let a5 = Lane(repeating: (x + 20).load(as: Float.self))
          c50 = multiplyAdd(a5, g0, c50)
          c51 = multiplyAdd(a5, g1, c51)
          let a6 = Lane(repeating: (x + 24).load(as: Float.self))
          c60 = multiplyAdd(a6, g0, c60)
          c61 = multiplyAdd(a6, g1, c61)
          let a7 = Lane(repeating: (x + 28).load(as: Float.self))
          c70 = multiplyAdd(a7, g0, c70)
          c71 = multiplyAdd(a7, g1, c71)
          x += lattice.sourceColumn
          g += lattice.targetColumn
        }
      }
    }
    if rows > 0 { addRow(sums + 0 &* step, c00, c01, last) }
    if rows > 1 { addRow(sums + 1 &* step, c10, c11, last) }
    if rows > 2 { addRow(sums + 2 &* step, c20, c21, last) }
    if rows > 3 { addRow(sums + 3 &* step, c30, c31, last) }
    if rows > 4 { addRow(sums + 4 &* step, c40, c41, last) }
    if rows > 5 { addRow(sums + 5 &* step, c50, c51, last) }
    if rows > 6 { addRow(sums + 6 &* step, c60, c61, last) }
    if rows > 7 { addRow(sums + 7 &* step, c70, c71, last) }
  }

  /// 8 rows × 1 vector; the first `rows` rows and all lanes but those after `last` are real.
  @inline(never) func filterTile8x1(
    _ sums: Raw, _ step: Int, _ source: RawIn, _ target: RawIn, _ lattice: ConvolutionLattice,
    _ rows: Int, _ last: Int
  ) {
    var c00 = Lane(repeating: 0)
    var c10 = Lane(repeating: 0)
    var c20 = Lane(repeating: 0)
    var c30 = Lane(repeating: 0)
    var c40 = Lane(repeating: 0)
    var c50 = Lane(repeating: 0)
    var c60 = Lane(repeating: 0)
    var c70 = Lane(repeating: 0)
    for image in 0..<lattice.images {
      for row in 0..<lattice.rows {
        var x = source + (image &* lattice.sourceImage &+ row &* lattice.sourceRow)
        var g = target + (image &* lattice.targetImage &+ row &* lattice.targetRow)
        let end = g + lattice.columns &* lattice.targetColumn
        while g < end {
          let g0 =
            last == laneCount
            ? (g + 0 &* laneBytes).loadUnaligned(as: Lane.self)
            : loadLanes(g + 0 &* laneBytes, last)
          let a0 = Lane(repeating: (x + 0).load(as: Float.self))
          c00 = multiplyAdd(a0, g0, c00)
          let a1 = Lane(repeating: (x + 4).load(as: Float.self))
          c10 = multiplyAdd(a1, g0, c10)
          let a2 = Lane(repeating: (x + 8).load(as: Float.self))
          c20 = multiplyAdd(a2, g0, c20)
          let a3 = Lane(repeating: (x + 12).load(as: Float.self))
          c30 = multiplyAdd(a3, g0, c30)
          let a4 = Lane(repeating: (x + 16).load(as: Float.self))
          c40 = multiplyAdd(a4, g0, c40)
          let a5 = Lane(repeating: (x + 20).load(as: Float.self))
          c50 = multiplyAdd(a5, g0, c50)
          let a6 = Lane(repeating: (x + 24).load(as: Float.self))
          c60 = multiplyAdd(a6, g0, c60)
          let a7 = Lane(repeating: (x + 28).load(as: Float.self))
          c70 = multiplyAdd(a7, g0, c70)
          x += lattice.sourceColumn
          g += lattice.targetColumn
        }
      }
    }
    if rows > 0 { addRow(sums + 0 &* step, c00, last) }
    if rows > 1 { addRow(sums + 1 &* step, c10, last) }
    if rows > 2 { addRow(sums + 2 &* step, c20, last) }
    if rows > 3 { addRow(sums + 3 &* step, c30, last) }
    if rows > 4 { addRow(sums + 4 &* step, c40, last) }
    if rows > 5 { addRow(sums + 5 &* step, c50, last) }
    if rows > 6 { addRow(sums + 6 &* step, c60, last) }
    if rows > 7 { addRow(sums + 7 &* step, c70, last) }
  }
#else
  /// 4 rows × 2 vectors; the first `rows` rows and all lanes but those after `last` are real.
  @inline(never) func filterTile4x2(
    _ sums: Raw, _ step: Int, _ source: RawIn, _ target: RawIn, _ lattice: ConvolutionLattice,
    _ rows: Int, _ last: Int
  ) {
    var c00 = Lane(repeating: 0)
    var c01 = Lane(repeating: 0)
    var c10 = Lane(repeating: 0)
    var c11 = Lane(repeating: 0)
    var c20 = Lane(repeating: 0)
    var c21 = Lane(repeating: 0)
    var c30 = Lane(repeating: 0)
    var c31 = Lane(repeating: 0)
    for image in 0..<lattice.images {
      for row in 0..<lattice.rows {
        var x = source + (image &* lattice.sourceImage &+ row &* lattice.sourceRow)
        var g = target + (image &* lattice.targetImage &+ row &* lattice.targetRow)
        let end = g + lattice.columns &* lattice.targetColumn
        while g < end {
          let g0 = g.loadUnaligned(as: Lane.self)
          let g1 =
            last == laneCount
            ? (g + 1 &* laneBytes).loadUnaligned(as: Lane.self)
            : loadLanes(g + 1 &* laneBytes, last)
          let a0 = Lane(repeating: (x + 0).load(as: Float.self))
          c00 = multiplyAdd(a0, g0, c00)
          c01 = multiplyAdd(a0, g1, c01)
          let a1 = Lane(repeating: (x + 4).load(as: Float.self))
          c10 = multiplyAdd(a1, g0, c10)
          c11 = multiplyAdd(a1, g1, c11)
          let a2 = Lane(repeating: (x + 8).load(as: Float.self))
          c20 = multiplyAdd(a2, g0, c20)
          c21 = multiplyAdd(a2, g1, c21)
          let a3 = Lane(repeating: (x + 12).load(as: Float.self))
          c30 = multiplyAdd(a3, g0, c30)
          c31 = multiplyAdd(a3, g1, c31)
          x += lattice.sourceColumn
          g += lattice.targetColumn
        }
      }
    }
    if rows > 0 { addRow(sums + 0 &* step, c00, c01, last) }
    if rows > 1 { addRow(sums + 1 &* step, c10, c11, last) }
    if rows > 2 { addRow(sums + 2 &* step, c20, c21, last) }
    if rows > 3 { addRow(sums + 3 &* step, c30, c31, last) }
  }

  /// 4 rows × 1 vector; the first `rows` rows and all lanes but those after `last` are real.
  @inline(never) func filterTile4x1(
    _ sums: Raw, _ step: Int, _ source: RawIn, _ target: RawIn, _ lattice: ConvolutionLattice,
    _ rows: Int, _ last: Int
  ) {
    var c00 = Lane(repeating: 0)
    var c10 = Lane(repeating: 0)
    var c20 = Lane(repeating: 0)
    var c30 = Lane(repeating: 0)
    for image in 0..<lattice.images {
      for row in 0..<lattice.rows {
        var x = source + (image &* lattice.sourceImage &+ row &* lattice.sourceRow)
        var g = target + (image &* lattice.targetImage &+ row &* lattice.targetRow)
        let end = g + lattice.columns &* lattice.targetColumn
        while g < end {
          let g0 =
            last == laneCount
            ? (g + 0 &* laneBytes).loadUnaligned(as: Lane.self)
            : loadLanes(g + 0 &* laneBytes, last)
          let a0 = Lane(repeating: (x + 0).load(as: Float.self))
          c00 = multiplyAdd(a0, g0, c00)
          let a1 = Lane(repeating: (x + 4).load(as: Float.self))
          c10 = multiplyAdd(a1, g0, c10)
          let a2 = Lane(repeating: (x + 8).load(as: Float.self))
          c20 = multiplyAdd(a2, g0, c20)
          let a3 = Lane(repeating: (x + 12).load(as: Float.self))
          c30 = multiplyAdd(a3, g0, c30)
          x += lattice.sourceColumn
          g += lattice.targetColumn
        }
      }
    }
    if rows > 0 { addRow(sums + 0 &* step, c00, last) }
    if rows > 1 { addRow(sums + 1 &* step, c10, last) }
    if rows > 2 { addRow(sums + 2 &* step, c20, last) }
    if rows > 3 { addRow(sums + 3 &* step, c30, last) }
  }
#endif

/// sums[run, i, f] += sum over pixels of source[pixel, run, i] gradient[pixel, f]; a run's rows of sums
/// begin at its `filters`, `step` bytes apart.
func accumulateFilters(
  _ sums: Raw, _ step: Int, _ source: RawIn, _ gradient: RawIn,
  _ runs: UnsafeBufferPointer<ConvolutionRun>, _ lattice: ConvolutionLattice, _ lanes: Int
) {
  for run in runs {
    var i = 0
    while i < run.length {
      let rows = min(tilePixels, run.length &- i)
      let x = source + (run.offset &+ i &* 4)
      let to = sums + (run.filters &+ i &* step)
      var lane = 0
      while lane < lanes {
        let wide = lanes &- lane > laneCount
        let last = wide ? min(lanes &- lane &- laneCount, laneCount) : lanes &- lane
        let (g, out) = (gradient + lane &* 4, to + lane &* 4)
        #if BETTY_WIDE
          if wide {
            filterTile8x2(out, step, x, g, lattice, rows, last)
          } else {
            filterTile8x1(out, step, x, g, lattice, rows, last)
          }
        #else
          if wide {
            filterTile4x2(out, step, x, g, lattice, rows, last)
          } else {
            filterTile4x1(out, step, x, g, lattice, rows, last)
          }
        #endif
        lane &+= wide ? 2 &* laneCount : laneCount
      }
      i &+= tilePixels
    }
  }
}
