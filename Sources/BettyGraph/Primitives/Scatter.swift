// Primitives that write at indices in data: index_set, scatter_set, scatter_max, scatter_min,
// scatter_prod; and join_indices, which makes their indices. The last of equal indices is the one
// that is set, whatever the number of threads: tasks share the targets out, not the updates.

import BettyKernelInterface
import Glibc

extension P {
  private static let axisSpec = [AttributeSpec("axis", .int)]

  /// base with updates in place of the indices of an axis.
  package static let indexSet: Primitive = Primitive(
    "index_set", attributes: axisSpec,
    derivative: .linear(operands: [0, 2]) { graph, node, cotangent in
      let (index, axis) = (node.inputs[1], node.attributes.int("axis"))
      let indices = graph.type(of: index)
      var given = try graph.call(take, [cotangent, index], node.attributes)
      if indices.count > 1 {
        let none = try graph.constant(0, TensorType(.i64, [graph.shape(of: cotangent)[axis]]))
        let places = try graph.reshape(graph.places([indices.count], axis: 0), indices.shape)
        let last = try graph.call(indexSet, [none, index, places], ["axis": .int(0)])
        let winners = try graph.call(
          eq, [graph.call(take, [last, index], ["axis": .int(0)]), places])
        let axes = Array(axis..<axis + indices.rank)
        let mask = try graph.broadcast(winners, graph.shape(of: given), axes: axes)
        given = try graph.select(mask, given, graph.zeros(like: given))
      }
      return [try graph.cleared(indexSet, cotangent, node), nil, given]
    },
    kernel: .buffer(inPlace: [0]) { request in
      prepareWriting(request, count: request.inputs[1].count, request.table.indexSet) { $0.size }
    },
    batching: .rule { graph, node in
      if node.isBatched[1] { return try node.each(in: &graph) }
      return try graph.apply(
        indexSet, [node.batched(0, in: &graph), node.inputs[1], node.batched(2, in: &graph)],
        ["axis": .int(node.attributes.int("axis") + 1)])
    },
    samples: [
      Sample([.init([4]), .init([3], 0...3, dtype: .i64), .init([3])], ["axis": .int(0)]),
      Sample(
        [.init([2, 3, 2]), .init([2, 2], 0...2, dtype: .i64), .init([2, 2, 2, 2])],
        ["axis": .int(1)]),
      Sample([.init([4, 2]), .init([], 0...3, dtype: .i64), .init([2])], ["axis": .int(0)]),
      Sample([.init([2, 3]), .init([5], 0...2, dtype: .i64), .init([2, 5])], ["axis": .int(1)]),
      Sample([.init([3, 0]), .init([2], 0...2, dtype: .i64), .init([2, 0])], ["axis": .int(0)]),
      Sample([.init([3]), .init([0], 0...2, dtype: .i64), .init([0])], ["axis": .int(0)]),
    ]
  ) { inputs, attributes in
    try Rules.count(inputs, 3, "index_set")
    try Rules.indices(inputs[1], "index_set")
    let axis = try Rules.axis(attributes, inputs[0], "index_set")
    let updates = try taken(inputs[0], inputs[1], axis)
    guard inputs[2] == updates else {
      throw BettyError.value("index_set: updates must be \(updates), got \(inputs[2])")
    }
    return [inputs[0]]
  }

