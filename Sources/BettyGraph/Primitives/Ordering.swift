// Primitives about the order of elements along an axis: argsort, running_extreme, search_sorted.
// They give positions; values are gathered at these, so that gradients go to the elements named.

import BettyKernelInterface
import BettyKernels

extension P {
  /// Rows along an axis, each a task's own, whose kernel writes one position an element.
  private static func positions(
    _ name: String, _ flag: String, and others: [AttributeSpec] = [], _ samples: [Sample],
    _ prepare: @escaping @Sendable (KernelRequest, AxisSplit) throws -> PreparedKernel
  ) -> Primitive {
    Primitive(
      name, attributes: [AttributeSpec("axis", .int), AttributeSpec(flag, .bool)] + others,
      derivative: .zero,
      kernel: .buffer { request in
        let split = AxisSplit(request.inputs[0].shape, request.attributes.int("axis"))
        let kernel = try prepare(request, split)
        return request.inputs[0].count == 0 ? PreparedKernel { _, _ in } : kernel
      }, batching: .axis, samples: samples, isExpensive: true
    ) { inputs, attributes in
      try Rules.count(inputs, 1, name)
      try Rules.dtype(inputs[0], .number, name)
      let axis = try Rules.axis(attributes, inputs[0], name)
      let length = inputs[0].shape[axis]
      let count = attributes.int("count", default: length)
      guard count >= 0, count <= length else {
        throw BettyError.value("\(name): \(count) of \(length) elements")
      }
      return [try TensorType(.i64, inputs[0].shape.replacing(axis, with: count))]
    }
  }

  private static func axisSamples(_ flag: String) -> [Sample] {
    [
      ([5], 0, false), ([3, 4], 1, true), ([2, 30, 2], 1, false), ([2, 3], 0, true),
      ([0, 3], 1, true),
    ]
    .map { shape, axis, isSet in
      Sample([.init(shape, distinct: true)], ["axis": .int(axis), flag: .bool(isSet)])
    }
  }

  /// The indices that sort an axis, or the first `count` of them; equal elements keep their order, NaN
  /// is the largest.
  package static let argsort: Primitive = positions(
    "argsort", "descending", and: [AttributeSpec("count", .int, optional: true)],
    axisSamples("descending")
      + [([5], 0, 2), ([2, 30, 2], 1, 4), ([3, 4], 1, 0)].map { shape, axis, count in
        Sample(
          [.init(shape, distinct: true)],
          ["axis": .int(axis), "descending": .bool(true), "count": .int(count)])
      }
  ) { request, split in
    let type = request.inputs[0]
    guard let sort = Ordering.sort(type.dtype) else {
      throw KernelRequest.missing("argsort", type.dtype)
    }
    guard let scratch = Ordering.scratchBytes(split.length) else {
      throw BettyError(.memory, "argsort: \(type) is too large")
    }
    let descending = request.attributes.bool("descending")
    let count = request.attributes.int("count", default: split.length)
    let size = type.dtype.size
    return rows(request, split, scratch: scratch) { frame, outer, inner in
      let place = outer * split.length * split.inner + inner
      sort(
        frame.operands[1].assumingMemoryBound(to: Int64.self)
          + (outer * count * split.inner + inner), count,
        UnsafeRawPointer(frame.operands[0] + place * size), split.length, split.inner,
        frame.scratch, descending)
    }
  }

  /// Where the largest (or smallest) element so far is; the last of equal ones.
  package static let runningExtreme: Primitive = positions(
    "running_extreme", "largest", axisSamples("largest")
  ) { request, split in
    let dtype = request.inputs[0].dtype
    guard let running = Ordering.runningExtreme(dtype) else {
      throw KernelRequest.missing("running_extreme", dtype)
    }
    let largest = request.attributes.bool("largest")
    return rows(request, split, scratch: 0) { frame, outer, inner in
      let place = outer * split.length * split.inner + inner
      running(
        frame.operands[1].assumingMemoryBound(to: Int64.self) + place,
        UnsafeRawPointer(frame.operands[0] + place * dtype.size), split.length, split.inner,
        largest)
    }
  }

  /// Calls the body for every row.
  private static func rows(
    _ request: KernelRequest, _ split: AxisSplit, scratch: Int,
    _ body: @escaping @Sendable (KernelFrame, _ outer: Int, _ inner: Int) -> Void
  ) -> PreparedKernel {
    let count = split.outer * split.inner
    let tasks = request.tasks(request.inputs[0].count, units: count)
    return PreparedKernel(tasks: tasks, scratchBytes: scratch) { frame, task in
      for row in part(task, of: tasks, count) {
        let (outer, inner) = row.quotientAndRemainder(dividingBy: split.inner)
        body(frame, outer, inner)
      }
    }
  }

  /// For each value the first position of a sorted row at (or, with `right`, behind) which it keeps
  /// the order. Rows are the last axis: [..., n] and [..., m] give i64[..., m].
  package static let searchSorted: Primitive = Primitive(
    "search_sorted", attributes: [AttributeSpec("right", .bool)], derivative: .zero,
    kernel: .buffer { request in
      let (sorted, wanted) = (request.inputs[0], request.inputs[1])
      guard let search = Ordering.search(sorted.dtype) else {
        throw KernelRequest.missing("search_sorted", sorted.dtype)
      }
      guard wanted.count > 0, let length = sorted.shape.last, let count = wanted.shape.last else {
        return PreparedKernel { _, _ in }
      }
      let (rows, size) = (wanted.count / count, sorted.dtype.size)
      let right = request.attributes.bool("right")
      let tasks = request.tasks(wanted.count, units: rows)
      return PreparedKernel(tasks: tasks) { frame, task in
        for row in part(task, of: tasks, rows) {
          search(
            frame.operands[2].assumingMemoryBound(to: Int64.self) + row * count,
            UnsafeRawPointer(frame.operands[0] + row * length * size), length,
            UnsafeRawPointer(frame.operands[1] + row * count * size), count, right)
        }
      }
    }, batching: .same,
    samples: [
      Sample([.init([4]), .init([3])], ["right": .bool(false)]),
      Sample([.init([2, 3]), .init([2, 5])], ["right": .bool(true)]),
      Sample([.init([0]), .init([3])], ["right": .bool(false)]),
    ]
  ) { inputs, _ in
    try Rules.count(inputs, 2, "search_sorted")
    try Rules.dtype(inputs[0], .number, "search_sorted")
    guard inputs[0].dtype == inputs[1].dtype, inputs[0].rank > 0,
      inputs[0].rank == inputs[1].rank,
      inputs[0].shape.dropLast() == inputs[1].shape.dropLast()
    else {
      throw BettyError.value("search_sorted: \(inputs[1]) does not fit \(inputs[0])")
    }
    return [try inputs[1].with(.i64)]
  }

  package static let ordering: [Primitive] = [argsort, runningExtreme, searchSorted]
}
