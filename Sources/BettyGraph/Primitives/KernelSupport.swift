// What `prepare` closures share: how many tasks a size is worth, ranges of tasks, and rows kernels
// along any axis. Kernels that calculate refuse the storage types bf16 and f16, all but products and
// convolutions: the compiler then asks again with f32 and puts casts around. Invariant: sizes are computed here with checks, once,
// so that bodies only add and multiply what is known to fit.

import BettyKernelInterface

typealias Prepare = @Sendable (KernelRequest) throws -> PreparedKernel

extension KernelRequest {
  /// Tasks for `elements` of work that falls into at most `units` independent parts.
  func tasks(_ elements: Int, units: Int) -> Int {
    guard threads > 1, elements >= 32768, units > 1 else { return 1 }
    return Swift.max(1, Swift.min(threads &* 4, units, elements / 16384))
  }

  /// The entry of a table that holds f64 at 0 and f32 at 1.
  func floating<Function>(_ list: [Function], _ dtype: DType, _ name: String) throws -> Function {
    let index = Int(dtype.rawValue)
    guard index < list.count else { throw Self.missing(name, dtype) }
    return list[index]
  }

  /// The entry of a table indexed by element type.
  func entry<Function>(_ list: [Function?], _ dtype: DType, _ name: String) throws -> Function {
    guard let function = list[Int(dtype.rawValue)] else { throw Self.missing(name, dtype) }
    return function
  }

  static func missing(_ name: String, _ dtype: DType) -> BettyError {
    BettyError(.notSupported, "\(name): there is no kernel for \(dtype.name)")
  }
}

/// Part number `task` of `tasks` nearly equal parts of 0..<count.
@inline(__always)
func part(_ task: Int, of tasks: Int, _ count: Int) -> Range<Int> {
  let (size, rest) = count.quotientAndRemainder(dividingBy: tasks)
  let first = task &* size &+ Swift.min(task, rest)
  return first..<(first &+ size &+ (task < rest ? 1 : 0))
}

/// Outer, length and inner sizes of an axis.
struct AxisSplit {
  let outer: Int
  let length: Int
  let inner: Int

  init(_ shape: [Int], _ axis: Int) {
    outer = Array(shape[..<axis]).product
    length = shape[axis]
    inner = Array(shape[(axis + 1)...]).product
  }
}

/// Rounds a byte count up to a cache line.
private func aligned(_ bytes: Int) throws -> Int {
  try Rules.add(bytes, 63, "kernel") & ~63
}

/// (destination, source, columns, first row, last row)
typealias RowsFunction = @convention(c) (Raw, RawIn, Int, Int, Int) -> Void

/// A rows kernel along any axis; with `reduces` a row gives one element. Along an axis that is not
/// the last, each outer block is transposed into scratch and back.
func prepareRows(
  _ request: KernelRequest, axis: Int, reduces: Bool, _ rows: RowsFunction
) throws -> PreparedKernel {
  let type = request.inputs[0]
  let split = AxisSplit(type.shape, axis)
  let (length, inner) = (split.length, split.inner)
  let tasks = request.tasks(type.count, units: split.outer)
  if type.count == 0 && !reduces || split.outer == 0 || inner == 0 {
    return PreparedKernel { _, _ in }
  }
  if inner == 1 {
    return PreparedKernel(tasks: tasks) { frame, task in
      let range = part(task, of: tasks, split.outer)
      rows(frame.operands[1], frame.operands[0], length, range.lowerBound, range.upperBound)
    }
  }
  let size = type.dtype.size
  let (block, outBlock) = (length * inner * size, (reduces ? inner : length * inner) * size)
  let half = try aligned(block)
  let scratch = try Rules.add(half, outBlock, "kernel")
  let (across, along) = ([inner, length], [length, inner])
  let (acrossStrides, alongStrides) = ([1, inner], [1, length])
  let copy = request.table.stridedCopy
  return PreparedKernel(tasks: tasks, scratchBytes: scratch) { frame, task in
    let made = frame.scratch + half
    for outer in part(task, of: tasks, split.outer) {
      let out = frame.operands[1] + outer * outBlock
      copy(
        frame.scratch, frame.operands[0] + outer * block, size, 2, across, acrossStrides, 0,
        length * inner)
      if reduces {
        rows(out, frame.scratch, length, 0, inner)
      } else {
        rows(made, frame.scratch, length, 0, inner)
        copy(out, made, size, 2, along, alongStrides, 0, length * inner)
      }
    }
  }
}
