// Rules for elementwise applications: constants folded, identities, operations on repeated data
// moved to before the repetition.

import BettyGraph
import BettyKernelInterface

/// The table of simplification rules.
enum Rules {
  /// What replaces a call, by the first rule that holds.
  static func apply(_ rewriter: inout Rewriter, _ call: Call) throws -> Value? {
    switch call.primitive.kernel {
    case .tile(let op):
      if let value = try fold(&rewriter, call, op) { return value }
      if let value = try beforeBroadcast(&rewriter, call) { return value }
      if let value = try belowPermute(&rewriter, call) { return value }
    case .cast:
      if let value = try beforeBroadcast(&rewriter, call) { return value }
      if let value = try belowPermute(&rewriter, call) { return value }
    case .reduction:
      if let value = try reducePermuted(&rewriter, call) { return value }
    default: break
    }
    return try byPrimitive[ObjectIdentifier(call.primitive)]?(&rewriter, call)
  }

  /// What replaces an application of several results.
  static func apply(
    _ rewriter: inout Rewriter, _ primitive: Primitive, _ inputs: [Value], _ attributes: Attributes
  ) throws -> [Value]? {
    primitive === P.moments ? try moments(&rewriter, inputs, attributes) : nil
  }

  private static let byPrimitive: [ObjectIdentifier: Rewriter.Rule] = Dictionary(
    uniqueKeysWithValues: (elementwise + movement + products).map {
      (ObjectIdentifier($0.primitive), $0.rule)
    })

  private static let elementwise: [(primitive: Primitive, rule: Rewriter.Rule)] = [
    (P.add, add), (P.sub, sub), (P.mul, mul), (P.div, div), (P.neg, neg), (P.pow, pow),
    (P.select, select), (P.cast, cast),
    (P.logicalNot, { rewriter, call in rewriter.operand(call.inputs[0], of: P.logicalNot) }),
    (P.maximum, idempotent), (P.minimum, idempotent), (P.logicalAnd, idempotent),
    (P.logicalOr, idempotent),
    (P.stopGradient, { rewriter, call in rewriter.keepsStopGradient ? nil : call.inputs[0] }),
    (P.straightThrough, straightThrough),
  ]

  /// What it is worth once no derivative is asked any more.
  @Sendable private static func straightThrough(
    _ rewriter: inout Rewriter, _ call: Call
  ) throws -> Value? {
    let (a, b) = (call.inputs[0], call.inputs[1])
    return a == b || !rewriter.keepsStopGradient ? b : nil
  }

  private static func fold(
    _ rewriter: inout Rewriter, _ call: Call, _ op: TileOp
  ) throws -> Value? {
    guard op != .select, let first = call.inputs.first else { return nil }
    var numbers: [Double] = []
    for input in call.inputs {
      guard let number = rewriter.splat(input) else { return nil }
      numbers.append(number)
    }
    let operands = rewriter.graph.dtype(of: first)
    guard
      let value = Folding.value(op, numbers, operands: operands, result: call.type.dtype)
    else { return nil }
    return try rewriter.constant(value, call.type)
  }

  /// f(broadcast a, broadcast b, constant) is broadcast f(a, b, constant).
  private static func beforeBroadcast(_ rewriter: inout Rewriter, _ call: Call) throws -> Value? {
    var source: (attributes: Attributes, shape: [Int])?
    for input in call.inputs {
      if rewriter.splat(input) != nil { continue }
      guard let node = rewriter.match(input, P.broadcast) else { return nil }
      let shape = rewriter.shape(of: node.inputs[0])
      if let source {
        guard source.shape == shape, source.attributes == node.attributes else { return nil }
      } else {
        guard rewriter.graph.type(of: node.inputs[0]).count < call.type.count else { return nil }
        source = (node.attributes, shape)
      }
    }
    guard let source else { return nil }
    var operands: [Value] = []
    for input in call.inputs {
      if let number = rewriter.splat(input) {
        let type = try TensorType(rewriter.graph.dtype(of: input), source.shape)
        operands.append(try rewriter.constant(number, type))
      } else if let operand = rewriter.operand(input, of: P.broadcast) {
        operands.append(operand)
      }
    }
    let small = try rewriter.call(call.primitive, operands, call.attributes)
    return try rewriter.call(P.broadcast, [small], source.attributes)
  }

