// Products whose results are wanted in f32 and go into no other product: gradients of parameters, Hessian
// products. Their sums are long, so they keep what they have been summed in instead of being rounded on the
// way. What goes on to another product stays low, for that one would round it anyway. Invariant: only
// what differentiation has appended changes; recordings keep their types.

import BettyGraph
import BettyKernelInterface

extension Transform {
  /// `isRecorded` by node.
  static func summingWide(_ graph: Graph, isRecorded: [Bool]) throws -> Graph {
    let isWide = wideSums(graph, isRecorded)
    var result = Graph()
    var map = [Value](repeating: Value(-1), count: graph.types.count)
    for input in graph.inputs { map[input.index] = result.addInput(graph.type(of: input)) }
    for (number, node) in graph.nodes.enumerated() {
      let operands = node.inputs.map { map[$0.index] }
      var (attributes, types) = (node.attributes, node.results.map { graph.types[$0] })
      if isWide[number] {
        attributes["dtype"] = .dtype(.f32)
        types[0] = try types[0].with(.f32)
      } else if !isRecorded[number], let body = attributes.graph("body") {
        let none = [Bool](repeating: false, count: body.nodes.count)
        attributes["body"] = .graph(try summingWide(body, isRecorded: none))
      } else if !isRecorded[number], node.primitive === P.cast,
        result.type(of: operands[0]) == types[0]
      {
        map[node.results.lowerBound] = operands[0]
        continue
      }
      let made = result.append(node.primitive, operands, attributes, types)
      for (old, new) in zip(node.results, made) { map[old] = new }
    }
    result.outputs = graph.outputs.map { map[$0.index] }
    return result
  }

  /// Which nodes are such products.
  private static func wideSums(_ graph: Graph, _ isRecorded: [Bool]) -> [Bool] {
    // By value: whether a product takes it as it is or after elementwise work.
    var feeds = [Bool](repeating: false, count: graph.types.count)
    // By value: whether something but a cast to f32 reads it.
    var isNeededLow = feeds
    for output in graph.outputs { isNeededLow[output.index] = true }
    var isWide = [Bool](repeating: false, count: graph.nodes.count)
    for (number, node) in graph.nodes.enumerated().reversed() {
      let result = node.results.lowerBound
      let policy = node.primitive.precisionPolicy
      if policy == .low, !isRecorded[number], graph.types[result].dtype.isLow,
        !isNeededLow[result], !feeds[result]
      {
        isWide[number] = true
      }
      let goesOn = policy == .elementwise || policy == .movement
      let isFed = policy == .low || (goesOn && node.results.contains { feeds[$0] })
      let widens = node.primitive === P.cast && node.attributes.dtype("dtype") == .f32
      for input in node.inputs {
        if isFed { feeds[input.index] = true }
        if !widens { isNeededLow[input.index] = true }
      }
    }
    return isWide
  }
}
