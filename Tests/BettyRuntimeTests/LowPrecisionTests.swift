// Products and convolutions of bf16 and f16 inside programs: sums are f32, whatever the result is.

import BettyGraph
import BettyKernelInterface
import Testing

@testable import BettyRuntime

@Suite struct LowPrecisionTests {
  /// So many ones: the sum is no number of bf16 or f16, and sums in bf16 would end at 256.
  private let count = 4097

  private func attributes(_ dtype: DType?) -> Attributes {
    var attributes: Attributes = ["transpose_a": .bool(false), "transpose_b": .bool(false)]
    attributes["dtype"] = dtype.map { .dtype($0) }
    return attributes
  }

  @Test(arguments: [DType.bf16, .f16], [1, 2]) func sumsAreOfSinglePrecision(
    _ dtype: DType, _ columns: Int
  ) throws {
    var graph = Graph()
    let (a, b) = (try graph.input([2, count], dtype), try graph.input([count, columns], dtype))
    graph.outputs = try [nil, .f32].map { try graph.call(P.matmul, [a, b], attributes($0)) }
    #expect(graph.outputs.map { graph.dtype(of: $0) } == [dtype, .f32])
    let ones = [2, columns].map { [Double](repeating: 1, count: $0 * count) }
    let wanted = [4096, 4097].map { [Double](repeating: $0, count: 2 * columns) }
    #expect(try run(graph, ones) == wanted)
  }

  @Test(arguments: [DType.bf16, .f16]) func convolutionsToo(_ dtype: DType) throws {
    var graph = Graph()
    let (x, w) = (
      try graph.input([1, 3, 4, 683], dtype), try graph.input([3, 2, 683, 2], dtype)
    )
    var options = Graph.convolutionAttributes(
      stride: [1, 1], low: [0, 0], high: [0, 0], dilation: [1, 1], groups: 1)
    let rounded = try graph.call(P.convolution, [x, w], options)
    options["dtype"] = .dtype(.f32)
    graph.outputs = [rounded, try graph.call(P.convolution, [x, w], options)]
    let ones = [12 * 683, 12 * 683].map { [Double](repeating: 1, count: $0) }
    #expect(try run(graph, ones) == [4096, 4098].map { [Double](repeating: $0, count: 6) })
  }
}
