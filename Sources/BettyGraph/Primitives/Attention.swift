// Attention, softmax(query keysᵀ scale + mask) value, and its gradient, as primitives whose memory grows
// with the length and not with its square (Dao, Fu, Ermon, Rudra and Ré, "FlashAttention", NeurIPS
// 2022): scores exist a block at a time, and the reverse pass makes them again from the logarithms of
// their sums, which the forward pass keeps. A jvp, and with it every second derivative, is a graph of
// products over whole scores: quadratic in the length.
//
// Operands: query [..., L, E], keys [..., S, E], value [..., S, V] with the same leading axes, then (attribute
// `masked`) a mask of as many axes, each as long as the scores' or 1, bool or of the operands' type, then
// (attribute `dropout` > 0) the key of a draw, which is one of f32. Invariant: a query that sees no key gives 0 and has the
// logarithm 0.

import BettyKernelInterface

/// The operands of attention and what follows from their shapes.
struct AttentionOperands {
  let batch: [Int]
  let queries: Int
  let keys: Int
  let width: Int
  let valueWidth: Int
  let scale: Double
  let isCausal: Bool
  let dropout: Double
  /// Positions of mask and key among the inputs.
  let mask: Int?
  let key: Int?

  var scores: [Int] { batch + [queries, keys] }

  /// `others`: inputs between the value and the mask.
  init(
    _ inputs: [TensorType], _ attributes: Attributes, others: Int, _ name: String
  ) throws(BettyError) {
    let hasMask = attributes.bool("masked")
    dropout = attributes.double("dropout")
    mask = hasMask ? 3 + others : nil
    key = dropout > 0 ? 3 + others + (hasMask ? 1 : 0) : nil
    scale = attributes.double("scale")
    isCausal = attributes.bool("is_causal")
    try Rules.count(inputs, 3 + others + (mask == nil ? 0 : 1) + (key == nil ? 0 : 1), name)
    let shapes = inputs.prefix(3).map(\.shape)
    try Rules.dtype(inputs[0], .floating, name)
    batch = Array(shapes[0].dropLast(2))
    guard shapes[0].count >= 2, shapes.allSatisfy({ $0.count == shapes[0].count }),
      inputs.prefix(3).allSatisfy({ $0.dtype == inputs[0].dtype }),
      shapes[1].dropLast(2).elementsEqual(batch), shapes[2].dropLast(2).elementsEqual(batch),
      shapes[0].last == shapes[1].last, shapes[1].dropLast().last == shapes[2].dropLast().last
    else {
      throw .value("\(name): operands do not fit, got \(inputs[0]), \(inputs[1]) and \(inputs[2])")
    }
    let rank = batch.count
    (queries, width) = (shapes[0][rank], shapes[0][rank + 1])
    (keys, valueWidth) = (shapes[2][rank], shapes[2][rank + 1])
    guard Swift.max(queries, keys, width, valueWidth) <= Int(Int32.max) else {
      throw .value("\(name): a dimension exceeds 2147483647, got \(inputs[0]) and \(inputs[2])")
    }
    guard dropout >= 0, dropout < 1 else {
      throw .value("\(name): dropout must be at least 0 and less than 1, got \(dropout)")
    }
    if let mask {
      let type = inputs[mask]
      guard type.dtype == .bool || type.dtype == inputs[0].dtype, type.rank == rank + 2,
        zip(type.shape, scores).allSatisfy({ $0 == $1 || $0 == 1 })
      else { throw .value("\(name): the mask does not broadcast to \(scores), got \(type)") }
    }
    if let key, inputs[key].dtype != .i64 || inputs[key].shape != [2] {
      throw .value("\(name): the key must be i64[2], got \(inputs[key])")
    }
  }
}

extension P {
  private static let attentionAttributes = [
    AttributeSpec("scale", .double), AttributeSpec("is_causal", .bool),
    AttributeSpec("dropout", .double), AttributeSpec("masked", .bool),
  ]

