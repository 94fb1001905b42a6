// Simplification: each rule by what is left of a small graph, and soundness on random graphs.

import BettyGraph
import BettyKernelInterface
import Testing

@testable import BettyTransform

@Suite struct SimplifyTests {
  /// Names of the nodes left of a graph over inputs of the given shapes.
  private func left(
    _ shapes: [[Int]], dtype: DType = .f64, _ body: (inout Graph, [Value]) throws -> [Value]
  ) throws -> [String] {
    var graph = Graph()
    let inputs = try shapes.map { graph.addInput(try TensorType(dtype, $0)) }
    graph.outputs = try body(&graph, inputs)
    let simplified = try Transform.simplify(graph)
    #expect(simplified.inputs.map { simplified.type(of: $0) } == inputs.map { graph.type(of: $0) })
    #expect(
      simplified.outputs.map { simplified.type(of: $0) }
        == graph.outputs.map { graph.type(of: $0) })
    var generator = Generator(11)
    let numbers = inputs.map { generator.uniform(0.5...2, graph.type(of: $0).count) }
    let expected = try Reference.evaluate(graph, numbers)
    let got = try Reference.evaluate(simplified, numbers)
    for (a, b) in zip(expected.joined(), got.joined()) {
      #expect(abs(a - b) <= 1e-12 * max(1, abs(a)))
    }
    return simplified.nodes.map(\.primitive.name)
  }

  @Test func constantsFold() throws {
    #expect(
      try left([]) { graph, _ in
        let type = try TensorType(.f32, [2])
        let a = try graph.constant(0.1, type)
        let b = try graph.constant(3, type)
        return [try graph.call(P.sqrt, [graph.div(graph.add(a, b), graph.neg(graph.neg(b)))])]
      } == ["constant"])
    #expect(
      try left([[]]) { graph, x in
        let wide = try graph.broadcast(graph.constant(2, like: x[0]), [2, 3], axes: [])
        return [try graph.sum(graph.permute(wide, [1, 0]), [0, 1])]
      } == ["constant"])
    // The sign of a zero is part of it.
    #expect(
      try left([[2]]) { graph, x in
        [try graph.constant(0, like: x[0]), try graph.constant(-0.0, like: x[0])]
      } == ["constant", "constant"])
  }

  @Test func diagonalsScale() throws {
    for side in 0..<2 {
      for isTransposed in [false, true] {
        let shape = isTransposed ? [4, 3] : [3, 4]
        let names = try left([[side == 0 ? 3 : 4], shape]) { graph, x in
          let n = side == 0 ? 3 : 4
          let list = try graph.call(
            P.pad, [x[0]],
            ["low": .ints([0]), "high": .ints([0]), "interior": .ints([n]), "value": .double(0)])
          let diagonal = try graph.reshape(list, [n, n])
          let flags: Attributes = [
            "transpose_a": .bool(isTransposed && side == 1),
            "transpose_b": .bool(isTransposed && side == 0),
          ]
          return [
            try graph.call(P.matmul, side == 0 ? [diagonal, x[1]] : [x[1], diagonal], flags)
          ]
        }
        #expect(names == (isTransposed ? ["permute"] : []) + ["broadcast", "mul"])
      }
    }
  }

  @Test func identitiesVanish() throws {
    #expect(
      try left([[2, 3], [2, 3]]) { graph, x in
        let one = try graph.constant(1, like: x[0])
        let zero = try graph.constant(0, like: x[0])
        return [
          try graph.mul(one, x[0]), try graph.add(zero, x[0]), try graph.sub(x[0], zero),
          try graph.div(x[0], one), try graph.neg(graph.neg(x[0])),
          try graph.call(P.pow, [x[0], one]),
          try graph.select(graph.call(P.lt, [zero, one]), x[0], x[1]),
          try graph.select(graph.call(P.lt, [x[0], x[1]]), x[0], x[0]),
          try graph.permute(graph.permute(x[0], [1, 0]), [1, 0]),
          try graph.reshape(graph.reshape(x[0], [6]), [2, 3]),
          try graph.cast(graph.cast(x[0], .f64), .f64),
          try graph.call(P.stopGradient, [x[0]]), try graph.concatenate([x[0]], axis: 0),
          try graph.slice(x[0], starts: [0, 0], stops: [2, 3]),
          try graph.call(
            P.pad, [x[0]],
            [
              "low": .ints([0, 0]), "high": .ints([0, 0]), "interior": .ints([0, 0]),
              "value": .double(0),
            ]),
        ]
      } == [])
  }

  @Test func signsMove() throws {
    #expect(
      try left([[3], [3]]) { graph, x in
        [try graph.add(x[0], graph.neg(x[1]))]
      } == ["sub"])
    #expect(
      try left([[3], [3]]) { graph, x in
        [try graph.sub(x[0], graph.neg(x[1]))]
      } == ["add"])
    #expect(
      try left([[3], [3]]) { graph, x in
        [try graph.mul(graph.neg(x[0]), graph.neg(x[1]))]
      } == ["mul"])
    #expect(
      try left([[3]]) { graph, x in
        [try graph.neg(graph.scale(graph.scale(x[0], 3), 0.5))]
      } == ["constant", "mul"])
    #expect(
      try left([[3]]) { graph, x in [try graph.scale(x[0], -1)] } == ["neg"])
  }

  @Test func equalNodesAreOne() throws {
    #expect(
      try left([[3], [3]]) { graph, x in
        let a = try graph.call(P.exp, [graph.add(x[0], x[1])])
        let b = try graph.call(P.exp, [graph.add(x[1], x[0])])
        return [try graph.mul(a, b), a, b]
      } == ["add", "exp", "mul"])
  }

  @Test func chainsOfMovesAreOne() throws {
    #expect(
      try left([[2, 3, 4]]) { graph, x in
        [try graph.permute(graph.permute(x[0], [1, 2, 0]), [2, 1, 0])]
      } == ["permute"])
    #expect(
      try left([[3]]) { graph, x in
        let row = try graph.broadcast(graph.reshape(x[0], [1, 3]), [2, 3], axes: [0, 1])
        return [try graph.broadcast(row, [4, 2, 3], axes: [1, 2])]
      } == ["broadcast"])
    #expect(
      try left([[3]]) { graph, x in
        [try graph.reshape(graph.broadcast(x[0], [2, 3], axes: [1]), [2, 1, 3])]
      } == ["broadcast"])
    #expect(
      try left([[3]]) { graph, x in [try graph.broadcast(x[0], [1, 3], axes: [1])] }
        == ["reshape"])
    #expect(
      try left([[3, 1, 2]]) { graph, x in [try graph.permute(x[0], [1, 0, 2])] } == ["reshape"])
  }

  @Test func workMovesBeforeRepetition() throws {
    #expect(
      try left([[], []]) { graph, x in
        let a = try graph.broadcast(x[0], [4, 5], axes: [])
        let b = try graph.broadcast(x[1], [4, 5], axes: [])
        return [try graph.scale(graph.call(P.exp, [graph.mul(a, b)]), 2)]
      } == ["mul", "exp", "constant", "mul", "broadcast"])
  }

  @Test func sumsOfRepetitionsAreProducts() throws {
    let names = try left([[3, 1]]) { graph, x in
      let wide = try graph.broadcast(x[0], [2, 3, 4], axes: [1, 2])
      return [try graph.sum(wide, [0, 2]), try graph.sum(wide, [0, 1, 2])]
    }
    #expect(!names.contains("broadcast"))
    #expect(names.count { $0 == "mul" } == 2)
    #expect(
      try left([[2, 3, 4]]) { graph, x in [try graph.sum(graph.sum(x[0], [1]), [1])] } == ["sum"])
    #expect(
      try left([[2, 1, 1]]) { graph, x in [try graph.sum(x[0], [1, 2])] } == ["reshape"])
  }

  @Test func transpositionsBecomeFlags() throws {
    #expect(
      try left([[3, 2], [4, 3]]) { graph, x in
        let product = try graph.matmul(graph.permute(x[0], [1, 0]), graph.permute(x[1], [1, 0]))
        return [try graph.permute(product, [1, 0])]
      } == ["matmul"])
    #expect(
      try left([[5, 3, 2], [5, 3, 4]]) { graph, x in
        [try graph.matmul(graph.permute(x[0], [0, 2, 1]), x[1])]
      } == ["matmul"])
  }

  @Test func masksSelect() throws {
    #expect(
      try left([[3], [3]]) { graph, x in
        let zero = try graph.zeros(like: x[0])
        let mask = try graph.select(
          graph.call(P.gt, [x[0], zero]), graph.constant(1, like: x[0]), zero)
        return [try graph.mul(x[1], mask)]
      } == ["constant", "gt", "select"])
  }

  @Test func casts() throws {
    #expect(
      try left([[3]], dtype: .f32) { graph, x in
        [try graph.cast(graph.cast(x[0], .f64), .f32)]
      } == [])
    // A narrowing is never undone.
    #expect(
      try left([[3]], dtype: .f32) { graph, x in
        let narrow = try graph.cast(graph.cast(x[0], .bf16), .f32)
        return [narrow, try graph.cast(graph.cast(x[0], .i32), .f32)]
      } == ["cast", "cast", "cast", "cast"])
  }

  @Test func zeroTimesAnythingStays() throws {
    var graph = Graph()
    let x = graph.addInput(try TensorType(.f64, [1]))
    graph.outputs = [try graph.scale(x, 0)]
    let simplified = try Transform.simplify(graph)
    #expect(try Reference.evaluate(simplified, [[.infinity]])[0][0].isNaN)
  }

  @Test func stopGradientStaysWhileItIsNeeded() throws {
    var graph = Graph()
    let x = graph.addInput(try TensorType(.f64, [2]))
    graph.outputs = [try graph.mul(x, graph.call(P.stopGradient, [x]))]
    let kept = try Transform.simplify(graph, keepingStopGradient: true)
    #expect(kept.nodes.map(\.primitive.name) == ["stop_gradient", "mul"])
    #expect(try Transform.simplify(graph).nodes.map(\.primitive.name) == ["mul"])
  }

  @Test func straightThroughIsItsValueOnceNoDerivativeIsAsked() throws {
    var graph = Graph()
    let x = graph.addInput(try TensorType(.f64, [2]))
    let y = graph.addInput(try TensorType(.f64, [2]))
    graph.outputs = [try graph.mul(x, graph.call(P.straightThrough, [x, y]))]
    let kept = try Transform.simplify(graph, keepingStopGradient: true)
    #expect(kept.nodes.map(\.primitive.name) == ["straight_through", "mul"])
    #expect(try Transform.simplify(graph).nodes.map(\.primitive.name) == ["mul"])
    graph.outputs = [try graph.call(P.straightThrough, [x, x])]
    #expect(try Transform.simplify(graph, keepingStopGradient: true).nodes.isEmpty)
  }

  /// relu layers as users write them (a linear layer keeps its weight transposed): what is left of
  /// the gradient graph is what one would write by hand.
  @Test func gradientOfALayer() throws {
    var graph = Graph()
    let x = graph.addInput(try TensorType(.f32, [8, 4]))
    let weight = graph.addInput(try TensorType(.f32, [3, 4]))
    let bias = graph.addInput(try TensorType(.f32, [3]))
    let product = try graph.matmul(x, graph.permute(weight, [1, 0]))
    let sum = try graph.add(product, graph.broadcast(bias, [8, 3], axes: [1]))
    let loss = try graph.scale(graph.sum(graph.call(P.relu, [sum]), [0, 1]), 1.0 / 24)
    graph.outputs = try Transform.gradient(&graph, of: loss, wrt: [weight, bias])
      .compactMap { $0 }
    let simplified = try Transform.simplify(graph)
    let names = simplified.nodes.map(\.primitive.name).sorted()
    // The mask is told from relu's result, which a layer above would keep.
    #expect(
      names == [
        "add", "broadcast", "constant", "constant", "gt", "matmul", "matmul", "relu", "select",
        "sum",
      ])
  }

  @Test(arguments: 0..<300)
  func randomGraphsKeepTheirValues(_ seed: Int) throws {
    var generator = Generator(UInt64(seed))
    let graph = try RandomGraph.make(&generator)
    let simplified = try Transform.simplify(graph)
    // A thin matrix product becomes up to five nodes that fuse: two reshapes, two broadcasts, a mul.
    let products = graph.nodes.count { $0.primitive === P.matmul }
    #expect(simplified.nodes.count <= graph.nodes.count + 4 * products)
    let numbers = graph.inputs.map { generator.uniform(-1...1, graph.type(of: $0).count) }
    let expected = try Reference.evaluate(graph, numbers)
    let got = try Reference.evaluate(simplified, numbers)
    for (output, pair) in zip(graph.outputs, zip(expected, got)) {
      #expect(pair.0.count == pair.1.count)
      let close = zip(pair.0, pair.1).allSatisfy {
        $0 == $1 || ($0.isNaN && $1.isNaN) || abs($0 - $1) <= 1e-9 * max(1, abs($0))
      }
      #expect(close, "seed \(seed), value \(output.index)")
    }
    // Once more changes nothing.
    let again = try Transform.simplify(simplified)
    #expect(again.nodes.count == simplified.nodes.count)
  }
}
