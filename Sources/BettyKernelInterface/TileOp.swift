// Elementwise operations of the tile machine. Every operation reads up to three tiles and writes one.
// The table (KernelTable.tile) holds one function per operation and element type of its operands.

package enum TileOp: UInt8, Sendable, CaseIterable {
  // unary, result as operand
  case copy, neg, abs, sign, exp, expm1, log, log1p, sqrt, rsqrt, reciprocal, sin, cos, tanh
  case sigmoid, softplus, erf, erfinv, floor, ceil, round, trunc, relu, gelu, logicalNot
  // binary, result as operands
  case add, sub, mul, div, pow, maximum, minimum, remainder, floorDivide, atan2
  case logicalAnd, logicalOr, logicalXor
  // comparisons: two operands of one type, result bool
  case eq, ne, lt, le, gt, ge
  // a is bool, b and c of one type (which picks the function), result as b
  case select
  // peepholes: a * b + c
  case multiplyAdd

  package static let count = TileOp.allCases.count

  package var arity: Int {
    switch self {
    case .select, .multiplyAdd: 3
    case .copy, .neg, .abs, .sign, .exp, .expm1, .log, .log1p, .sqrt, .rsqrt, .reciprocal, .sin,
      .cos, .tanh, .sigmoid, .softplus, .erf, .erfinv, .floor, .ceil, .round, .trunc, .relu,
      .gelu, .logicalNot:
      1
    default: 2
    }
  }

  package var isComparison: Bool {
    rawValue >= TileOp.eq.rawValue && rawValue <= TileOp.ge.rawValue
  }
}

/// Reductions. `sum` accumulates floats in several lanes and in a fixed order.
package enum ReduceOp: UInt8, Sendable, CaseIterable {
  case sum, prod, max, min
  package static let count = ReduceOp.allCases.count
}
