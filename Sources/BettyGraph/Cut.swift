// Parts of a graph as graphs of their own.

extension Graph {
  /// The part of the graph that `outputs` need down to the values that `isBoundary` accepts, which become
  /// its inputs in order of creation.
  package func cut(
    _ outputs: [Value], isBoundary: (Value) -> Bool
  ) -> (graph: Graph, inputs: [Value]) {
    var needed = [Bool](repeating: false, count: types.count)
    for output in outputs { needed[output.index] = true }
    var nodeNeeded = [Bool](repeating: false, count: nodes.count)
    for (index, node) in nodes.enumerated().reversed() {
      let wanted = node.results.contains { needed[$0] && !isBoundary(Value($0)) }
      guard wanted else { continue }
      nodeNeeded[index] = true
      for input in node.inputs { needed[input.index] = true }
    }
    var result = Graph()
    var map = [Value](repeating: Value(-1), count: types.count)
    var inputs: [Value] = []
    for index in types.indices where needed[index] && isBoundary(Value(index)) {
      map[index] = result.addInput(types[index])
      inputs.append(Value(index))
    }
    for (node, isNeeded) in zip(nodes, nodeNeeded) where isNeeded {
      let made = result.append(
        node.primitive, node.inputs.map { map[$0.index] }, node.attributes,
        node.results.map { types[$0] })
      for (old, new) in zip(node.results, made) where map[old] == Value(-1) { map[old] = new }
    }
    result.outputs = outputs.map { map[$0.index] }
    return (result, inputs)
  }

  /// Which inputs something reads.
  package func usedInputs() -> [Bool] {
    var isUsed = [Bool](repeating: false, count: types.count)
    for node in nodes { for input in node.inputs { isUsed[input.index] = true } }
    for output in outputs { isUsed[output.index] = true }
    return inputs.map { isUsed[$0.index] }
  }

  /// The same graph without the other inputs, which nothing reads.
  package func keepingInputs(_ keep: [Bool]) -> Graph {
    var result = Graph()
    let arguments = zip(inputs, keep).map { input, isKept in
      isKept ? result.addInput(type(of: input)) : Value(-1)
    }
    let map = result.inline(self, arguments)
    result.outputs = outputs.map { map[$0.index] }
    return result
  }
}
