// Every primitive's samples compile and run, fused and not, in every floating type, with the same
// numbers.

import BettyGraph
import BettyKernelInterface
import Testing

@testable import BettyRuntime

private func draw(_ input: Sample.Input, _ dtype: DType, _ generator: inout Generator) -> [Double] {
  let count = input.shape.reduce(1, *)
  if dtype.isFloating { return input.raised(random(count, &generator, in: input.range)) }
  let range = Int(input.range.lowerBound.rounded(.up))...Int(input.range.upperBound)
  return (0..<count).map { _ in Double(Int.random(in: range, using: &generator)) }
}

@Test(arguments: Registry.primitives.map(\.name)) func samplesRun(name: String) throws {
  let primitive = try #require(Registry.primitive(named: name))
  #expect(!primitive.samples.isEmpty)
  for (number, sample) in primitive.samples.enumerated() {
    for dtype in [DType.f32, .f64, .bf16, .f16] {
      var graph = Graph()
      var generator = Generator(number)
      var inputs: [[Double]] = []
      for input in sample.inputs {
        let type = try TensorType(input.dtype ?? dtype, input.shape)
        _ = graph.addInput(type)
        inputs.append(draw(input, type.dtype, &generator))
      }
      do {
        graph.outputs = try graph.apply(primitive, graph.inputs, sample.attributes)
      } catch let error as BettyError where error.kind == .type {
        continue  // the type rule does not take this element type
      }
      let plain = try run(graph, inputs, options: CompileOptions(unfused: true))
      let fused = try run(graph, inputs)
      let threaded = try run(graph, inputs, options: CompileOptions(threads: 2))
      let tolerance = dtype == .f64 ? 1e-10 : dtype == .f32 ? 1e-5 : 1e-2
      for (index, result) in plain.enumerated() {
        #expect(result.count == graph.type(of: graph.outputs[index]).count)
        let comment = "\(name) sample \(number) \(dtype.name)"
        expectClose(fused[index], result, tolerance: tolerance, comment)
        expectClose(threaded[index], result, tolerance: tolerance, comment)
      }
    }
  }
}
