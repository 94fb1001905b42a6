// Movement primitives that are views or the same data: reshape, permute, broadcast, slice.

import BettyKernelInterface

extension P {
  package static let reshape: Primitive = Primitive(
    "reshape", attributes: [AttributeSpec("shape", .ints)],
    derivative: .linear(operands: [0]) { graph, node, cotangent in
      [try graph.reshape(cotangent, graph.shape(of: node.inputs[0]))]
    }, kernel: .alias,
    batching: .shifted { attributes, size in
      ["shape": .ints([size] + attributes.ints("shape"))]
    },
    samples: [
      Sample([.init([2, 6])], ["shape": .ints([3, 4])]),
      Sample([.init([])], ["shape": .ints([1, 1])]),
      Sample([.init([0, 3])], ["shape": .ints([3, 0, 2])]),
    ]
  ) { inputs, attributes in
    try Rules.count(inputs, 1, "reshape")
    let result = try TensorType(inputs[0].dtype, attributes.ints("shape"))
    guard result.count == inputs[0].count else {
      throw BettyError.value(
        "reshape: \(inputs[0]) has \(inputs[0].count) elements, not \(result.count) "
          + "as \(result.shape) wants")
    }
    return [result]
  }

  package static let permute: Primitive = Primitive(
    "permute", attributes: [AttributeSpec("axes", .ints)],
    derivative: .linear(operands: [0]) { graph, node, cotangent in
      let axes = node.attributes.ints("axes")
      var inverse = axes
      for (new, old) in axes.enumerated() { inverse[old] = new }
      return [try graph.permute(cotangent, inverse)]
    },
    kernel: .view { input, _, attributes in
      let strides = input.strides
      return StridedView(offset: 0, strides: attributes.ints("axes").map { strides[$0] })
    },
    batching: .shifted { attributes, _ in
      ["axes": .ints([0] + attributes.ints("axes").map { $0 + 1 })]
    },
    samples: [
      Sample([.init([3, 4])], ["axes": .ints([1, 0])]),
      Sample([.init([2, 3, 4])], ["axes": .ints([2, 0, 1])]),
      Sample([.init([])], ["axes": .ints([])]),
      Sample([.init([0, 3])], ["axes": .ints([1, 0])]),
    ]
  ) { inputs, attributes in
    try Rules.count(inputs, 1, "permute")
    let axes = attributes.ints("axes")
    guard axes.sorted().elementsEqual(inputs[0].shape.indices) else {
      throw BettyError.value("permute: axes \(axes) are no permutation of those of \(inputs[0])")
    }
    return [try TensorType(inputs[0].dtype, axes.map { inputs[0].shape[$0] })]
  }

  package static let broadcast: Primitive = Primitive(
    "broadcast", attributes: [AttributeSpec("shape", .ints), AttributeSpec("axes", .ints)],
    derivative: .linear(operands: [0]) { graph, node, cotangent in
      let shape = graph.shape(of: node.inputs[0])
      let axes = node.attributes.ints("axes")
      let wide = graph.shape(of: cotangent)
      var kept: Set<Int> = []
      for (axis, dimension) in zip(axes, shape) where dimension == wide[axis] {
        kept.insert(axis)
      }
      let sum = try graph.sum(cotangent, wide.indices.filter { !kept.contains($0) })
      return [try graph.reshape(sum, shape)]
    },
    kernel: .view { input, output, attributes in
      var strides = [Int](repeating: 0, count: output.rank)
      let own = input.strides
      for (axis, target) in attributes.ints("axes").enumerated() where input.shape[axis] != 1 {
        strides[target] = own[axis]
      }
      return StridedView(offset: 0, strides: strides)
    },
    batching: .shifted { attributes, size in
      [
        "shape": .ints([size] + attributes.ints("shape")),
        "axes": .ints([0] + attributes.ints("axes").map { $0 + 1 }),
      ]
    },
    samples: [
      Sample([.init([])], ["shape": .ints([2, 3]), "axes": .ints([])]),
      Sample([.init([3])], ["shape": .ints([2, 3]), "axes": .ints([1])]),
      Sample([.init([2])], ["shape": .ints([2, 3]), "axes": .ints([0])]),
      Sample([.init([2, 1, 3])], ["shape": .ints([2, 4, 3, 2]), "axes": .ints([0, 1, 2])]),
      Sample([.init([1])], ["shape": .ints([0]), "axes": .ints([0])]),
    ]
  ) { inputs, attributes in
    try Rules.count(inputs, 1, "broadcast")
    let result = try TensorType(inputs[0].dtype, attributes.ints("shape"))
    let axes = try Rules.axes(attributes, result, "broadcast")
    try Rules.length(axes, inputs[0].rank, "axes", "broadcast")
    for (dimension, axis) in zip(inputs[0].shape, axes)
    where dimension != 1 && dimension != result.shape[axis] {
      throw BettyError.value("broadcast: \(inputs[0]) does not fit \(result.shape) at \(axes)")
    }
    return [result]
  }

