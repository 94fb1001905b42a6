// Mean and variance over axes, what every normalisation by statistics is made of. Invariant: the
// sums are of deviations from a mean of samples, so that a mean which is large beside the deviation
// costs no digits although the data are read once (Chan, Golub and LeVeque, American Statistician
// 37, 1983).

import BettyKernelInterface

extension P {
  /// Samples along each axis that the shift is the mean of.
  private static let momentSamples = 4

  /// (mean, variance without correction) over `axes`, which are dropped. `statistics` says of whom
  /// they are where a batch is split: "batch" of the replica's part, unless the engine synchronises
  /// all, "synchronized" of the whole.
  package static let moments: Primitive = Primitive(
    "moments",
    attributes: [
      AttributeSpec("axes", .ints), AttributeSpec("statistics", .string, optional: true),
    ],
    derivative: .custom(vjp: momentsGradient, jvp: momentsTangent),
    kernel: .composite(momentsDefinition),
    samples: [
      Sample([.init([5])], ["axes": .ints([0])]),
      Sample([.init([6, 3])], ["axes": .ints([0])]),
      Sample([.init([3, 4])], ["axes": .ints([1])]),
      Sample([.init([2, 5, 3, 4])], ["axes": .ints([0, 1, 2])]),
      Sample([.init([2, 3, 4, 2])], ["axes": .ints([0, 2, 3])]),
      Sample([.init([2, 3, 4])], ["axes": .ints([1])]),
    ]
  ) { inputs, attributes in
    try Rules.count(inputs, 1, "moments")
    try Rules.dtype(inputs[0], .floating, "moments")
    let axes = try Rules.axes(attributes, inputs[0], "moments")
    let type = try TensorType(inputs[0].dtype, inputs[0].shape.dropping(axes))
    return [type, type]
  }

  @Sendable private static func momentsDefinition(
    _ graph: inout Graph, _ inputs: [Value], _ attributes: Attributes
  ) throws -> [Value] {
    let x = inputs[0]
    let axes = attributes.ints("axes")
    let shape = graph.shape(of: x)
    // Storage types have too few digits to add up in.
    let dtype = graph.dtype(of: x)
    let wide = try graph.cast(x, dtype.computeType)
    let count = Double(axes.map { shape[$0] }.product)
    if count == 0 {
      let nothing = try TensorType(dtype, shape.dropping(axes))
      return try [graph.constant(.nan, nothing), graph.constant(.nan, nothing)]
    }
    let starts = shape.indices.map { axes.contains($0) ? shape[$0] / (2 * momentSamples) : 0 }
    let steps = shape.indices.map {
      axes.contains($0) ? Swift.max(shape[$0] / momentSamples, 1) : 1
    }
    let samples = try graph.slice(wide, starts: starts, stops: shape, steps: steps)
    let sampleCount = axes.map { graph.shape(of: samples)[$0] }.product
    let shift = try graph.scale(graph.sum(samples, axes), 1 / Double(sampleCount))
    let centred = try graph.sub(wide, graph.spread(shift, over: axes, to: shape))
    let first = try graph.scale(graph.sum(centred, axes), 1 / count)
    let second = try graph.scale(graph.sum(graph.mul(centred, centred), axes), 1 / count)
    let variance = try graph.sub(second, graph.mul(first, first))
    let bounded = try graph.call(maximum, [variance, graph.zeros(like: variance)])
    return try [graph.cast(graph.add(shift, first), dtype), graph.cast(bounded, dtype)]
  }

  /// (x - mean) spread, and 2 / n.
  private static func deviation(
    _ graph: inout Graph, _ node: Application
  ) throws -> (centred: Value, factor: Double) {
    let x = node.inputs[0]
    let axes = node.attributes.ints("axes")
    let shape = graph.shape(of: x)
    let mean = try graph.spread(node.outputs[0], over: axes, to: shape)
    let count = Swift.max(axes.map { shape[$0] }.product, 1)
    return (try graph.sub(x, mean), 2 / Double(count))
  }

  @Sendable private static func momentsGradient(
    _ graph: inout Graph, _ node: Application, _ cotangents: [Value?]
  ) throws -> [Value?] {
    let axes = node.attributes.ints("axes")
    let shape = graph.shape(of: node.inputs[0])
    let (centred, factor) = try deviation(&graph, node)
    var total: Value?
    if let ofVariance = cotangents[1] {
      let slope = try graph.spread(graph.scale(ofVariance, factor), over: axes, to: shape)
      total = try graph.mul(centred, slope)
    }
    if let ofMean = cotangents[0] {
      let share = try graph.spread(graph.scale(ofMean, factor / 2), over: axes, to: shape)
      total = try total.map { try graph.add($0, share) } ?? share
    }
    return [total]
  }

  @Sendable private static func momentsTangent(
    _ graph: inout Graph, _ node: Application, _ tangents: [Value?]
  ) throws -> [Value?] {
    guard let tangent = tangents[0] else { return [nil, nil] }
    let axes = node.attributes.ints("axes")
    let (centred, factor) = try deviation(&graph, node)
    return [
      try graph.scale(graph.sum(tangent, axes), factor / 2),
      try graph.scale(graph.sum(graph.mul(centred, tangent), axes), factor),
    ]
  }

  package static let normalizations: [Primitive] = [moments]
}
