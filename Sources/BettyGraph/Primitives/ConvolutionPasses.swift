// Direct convolutions, planned: which numbers of a source are read under each pixel of a target. A
// convolution reads the input under pixels of the output. Its transpose reads the gradient under pixels
// of the input; with stride s those fall into s × s classes that meet different taps, and each is a
// plain convolution with its own part of the filters.
// Invariant: whatever a run reads lies in the source, or in a frame: a copy of some of its rows with
// zeros around them. Numbers under a pixel are four bytes each: an f32, which a frame may widen from a
// stored bf16 or f16, or a pair of bf16 channels, the last one with a zero where a group's are odd.

import BettyKernelInterface
import Glibc

/// One spatial axis of a pass.
struct PassAxis: Sendable {
  struct Tap: Sendable {
    let tap: Int
    /// Place in the source under unit 0.
    let offset: Int
  }

  let source: Int
  let target: Int
  /// Places of the target in a unit, each with its taps in order of their offsets.
  let classes: [[Tap]]
  /// Places of the source from one unit to the next.
  let step: Int
  let low: Int
  let high: Int

  var unit: Int { classes.count }
  var units: Int { (target + unit - 1) / unit }
  /// Places of the source that `count` units see.
  func frame(_ count: Int) -> Int { (count - 1) * step + high - low + 1 }
  var isInside: Bool { low >= 0 && (units - 1) * step + high < source }

  private init(source: Int, target: Int, step: Int, _ classes: [[Tap]]) {
    self.source = source
    self.target = target
    self.step = step
    self.classes = classes.map { $0.sorted { $0.offset < $1.offset } }
    let offsets = classes.joined().map(\.offset)
    low = offsets.min() ?? 0
    high = offsets.max() ?? 0
  }

  static func forward(
    input: Int, output: Int, taps: Int, stride: Int, dilation: Int, pad: Int
  ) -> PassAxis {
    let all = (0..<taps).map { Tap(tap: $0, offset: $0 * dilation - pad) }
    return PassAxis(source: input, target: output, step: stride, [all])
  }

  static func transposed(
    input: Int, output: Int, taps: Int, stride: Int, dilation: Int, pad: Int
  ) -> PassAxis {
    let classes = (0..<stride).map { place in
      (0..<taps).compactMap { tap -> Tap? in
        let distance = place + pad - tap * dilation
        let (offset, rest) = distance.quotientAndRemainder(dividingBy: stride)
        return rest == 0 ? Tap(tap: tap, offset: offset) : nil
      }
    }
    return PassAxis(source: output, target: input, step: 1, classes)
  }
}

/// Pixels of the target at one place of their unit, and what is read under each.
struct PassClass: Sendable {
  let row: Int
  let column: Int
  /// Of filters, in the order of the runs.
  let taps: [Int]
  let runs: [ConvolutionRun]
  /// Numbers under a pixel, of one group.
  let depth: Int
}

/// How a pass reads its source and writes its target.
struct PassFormat: Sendable {
  let stored: DType
  let result: DType
  /// Channels are read in pairs.
  let pairs: Bool
  /// To f32; nil where numbers are read as they lie.
  let widen: TileFunction?

  /// nil where there is no kernel for a type.
  init?(_ request: KernelRequest) {
    stored = request.inputs[0].dtype
    result = request.outputs[0].dtype
    guard stored.computeType == .f32 else { return nil }
    pairs = stored == .bf16 && request.table.multipliesPairs
    widen = stored == .f32 || pairs ? nil : request.table.conversion(stored, .f32)
    guard stored == .f32 || pairs || widen != nil else { return nil }
  }

  /// Numbers of four bytes that so many channels of a group are.
  func numbers(_ channels: Int) -> Int { pairs ? (channels + 1) / 2 : channels }

  var tiles: TileFormat { TileFormat(stored: stored, pairs: pairs, result: result) }
}

struct ConvolutionPass: Sendable {
  let batch: Int
  let groups: Int
  let format: PassFormat
  let rows: PassAxis
  let columns: PassAxis
  /// Channels of a group of the source, as they are stored.
  private let groupChannels: Int
  /// Numbers of a pixel of the source, channels of one of the target.
  let sourceNumbers: Int
  let targetChannels: Int
  let classes: [PassClass]
  let isDepthwise: Bool
  let needsFrame: Bool
  /// Images and rows of units that are done together.
  let blockImages: Int
  let blockRows: Int
  /// Bytes of a row of the source, or of its frame.
  let rowBytes: Int
  let frameBytes: Int