  // Constants are the second operand of add and mul (Rewriter.place).
  @Sendable private static func add(_ rewriter: inout Rewriter, _ call: Call) throws -> Value? {
    let (a, b) = (call.inputs[0], call.inputs[1])
    if rewriter.splat(b) == 0 { return a }
    if let y = rewriter.operand(b, of: P.neg) { return try rewriter.call(P.sub, [a, y]) }
    if let y = rewriter.operand(a, of: P.neg) { return try rewriter.call(P.sub, [b, y]) }
    return nil
  }

  @Sendable private static func sub(_ rewriter: inout Rewriter, _ call: Call) throws -> Value? {
    let (a, b) = (call.inputs[0], call.inputs[1])
    if rewriter.splat(b) == 0 { return a }
    if let y = rewriter.operand(b, of: P.neg) { return try rewriter.call(P.add, [a, y]) }
    return nil
  }

  @Sendable private static func mul(_ rewriter: inout Rewriter, _ call: Call) throws -> Value? {
    let (a, b) = (call.inputs[0], call.inputs[1])
    if let factor = rewriter.splat(b) {
      if factor == 1 { return a }
      if factor == -1 { return try rewriter.call(P.neg, [a]) }
      if let x = rewriter.operand(a, of: P.neg), call.type.dtype.isFloating {
        return try rewriter.call(P.mul, [x, rewriter.constant(-factor, call.type)])
      }
      if let node = rewriter.match(a, P.select), rewriter.splat(node.inputs[1]) != nil,
        rewriter.splat(node.inputs[2]) != nil
      {
        let scaled = try node.inputs[1...].map { try rewriter.call(P.mul, [$0, b]) }
        return try rewriter.call(P.select, [node.inputs[0]] + scaled)
      }
      return try mergedFactors(&rewriter, a, factor, call.type)
    }
    if let x = rewriter.operand(a, of: P.neg), let y = rewriter.operand(b, of: P.neg) {
      return try rewriter.call(P.mul, [x, y])
    }
    if let value = try masked(&rewriter, a, by: b) ?? masked(&rewriter, b, by: a) {
      return value
    }
    for (x, inverse) in [(a, b), (b, a)] {
      guard let y = rewriter.operand(inverse, of: P.reciprocal), rewriter.isReadOnce(inverse)
      else { continue }
      return try rewriter.call(P.div, [x, y])
    }
    return nil
  }

  /// (x c) factor is x (c factor), unless that product leaves the range of the type.
  private static func mergedFactors(
    _ rewriter: inout Rewriter, _ a: Value, _ factor: Double, _ type: TensorType
  ) throws -> Value? {
    guard type.dtype.isFloating, let inner = rewriter.match(a, P.mul),
      let other = rewriter.splat(inner.inputs[1]),
      let product = Folding.rounded(other * factor, to: type.dtype),
      product.isFinite, product.magnitude >= Folding.leastNormal(type.dtype)
    else { return nil }
    return try rewriter.call(P.mul, [inner.inputs[0], rewriter.constant(product, type)])
  }

  /// x · select(condition, 1, 0) is select(condition, x, 0), and the other way round.
  private static func masked(
    _ rewriter: inout Rewriter, _ x: Value, by mask: Value
  ) throws -> Value? {
    guard let node = rewriter.match(mask, P.select) else { return nil }
    let (condition, a, b) = (node.inputs[0], node.inputs[1], node.inputs[2])
    switch (rewriter.splat(a), rewriter.splat(b)) {
    case (1, 0): return try rewriter.call(P.select, [condition, x, b])
    case (0, 1): return try rewriter.call(P.select, [condition, a, x])
    default: return nil
    }
  }

