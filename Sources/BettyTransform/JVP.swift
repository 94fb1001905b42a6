// Forward mode: tangents of outputs from tangents of values (Wengert 1964). Only nodes on a path
// from `wrt` to the outputs are differentiated; a missing tangent is zero. A Hessian product is
// forward over reverse (Pearlmutter, Neural Computation 6, 1994).

import BettyGraph
import BettyKernelInterface

extension Transform {
  /// Appends the forward pass from `tangents` of `wrt` and gives the tangent of each of `outputs`
  /// (nil: no dependence). A nil tangent is zero. The exact transpose of `vjp`: a `wrt` value that
  /// depends on another moves by its own tangent and by what comes from the other. `throughStops`: how the
  /// outputs do change, whatever was detached, as a finite difference would have it.
  package static func jvp(
    _ graph: inout Graph, of outputs: [Value], wrt: [Value], tangents: [Value?],
    throughStops: Bool = false
  ) throws -> [Value?] {
    try check(graph, wrt, match: tangents, for: "jvp")
    try check(graph, outputs, for: "jvp")
    var sweep = ForwardSweep(graph, passesStops: throughStops)
    for (value, tangent) in zip(wrt, tangents) where graph.dtype(of: value).isFloating {
      if let tangent { try sweep.accumulate(&graph, value, tangent) }
    }
    let first = firstReader(graph, wrt)
    let nodes = first..<max(first, horizon(graph, outputs))
    let needed = ancestors(graph, of: outputs, in: nodes)
    try sweep.run(&graph, nodes) { needed[$0 - first] }
    return outputs.map { sweep.tangents[$0.index] }
  }

  /// Appends the product of the Hessian of `loss` and `vector`; nil where the gradient does not
  /// depend on any of `wrt`.
  package static func hvp(
    _ graph: inout Graph, loss: Value, wrt: [Value], vector: [Value]
  ) throws -> [Value?] {
    let gradients = try gradient(&graph, of: loss, wrt: wrt)
    let products = try jvp(
      &graph, of: gradients.compactMap { $0 }, wrt: wrt, tangents: vector)
    var next = 0
    return gradients.map { gradient in
      guard gradient != nil else { return nil }
      defer { next += 1 }
      return products[next]
    }
  }

  /// Which of `nodes` any of `values` needs; index 0 is the first of them.
  package static func ancestors(_ graph: Graph, of values: [Value], in nodes: Range<Int>) -> [Bool]
  {
    var needed = [Bool](repeating: false, count: nodes.count)
    func mark(_ value: Value) {
      let producer = graph.producers[value.index]
      if producer >= nodes.lowerBound { needed[producer - nodes.lowerBound] = true }
    }
    for value in values { mark(value) }
    for number in nodes.reversed() where needed[number - nodes.lowerBound] {
      for input in graph.nodes[number].inputs { mark(input) }
    }
    return needed
  }
}

private struct ForwardSweep {
  private(set) var tangents: [Value?]
  /// stop_gradient is the identity, and straight_through changes with its value.
  private let passesStops: Bool

  init(_ graph: Graph, passesStops: Bool) {
    self.passesStops = passesStops
    tangents = [Value?](repeating: nil, count: graph.types.count)
  }

  mutating func accumulate(_ graph: inout Graph, _ value: Value, _ tangent: Value) throws {
    tangents[value.index] = try Transform.sum(&graph, tangents[value.index], tangent)
  }

  mutating func run(
    _ graph: inout Graph, _ nodes: Range<Int>, where needed: (Int) -> Bool = { _ in true }
  ) throws {
    for number in nodes where needed(number) {
      let node = graph.nodes[number]
      let derivative = node.primitive.derivative
      let shown = passedInput(node.primitive)
      guard
        node.inputs.indices.contains(where: { position in
          tangents[node.inputs[position].index] != nil
            && (shown.map { $0 == position } ?? derivative.passes(position))
        }),
        node.results.contains(where: { graph.types[$0].dtype.isFloating })
      else { continue }
      let application = Application(node)
      let made = try push(&graph, application)
      guard made.count == application.outputs.count else {
        throw BettyError.runtime(
          "jvp: the rule of \(node.primitive.name) gave \(made.count) tangents "
            + "for \(application.outputs.count) outputs")
      }
      for (output, tangent) in zip(application.outputs, made) {
        guard let tangent, graph.dtype(of: output).isFloating else { continue }
        guard graph.types[tangent.index] == graph.types[output.index] else {
          throw BettyError.runtime(
            "jvp: the rule of \(node.primitive.name) gave \(graph.type(of: tangent)) "
              + "for an output \(graph.type(of: output))")
        }
        try accumulate(&graph, output, tangent)
      }
    }
  }

  /// The input whose value a primitive shows while its derivative hides it, where that is looked through.
  private func passedInput(_ primitive: Primitive) -> Int? {
    guard passesStops else { return nil }
    return primitive === P.stopGradient ? 0 : primitive === P.straightThrough ? 1 : nil
  }

  /// One node: tangents of its inputs to tangents of its results.
  private mutating func push(_ graph: inout Graph, _ node: Application) throws -> [Value?] {
    let incoming = node.inputs.map { tangents[$0.index] }
    if let shown = passedInput(node.primitive) { return [incoming[shown]] }
    switch node.primitive.derivative {
    case .zero: return node.outputs.map { _ in nil }
    case .elementwise(let partials):
      var total: Value?
      for (tangent, partial) in zip(incoming, partials) {
        guard let tangent, let partial else { continue }
        let factor = try partial(&graph, node)
        total = try Transform.sum(
          &graph, total, Transform.product(&graph, tangent, by: factor))
      }
      return [total]
    case .linear(let operands, _):
      return try pushLinear(&graph, node, operands, incoming)
    case .bilinear:
      var total: Value?
      for side in 0..<2 {
        guard let tangent = incoming[side] else { continue }
        var inputs = node.inputs
        inputs[side] = tangent
        total = try Transform.sum(
          &graph, total, graph.call(node.primitive, inputs, node.attributes))
      }
      return [total]
    case .decomposed(let definition):
      return try decompose(&graph, node, definition)
    case .custom(_, let jvp):
      return try jvp(&graph, node, incoming)
    case .higherOrder(_, let jvp):
      let rules = passesStops ? Transform.differentiatorThroughStops : Transform.differentiator
      return try jvp(&graph, node, incoming, rules)
    }
  }

  private func pushLinear(
    _ graph: inout Graph, _ node: Application, _ operands: [Int], _ incoming: [Value?]
  ) throws -> [Value?] {
    // A sum or difference with a zero tangent needs no zeros.
    if node.primitive === P.add || node.primitive === P.sub {
      if incoming[1] == nil { return [incoming[0]] }
      if incoming[0] == nil, let tangent = incoming[1] {
        return [node.primitive === P.add ? tangent : try graph.neg(tangent)]
      }
    }
    var inputs = node.inputs
    for operand in operands {
      inputs[operand] = try incoming[operand] ?? graph.zeros(like: node.inputs[operand])
    }
    return try graph.apply(node.primitive, inputs, node.attributes)
  }

  /// Appends what the node stands for and goes forward through that instead.
  private mutating func decompose(
    _ graph: inout Graph, _ node: Application,
    _ definition: (inout Graph, [Value], Attributes) throws -> [Value]
  ) throws -> [Value?] {
    let start = graph.nodes.count
    let results = try definition(&graph, node.inputs, node.attributes)
    tangents += [Value?](repeating: nil, count: graph.types.count - tangents.count)
    try run(&graph, start..<graph.nodes.count)
    return results.map { tangents[$0.index] }
  }
}
