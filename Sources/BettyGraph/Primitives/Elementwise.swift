// Elementwise primitives of one operand. Derivatives are written in the result where that is
// cheaper or safer: sigmoid' = y (1 - y), tanh' = 1 - y^2, sqrt' = 1 / 2y.

import BettyKernelInterface

extension P {
  private static func unary(
    _ name: String, _ op: TileOp, _ operands: TypeClass = .floating,
    range: ClosedRange<Double> = -2...2, distinct: Bool = false, derivative: Derivative
  ) -> Primitive {
    let dtype: DType? = operands == .bool ? .bool : nil
    let domain = operands == .bool ? 0...1 : range
    let shapes = [[], [5], [3, 4], [2, 3, 2], [0, 3]]
    return Primitive(
      name, derivative: derivative, kernel: .tile(op),
      samples: shapes.map { Sample([.init($0, domain, dtype: dtype, distinct: distinct)]) }
    ) { inputs, _ in
      try Rules.count(inputs, 1, name)
      try Rules.dtype(inputs[0], operands, name)
      return inputs
    }
  }

  /// A primitive whose derivative is a function of graph, operand and result.
  private static func smooth(
    _ name: String, _ op: TileOp, _ operands: TypeClass = .floating,
    range: ClosedRange<Double> = -2...2, distinct: Bool = false,
    _ slope: @escaping @Sendable (inout Graph, _ x: Value, _ y: Value) throws -> Value
  ) -> Primitive {
    unary(
      name, op, operands, range: range, distinct: distinct,
      derivative: .elementwise([{ try slope(&$0, $1.inputs[0], $1.output) }]))
  }

  package static let neg: Primitive = unary(
    "neg", .neg, .number,
    derivative: .linear(operands: [0]) { graph, _, cotangent in [try graph.neg(cotangent)] })

  package static let abs: Primitive = smooth("abs", .abs, .number, range: 0.2...2) { graph, x, _ in
    try graph.call(sign, [x])
  }

  package static let sign: Primitive = unary(
    "sign", .sign, .number, range: 0.2...2, derivative: .zero)

  package static let exp: Primitive = smooth("exp", .exp) { _, _, y in y }

  package static let expm1: Primitive = smooth("expm1", .expm1) { graph, _, y in
    try graph.shift(y, 1)
  }

  package static let log: Primitive = smooth("log", .log, range: 0.3...3) { graph, x, _ in
    try graph.call(reciprocal, [x])
  }

  package static let log1p: Primitive = smooth("log1p", .log1p, range: -0.6...2) { graph, x, _ in
    try graph.call(reciprocal, [graph.shift(x, 1)])
  }

  package static let sqrt: Primitive = smooth("sqrt", .sqrt, range: 0.3...3) { graph, _, y in
    try graph.div(graph.constant(0.5, like: y), y)
  }

  package static let rsqrt: Primitive = smooth("rsqrt", .rsqrt, range: 0.3...3) { graph, _, y in
    try graph.scale(graph.mul(graph.mul(y, y), y), -0.5)
  }

  package static let reciprocal: Primitive = smooth("reciprocal", .reciprocal, range: 0.4...3) {
    graph, _, y in
    try graph.neg(graph.mul(y, y))
  }

  package static let sin: Primitive = smooth("sin", .sin) { graph, x, _ in try graph.call(cos, [x])
  }

  package static let cos: Primitive = smooth("cos", .cos) { graph, x, _ in
    try graph.neg(graph.call(sin, [x]))
  }

  package static let tanh: Primitive = smooth("tanh", .tanh) { graph, _, y in
    try graph.sub(graph.constant(1, like: y), graph.mul(y, y))
  }

  package static let sigmoid: Primitive = smooth("sigmoid", .sigmoid) { graph, _, y in
    try graph.mul(y, graph.sub(graph.constant(1, like: y), y))
  }

  /// log(1 + exp x)
  package static let softplus: Primitive = smooth("softplus", .softplus) { graph, x, _ in
    try graph.call(sigmoid, [x])
  }

  package static let erf: Primitive = smooth("erf", .erf) { graph, x, _ in
    try graph.scale(graph.call(exp, [graph.neg(graph.mul(x, x))]), 1.1283791670955126)
  }

  /// The number whose erf is x; ±infinity at ±1, NaN beyond.
  package static let erfinv: Primitive = smooth("erfinv", .erfinv, range: -0.8...0.8) {
    graph, _, y in
    try graph.scale(graph.call(exp, [graph.mul(y, y)]), 0.8862269254527580)
  }

  package static let floor: Primitive = unary("floor", .floor, range: 0.1...0.9, derivative: .zero)
  package static let ceil: Primitive = unary("ceil", .ceil, range: 0.1...0.9, derivative: .zero)
  /// Halves go to the even neighbour.
  package static let round: Primitive = unary("round", .round, range: 0.6...1.4, derivative: .zero)
  package static let trunc: Primitive = unary("trunc", .trunc, range: 0.1...0.9, derivative: .zero)

  /// The slope is told from the result, which the next operation keeps anyway.
  package static let relu: Primitive = smooth("relu", .relu, .number, range: 0.2...2) {
    graph, _, y in
    let zero = try graph.zeros(like: y)
    return try graph.select(graph.call(gt, [y, zero]), graph.constant(1, like: y), zero)
  }

  /// x Φ(x), with Φ through erf.
  package static let gelu: Primitive = smooth("gelu", .gelu) { graph, x, _ in
    let cumulative = try graph.scale(
      graph.shift(graph.call(erf, [graph.scale(x, 0.7071067811865476)]), 1), 0.5)
    let density = try graph.scale(
      graph.call(exp, [graph.scale(graph.mul(x, x), -0.5)]), 0.3989422804014327)
    return try graph.add(cumulative, graph.mul(x, density))
  }

  package static let logicalNot: Primitive = unary(
    "logical_not", .logicalNot, .bool, derivative: .zero)

  package static let elementwiseUnary: [Primitive] = [
    neg, abs, sign, exp, expm1, log, log1p, sqrt, rsqrt, reciprocal, sin, cos, tanh, sigmoid,
    softplus, erf, erfinv, floor, ceil, round, trunc, relu, gelu, logicalNot,
  ]
}
