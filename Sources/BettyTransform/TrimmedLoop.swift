// A `repeat` without what nobody reads. Derivatives of loops carry along everything that might be
// asked for (tangents, sums for every constant, stacks of every carry): what is not needed costs the
// body's work in every iteration. Invariant: the results that stay are computed by the same nodes.

import BettyGraph
import BettyKernelInterface

struct TrimmedLoop {
  /// What is left of the loop's operands, and its attributes; no operands' carries: no loop is left.
  let operands: [Value]
  let attributes: Attributes
  /// Positions of the results that the loop still makes, in order.
  let results: [Int]
  /// Results that no iteration changes: the operand they are.
  let constants: [(result: Int, operand: Value)]

  /// nil if nothing can be left out.
  init?(_ node: Node, isUsed: [Bool]) {
    guard let body = node.attributes.graph("body") else { return nil }
    let carries = node.attributes.int("carries")
    let until = node.attributes.int("until", default: -1)
    let fixed = (0..<carries).map { $0 != until && body.outputs[$0] == body.inputs[1 + $0] }
    var isUsed = isUsed
    // What ends the loop is needed by every result.
    if until >= 0, zip(isUsed, fixed).contains(where: { $0 && !$1 }) { isUsed[until] = true }
    let (needed, reached) = Self.needed(body, carries, isUsed: isUsed, fixed: fixed)
    let kept = (0..<carries).filter { needed[$0] }
    // Carries that never change are constants of what is left.
    let rest = node.inputs.indices.filter {
      ($0 >= carries || fixed[$0]) && reached[body.inputs[1 + $0].index]
    }
    guard kept.count < carries || rest.count < node.inputs.count - carries else { return nil }
    constants = (0..<carries).filter { fixed[$0] }.map { ($0, node.inputs[$0]) }
    results = kept
    operands = (kept + rest).map { node.inputs[$0] }
    var attributes = node.attributes
    attributes["carries"] = .int(kept.count)
    if let place = kept.firstIndex(of: until) { attributes["until"] = .int(place) }
    attributes["body"] = .graph(Self.rebuilt(body, operands: kept + rest, carries: kept))
    self.attributes = attributes
  }

  /// Which carries are needed for the used results, and which values of the body they reach.
  private static func needed(
    _ body: Graph, _ carries: Int, isUsed: [Bool], fixed: [Bool]
  ) -> (carries: [Bool], values: [Bool]) {
    var needed = (0..<carries).map { isUsed[$0] && !fixed[$0] }
    var reached = [Bool](repeating: false, count: body.types.count)
    var isStable = false
    while !isStable {
      isStable = true
      for carry in 0..<carries where needed[carry] { reached[body.outputs[carry].index] = true }
      for node in body.nodes.reversed() where node.results.contains(where: { reached[$0] }) {
        for input in node.inputs { reached[input.index] = true }
      }
      for carry in 0..<carries where reached[body.inputs[1 + carry].index] {
        guard !needed[carry], !fixed[carry] else { continue }
        needed[carry] = true
        isStable = false
      }
    }
    return (needed, reached)
  }

  private static func rebuilt(_ body: Graph, operands: [Int], carries: [Int]) -> Graph {
    var graph = Graph()
    var map = [Value](repeating: Value(-1), count: body.types.count)
    for input in [body.inputs[0]] + operands.map({ body.inputs[1 + $0] }) {
      map[input.index] = graph.addInput(body.type(of: input))
    }
    let outputs = carries.map { body.outputs[$0] }
    let live = Transform.ancestors(body, of: outputs, in: 0..<body.nodes.count)
    for (node, isLive) in zip(body.nodes, live) where isLive {
      graph.copy(node, of: body, &map)
    }
    graph.outputs = outputs.map { map[$0.index] }
    return graph
  }
}
