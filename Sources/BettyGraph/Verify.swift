// The invariants of the IR, checked: run after every pass in debug builds and tests.

import BettyKernelInterface

extension Graph {
  /// Throws what is wrong with the first node or value that breaks an invariant: numbers are dense
  /// and in order of creation, inputs come before their readers, types are what type rules give,
  /// primitives are the registered ones, outputs exist; and so in every graph that an attribute
  /// holds.
  package func verify() throws(BettyError) {
    guard producers.count == types.count else {
      throw .runtime("verify: \(types.count) types but \(producers.count) producers")
    }
    var seen = [Bool](repeating: false, count: types.count)
    for input in inputs {
      guard has(input), producers[input.index] == -1, !seen[input.index] else {
        throw .runtime("verify: input %\(input.index) is not a value of its own")
      }
      seen[input.index] = true
    }
    for (number, node) in nodes.enumerated() {
      try verify(node, number)
      for result in node.results { seen[result] = true }
    }
    if let orphan = seen.firstIndex(of: false) {
      throw .runtime("verify: %\(orphan) is neither an input nor made by a node")
    }
    for output in outputs where !has(output) {
      throw .runtime("verify: output %\(output.index) does not exist")
    }
  }

  private func has(_ value: Value) -> Bool { types.indices.contains(value.index) }

  private func verify(_ node: Node, _ number: Int) throws(BettyError) {
    let name = node.primitive.name
    let place = "verify: node \(number), \(name)"
    // The mark of an example is no operation: it is taken away, or refused, before anything runs.
    let isMark = node.primitive === P.example
    guard isMark || Registry.primitive(named: name) === node.primitive else {
      throw .runtime("\(place): the primitive is not the registered one")
    }
    let follows = number == 0 || nodes[number - 1].results.upperBound <= node.results.lowerBound
    guard follows, node.results.lowerBound >= 0, node.results.upperBound <= types.count,
      producers[node.results].allSatisfy({ $0 == number })
    else {
      throw .runtime("\(place): results \(node.results) are not its own")
    }
    for input in node.inputs where !has(input) || input.index >= node.results.lowerBound {
      throw .runtime("\(place): operand %\(input.index) does not come before it")
    }
    let wanted: [TensorType]
    do {
      try node.attributes.check(node.primitive.attributes, for: name)
      wanted = try node.primitive.typeRule(node.inputs.map { type(of: $0) }, node.attributes)
    } catch {
      throw .runtime("\(place): \(error)")
    }
    let made = Array(types[node.results])
    guard wanted == made else {
      throw .runtime("\(place): the type rule gives \(wanted), the node has \(made)")
    }
    for (_, attribute) in node.attributes.entries {
      if case .graph(let graph) = attribute { try graph.verify() }
    }
  }
}
