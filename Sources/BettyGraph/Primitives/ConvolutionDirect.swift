// Direct convolutions as prepared kernels: filters are packed into the workspace first, then blocks of
// pixels are divided among tasks. Gradients of filters are summed by each task for itself, and the sums
// added in the order of the tasks.

import BettyKernelInterface
import Glibc

enum DirectKernels {
  /// The convolution (operands x, w, y) or its transpose (g, w, x); nil where it is not for these
  /// kernels.
  static func pass(
    _ request: KernelRequest, _ size: ConvolutionSize, transposed: Bool
  ) -> PreparedKernel? {
    guard request.inputs[0].dtype == .f32, let direct = request.table.direct,
      request.outputs[0].count > 0,
      let pass = ConvolutionPass(
        size, transposed: transposed, slack: 0, threads: request.threads)
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
      pass.sourceChannels / size.groups * 4, pass.targetChannels / size.groups * 4
    )
    let convolve = PreparedKernel.Stage(tasks: tasks) { frame, task in
      for index in part(task, of: tasks, pass.blocks) {
        let block = pass.block(index, frame.operands[0], frame.scratch)
        for (number, place) in pass.classes.enumerated() {
          let (lattice, target) = pass.lattice(block, place)
          place.runs.withUnsafeBufferPointer { runs in
            for group in 0..<size.groups {
              direct.convolve(
                frame.operands[2] + target + group * targets, block.source + group * sources,
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

  /// The gradient of the filters: operands x, g, w.
  static func filters(_ request: KernelRequest, _ size: ConvolutionSize) -> PreparedKernel? {
    guard request.inputs[0].dtype == .f32, let direct = request.table.direct,
      request.inputs[0].count > 0, let add = request.table[.add, .f32]
    else { return nil }
    guard
      let pass = ConvolutionPass(
        size, transposed: false, slack: size.isDepthwise ? 0 : direct.slack,
        threads: request.threads),
      let place = pass.classes.first
    else { return nil }
    let units = Swift.min(request.threads, pass.blocks)
    let tasks = Swift.min(request.tasks(convolving: size, units: units), Swift.max(units, 1))
    let bytes = request.outputs[0].byteCount
    let step = (bytes + 63) & ~63
    let (sources, targets) = (size.groupChannels * 4, size.groupFilters * 4)
    let sum = PreparedKernel.Stage(tasks: tasks) { frame, task in
      let sums = tasks == 1 ? frame.operands[2] : frame.operands[3] + task * step
      memset(sums, 0, bytes)
      for index in part(task, of: tasks, pass.blocks) {
        let block = pass.block(index, frame.operands[0], frame.scratch)
        let (lattice, target) = pass.lattice(block, place)
        place.runs.withUnsafeBufferPointer { runs in
          if pass.isDepthwise {
            direct.accumulateDepthwise(
              sums, block.source, frame.operands[1] + target, runs, lattice, size.channels)
            return
          }
          for group in 0..<size.groups {
            direct.accumulate(
              sums + group * targets, size.filters * 4, block.source + group * sources,
              frame.operands[1] + target + group * targets, runs, lattice, size.groupFilters)
          }
        }
      }
    }
    if tasks == 1 { return PreparedKernel(stages: [sum], scratchBytes: pass.frameBytes) }
    return PreparedKernel(
      stages: [sum, join(bytes, step, tasks, request, add)], scratchBytes: pass.frameBytes,
      workspaceBytes: tasks * step)
  }

  /// Adds the sums of all tasks, in their order.
  static func join(
    _ bytes: Int, _ step: Int, _ count: Int, _ request: KernelRequest, _ add: TileFunction
  ) -> PreparedKernel.Stage {
    let elements = bytes / 4
    let tasks = request.tasks(elements * count, units: elements / 1024)
    return PreparedKernel.Stage(tasks: tasks) { frame, task in
      let range = part(task, of: tasks, elements)
      let at = range.lowerBound * 4
      let (out, sums) = (frame.operands[2] + at, frame.operands[3] + at)
      add(out, sums, sums + step, sums, range.count)
      for other in 2..<Swift.max(count, 2) {
        add(out, out, sums + other * step, out, range.count)
      }
    }
  }
}

extension ConvolutionSize {
  /// A product of matrices so deep that it is better blocked than streamed through the tiles.
  var isPlainProduct: Bool { isPointwise && groups == 1 && channels * filters > 1 << 18 }
}

/// Where the packed filters of each class and group lie.
private struct PackedFilters: Sendable {
  let direct: DirectConvolution
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
    var packing = ConvolutionPacking()
    packing.lanes = lanes
    packing.inner = transposed ? size.groupFilters : size.groupChannels
    packing.tapStep = size.groupChannels * size.filters
    packing.innerStep = transposed ? 1 : size.filters
    packing.laneStep = transposed ? size.filters : 1
    self.packing = packing
    groupStep = size.groupFilters * 4
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
          packed + offset(number, group), filters + group * groupStep, $0, packing, block,
          block + 1)
      }
    }
  }
}
