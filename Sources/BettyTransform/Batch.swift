// vmap: a graph of one example becomes the graph of many. What depends on no example stays as it is and is
// computed once. Invariant: a batched value has the batch as its first axis; operands of equal rank stay
// of equal rank.

import BettyGraph

extension Transform {
  /// The graph for `size` examples at once: `vmap_example` nodes of `level` become their operands, and
  /// every output has the batch as its first axis.
  package static func batch(_ graph: Graph, level: Int, size: Int) throws -> Graph {
    var batcher = Batcher(graph, level: level, size: size)
    return try batcher.run()
  }

  /// Which values depend on an example of `level`.
  package static func dependsOnExample(_ graph: Graph, level: Int) -> [Bool] {
    var depends = [Bool](repeating: false, count: graph.types.count)
    for node in graph.nodes {
      guard isExample(node, level) || node.inputs.contains(where: { depends[$0.index] }) else {
        continue
      }
      for result in node.results { depends[result] = true }
    }
    return depends
  }

  fileprivate static func isExample(_ node: Node, _ level: Int) -> Bool {
    node.primitive === P.example && node.attributes.int("level") == level
  }
}

private struct Batcher {
  private let source: Graph
  private let level: Int
  private let size: Int
  private var result = Graph()
  /// What each value became, and whether that is batched.
  private var map: [Value]
  private var isBatched: [Bool]

  init(_ source: Graph, level: Int, size: Int) {
    self.source = source
    self.level = level
    self.size = size
    map = [Value](repeating: Value(-1), count: source.types.count)
    isBatched = [Bool](repeating: false, count: source.types.count)
  }

  mutating func run() throws -> Graph {
    for input in source.inputs { map[input.index] = result.addInput(source.type(of: input)) }
    for node in source.nodes { try add(node) }
    result.outputs = try outputs()
    return result
  }

  /// What the outputs became; those that depend on no example are repeated for each.
  private mutating func outputs() throws -> [Value] {
    try source.outputs.map { output in
      if isBatched[output.index] { return map[output.index] }
      let shape = source.shape(of: output)
      return try result.broadcast(
        map[output.index], [size] + shape, axes: shape.indices.map { $0 + 1 })
    }
  }

  private mutating func add(_ node: Node) throws {
    let inputs = node.inputs.map { map[$0.index] }
    if Transform.isExample(node, level) {
      let found = result.shape(of: inputs[0])[0]
      guard found == size else {
        throw BettyError.value(
          "vmap: expected all tensors to have the same size in the mapped dimension, got \(size) "
            + "and \(found)")
      }
      map[node.results.lowerBound] = inputs[0]
      isBatched[node.results.lowerBound] = true
      return
    }
    let flags = node.inputs.map { isBatched[$0.index] }
    guard flags.contains(true) else { return result.copy(node, of: source, &map) }
    let application = BatchedApplication(
      primitive: node.primitive, attributes: node.attributes, inputs: inputs, isBatched: flags,
      types: node.inputs.map { source.type(of: $0) }, size: size)
    for (old, new) in zip(node.results, try apply(application)) {
      map[old] = new
      isBatched[old] = true
    }
  }

  private mutating func apply(_ node: BatchedApplication) throws -> [Value] {
    switch node.primitive.batching {
    case .shifted(let attributes):
      return try result.apply(
        node.primitive, node.allBatched(in: &result), attributes(node.attributes, size))
    case .rows: return try node.rows(in: &result)
    case .rule(let rule): return try rule(&result, node)
    case .each: return try node.each(in: &result)
    case .definition(let definition):
      var inner = Graph()
      let inputs = zip(node.types, node.isBatched).map { type, isBatched in
        (inner.addInput(type), isBatched)
      }
      inner.outputs = try definition(&inner, inputs.map(\.0), node.attributes)
      return try inlineBatched(inner, node)
    }
  }

  /// Batches the graph that a primitive stands for in its place.
  private mutating func inlineBatched(
    _ inner: Graph, _ node: BatchedApplication
  ) throws -> [Value] {
    var batcher = Batcher(inner, level: level, size: size)
    for (input, flag) in zip(inner.inputs, node.isBatched) {
      batcher.isBatched[input.index] = flag
    }
    for (input, value) in zip(inner.inputs, node.inputs) { batcher.map[input.index] = value }
    swap(&batcher.result, &result)
    defer { swap(&batcher.result, &result) }
    for inside in inner.nodes { try batcher.add(inside) }
    return try batcher.outputs()
  }
}
