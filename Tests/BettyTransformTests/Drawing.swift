// Reproducible numbers for samples.

import BettyGraph
import BettyKernelInterface

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
struct Generator: RandomNumberGenerator {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func uniform(_ range: ClosedRange<Double>, _ count: Int) -> [Double] {
    (0..<count).map { _ in Double.random(in: range, using: &self) }
  }

  /// Numbers for one input of a sample.
  mutating func draw(_ input: Sample.Input, _ type: TensorType) -> [Double] {
    // Small whole numbers are exact in bf16, and so are sums of their products.
    if type.dtype.computeType != type.dtype || !type.dtype.isFloating {
      let range = Int(input.range.lowerBound)...Int(input.range.upperBound)
      return (0..<type.count).map { _ in Double(Int.random(in: range, using: &self)) }
    }
    guard input.distinct, type.count > 1 else {
      return input.raised(uniform(input.range, type.count))
    }
    let width = input.range.upperBound - input.range.lowerBound
    let numbers = (0..<type.count).map {
      input.range.lowerBound + width * (Double($0) + 0.5) / Double(type.count)
    }.shuffled(using: &self)
    return input.raised(numbers)
  }
}

extension Sample {
  /// A graph of one application, with the floating type under test.
  func graph(of primitive: Primitive, _ dtype: DType) throws -> Graph {
    var graph = Graph()
    let operands = try inputs.map {
      graph.addInput(try TensorType($0.dtype ?? dtype, $0.shape))
    }
    graph.outputs = try graph.apply(primitive, operands, attributes)
    return graph
  }

  func draw(_ graph: Graph, _ generator: inout Generator) -> [[Double]] {
    zip(inputs, graph.inputs).map { generator.draw($0, graph.type(of: $1)) }
  }
}
