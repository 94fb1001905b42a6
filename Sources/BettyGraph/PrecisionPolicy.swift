// What mixed precision makes of each primitive: the one table, which a test holds against the registry.
// Products round their operands to a low type and store their result in it. Everything else is
// computed in f32, which costs nothing: elementwise work is fused into loops that convert what they read.

import BettyKernelInterface

/// The precision of a problem, under its names in Config.
package enum Precision: String, Sendable, CaseIterable {
  case bf16, fp16, fp32

  /// What products are stored in; nil where they stay as they are.
  package var dtype: DType? {
    switch self {
    case .bf16: .bf16
    case .fp16: .f16
    case .fp32: nil
    }
  }
}

package enum PrecisionPolicy: Sendable {
  /// Multiplies in the low type.
  case low
  /// Gives elements of its operands (or zeros) without computing: rounding before it is rounding
  /// after it, so it stays low between low values.
  case movement
  /// Computed in f32 element by element; under `autocast` in what its operands are.
  case elementwise
  /// Computed in f32 from f32 operands: sums, statistics, losses, and functions that lose digits.
  case full
  /// Computed in f32, but kept low where a product follows: softmax.
  case kept

  /// The table.
  package static let byPrimitive: [ObjectIdentifier: PrecisionPolicy] = Dictionary(
    table.flatMap { policy, primitives in primitives.map { (ObjectIdentifier($0), policy) } },
    uniquingKeysWith: { first, _ in first })

  package static let table: [(policy: PrecisionPolicy, primitives: [Primitive])] = [
    (.low, P.products + P.convolutions),
    (
      .movement,
      P.movement + [P.take, P.gather, P.maxPool, P.windowGather]
        + [P.indexSet, P.scatterSet, P.scatterMax, P.scatterMin]
        + [P.stopGradient, P.straightThrough]
        + [P.neg, P.abs, P.relu, P.maximum, P.minimum, P.select, P.max, P.min]
    ),
    (
      .elementwise,
      [P.add, P.sub, P.mul, P.div, P.sign, P.floor, P.ceil, P.round, P.trunc, P.remainder]
        + [P.floorDivide, P.sqrt, P.tanh, P.sigmoid, P.gelu, P.sin, P.cos, P.erf, P.atan2]
        + [P.logicalNot, P.logicalAnd, P.logicalOr, P.logicalXor, P.bitwise]
        + [P.eq, P.ne, P.lt, P.le, P.gt, P.ge] + [P.cast, P.constant, P.iota, P.oneHot]
        + [P.joinIndices, P.argmax, P.argmin] + P.ordering + P.random + P.checks
    ),
    (.kept, [P.softmax]),
    (
      .full,
      [P.exp, P.expm1, P.log, P.log1p, P.rsqrt, P.reciprocal, P.softplus, P.pow, P.erfinv]
        + [P.sum, P.prod, P.logsumexp, P.cumsum] + P.distances + P.factorisations + P.normalizations
        + P.updates
        + P.loops + [P.logSoftmax, P.crossEntropy, P.crossEntropyGradient, P.bceWithLogits]
        + [P.binaryCrossEntropy]
        + [P.scatterProd, P.indexAdd, P.scatterAdd, P.windowScatter, P.windowSum, P.windowSpread]
        // Query, keys and values come rounded from the products that make them.
        + P.attentions
    ),
  ]
}

extension Primitive {
  package var precisionPolicy: PrecisionPolicy {
    PrecisionPolicy.byPrimitive[ObjectIdentifier(self)] ?? .full
  }
}

extension DType {
  /// A type to store in; arithmetic is done in f32.
  package var isLow: Bool { self == .bf16 || self == .f16 }
}

/// What `autocast` makes of a call of a function, which may hold many primitives.
package enum FunctionPrecision: Sendable {
  /// f32 operands are rounded: the function is made of products.
  case low
  /// Low operands are widened: it adds up, is a loss, or loses digits.
  case full
  /// Operands stay as they are; where they differ in type, they are widened.
  case widest
  /// Takes operands that differ in type.
  case any
}

extension Function {
  /// By the number of a function.
  private static let precisions: [FunctionPrecision] = Functions.all.map { function in
    let takesAny = Functions.statisticNormalizations.contains { $0.name == function.name }
    if takesAny { return .any }
    var primitives: [Primitive] = []
    for sample in function.samples.prefix(1) {
      let operands = sample.inputs.compactMap { input in
        (try? TensorType(input.dtype ?? .f32, input.shape)).map { OperandType.tensor($0) }
      }
      let template = try? Functions.template(function, operands, sample.attributes)
      primitives += template?.graph.nodes.map(\.primitive) ?? []
    }
    let policies = primitives.map(\.precisionPolicy)
    let isFactored = primitives.contains { primitive in
      P.factorisations.contains { $0 === primitive }
    }
    let attends = primitives.contains { $0 === P.attention }
    if policies.contains(.low) || attends, !isFactored { return .low }
    let losesDigits = primitives.contains { primitive in
      primitive.precisionPolicy == .full && !P.sumsInFull.contains { $0 === primitive }
    }
    return losesDigits || policies.contains(.kept) ? .full : .widest
  }

  package var precision: FunctionPrecision { Self.precisions[id] }
}

extension P {
  /// Add few numbers up, in f32 inside their kernels: pooling, scattering.
  fileprivate static let sumsInFull: [Primitive] = [
    windowSum, windowSpread, windowScatter, indexAdd, scatterAdd,
  ]
}
