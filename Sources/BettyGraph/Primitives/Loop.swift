// repeat: a loop of a fixed number of iterations over a body graph. Body inputs are (index,
// carries, constants), body outputs the next carries. Forward mode carries the tangents along.
// Reverse mode runs the loop once more, keeping the carries of every iteration in stacks, then
// walks back over them: memory grows with the number of iterations times the carries, never with
// the size of the body.

import BettyKernelInterface

extension P {
  package static let `repeat`: Primitive = Primitive(
    "repeat",
    attributes: [
      AttributeSpec("count", .int), AttributeSpec("carries", .int), AttributeSpec("body", .graph),
    ],
    derivative: .higherOrder(
      vjp: { graph, node, cotangents, differentiator in
        try Loop(graph, node).vjp(&graph, cotangents, differentiator)
      },
      jvp: { graph, node, tangents, differentiator in
        try Loop(graph, node).jvp(&graph, tangents, differentiator)
      }),
    kernel: .loop, samples: loopSamples, isExpensive: true
  ) { inputs, attributes in
    let (count, carries) = (attributes.int("count"), attributes.int("carries"))
    guard count >= 0 else { throw BettyError.value("repeat: negative count \(count)") }
    guard carries >= 0, carries <= inputs.count else {
      throw BettyError.value("repeat: \(carries) carries of \(inputs.count) operands")
    }
    guard let body = attributes.graph("body") else {
      throw BettyError.type("repeat: missing option 'body'")
    }
    let wanted = [try TensorType(.i64, [])] + inputs
    let taken = body.inputs.map { body.type(of: $0) }
    guard taken == wanted else {
      throw BettyError.type("repeat: the body takes \(taken), got \(wanted)")
    }
    let made = body.outputs.map { body.type(of: $0) }
    guard made == Array(inputs[..<carries]) else {
      throw BettyError.type("repeat: the body gives \(made), carries \(inputs[..<carries])")
    }
    return made
  }

  package static let loops: [Primitive] = [`repeat`]

  /// x <- tanh(w x) + x / 2, with a count beside it.
  private static func sampleBody() throws -> Graph {
    var body = Graph()
    let type = try TensorType(.f64, [3])
    let index = body.addInput(try TensorType(.i64, []))
    let (x, count, w) = (
      body.addInput(type), body.addInput(body.type(of: index)), body.addInput(type)
    )
    let next = try body.add(body.call(tanh, [body.mul(w, x)]), body.scale(x, 0.5))
    body.outputs = [next, try body.add(count, index)]
    return body
  }

  private static var loopSamples: [Sample] {
    guard let body = try? sampleBody() else { return [] }
    let inputs: [Sample.Input] = [
      .init([3], dtype: .f64), .init([], 0...3, dtype: .i64), .init([3], dtype: .f64),
    ]
    return [3, 1, 0].map {
      Sample(inputs, ["count": .int($0), "carries": .int(2), "body": .graph(body)])
    }
  }
}

/// One application of repeat, taken apart for its derivative rules.
private struct Loop {
  let node: Application
  let body: Graph
  let count: Int
  let carries: Int
  let types: [TensorType]
  /// Positions of the operands that can have a tangent.
  let floatCarries: [Int]
  let floatConstants: [Int]

  init(_ graph: Graph, _ node: Application) throws {
    guard let body = node.attributes.graph("body") else {
      throw BettyError.type("repeat: missing option 'body'")
    }
    self.node = node
    self.body = body
    count = node.attributes.int("count")
    carries = node.attributes.int("carries")
    let types = node.inputs.map { graph.type(of: $0) }
    self.types = types
    floatCarries = (0..<carries).filter { types[$0].dtype.isFloating }
    floatConstants = (carries..<types.count).filter { types[$0].dtype.isFloating }
  }

  private func apply(
    _ graph: inout Graph, _ body: Graph, carries: [Value], constants: [Value]
  ) throws -> [Value] {
    try graph.apply(
      P.repeat, carries + constants,
      ["count": .int(count), "carries": .int(carries.count), "body": .graph(body)])
  }

  /// Appends the body's nodes to another body; gives its outputs.
  private func step(_ target: inout Graph, _ index: Value, _ operands: [Value]) -> [Value] {
    let map = target.inline(body, [index] + operands)
    return body.outputs.map { map[$0.index] }
  }

