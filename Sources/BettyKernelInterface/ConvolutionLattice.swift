// Where the pixels of a block of a convolution lie: images × rows × columns, each with its step in the
// source (a frame of an image, padded) and in the target. Steps are in bytes.

package struct ConvolutionLattice: Hashable, Sendable {
  package var images = 1
  package var rows = 1
  package var columns = 1
  package var sourceImage = 0
  package var sourceRow = 0
  package var sourceColumn = 0
  package var targetImage = 0
  package var targetRow = 0
  package var targetColumn = 0

  package init() {}
  package var count: Int { images * rows * columns }
}

/// Consecutive numbers that one tap, or a row of taps, reads under a pixel. Offsets in bytes from the
/// pixel's place in the source.
package struct ConvolutionRun: Hashable, Sendable {
  package var offset: Int
  /// Numbers, each with its row of filters.
  package var length: Int
  /// Where its first row of filters lies, in bytes; for depthwise filters, which are not packed.
  package var filters: Int

  package init(offset: Int, length: Int, filters: Int) {
    self.offset = offset
    self.length = length
    self.filters = filters
  }
}

/// What tiles read and write. Numbers of f32 are multiplied one by one, whatever they were stored as; pairs
/// of bf16 count as one number, and their products are added.
package struct TileFormat: Hashable, Sendable {
  /// The type of filters before they are packed.
  package var stored = DType.f32
  package var pairs = false
  package var result = DType.f32
  /// Results are added to what is there: pairs with results of f32.
  package var adds = false

  package init(stored: DType = .f32, pairs: Bool = false, result: DType = .f32, adds: Bool = false)
  {
    self.stored = stored
    self.pairs = pairs
    self.result = result
    self.adds = adds
  }
}

/// How filters are packed: taps in a pass's order, `inner` stored numbers of each, `lanes` filters side by
/// side (the last block filled with zeros). Steps are in stored numbers.
package struct ConvolutionPacking: Hashable, Sendable {
  package var inner = 0
  package var lanes = 0
  package var tapStep = 0
  package var innerStep = 0
  package var laneStep = 0

  package init() {}
}

/// Direct convolution: what is read under a pixel is a list of runs, what is written or summed a row of
/// lanes (filters, or channels where each has its own filter). Depthwise kernels are for f32.
package struct DirectConvolution: Sendable {
  package typealias Runs = UnsafeBufferPointer<ConvolutionRun>
  /// Filters of a vector; they are packed in blocks of two.
  package let laneCount: Int
  /// Bytes that may be read past the last number under a pixel.
  package let slack: Int
  /// (format, target, source, packed filters, runs, lattice, lanes): writes the pixels' lanes
  package let convolve:
    @Sendable (TileFormat, Raw, RawIn, RawIn, Runs, ConvolutionLattice, Int) -> Void
  /// (format, packed, filters, taps, packing, first block, last block)
  package let pack:
    @Sendable (TileFormat, Raw, RawIn, UnsafeBufferPointer<Int>, ConvolutionPacking, Int, Int) ->
      Void
  /// (pairs, sums, bytes between their rows, source, gradient, runs, lattice, lanes): adds to the sums
  package let accumulate:
    @Sendable (Bool, Raw, Int, RawIn, RawIn, Runs, ConvolutionLattice, Int) -> Void
  /// (target, source, filters, taps, lattice, channels)
  package let convolveDepthwise:
    @Sendable (Raw, RawIn, RawIn, Runs, ConvolutionLattice, Int) -> Void
  /// (sums, source, gradient, taps, lattice, channels)
  package let accumulateDepthwise:
    @Sendable (Raw, RawIn, RawIn, Runs, ConvolutionLattice, Int) -> Void
  /// Rows of a matrix of bf16 as pairs: (packed, bytes between its rows, source, its leading dimension,
  /// whether it is transposed, rows, numbers in a row)
  package let packPairs: @Sendable (Raw, Int, RawIn, Int, Bool, Int, Int) -> Void
  /// Pixels of bf16 as pairs: (pairs, the first pixels, the second ones, numbers from one to the next,
  /// count, channels)
  package let interleavePairs: @Sendable (Raw, RawIn, RawIn, Int, Int, Int) -> Void

  package init(
    laneCount: Int, slack: Int,
    convolve:
      @escaping @Sendable (TileFormat, Raw, RawIn, RawIn, Runs, ConvolutionLattice, Int) -> Void,
    pack:
      @escaping @Sendable (
        TileFormat, Raw, RawIn, UnsafeBufferPointer<Int>, ConvolutionPacking, Int, Int
      ) -> Void,
    accumulate:
      @escaping @Sendable (Bool, Raw, Int, RawIn, RawIn, Runs, ConvolutionLattice, Int) -> Void,
    convolveDepthwise:
      @escaping @Sendable (Raw, RawIn, RawIn, Runs, ConvolutionLattice, Int) -> Void,
    accumulateDepthwise:
      @escaping @Sendable (Raw, RawIn, RawIn, Runs, ConvolutionLattice, Int) -> Void,
    packPairs: @escaping @Sendable (Raw, Int, RawIn, Int, Bool, Int, Int) -> Void,
    interleavePairs: @escaping @Sendable (Raw, RawIn, RawIn, Int, Int, Int) -> Void
  ) {
    self.laneCount = laneCount
    self.slack = slack
    self.convolve = convolve
    self.pack = pack
    self.accumulate = accumulate
    self.convolveDepthwise = convolveDepthwise
    self.accumulateDepthwise = accumulateDepthwise
    self.packPairs = packPairs
    self.interleavePairs = interleavePairs
  }

  /// Numbers of packed filters for `depth` numbers under a pixel.
  package func packedCount(lanes: Int, depth: Int) -> Int {
    (lanes + laneCount - 1) / laneCount * laneCount * depth
  }

  package func blocks(_ lanes: Int) -> Int { (lanes + 2 * laneCount - 1) / (2 * laneCount) }
}
