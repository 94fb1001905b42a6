// What differentiating and simplifying costs: it is paid once for every new structure, while the user
// waits. Bounds are loose, so that they hold on a busy machine, and only hold in optimised builds.

import BettyGraph
import BettyKernelInterface
import Testing

@testable import BettyTransform

@Suite(.serialized) struct SpeedTests {
  /// A multilayer perceptron as users write it, its loss and the gradients of all parameters.
  static func perceptron(layers: Int) throws -> (graph: Graph, parameters: [Value], loss: Value) {
    var graph = Graph()
    var value = graph.addInput(try TensorType(.f32, [32, 64]))
    var parameters: [Value] = []
    for _ in 0..<layers {
      let weight = graph.addInput(try TensorType(.f32, [64, 64]))
      let bias = graph.addInput(try TensorType(.f32, [64]))
      parameters += [weight, bias]
      let product = try graph.matmul(value, graph.permute(weight, [1, 0]))
      let sum = try graph.add(product, graph.broadcast(bias, [32, 64], axes: [1]))
      value = try graph.call(P.relu, [sum])
    }
    let loss = try graph.scale(graph.sum(value, [0, 1]), 1.0 / 2048)
    return (graph, parameters, loss)
  }

  @Test func gradientOfFiftyLayers() throws {
    let (source, parameters, loss) = try Self.perceptron(layers: 50)
    let clock = ContinuousClock()
    var best = Duration.seconds(100)
    var simplified = source
    for _ in 0..<10 {
      var graph = source
      let elapsed = try clock.measure {
        graph.outputs =
          try [loss]
          + Transform.gradient(&graph, of: loss, wrt: parameters).compactMap { $0 }
        simplified = try Transform.simplify(graph)
      }
      best = min(best, elapsed)
    }
    // Three products a layer but for the first, whose input needs no gradient.
    #expect(simplified.nodes.count { $0.primitive === P.matmul } == 149)
    #expect(!simplified.nodes.contains { $0.primitive === P.permute })
    #if !DEBUG
      #expect(best < .milliseconds(20), "took \(best)")
    #endif
  }
}
