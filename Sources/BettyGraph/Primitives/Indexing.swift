// Primitives that follow indices in data: take, index_add, gather, scatter_add, one_hot. Indices
// are i64 in 0..<n; the kernels check them and report the position of a bad one.

import BettyKernelInterface
import Glibc

extension P {
  private static let axisSpec = [AttributeSpec("axis", .int)]

  /// x with `axis` replaced by the axes of the indices.
  static func taken(
    _ x: TensorType, _ indices: TensorType, _ axis: Int
  ) throws -> TensorType {
    try TensorType(
      x.dtype, Array(x.shape[..<axis]) + indices.shape + Array(x.shape[(axis + 1)...]))
  }

  package static let take: Primitive = Primitive(
    "take", attributes: axisSpec,
    derivative: .linear(operands: [0]) { graph, node, cotangent in
      let base = try graph.zeros(like: node.inputs[0])
      return [
        try graph.call(indexAdd, [base, node.inputs[1], cotangent], node.attributes), nil,
      ]
    }, kernel: .buffer(prepare: prepareTake), batching: .rule(batchTake),
    samples: [
      Sample([.init([5]), .init([3], 0...4, dtype: .i64)], ["axis": .int(0)]),
      Sample([.init([4, 3]), .init([], 0...3, dtype: .i64)], ["axis": .int(0)]),
      Sample([.init([2, 4, 3]), .init([2, 2], 0...3, dtype: .i64)], ["axis": .int(1)]),
      Sample([.init([4, 3]), .init([0], 0...2, dtype: .i64)], ["axis": .int(1)]),
    ]
  ) { inputs, attributes in
    try Rules.count(inputs, 2, "take")
    try Rules.indices(inputs[1], "take")
    return [try taken(inputs[0], inputs[1], Rules.axis(attributes, inputs[0], "take"))]
  }

  /// Other indices of one operand, or the same indices of many operands; else one after the other.
  @Sendable private static func batchTake(
    _ graph: inout Graph, _ node: BatchedApplication
  ) throws -> [Value] {
    let axis = node.attributes.int("axis")
    if node.isBatched == [true, false] {
      return try graph.apply(take, node.inputs, ["axis": .int(axis + 1)])
    }
    guard node.isBatched == [false, true] else { return try node.each(in: &graph) }
    let taken = try graph.call(take, node.inputs, node.attributes)
    let rest = graph.shape(of: taken).indices.filter { $0 != axis }
    return [try graph.permute(taken, [axis] + rest)]
  }

  @Sendable private static func prepareTake(_ request: KernelRequest) throws -> PreparedKernel {
    let type = request.inputs[0]
    let split = AxisSplit(type.shape, request.attributes.int("axis"))
    let count = request.inputs[1].count
    let (size, take) = (type.dtype.size, request.table.take)
    let rowBytes = split.inner * size
    let splitsIndices = split.outer == 1
    let tasks = request.tasks(
      request.outputs[0].count, units: splitsIndices ? count : split.outer)
    if request.outputs[0].count == 0 && split.outer * split.inner == 0 {
      return PreparedKernel { _, _ in }
    }
    return PreparedKernel(tasks: tasks) { frame, task in
      let indices = UnsafePointer(frame.operands[1].assumingMemoryBound(to: Int64.self))
      if !splitsIndices {
        let range = part(task, of: tasks, split.outer)
        take(
          frame.operands[2], frame.operands[0], indices, size, split.outer, split.length,
          split.inner, count, range.lowerBound, range.upperBound, frame.status)
        return
      }
      let range = part(task, of: tasks, count)
      var bad: Int64 = 0
      take(
        frame.operands[2] + range.lowerBound * rowBytes, frame.operands[0],
        indices + range.lowerBound, size, 1, split.length, split.inner, range.count, 0, 1, &bad)
      if bad != 0 { frame.status.pointee = bad &+ Int64(range.lowerBound) }
    }
  }