  /// A frame, the filters and the results share the second-level cache.
  private static let blockBytes = 1 << 17
  /// A frame of a single row that is larger than this is not made.
  private static let largestFrame = 1 << 22

  /// nil where a frame would be too large. `slack`: bytes read behind the last number of a run.
  init?(
    _ size: ConvolutionSize, _ format: PassFormat, transposed: Bool, slack: Int, threads: Int
  ) {
    let axis = transposed ? PassAxis.transposed : PassAxis.forward
    rows = axis(
      size.height, size.outHeight, size.kernelHeight, size.strideHeight, size.dilationHeight,
      size.padTop)
    columns = axis(
      size.width, size.outWidth, size.kernelWidth, size.strideWidth, size.dilationWidth,
      size.padLeft)
    batch = size.batch
    groups = size.groups
    isDepthwise = size.isDepthwise
    self.format = format
    groupChannels = transposed ? size.groupFilters : size.groupChannels
    sourceNumbers = format.numbers(groupChannels) * size.groups
    targetChannels = transposed ? size.channels : size.filters
    let pixel = sourceNumbers * 4
    let isCopied = format.widen != nil || format.pairs && groupChannels % 2 == 1
    needsFrame = !rows.isInside || !columns.isInside || slack > 0 || isCopied
    let width = needsFrame ? columns.frame(columns.units) : columns.source
    let (bytes, overflow) = width.multipliedReportingOverflow(by: pixel)
    guard !overflow, bytes < Self.largestFrame, rows.frame(1) < Self.largestFrame / bytes else {
      return nil
    }
    rowBytes = bytes
    let all = rows.frame(rows.units)
    if all <= Self.blockBytes / bytes {
      blockRows = rows.units
      // Enough blocks that every thread has some.
      let fitting = Swift.max(Self.blockBytes / (all * bytes), 1)
      let fair = (size.batch + 4 * threads - 1) / (4 * threads)
      blockImages = Swift.max(1, Swift.min(fitting, threads == 1 ? fitting : fair))
    } else {
      let fitting = (Self.blockBytes / bytes - (rows.high - rows.low)) / rows.step
      let fair = (rows.units + threads - 1) / threads
      blockRows = Swift.max(1, Swift.min(Swift.max(fitting, 4), fair))
      blockImages = 1
    }
    frameBytes =
      needsFrame ? blockImages * rows.frame(blockRows) * bytes + (slack + 63) & ~63 : 0
    classes = Self.classes(size, rows, columns, bytes, sourceNumbers)
  }

  private static func classes(
    _ size: ConvolutionSize, _ rows: PassAxis, _ columns: PassAxis, _ rowBytes: Int,
    _ numbers: Int
  ) -> [PassClass] {
    let own = numbers / size.groups
    var made: [PassClass] = []
    for (row, down) in rows.classes.enumerated() where row < rows.target {
      for (column, across) in columns.classes.enumerated() where column < columns.target {
        var runs: [ConvolutionRun] = []
        var taps: [Int] = []
        for r in down {
          var next: Int?
          for s in across {
            let tap = r.tap * size.kernelWidth + s.tap
            let place = (r.offset - rows.low) * rowBytes + (s.offset - columns.low) * numbers * 4
            if size.groups == 1, next == place, let last = runs.indices.last {
              runs[last].length += own
            } else {
              let first = tap * size.groupChannels * size.filters * 4
              runs.append(ConvolutionRun(offset: place, length: own, filters: first))
            }
            next = place + own * 4
            taps.append(tap)
          }
        }
        made.append(
          PassClass(
            row: row, column: column, taps: taps, runs: runs, depth: taps.count * own))
      }
    }
    return made
  }

  var imageBlocks: Int { (batch + blockImages - 1) / blockImages }
  var rowBlocks: Int { (rows.units + blockRows - 1) / blockRows }
  var blocks: Int { imageBlocks * rowBlocks }
  /// Bytes of a stored pixel and image.
  private var sourcePixel: Int { groupChannels * groups * format.stored.size }
  private var sourceImage: Int { rows.source * columns.source * sourcePixel }

