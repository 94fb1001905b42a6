// Values that are computed again where they are read: they take no memory, and nothing else changes.

import BettyGraph
import BettyKernelInterface
import Testing

@testable import BettyRuntime

@Suite struct RecomputeTests {
  private static let shape = [512, 64]
  private static let bytes = 512 * 64 * 4

  /// Columns of x made standard: x minus its mean is read on both sides of a reduction.
  private func standardized() throws -> (graph: Graph, centred: Value) {
    var graph = Graph()
    let x = try graph.input(Self.shape)
    let mean = try graph.scale(graph.total(x, [0]), 1.0 / 512)
    let centred = try graph.sub(x, graph.spread(mean, Self.shape, [1]))
    let variance = try graph.scale(graph.total(graph.mul(centred, centred), [0]), 1.0 / 512)
    let factor = try graph.call(P.rsqrt, [graph.shift(variance, 1e-5)])
    graph.outputs = [try graph.mul(centred, graph.spread(factor, Self.shape, [1]))]
    return (graph, centred)
  }

  private func input() -> [Double] {
    var generator = Generator(1)
    return random(512 * 64, &generator)
  }

  @Test(arguments: [1, 4]) func takesNoMemory(_ threads: Int) throws {
    let graph = try standardized().graph
    let program = try Compiler.compile(graph, options: CompileOptions(threads: threads))
    #expect(program.arenaBytes < Self.bytes / 4)
    let plain = try run(graph, [input()], options: CompileOptions(unfused: true))
    expectClose(try run(program, [input()])[0], plain[0])
  }

  /// What has to be in memory anyway is read from there.
  @Test func outputsAreNotComputedTwice() throws {
    var (graph, centred) = try standardized()
    let steps = try Compiler.compile(graph).infos.map(\.name)
    graph.outputs.append(centred)
    let kept = try Compiler.compile(graph).infos.map(\.name)
    #expect(steps.count { $0.contains("sub") } == 2)
    #expect(kept.count { $0.contains("sub") } == 1)
  }

  /// A value of two tensors, or of an expensive operation, is cheaper to read than to make.
  @Test func onlyCheapValuesAre() throws {
    var graph = Graph()
    let (x, y) = (try graph.input(Self.shape), try graph.input(Self.shape))
    for value in [try graph.add(x, y), try graph.call(P.exp, [x])] {
      let mean = try graph.scale(graph.total(value, [0]), 1.0 / 512)
      graph.outputs = [try graph.mul(value, graph.spread(mean, Self.shape, [1]))]
      let program = try Compiler.compile(graph)
      #expect(program.arenaBytes >= Self.bytes || program.stepCount == 2)
      let names = program.infos.map(\.name)
      #expect(names.count { $0.contains("add") || $0.contains("exp") } == 1)
    }
  }
}
