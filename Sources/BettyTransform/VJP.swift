// Reverse mode: cotangents of values from cotangents of outputs (Linnainmaa 1970; Griewank and
// Walther, Evaluating Derivatives, 2008, chapter 3). Invariant of the sweep: when a node is
// reached, the cotangents of its results are complete, because whoever reads them comes later. Only
// values that depend on `wrt` ever get a cotangent; a missing one is zero.

import BettyGraph
import BettyKernelInterface

extension Transform {
  /// Appends the reverse pass of `outputs` and gives the cotangent of each of `wrt` (nil: no
  /// dependence). A nil cotangent is zero. `wrt` may be any values; one that depends on another
  /// passes its cotangent on to it.
  package static func vjp(
    _ graph: inout Graph, of outputs: [Value], cotangents: [Value?], wrt: [Value]
  ) throws -> [Value?] {
    try check(graph, outputs, match: cotangents, for: "vjp")
    try check(graph, wrt, for: "vjp")
    var sweep = ReverseSweep(graph, wrt: wrt)
    let nodes = firstReader(graph, wrt)..<max(firstReader(graph, wrt), horizon(graph, outputs))
    sweep.mark(graph, nodes)
    for (output, cotangent) in zip(outputs, cotangents) {
      if let cotangent { try sweep.accumulate(&graph, output, cotangent) }
    }
    try sweep.run(&graph, nodes)
    return wrt.map { sweep.cotangents[$0.index] }
  }

  /// The gradient of a floating value (the sum of its elements, if it has several).
  package static func gradient(
    _ graph: inout Graph, of loss: Value, wrt: [Value]
  ) throws -> [Value?] {
    try check(graph, [loss], for: "gradient")
    guard graph.dtype(of: loss).isFloating else {
      throw BettyError.type("gradient: a floating value is needed, got \(graph.type(of: loss))")
    }
    let one = try graph.constant(1, like: loss)
    return try vjp(&graph, of: [loss], cotangents: [one], wrt: wrt)
  }
}

private struct ReverseSweep {
  /// Per value: whether it depends on `wrt` through something that has a derivative.
  private var depends: [Bool]
  /// Per value: the sum of the contributions met so far.
  private(set) var cotangents: [Value?]

  init(_ graph: Graph, wrt: [Value]) {
    depends = [Bool](repeating: false, count: graph.types.count)
    cotangents = [Value?](repeating: nil, count: graph.types.count)
    for value in wrt where graph.dtype(of: value).isFloating { depends[value.index] = true }
  }

  /// Marks what depends on `wrt` among the results of `nodes`.
  mutating func mark(_ graph: Graph, _ nodes: Range<Int>) {
    for number in nodes {
      let node = graph.nodes[number]
      var reached = false
      for (position, input) in node.inputs.enumerated()
      where depends[input.index] && node.primitive.derivative.passes(position) {
        reached = true
        break
      }
      guard reached else { continue }
      for result in node.results where graph.types[result].dtype.isFloating {
        depends[result] = true
      }
    }
  }

  mutating func accumulate(
    _ graph: inout Graph, _ value: Value, _ contribution: Value
  ) throws {
    guard depends[value.index] else { return }
    cotangents[value.index] = try Transform.sum(&graph, cotangents[value.index], contribution)
  }

  mutating func run(_ graph: inout Graph, _ nodes: Range<Int>) throws {
    for number in nodes.reversed() {
      let node = graph.nodes[number]
      guard node.results.contains(where: { cotangents[$0] != nil }),
        node.inputs.contains(where: { depends[$0.index] })
      else { continue }
      try transpose(&graph, Application(node))
    }
  }

  /// One node: cotangents of its results to cotangents of its inputs.
  private mutating func transpose(_ graph: inout Graph, _ node: Application) throws {
    guard let first = node.outputs.first else { return }
    let cotangent = cotangents[first.index]
    switch node.primitive.derivative {
    case .zero: return
    case .elementwise(let partials):
      guard let cotangent else { return }
      for (input, partial) in zip(node.inputs, partials) where depends[input.index] {
        guard let partial else { continue }
        let factor = try partial(&graph, node)
        try add(&graph, node, input, Transform.product(&graph, cotangent, by: factor))
      }
    case .linear(_, let transpose):
      guard let cotangent else { return }
      try add(&graph, node, transpose(&graph, node, cotangent))
    case .bilinear(let lhs, let rhs):
      guard let cotangent else { return }
      for (input, rule) in zip(node.inputs, [lhs, rhs]) where depends[input.index] {
        try add(&graph, node, input, rule(&graph, node, cotangent))
      }
    case .decomposed(let definition):
      try decompose(&graph, node, definition)
    case .custom(let vjp, _):
      try add(&graph, node, vjp(&graph, node, node.outputs.map { cotangents[$0.index] }))
    case .higherOrder(let vjp, _):
      let incoming = node.outputs.map { cotangents[$0.index] }
      try add(&graph, node, vjp(&graph, node, incoming, Transform.differentiator))
    }
  }

  /// Appends what the node stands for and goes back through that instead. The node itself still
  /// makes the value; of the definition only what the derivative reads stays alive.
  private mutating func decompose(
    _ graph: inout Graph, _ node: Application,
    _ definition: (inout Graph, [Value], Attributes) throws -> [Value]
  ) throws {
    let start = graph.nodes.count
    let results = try definition(&graph, node.inputs, node.attributes)
    let nodes = start..<graph.nodes.count
    let added = graph.types.count - depends.count
    depends += [Bool](repeating: false, count: added)
    cotangents += [Value?](repeating: nil, count: added)
    mark(graph, nodes)
    for (output, result) in zip(node.outputs, results) {
      guard let cotangent = cotangents[output.index] else { continue }
      try accumulate(&graph, result, cotangent)
    }
    try run(&graph, nodes)
  }

  private mutating func add(
    _ graph: inout Graph, _ node: Application, _ contributions: [Value?]
  ) throws {
    guard contributions.count == node.inputs.count else {
      throw BettyError.runtime(
        "vjp: the rule of \(node.primitive.name) gave \(contributions.count) cotangents "
          + "for \(node.inputs.count) inputs")
    }
    for (input, contribution) in zip(node.inputs, contributions) {
      if let contribution { try add(&graph, node, input, contribution) }
    }
  }

  private mutating func add(
    _ graph: inout Graph, _ node: Application, _ input: Value, _ contribution: Value
  ) throws {
    guard depends[input.index] else { return }
    guard graph.types[contribution.index] == graph.types[input.index] else {
      throw BettyError.runtime(
        "vjp: the rule of \(node.primitive.name) gave \(graph.type(of: contribution)) "
          + "for an input \(graph.type(of: input))")
    }
    try accumulate(&graph, input, contribution)
  }
}