  /// base with each update where its index says.
  package static let scatterSet: Primitive = Primitive(
    "scatter_set", attributes: axisSpec,
    derivative: .linear(operands: [0, 2]) { graph, node, cotangent in
      let (index, axis) = (node.inputs[1], node.attributes.int("axis"))
      let shape = graph.shape(of: index)
      var given = try graph.call(gather, [cotangent, index], node.attributes)
      if shape[axis] > 1 {
        let none = try graph.constant(0, TensorType(.i64, graph.shape(of: cotangent)))
        let places = try graph.places(shape, axis: axis)
        let last = try graph.call(scatterSet, [none, index, places], node.attributes)
        let winners = try graph.call(
          eq, [graph.call(gather, [last, index], node.attributes), places])
        given = try graph.select(winners, given, graph.zeros(like: given))
      }
      return [try graph.cleared(scatterSet, cotangent, node), nil, given]
    },
    kernel: .buffer(inPlace: [0]) { request in
      let count = request.inputs[1].shape[request.attributes.int("axis")]
      return prepareWriting(request, count: count, request.table.scatterSet) { $0.size }
    },
    batching: .axis,
    samples: [
      Sample([.init([4]), .init([3], 0...3, dtype: .i64), .init([3])], ["axis": .int(0)]),
      Sample(
        [.init([2, 3]), .init([2, 5], 0...2, dtype: .i64), .init([2, 5])], ["axis": .int(1)]),
      Sample(
        [.init([2, 3, 2]), .init([2, 4, 2], 0...2, dtype: .i64), .init([2, 4, 2])],
        ["axis": .int(1)]),
      Sample(
        [.init([3, 0]), .init([2, 0], 0...2, dtype: .i64), .init([2, 0])], ["axis": .int(0)]),
    ]
  ) { inputs, attributes in
    try updated(inputs, attributes, "scatter_set")
  }

  package static let scatterMax = joining("scatter_max", distinct: true, scatteredExtremum) {
    $0.scatterMax
  }
  package static let scatterMin = joining("scatter_min", distinct: true, scatteredExtremum) {
    $0.scatterMin
  }
  /// Differentiated as a scan over sorted indices, which has no division: zeros are harmless.
  package static let scatterProd = joining(
    "scatter_prod", distinct: false,
    .decomposed { graph, inputs, attributes in
      [try graph.productsByScan(inputs[0], inputs[1], inputs[2], attributes)]
    }
  ) { $0.scatterProd }

  /// base with what meets at an index joined; unless `fresh`, with the base's own element too.
  private static func joining(
    _ name: String, distinct: Bool, _ derivative: Derivative,
    _ functions: @escaping @Sendable (KernelTable) -> [SetFunction?]
  ) -> Primitive {
    Primitive(
      name, attributes: axisSpec + [AttributeSpec("fresh", .bool)], derivative: derivative,
      kernel: .buffer(inPlace: [0]) { request in
        let join = try request.entry(functions(request.table), request.inputs[0].dtype, name)
        let count = request.inputs[1].shape[request.attributes.int("axis")]
        let fresh = request.attributes.bool("fresh") ? 1 : 0
        return prepareWriting(request, count: count, join) { _ in fresh }
      },
      batching: .axis,
      samples: joined(distinct)
    ) { inputs, attributes in
      let types = try updated(inputs, attributes, name)
      try Rules.dtype(inputs[0], .number, name)
      return types
    }
  }

  private static func joined(_ distinct: Bool) -> [Sample] {
    let cases: [([Int], [Int], Int)] = [
      ([4], [5], 0), ([2, 3], [2, 4], 1), ([2, 3, 2], [2, 4, 2], 1), ([2, 0], [3, 0], 0),
    ]
    return cases.flatMap { shape, indices, axis in
      [false, true].map { fresh in
        Sample(
          [
            .init(shape, 0.5...2, distinct: distinct),
            .init(indices, 0...Double(shape[axis] - 1), dtype: .i64),
            .init(indices, 0.6...2.1, distinct: distinct),
          ], ["axis": .int(axis), "fresh": .bool(fresh)])
      }
    }
  }

