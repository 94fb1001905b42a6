// Reductions over axes, and along one axis: sum, prod, max, min, logsumexp, argmax, argmin, cumsum.

import BettyKernelInterface

extension P {
  private static func reduction(
    _ name: String, _ op: ReduceOp, _ operands: TypeClass, distinct: Bool = false,
    range: ClosedRange<Double> = -2...2, derivative: Derivative
  ) -> Primitive {
    let cases: [([Int], [Int])] = [
      ([], []), ([5], [0]), ([3, 4], [0]), ([3, 4], [1]), ([3, 4], [0, 1]), ([2, 3, 4], [1]),
      ([2, 3, 4], [0, 2]), ([0, 3], [1]),
    ]
    return Primitive(
      name, attributes: [AttributeSpec("axes", .ints)], derivative: derivative,
      kernel: .reduction(op),
      samples: cases.map {
        Sample([.init($0.0, range, distinct: distinct)], ["axes": .ints($0.1)])
      }
    ) { inputs, attributes in
      try Rules.count(inputs, 1, name)
      try Rules.dtype(inputs[0], operands, name)
      let axes = try Rules.axes(attributes, inputs[0], name)
      if op == .max || op == .min, axes.contains(where: { inputs[0].shape[$0] == 0 }) {
        throw BettyError.index("\(name): axes \(axes) of \(inputs[0]) hold no element")
      }
      return [try TensorType(inputs[0].dtype, inputs[0].shape.dropping(axes))]
    }
  }

  package static let sum: Primitive = reduction(
    "sum", .sum, .number,
    derivative: .linear(operands: [0]) { graph, node, cotangent in
      let shape = graph.shape(of: node.inputs[0])
      return [try graph.spread(cotangent, over: node.attributes.ints("axes"), to: shape)]
    })

  /// Differentiated as a tree of products of halves, which has no division: zeros are harmless.
  package static let prod: Primitive = reduction(
    "prod", .prod, .number, range: 0.5...1.5,
    derivative: .decomposed { graph, inputs, attributes in
      let axes = attributes.ints("axes")
      let shape = graph.shape(of: inputs[0])
      let kept = shape.indices.filter { !axes.contains($0) }
      let last = kept.count
      var length = axes.map { shape[$0] }.product
      var value = try graph.permute(inputs[0], kept + axes)
      value = try graph.reshape(value, kept.map { shape[$0] } + [length])
      while length > 1 {
        let half = (length + 1) / 2
        let first = try graph.slice(value, axis: last, 0, length - half)
        let second = try graph.slice(value, axis: last, half, length)
        var product = try graph.mul(first, second)
        if length % 2 == 1 {
          let middle = try graph.slice(value, axis: last, length - half, half)
          product = try graph.concatenate([product, middle], axis: last)
        }
        value = product
        length = half
      }
      let result = try TensorType(graph.dtype(of: inputs[0]), kept.map { shape[$0] })
      if length == 0 { return [try graph.constant(1, result)] }
      return [try graph.reshape(value, result.shape)]
    })

  package static let max: Primitive = reduction(
    "max", .max, .any, distinct: true, derivative: .custom(vjp: spreadExtremum, jvp: meanExtremum))

  package static let min: Primitive = reduction(
    "min", .min, .any, distinct: true, derivative: .custom(vjp: spreadExtremum, jvp: meanExtremum))

  /// What each element takes part in the extremum with: 1 / number of equal ones, else 0.
  private static func shares(_ graph: inout Graph, _ node: Application) throws -> Value {
    let x = node.inputs[0]
    let axes = node.attributes.ints("axes")
    let shape = graph.shape(of: x)
    let extremum = try graph.spread(node.output, over: axes, to: shape)
    let mask = try graph.cast(graph.call(eq, [x, extremum]), graph.dtype(of: x))
    let count = try graph.sum(mask, axes)
    return try graph.div(mask, graph.spread(count, over: axes, to: shape))
  }

  @Sendable private static func spreadExtremum(
    _ graph: inout Graph, _ node: Application, _ cotangents: [Value?]
  ) throws -> [Value?] {
    guard let cotangent = cotangents[0] else { return [nil] }
    let shape = graph.shape(of: node.inputs[0])
    let spread = try graph.spread(cotangent, over: node.attributes.ints("axes"), to: shape)
    return [try graph.mul(spread, shares(&graph, node))]
  }

  @Sendable private static func meanExtremum(
    _ graph: inout Graph, _ node: Application, _ tangents: [Value?]
  ) throws -> [Value?] {
    guard let tangent = tangents[0] else { return [nil] }
    let product = try graph.mul(tangent, shares(&graph, node))
    return [try graph.sum(product, node.attributes.ints("axes"))]
  }

