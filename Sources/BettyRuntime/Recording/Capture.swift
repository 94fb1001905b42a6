// The recorded subgraph behind some outputs, kept: its key, its leaves, and as a graph once somebody asks.
// What differentiates or compiles a recording starts here. Invariant: the graph's inputs are the leaves in
// order, then the numbers in order; equal keys mean equal graphs.

import BettyGraph
import BettyKernelInterface

package final class Capture {
  package let key: StructureKey
  package let mode: WalkMode
  /// A parameter's handle where the leaf is its present value, the value itself otherwise.
  package let leaves: [Tensor]
  /// What the outputs were asked for, then what handles are on inside (`step`).
  package private(set) var outputs: [Tensor]
  /// Every value by position; empty once dropped.
  package private(set) var order: [Tensor]
  let numbers: [NumberInput]
  private var operations: [RecordedOperation?]
  private var built: (graph: Graph, map: GraphMap)?

  /// Where the roots are in `order`.
  package let rootPositions: [Int]
  /// Where the sought tensors are; nil for those that the outputs do not depend on.
  package let soughtPositions: [Int?]

  /// `roots` and `sought` are handles or values. What lies behind `stops`, which are not roots, is left out.
  package init(
    _ roots: [Tensor], mode: WalkMode, sought: [Tensor] = [], stops: [Tensor] = []
  ) {
    Lock.acquire()
    if mode == .step { Recording.giveUpConstants() }
    var walk = Walk.begin(mode)
    let values = roots.map { $0.resolved() }
    let ends = stops.map { $0.resolved() }
    for end in ends { end.flags.insert(.stop) }
    for value in values { walk.markRoot(value) }
    for value in values { walk.visit(value) }
    let hash = walk.finish()
    for end in ends { end.flags.remove(.stop) }
    rootPositions = values.map { Int($0.position) }
    soughtPositions = sought.map { walk.position(of: $0) }
    key = StructureKey(hash: hash, copying: walk.words.elements)
    self.mode = mode
    leaves = walk.leaves.elements.map {
      let leaf = $0.takeUnretainedValue()
      guard mode == .step, let slot = leaf.extra?.gradient, slot.parameterID != 0,
        let handle = slot.handle, handle.extra?.current === leaf
      else { return leaf }
      return handle
    }
    outputs = walk.outputs.elements.map { $0.takeUnretainedValue() }
    order = walk.order.elements.map {
      let value = $0.takeUnretainedValue()
      value.flags.insert(.wasRead)  // a change in place must leave it what it is
      return value
    }
    operations = order.map(\.operation)
    numbers = Array(walk.numbers.elements)
    walk.end()
    Lock.release()
  }

  /// How many recordings of the same structure it is made of, one after the other.
  package var replicas = 1

  /// Whether what another backward pass may still go through keeps its history when it is run.
  package var keepsGradients = false

  package var numberCount: Int { numbers.count }

  /// Parameters among the leaves: number of the parameter by leaf, 0 for the others.
  package var leafParameters: [Int32] { inputs.leafParameters }

  /// Inputs: leaves, then numbers. Outputs: `outputs`.
  package var graph: Graph { build().graph }

  /// What became of the graph's values; the positions are those of `order`.
  package var map: GraphMap { build().map }

  /// Nodes inside that are computed already although the walk went through them, with their values.
  package var computed: [(position: Int, value: Value)] {
    map.computed.compactMap { position in map.values[position].map { (position, $0) } }
  }

  private func build() -> (graph: Graph, map: GraphMap) {
    if let built { return built }
    let made = GraphBuilder.build(words: key.words, operations: operations)
    built = made
    return made
  }

  /// By position: whether the value was made from one of `sought`, without being one.
  func dependents(of sought: [Int]) -> [Bool] {
    var isSource = [Bool](repeating: false, count: order.count)
    for position in sought { isSource[position] = true }
    var reached = isSource
    forEachNode { position, inputs in
      if inputs.contains(where: { $0 >= 0 && reached[Int($0)] }) { reached[position] = true }
    }
    return zip(reached, isSource).map { $0 && !$1 }
  }

  /// Nodes and projections in order, with the positions of their inputs; that of a number is negative.
  func forEachNode(_ body: (_ position: Int, _ inputs: ArraySlice<Int32>) -> Void) {
    let words = key.words
    var cursor = 0
    for position in order.indices {
      while words[cursor] == Walk.Word.computed || words[cursor] == Walk.Word.constant {
        cursor += 1
      }
      switch words[cursor] {
      case Walk.Word.leaf: cursor += 3
      case Walk.Word.projection:
        body(position, words[(cursor + 2)..<(cursor + 3)])
        cursor += 3
      default:
        let count = operations[position]?.inputCount ?? 0
        body(position, words[(cursor + 1)..<(cursor + 1 + count)])
        cursor += 1 + count
      }
    }
  }

  /// Forgets the recorded nodes and the graph: only key, leaves and outputs stay.
  package func dropNodes() {
    dropValues()
    forget()
  }

  /// Lets go of every value but leaves and outputs.
  func dropValues() { order = [] }

  /// Forgets what was recorded.
  func forget() {
    operations = []
    built = nil
  }

  /// A number met in the recording as an operand to record with.
  package func number(_ position: Int) -> Tensor {
    let number = numbers[position]
    return Tensor(operation: nil, number.bits, typeID: number.kind, flags: .number)
  }

  /// The kind of number an input of the graph holds: f64, i64 or bool.
  package func numberKind(_ position: Int) -> DType {
    TypeID.kind(numbers[position].kind)
  }
}

