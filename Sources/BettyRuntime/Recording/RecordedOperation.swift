// What a recorded node applies: a function for fixed operand types and attributes, or a gradient spliced
// in. One node of a recording is one operation, however many primitives its graph has, so that a recording
// is short. Invariant: immutable, and equal ids mean the same graph; ids are never given again.

import BettyGraph
import BettyKernelInterface

package final class RecordedOperation: Sendable {
  package let id: Int32
  package let name: String
  package let graph: Graph
  let inputCount: Int
  let resultTypes: [Int32]
  /// Numbers of the types of the operands.
  let operands: [Int32]
  /// Type of the input that holds a plain number, nil for tensors; by position.
  let numbers: [DType?]
  let hasNumbers: Bool
  /// Per result: bit i is set if a gradient flows to input i. Inputs from 63 on share a bit.
  let flows: [UInt64]
  /// Of the only result, or of all together.
  let flow: UInt64
  /// Worth keeping for a later gradient once computed.
  let isExpensive: Bool
  /// Follows indices in data, which may be out of range.
  let followsIndices: Bool
  /// Computing it may turn out to be impossible.
  let mayFail: Bool
  /// Made by reverse differentiation.
  let isGradient: Bool
  /// Whether a gradient needs values of the recording, which are given up once it was taken.
  let savesValues: Bool
  /// Its result is another look at the memory of its only input.
  let isView: Bool
  /// Where it looks in a whole operand, if it is a view that strides can say.
  let look: View?
  /// Whether it is a view that shows some element twice.
  let overlaps: Bool
  /// Views that differ from it in where they look.
  let family: ViewFamily?
  /// Whether the result is a copy, and no view nor the operand itself, where that lies scattered.
  let gathers: Bool
  /// The operand that is itself the result (`contiguous` of what is contiguous).
  let returnedOperand: Int?

  var isTuple: Bool { resultTypes.count != 1 }
  /// A call gives one new value.
  var isPlain: Bool { returnedOperand == nil && !isView && !isTuple }

  /// Under the lock. `operands` are numbers of types.
  init(
    name: String, graph: Graph, operands: [Int32], isFunction: Bool,
    isGradient: Bool = false, family: ViewFamily? = nil
  ) {
    id = RecordedOperation.nextID
    RecordedOperation.nextID &+= 1
    self.name = name
    self.graph = graph
    inputCount = operands.count
    self.operands = operands
    resultTypes = graph.outputs.map { TypeID.of(graph.type(of: $0)) }
    numbers = zip(operands, graph.inputs).map {
      $0 < TypeID.firstTensor ? graph.dtype(of: $1) : nil
    }
    hasNumbers = numbers.contains { $0 != nil }
    flows = graph.gradientFlows()
    flow = flows.reduce(0, |)
    isExpensive = graph.nodes.contains { $0.primitive.isExpensive }
    followsIndices = graph.nodes.contains { node in
      RecordedOperation.indexing.contains { $0 === node.primitive }
    }
    mayFail = graph.mayFail
    savesValues = graph.savesValues
    self.isGradient = isGradient
    let single = operands.count == 1 && graph.outputs.count == 1 && !hasNumbers
    gathers = isFunction && RecordedOperation.gatheringNames.contains(name)
    isView =
      isFunction && single && RecordedOperation.viewNames.contains(name)
      && (graph.isViewChain || name == "sliding")
    look = isView && graph.type(of: graph.outputs[0]).count > 0 ? graph.seenOfWhole : nil
    overlaps = isView && graph.isOverlapping
    self.family = isView ? family : nil
    self.family?.members += 1
    let position = graph.outputs.count == 1 ? graph.inputs.firstIndex(of: graph.outputs[0]) : nil
    let returns = isFunction && RecordedOperation.identityNames.contains(name)
    let isTensor = position.map { operands[$0] >= TypeID.firstTensor } ?? false
    returnedOperand = returns && isTensor ? position : nil
  }

  nonisolated(unsafe) private static var nextID: Int32 = 1

  @inline(__always)
  func isNumber(_ position: Int) -> Bool { hasNumbers && numbers[position] != nil }

  @inline(__always)
  static func flowBit(_ position: Int) -> UInt64 { 1 &<< UInt64(min(position, 63)) }

  /// Functions whose result shares memory with their operand, as in PyTorch. A flip, for one, is a
  /// primitive view but the user's copy.
  private static let viewNames: Set<String> = [
    "view", "view_as", "reshape", "reshape_as", "flatten", "unflatten", "ravel", "squeeze",
    "unsqueeze", "permute", "transpose", "swapaxes", "swapdims", "t", "adjoint", "movedim",
    "moveaxis", "select", "narrow", "slice", "expand", "expand_as", "broadcast_to", "diagonal",
    "detach", "stop_gradient", "numpy_T", "mT", "sliding",
  ]

  fileprivate static let indexing = P.indexing

  /// Those whose result is a copy where the operand lies scattered.
  private static let gatheringNames: Set<String> = [
    "reshape", "reshape_as", "flatten", "ravel", "contiguous",
  ]

  /// Primitives whose derivative reads no operand although it is no plain linear map of one.
  fileprivate static let keepsNothing: Set<String> = [
    "add", "sub", "neg", "concatenate", "straight_through",
  ]

  /// Functions that return the operand itself when there is nothing to do.
  private static let identityNames: Set<String> = [
    "contiguous", "to", "type", "type_as", "float", "double", "half", "bfloat16", "int", "long",
    "bool", "cast", "positive", "dropout",
  ]
}

extension Graph {
  /// Per output, which inputs a gradient flows to. See `RecordedOperation.flows`.
  func gradientFlows() -> [UInt64] {
    var reach = [UInt64](repeating: 0, count: types.count)
    for (position, input) in inputs.enumerated() where dtype(of: input).isFloating {
      reach[input.index] = RecordedOperation.flowBit(position)
    }
    for node in nodes {
      var all: UInt64 = 0
      for (position, input) in node.inputs.enumerated()
      where node.primitive.derivative.passes(position) {
        all |= reach[input.index]
      }
      for result in node.results where types[result].dtype.isFloating { reach[result] = all }
    }
    return outputs.map { reach[$0.index] }
  }

  /// Whether reverse mode reads anything but cotangents: for PyTorch's error of a second backward.
  var savesValues: Bool {
    nodes.contains { node in
      if case .zero = node.primitive.derivative { return false }
      if case .linear = node.primitive.derivative { return false }
      if RecordedOperation.keepsNothing.contains(node.primitive.name) { return false }
      // A mean divides by a constant.
      let isScaling = node.primitive === P.mul || node.primitive === P.div
      return !(isScaling && node.inputs.contains { self.node(of: $0)?.primitive === P.constant })
    }
  }

  /// Whether some node has a kernel that reports failures.
  var mayFail: Bool {
    nodes.contains { node in
      if node.primitive.failure != nil { return true }
      if RecordedOperation.indexing.contains(where: { $0 === node.primitive }) { return true }
      return node.attributes.graph("body")?.mayFail ?? false
    }
  }

  /// Whether every node only looks at its operand in another way.
  var isViewChain: Bool {
    nodes.allSatisfy { node in
      switch node.primitive.kernel {
      case .view, .alias: node.inputs.count == 1
      default: false
      }
    }
  }
}