  /// Number of positions from start to stop (exclusive) in strides of step.
  static func sliceLength(_ start: Int, _ stop: Int, _ step: Int) -> Int {
    if step > 0 { return stop > start ? (stop - start - 1) / step + 1 : 0 }
    return start > stop ? Int((start - stop - 1).magnitude / step.magnitude) + 1 : 0
  }

  package static let slice: Primitive = Primitive(
    "slice",
    attributes: [
      AttributeSpec("starts", .ints), AttributeSpec("stops", .ints), AttributeSpec("steps", .ints),
    ],
    derivative: .linear(operands: [0], transpose: transposeSlice),
    kernel: .view { input, _, attributes in
      let own = input.strides
      let (starts, steps) = (attributes.ints("starts"), attributes.ints("steps"))
      var view = StridedView(offset: 0, strides: own)
      guard input.count > 0 else { return view }
      for axis in own.indices {
        // A start past the end or a step past it belongs to a slice of no or one element.
        view.offset &+= Swift.min(starts[axis], input.shape[axis]) &* own[axis]
        view.strides[axis] = own[axis] &* steps[axis]
      }
      return view
    },
    batching: .shifted { attributes, size in
      sliceAttributes(
        [0] + attributes.ints("starts"), [size] + attributes.ints("stops"),
        [1] + attributes.ints("steps"))
    },
    samples: [
      Sample([.init([7])], sliceAttributes([1], [6], [2])),
      Sample([.init([7])], sliceAttributes([6], [-1], [-1])),
      Sample([.init([7, 4])], sliceAttributes([5, 0], [0, 3], [-2, 1])),
      Sample([.init([3, 4, 2])], sliceAttributes([0, 1, 1], [3, 3, 2], [1, 1, 1])),
      Sample([.init([4, 3])], sliceAttributes([2, 0], [2, 3], [1, 1])),
      Sample([.init([])], sliceAttributes([], [], [])),
    ]
  ) { inputs, attributes in
    try Rules.count(inputs, 1, "slice")
    let input = inputs[0]
    let starts = attributes.ints("starts")
    let stops = attributes.ints("stops")
    let steps = attributes.ints("steps")
    for (list, what) in [(starts, "starts"), (stops, "stops"), (steps, "steps")] {
      try Rules.length(list, input.rank, what, "slice")
    }
    let shape = try input.shape.indices.map { axis in
      let (start, stop, step) = (starts[axis], stops[axis], steps[axis])
      let dimension = input.shape[axis]
      guard step != 0 else { throw BettyError.value("slice: step 0 on axis \(axis)") }
      guard start >= 0, start <= dimension, stop >= -1, stop <= dimension,
        step > 0 ? stop >= 0 : start < dimension || start <= stop
      else {
        throw BettyError.index(
          "slice: \(start):\(stop):\(step) out of range on axis \(axis) of \(input)")
      }
      return sliceLength(start, stop, step)
    }
    return [try TensorType(input.dtype, shape)]
  }

  static func sliceAttributes(_ starts: [Int], _ stops: [Int], _ steps: [Int]) -> Attributes {
    ["starts": .ints(starts), "stops": .ints(stops), "steps": .ints(steps)]
  }

  /// Puts the cotangent back where the slice took it, zeros elsewhere; a downward walk is turned
  /// first.
  @Sendable private static func transposeSlice(
    _ graph: inout Graph, _ node: Application, _ cotangent: Value
  ) throws -> [Value?] {
    let shape = graph.shape(of: node.inputs[0])
    let taken = graph.shape(of: cotangent)
    if taken.contains(0) { return [try graph.zeros(like: node.inputs[0])] }
    let (starts, steps) = (node.attributes.ints("starts"), node.attributes.ints("steps"))
    var cotangent = cotangent
    if steps.contains(where: { $0 < 0 }) {
      cotangent = try graph.slice(
        cotangent, starts: steps.indices.map { steps[$0] < 0 ? taken[$0] - 1 : 0 },
        stops: steps.indices.map { steps[$0] < 0 ? -1 : taken[$0] },
        steps: steps.map { $0 < 0 ? -1 : 1 })
    }
    var (low, high, interior) = (starts, starts, starts)
    for axis in shape.indices {
      // One element has no interior, and its step may be anything.
      let step = taken[axis] == 1 ? 1 : steps[axis]
      let span = (taken[axis] - 1) * step
      low[axis] = Swift.min(starts[axis], starts[axis] + span)
      high[axis] = shape[axis] - 1 - Swift.max(starts[axis], starts[axis] + span)
      interior[axis] = Swift.abs(step) - 1
    }
    return [try graph.call(P.pad, [cotangent], padAttributes(low, high, interior))]
  }

  package static let movement: [Primitive] = [
    reshape, permute, broadcast, slice, pad, concatenate,
  ]
}
