// Gradients of filters: a tile of numbers under a pixel × filters stays in registers over all pixels
// of a block and is then added to the sums, which are f32. Reads up to a tile's rows past the last number of a run.

import BettyKernelInterface

@inline(always) private func addRow(_ sums: Raw, _ a: Lane, _ last: Int) {
  writeLanes(sums, readLanes(sums, last) + a, last)
}

@inline(always) private func addRow(_ sums: Raw, _ a: Lane, _ b: Lane, _ last: Int) {
  sums.storeBytes(of: sums.loadUnaligned(as: Lane.self) + a, as: Lane.self)
  addRow(sums + laneBytes, b, last)
}

/// Rows of a tile of one vector, which has room for twice as many.
var narrowRows: Int { 2 &* tilePixels }

#if BETTY_WIDE
  /// 8 rows × 2 vectors; the first `rows` rows and all lanes but those after `last` are real.
  @inline(never) func filterTile8x2<N: TileNumbers>(
    _: N.Type, _ sums: Raw, _ step: Int, _ source: RawIn, _ target: RawIn,
    _ lattice: ConvolutionLattice, _ rows: Int, _ last: Int
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
          let g0 = N.row(g)
          let g1 = N.row(g + laneBytes, last)
          let a0 = N.number(x + 0)
          c00 = N.multiplyAdd(a0, g0, c00)
          c01 = N.multiplyAdd(a0, g1, c01)
          let a1 = N.number(x + 4)
          c10 = N.multiplyAdd(a1, g0, c10)
          c11 = N.multiplyAdd(a1, g1, c11)
          let a2 = N.number(x + 8)
          c20 = N.multiplyAdd(a2, g0, c20)
          c21 = N.multiplyAdd(a2, g1, c21)
          let a3 = N.number(x + 12)
          c30 = N.multiplyAdd(a3, g0, c30)
          c31 = N.multiplyAdd(a3, g1, c31)
          let a4 = N.number(x + 16)
          c40 = N.multiplyAdd(a4, g0, c40)
          c41 = N.multiplyAdd(a4, g1, c41)
          let a5 = N.number(x + 20)
          c50 = N.multiplyAdd(a5, g0, c50)
          c51 = N.multiplyAdd(a5, g1, c51)
          let a6 = N.number(x + 24)
          c60 = N.multiplyAdd(a6, g0, c60)
          c61 = N.multiplyAdd(a6, g1, c61)
          let a7 = N.number(x + 28)
          c70 = N.multiplyAdd(a7, g0, c70)
          c71 = N.multiplyAdd(a7, g1, c71)
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

  /// 16 rows × 1 vector; the first `rows` rows and all lanes but those after `last` are real.
  @inline(never) func filterTile16x1<N: TileNumbers>(
    _: N.Type, _ sums: Raw, _ step: Int, _ source: RawIn, _ target: RawIn,
    _ lattice: ConvolutionLattice, _ rows: Int, _ last: Int
  ) {
    var c0x0 = Lane(repeating: 0)
    var c1x0 = Lane(repeating: 0)
    var c2x0 = Lane(repeating: 0)
    var c3x0 = Lane(repeating: 0)
    var c4x0 = Lane(repeating: 0)
    var c5x0 = Lane(repeating: 0)
    var c6x0 = Lane(repeating: 0)
    var c7x0 = Lane(repeating: 0)
    var c8x0 = Lane(repeating: 0)
    var c9x0 = Lane(repeating: 0)
    var c10x0 = Lane(repeating: 0)
    var c11x0 = Lane(repeating: 0)
    var c12x0 = Lane(repeating: 0)
    var c13x0 = Lane(repeating: 0)
    var c14x0 = Lane(repeating: 0)
    var c15x0 = Lane(repeating: 0)
    for image in 0..<lattice.images {
      for row in 0..<lattice.rows {
        var x = source + (image &* lattice.sourceImage &+ row &* lattice.sourceRow)
        var g = target + (image &* lattice.targetImage &+ row &* lattice.targetRow)
        let end = g + lattice.columns &* lattice.targetColumn
        while g < end {
          let g0 = N.row(g, last)
          let a0 = N.number(x + 0)
          c0x0 = N.multiplyAdd(a0, g0, c0x0)
          let a1 = N.number(x + 4)
          c1x0 = N.multiplyAdd(a1, g0, c1x0)
          let a2 = N.number(x + 8)
          c2x0 = N.multiplyAdd(a2, g0, c2x0)
          let a3 = N.number(x + 12)
          c3x0 = N.multiplyAdd(a3, g0, c3x0)
          let a4 = N.number(x + 16)
          c4x0 = N.multiplyAdd(a4, g0, c4x0)
          let a5 = N.number(x + 20)
          c5x0 = N.multiplyAdd(a5, g0, c5x0)
          let a6 = N.number(x + 24)
          c6x0 = N.multiplyAdd(a6, g0, c6x0)
          let a7 = N.number(x + 28)
          c7x0 = N.multiplyAdd(a7, g0, c7x0)
          let a8 = N.number(x + 32)
          c8x0 = N.multiplyAdd(a8, g0, c8x0)
          let a9 = N.number(x + 36)
          c9x0 = N.multiplyAdd(a9, g0, c9x0)
          let a10 = N.number(x + 40)
          c10x0 = N.multiplyAdd(a10, g0, c10x0)
          let a11 = N.number(x + 44)
          c11x0 = N.multiplyAdd(a11, g0, c11x0)
          let a12 = N.number(x + 48)
          c12x0 = N.multiplyAdd(a12, g0, c12x0)
          let a13 = N.number(x + 52)
          c13x0 = N.multiplyAdd(a13, g0, c13x0)
          let a14 = N.number(x + 56)
          c14x0 = N.multiplyAdd(a14, g0, c14x0)
          let a15 = N.number(x + 60)
          c15x0 = N.multiplyAdd(a15, g0, c15x0)
          x += lattice.sourceColumn
          g += lattice.targetColumn
        }
      }
    }
    if rows > 0 { addRow(sums + 0 &* step, c0x0, last) }
    if rows > 1 { addRow(sums + 1 &* step, c1x0, last) }
    if rows > 2 { addRow(sums + 2 &* step, c2x0, last) }
    if rows > 3 { addRow(sums + 3 &* step, c3x0, last) }
    if rows > 4 { addRow(sums + 4 &* step, c4x0, last) }
    if rows > 5 { addRow(sums + 5 &* step, c5x0, last) }
    if rows > 6 { addRow(sums + 6 &* step, c6x0, last) }
    if rows > 7 { addRow(sums + 7 &* step, c7x0, last) }
    if rows > 8 { addRow(sums + 8 &* step, c8x0, last) }
    if rows > 9 { addRow(sums + 9 &* step, c9x0, last) }
    if rows > 10 { addRow(sums + 10 &* step, c10x0, last) }
    if rows > 11 { addRow(sums + 11 &* step, c11x0, last) }
    if rows > 12 { addRow(sums + 12 &* step, c12x0, last) }
    if rows > 13 { addRow(sums + 13 &* step, c13x0, last) }
    if rows > 14 { addRow(sums + 14 &* step, c14x0, last) }
    if rows > 15 { addRow(sums + 15 &* step, c15x0, last) }
  }
#else
  /// 6 rows × 2 vectors; the first `rows` rows and all lanes but those after `last` are real.
  @inline(never) func filterTile6x2<N: TileNumbers>(
    _: N.Type, _ sums: Raw, _ step: Int, _ source: RawIn, _ target: RawIn,
    _ lattice: ConvolutionLattice, _ rows: Int, _ last: Int
  ) {
    var c0x0 = Lane(repeating: 0)
    var c0x1 = Lane(repeating: 0)
    var c1x0 = Lane(repeating: 0)
    var c1x1 = Lane(repeating: 0)
    var c2x0 = Lane(repeating: 0)
    var c2x1 = Lane(repeating: 0)
    var c3x0 = Lane(repeating: 0)
    var c3x1 = Lane(repeating: 0)
    var c4x0 = Lane(repeating: 0)
    var c4x1 = Lane(repeating: 0)
    var c5x0 = Lane(repeating: 0)
    var c5x1 = Lane(repeating: 0)
    for image in 0..<lattice.images {
      for row in 0..<lattice.rows {
        var x = source + (image &* lattice.sourceImage &+ row &* lattice.sourceRow)
        var g = target + (image &* lattice.targetImage &+ row &* lattice.targetRow)
        let end = g + lattice.columns &* lattice.targetColumn
        while g < end {
          let g0 = N.row(g)
          let g1 = N.row(g + laneBytes, last)
          let a0 = N.number(x + 0)
          c0x0 = N.multiplyAdd(a0, g0, c0x0)
          c0x1 = N.multiplyAdd(a0, g1, c0x1)
          let a1 = N.number(x + 4)
          c1x0 = N.multiplyAdd(a1, g0, c1x0)
          c1x1 = N.multiplyAdd(a1, g1, c1x1)
          let a2 = N.number(x + 8)
          c2x0 = N.multiplyAdd(a2, g0, c2x0)
          c2x1 = N.multiplyAdd(a2, g1, c2x1)
          let a3 = N.number(x + 12)
          c3x0 = N.multiplyAdd(a3, g0, c3x0)
          c3x1 = N.multiplyAdd(a3, g1, c3x1)
          let a4 = N.number(x + 16)
          c4x0 = N.multiplyAdd(a4, g0, c4x0)
          c4x1 = N.multiplyAdd(a4, g1, c4x1)
          let a5 = N.number(x + 20)
          c5x0 = N.multiplyAdd(a5, g0, c5x0)
          c5x1 = N.multiplyAdd(a5, g1, c5x1)
          x += lattice.sourceColumn
          g += lattice.targetColumn
        }
      }
    }
    if rows > 0 { addRow(sums + 0 &* step, c0x0, c0x1, last) }
    if rows > 1 { addRow(sums + 1 &* step, c1x0, c1x1, last) }
    if rows > 2 { addRow(sums + 2 &* step, c2x0, c2x1, last) }
    if rows > 3 { addRow(sums + 3 &* step, c3x0, c3x1, last) }
    if rows > 4 { addRow(sums + 4 &* step, c4x0, c4x1, last) }
    if rows > 5 { addRow(sums + 5 &* step, c5x0, c5x1, last) }
  }

  /// 12 rows × 1 vector; the first `rows` rows and all lanes but those after `last` are real.
  @inline(never) func filterTile12x1<N: TileNumbers>(
    _: N.Type, _ sums: Raw, _ step: Int, _ source: RawIn, _ target: RawIn,
    _ lattice: ConvolutionLattice, _ rows: Int, _ last: Int
  ) {
    var c0x0 = Lane(repeating: 0)
    var c1x0 = Lane(repeating: 0)
    var c2x0 = Lane(repeating: 0)
    var c3x0 = Lane(repeating: 0)
    var c4x0 = Lane(repeating: 0)
    var c5x0 = Lane(repeating: 0)
    var c6x0 = Lane(repeating: 0)
    var c7x0 = Lane(repeating: 0)
    var c8x0 = Lane(repeating: 0)
    var c9x0 = Lane(repeating: 0)
    var c10x0 = Lane(repeating: 0)
    var c11x0 = Lane(repeating: 0)
    for image in 0..<lattice.images {
      for row in 0..<lattice.rows {
        var x = source + (image &* lattice.sourceImage &+ row &* lattice.sourceRow)
        var g = target + (image &* lattice.targetImage &+ row &* lattice.targetRow)
        let end = g + lattice.columns &* lattice.targetColumn
        while g < end {
          let g0 = N.row(g, last)
          let a0 = N.number(x + 0)
          c0x0 = N.multiplyAdd(a0, g0, c0x0)
          let a1 = N.number(x + 4)
          c1x0 = N.multiplyAdd(a1, g0, c1x0)
          let a2 = N.number(x + 8)
          c2x0 = N.multiplyAdd(a2, g0, c2x0)
          let a3 = N.number(x + 12)
          c3x0 = N.multiplyAdd(a3, g0, c3x0)
          let a4 = N.number(x + 16)
          c4x0 = N.multiplyAdd(a4, g0, c4x0)
          let a5 = N.number(x + 20)
          c5x0 = N.multiplyAdd(a5, g0, c5x0)
          let a6 = N.number(x + 24)
          c6x0 = N.multiplyAdd(a6, g0, c6x0)
          let a7 = N.number(x + 28)
          c7x0 = N.multiplyAdd(a7, g0, c7x0)
          let a8 = N.number(x + 32)
          c8x0 = N.multiplyAdd(a8, g0, c8x0)
          let a9 = N.number(x + 36)
          c9x0 = N.multiplyAdd(a9, g0, c9x0)
          let a10 = N.number(x + 40)
          c10x0 = N.multiplyAdd(a10, g0, c10x0)
          let a11 = N.number(x + 44)
          c11x0 = N.multiplyAdd(a11, g0, c11x0)
          x += lattice.sourceColumn
          g += lattice.targetColumn
        }
      }
    }
    if rows > 0 { addRow(sums + 0 &* step, c0x0, last) }
    if rows > 1 { addRow(sums + 1 &* step, c1x0, last) }
    if rows > 2 { addRow(sums + 2 &* step, c2x0, last) }
    if rows > 3 { addRow(sums + 3 &* step, c3x0, last) }
    if rows > 4 { addRow(sums + 4 &* step, c4x0, last) }
    if rows > 5 { addRow(sums + 5 &* step, c5x0, last) }
    if rows > 6 { addRow(sums + 6 &* step, c6x0, last) }
    if rows > 7 { addRow(sums + 7 &* step, c7x0, last) }
    if rows > 8 { addRow(sums + 8 &* step, c8x0, last) }
    if rows > 9 { addRow(sums + 9 &* step, c9x0, last) }
    if rows > 10 { addRow(sums + 10 &* step, c10x0, last) }
    if rows > 11 { addRow(sums + 11 &* step, c11x0, last) }
  }
#endif

/// sums[run, i, f] += sum over pixels of source[pixel, run, i] gradient[pixel, f]; a run's rows of sums
/// begin at its `filters`, `step` bytes apart.
func accumulateFilters<N: TileNumbers>(
  _: N.Type, _ sums: Raw, _ step: Int, _ source: RawIn, _ gradient: RawIn,
  _ runs: UnsafeBufferPointer<ConvolutionRun>, _ lattice: ConvolutionLattice, _ lanes: Int
) {
  for run in runs {
    var lane = 0
    while lane < lanes {
      let wide = lanes &- lane > laneCount
      let last = wide ? min(lanes &- lane &- laneCount, laneCount) : lanes &- lane
      let tile = wide ? tilePixels : narrowRows
      var i = 0
      while i < run.length {
        let to = sums + (run.filters &+ i &* step &+ lane &* 4)
        let x = source + (run.offset &+ i &* 4)
        let rows = min(tile, run.length &- i)
        filterTile(N.self, wide, to, step, x, gradient + lane &* 4, lattice, rows, last)
        i &+= tile
      }
      lane &+= wide ? 2 &* laneCount : laneCount
    }
  }
}

@inline(always) private func filterTile<N: TileNumbers>(
  _: N.Type, _ wide: Bool, _ sums: Raw, _ step: Int, _ source: RawIn, _ gradient: RawIn,
  _ lattice: ConvolutionLattice, _ rows: Int, _ last: Int
) {
  #if BETTY_WIDE
    if wide {
      filterTile8x2(N.self, sums, step, source, gradient, lattice, rows, last)
    } else {
      filterTile16x1(N.self, sums, step, source, gradient, lattice, rows, last)
    }
  #else
    if wide {
      filterTile6x2(N.self, sums, step, source, gradient, lattice, rows, last)
    } else {
      filterTile12x1(N.self, sums, step, source, gradient, lattice, rows, last)
    }
  #endif
}
