// Elementwise primitives of two operands of one type, comparisons, and select.

import BettyKernelInterface

extension P {
  private static let shapes = [[], [5], [3, 4], [2, 3, 2], [0, 3]]

  private static func binary(
    _ name: String, _ op: TileOp, _ operands: TypeClass = .number,
    ranges: (ClosedRange<Double>, ClosedRange<Double>) = (-2...2, -2...2),
    derivative: Derivative
  ) -> Primitive {
    let dtype: DType? = operands == .bool ? .bool : nil
    let (a, b) = operands == .bool ? (0...1, 0...1) : ranges
    return Primitive(
      name, derivative: derivative, kernel: .tile(op),
      samples: shapes.map {
        Sample([.init($0, a, dtype: dtype), .init($0, b, dtype: dtype)])
      }
    ) { inputs, _ in
      try Rules.count(inputs, 2, name)
      try Rules.dtype(inputs[0], operands, name)
      try Rules.same(inputs[0], inputs[1], name)
      let isBool = op.isComparison && inputs[0].dtype != .bool
      return [isBool ? try inputs[0].with(.bool) : inputs[0]]
    }
  }

  package static let add: Primitive = binary(
    "add", .add,
    derivative: .linear(operands: [0, 1]) { _, _, cotangent in [cotangent, cotangent] })

  package static let sub: Primitive = binary(
    "sub", .sub,
    derivative: .linear(operands: [0, 1]) { graph, _, cotangent in
      [cotangent, try graph.neg(cotangent)]
    })

  package static let mul: Primitive = binary(
    "mul", .mul,
    derivative: .bilinear(
      lhs: { try $0.mul($2, $1.inputs[1]) }, rhs: { try $0.mul($2, $1.inputs[0]) }))

  package static let div: Primitive = binary(
    "div", .div, .floating, ranges: (-2...2, 0.5...2),
    derivative: .elementwise([
      { graph, node in try graph.call(reciprocal, [node.inputs[1]]) },
      { graph, node in try graph.neg(graph.div(node.output, node.inputs[1])) },
    ]))

  /// At b = 0 the slope in a is 0 whatever a is; the slope in b is y log a for a > 0, otherwise 0.
  package static let pow: Primitive = binary(
    "pow", .pow, ranges: (0.4...2, -2...2),
    derivative: .elementwise([
      { graph, node in
        let (a, b) = (node.inputs[0], node.inputs[1])
        let zero = try graph.zeros(like: b)
        let one = try graph.constant(1, like: b)
        let isZero = try graph.call(eq, [b, zero])
        // The exponent is replaced before it is used, so that no infinity meets a zero cotangent.
        let exponent = try graph.select(isZero, one, b)
        let slope = try graph.mul(exponent, graph.call(pow, [a, graph.sub(exponent, one)]))
        return try graph.select(isZero, zero, slope)
      },
      { graph, node in
        let a = node.inputs[0]
        let zero = try graph.zeros(like: a)
        let isPositive = try graph.call(gt, [a, zero])
        let base = try graph.select(isPositive, a, graph.constant(1, like: a))
        let slope = try graph.mul(node.output, graph.call(log, [base]))
        return try graph.select(isPositive, slope, zero)
      },
    ]))

  /// 1 where `winner` holds, 1/2 on ties, else 0.
  private static func share(
    _ graph: inout Graph, _ winner: Primitive, _ a: Value, _ b: Value
  ) throws -> Value {
    let tie = try graph.select(
      graph.call(eq, [a, b]), graph.constant(0.5, like: a), graph.zeros(like: a))
    return try graph.select(graph.call(winner, [a, b]), graph.constant(1, like: a), tie)
  }

  package static let maximum: Primitive = binary(
    "maximum", .maximum, ranges: (-2 ... -0.3, 0...2),
    derivative: .elementwise([
      { try share(&$0, gt, $1.inputs[0], $1.inputs[1]) },
      { try share(&$0, gt, $1.inputs[1], $1.inputs[0]) },
    ]))