  /// base with updates added at the indices of an axis; the transpose of take.
  package static let indexAdd: Primitive = Primitive(
    "index_add", attributes: axisSpec,
    derivative: .linear(operands: [0, 2]) { graph, node, cotangent in
      [
        cotangent, nil,
        try graph.call(take, [cotangent, node.inputs[1]], node.attributes),
      ]
    },
    kernel: .buffer(
      inPlace: [0],
      prepare: { request in
        let add = try request.entry(
          request.table.indexAdd, request.inputs[0].dtype, "index_add")
        let count = request.inputs[1].count
        return prepareAdding(request) { frame, split, range in
          add(
            frame.operands[3], frame.operands[2],
            UnsafePointer(frame.operands[1].assumingMemoryBound(to: Int64.self)), split.outer,
            split.length, split.inner, count, range.lowerBound, range.upperBound, frame.status)
        }
      }),
    batching: .rule { graph, node in
      if node.isBatched[1] { return try node.each(in: &graph) }
      let updates = try node.batched(2, in: &graph)
      return try graph.apply(
        indexAdd, [node.batched(0, in: &graph), node.inputs[1], updates],
        ["axis": .int(node.attributes.int("axis") + 1)])
    },
    samples: [
      Sample(
        [.init([4]), .init([3], 0...3, dtype: .i64), .init([3])], ["axis": .int(0)]),
      Sample(
        [.init([2, 3, 2]), .init([2, 2], 0...2, dtype: .i64), .init([2, 2, 2, 2])],
        ["axis": .int(1)]),
      Sample([.init([4, 2]), .init([], 0...3, dtype: .i64), .init([2])], ["axis": .int(0)]),
    ]
  ) { inputs, attributes in
    try Rules.count(inputs, 3, "index_add")
    try Rules.dtype(inputs[0], .number, "index_add")
    try Rules.indices(inputs[1], "index_add")
    let axis = try Rules.axis(attributes, inputs[0], "index_add")
    let updates = try taken(inputs[0], inputs[1], axis)
    guard inputs[2] == updates else {
      throw BettyError.value("index_add: updates must be \(updates), got \(inputs[2])")
    }
    return [inputs[0]]
  }

  /// Copies the base's outer rows of a task to the output, unless they are there, and adds to them.
  private static func prepareAdding(
    _ request: KernelRequest,
    _ add: @escaping @Sendable (KernelFrame, AxisSplit, Range<Int>) -> Void
  ) -> PreparedKernel {
    let type = request.inputs[0]
    let split = AxisSplit(type.shape, request.attributes.int("axis"))
    let row = split.length * split.inner * type.dtype.size
    let work = type.count &+ request.inputs[2].count
    let tasks = request.tasks(work, units: split.outer)
    return PreparedKernel(tasks: tasks) { frame, task in
      let range = part(task, of: tasks, split.outer)
      let (base, out) = (frame.operands[0], frame.operands[3])
      if base != out {
        memcpy(out + range.lowerBound * row, base + range.lowerBound * row, range.count * row)
      }
      add(frame, split, range)
    }
  }

  /// Operand and indices agree in all but `axis`.
  static func aligned(
    _ x: TensorType, _ indices: TensorType, _ attributes: Attributes, _ name: String
  ) throws {
    try Rules.indices(indices, name)
    let axis = try Rules.axis(attributes, x, name)
    guard indices.rank == x.rank,
      x.shape.indices.allSatisfy({ $0 == axis || indices.shape[$0] == x.shape[$0] })
    else {
      throw BettyError.value("\(name): \(indices) does not fit \(x) outside axis \(axis)")
    }
  }

  /// x[..., indices[..., j, ...], ...]: each element picks along the axis.
  package static let gather: Primitive = Primitive(
    "gather", attributes: axisSpec,
    derivative: .linear(operands: [0]) { graph, node, cotangent in
      let base = try graph.zeros(like: node.inputs[0])
      return [
        try graph.call(scatterAdd, [base, node.inputs[1], cotangent], node.attributes), nil,
      ]
    },
    kernel: .buffer { request in
      let type = request.inputs[0]
      let split = AxisSplit(type.shape, request.attributes.int("axis"))
      let length = request.inputs[1].shape[request.attributes.int("axis")]
      let (size, gather) = (type.dtype.size, request.table.gather)
      let tasks = request.tasks(request.outputs[0].count, units: split.outer)
      return PreparedKernel(tasks: tasks) { frame, task in
        let range = part(task, of: tasks, split.outer)
        gather(
          frame.operands[2], frame.operands[0],
          UnsafePointer(frame.operands[1].assumingMemoryBound(to: Int64.self)), size,
          split.outer, split.length, split.inner, length, range.lowerBound, range.upperBound,
          frame.status)
      }
    }, batching: .axis,
    samples: [
      Sample([.init([5]), .init([3], 0...4, dtype: .i64)], ["axis": .int(0)]),
      Sample([.init([3, 4]), .init([3, 1], 0...3, dtype: .i64)], ["axis": .int(1)]),
      Sample([.init([2, 3, 2]), .init([2, 4, 2], 0...2, dtype: .i64)], ["axis": .int(1)]),
    ]
  ) { inputs, attributes in
    try Rules.count(inputs, 2, "gather")
    try aligned(inputs[0], inputs[1], attributes, "gather")
    return [try TensorType(inputs[0].dtype, inputs[1].shape)]
  }

