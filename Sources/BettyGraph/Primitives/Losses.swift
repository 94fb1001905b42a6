// Softmax and its relatives, and the losses that are fused with it. Their derivatives are graphs of
// primitives again, so every order follows.

import BettyKernelInterface

extension P {
  private typealias Rule =
    @Sendable (inout Graph, _ y: Value, _ along: Value, _ axis: Int) throws -> Value

  /// A primitive on the rows along `axis` whose vjp and jvp are functions of its result.
  private static func rows(
    _ name: String, _ functions: @escaping @Sendable (KernelTable) -> [RowsFunction],
    vjp: @escaping Rule, jvp: @escaping Rule
  ) -> Primitive {
    func rule(
      _ rule: @escaping Rule
    ) -> @Sendable (inout Graph, Application, [Value?]) throws -> [Value?] {
      { graph, node, along in
        guard let along = along[0] else { return [nil] }
        return [try rule(&graph, node.output, along, node.attributes.int("axis"))]
      }
    }
    return Primitive(
      name, attributes: [AttributeSpec("axis", .int)],
      derivative: .custom(vjp: rule(vjp), jvp: rule(jvp)),
      kernel: .buffer(
        inPlace: [0],
        prepare: { request in
          let function = try request.floating(
            functions(request.table), request.inputs[0].dtype, name)
          return try prepareRows(
            request, axis: request.attributes.int("axis"), reduces: false, function)
        }), batching: .axis,
      samples: [
        Sample([.init([5])], ["axis": .int(0)]), Sample([.init([3, 4])], ["axis": .int(1)]),
        Sample([.init([3, 4])], ["axis": .int(0)]), Sample([.init([2, 3, 4])], ["axis": .int(1)]),
        Sample([.init([0, 4])], ["axis": .int(1)]),
      ]
    ) { inputs, attributes in
      try Rules.count(inputs, 1, name)
      try Rules.dtype(inputs[0], .floating, name)
      _ = try Rules.axis(attributes, inputs[0], name)
      return inputs
    }
  }

  /// Sum along the axis, repeated along it.
  private static func total(_ graph: inout Graph, _ a: Value, _ axis: Int) throws -> Value {
    try graph.spread(graph.sum(a, [axis]), over: [axis], to: graph.shape(of: a))
  }

  /// The Jacobian is symmetric: y (t - sum y t) both ways.
  @Sendable private static func softmaxProduct(
    _ graph: inout Graph, _ y: Value, _ along: Value, _ axis: Int
  ) throws -> Value {
    let mean = try total(&graph, graph.mul(y, along), axis)
    return try graph.mul(y, graph.sub(along, mean))
  }

  package static let softmax: Primitive = rows(
    "softmax", { $0.softmaxRows }, vjp: softmaxProduct, jvp: softmaxProduct)

  package static let logSoftmax: Primitive = rows(
    "log_softmax", { $0.logSoftmaxRows },
    vjp: { graph, y, along, axis in
      let sum = try total(&graph, along, axis)
      return try graph.sub(along, graph.mul(graph.call(exp, [y]), sum))
    },
    jvp: { graph, y, along, axis in
      let mean = try total(&graph, graph.mul(graph.call(exp, [y]), along), axis)
      return try graph.sub(along, mean)
    })

  private static func checkLabels(_ inputs: [TensorType], _ name: String) throws {
    try Rules.dtype(inputs[0], .floating, name)
    try Rules.indices(inputs[1], name)
    guard inputs[0].rank == 2, inputs[1].shape == [inputs[0].shape[0]] else {
      throw BettyError.value(
        "\(name): takes logits [N, C] and labels [N], got \(inputs[0]) and \(inputs[1])")
    }
  }

  private static let labelled: [Sample.Input] = [
    .init([3, 4]), .init([3], 0...3, dtype: .i64),
  ]

  /// Where a kernel has met a bad label: the label and the number of classes in place of its position.
  private static func nameLabel(_ frame: KernelFrame, _ classes: Int, _ rows: Range<Int>) {
    if frame.status.pointee == 0 { return }
    let labels = frame.operands[1].assumingMemoryBound(to: Int64.self)
    for row in rows where labels[row] < 0 || labels[row] >= classes {
      let label = Int64(Int32(clamping: labels[row]))
      frame.status.pointee = label << 32 | Int64(UInt32(clamping: classes)) + 1
      return
    }
  }

