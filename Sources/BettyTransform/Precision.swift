// Mixed precision: a recording with the casts that its problems' precisions ask for, before it is
// differentiated, so that every derivative of any order inherits them. Operands of products are
// rounded to the low type and products stored in it; all else is computed in f32 (PrecisionPolicy).
// A product belongs to the problem whose parameters it multiplies with, wherever it is recorded; a
// product of two activations to the problem that made them. Invariants: inputs and outputs keep
// their types; each use of a value has a cast of its own, so that its cotangents are added in f32
// (simplification makes one of equal casts); what is rounded for a product early, because it only
// moves, is that rounded value for all its readers.

import BettyGraph
import BettyKernelInterface

/// Whose the inputs of a recording are.
package struct PrecisionOwners: Sendable {
  /// Of the problem that recorded it.
  package var own: Precision
  /// By input of the graph: of the problem whose parameter it is; nil for what is no parameter.
  package var inputs: [Precision?]

  package init(own: Precision, inputs: [Precision?]) {
    self.own = own
    self.inputs = inputs
  }

  package func includes(_ precision: Precision) -> Bool {
    own == precision || inputs.contains(precision)
  }

  var isMixed: Bool { own != .fp32 || inputs.contains { $0 != nil && $0 != .fp32 } }
}

extension Transform {
  /// The graph in mixed precision and what became of some of its values, in their own types.
  package static func mixed(
    _ graph: Graph, _ owners: PrecisionOwners, keeping values: [Value] = []
  ) throws -> (graph: Graph, values: [Value]) {
    guard owners.isMixed else { return (graph, values) }
    var pass = MixedPass(graph, PrecisionPlan(graph, owners))
    let kept = try pass.run(keeping: values)
    return (pass.result, kept)
  }
}

/// What is decided about a graph before it is rebuilt.
struct PrecisionPlan {
  /// What a value is made of: which problem's, and whether of parameters and constants alone.
  struct Origin {
    var owner: Precision?
    var isWeight: Bool
    /// Made of inputs by movement alone, or a weight: nothing is stored for it, so its readers choose.
    var isGiven = true
  }

  /// Of the problem that recorded the graph.
  let own: Precision
  /// The low type of each product, by node.
  private(set) var products: [DType?]
  private(set) var origins: [Origin]
  /// By value: the low type that a product wants it in, through nothing but movement.
  private(set) var wanted: [DType?]
  /// By value: the low type of a product that it reaches elementwise.
  private(set) var feeds: [DType?]

  init(_ graph: Graph, _ owners: PrecisionOwners) {
    self.init(
      graph, owners.inputs.map { Origin(owner: $0, isWeight: $0 != nil) }, own: owners.own)
  }

  init(_ graph: Graph, _ inputs: [Origin], own: Precision) {
    self.own = own
    products = [DType?](repeating: nil, count: graph.nodes.count)
    origins = [Origin](repeating: Origin(owner: nil, isWeight: true), count: graph.types.count)
    wanted = [DType?](repeating: nil, count: graph.types.count)
    feeds = wanted
    for (input, origin) in zip(graph.inputs, inputs) { origins[input.index] = origin }
    for (number, node) in graph.nodes.enumerated() { findOrigin(graph, number, node) }
    for (number, node) in graph.nodes.enumerated().reversed() { findDemand(graph, number, node) }
  }

  private mutating func findOrigin(_ graph: Graph, _ number: Int, _ node: Node) {
    let operands = node.inputs.map { origins[$0.index] }
    let data = operands.filter { !$0.isWeight }
    let weights = operands.filter { $0.isWeight && $0.owner != nil }
    var origin = Origin(
      owner: data.lazy.compactMap(\.owner).first ?? weights.first?.owner, isWeight: data.isEmpty)
    let moves = node.primitive.precisionPolicy == .movement
    origin.isGiven = data.isEmpty || moves && operands.allSatisfy(\.isGiven)
    if node.primitive.precisionPolicy == .low {
      // Activations times parameters are the parameters' owner's.
      origin.owner = weights.first?.owner ?? origin.owner ?? own
      if node.inputs.allSatisfy({ graph.dtype(of: $0) == .f32 }) {
        products[number] = origin.owner?.dtype
      }
    }
    for result in node.results { origins[result] = origin }
  }

  private mutating func findDemand(_ graph: Graph, _ number: Int, _ node: Node) {
    if let dtype = products[number] {
      for input in node.inputs {
        wanted[input.index] = dtype
        feeds[input.index] = dtype
      }
      return
    }
    guard let result = node.results.first else { return }
    let policy = node.primitive.precisionPolicy
    if policy == .elementwise || policy == .movement, let dtype = feeds[result] {
      for input in node.inputs { feeds[input.index] = dtype }
    }
    guard let dtype = wanted[result], isRoundedBefore(graph, node) else { return }
    for input in node.inputs where graph.dtype(of: input) == .f32 { wanted[input.index] = dtype }
  }

  /// Whether an f32 node of movement is rather done on rounded operands: not where that would round
  /// more elements than are moved on.
  func isRoundedBefore(_ graph: Graph, _ node: Node) -> Bool {
    guard node.primitive.precisionPolicy == .movement, let result = node.results.first,
      graph.types[result].dtype == .f32, node.primitive !== P.take, node.primitive !== P.gather
    else { return false }
    let count = graph.types[result].count
    let isPool = node.primitive === P.maxPool
    return node.inputs.allSatisfy {
      graph.dtype(of: $0) != .f32 || graph.type(of: $0).count <= count
        || (isPool && !origins[$0.index].isWeight)
    }
  }
}