  /// base with each update added where its index says; the transpose of gather.
  package static let scatterAdd: Primitive = Primitive(
    "scatter_add", attributes: axisSpec,
    derivative: .linear(operands: [0, 2]) { graph, node, cotangent in
      [
        cotangent, nil,
        try graph.call(gather, [cotangent, node.inputs[1]], node.attributes),
      ]
    },
    kernel: .buffer(
      inPlace: [0],
      prepare: { request in
        let add = try request.entry(
          request.table.scatterAdd, request.inputs[0].dtype, "scatter_add")
        let length = request.inputs[1].shape[request.attributes.int("axis")]
        return prepareAdding(request) { frame, split, range in
          add(
            frame.operands[3], frame.operands[2],
            UnsafePointer(frame.operands[1].assumingMemoryBound(to: Int64.self)), split.outer,
            split.length, split.inner, length, range.lowerBound, range.upperBound, frame.status)
        }
      }), batching: .axis,
    samples: [
      Sample(
        [.init([4]), .init([3], 0...3, dtype: .i64), .init([3])], ["axis": .int(0)]),
      Sample(
        [.init([2, 3, 2]), .init([2, 4, 2], 0...2, dtype: .i64), .init([2, 4, 2])],
        ["axis": .int(1)]),
    ]
  ) { inputs, attributes in
    try Rules.count(inputs, 3, "scatter_add")
    try Rules.dtype(inputs[0], .number, "scatter_add")
    try aligned(inputs[0], inputs[1], attributes, "scatter_add")
    guard inputs[2].dtype == inputs[0].dtype, inputs[2].shape == inputs[1].shape else {
      throw BettyError.value(
        "scatter_add: updates must be \(inputs[0].dtype.name)\(inputs[1].shape), "
          + "got \(inputs[2])")
    }
    return [inputs[0]]
  }

  /// A last axis of `classes` elements: 1 at the index, 0 elsewhere.
  package static let oneHot: Primitive = Primitive(
    "one_hot", attributes: [AttributeSpec("classes", .int), AttributeSpec("dtype", .dtype)],
    derivative: .zero, kernel: .buffer(prepare: prepareOneHot), batching: .same,
    samples: [
      Sample([.init([4], 0...2, dtype: .i64)], ["classes": .int(3), "dtype": .dtype(.f32)]),
      Sample([.init([], 0...2, dtype: .i64)], ["classes": .int(3), "dtype": .dtype(.i64)]),
      Sample([.init([2, 2], 0...4, dtype: .i64)], ["classes": .int(5), "dtype": .dtype(.f64)]),
    ]
  ) { inputs, attributes in
    try Rules.count(inputs, 1, "one_hot")
    try Rules.indices(inputs[0], "one_hot")
    let dtype = try Rules.requiredDType(attributes, "one_hot")
    return [try TensorType(dtype, inputs[0].shape + [attributes.int("classes")])]
  }

  @Sendable private static func prepareOneHot(_ request: KernelRequest) throws -> PreparedKernel {
    let output = request.outputs[0]
    let (count, classes) = (request.inputs[0].count, request.attributes.int("classes"))
    let (size, one) = (output.dtype.size, output.dtype.bits(1))
    let tasks = request.tasks(output.count, units: count)
    return PreparedKernel(tasks: tasks) { frame, task in
      let (out, range) = (frame.operands[1], part(task, of: tasks, count))
      let indices = frame.operands[0].assumingMemoryBound(to: Int64.self)
      let row = classes * size
      memset(out + range.lowerBound * row, 0, range.count * row)
      withUnsafeBytes(of: one) { bytes in
        guard let base = bytes.baseAddress else { return }
        for position in range {
          let index = Int(indices[position])
          guard index >= 0, index < classes else {
            if frame.status.pointee == 0 { frame.status.pointee = Int64(position) + 1 }
            continue
          }
          memcpy(out + (position * classes + index) * size, base, size)
        }
      }
    }
  }

  package static let indexing: [Primitive] =
    [take, indexAdd, gather, scatterAdd, oneHot] + writing
}