  /// The position is one less than what was reported.
  private static let labelFailure: @Sendable (Int64) -> BettyError = { reported in
    BettyError.index(
      "cross_entropy: label \(reported >> 32) is out of range for "
        + "\(reported & 0xFFFF_FFFF) classes")
  }

  /// -log softmax(logits)[label], one a row.
  package static let crossEntropy: Primitive = Primitive(
    "cross_entropy",
    derivative: .custom(
      vjp: { graph, node, cotangents in
        guard let cotangent = cotangents[0] else { return [nil, nil] }
        return [try graph.call(crossEntropyGradient, node.inputs + [cotangent]), nil]
      },
      jvp: { graph, node, tangents in
        guard let tangent = tangents[0] else { return [nil] }
        let ones = try graph.constant(1, like: node.output)
        let gradient = try graph.call(crossEntropyGradient, node.inputs + [ones])
        return [try graph.sum(graph.mul(gradient, tangent), [1])]
      }),
    kernel: .buffer(
      prepare: { request in
        let logits = request.inputs[0]
        let function = try request.floating(
          request.table.crossEntropyRows, logits.dtype, "cross_entropy")
        let (rows, columns) = (logits.shape[0], logits.shape[1])
        let tasks = request.tasks(logits.count, units: rows)
        return PreparedKernel(tasks: tasks) { frame, task in
          let range = part(task, of: tasks, rows)
          function(
            frame.operands[2], frame.operands[0],
            UnsafePointer(frame.operands[1].assumingMemoryBound(to: Int64.self)), columns,
            range.lowerBound, range.upperBound, frame.status)
          nameLabel(frame, columns, range)
        }
      }), batching: .rows,
    samples: [
      Sample(labelled), Sample([.init([1, 2]), .init([1], 0...1, dtype: .i64)]),
      Sample([.init([0, 4]), .init([0], 0...3, dtype: .i64)]),
    ], failure: labelFailure
  ) { inputs, _ in
    try Rules.count(inputs, 2, "cross_entropy")
    try checkLabels(inputs, "cross_entropy")
    return [try TensorType(inputs[0].dtype, inputs[1].shape)]
  }

  /// (softmax(logits) - one hot of the labels) times a cotangent a row.
  package static let crossEntropyGradient: Primitive = Primitive(
    "cross_entropy_gradient",
    derivative: .decomposed { graph, inputs, _ in
      let type = graph.type(of: inputs[0])
      let probabilities = try graph.call(softmax, [inputs[0]], ["axis": .int(1)])
      let target = try graph.call(
        oneHot, [inputs[1]], ["classes": .int(type.shape[1]), "dtype": .dtype(type.dtype)])
      let cotangent = try graph.spread(inputs[2], over: [1], to: type.shape)
      return [try graph.mul(graph.sub(probabilities, target), cotangent)]
    },
    kernel: .buffer(
      inPlace: [0],
      prepare: { request in
        let logits = request.inputs[0]
        let function = try request.floating(
          request.table.crossEntropyGradientRows, logits.dtype, "cross_entropy_gradient")
        let (rows, columns) = (logits.shape[0], logits.shape[1])
        let tasks = request.tasks(logits.count, units: rows)
        return PreparedKernel(tasks: tasks) { frame, task in
          let range = part(task, of: tasks, rows)
          function(
            frame.operands[3], frame.operands[0],
            UnsafePointer(frame.operands[1].assumingMemoryBound(to: Int64.self)),
            frame.operands[2], columns, range.lowerBound, range.upperBound, frame.status)
          nameLabel(frame, columns, range)
        }
      }), batching: .rows,
    samples: [Sample(labelled + [.init([3])])], failure: labelFailure
  ) { inputs, _ in
    try Rules.count(inputs, 3, "cross_entropy_gradient")
    try checkLabels(inputs, "cross_entropy_gradient")
    guard inputs[2].dtype == inputs[0].dtype, inputs[2].shape == inputs[1].shape else {
      throw BettyError.value(
        "cross_entropy_gradient: cotangent must be \(inputs[0].dtype.name)\(inputs[1].shape), "
          + "got \(inputs[2])")
    }
    return [inputs[0]]
  }