  /// (attention [..., L, V], logarithms of the sums [..., L])
  package static let attention: Primitive = Primitive(
    "attention", attributes: attentionAttributes,
    derivative: .custom(vjp: attentionGradients, jvp: attentionTangent),
    kernel: .buffer(prepare: AttentionPlan.forward), batching: .rule(batchAttention),
    samples: attentionSamples(), isExpensive: true, readsViews: true,
    flops: attentionFlops
  ) { inputs, attributes in
    let size = try AttentionOperands(inputs, attributes, others: 0, "attention")
    let dtype = inputs[0].dtype
    return [
      try TensorType(dtype, size.batch + [size.queries, size.valueWidth]),
      try TensorType(dtype, size.batch + [size.queries]),
    ]
  }

  /// Cotangents of query, keys and value, from the logarithms [..., L], delta [..., L] (the products of
  /// each row of the attention with its cotangent) and the cotangent [..., L, V].
  package static let attentionGradient: Primitive = Primitive(
    "attention_gradient", attributes: attentionAttributes,
    derivative: .decomposed(attentionGradientDefinition),
    kernel: .buffer(prepare: AttentionPlan.backward), batching: .rule(batchAttention),
    samples: attentionSamples(others: true), isExpensive: true, readsViews: true,
    flops: attentionGradientFlops
  ) { inputs, attributes in
    let name = "attention_gradient"
    let size = try AttentionOperands(inputs, attributes, others: 3, name)
    let row = try TensorType(inputs[0].dtype, size.batch + [size.queries])
    let output = try TensorType(inputs[0].dtype, size.batch + [size.queries, size.valueWidth])
    guard inputs[3] == row, inputs[4] == row, inputs[5] == output else {
      throw BettyError.value(
        "\(name): takes \(row), \(row) and \(output), got \(inputs[3]), \(inputs[4]) and "
          + "\(inputs[5])")
    }
    return Array(inputs[0..<3])
  }

  /// Products with the keys and with the values, for each query.
  @Sendable private static func attentionFlops(
    _ inputs: [TensorType], _ outputs: [TensorType], _ attributes: Attributes
  ) -> Double {
    let queries = Double(inputs[0].shape.dropLast().last ?? 0)
    return 2 * queries * Double(inputs[1].count + inputs[2].count)
  }

  /// Scores and gradients of weights, query, keys and value.
  @Sendable private static func attentionGradientFlops(
    _ inputs: [TensorType], _ outputs: [TensorType], _ attributes: Attributes
  ) -> Double {
    let queries = Double(inputs[0].shape.dropLast().last ?? 0)
    return queries * (6 * Double(inputs[1].count) + 4 * Double(inputs[2].count))
  }

  private static func attentionSamples(others: Bool = false) -> [Sample] {
    func sample(
      _ q: [Int], _ k: [Int], _ v: [Int], mask: Sample.Input? = nil, causal: Bool = false,
      dropout: Double = 0
    ) -> Sample {
      var inputs: [Sample.Input] = [.init(q), .init(k), .init(v)]
      if others {
        let batch = Array(q.dropLast())
        // Logarithms of sums are about as large as the scores.
        inputs += [.init(batch, 1...3), .init(batch), .init(batch + v.suffix(1))]
      }
      if let mask { inputs.append(mask) }
      if dropout > 0 { inputs.append(.init([2], 0...1000, dtype: .i64)) }
      return Sample(
        inputs,
        [
          "scale": .double(0.5), "is_causal": .bool(causal), "dropout": .double(dropout),
          "masked": .bool(mask != nil),
        ])
    }
    return [
      sample([3, 4], [5, 4], [5, 2]), sample([2, 3, 2], [2, 3, 2], [2, 3, 2], causal: true),
      sample([2, 2, 3, 2], [2, 2, 4, 2], [2, 2, 4, 3], mask: .init([2, 1, 1, 4])),
      sample([2, 3, 2], [2, 4, 2], [2, 4, 2], mask: .init([1, 3, 4], 0...1, dtype: .bool)),
      sample([2, 3, 2], [2, 4, 2], [2, 4, 2], dropout: 0.4),
      sample([2, 0, 2], [2, 4, 2], [2, 4, 2]), sample([2, 3, 2], [2, 0, 2], [2, 0, 2]),
    ]
  }

