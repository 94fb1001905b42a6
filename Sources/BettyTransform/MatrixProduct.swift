// Products of two matrices by the axes that they sum over, which says of either operand how it lies; and
// weighted sums.

import BettyGraph
import BettyKernelInterface

struct MatrixProduct {
  let operands: [Value]
  /// Of each operand the axis that is summed over; the other one is an axis of the result.
  let summed: [Int]

  /// nil for other nodes, for products of batches, and where types differ.
  init?(_ node: Node, in graph: Graph) {
    guard node.primitive === P.matmul else { return nil }
    let types = (node.inputs + node.outputs).map { graph.type(of: $0) }
    let dtype = types[0].dtype
    guard dtype == .f32 || dtype == .f64,
      types.allSatisfy({ $0.shape.count == 2 && $0.dtype == dtype })
    else { return nil }
    operands = node.inputs
    summed = [
      node.attributes.bool("transpose_a") ? 0 : 1, node.attributes.bool("transpose_b") ? 1 : 0,
    ]
  }
}

extension Graph {
  /// Σ over one axis of each: the rows of the result are the other axis of `a`.
  mutating func product(_ a: Value, over axisA: Int, _ b: Value, over axisB: Int) throws -> Value {
    try matmul(a, b, transposeA: axisA == 0, transposeB: axisB == 1)
  }

  /// Σ weight · value, without what has no weight; nil if nothing is left.
  mutating func weightedSum(_ terms: [(weight: Double, value: Value)]) throws -> Value? {
    try terms.filter { $0.weight != 0 }.reduce(nil) { total, term in
      let scaled = term.weight == 1 ? term.value : try scale(term.value, term.weight)
      return try total.map { try add($0, scaled) } ?? scaled
    }
  }
}
