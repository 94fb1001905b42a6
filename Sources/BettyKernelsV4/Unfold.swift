// Convolution of any shape as a product of matrices: `unfold` writes what each filter sees as a row,
// `fold` is its transpose. Rows are pixels of the output; a row holds taps × channels of one group, in
// the order of the filters. Taps that lie in the padding are zeros, and are skipped on the way back.

import BettyKernelInterface

/// One tap of a row of output pixels: which columns of the image it meets.
struct TapRange {
  /// First and last (exclusive) output column whose tap lies inside the image.
  let first: Int
  let last: Int

  /// `offset`: column of the image under the tap for output column 0.
  @inline(always) init(offset: Int, stride: Int, width: Int, columns: Range<Int>) {
    let low = offset >= 0 ? 0 : (stride &- 1 &- offset) / stride
    let high = width <= offset ? 0 : (width &- offset &+ stride &- 1) / stride
    first = min(max(low, columns.lowerBound), columns.upperBound)
    last = min(max(high, first), columns.upperBound)
  }
}

/// Visits, for the output pixels first..<last of the whole batch, each run of pixels in one row of
/// an image and each tap: (row of the columns, tap, the columns inside, image row start or nil).
@inline(always) private func visitTaps(
  _ size: ConvolutionSize, _ first: Int, _ last: Int,
  _ visit: (_ row: Int, _ count: Int, _ tap: Int, _ source: Int, _ inside: Range<Int>) -> Void
) {
  var pixel = first
  while pixel < last {
    let line = pixel / size.outWidth
    let column = pixel &- line &* size.outWidth
    let count = min(size.outWidth &- column, last &- pixel)
    let image = line / size.outHeight
    let top = (line &- image &* size.outHeight) &* size.strideHeight &- size.padTop
    for r in 0..<size.kernelHeight {
      let y = top &+ r &* size.dilationHeight
      let isInside = y >= 0 && y < size.height
      for s in 0..<size.kernelWidth {
        let offset = s &* size.dilationWidth &- size.padLeft
        let range = TapRange(
          offset: offset, stride: size.strideWidth, width: size.width,
          columns: column..<column &+ count)
        // The pixel of the image under the tap of the run's first column; may lie outside.
        let source =
          (image &* size.height &+ y) &* size.width &+ offset &+ column &* size.strideWidth
        let inside =
          isInside ? range.first &- column..<range.last &- column : 0..<0
        visit(pixel &- first, count, r &* size.kernelWidth &+ s, source, inside)
      }
    }
    pixel &+= count
  }
}

/// columns[pixel - first, tap, c] = x[pixel under the tap, group, c], or 0 in the padding.
@inline(always) func unfoldPixels<E: Element>(
  _: E.Type, _ columns: Raw, _ x: RawIn, _ size: ConvolutionSize, _ group: Int, _ first: Int,
  _ last: Int
) {
  let bytes = MemoryLayout<E.Scalar>.size
  let run = size.groupChannels &* bytes
  let row = size.unfolded &* bytes
  let pixelBytes = size.channels &* bytes
  let step = size.strideWidth &* pixelBytes
  let base = x + group &* run
  visitTaps(size, first, last) { start, count, tap, source, inside in
    let target = columns + start &* row + tap &* run
    for i in 0..<inside.lowerBound { zero(target + i &* row, run) }
    var from = base + source &* pixelBytes + inside.lowerBound &* step
    for i in inside {
      copyRun(E.self, target + i &* row, from, run)
      from += step
    }
    for i in inside.upperBound..<count { zero(target + i &* row, run) }
  }
}

/// x[pixel under the tap, group, c] += columns[pixel - first, tap, c]
@inline(always) func foldPixels<E: Element>(
  _: E.Type, _ x: Raw, _ columns: RawIn, _ size: ConvolutionSize, _ group: Int, _ first: Int,
  _ last: Int
) {
  let bytes = MemoryLayout<E.Scalar>.size
  let run = size.groupChannels &* bytes
  let row = size.unfolded &* bytes
  let pixelBytes = size.channels &* bytes
  let step = size.strideWidth &* pixelBytes
  let base = x + group &* run
  visitTaps(size, first, last) { start, _, tap, source, inside in
    let from = columns + start &* row + tap &* run
    var target = base + source &* pixelBytes + inside.lowerBound &* step
    for i in inside {
      binary(Add<E>.self, target, target, from + i &* row, size.groupChannels)
      target += step
    }
  }
}

@inline(always) private func zero(_ target: Raw, _ bytes: Int) {
  target.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
}

/// Short runs are moved a vector at a time: a call for each costs more than the move.
@inline(always) private func copyRun<E: Element>(
  _: E.Type, _ target: Raw, _ source: RawIn, _ bytes: Int
) {
  let step = E.lanes &* MemoryLayout<E.Scalar>.size
  var at = 0
  while at &+ step <= bytes {
    E.store(target + at, E.load(source + at))
    at &+= step
  }
  if at < bytes {
    let left = (bytes &- at) / MemoryLayout<E.Scalar>.size
    E.storePart(target + at, E.loadPart(source + at, left), left)
  }
}