  package static let minimum: Primitive = binary(
    "minimum", .minimum, ranges: (-2 ... -0.3, 0...2),
    derivative: .elementwise([
      { try share(&$0, lt, $1.inputs[0], $1.inputs[1]) },
      { try share(&$0, lt, $1.inputs[1], $1.inputs[0]) },
    ]))

  /// a - b floor(a / b): the sign of b, as in Python.
  package static let remainder: Primitive = binary(
    "remainder", .remainder, ranges: (0.2...0.8, 1.1...2),
    derivative: .elementwise([
      { graph, node in try graph.constant(1, like: node.output) },
      { graph, node in try graph.neg(graph.call(floorDivide, node.inputs)) },
    ]))

  package static let floorDivide: Primitive = binary(
    "floor_divide", .floorDivide, ranges: (0.2...0.8, 1.1...2), derivative: .zero)

  /// Angle of the point (b, a).
  package static let atan2: Primitive = binary(
    "atan2", .atan2, .floating, ranges: (0.4...2, 0.4...2),
    derivative: .elementwise([
      { graph, node in try graph.div(node.inputs[1], squaredRadius(&graph, node)) },
      { graph, node in try graph.neg(graph.div(node.inputs[0], squaredRadius(&graph, node))) },
    ]))

  /// 1 at the origin, so that the slopes there are 0 as in PyTorch.
  private static func squaredRadius(_ graph: inout Graph, _ node: Application) throws -> Value {
    let radius = try graph.add(
      graph.mul(node.inputs[0], node.inputs[0]), graph.mul(node.inputs[1], node.inputs[1]))
    let isOrigin = try graph.call(eq, [radius, graph.zeros(like: radius)])
    return try graph.select(isOrigin, graph.constant(1, like: radius), radius)
  }

  package static let logicalAnd: Primitive = binary(
    "logical_and", .logicalAnd, .bool, derivative: .zero)
  package static let logicalOr: Primitive = binary(
    "logical_or", .logicalOr, .bool, derivative: .zero)
  package static let logicalXor: Primitive = binary(
    "logical_xor", .logicalXor, .bool, derivative: .zero)

  package static let eq: Primitive = binary("eq", .eq, .any, derivative: .zero)
  package static let ne: Primitive = binary("ne", .ne, .any, derivative: .zero)
  package static let lt: Primitive = binary(
    "lt", .lt, .any, ranges: (-2 ... -0.3, 0...2), derivative: .zero)
  package static let le: Primitive = binary(
    "le", .le, .any, ranges: (-2 ... -0.3, 0...2), derivative: .zero)
  package static let gt: Primitive = binary(
    "gt", .gt, .any, ranges: (-2 ... -0.3, 0...2), derivative: .zero)
  package static let ge: Primitive = binary(
    "ge", .ge, .any, ranges: (-2 ... -0.3, 0...2), derivative: .zero)

  /// a where the condition holds, else b.
  package static let select: Primitive = Primitive(
    "select",
    derivative: .linear(operands: [1, 2]) { graph, node, cotangent in
      let zero = try graph.zeros(like: cotangent)
      return [
        nil, try graph.select(node.inputs[0], cotangent, zero),
        try graph.select(node.inputs[0], zero, cotangent),
      ]
    }, kernel: .tile(.select),
    samples: shapes.map { Sample([.init($0, 0...1, dtype: .bool), .init($0), .init($0)]) }
  ) { inputs, _ in
    try Rules.count(inputs, 3, "select")
    guard inputs[0].dtype == .bool, inputs[0].shape == inputs[1].shape else {
      throw BettyError.value(
        "select: condition must be bool\(inputs[1].shape), got \(inputs[0])")
    }
    try Rules.same(inputs[1], inputs[2], "select")
    return [inputs[1]]
  }

  package static let elementwiseBinary: [Primitive] = [
    add, sub, mul, div, pow, maximum, minimum, remainder, floorDivide, atan2, logicalAnd,
    logicalOr, logicalXor,
  ]
  package static let comparisons: [Primitive] = [eq, ne, lt, le, gt, ge, select]
}
