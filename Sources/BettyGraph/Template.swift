// A function made into a graph for fixed operand types and attributes: what a recording splices in.
// Made once per combination. Invariant: no cast of a number input remains (the input has the type
// that the function wants), and every node is needed by an output.

import BettyKernelInterface

package final class Template: Sendable {
  package let function: Function
  /// Inputs in the order of the operands. An output may be an input (`contiguous`).
  package let graph: Graph
  package var inputTypes: [TensorType] { graph.inputs.map { graph.type(of: $0) } }
  package var outputTypes: [TensorType] { graph.outputs.map { graph.type(of: $0) } }

  init(function: Function, graph: Graph) {
    self.function = function
    self.graph = graph
  }
}

extension Functions {
  /// Makes the template of a function; errors are the user's: wrong shapes, types, options.
  package static func template(
    _ function: Function, _ operands: [OperandType], _ attributes: Attributes = [:]
  ) throws -> Template {
    var graph = Graph()
    let inputs = operands.map { Operand(graph.addInput($0.type), isNumber: $0.isNumber) }
    graph.outputs = try function.apply(to: &graph, inputs, attributes)
    let numbers = Set(inputs.filter(\.isNumber).map(\.value))
    return Template(function: function, graph: graph.absorbingCasts(of: numbers))
  }
}

extension Graph {
  /// The graph with number inputs of the type they are cast to, where that is one type, and without
  /// nodes that no output needs.
  func absorbingCasts(of numbers: Set<Value>) -> Graph {
    let needed = neededNodes()
    let absorbed = castTypes(of: numbers, needed)
    var result = Graph()
    var map = [Value](repeating: Value(-1), count: types.count)
    for input in inputs {
      let type = absorbed[input].map { TensorType(scalar: $0) } ?? self.type(of: input)
      map[input.index] = result.addInput(type)
    }
    for (node, isNeeded) in zip(nodes, needed) where isNeeded {
      if let input = node.inputs.first, absorbed[input] != nil {
        for output in node.outputs { map[output.index] = map[input.index] }
        continue
      }
      result.copy(node, of: self, &map)
    }
    result.outputs = outputs.map { map[$0.index] }
    return result
  }

  /// The one type each number is cast to; numbers also used otherwise are not in it.
  private func castTypes(of numbers: Set<Value>, _ needed: [Bool]) -> [Value: DType] {
    var casts: [Value: DType] = [:]
    var kept = Set(outputs)
    for (node, isNeeded) in zip(nodes, needed) where isNeeded {
      for input in node.inputs where numbers.contains(input) {
        let dtype = node.primitive === P.cast ? node.attributes.dtype("dtype") : nil
        if dtype == nil || casts[input] ?? dtype != dtype { kept.insert(input) }
        casts[input] = dtype
      }
    }
    return casts.filter { !kept.contains($0.key) }
  }

  private func neededNodes() -> [Bool] {
    var needed = [Bool](repeating: false, count: nodes.count)
    func mark(_ value: Value) {
      let producer = producers[value.index]
      if producer >= 0 { needed[producer] = true }
    }
    outputs.forEach(mark)
    for index in nodes.indices.reversed() where needed[index] { nodes[index].inputs.forEach(mark) }
    return needed
  }
}
