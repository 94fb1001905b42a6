// repeat: a loop over a body graph, of a fixed number of iterations or, with `until`, of at most that
// many: it stops before the iteration that finds that carry, a boolean scalar, true. Body inputs are
// (index, carries, constants), body outputs the next carries. Forward mode carries the tangents along.
// Reverse mode runs the loop once more, keeping the carries of every iteration in stacks, then walks
// back over as many as were taken: memory grows with the number of iterations times the carries, never
// with the size of the body.

import BettyKernelInterface

extension P {
  package static let `repeat`: Primitive = Primitive(
    "repeat",
    attributes: [
      AttributeSpec("count", .int), AttributeSpec("carries", .int), AttributeSpec("body", .graph),
      AttributeSpec("until", .int, default: .int(-1)),
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
    let until = attributes.int("until", default: -1)
    guard until >= -1, until < carries else {
      throw BettyError.value("repeat: no carry \(until) of \(carries) to stop at")
    }
    if until >= 0, inputs[until] != (try TensorType(.bool, [])) {
      throw BettyError.type("repeat: what it stops at must be bool[], got \(inputs[until])")
    }
    return made
  }

  package static let loops: [Primitive] = [`repeat`]

  /// x <- tanh(w x) + x / 2, with a count beside it; that stops after the iteration `last`.
  private static func sampleBody(last: Int? = nil) throws -> Graph {
    var body = Graph()
    let type = try TensorType(.f64, [3])
    let index = body.addInput(try TensorType(.i64, []))
    let (x, count) = (body.addInput(type), body.addInput(body.type(of: index)))
    if last != nil { _ = body.addInput(try TensorType(.bool, [])) }
    let w = body.addInput(type)
    let next = try body.add(body.call(tanh, [body.mul(w, x)]), body.scale(x, 0.5))
    body.outputs = [next, try body.add(count, index)]
    if let last {
      let end = try body.constant(Double(last), like: index)
      body.outputs.append(try body.call(ge, [index, end]))
    }
    return body
  }

  private static var loopSamples: [Sample] {
    guard let body = try? sampleBody(), let stopped = try? sampleBody(last: 1) else { return [] }
    let (x, count) = (Sample.Input([3], dtype: .f64), Sample.Input([], 0...3, dtype: .i64))
    let plain = [3, 1, 0].map {
      Sample([x, count, x], ["count": .int($0), "carries": .int(2), "body": .graph(body)])
    }
    let flag = Sample.Input([], 0...0, dtype: .bool)
    return plain
      + [4, 1].map {
        Sample(
          [x, count, flag, x],
          ["count": .int($0), "carries": .int(3), "body": .graph(stopped), "until": .int(2)])
      }
  }
}

/// One application of repeat, taken apart for its derivative rules.
private struct Loop {
  let node: Application
  let body: Graph
  let count: Int
  let carries: Int
  /// The carry that ends the loop; -1 if none does.
  let until: Int
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
    until = node.attributes.int("until", default: -1)
    let types = node.inputs.map { graph.type(of: $0) }
    self.types = types
    floatCarries = (0..<carries).filter { types[$0].dtype.isFloating }
    floatConstants = (carries..<types.count).filter { types[$0].dtype.isFloating }
  }

  private func apply(
    _ graph: inout Graph, _ body: Graph, carries: [Value], constants: [Value], until: Int
  ) throws -> [Value] {
    var attributes: Attributes = [
      "count": .int(count), "carries": .int(carries.count), "body": .graph(body),
    ]
    if until >= 0 { attributes["until"] = .int(until) }
    return try graph.apply(P.repeat, carries + constants, attributes)
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
      constants: Array(node.inputs[carries...]) + moving.compactMap { tangents[$0] },
      until: until)
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
    let (stacks, taken) = try stacked(&graph)
    let start = try floatCarries.map {
      try cotangents[$0] ?? graph.zeros(like: node.inputs[$0])
    }
    let sums = try floatConstants.map { try graph.zeros(like: node.inputs[$0]) }
    let back = try reversed(stacks.map { graph.type(of: $0) }, differentiator)
    var (carried, read) = (start + sums, Array(node.inputs[carries...]) + stacks)
    if let taken {
      carried.append(try graph.call(P.eq, [taken, try graph.constant(0, like: taken)]))
      read.append(taken)
    }
    let results = try apply(
      &graph, back, carries: carried, constants: read,
      until: taken == nil ? -1 : carried.count - 1)
    for (operand, result) in zip(floatCarries + floatConstants, results) {
      answer[operand] = result
    }
    return answer
  }

  /// Runs the loop keeping what each iteration started with; one stack a carry, first axis the
  /// iteration. Gives the number of iterations too if the loop can stop early.
  private func stacked(_ graph: inout Graph) throws -> (stacks: [Value], taken: Value?) {
    var target = Graph()
    let index = target.addInput(try TensorType(.i64, []))
    let primals = (0..<carries).map { target.addInput(types[$0]) }
    let stackTypes = try (0..<carries).map {
      // bool has no addition.
      try TensorType(types[$0].dtype == .bool ? .u8 : types[$0].dtype, [count] + types[$0].shape)
    }
    let stacks = stackTypes.map { target.addInput($0) }
    let taken = until < 0 ? nil : target.addInput(target.type(of: index))
    let constants = (carries..<types.count).map { target.addInput(types[$0]) }
    let outputs = step(&target, index, primals + constants)
    let place = try target.reshape(index, [1])
    let grown = try (0..<carries).map { carry in
      let row = try target.reshape(
        target.cast(primals[carry], stackTypes[carry].dtype), [1] + types[carry].shape)
      return try target.call(P.indexAdd, [stacks[carry], place, row], ["axis": .int(0)])
    }
    target.outputs = outputs + grown
    var empty = try stackTypes.map { try graph.constant(0, $0) }
    if let taken {
      target.outputs.append(try target.add(taken, target.constant(1, like: taken)))
      empty.append(try graph.constant(0, target.type(of: taken)))
    }
    let results = try apply(
      &graph, target, carries: Array(node.inputs[..<carries]) + empty,
      constants: Array(node.inputs[carries...]), until: until)
    return (Array(results[carries..<2 * carries]), taken == nil ? nil : results.last)
  }

  /// The body of the way back: carries are the cotangents of carries and the sums of those of
  /// constants; constants are the loop's constants and the stacks. With `until` one more of each: whether
  /// all iterations are gone through, and how many were taken.
  private func reversed(
    _ stackTypes: [TensorType], _ differentiator: Differentiator
  ) throws -> Graph {
    var target = Graph()
    let index = target.addInput(try TensorType(.i64, []))
    let cotangents = floatCarries.map { target.addInput(types[$0]) }
    let sums = floatConstants.map { target.addInput(types[$0]) }
    if until >= 0 { _ = target.addInput(try TensorType(.bool, [])) }
    let constants = (carries..<types.count).map { target.addInput(types[$0]) }
    let stacks = stackTypes.map { target.addInput($0) }
    let taken =
      until >= 0
      ? target.addInput(target.type(of: index)) : try target.constant(Double(count), like: index)
    let next = try target.add(index, target.constant(1, like: index))
    let iteration = try target.sub(taken, next)
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
    if until >= 0 { target.outputs.append(try target.call(P.ge, [next, taken])) }
    return target
  }
}
