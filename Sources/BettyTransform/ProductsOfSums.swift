// Products of one matrix X with sums that share terms, and with products: X(W + εV) and X(W - εV) are
// X W ± ε X V, and X V with V = Dᵀ Y is (X Yᵀ) D, which is less work where X and Y have few rows. Finite
// differences along a gradient are of this kind: V is the gradient of a layer on a batch Y, and X is
// another batch. Sums that nobody else reads are not made at all. Numbers are rounded in another order.
// Invariant: what is replaced takes fewer operations than before.

import BettyGraph
import BettyKernelInterface

extension Transform {
  /// A simplified graph, simplified again if its products could be made cheaper.
  package static func distributed(_ graph: Graph) throws -> Graph {
    var pass = DistributingPass(graph)
    guard pass.findGroups() else { return graph }
    let result = try simplify(try pass.run())
    return result.operations < graph.operations ? result : graph
  }
}

/// One term of a sum: weight · scalar · base.
private struct Term {
  let base: Value
  let weight: Double
  /// A value without axes.
  let scalar: Value?
}

/// X and the axes that are summed over: products that can share terms have these in common.
private struct SharedOperand: Hashable {
  let value: Value
  let axis: Int
  let otherAxis: Int
}

/// A product with X: which operand X is, and the terms of the other one.
private struct SumProduct {
  let shared: SharedOperand
  let side: Int
  let terms: [Term]
}

private struct DistributingPass {
  private let source: Graph
  /// By node; after `findGroups` those that are replaced.
  private var products: [Int: SumProduct] = [:]
  private var result = Graph()
  private var map: [Value]
  /// What X times a base is, as it was made.
  private var made: [SharedOperand: [Value: Value]] = [:]

  init(_ source: Graph) {
    self.source = source
    map = [Value](repeating: Value(-1), count: source.types.count)
  }

  // MARK: What is replaced

  mutating func findGroups() -> Bool {
    var groups: [SharedOperand: [Int]] = [:]
    for (number, node) in source.nodes.enumerated() {
      guard let product = MatrixProduct(node, in: source) else { continue }
      for side in 0..<2 {
        let terms = terms(of: product.operands[1 - side])
        guard terms.count > 1 || terms.contains(where: { inner($0.base) != nil }) else { continue }
        let shared = SharedOperand(
          value: product.operands[side], axis: product.summed[side],
          otherAxis: product.summed[1 - side])
        products[number] = SumProduct(shared: shared, side: side, terms: terms)
        groups[shared, default: []].append(number)
        break
      }
    }
    for (shared, members) in groups where !isCheaper(shared, members) {
      for number in members { products[number] = nil }
    }
    return !products.isEmpty
  }

  /// Sums are taken apart as far as they are sums of matrices times numbers.
  private func terms(
    of value: Value, depth: Int = 0, weight: Double = 1, scalar: Value? = nil
  ) -> [Term] {
    func inner(_ place: Int, _ node: Node, weight: Double, scalar: Value?) -> [Term] {
      terms(of: node.inputs[place], depth: depth + 1, weight: weight, scalar: scalar)
    }
    let whole = [Term(base: value, weight: weight, scalar: scalar)]
    guard depth < 8, let node = source.node(of: value) else { return whole }
    if node.primitive === P.add || node.primitive === P.sub {
      let sign = node.primitive === P.sub ? -1.0 : 1
      return inner(0, node, weight: weight, scalar: scalar)
        + inner(1, node, weight: sign * weight, scalar: scalar)
    }
    if node.primitive === P.neg { return inner(0, node, weight: -weight, scalar: scalar) }
    guard node.primitive === P.mul else { return whole }
    for place in 0..<2 {
      if let factor = Transform.constant(source, node.inputs[place]), factor != 0 {
        return inner(1 - place, node, weight: factor * weight, scalar: scalar)
      }
      if scalar == nil, let factor = broadcastScalar(node.inputs[place]) {
        return inner(1 - place, node, weight: weight, scalar: factor)
      }
    }
    return whole
  }

  private func broadcastScalar(_ value: Value) -> Value? {
    guard let node = source.node(of: value), node.primitive === P.broadcast,
      source.shape(of: node.inputs[0]).isEmpty
    else { return nil }
    return node.inputs[0]
  }

  private func inner(_ base: Value) -> MatrixProduct? {
    source.node(of: base).flatMap { MatrixProduct($0, in: source) }
  }

  /// Operations of X times each base, once, beside those of the products as they are.
  private func isCheaper(_ shared: SharedOperand, _ members: [Int]) -> Bool {
    var bases = Set<Value>()
    var (before, after) = (0.0, 0.0)
    for number in members {
      guard let terms = products[number]?.terms else { continue }
      before += whole(shared, terms[0].base)
      for term in terms where bases.insert(term.base).inserted {
        after += min(whole(shared, term.base), chained(shared, term.base) ?? .infinity)
      }
    }
    return after < 0.9 * before
  }

  private func rows(_ shared: SharedOperand) -> Double {
    Double(source.shape(of: shared.value)[1 - shared.axis])
  }

  private func whole(_ shared: SharedOperand, _ base: Value) -> Double {
    2 * rows(shared) * Double(source.type(of: base).count)
  }

  /// Of (X Yᵀ) D, if the base is Dᵀ Y.
  private func chained(_ shared: SharedOperand, _ base: Value) -> Double? {
    guard let product = inner(base) else { return nil }
    let depth = source.shape(of: product.operands[0])[product.summed[0]]
    let shape = source.shape(of: base)
    return 2 * rows(shared) * Double(depth) * Double(shape[0] + shape[1])
  }

  // MARK: The graph

  mutating func run() throws -> Graph {
    for input in source.inputs { map[input.index] = result.addInput(source.type(of: input)) }
    for (number, node) in source.nodes.enumerated() {
      if let product = products[number] {
        map[node.results.lowerBound] = try sum(product)
      } else {
        result.copy(node, of: source, &map)
      }
    }
    result.outputs = source.outputs.map { map[$0.index] }
    return result
  }

  private mutating func sum(_ product: SumProduct) throws -> Value {
    let terms = try product.terms.map { term in
      let value = try times(product.shared, term.base)
      guard let scalar = term.scalar else { return (weight: term.weight, value: value) }
      let factor = try result.broadcast(map[scalar.index], result.shape(of: value), axes: [])
      return (weight: term.weight, value: try result.mul(value, factor))
    }
    guard let total = try result.weightedSum(terms) else {
      throw BettyError.runtime("matmul: a sum without terms")
    }
    return product.side == 0 ? total : try result.permute(total, [1, 0])
  }

  /// X times a base, with the rows of X as rows.
  private mutating func times(_ shared: SharedOperand, _ base: Value) throws -> Value {
    if let known = made[shared]?[base] { return known }
    let factor = map[shared.value.index]
    let value: Value
    if let product = inner(base), let operations = chained(shared, base),
      operations < whole(shared, base)
    {
      // Y is the operand whose free axis is summed over with X.
      let (d, y) = (1 - shared.otherAxis, shared.otherAxis)
      let first = try result.product(
        factor, over: shared.axis, map[product.operands[y].index], over: 1 - product.summed[y])
      value = try result.product(
        first, over: 1, map[product.operands[d].index], over: product.summed[d])
    } else {
      value = try result.product(factor, over: shared.axis, map[base.index], over: shared.otherAxis)
    }
    made[shared, default: [:]][base] = value
    return value
  }
}
