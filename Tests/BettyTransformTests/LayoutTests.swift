// The layout pass: how many permutations are left in networks of images, and that values stay.

import BettyGraph
import BettyKernelInterface
import Testing

@testable import BettyTransform

@Suite struct LayoutTests {
  private func call(
    _ graph: inout Graph, _ name: String, _ operands: [Value], _ attributes: Attributes = [:]
  ) throws -> Value {
    let function = try #require(Functions.named(name))
    return try function.apply(to: &graph, operands.map { Operand($0) }, attributes)[0]
  }

  private func permutes(_ graph: Graph) -> Int {
    graph.nodes.count { $0.primitive === P.permute }
  }

  /// Simplified: values as before and the permutations left over.
  private func check(_ graph: Graph, permutes expected: Int) throws {
    var generator = Generator(3)
    let point = graph.inputs.map { generator.uniform(0.5...2, graph.type(of: $0).count) }
    let before = try Reference.evaluate(graph, point)
    let simplified = try Transform.simplify(graph)
    try simplified.verify()
    let after = try Reference.evaluate(simplified, point)
    for (a, b) in zip(before, after) {
      #expect(zip(a, b).allSatisfy { abs($0 - $1) <= 1e-9 * max(1, abs($0)) })
    }
    #expect(permutes(simplified) == expected, "\(simplified)")
  }

  private static let pooling: Attributes = [
    "kernel_size": .int(3), "stride": .int(1), "padding": .int(1),
  ]

  /// Pool, batch norm, relu, halving with padded channels, join, pool, mean: with the gradient, the
  /// image is permuted on its way in and its gradient on its way out, and nothing between.
  @Test func channelsStayLastBetweenPools() throws {
    var graph = Graph()
    let x = graph.addInput(try TensorType(.f64, [2, 3, 4, 6]))
    let weight = graph.addInput(try TensorType(.f64, [3]))
    let bias = graph.addInput(try TensorType(.f64, [3]))
    var value = try call(&graph, "avg_pool2d", [x], Self.pooling)
    value = try call(&graph, "batch_norm_training", [value, weight, bias])
    value = try call(&graph, "relu", [value])
    let halved = try graph.slice(
      value, starts: [0, 0, 0, 0], stops: [2, 3, 4, 6], steps: [1, 1, 2, 2])
    let padded = try call(
      &graph, "pad", [halved], ["pad": .ints([0, 0, 0, 0, 1, 2])])
    let pooled = try call(
      &graph, "max_pool2d", [value], ["kernel_size": .int(2)])
    let joined = try call(&graph, "cat", [padded, pooled], ["dim": .int(1)])
    let last = try call(&graph, "max_pool2d", [joined], Self.pooling)
    let means = try call(&graph, "mean", [last], ["dim": .ints([2, 3])])
    let flat = try call(&graph, "mul", [means, means])
    let loss = try graph.sum(flat, [0, 1])
    let gradients = try Transform.gradient(&graph, of: loss, wrt: [x, weight, bias])
    graph.outputs = [loss] + gradients.compactMap { $0 }
    #expect(permutes(graph) > 10)
    try check(graph, permutes: 2)
  }

  /// A residual block between an image and a mean, with all gradients: the image and its gradient,
  /// and filters and their gradients, which are kept as [out, in, height, width].
  @Test func aResidualBlockIsChannelsLast() throws {
    var graph = Graph()
    let x = graph.addInput(try TensorType(.f64, [2, 4, 6, 6]))
    let filters = try [4, 4, 4].map { graph.addInput(try TensorType(.f64, [4, $0, 3, 3])) }
    let vectors = try (0..<4).map { _ in graph.addInput(try TensorType(.f64, [4])) }
    let padding: Attributes = ["padding": .int(1)]
    let stem = try call(&graph, "conv2d", [x, filters[0]], padding)
    var value = try call(&graph, "conv2d", [stem, filters[1]], padding)
    value = try call(&graph, "batch_norm_training", [value, vectors[0], vectors[1]])
    value = try call(&graph, "relu", [value])
    value = try call(&graph, "conv2d", [value, filters[2]], padding)
    value = try call(&graph, "batch_norm_training", [value, vectors[2], vectors[3]])
    value = try call(&graph, "relu", [call(&graph, "add", [value, stem])])
    let means = try call(&graph, "adaptive_avg_pool2d", [value], ["output_size": .int(1)])
    let flat = try call(&graph, "flatten", [means], ["start_dim": .int(1)])
    let loss = try graph.sum(graph.mul(flat, flat), [0, 1])
    let wrt = [x] + filters + vectors
    graph.outputs = [loss] + (try Transform.gradient(&graph, of: loss, wrt: wrt)).compactMap { $0 }
    #expect(graph.outputs.count == 1 + wrt.count)
    try check(graph, permutes: 2 + 3 + 3)
    // Without the image's gradient there is nothing to move out.
    graph.outputs.remove(at: 1)
    try check(graph, permutes: 1 + 3 + 3)
  }

  /// What is flattened for a linear layer is permuted once on either way.
  @Test func flatteningPaysOnce() throws {
    var graph = Graph()
    let x = graph.addInput(try TensorType(.f64, [2, 3, 4, 4]))
    let pooled = try call(&graph, "max_pool2d", [x], ["kernel_size": .int(2)])
    let active = try call(&graph, "relu", [pooled])
    let flat = try call(&graph, "flatten", [active], ["start_dim": .int(1)])
    let loss = try graph.sum(graph.mul(flat, flat), [0, 1])
    let gradient = try Transform.gradient(&graph, of: loss, wrt: [x])
    graph.outputs = [loss] + gradient.compactMap { $0 }
    try check(graph, permutes: 4)
  }

  /// Statistics of samples, and vectors whose axes come in another order after the permutation.
  @Test func broadcastsFollowTheirAxes() throws {
    var graph = Graph()
    let x = graph.addInput(try TensorType(.f64, [2, 3, 4, 5]))
    let matrix = graph.addInput(try TensorType(.f64, [3, 4]))
    let pooled = try call(&graph, "avg_pool2d", [x], Self.pooling)
    let scaled = try graph.mul(
      pooled, graph.broadcast(matrix, [2, 3, 4, 5], axes: [1, 2]))
    let normal = try call(&graph, "instance_norm_training", [scaled])
    let largest = try graph.call(P.max, [normal], ["axes": .ints([2])])
    graph.outputs = [try call(&graph, "max_pool2d", [normal], Self.pooling), largest]
    // In, the matrix, both outputs.
    try check(graph, permutes: 4)
  }
}