  /// Operands all batched but the key; with a key of their own, examples go one after the other.
  @Sendable private static func batchAttention(
    _ graph: inout Graph, _ node: BatchedApplication
  ) throws -> [Value] {
    let last = node.inputs.count - 1
    let hasKey = node.attributes.double("dropout") > 0
    // A draw is numbered through the batch: together they would draw other numbers.
    if hasKey { return try node.each(in: &graph) }
    let operands = try (0...last).map { try node.batched($0, in: &graph) }
    return try graph.apply(node.primitive, operands, node.attributes)
  }

  // MARK: Over whole scores

  /// What the graph form shares: weights exp(logit - logarithm), and which of them are kept.
  private struct Scores {
    let size: AttentionOperands
    let weights: Value
    /// The factor of each weight that dropout leaves: 0 or 1 / (1 - p).
    let kept: Value?

    /// `logarithms` [..., L]; inputs and attributes as of either primitive.
    init(
      _ graph: inout Graph, _ inputs: [Value], _ logarithms: Value, _ attributes: Attributes,
      others: Int
    ) throws {
      let types = inputs.map { graph.type(of: $0) }
      size = try AttentionOperands(types, attributes, others: others, "attention")
      let product = try graph.matmul(inputs[0], inputs[1], transposeB: true)
      var logits = try graph.scale(product, size.scale)
      let type = graph.type(of: logits)
      if size.isCausal {
        let positions = [size.queries, size.keys]
        let rows = try graph.iota(positions, axis: 0)
        let columns = try graph.iota(positions, axis: 1)
        let allowed = try graph.call(ge, [rows, columns])
        logits = try P.hide(&graph, logits, unless: allowed)
      }
      if let mask = size.mask {
        let wide = try graph.expand(inputs[mask], to: type.shape)
        logits =
          types[mask].dtype == .bool
          ? try P.hide(&graph, logits, unless: wide) : try graph.add(logits, wide)
      }
      let shift = try graph.spread(logarithms, over: [type.rank - 1], to: type.shape)
      weights = try graph.call(exp, [graph.sub(logits, shift)])
      if let key = size.key {
        let draw = try graph.call(
          randomUniform, [inputs[key]],
          ["shape": .ints(type.shape), "dtype": .dtype(.f32)])
        let isKept = try graph.call(ge, [draw, graph.constant(size.dropout, like: draw)])
        kept = try graph.select(
          isKept, graph.constant(1 / (1 - size.dropout), type), graph.constant(0, type))
      } else {
        kept = nil
      }
    }

    func dropped(_ graph: inout Graph, _ value: Value) throws -> Value {
      try kept.map { try graph.mul(value, $0) } ?? value
    }

    /// The cotangent of the logits.
    func slope(
      _ graph: inout Graph, value: Value, delta: Value, cotangent: Value
    ) throws -> Value {
      let ofWeights = try graph.matmul(cotangent, value, transposeB: true)
      let shape = graph.shape(of: weights)
      let shift = try graph.spread(delta, over: [shape.count - 1], to: shape)
      return try graph.mul(weights, graph.sub(dropped(&graph, ofWeights), shift))
    }
  }

  private static func hide(_ graph: inout Graph, _ logits: Value, unless allowed: Value) throws
    -> Value
  {
    let shape = graph.shape(of: logits)
    let wide = try graph.expand(allowed, to: shape)
    return try graph.select(wide, logits, graph.constant(-.infinity, like: logits))
  }

  @Sendable private static func attentionGradientDefinition(
    _ graph: inout Graph, _ inputs: [Value], _ attributes: Attributes
  ) throws -> [Value] {
    let scores = try Scores(&graph, inputs, inputs[3], attributes, others: 3)
    let slope = try scores.slope(
      &graph, value: inputs[2], delta: inputs[4], cotangent: inputs[5])
    let scaled = try graph.scale(slope, scores.size.scale)
    let weights = try scores.dropped(&graph, scores.weights)
    return [
      try graph.matmul(scaled, inputs[1]), try graph.matmul(scaled, inputs[0], transposeA: true),
      try graph.matmul(weights, inputs[5], transposeA: true),
    ]
  }

