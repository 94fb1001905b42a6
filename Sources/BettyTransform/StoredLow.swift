// After differentiation: what mixed precision keeps between the forward and the backward pass. A value
// that was rounded for a product is in memory in its low form, so derivatives read that one and the f32
// form dies in the loop that made it. Loops get low constants: what their bodies only round is
// rounded once outside, what was widened for them is widened inside.
// Invariant: inputs and outputs keep their types, and the forward pass its numbers.

import BettyGraph
import BettyKernelInterface

extension Transform {
  /// The graph of a step with the nodes of its recordings in some ranges.
  package static func storingLow(_ graph: Graph, recorded: [Range<Int>]) throws -> Graph {
    var isRecorded = [Bool](repeating: false, count: graph.nodes.count)
    for range in recorded { for number in range { isRecorded[number] = true } }
    // No node is left out before the last recording: its casts are to a low type.
    let graph = try summingWide(graph, isRecorded: isRecorded)
    let lows = lowForms(graph, recorded)
    var result = Graph()
    var map = [Value](repeating: Value(-1), count: graph.types.count)
    var widened: [Value: Value] = [:]
    for input in graph.inputs { map[input.index] = result.addInput(graph.type(of: input)) }
    for (number, node) in graph.nodes.enumerated() {
      var operands = node.inputs.map { map[$0.index] }
      if !isRecorded[number], node.primitive !== P.cast {
        for (place, input) in node.inputs.enumerated() {
          guard let low = lows[input] else { continue }
          if let made = widened[input] {
            operands[place] = made
          } else {
            operands[place] = try result.cast(map[low.index], graph.dtype(of: input))
            widened[input] = operands[place]
          }
        }
      }
      let made = try appendLowLoop(node, operands, to: &result, graph)
      for (old, new) in zip(node.results, made) { map[old] = new }
    }
    result.outputs = graph.outputs.map { map[$0.index] }
    return result
  }

  /// Of each f32 value that a recording computes and rounds, the rounded one.
  private static func lowForms(_ graph: Graph, _ recorded: [Range<Int>]) -> [Value: Value] {
    var lows: [Value: Value] = [:]
    for range in recorded {
      for node in graph.nodes[range] where node.primitive === P.cast {
        let (value, low) = (node.inputs[0], node.outputs[0])
        guard graph.producers[value.index] >= 0, graph.dtype(of: value) == .f32,
          graph.dtype(of: low).isLow, lows[value] == nil
        else { continue }
        lows[value] = low
      }
    }
    return lows
  }

  private static func appendLowLoop(
    _ node: Node, _ operands: [Value], to result: inout Graph, _ graph: Graph
  ) throws -> [Value] {
    let types = node.results.map { graph.types[$0] }
    guard node.primitive === P.repeat,
      let loop = try LowLoop(node.attributes, operands, in: &result)
    else { return result.append(node.primitive, operands, node.attributes, types) }
    return result.append(P.repeat, loop.operands, loop.attributes, types)
  }
}

/// A loop whose f32 constants are taken low where they are low outside or only rounded inside.
private struct LowLoop {
  private(set) var operands: [Value]
  private(set) var attributes: Attributes
  private var body = Graph()
  private var map: [Value]

  /// nil if there is nothing to change.
  init?(_ attributes: Attributes, _ operands: [Value], in outer: inout Graph) throws {
    guard let source = attributes.graph("body") else { return nil }
    let carries = attributes.int("carries")
    self.operands = operands
    self.attributes = attributes
    map = [Value](repeating: Value(-1), count: source.types.count)
    var isChanged = false
    map[source.inputs[0].index] = body.addInput(source.type(of: source.inputs[0]))
    var wide: [(input: Value, made: Value)] = []
    for (place, operand) in operands.enumerated() {
      let input = source.inputs[1 + place]
      guard place >= carries, source.dtype(of: input) == .f32,
        let low = try Self.low(operand, input, source, in: &outer)
      else {
        map[input.index] = body.addInput(source.type(of: input))
        continue
      }
      isChanged = true
      self.operands[place] = low
      wide.append((input, body.addInput(outer.type(of: low))))
    }
    for (input, made) in wide { map[input.index] = try body.cast(made, .f32) }
    for node in source.nodes {
      let inputs = node.inputs.map { map[$0.index] }
      let types = node.results.map { source.types[$0] }
      var (primitiveInputs, own) = (inputs, node.attributes)
      if node.primitive === P.repeat, let inner = try LowLoop(own, inputs, in: &body) {
        isChanged = true
        (primitiveInputs, own) = (inner.operands, inner.attributes)
      }
      let made = body.append(node.primitive, primitiveInputs, own, types)
      for (old, new) in zip(node.results, made) { map[old] = new }
    }
    guard isChanged else { return nil }
    body.outputs = source.outputs.map { map[$0.index] }
    self.attributes["body"] = .graph(body)
  }

  /// The low value that a constant can be given as.
  private static func low(
    _ operand: Value, _ input: Value, _ body: Graph, in outer: inout Graph
  ) throws -> Value? {
    if let node = outer.node(of: operand), node.primitive === P.cast,
      outer.dtype(of: node.inputs[0]).isLow
    {
      return node.inputs[0]
    }
    var common: DType?
    for node in body.nodes where node.inputs.contains(input) {
      guard node.primitive === P.cast, let dtype = node.attributes.dtype("dtype"), dtype.isLow,
        common ?? dtype == dtype
      else { return nil }
      common = dtype
    }
    guard let common, !body.outputs.contains(input) else { return nil }
    return try outer.cast(operand, common)
  }
}
