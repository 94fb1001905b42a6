// What a graph becomes before fusion: operations that say how they are computed, over values that
// are contiguous and known only by element type and count. Reshapes are gone (the same value),
// every view is strides over a contiguous source, and storage types have been cast for arithmetic.
// Invariant: operations are in order of execution; each value is an input or made by one operation.

import BettyGraph
import BettyKernelInterface

/// The source seen through strides, innermost last; no axis of length 1, adjacent axes that form
/// one are merged. An axis of stride 0 repeats.
struct View: Hashable {
  var offset: Int
  var shape: [Int]
  var strides: [Int]

  var isSplat: Bool { strides.allSatisfy { $0 == 0 } }

  /// After this many elements the same elements come again (the whole count when they never do).
  var period: Int {
    var period = 1
    let lead = strides.firstIndex { $0 != 0 } ?? strides.count
    for axis in lead..<shape.count { period *= shape[axis] }
    return period
  }
}

/// A nested program run `count` times, or until a carry is true.
struct Loop {
  let body: Program
  let count: Int
  let carries: Int
  let until: Int?

  /// Carries that the body updates where they lie (or leaves alone): they need no second buffer.
  var inPlace: [Bool] {
    body.outputs.enumerated().map { index, source in
      source == .donated(index + 1) || source == .input(index + 1)
    }
  }
}

enum Operation {
  case tile(TileOp)
  case cast
  /// The bytes of one element.
  case constant(UInt64)
  case view(View)
  /// Part of the source, contiguous from an offset in elements: the same memory.
  case window(Int)
  case reduction(ReduceOp, outer: Int, reduced: Int, inner: Int)
  case buffer(PreparedKernel, inPlace: [Int?])
  case loop(Loop)
}

/// A class because the passes look at nodes all the time: a copy of one counts one reference, not five.
final class LoweredNode {
  let operation: Operation
  let inputs: [Int]
  let results: [Int]
  /// Of the primitive, for messages and listings.
  let name: String

  init(operation: Operation, inputs: [Int], results: [Int], name: String) {
    self.operation = operation
    self.inputs = inputs
    self.results = results
    self.name = name
  }
}

struct Lowered {
  var nodes: [LoweredNode] = []
  var dtypes: [DType] = []
  var counts: [Int] = []
  /// The node that makes each value, -1 for an input.
  var producers: [Int] = []
  var inputs: [Int] = []
  var outputs: [Int] = []

  func byteCount(_ value: Int) -> Int { counts[value] * dtypes[value].size }

  mutating func addValue(_ dtype: DType, _ count: Int, producer: Int) -> Int {
    dtypes.append(dtype)
    counts.append(count)
    producers.append(producer)
    return dtypes.count - 1
  }

  mutating func append(
    _ operation: Operation, _ inputs: [Int], _ results: [(DType, Int)], name: String
  ) -> [Int] {
    let values = results.map { addValue($0.0, $0.1, producer: nodes.count) }
    nodes.append(LoweredNode(operation: operation, inputs: inputs, results: values, name: name))
    return values
  }

  mutating func appendOne(
    _ operation: Operation, _ inputs: [Int], _ dtype: DType, _ count: Int, name: String
  ) -> Int {
    append(operation, inputs, [(dtype, count)], name: name)[0]
  }

  func producer(of value: Int) -> LoweredNode? {
    producers[value] < 0 ? nil : nodes[producers[value]]
  }

  /// The value whose memory this one lies in, and where, in bytes.
  func root(of value: Int) -> (value: Int, offset: Int) {
    var value = value
    var offset = 0
    while let node = producer(of: value), case .window(let start) = node.operation {
      offset += start * dtypes[value].size
      value = node.inputs[0]
    }
    return (value, offset)
  }
}