/// Where the values of a recording are in its graph.
package struct GraphMap: Sendable {
  /// By position; nil for nodes of several results.
  package var values: [Value?] = []
  /// Results of the nodes of several results.
  package var results: [Int: [Value]] = [:]
  package var leaves: [Value] = []
  package var numbers: [Value] = []
  /// Positions of nodes that are computed already.
  package var computed: [Int] = []
}

/// Reads the words of a recording and builds its graph.
enum GraphBuilder {
  static func build(words: [Int32], operations: [RecordedOperation?]) -> (
    graph: Graph, map: GraphMap
  ) {
    var graph = Graph()
    var map = GraphMap()
    addInputs(words, operations, &graph, &map)
    var results: [[Value]] = []
    results.reserveCapacity(operations.count)
    var leaf = 0
    var number = 0
    var cursor = 0
    while cursor < words.count, words[cursor] != Walk.Word.outputs {
      if words[cursor] == Walk.Word.computed {
        map.computed.append(results.count)
        cursor += 1
      }
      let isConstant = words[cursor] == Walk.Word.constant
      if isConstant { cursor += 1 }
      switch words[cursor] {
      case Walk.Word.leaf:
        results.append([map.leaves[leaf]])
        leaf += 1
        cursor += 3
      case Walk.Word.projection:
        results.append([results[Int(words[cursor + 2])][Int(words[cursor + 1])]])
        cursor += 3
      default:
        guard let operation = operations[results.count] else { return (graph, map) }
        var arguments: [Value] = []
        for place in 1..<1 + operation.inputCount {
          let word = words[cursor + place]
          if word == Walk.Word.number {
            arguments.append(map.numbers[number])
            number += 1
          } else {
            arguments.append(results[Int(word)][0])
          }
        }
        let inlined = graph.inline(operation.graph, arguments)
        var made = operation.graph.outputs.map { inlined[$0.index] }
        if isConstant { made = made.map { stopped($0, in: &graph) } }
        if operation.isTuple { map.results[results.count] = made }
        results.append(made)
        cursor += 1 + operation.inputCount
      }
    }
    map.values = results.map { $0.count == 1 ? $0[0] : nil }
    graph.outputs = words[(cursor + 1)...].compactMap { map.values[Int($0)] }
    return (graph, map)
  }

  /// The value as a constant to whoever differentiates the graph.
  private static func stopped(_ value: Value, in graph: inout Graph) -> Value {
    graph.append(P.stopGradient, [value], [:], [graph.type(of: value)])[0]
  }

  /// Leaves first, then numbers, each in the order they are met.
  private static func addInputs(
    _ words: [Int32], _ operations: [RecordedOperation?], _ graph: inout Graph,
    _ map: inout GraphMap
  ) {
    var numbers: [DType] = []
    var cursor = 0
    var position = 0
    while cursor < words.count, words[cursor] != Walk.Word.outputs {
      if words[cursor] == Walk.Word.computed { cursor += 1 }
      if words[cursor] == Walk.Word.constant { cursor += 1 }
      switch words[cursor] {
      case Walk.Word.leaf:
        let type = words[cursor + 1]
        map.leaves.append(graph.addInput(Lock.held { TypeID.type(type) }))
        cursor += 3
      case Walk.Word.projection: cursor += 3
      default:
        let operation = operations[position]
        numbers += operation?.numbers.compactMap { $0 } ?? []
        cursor += 1 + (operation?.inputCount ?? 0)
      }
      position += 1
    }
    for dtype in numbers { map.numbers.append(graph.addInput(TensorType(scalar: dtype))) }
  }
}

/// What a recording was made on, without its nodes: what running its structure again needs.
package struct RecordedInputs {
  package var leaves: [Tensor]
  let numbers: [NumberInput]

  /// These and then those of other recordings, for a program that was made on all of them.
  package func joined(_ others: [RecordedInputs]) -> RecordedInputs {
    if others.isEmpty { return self }
    return RecordedInputs(
      leaves: leaves + others.flatMap(\.leaves), numbers: numbers + others.flatMap(\.numbers))
  }

  /// Parameters among the leaves: number of the parameter by leaf, 0 for the others, values too that a
  /// parameter had once.
  package var leafParameters: [Int32] {
    leaves.map { $0.flags.contains(.redirect) ? $0.extra?.gradient?.parameterID ?? 0 : 0 }
  }

  /// Positions of the leaves that are keys of random draws.
  package var randomKeys: [Int] {
    leaves.indices.filter { leaves[$0].flags.contains(.randomKey) }
  }

  /// For each leaf the position of the same value in `tensors`, nil if it is none of them.
  package func places(in tensors: [Tensor]) -> [Int?] {
    Lock.held {
      let values = tensors.map { $0.resolved() }
      return leaves.map { leaf in
        let value = leaf.value
        return values.firstIndex { $0 === value }
      }
    }
  }
}

extension Capture {
  package var inputs: RecordedInputs { RecordedInputs(leaves: leaves, numbers: numbers) }

  /// What became of the roots in the graph, in the order they were given.
  package var roots: [Value] { rootPositions.compactMap { map.values[$0] } }
}