  /// The logarithms' cotangent c adds weights c to the slope, as -c in delta does.
  @Sendable private static func attentionGradients(
    _ graph: inout Graph, _ node: Application, _ cotangents: [Value?]
  ) throws -> [Value?] {
    let (output, logarithms) = (node.outputs[0], node.outputs[1])
    let axis = graph.type(of: output).rank - 1
    let cotangent = try cotangents[0] ?? graph.zeros(like: output)
    var delta = try graph.sum(graph.mul(output, cotangent), [axis])
    if let ofLogarithms = cotangents[1] { delta = try graph.sub(delta, ofLogarithms) }
    let rest = Array(node.inputs.dropFirst(3))
    let made = try graph.apply(
      attentionGradient, node.inputs.prefix(3) + [logarithms, delta, cotangent] + rest,
      node.attributes)
    var results: [Value?] = made + rest.map { _ in nil }
    if node.attributes.bool("masked"), graph.dtype(of: node.inputs[3]).isFloating {
      let scores = try Scores(&graph, node.inputs, logarithms, node.attributes, others: 0)
      let slope = try scores.slope(
        &graph, value: node.inputs[2], delta: delta, cotangent: cotangent)
      results[3] = try graph.collapse(slope, to: graph.shape(of: node.inputs[3]))
    }
    return results
  }

  @Sendable private static func attentionTangent(
    _ graph: inout Graph, _ node: Application, _ tangents: [Value?]
  ) throws -> [Value?] {
    let scores = try Scores(&graph, node.inputs, node.outputs[1], node.attributes, others: 0)
    let shape = graph.shape(of: scores.weights)
    var ofLogits: Value?
    func add(_ part: Value, _ graph: inout Graph) throws {
      ofLogits = try ofLogits.map { try graph.add($0, part) } ?? part
    }
    if let tangent = tangents[0] {
      let product = try graph.matmul(tangent, node.inputs[1], transposeB: true)
      try add(graph.scale(product, scores.size.scale), &graph)
    }
    if let tangent = tangents[1] {
      let product = try graph.matmul(node.inputs[0], tangent, transposeB: true)
      try add(graph.scale(product, scores.size.scale), &graph)
    }
    if let mask = scores.size.mask, let tangent = tangents[mask] {
      try add(graph.expand(tangent, to: shape), &graph)
    }
    var ofOutput: Value?
    var ofLogarithms: Value?
    if let ofLogits {
      let axis = shape.count - 1
      let mean = try graph.sum(graph.mul(scores.weights, ofLogits), [axis])
      ofLogarithms = mean
      let centred = try graph.sub(ofLogits, graph.spread(mean, over: [axis], to: shape))
      let ofWeights = try scores.dropped(&graph, graph.mul(scores.weights, centred))
      ofOutput = try graph.matmul(ofWeights, node.inputs[2])
    }
    if let tangent = tangents[2] {
      let weights = try scores.dropped(&graph, scores.weights)
      let part = try graph.matmul(weights, tangent)
      ofOutput = try ofOutput.map { try graph.add($0, part) } ?? part
    }
    return [ofOutput, ofLogarithms]
  }

  package static let attentions: [Primitive] = [attention, attentionGradient]
}

extension Graph {
  fileprivate mutating func iota(_ shape: [Int], axis: Int) throws -> Value {
    try call(P.iota, [], ["shape": .ints(shape), "axis": .int(axis), "dtype": .dtype(.i64)])
  }

  /// Repeats axes of length 1 and new leading ones.
  fileprivate mutating func expand(_ value: Value, to shape: [Int]) throws -> Value {
    let own = self.shape(of: value)
    let skipped = shape.count - own.count
    let kept = own.indices.filter { own[$0] == shape[$0 + skipped] }
    let thin = try reshape(value, kept.map { own[$0] })
    return try broadcast(thin, shape, axes: kept.map { $0 + skipped })
  }

  /// Sums over what `expand` repeats.
  fileprivate mutating func collapse(_ value: Value, to shape: [Int]) throws -> Value {
    let own = self.shape(of: value)
    let axes = own.indices.filter { own[$0] != shape[$0] }
    return try reshape(sum(value, axes), shape)
  }
}
