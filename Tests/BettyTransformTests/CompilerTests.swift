// The compiler against the reference: the same graphs, the same numbers. Graphs are those of the
// gradient tests (samples, their gradients, simplified and not) and random ones.

import BettyGraph
import BettyKernelInterface
import BettyRuntime
import Testing

@testable import BettyTransform

@Suite struct CompilerTests {
  private func expectSame(
    _ graph: Graph, _ point: [[Double]], _ name: String, tolerance: Double
  ) throws {
    let expected = try Reference.evaluate(graph, point)
    for unfused in [false, true] {
      let program = try Compiler.compile(
        graph, options: CompileOptions(threads: 2, unfused: unfused))
      let buffers = try zip(graph.inputs, point).map { input, numbers in
        let type = graph.type(of: input)
        let buffer = try Buffer(byteCount: max(type.byteCount, 1))
        Reference.pack(numbers, type.dtype, buffer.pointer)
        return buffer
      }
      let results = try program.run(buffers)
      for (number, output) in graph.outputs.enumerated() {
        let got = Reference.unpack(graph.type(of: output), results[number].pointer)
        let close = zip(got, expected[number]).allSatisfy {
          $0 == $1 || ($0.isNaN && $1.isNaN) || abs($0 - $1) <= tolerance * max(1, abs($1))
        }
        #expect(
          close && got.count == expected[number].count,
          "\(name) output \(number), unfused \(unfused): \(got) instead of \(expected[number])")
      }
    }
  }

  @Test(arguments: GradientCase.all)
  func samplesAndTheirGradients(_ example: GradientCase) throws {
    for (dtype, tolerance) in [(DType.f64, 1e-11), (.f32, 2e-5)] {
      var generator = Generator(6)
      var graph = try example.sample.graph(of: example.primitive, dtype)
      var point = example.sample.draw(graph, &generator)
      try expectSame(graph, point, "\(example.testDescription) \(dtype)", tolerance: tolerance)
      let wrt = graph.inputs.filter { graph.dtype(of: $0).isFloating }
      let outputs = graph.outputs.filter { graph.dtype(of: $0).isFloating }
      let cotangents = outputs.map { graph.addInput(graph.type(of: $0)) }
      point += cotangents.map { generator.uniform(-1...1, graph.type(of: $0).count) }
      graph.outputs += try Transform.vjp(
        &graph, of: outputs, cotangents: cotangents, wrt: wrt
      ).compactMap { $0 }
      try graph.verify()
      let name = "gradient of \(example.testDescription) \(dtype)"
      try expectSame(graph, point, name, tolerance: tolerance)
      let simplified = try Transform.simplify(graph)
      try expectSame(simplified, point, name + ", simplified", tolerance: tolerance)
    }
  }

  @Test(arguments: 0..<150)
  func randomGraphs(_ seed: Int) throws {
    var generator = Generator(UInt64(1000 + seed))
    let graph = try RandomGraph.make(&generator)
    let point = graph.inputs.map { generator.uniform(-1...1, graph.type(of: $0).count) }
    try expectSame(graph, point, "random graph \(seed)", tolerance: 1e-9)
    try expectSame(
      Transform.simplify(graph), point, "random graph \(seed), simplified", tolerance: 1e-9)
  }
}
