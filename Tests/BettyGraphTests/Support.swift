// What the tests of the IR share: applications of primitives to their samples, and a seeded generator.

import BettyKernelInterface

@testable import BettyGraph

/// SplitMix64 (Steele et al., OOPSLA 2014): the same numbers in every run.
struct Seeded: RandomNumberGenerator {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// One sample of a primitive, named so that a failing case says which.
struct Case: Sendable, CustomStringConvertible {
  let primitive: Primitive
  let number: Int
  var sample: Sample { primitive.samples[number] }
  var description: String { "\(primitive.name)#\(number)" }

  static let all: [Case] = Registry.primitives.flatMap { primitive in
    primitive.samples.indices.map { Case(primitive: primitive, number: $0) }
  }

  func inputTypes(_ dtype: DType = .f32) throws -> [TensorType] {
    try sample.inputs.map { try TensorType($0.dtype ?? dtype, $0.shape) }
  }

  /// A graph of inputs and the one node.
  func graph(_ dtype: DType = .f32) throws -> Graph {
    var graph = Graph()
    let inputs = try inputTypes(dtype).map { graph.addInput($0) }
    graph.outputs = try graph.apply(primitive, inputs, sample.attributes)
    return graph
  }
}

func type(_ dtype: DType, _ shape: Int...) throws -> TensorType { try TensorType(dtype, shape) }
