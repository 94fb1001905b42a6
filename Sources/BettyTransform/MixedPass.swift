// The rebuilding of a graph in mixed precision, node by node in order. Invariant: every value met so
// far has a form, f32 or low; the other is made when something asks for it.

import BettyGraph
import BettyKernelInterface

struct MixedPass {
  private let source: Graph
  private let plan: PrecisionPlan
  private(set) var result = Graph()
  /// By value of the source: its form.
  private var forms: [Value]
  /// By value: a low form in f32, once made.
  private var widened: [Value?]
  /// Views of views of a parameter beyond this are cast where they are.
  private static let deepest = 16

  init(_ source: Graph, _ plan: PrecisionPlan) {
    self.source = source
    self.plan = plan
    forms = [Value](repeating: Value(-1), count: source.types.count)
    widened = [Value?](repeating: nil, count: source.types.count)
  }

  /// Gives what some of the values became, in their own types.
  mutating func run(keeping values: [Value] = []) throws -> [Value] {
    for input in source.inputs { forms[input.index] = result.addInput(source.type(of: input)) }
    for (number, node) in source.nodes.enumerated() { try place(number, node) }
    result.outputs = try source.outputs.map { try wide($0) }
    return try values.map { try wide($0) }
  }

  /// A value in the type it had.
  private mutating func wide(_ value: Value) throws -> Value {
    let form = forms[value.index]
    let dtype = source.dtype(of: value)
    if result.dtype(of: form) == dtype { return form }
    if let made = widened[value.index] { return made }
    let made = try result.cast(form, dtype)
    widened[value.index] = made
    return made
  }

  /// A value rounded to a low type: by a cast of its own.
  private mutating func low(_ value: Value, _ dtype: DType, depth: Int = 0) throws -> Value {
    if result.dtype(of: forms[value.index]) == dtype { return forms[value.index] }
    // What is given is rounded before it is looked at in another way: once for all looks.
    if plan.origins[value.index].isGiven, depth < Self.deepest, let node = source.node(of: value),
      node.results.count == 1, plan.isRoundedBefore(source, node)
    {
      let operands = try node.inputs.map { input in
        source.dtype(of: input) == .f32
          ? try low(input, dtype, depth: depth + 1) : try wide(input)
      }
      return try result.call(node.primitive, operands, node.attributes)
    }
    return try result.cast(wide(value), dtype)
  }

  private mutating func place(_ number: Int, _ node: Node) throws {
    if let dtype = plan.products[number] {
      return try append(node, try node.inputs.map { try low($0, dtype) }, dtype)
    }
    switch node.primitive.precisionPolicy {
    case .movement:
      if let dtype = movementType(node) {
        let operands = try node.inputs.map { input in
          source.dtype(of: input) == .f32 ? try low(input, dtype) : try wide(input)
        }
        return try append(node, operands, dtype)
      }
      try append(node)
    case .kept:
      try append(node)
      guard let value = node.outputs.first, let dtype = plan.feeds[value.index],
        source.dtype(of: value) == .f32, !plan.origins[value.index].isWeight
      else { return }
      forms[value.index] = try result.cast(forms[value.index], dtype)
    default:
      if node.primitive === P.repeat { return try placeLoop(node) }
      try append(node)
    }
  }

  /// The low type in which elements are moved: that of the operands, or what a product wants.
  private func movementType(_ node: Node) -> DType? {
    guard let first = node.outputs.first, source.dtype(of: first) == .f32 else { return nil }
    var common: DType?
    var isLow = true
    for input in node.inputs where source.dtype(of: input) == .f32 {
      if source.node(of: input)?.primitive === P.constant { continue }
      let dtype = result.dtype(of: forms[input.index])
      isLow = isLow && dtype != .f32 && common ?? dtype == dtype
      common = dtype
    }
    if isLow, let common { return common }
    guard !plan.origins[first.index].isGiven, plan.isRoundedBefore(source, node) else {
      return nil
    }
    return plan.wanted[first.index]
  }

  /// The node as it was.
  private mutating func append(_ node: Node) throws {
    let operands = try node.inputs.map { try wide($0) }
    let made = result.append(
      node.primitive, operands, node.attributes, node.results.map { source.types[$0] })
    for (old, new) in zip(node.results, made) { forms[old] = new }
  }

  /// The node with its first result in a low type.
  private mutating func append(_ node: Node, _ operands: [Value], _ dtype: DType) throws {
    var types = node.results.map { source.types[$0] }
    types[0] = try types[0].with(dtype)
    let made = result.append(node.primitive, operands, node.attributes, types)
    for (old, new) in zip(node.results, made) { forms[old] = new }
  }

  /// A loop with its body in mixed precision: what it carries and reads stays in its type.
  private mutating func placeLoop(_ node: Node) throws {
    guard let body = node.attributes.graph("body") else { return try append(node) }
    let index = PrecisionPlan.Origin(owner: nil, isWeight: false)
    var origins = [index] + node.inputs.map { plan.origins[$0.index] }
    for place in origins.indices { origins[place].isGiven = true }
    let carries = node.attributes.int("carries")
    let owner = origins.dropFirst(1 + carries).lazy.compactMap(\.owner).first
    var pass = MixedPass(
      body,
      PrecisionPlan(
        body, origins, own: owner ?? origins.lazy.compactMap(\.owner).first ?? plan.own))
    _ = try pass.run()
    var attributes = node.attributes
    attributes["body"] = .graph(pass.result)
    let operands = try node.inputs.map { try wide($0) }
    let made = result.append(
      P.repeat, operands, attributes, node.results.map { source.types[$0] })
    for (old, new) in zip(node.results, made) { forms[old] = new }
  }
}
