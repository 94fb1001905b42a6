// Simplification: passes over the nodes that build the graph again, each node rewritten by local
// rules and shared with an equal node (hash-consing; Click, Global Code Motion, 1995, section 2),
// without what no output needs. Invariant: inputs stay all and in order, outputs keep order and
// types; a rule gives a value of the type of the node it replaces and never makes more work than it
// saves.
//
// Rules are exact in IEEE arithmetic, with these exceptions:
// - x + 0 is x, also for x = -0;
// - what rounds less often: two constant factors are one, x times a reciprocal is a division, a sum of
//   equal elements is a product;
// - sums in another order: a sum of sums is one, a permuted value is summed, or has its moments taken,
//   as it lies, matrices are multiplied as they lie, and a matrix product of one element is a sum;
// - powers are rounded as products (x², x³), sqrt or rsqrt are; x to ±1/2 is NaN at -infinity and has
//   the sign of x at 0, as in PyTorch where the exponent is a number;
// - x times a 0/1 mask is a selection, so that a masked NaN or infinity gives 0, and a product with a
//   diagonal matrix does not see its zeros.
// x * 0 stays, and NaN constants are not folded.

import BettyGraph
import BettyKernelInterface

extension Transform {
  /// The graph simplified. `keepingStopGradient`: for graphs that are still to be
  /// differentiated.
  package static func simplify(
    _ graph: Graph, keepingStopGradient: Bool = false
  ) throws -> Graph {
    var graph = graph
    // Rules see operands that are simplified already, so one pass does nearly all; later passes
    // find values that lost their other readers.
    for round in 0..<3 {
      var rewriter = Rewriter(
        keepsStopGradient: keepingStopGradient, simplifiesBodies: round == 0)
      graph = try rebuild(graph, with: &rewriter)
      if !rewriter.changed { break }
    }
    graph = prune(graph)
    #if DEBUG
      try graph.verify()
    #endif
    return graph
  }

  /// The graph without the nodes that no output needs.
  package static func prune(_ graph: Graph) -> Graph {
    let live = ancestors(graph, of: graph.outputs, in: 0..<graph.nodes.count)
    guard live.contains(false) else { return graph }
    var pruned = Graph()
    var map = [Value](repeating: Value(-1), count: graph.types.count)
    for input in graph.inputs { map[input.index] = pruned.addInput(graph.type(of: input)) }
    for (node, isLive) in zip(graph.nodes, live) where isLive {
      pruned.copy(node, of: graph, &map)
    }
    pruned.outputs = graph.outputs.map { map[$0.index] }
    return pruned
  }

  private static func rebuild(_ source: Graph, with rewriter: inout Rewriter) throws -> Graph {
    let live = ancestors(source, of: source.outputs, in: 0..<source.nodes.count)
    var readers = [Int](repeating: 0, count: source.types.count)
    for output in source.outputs { readers[output.index] += 1 }
    for (node, isLive) in zip(source.nodes, live) where isLive {
      for input in node.inputs { readers[input.index] += 1 }
    }
    var map = [Value](repeating: Value(-1), count: source.types.count)
    for input in source.inputs {
      map[input.index] = rewriter.addInput(
        source.type(of: input), readers: readers[input.index])
    }
    for (node, isLive) in zip(source.nodes, live) where isLive {
      if node.primitive === P.repeat,
        let loop = TrimmedLoop(node, isUsed: node.results.map { readers[$0] > 0 })
      {
        try place(loop, of: node, in: source, &map, &rewriter)
        continue
      }
      let made = try rewriter.place(
        node.primitive, node.inputs.map { map[$0.index] }, node.attributes,
        node.results.map { source.types[$0] })
      for (result, new) in zip(node.results, made) {
        map[result] = new
        rewriter.noteReaders(of: new, readers[result])
      }
    }
    return rewriter.finish(outputs: source.outputs.map { map[$0.index] })
  }

  private static func place(
    _ loop: TrimmedLoop, of node: Node, in source: Graph, _ map: inout [Value],
    _ rewriter: inout Rewriter
  ) throws {
    rewriter.noteChange()
    for (result, operand) in loop.constants {
      map[node.results.lowerBound + result] = map[operand.index]
    }
    guard !loop.results.isEmpty else { return }
    let results = loop.results.map { node.results.lowerBound + $0 }
    let made = try rewriter.place(
      P.repeat, loop.operands.map { map[$0.index] }, loop.attributes,
      results.map { source.types[$0] })
    for (result, new) in zip(results, made) { map[result] = new }
  }
}
