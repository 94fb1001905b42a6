// Table entries of convolutions.

import BettyKernelInterface

private typealias Runs = DirectConvolution.Runs

private func convolve(
  _ format: TileFormat, _ target: Raw, _ source: RawIn, _ filters: RawIn, _ runs: Runs,
  _ lattice: ConvolutionLattice, _ lanes: Int
) {
  @inline(always) func run<N: TileNumbers, R: TileResults>(_: N.Type, _: R.Type) {
    convolve(N.self, R.self, target, source, filters, runs, lattice, lanes)
  }
  switch (format.pairs, format.result) {
  case (false, .bf16): run(Singles.self, NarrowResults<BF16>.self)
  case (false, .f16): run(Singles.self, NarrowResults<F16>.self)
  case (false, _): run(Singles.self, SingleResults.self)
  case (true, .bf16): run(Pairs.self, NarrowResults<BF16>.self)
  case (true, _) where format.adds: run(Pairs.self, AddedResults.self)
  case (true, _): run(Pairs.self, SingleResults.self)
  }
}

private func pack(
  _ format: TileFormat, _ packed: Raw, _ filters: RawIn, _ taps: UnsafeBufferPointer<Int>,
  _ packing: ConvolutionPacking, _ first: Int, _ last: Int
) {
  @inline(always) func run<S: PackSource>(_: S.Type) {
    packFilters(S.self, packed, filters, taps, packing, first, last)
  }
  switch (format.pairs, format.stored) {
  case (true, _): run(PackPairs.self)
  case (false, .bf16): run(PackWidened<BFloat16>.self)
  case (false, .f16): run(PackWidened<Half>.self)
  case (false, _): run(PackSingles.self)
  }
}

private func accumulate(
  _ pairs: Bool, _ sums: Raw, _ step: Int, _ source: RawIn, _ gradient: RawIn, _ runs: Runs,
  _ lattice: ConvolutionLattice, _ lanes: Int
) {
  if pairs {
    accumulateFilters(Pairs.self, sums, step, source, gradient, runs, lattice, lanes)
  } else {
    accumulateFilters(Singles.self, sums, step, source, gradient, runs, lattice, lanes)
  }
}

extension KernelTable {
  mutating func fillConvolutions() {
    direct = DirectConvolution(
      laneCount: laneCount, slack: narrowRows * 4, convolve: convolve, pack: pack,
      accumulate: accumulate, convolveDepthwise: convolveDepthwise,
      accumulateDepthwise: accumulateDepthwise, packPairs: packPairs,
      interleavePairs: interleavePairs)
    unfold = [
      { columns, x, size, group, first, last in
        unfoldPixels(F64.self, columns, x, size, group, first, last)
      },
      { columns, x, size, group, first, last in
        unfoldPixels(F32.self, columns, x, size, group, first, last)
      },
    ]
    fold = [
      { x, columns, size, group, first, last in
        foldPixels(F64.self, x, columns, size, group, first, last)
      },
      { x, columns, size, group, first, last in
        foldPixels(F32.self, x, columns, size, group, first, last)
      },
    ]
  }
}