  /// log sum exp over one axis.
  package static let logsumexp: Primitive = Primitive(
    "logsumexp", attributes: [AttributeSpec("axes", .ints)],
    derivative: .custom(
      vjp: { graph, node, cotangents in
        guard let cotangent = cotangents[0] else { return [nil] }
        let shape = graph.shape(of: node.inputs[0])
        let spread = try graph.spread(cotangent, over: node.attributes.ints("axes"), to: shape)
        return [try graph.mul(spread, weights(&graph, node))]
      },
      jvp: { graph, node, tangents in
        guard let tangent = tangents[0] else { return [nil] }
        let product = try graph.mul(tangent, weights(&graph, node))
        return [try graph.sum(product, node.attributes.ints("axes"))]
      }),
    kernel: .buffer(
      prepare: { request in
        let rows = try request.floating(
          request.table.logSumExpRows, request.inputs[0].dtype, "logsumexp")
        return try prepareRows(
          request, axis: request.attributes.ints("axes")[0], reduces: true, rows)
      }), batching: .axes,
    samples: [
      Sample([.init([5])], ["axes": .ints([0])]),
      Sample([.init([3, 4])], ["axes": .ints([1])]),
      Sample([.init([2, 3, 4])], ["axes": .ints([1])]),
      Sample([.init([0, 4])], ["axes": .ints([1])]),
    ]
  ) { inputs, attributes in
    try Rules.count(inputs, 1, "logsumexp")
    try Rules.dtype(inputs[0], .floating, "logsumexp")
    let axes = try Rules.axes(attributes, inputs[0], "logsumexp")
    try Rules.length(axes, 1, "axes", "logsumexp")
    return [try TensorType(inputs[0].dtype, inputs[0].shape.dropping(axes))]
  }

  /// Derivative of logsumexp: the softmax.
  private static func weights(_ graph: inout Graph, _ node: Application) throws -> Value {
    let x = node.inputs[0]
    let total = try graph.spread(
      node.output, over: node.attributes.ints("axes"), to: graph.shape(of: x))
    return try graph.call(exp, [graph.sub(x, total)])
  }

  private static func position(_ name: String, isMaximum: Bool) -> Primitive {
    Primitive(
      name, attributes: [AttributeSpec("axis", .int)], derivative: .zero,
      kernel: .buffer(
        prepare: { request in
          let type = request.inputs[0]
          let function = try request.entry(request.table.argReduce, type.dtype, name)
          let split = AxisSplit(type.shape, request.attributes.int("axis"))
          let tasks = request.tasks(type.count, units: split.outer)
          return PreparedKernel(tasks: tasks) { frame, task in
            let range = part(task, of: tasks, split.outer)
            function(
              frame.operands[1].assumingMemoryBound(to: Int64.self), frame.operands[0],
              split.outer, split.length, split.inner, range.lowerBound, range.upperBound,
              isMaximum ? 1 : 0)
          }
        }), batching: .axis,
      samples: [
        Sample([.init([5], distinct: true)], ["axis": .int(0)]),
        Sample([.init([3, 4], distinct: true)], ["axis": .int(1)]),
        Sample([.init([2, 3, 4], distinct: true)], ["axis": .int(1)]),
        Sample([.init([0, 3], distinct: true)], ["axis": .int(1)]),
      ]
    ) { inputs, attributes in
      try Rules.count(inputs, 1, name)
      try Rules.dtype(inputs[0], .number, name)
      let axis = try Rules.axis(attributes, inputs[0], name)
      guard inputs[0].shape[axis] > 0 else {
        throw BettyError.index("\(name): axis \(axis) of \(inputs[0]) holds no element")
      }
      return [try TensorType(.i64, inputs[0].shape.dropping([axis]))]
    }
  }

  package static let argmax: Primitive = position("argmax", isMaximum: true)
  package static let argmin: Primitive = position("argmin", isMaximum: false)

  /// Running sum along an axis, from its end when `reverse`.
  package static let cumsum: Primitive = Primitive(
    "cumsum", attributes: [AttributeSpec("axis", .int), AttributeSpec("reverse", .bool)],
    derivative: .linear(operands: [0]) { graph, node, cotangent in
      var attributes = node.attributes
      attributes["reverse"] = .bool(!attributes.bool("reverse"))
      return [try graph.call(P.cumsum, [cotangent], attributes)]
    },
    kernel: .buffer(
      prepare: { request in
        let type = request.inputs[0]
        let function = try request.entry(request.table.cumsum, type.dtype, "cumsum")
        let split = AxisSplit(type.shape, request.attributes.int("axis"))
        let reverse = request.attributes.bool("reverse") ? 1 : 0
        let tasks = request.tasks(type.count, units: split.outer)
        return PreparedKernel(tasks: tasks) { frame, task in
          let range = part(task, of: tasks, split.outer)
          function(
            frame.operands[1], frame.operands[0], split.outer, split.length, split.inner,
            range.lowerBound, range.upperBound, reverse)
        }
      }), batching: .axis,
    samples: [
      Sample([.init([5])], ["axis": .int(0), "reverse": .bool(false)]),
      Sample([.init([3, 4])], ["axis": .int(1), "reverse": .bool(true)]),
      Sample([.init([2, 3, 4])], ["axis": .int(1), "reverse": .bool(false)]),
      Sample([.init([0, 3])], ["axis": .int(1), "reverse": .bool(false)]),
    ]
  ) { inputs, attributes in
    try Rules.count(inputs, 1, "cumsum")
    try Rules.dtype(inputs[0], .number, "cumsum")
    _ = try Rules.axis(attributes, inputs[0], "cumsum")
    return inputs
  }

  package static let reductions: [Primitive] = [
    sum, prod, max, min, logsumexp, argmax, argmin, cumsum,
  ]
}