  /// Indices into neighbouring axes as one index into the axes joined; negative ones count from
  /// the end, and -1 stands for one that is out of range, so that whoever follows it reports it.
  package static let joinIndices: Primitive = Primitive(
    "join_indices", attributes: [AttributeSpec("lengths", .ints)], derivative: .zero,
    kernel: .buffer { request in
      let lengths = request.attributes.ints("lengths")
      let (join, count) = (request.table.joinIndices, request.outputs[0].count)
      let tasks = request.tasks(count * lengths.count, units: count)
      return PreparedKernel(tasks: tasks) { frame, task in
        let range = part(task, of: tasks, count)
        let out = frame.operands[lengths.count].assumingMemoryBound(to: Int64.self)
        lengths.withUnsafeBufferPointer {
          guard let base = $0.baseAddress else { return }
          join(out, frame.operands, base, lengths.count, range.lowerBound, range.upperBound)
        }
      }
    }, batching: .same,
    samples: [
      Sample([.init([4], -3...2, dtype: .i64)], ["lengths": .ints([3])]),
      Sample([.init([], -3...2, dtype: .i64)], ["lengths": .ints([3])]),
      Sample(
        [.init([2, 3], -3...2, dtype: .i64), .init([2, 3], -2...3, dtype: .i64)],
        ["lengths": .ints([3, 2])]),
      Sample(
        [.init([0], 0...1, dtype: .i64), .init([0], 0...1, dtype: .i64)],
        ["lengths": .ints([0, 2])]),
    ]
  ) { inputs, attributes in
    try Rules.length(attributes.ints("lengths"), inputs.count, "lengths", "join_indices")
    guard let first = inputs.first else { throw BettyError.type("join_indices: takes operands") }
    for input in inputs {
      try Rules.indices(input, "join_indices")
      try Rules.same(first, input, "join_indices")
    }
    var total = 1
    for length in attributes.ints("lengths") {
      total = try Rules.multiply(total, length, "join_indices")
    }
    return [first]
  }

  package static let writing: [Primitive] = [
    indexSet, scatterSet, scatterMax, scatterMin, scatterProd, joinIndices,
  ]

  /// Types of base, indices and updates where each update has an index.
  private static func updated(
    _ inputs: [TensorType], _ attributes: Attributes, _ name: String
  ) throws -> [TensorType] {
    try Rules.count(inputs, 3, name)
    try aligned(inputs[0], inputs[1], attributes, name)
    guard inputs[2].dtype == inputs[0].dtype, inputs[2].shape == inputs[1].shape else {
      throw BettyError.value(
        "\(name): updates must be \(inputs[0].dtype.name)\(inputs[1].shape), got \(inputs[2])")
    }
    return [inputs[0]]
  }

  /// Tasks own outer rows or, where there is one, a range of the axis: each brings its part of the
  /// base to the output, unless it is there, and writes what falls into it.
  private static func prepareWriting(
    _ request: KernelRequest, count: Int, _ write: @escaping SetFunction,
    _ flag: (DType) -> Int
  ) -> PreparedKernel {
    let type = request.inputs[0]
    let split = AxisSplit(type.shape, request.attributes.int("axis"))
    let (length, inner, size) = (split.length, split.inner, type.dtype.size)
    if type.count == 0 && request.inputs[2].count == 0 { return PreparedKernel { _, _ in } }
    let sharesAxis = split.outer == 1
    let unit = (sharesAxis ? 1 : length) * inner * size
    let units = sharesAxis ? length : split.outer
    let work = type.count &+ request.inputs[2].count
    let (tasks, flag) = (request.tasks(work, units: units), flag(type.dtype))
    return PreparedKernel(tasks: tasks) { frame, task in
      let range = part(task, of: tasks, units)
      let (base, out) = (frame.operands[0], frame.operands[3])
      if base != out {
        memcpy(out + range.lowerBound * unit, base + range.lowerBound * unit, range.count * unit)
      }
      write(
        out, frame.operands[2],
        UnsafePointer(frame.operands[1].assumingMemoryBound(to: Int64.self)), flag, length, inner,
        count, sharesAxis ? 0 : range.lowerBound, sharesAxis ? 1 : range.upperBound,
        sharesAxis ? range.lowerBound : 0, sharesAxis ? range.upperBound : length, frame.status)
    }
  }
}
