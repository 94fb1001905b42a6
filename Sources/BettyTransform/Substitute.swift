// The same values at another point: θ → θ ± εv. What does not depend on the replaced values is
// shared, so two substitutions into one graph compute everything common once.

import BettyGraph
import BettyKernelInterface

extension Transform {
  /// Appends again what `values` need and depends on a replaced value, reading the new values
  /// instead; gives what each of `values` became. New values may depend on the old ones; they are
  /// not rewritten.
  package static func substitute(
    _ graph: inout Graph, of values: [Value], replacing pairs: [(old: Value, new: Value)]
  ) throws -> [Value] {
    let old = pairs.map(\.old)
    try check(graph, old, match: pairs.map(\.new), for: "substitute")
    try check(graph, values, for: "substitute")
    // What each value became, -1 while it stays what it is.
    var moved = [Int](repeating: -1, count: graph.types.count)
    for pair in pairs { moved[pair.old.index] = pair.new.index }
    func current(_ value: Value) -> Value {
      let new = moved[value.index]
      return new < 0 ? value : Value(new)
    }
    let first = firstReader(graph, old)
    let nodes = first..<max(first, horizon(graph, values))
    let needed = ancestors(graph, of: values, in: nodes)
    for number in nodes where needed[number - first] {
      let node = graph.nodes[number]
      guard node.inputs.contains(where: { moved[$0.index] >= 0 }) else { continue }
      let made = graph.append(
        node.primitive, node.inputs.map(current), node.attributes,
        node.results.map { graph.types[$0] })
      for (result, new) in zip(node.results, made) where moved[result] < 0 {
        moved[result] = new.index
      }
    }
    return values.map(current)
  }
}
