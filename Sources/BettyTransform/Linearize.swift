// The derivative of values at a point as a graph of its own, to be replayed on many tangents: what
// an iterative solve applies a hundred times. Invariant: every node of the linear part depends on a
// tangent, but for views of residuals, which cost nothing to make again; everything else is
// computed once.

import BettyGraph
import BettyKernelInterface

/// tangents ↦ J · tangents at a fixed point.
package struct LinearPart: Sendable {
  /// Inputs: the residuals, then a tangent of each `wrt`; outputs: the tangent of each value.
  package let graph: Graph
  /// Values of the graph that was linearized, in the order of the linear graph's inputs.
  package let residuals: [Value]
  /// Whether each output depends on the tangents at all; the others are zeros.
  package let dependent: [Bool]

  /// Appends the product with `tangents` to the graph that holds the residuals, or to one in which they
  /// are known by other names (the body of a loop).
  package func apply(
    _ target: inout Graph, to tangents: [Value], at point: [Value]? = nil
  ) throws -> [Value] {
    let residuals = point ?? self.residuals
    guard residuals.count == self.residuals.count else {
      throw BettyError.value(
        "linearize: expected \(self.residuals.count) residuals, got \(residuals.count)")
    }
    let wanted = graph.inputs.dropFirst(residuals.count)
    guard wanted.count == tangents.count else {
      throw BettyError.value("linearize: expected \(wanted.count) tangents, got \(tangents.count)")
    }
    for (input, tangent) in zip(wanted, tangents)
    where graph.type(of: input) != target.type(of: tangent) {
      throw BettyError.value(
        "linearize: expected \(graph.type(of: input)), got \(target.type(of: tangent))")
    }
    let map = target.inline(graph, residuals + tangents)
    return graph.outputs.map { map[$0.index] }
  }
}

extension Transform {
  /// Appends what the derivative of `outputs` reads of the point, and gives the linear rest.
  package static func linearize(
    _ graph: inout Graph, of outputs: [Value], wrt: [Value]
  ) throws -> LinearPart {
    try check(graph, outputs + wrt, for: "linearize")
    var work = graph
    let tangents = wrt.map { work.addInput(graph.type(of: $0)) }
    let start = work.nodes.count
    let pushed = try jvp(&work, of: outputs, wrt: wrt, tangents: tangents)
    var split = Split(work, start: start, tangents: tangents)
    try split.run(&graph, keeping: pushed.compactMap { $0 })
    return try split.finish(graph, outputs: pushed, types: outputs.map { graph.type(of: $0) })
  }

  /// The same for a whole graph and some of its inputs: the primal graph gives its outputs, then
  /// the residuals, which are the first inputs of the linear graph.
  package static func linearize(
    _ graph: Graph, wrt positions: [Int]
  ) throws -> (primal: Graph, linear: Graph) {
    var primal = graph
    let part = try linearize(
      &primal, of: graph.outputs, wrt: positions.map { graph.inputs[$0] })
    primal.outputs += part.residuals
    return (primal, part.graph)
  }
}

/// Deals the nodes of a forward pass out to the primal and to the linear graph.
private struct Split {
  private let work: Graph
  private let start: Int
  private let tangents: [Value]
  private var linear = Graph()
  private var residuals: [Value] = []
  /// Per value of `work`: what it is in the primal graph, -1 while it is not there.
  private var known: [Int]
  /// Per value of `work`: what it is in the linear graph before residuals become inputs.
  private var moved: [Int]

  init(_ work: Graph, start: Int, tangents: [Value]) {
    self.work = work
    self.start = start
    self.tangents = tangents
    let first = work.types.count - tangents.count
    known = [Int](repeating: -1, count: work.types.count)
    moved = [Int](repeating: -1, count: work.types.count)
    let original = tangents.first?.index ?? first
    for value in 0..<original { known[value] = value }
  }

  /// Value numbers of the linear graph are not known before its residuals are: its nodes are listed
  /// first, `linearNodes`, then appended by `finish`.
  private var linearNodes: [Int] = []
  private var isLinear: [Bool] = []

  mutating func run(_ primal: inout Graph, keeping outputs: [Value]) throws {
    isLinear = [Bool](repeating: false, count: work.types.count)
    for tangent in tangents { isLinear[tangent.index] = true }
    let needed = Transform.ancestors(work, of: outputs, in: start..<work.nodes.count)
    for number in start..<work.nodes.count where needed[number - start] {
      let node = work.nodes[number]
      if node.inputs.contains(where: { isLinear[$0.index] }) {
        for result in node.results { isLinear[result] = true }
        linearNodes.append(number)
        continue
      }
      let made = primal.append(
        node.primitive, node.inputs.map { Value(known[$0.index]) }, node.attributes,
        node.results.map { work.types[$0] })
      for (result, new) in zip(node.results, made) { known[result] = new.index }
    }
  }

  mutating func finish(
    _ primal: Graph, outputs: [Value?], types: [TensorType]
  ) throws -> LinearPart {
    let reads =
      linearNodes.flatMap { work.nodes[$0].inputs } + outputs.compactMap { $0 }
    var views: [Int] = []
    var seen = [Bool](repeating: false, count: work.types.count)
    for read in reads where !isLinear[read.index] { residual(of: read, &seen, &views) }
    for tangent in tangents {
      moved[tangent.index] = linear.addInput(work.type(of: tangent)).index
    }
    for number in views.sorted() + linearNodes {
      let node = work.nodes[number]
      let made = linear.append(
        node.primitive, node.inputs.map { Value(moved[$0.index]) }, node.attributes,
        node.results.map { work.types[$0] })
      for (result, new) in zip(node.results, made) { moved[result] = new.index }
    }
    linear.outputs = try zip(outputs, types).map { output, type in
      if let output { return Value(moved[output.index]) }
      return try linear.constant(0, type)
    }
    return LinearPart(
      graph: linear, residuals: residuals, dependent: outputs.map { $0 != nil })
  }

  /// Makes a known value readable in the linear graph: constants and views that are no smaller than
  /// what they show are made again there, anything else becomes a residual.
  private mutating func residual(of value: Value, _ seen: inout [Bool], _ views: inout [Int]) {
    var value = value
    while !seen[value.index] {
      seen[value.index] = true
      let producer = work.producers[value.index]
      guard producer >= 0, isRemade(work.nodes[producer]) else {
        residuals.append(Value(known[value.index]))
        moved[value.index] = linear.addInput(work.type(of: value)).index
        return
      }
      views.append(producer)
      guard let input = work.nodes[producer].inputs.first else { return }
      value = input
    }
  }

  private func isRemade(_ node: Node) -> Bool {
    switch node.primitive.kernel {
    case .constant: true
    case .view, .alias:
      node.inputs.count == 1 && node.results.count == 1
        && work.types[node.results.lowerBound].count >= work.type(of: node.inputs[0]).count
    default: false
    }
  }
}