  /// log(1 + exp x) - x y: binary cross-entropy of the logit x and the target y.
  package static let bceWithLogits: Primitive = Primitive(
    "bce_with_logits",
    derivative: .elementwise([
      { graph, node in
        try graph.sub(graph.call(sigmoid, [node.inputs[0]]), node.inputs[1])
      },
      { graph, node in try graph.neg(node.inputs[0]) },
    ]),
    kernel: .buffer(
      inPlace: [0],
      prepare: { request in
        let type = request.inputs[0]
        let function = try request.floating(
          request.table.bceWithLogits, type.dtype, "bce_with_logits")
        let (count, size) = (type.count, type.dtype.size)
        let tasks = request.tasks(count, units: count)
        return PreparedKernel(tasks: tasks) { frame, task in
          let range = part(task, of: tasks, count)
          let offset = range.lowerBound * size
          function(
            frame.operands[2] + offset, frame.operands[0] + offset, frame.operands[1] + offset,
            range.count)
        }
      }),
    samples: [
      Sample([.init([]), .init([], 0...1)]), Sample([.init([5]), .init([5], 0...1)]),
      Sample([.init([3, 2]), .init([3, 2], 0...1)]),
    ]
  ) { inputs, _ in
    try Rules.count(inputs, 2, "bce_with_logits")
    try Rules.dtype(inputs[0], .floating, "bce_with_logits")
    try Rules.same(inputs[0], inputs[1], "bce_with_logits")
    return [inputs[0]]
  }

  /// -y max(log p, -100) - (1 - y) max(log(1 - p), -100): binary cross-entropy of the probability p and the
  /// target y. Its derivative (p - y) / (p (1 - p)) is bounded by the denominator alone, as in PyTorch: where
  /// p is rounded to 0 or 1 it is large instead of being that of the other logarithm.
  package static let binaryCrossEntropy: Primitive = Primitive(
    "binary_cross_entropy",
    derivative: .elementwise([
      { graph, node in
        let (p, y) = (node.inputs[0], node.inputs[1])
        let spread = try graph.mul(p, graph.sub(graph.constant(1, like: p), p))
        let least = try graph.constant(1e-12, like: p)
        return try graph.div(graph.sub(p, y), graph.call(maximum, [spread, least]))
      },
      { graph, node in
        let (log, other) = try boundedLogs(node.inputs[0], in: &graph)
        return try graph.sub(other, log)
      },
    ]),
    kernel: .composite { graph, inputs, _ in
      let (log, other) = try boundedLogs(inputs[0], in: &graph)
      let rest = try graph.sub(graph.constant(1, like: inputs[1]), inputs[1])
      let sum = try graph.add(graph.mul(inputs[1], log), graph.mul(rest, other))
      return [try graph.neg(sum)]
    },
    batching: .same,
    samples: [
      Sample([.init([], 0.2...0.8), .init([], 0...1)]),
      Sample([.init([3, 2], 0.2...0.8), .init([3, 2], 0...1)]),
    ]
  ) { inputs, _ in
    try Rules.count(inputs, 2, "binary_cross_entropy")
    try Rules.dtype(inputs[0], .floating, "binary_cross_entropy")
    try Rules.same(inputs[0], inputs[1], "binary_cross_entropy")
    return [inputs[0]]
  }

  /// max(log p, -100) and max(log(1 - p), -100).
  private static func boundedLogs(
    _ p: Value, in graph: inout Graph
  ) throws -> (Value, Value) {
    let least = try graph.constant(-100, like: p)
    let rest = try graph.sub(graph.constant(1, like: p), p)
    return (
      try graph.call(maximum, [graph.call(log, [p]), least]),
      try graph.call(maximum, [graph.call(log, [rest]), least])
    )
  }

  package static let losses: [Primitive] = [
    softmax, logSoftmax, crossEntropy, crossEntropyGradient, bceWithLogits, binaryCrossEntropy,
  ]
}
