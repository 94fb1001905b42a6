// Rows of an image of bf16 as pairs of pixels, for gradients of filters: under each tap of a row
// lie the pixels that two neighbouring pixels of the gradient see there. Taps of other columns see
// other pairs, so every one has a slice of its own: frame[image, row, tap column, pair, channel].

import BettyKernelInterface
import Glibc

struct PairedFrame: Sendable {
  private let direct: DirectConvolution
  private let rows: PassAxis
  private let columns: PassAxis
  private let taps: [PassAxis.Tap]
  private let channels: Int
  private let outWidth: Int
  /// Pairs in a row.
  let width: Int
  let runs: [ConvolutionRun]
  /// A pixel of zeros lies before the frame.
  let zeroBytes: Int
  let bytes: Int
  private let sliceBytes: Int
  private var rowBytes: Int { taps.count * sliceBytes }

  /// For the blocks of a pass; nil where the frame would be too large.
  init?(_ direct: DirectConvolution, _ size: ConvolutionSize, _ pass: ConvolutionPass) {
    self.direct = direct
    rows = pass.rows
    columns = pass.columns
    channels = size.channels
    outWidth = size.outWidth
    width = (size.outWidth + 1) / 2
    guard let down = rows.classes.first, let across = columns.classes.first else { return nil }
    taps = across
    zeroBytes = (Swift.max(size.channels, size.filters) * 2 + 63) & ~63
    let (slice, overflow) = (width * 4).multipliedReportingOverflow(by: size.channels)
    let lines = pass.blockImages * pass.rows.frame(pass.blockRows) * across.count
    guard !overflow, slice < Self.largest / Swift.max(lines, 1) else { return nil }
    sliceBytes = slice
    bytes = (zeroBytes + lines * slice + direct.slack + 63) & ~63
    var runs: [ConvolutionRun] = []
    for r in down {
      for (number, s) in across.enumerated() {
        let tap = r.tap * size.kernelWidth + s.tap
        runs.append(
          ConvolutionRun(
            offset: ((r.offset - rows.low) * across.count + number) * slice,
            length: size.groupChannels, filters: tap * size.groupChannels * size.filters * 4))
      }
    }
    self.runs = runs
  }

  private static let largest = 1 << 24

  /// Fills the frame for some images and rows of the gradient, and says how it is walked over.
  func fill(
    _ scratch: Raw, _ source: RawIn, _ images: Range<Int>, _ units: Range<Int>
  ) -> ConvolutionLattice {
    memset(scratch, 0, zeroBytes)
    let top = units.lowerBound * rows.step + rows.low
    let count = rows.frame(units.count)
    let line = columns.source * channels * 2
    var to = scratch + zeroBytes
    for image in images {
      for row in top..<top + count {
        if row < 0 || row >= rows.source {
          memset(to, 0, rowBytes)
        } else {
          for (number, tap) in taps.enumerated() {
            pair(
              to + number * sliceBytes, source + (image * rows.source + row) * line,
              width: columns.source, first: tap.offset, step: columns.step, count: outWidth,
              channels: channels,
              zeros: scratch)
          }
        }
        to += rowBytes
      }
    }
    var lattice = ConvolutionLattice()
    lattice.images = images.count
    lattice.rows = units.count
    lattice.columns = width
    lattice.sourceImage = count * rowBytes
    lattice.sourceRow = rows.step * rowBytes
    lattice.sourceColumn = channels * 4
    return lattice
  }

  /// Pixels first, first + step, ... of a row of `width`, `count` of them, two by two; zeros stand
  /// for those outside the row and for the one that an odd count lacks.
  func pair(
    _ to: Raw, _ row: RawIn, width: Int, first: Int, step: Int, count: Int, channels: Int,
    zeros: RawIn
  ) {
    let pixel = channels * 2
    func isInside(_ place: Int) -> Bool { place >= 0 && place < width }
    func edge(_ pair: Int) {
      let even = first + 2 * pair * step
      let odd = 2 * pair + 1 < count ? even + step : -1
      direct.interleavePairs(
        to + pair * channels * 4, isInside(even) ? row + even * pixel : zeros,
        isInside(odd) ? row + odd * pixel : zeros, 0, 1, channels)
    }
    let pairs = (count + 1) / 2
    // From the first pair whose pixels are both inside to the last.
    let low = Swift.min(first >= 0 ? 0 : (2 * step - 1 - first) / (2 * step), pairs)
    let reach = width - first - step
    let high = Swift.max(low, Swift.min(count / 2, reach <= 0 ? 0 : (reach - 1) / (2 * step) + 1))
    for pair in 0..<low { edge(pair) }
    if high > low {
      let even = row + (first + 2 * low * step) * pixel
      direct.interleavePairs(
        to + low * channels * 4, even, even + step * pixel, 2 * step * channels, high - low,
        channels)
    }
    for pair in high..<pairs { edge(pair) }
  }
}
