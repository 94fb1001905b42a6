// Table entries of convolutions.

import BettyKernelInterface

extension KernelTable {
  mutating func fillConvolutions() {
    direct = DirectConvolution(
      laneCount: laneCount, slack: narrowRows * 4, convolve: convolve, pack: packFilters,
      accumulate: accumulateFilters, convolveDepthwise: convolveDepthwise,
      accumulateDepthwise: accumulateDepthwise)
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
