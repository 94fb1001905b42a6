// Attention: softmax(query keysᵀ scale + mask) value (Vaswani et al., NeurIPS 2017).

import BettyKernelInterface

extension Functions {
  private static func samples(
    _ shapes: [Int]..., mask: Sample.Input? = nil, at attributes: Attributes = [:]
  ) -> Sample {
    Sample(shapes.map { .init($0) } + (mask.map { [$0] } ?? []), attributes)
  }

  static let attentions: [FunctionEntry] = [
    FunctionEntry(
      "attention", ["query", "keys", "value", "mask?"],
      [
        AttributeSpec("is_causal", .bool, default: .bool(false)),
        AttributeSpec("scale", .double, optional: true),
      ],
      doc: "softmax(query keys' scale + mask) value over [..., length, width]; a bool mask says "
        + "what takes part, a floating one is added",
      samples: [
        samples([2, 3, 4], [2, 5, 4], [2, 5, 2]),
        samples([3, 4], [3, 4], [3, 2], at: ["is_causal": .bool(true), "scale": .double(0.5)]),
        samples([2, 2, 3, 4], [2, 2, 5, 4], [2, 2, 5, 2], mask: .init([3, 5])),
        samples([2, 3, 4], [2, 5, 4], [2, 5, 2], mask: .init([3, 5], 0...1, dtype: .bool)),
      ], body: attention)
  ]

  private static let attention: FunctionBody = { b, x, attributes in
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
    let operands = try zip(values, shapes).map { value, shape in
      try b.broadcast(value, to: batch + shape.suffix(2))
    }
    let (rows, columns, width) = (
      shapes[0][shapes[0].count - 2], shapes[1][shapes[1].count - 2], shapes[0].last ?? 0
    )
    let scale = attributes.double("scale", default: 1 / Double(max(width, 1)).squareRoot())
    var scores = try b.op(
      P.mul, b.product(operands[0], operands[1], transposeB: true), scale)
    var allowed: Value?
    if attributes.bool("is_causal") {
      guard x.optional(3) == nil else {
        throw b.fail(.runtime, "a mask and is_causal exclude each other")
      }
      allowed = try b.op(
        P.ge, b.iota([rows, columns], axis: 0), b.iota([rows, columns], axis: 1))
    }
    if let mask = x.optional(3)?.value {
      guard broadcastShape(b.shape(mask), batch + [rows, columns]) == batch + [rows, columns] else {
        throw b.fail(
          .runtime, "the mask does not broadcast to \(batch + [rows, columns]), got \(b.type(mask))"
        )
      }
      if b.dtype(mask) == .bool {
        allowed = mask
      } else {
        try b.needSameType([values[0], mask])
        scores = try b.op(P.add, scores, mask)
      }
    }
    guard let allowed else {
      let weights = try b.op(P.softmax, scores, ["axis": .int(batch.count + 1)])
      return try b.product(weights, operands[2])
    }
    scores = try b.select(allowed, scores, -Double.infinity)
    let weights = try b.op(P.softmax, scores, ["axis": .int(batch.count + 1)])
    // A row without any key gives 0, not NaN, and passes no gradient.
    let kept = try b.select(allowed, weights, 0)
    return try b.product(kept, operands[2])
  }
}
