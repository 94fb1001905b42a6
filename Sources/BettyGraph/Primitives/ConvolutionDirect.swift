// Direct convolutions as prepared kernels: filters are packed into the workspace first, then
// blocks of pixels are divided among tasks.

import BettyKernelInterface
import Glibc

enum DirectKernels {
  /// The convolution (operands x, w, y) or its transpose (g, w, x); nil where it is not for these
  /// kernels.
  static func pass(
    _ request: KernelRequest, _ size: ConvolutionSize, transposed: Bool
  ) -> PreparedKernel? {
    guard let format = PassFormat(request), let direct = request.table.direct,
      request.outputs[0].count > 0, format.stored == .f32 || !size.isDepthwise,
      let pass = ConvolutionPass(
        size, format, transposed: transposed, slack: 0, threads: request.threads)
    else { return nil }
    let tasks = request.tasks(convolving: size, units: pass.blocks)
    if pass.isDepthwise {
      return PreparedKernel(tasks: tasks, scratchBytes: pass.frameBytes) { frame, task in
        for index in part(task, of: tasks, pass.blocks) {
          let block = pass.block(index, frame.operands[0], frame.scratch)
          for place in pass.classes {
            let (lattice, target) = pass.lattice(block, place)
            place.runs.withUnsafeBufferPointer {
              direct.convolveDepthwise(
                frame.operands[2] + target, block.source, frame.operands[1], $0, lattice,
                size.channels)
            }
          }
        }
      }
    }
    let packed = PackedFilters(direct, size, pass, transposed: transposed)
    let packTasks = request.tasks(packed.count, units: packed.units)
    let (sources, targets) = (
      pass.sourceNumbers / size.groups * 4,
      pass.targetChannels / size.groups * format.result.size
    )
    let convolve = PreparedKernel.Stage(tasks: tasks) { frame, task in
      for index in part(task, of: tasks, pass.blocks) {
        let block = pass.block(index, frame.operands[0], frame.scratch)
        for (number, place) in pass.classes.enumerated() {
          let (lattice, target) = pass.lattice(block, place)
          place.runs.withUnsafeBufferPointer { runs in
            for group in 0..<size.groups {
              direct.convolve(
                format.tiles, frame.operands[2] + target + group * targets,
                block.source + group * sources,
                frame.operands[3] + packed.offset(number, group), runs, lattice, packed.lanes)
            }
          }
        }
      }
    }
    let pack = PreparedKernel.Stage(tasks: packTasks) { frame, task in
      packed.pack(frame.operands[3], frame.operands[1], part(task, of: packTasks, packed.units))
    }
    return PreparedKernel(
      stages: [pack, convolve], scratchBytes: pass.frameBytes,
      workspaceBytes: Swift.max(packed.count * 4, 64))
  }
}

extension ConvolutionSize {
  /// A product of matrices so deep that it is better blocked than streamed through the tiles.
  var isPlainProduct: Bool { isPointwise && groups == 1 && channels * filters > 1 << 18 }

  /// Gradients of filters that are better products: pixels need no unfolding, or it pays because every
  /// number is multiplied with many, while short registers read both operands from the second-level
  /// cache for every tile.
  func isFilterProduct(_ direct: DirectConvolution?) -> Bool {
    guard groups == 1 else { return false }
    if isPointwise { return channels * filters >= 1 << 10 }
    return (direct?.laneCount ?? 16) < 16 && filters >= 256 && channels >= 64
  }
}

/// Where the packed filters of each class and group lie.
private struct PackedFilters: Sendable {
  let direct: DirectConvolution
  let format: TileFormat
  let groups: Int
  /// Filters of one group, in this direction.
  let lanes: Int
  let packing: ConvolutionPacking
  let classes: [PassClass]
  /// Numbers before each class.
  let starts: [Int]
  let count: Int
  let groupStep: Int
  private let blocks: Int

  init(
    _ direct: DirectConvolution, _ size: ConvolutionSize, _ pass: ConvolutionPass,
    transposed: Bool
  ) {
    self.direct = direct
    groups = size.groups
    classes = pass.classes
    lanes = transposed ? size.groupChannels : size.groupFilters
    format = pass.format.tiles
    var packing = ConvolutionPacking()
    packing.lanes = lanes
    packing.inner = transposed ? size.groupFilters : size.groupChannels
    packing.tapStep = size.groupChannels * size.filters
    packing.innerStep = transposed ? 1 : size.filters
    packing.laneStep = transposed ? size.filters : 1
    self.packing = packing
    groupStep = size.groupFilters * pass.format.stored.size
    var starts: [Int] = []
    var count = 0
    for place in pass.classes {
      starts.append(count)
      count += direct.packedCount(lanes: lanes, depth: place.depth) * size.groups
    }
    self.starts = starts
    self.count = count
    blocks = direct.blocks(lanes)
  }

  /// Blocks of all groups and classes: what packing is divided into.
  var units: Int { classes.count * groups * blocks }

  func offset(_ number: Int, _ group: Int) -> Int {
    4 * (starts[number] + group * direct.packedCount(lanes: lanes, depth: classes[number].depth))
  }

  func pack(_ packed: Raw, _ filters: RawIn, _ units: Range<Int>) {
    for unit in units {
      let (place, block) = unit.quotientAndRemainder(dividingBy: blocks)
      let (number, group) = place.quotientAndRemainder(dividingBy: groups)
      classes[number].taps.withUnsafeBufferPointer {
        direct.pack(
          format, packed + offset(number, group), filters + group * groupStep, $0, packing, block,
          block + 1)
      }
    }
  }
}