  @Sendable private static func div(_ rewriter: inout Rewriter, _ call: Call) throws -> Value? {
    guard let divisor = rewriter.splat(call.inputs[1]) else { return nil }
    if divisor == 1 { return call.inputs[0] }
    // Division by a power of two is an exact product.
    let inverse = 1 / divisor
    guard divisor.significand == 1, divisor.isNormal, inverse.isNormal,
      Folding.rounded(inverse, to: call.type.dtype) == inverse
    else { return nil }
    return try rewriter.call(
      P.mul, [call.inputs[0], rewriter.constant(inverse, call.type)])
  }

  @Sendable private static func neg(_ rewriter: inout Rewriter, _ call: Call) throws -> Value? {
    if let x = rewriter.operand(call.inputs[0], of: P.neg) { return x }
    if let node = rewriter.match(call.inputs[0], P.mul), call.type.dtype.isFloating,
      let factor = rewriter.splat(node.inputs[1])
    {
      return try rewriter.call(P.mul, [node.inputs[0], rewriter.constant(-factor, call.type)])
    }
    return nil
  }

  /// Small exponents, as PyTorch specialises them.
  @Sendable private static func pow(_ rewriter: inout Rewriter, _ call: Call) throws -> Value? {
    guard let exponent = rewriter.splat(call.inputs[1]) else { return nil }
    let x = call.inputs[0]
    switch exponent {
    case 0: return try rewriter.constant(1, call.type)
    case 1: return x
    case 2: return try rewriter.call(P.mul, [x, x])
    case 3: return try rewriter.call(P.mul, [rewriter.call(P.mul, [x, x]), x])
    case _ where !call.type.dtype.isFloating: return nil
    case 0.5: return try rewriter.call(P.sqrt, [x])
    case -0.5: return try rewriter.call(P.rsqrt, [x])
    case -1: return try rewriter.call(P.reciprocal, [x])
    default: return nil
    }
  }

  @Sendable private static func select(_ rewriter: inout Rewriter, _ call: Call) throws -> Value? {
    let (condition, a, b) = (call.inputs[0], call.inputs[1], call.inputs[2])
    if let known = rewriter.splat(condition) { return known != 0 ? a : b }
    if a == b { return a }
    if let opposite = rewriter.operand(condition, of: P.logicalNot) {
      return try rewriter.call(P.select, [opposite, b, a])
    }
    if let inner = rewriter.match(a, P.select), inner.inputs[0] == condition {
      return try rewriter.call(P.select, [condition, inner.inputs[1], b])
    }
    if let inner = rewriter.match(b, P.select), inner.inputs[0] == condition {
      return try rewriter.call(P.select, [condition, a, inner.inputs[2]])
    }
    return nil
  }

  @Sendable private static func cast(_ rewriter: inout Rewriter, _ call: Call) throws -> Value? {
    let x = call.inputs[0]
    let from = rewriter.graph.dtype(of: x)
    if from == call.type.dtype { return x }
    if let number = rewriter.splat(x) {
      guard let value = Folding.cast(number, from: from, to: call.type.dtype) else { return nil }
      return try rewriter.constant(value, call.type)
    }
    guard let origin = rewriter.operand(x, of: P.cast),
      Folding.isLossless(rewriter.graph.dtype(of: origin), from)
    else { return nil }
    if rewriter.graph.dtype(of: origin) == call.type.dtype { return origin }
    return try rewriter.call(P.cast, [origin], call.attributes)
  }

  @Sendable private static func idempotent(
    _ rewriter: inout Rewriter, _ call: Call
  ) throws -> Value? {
    call.inputs[0] == call.inputs[1] ? call.inputs[0] : nil
  }
}
