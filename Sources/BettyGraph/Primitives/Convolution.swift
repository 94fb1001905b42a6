// Convolutions with channels last, over one or two spatial axes:
//
//   convolution(x[N, *S, C], w[*R, C / groups, K]) = y[N, *O, K]
//   convolution_input_gradient(g[N, *O, K], w) = [N, *S, C]       (a transposed convolution)
//   convolution_weight_gradient(x, g) = [*R, C / groups, K]
//
// Each is linear in both operands, and the cotangents of each are applications of the other two, so
// that any order of derivative is made of these three. All give results in the operands' type or, of bf16
// and f16, in f32. Padding is zeros; what it may be at either
// end is one number per axis, `low` and `high`.

import BettyKernelInterface

extension P {
  package static let convolution: Primitive = Primitive(
    "convolution", attributes: ConvolutionRules.attributes,
    derivative: .bilinear(
      lhs: { graph, node, cotangent in
        let cotangent = try graph.cotangent(cotangent, like: node.inputs[1])
        return try graph.call(
          convolutionInputGradient, [cotangent, node.inputs[1]],
          node.attributes.with(shape: graph.shape(of: node.inputs[0])))
      },
      rhs: { graph, node, cotangent in
        let cotangent = try graph.cotangent(cotangent, like: node.inputs[0])
        return try graph.call(
          convolutionWeightGradient, [node.inputs[0], cotangent],
          node.attributes.with(shape: graph.shape(of: node.inputs[1])))
      }),
    kernel: .buffer(prepare: prepareConvolution), batching: .rule(batchImages),
    samples: ConvolutionRules.samples { x, w, _ in (x, w, nil) }, isExpensive: true,
    flops: outputFlops
  ) { inputs, attributes in
    try Rules.count(inputs, 2, "convolution")
    let rule = try ConvolutionRules(inputs[0], attributes, "convolution")
    let made = try rule.output(x: inputs[0], w: inputs[1])
    return [try made.with(Rules.result(inputs[0], attributes, "convolution"))]
  }

  package static let convolutionInputGradient: Primitive = Primitive(
    "convolution_input_gradient",
    attributes: ConvolutionRules.attributes + [AttributeSpec("shape", .ints)],
    derivative: .bilinear(
      lhs: { graph, node, cotangent in
        let cotangent = try graph.cotangent(cotangent, like: node.inputs[1])
        return try graph.call(
          convolution, [cotangent, node.inputs[1]], node.attributes.with(shape: nil))
      },
      rhs: { graph, node, cotangent in
        let cotangent = try graph.cotangent(cotangent, like: node.inputs[0])
        return try graph.call(
          convolutionWeightGradient, [cotangent, node.inputs[0]],
          node.attributes.with(shape: graph.shape(of: node.inputs[1])))
      }),
    kernel: .buffer(prepare: prepareConvolutionInputGradient), batching: .rule(batchImages),
    samples: ConvolutionRules.samples { x, w, y in (y, w, x) }, isExpensive: true,
    flops: inputFlops
  ) { inputs, attributes in
    let name = "convolution_input_gradient"
    try Rules.count(inputs, 2, name)
    let rule = try ConvolutionRules(inputs[0], attributes, name)
    let x = try TensorType(inputs[0].dtype, attributes.ints("shape"))
    try rule.check(g: inputs[0], against: rule.output(x: x, w: inputs[1]))
    return [try x.with(Rules.result(x, attributes, name))]
  }

  package static let convolutionWeightGradient: Primitive = Primitive(
    "convolution_weight_gradient",
    attributes: ConvolutionRules.attributes + [AttributeSpec("shape", .ints)],
    derivative: .bilinear(
      lhs: { graph, node, cotangent in
        let cotangent = try graph.cotangent(cotangent, like: node.inputs[1])
        return try graph.call(
          convolutionInputGradient, [node.inputs[1], cotangent],
          node.attributes.with(shape: graph.shape(of: node.inputs[0])))
      },
      rhs: { graph, node, cotangent in
        let cotangent = try graph.cotangent(cotangent, like: node.inputs[0])
        return try graph.call(
          convolution, [node.inputs[0], cotangent], node.attributes.with(shape: nil))
      }),
    kernel: .buffer(prepare: prepareConvolutionWeightGradient),
    samples: ConvolutionRules.samples { x, w, y in (x, y, w) }, isExpensive: true,
    flops: weightFlops
  ) { inputs, attributes in
    let name = "convolution_weight_gradient"
    try Rules.count(inputs, 2, name)
    let rule = try ConvolutionRules(inputs[0], attributes, name)
    let w = try TensorType(inputs[0].dtype, attributes.ints("shape"))
    try rule.check(g: inputs[1], against: rule.output(x: inputs[0], w: w))
    return [try w.with(Rules.result(w, attributes, name))]
  }

  @Sendable private static func outputFlops(
    _ inputs: [TensorType], _ outputs: [TensorType], _: Attributes
  ) -> Double {
    ConvolutionRules.flops(result: outputs[0], weight: inputs[1])
  }

  @Sendable private static func inputFlops(
    _ inputs: [TensorType], _ outputs: [TensorType], _: Attributes
  ) -> Double {
    ConvolutionRules.flops(result: inputs[0], weight: inputs[1])
  }

  @Sendable private static func weightFlops(
    _ inputs: [TensorType], _ outputs: [TensorType], _: Attributes
  ) -> Double {
    ConvolutionRules.flops(result: inputs[1], weight: outputs[0])
  }

  /// Many batches of images under one filter are one batch; with a filter each, one after the other.
  @Sendable private static func batchImages(
    _ graph: inout Graph, _ node: BatchedApplication
  ) throws -> [Value] {
    guard node.isBatched == [true, false] else { return try node.each(in: &graph) }
    let shape = node.types[0].shape
    let images = try Rules.multiply(node.size, shape[0], node.primitive.name)
    let rows = try graph.reshape(node.inputs[0], [images] + Array(shape.dropFirst()))
    var attributes = node.attributes
    if attributes["shape"] != nil {
      attributes["shape"] = .ints([images] + Array(attributes.ints("shape").dropFirst()))
    }
    let made = try graph.call(node.primitive, [rows, node.inputs[1]], attributes)
    return [
      try graph.reshape(made, [node.size, shape[0]] + Array(graph.shape(of: made).dropFirst()))
    ]
  }

  package static let convolutions: [Primitive] = [
    convolution, convolutionInputGradient, convolutionWeightGradient,
  ]
}

extension Attributes {
  /// The same convolution with another `shape`, or without one; its result has the operands' type.
  fileprivate func with(shape: [Int]?) -> Attributes {
    var copy = self
    copy["dtype"] = nil
    copy["shape"] = shape.map { .ints($0) }
    return copy
  }
}

extension Graph {
  /// Attributes of the three primitives.
  package static func convolutionAttributes(
    stride: [Int], low: [Int], high: [Int], dilation: [Int], groups: Int
  ) -> Attributes {
    [
      "stride": .ints(stride), "low": .ints(low), "high": .ints(high),
      "dilation": .ints(dilation), "groups": .int(groups),
    ]
  }
}
