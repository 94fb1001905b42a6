// Large programs: gradients do not wait for each other, perturbed parameters do not either, and a
// bad index is found before anything is overwritten.

import BettyGraph
import BettyKernelInterface
import Testing

@testable import BettyRuntime

@Suite struct MemoryOrderTests {
  private static let layers = 12
  private static let width = 128
  private static let bytes = width * width * 4

  private static func options(_ bytes: Int, threads: Int = 1) -> CompileOptions {
    let donations = Dictionary(uniqueKeysWithValues: (0..<layers).map { ($0, $0 + 2) })
    var options = CompileOptions(donations: donations, threads: threads)
    options.memoryOrderBytes = bytes
    return options
  }

  /// Rows of a table go through layers whose weights are perturbed first, all of them, and updated
  /// last, each by a product of what the layers made.
  private func network() throws -> Graph {
    var graph = Graph()
    let shape = [Self.width, Self.width]
    let indices = try graph.addInput(TensorType(.i64, [8]))
    let table = try graph.input(shape)
    let weights = try (0..<Self.layers).map { _ in try graph.input(shape) }
    let moved = try weights.map { try graph.scale(graph.call(P.sin, [$0]), 0.01) }
    var hidden = [try graph.call(P.take, [table, indices], ["axis": .int(0)])]
    for weight in moved {
      hidden.append(try graph.matmul(hidden[hidden.count - 1], weight))
    }
    var gradients: [Value] = []
    for layer in 0..<Self.layers {
      gradients.append(try graph.matmul(hidden[layer], hidden[layer + 1], transposeA: true))
    }
    graph.outputs = try zip(weights, gradients).map { try graph.call(P.sub, [$0, $1]) }
    return graph
  }

  private func inputs(index: Int64 = 3) throws -> [Buffer] {
    var generator = Generator(4)
    let count = Self.width * Self.width
    let indices = try Buffer(byteCount: 64)
    for place in 0..<8 {
      indices.pointer.storeBytes(of: index, toByteOffset: place * 8, as: Int64.self)
    }
    let tables = try (0...Self.layers).map { _ in try buffer(random(count, &generator)) }
    return [indices] + tables
  }

  @Test func needsAFewWeightsOnly() throws {
    let graph = try network()
    let wide = try Compiler.compile(graph, options: Self.options(1 << 40))
    let narrow = try Compiler.compile(graph, options: Self.options(0))
    #expect(wide.arenaBytes > 10 * Self.bytes)
    #expect(narrow.arenaBytes < 5 * Self.bytes)
    #expect(narrow.outputs == wide.outputs)
  }

  @Test(arguments: [1, 4]) func givesTheSameNumbers(_ threads: Int) throws {
    let graph = try network()
    var results: [[Double]] = []
    for bytes in [1 << 40, 0] {
      let program = try Compiler.compile(graph, options: Self.options(bytes, threads: threads))
      let made = try program.run(inputs())
      results.append(
        try made.enumerated().flatMap { try numbers($1, program.outputTypes[$0]) })
    }
    #expect(results[0] == results[1])
  }

  @Test func badIndexLeavesTheWeights() throws {
    let program = try Compiler.compile(network(), options: Self.options(0))
    let given = try inputs(index: Int64(Self.width))
    let before = try (2..<given.count).map { try numbers(given[$0], program.inputTypes[$0]) }
    #expect(throws: BettyError.self) { try program.run(given) }
    for (position, values) in before.enumerated() {
      let after = try numbers(given[position + 2], program.inputTypes[position + 2])
      #expect(after == values)
    }
  }
}
