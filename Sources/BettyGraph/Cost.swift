// What running a graph takes: floating-point operations, counted from its nodes. Invariant: the count is
// of the mathematics (a product of m×k and k×n takes 2mkn), whatever the kernels make of it; moving,
// converting and comparing positions is free.

extension Primitive {
  /// Operations of one application.
  package func operations(
    _ inputs: [TensorType], _ outputs: [TensorType], _ attributes: Attributes
  ) -> Double {
    if let flops { return flops(inputs, outputs, attributes) }
    let results = outputs.reduce(0.0) { $0 + Double($1.count) }
    return switch kernel {
    case .cast, .constant, .view, .alias: 0
    case .tile: results
    case .reduction, .buffer: inputs.reduce(0.0) { max($0, Double($1.count)) }
    case .loop:
      Double(attributes.int("count")) * (attributes.graph("body")?.operations ?? 0)
    case .definition:
      expanded(inputs, attributes) { graph, values in
        guard case .decomposed(let definition) = derivative else { return [] }
        return try definition(&graph, values, attributes)
      } ?? results
    case .composite(let build):
      expanded(inputs, attributes) { try build(&$0, $1, attributes) } ?? results
    }
  }

  /// Operations of the graph that the primitive stands for.
  private func expanded(
    _ inputs: [TensorType], _ attributes: Attributes,
    _ build: (inout Graph, [Value]) throws -> [Value]
  ) -> Double? {
    var graph = Graph()
    let values = inputs.map { graph.addInput($0) }
    guard let outputs = try? build(&graph, values) else { return nil }
    graph.outputs = outputs
    return graph.operations
  }
}

extension Graph {
  /// Floating-point operations of one run.
  package var operations: Double {
    nodes.reduce(0) { sum, node in
      sum
        + node.primitive.operations(
          node.inputs.map { type(of: $0) }, node.results.map { types[$0] }, node.attributes)
    }
  }
}