  /// One block: which images and rows of units, and where the source under its first unit lies.
  struct Block {
    let images: Range<Int>
    let units: Range<Int>
    let source: RawIn
    let imageStep: Int
  }

  /// Images and rows of units of block number `index`: all rows where there are several images.
  func ranges(_ index: Int) -> (images: Range<Int>, units: Range<Int>) {
    let (group, part) = index.quotientAndRemainder(dividingBy: rowBlocks)
    return (
      group * blockImages..<Swift.min((group + 1) * blockImages, batch),
      part * blockRows..<Swift.min((part + 1) * blockRows, rows.units)
    )
  }

  /// Block number `index`, its frame filled in.
  func block(_ index: Int, _ source: RawIn, _ frame: Raw) -> Block {
    let (images, units) = ranges(index)
    let top = units.lowerBound * rows.step + rows.low
    if !needsFrame {
      let place = (top * columns.source + columns.low) * sourcePixel
      return Block(
        images: images, units: units, source: source + images.lowerBound * sourceImage + place,
        imageStep: sourceImage)
    }
    let count = rows.frame(units.count)
    for (number, image) in images.enumerated() {
      fillFrame(
        frame + number * count * rowBytes, source + image * sourceImage, top..<top + count)
    }
    return Block(
      images: images, units: units, source: RawIn(frame), imageStep: count * rowBytes)
  }

  /// Rows of one image with zeros where there is nothing.
  private func fillFrame(_ frame: Raw, _ image: RawIn, _ wanted: Range<Int>) {
    let pixel = sourceNumbers * 4
    let line = columns.source * sourcePixel
    let first = Swift.min(Swift.max(-columns.low, 0) * pixel, rowBytes)
    let skipped = Swift.max(columns.low, 0)
    let copied = Swift.max(
      Swift.min(columns.source - skipped, (rowBytes - first) / Swift.max(pixel, 1)), 0)
    let after = first + copied * pixel
    var to = frame
    for row in wanted {
      if row < 0 || row >= rows.source || copied == 0 {
        memset(to, 0, rowBytes)
      } else {
        memset(to, 0, first)
        copy(to + first, image + row * line + skipped * sourcePixel, copied)
        memset(to + after, 0, rowBytes - after)
      }
      to += rowBytes
    }
  }

  /// Stored pixels as the tiles read them.
  private func copy(_ to: Raw, _ from: RawIn, _ pixels: Int) {
    if let widen = format.widen {
      widen(to, from, from, from, pixels * groupChannels * groups)
      return
    }
    let bytes = groupChannels * format.stored.size
    if !format.pairs || groupChannels % 2 == 0 {
      memcpy(to, from, pixels * groups * bytes)
      return
    }
    // Each group of each pixel ends with half a pair.
    for place in 0..<pixels * groups {
      let target = to + place * (bytes + 2)
      memcpy(target, from + place * bytes, bytes)
      target.storeBytes(of: 0, toByteOffset: bytes, as: UInt16.self)
    }
  }

  /// The pixels of a class in a block, and where the first one lies in the target.
  func lattice(_ block: Block, _ place: PassClass) -> (ConvolutionLattice, target: Int) {
    var lattice = ConvolutionLattice()
    let pixel = targetChannels * format.result.size
    let line = columns.target * pixel
    let first = block.units.lowerBound * rows.unit + place.row
    lattice.images = block.images.count
    lattice.rows =
      first < rows.target
      ? Swift.min(block.units.count, (rows.target - first + rows.unit - 1) / rows.unit) : 0
    lattice.columns = (columns.target - place.column + columns.unit - 1) / columns.unit
    lattice.sourceImage = block.imageStep
    lattice.sourceRow = rows.step * rowBytes
    lattice.sourceColumn = columns.step * sourceNumbers * 4
    lattice.targetImage = rows.target * line
    lattice.targetRow = rows.unit * line
    lattice.targetColumn = columns.unit * pixel
    let target = (block.images.lowerBound * rows.target + first) * line + place.column * pixel
    return (lattice, target)
  }
}
