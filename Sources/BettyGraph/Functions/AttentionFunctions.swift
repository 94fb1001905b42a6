// Attention: softmax(query keysᵀ scale + mask) value (Vaswani et al., NeurIPS 2017).

import BettyKernelInterface

extension Functions {
  private static func samples(
    _ shapes: [Int]..., mask: Sample.Input? = nil, at attributes: Attributes = [:]
  ) -> Sample {
    Sample(shapes.map { .init($0) } + (mask.map { [$0] } ?? []), attributes)
  }

  private static let options = [
    AttributeSpec("is_causal", .bool, default: .bool(false)),
    AttributeSpec("scale", .double, optional: true),
  ]

  static let attentions: [FunctionEntry] = [
    FunctionEntry(
      "attention", ["query", "keys", "value", "mask?"], options,
      doc: "softmax(query keys' scale + mask) value over [..., length, width]; a bool mask says "
        + "what takes part, a floating one is added",
      samples: [
        samples([2, 3, 4], [2, 5, 4], [2, 5, 2]),
        samples([3, 4], [3, 4], [3, 2], at: ["is_causal": .bool(true), "scale": .double(0.5)]),
        samples([2, 2, 3, 4], [2, 2, 5, 4], [2, 2, 5, 2], mask: .init([3, 5])),
        samples([2, 3, 4], [2, 5, 4], [2, 5, 2], mask: .init([3, 5], 0...1, dtype: .bool)),
      ]
    ) { b, x, attributes in try attention(&b, x, attributes, dropout: 0, key: nil) },
    FunctionEntry(
      "attention_dropout", ["query", "keys", "value", "mask?", "key"],
      [AttributeSpec("p", .double)] + options,
      doc: "attention whose weights are zeroed with probability p, the others divided by 1 - p",
      samples: [
        Sample(
          [[2, 3, 4], [2, 5, 4], [2, 5, 2], [3, 5]].map { .init($0) }
            + [.init([2], 0...100, dtype: .i64)], ["p": .double(0.5)])
      ]
    ) { b, x, attributes in
      let p = attributes.double("p")
      guard p >= 0, p <= 1 else {
        throw b.fail(.value, "probability must be between 0 and 1, got \(p)")
      }
      // Nothing is left of any weight.
      if p == 1 { return try b.op(P.mul, attention(&b, x, attributes, dropout: 0, key: nil), 0) }
      return try attention(&b, x, attributes, dropout: p, key: p > 0 ? x[4].value : nil)
    },
  ]

  private static func attention(
    _ b: inout Builder, _ x: Arguments, _ attributes: Attributes, dropout: Double, key: Value?
  ) throws -> Value {
    let values = [x[0].value, x[1].value, x[2].value]
    try b.needSameType(values)
    _ = try b.needFloating(x[0])
    let shapes = values.map { b.shape($0) }
    guard shapes.allSatisfy({ $0.count >= 2 }), shapes[0].last == shapes[1].last,
      shapes[1].dropLast().last == shapes[2].dropLast().last,
      let keyBatch = broadcastShape(Array(shapes[1].dropLast(2)), Array(shapes[2].dropLast(2))),
      let batch = broadcastShape(Array(shapes[0].dropLast(2)), keyBatch)
    else {
      throw b.fail(
        .runtime,
        "query [..., L, E], keys [..., S, E] and value [..., S, V] do not fit, got "
          + b.list(values))
    }
    var operands = try zip(values, shapes).map { value, shape in
      try b.broadcast(value, to: batch + shape.suffix(2))
    }
    let (rows, columns, width) = (
      shapes[0][shapes[0].count - 2], shapes[1][shapes[1].count - 2], shapes[0].last ?? 0
    )
    let isCausal = attributes.bool("is_causal")
    let mask = x.optional(3)?.value
    guard !isCausal || mask == nil else {
      throw b.fail(.runtime, "a mask and is_causal exclude each other")
    }
    if let mask {
      let scores = batch + [rows, columns]
      guard broadcastShape(b.shape(mask), scores) == scores else {
        throw b.fail(.runtime, "the mask does not broadcast to \(scores), got \(b.type(mask))")
      }
      if b.dtype(mask) != .bool { try b.needSameType([values[0], mask]) }
      let leading = [Int](repeating: 1, count: scores.count - b.rank(mask))
      operands.append(try b.reshape(mask, leading + b.shape(mask)))
    }
    if let key { operands.append(key) }
    let scale = attributes.double("scale", default: 1 / Double(max(width, 1)).squareRoot())
    // Storage types are computed in f32; bools and the key stay as they are.
    let wide = try operands.map { try b.cast($0, b.dtype($0).computeType) }
    let made = try b.graph.apply(
      P.attention, wide,
      [
        "scale": .double(scale), "is_causal": .bool(isCausal), "dropout": .double(dropout),
        "masked": .bool(mask != nil),
      ])
    return try b.cast(made[0], b.dtype(values[0]))
  }
}