  func jvp(
    _ graph: inout Graph, _ tangents: [Value?], _ differentiator: Differentiator
  ) throws -> [Value?] {
    let moving = floatConstants.filter { tangents[$0] != nil }
    var target = Graph()
    let index = target.addInput(try TensorType(.i64, []))
    let primals = (0..<carries).map { target.addInput(types[$0]) }
    let carried = floatCarries.map { target.addInput(types[$0]) }
    let constants = (carries..<types.count).map { target.addInput(types[$0]) }
    let along = moving.map { target.addInput(types[$0]) }
    let operands = primals + constants
    let outputs = step(&target, index, operands)
    let made = try differentiator.jvp(
      &target, floatCarries.map { outputs[$0] }, carried + along,
      (floatCarries + moving).map { operands[$0] })
    target.outputs =
      try outputs
      + zip(made, floatCarries).map { try $0 ?? target.constant(0, types[$1]) }
    let start = try floatCarries.map { try tangents[$0] ?? graph.zeros(like: node.inputs[$0]) }
    let results = try apply(
      &graph, target, carries: Array(node.inputs[..<carries]) + start,
      constants: Array(node.inputs[carries...]) + moving.compactMap { tangents[$0] })
    var answer = [Value?](repeating: nil, count: carries)
    for (place, carry) in floatCarries.enumerated() { answer[carry] = results[carries + place] }
    return answer
  }

  func vjp(
    _ graph: inout Graph, _ cotangents: [Value?], _ differentiator: Differentiator
  ) throws -> [Value?] {
    var answer = [Value?](repeating: nil, count: types.count)
    guard count > 0 else {
      for carry in floatCarries { answer[carry] = cotangents[carry] }
      return answer
    }
    let stacks = try stacked(&graph)
    let start = try floatCarries.map {
      try cotangents[$0] ?? graph.zeros(like: node.inputs[$0])
    }
    let sums = try floatConstants.map { try graph.zeros(like: node.inputs[$0]) }
    let results = try apply(
      &graph, reversed(stacks.map { graph.type(of: $0) }, differentiator),
      carries: start + sums, constants: Array(node.inputs[carries...]) + stacks)
    for (operand, result) in zip(floatCarries + floatConstants, results) {
      answer[operand] = result
    }
    return answer
  }

  /// Runs the loop keeping what each iteration started with; one stack a carry, first axis the
  /// iteration.
  private func stacked(_ graph: inout Graph) throws -> [Value] {
    var target = Graph()
    let index = target.addInput(try TensorType(.i64, []))
    let primals = (0..<carries).map { target.addInput(types[$0]) }
    let stackTypes = try (0..<carries).map {
      // bool has no addition.
      try TensorType(types[$0].dtype == .bool ? .u8 : types[$0].dtype, [count] + types[$0].shape)
    }
    let stacks = stackTypes.map { target.addInput($0) }
    let constants = (carries..<types.count).map { target.addInput(types[$0]) }
    let outputs = step(&target, index, primals + constants)
    let place = try target.reshape(index, [1])
    let grown = try (0..<carries).map { carry in
      let row = try target.reshape(
        target.cast(primals[carry], stackTypes[carry].dtype), [1] + types[carry].shape)
      return try target.call(P.indexAdd, [stacks[carry], place, row], ["axis": .int(0)])
    }
    target.outputs = outputs + grown
    let empty = try stackTypes.map { try graph.constant(0, $0) }
    let results = try apply(
      &graph, target, carries: Array(node.inputs[..<carries]) + empty,
      constants: Array(node.inputs[carries...]))
    return Array(results[carries...])
  }

  /// The body of the way back: carries are the cotangents of carries and the sums of those of
  /// constants; constants are the loop's constants and the stacks.
  private func reversed(
    _ stackTypes: [TensorType], _ differentiator: Differentiator
  ) throws -> Graph {
    var target = Graph()
    let index = target.addInput(try TensorType(.i64, []))
    let cotangents = floatCarries.map { target.addInput(types[$0]) }
    let sums = floatConstants.map { target.addInput(types[$0]) }
    let constants = (carries..<types.count).map { target.addInput(types[$0]) }
    let stacks = stackTypes.map { target.addInput($0) }
    let last = try target.constant(Double(count - 1), like: index)
    let iteration = try target.sub(last, index)
    let primals = try (0..<carries).map { carry in
      let row = try target.call(P.take, [stacks[carry], iteration], ["axis": .int(0)])
      return try target.cast(row, types[carry].dtype)
    }
    let operands = primals + constants
    let outputs = step(&target, iteration, operands)
    let made = try differentiator.vjp(
      &target, floatCarries.map { outputs[$0] }, cotangents,
      (floatCarries + floatConstants).map { operands[$0] })
    let back = try zip(made, floatCarries).map { try $0 ?? target.constant(0, types[$1]) }
    let grown = try zip(made[floatCarries.count...], sums).map { contribution, sum in
      try contribution.map { try target.add(sum, $0) } ?? sum
    }
    target.outputs = back + grown
    return target
  }
}
