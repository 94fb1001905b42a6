// The graph under construction in one pass of simplification. Invariant: `table` holds every node
// made so far but those of another node's equal; two equal applications are one node.

import BettyGraph
import BettyKernelInterface

/// An application that is about to be made, its operands already simplified.
struct Call {
  let primitive: Primitive
  let inputs: [Value]
  let attributes: Attributes
  let type: TensorType
}

struct Rewriter {
  /// Gives what replaces a call, or nil to keep it.
  typealias Rule = @Sendable (inout Rewriter, Call) throws -> Value?

  private(set) var graph = Graph()
  /// Whether a rule was applied.
  private(set) var changed = false
  let keepsStopGradient: Bool
  let simplifiesBodies: Bool
  /// Open addressing: 1 + number of a node, or 0.
  private var table = [Int32](repeating: 0, count: 256)
  private var hashes: [Int] = []
  /// Per value: how many times it was read before this pass.
  private var readers: [Int] = []
  /// Rules under way, each for an application that the one before makes.
  private var nested = 0
  /// What is made deeper inside rules stays as it is: some rules go up a chain of applications, and
  /// chains are longer than the stack is deep.
  private static let deepest = 64

  init(keepsStopGradient: Bool, simplifiesBodies: Bool) {
    self.keepsStopGradient = keepsStopGradient
    self.simplifiesBodies = simplifiesBodies
  }

  mutating func addInput(_ type: TensorType, readers count: Int) -> Value {
    let input = graph.addInput(type)
    noteReaders(of: input, count)
    return input
  }

  mutating func noteReaders(of value: Value, _ count: Int) {
    if readers.count < graph.types.count {
      readers += [Int](repeating: 0, count: graph.types.count - readers.count)
    }
    readers[value.index] += count
  }

  /// Whether nobody but the application at hand reads the value, so that it dies when it is read
  /// around.
  func isReadOnce(_ value: Value) -> Bool {
    value.index >= readers.count || readers[value.index] <= 1
  }

  mutating func noteChange() { changed = true }

  mutating func finish(outputs: [Value]) -> Graph {
    graph.outputs = outputs
    return graph
  }

  /// Makes an application or what it simplifies to.
  mutating func place(
    _ primitive: Primitive, _ operands: [Value], _ attributes: Attributes, _ types: [TensorType]
  ) throws -> [Value] {
    var inputs = operands
    var attributes = attributes
    let commutes = primitive === P.add || primitive === P.mul
    if commutes, inputs.count == 2, isAfter(inputs[0], inputs[1]) {
      inputs.swapAt(0, 1)
    }
    nested += 1
    defer { nested -= 1 }
    if nested > Self.deepest { return intern(primitive, inputs, attributes, types) }
    if types.count == 1 {
      let call = Call(
        primitive: primitive, inputs: inputs, attributes: attributes, type: types[0])
      if let value = try Rules.apply(&self, call) {
        changed = true
        return [value]
      }
    } else if let values = try Rules.apply(&self, primitive, inputs, attributes) {
      changed = true
      return values
    }
    if simplifiesBodies { attributes = try simplified(attributes) }
    return intern(primitive, inputs, attributes, types)
  }

  /// Makes an application of one result for a rule.
  mutating func call(
    _ primitive: Primitive, _ inputs: [Value], _ attributes: Attributes = [:]
  ) throws -> Value {
    try apply(primitive, inputs, attributes)[0]
  }

  /// Makes an application for a rule; gives all its results.
  mutating func apply(
    _ primitive: Primitive, _ inputs: [Value], _ attributes: Attributes
  ) throws -> [Value] {
    let types = try primitive.typeRule(inputs.map { graph.types[$0.index] }, attributes)
    return try place(primitive, inputs, attributes, types)
  }

  /// Operands of commutative primitives: constants last, otherwise in order of creation.
  private func isAfter(_ a: Value, _ b: Value) -> Bool {
    switch (splat(a) != nil, splat(b) != nil) {
    case (true, false): true
    case (false, true): false
    default: b < a
    }
  }

  private mutating func simplified(_ attributes: Attributes) throws -> Attributes {
    var result = attributes
    for case (let name, .graph(let body)) in attributes.entries {
      // What a simpler body no longer needs is found in the next pass.
      changed = true
      result[name] = .graph(
        try Transform.simplify(body, keepingStopGradient: keepsStopGradient))
    }
    return result
  }

  // MARK: sharing equal nodes

  private mutating func intern(
    _ primitive: Primitive, _ inputs: [Value], _ attributes: Attributes, _ types: [TensorType]
  ) -> [Value] {
    if hashes.count * 2 >= table.count { grow() }
    let hash = Self.hash(primitive, inputs, attributes)
    var slot = hash & (table.count - 1)
    while table[slot] != 0 {
      let number = Int(table[slot]) - 1
      if hashes[number] == hash {
        let node = graph.nodes[number]
        if node.primitive === primitive, node.inputs == inputs,
          Self.same(node.attributes, attributes)
        {
          return node.outputs
        }
      }
      slot = (slot + 1) & (table.count - 1)
    }
    table[slot] = Int32(truncatingIfNeeded: graph.nodes.count + 1)
    hashes.append(hash)
    return graph.append(primitive, inputs, attributes, types)
  }

  private mutating func grow() {
    table = [Int32](repeating: 0, count: table.count * 2)
    for (number, hash) in hashes.enumerated() {
      var slot = hash & (table.count - 1)
      while table[slot] != 0 { slot = (slot + 1) & (table.count - 1) }
      table[slot] = Int32(truncatingIfNeeded: number + 1)
    }
  }

  private static func hash(
    _ primitive: Primitive, _ inputs: [Value], _ attributes: Attributes
  ) -> Int {
    var hash = UInt(bitPattern: ObjectIdentifier(primitive))
    func mix(_ word: UInt) {
      hash = (hash ^ word) &* 0x9E37_79B9_7F4A_7C15
      hash ^= hash >> 29
    }
    for input in inputs { mix(UInt(bitPattern: input.index)) }
    for (_, value) in attributes.entries {
      switch value {
      case .int(let value): mix(UInt(bitPattern: value))
      case .ints(let values): for value in values { mix(UInt(bitPattern: value)) }
      case .double(let value): mix(UInt(value.bitPattern))
      case .bool(let value): mix(value ? 1 : 2)
      case .string(let value): mix(UInt(bitPattern: value.utf8.count))
      case .dtype(let value): mix(UInt(value.rawValue))
      case .graph(let value): mix(UInt(value.nodes.count))
      }
    }
    return Int(bitPattern: hash >> 1)
  }

  /// Equality that tells -0 from 0: constants of either sign are two nodes.
  private static func same(_ a: Attributes, _ b: Attributes) -> Bool {
    a.entries.elementsEqual(b.entries) { a, b in
      guard a.name == b.name else { return false }
      if case (.double(let a), .double(let b)) = (a.value, b.value) {
        return a.bitPattern == b.bitPattern
      }
      return a.value == b.value
    }
  }
}

// What rules ask and make.
extension Rewriter {
  func shape(of value: Value) -> [Int] { graph.types[value.index].shape }

  /// The node that makes a value, if it applies `primitive`.
  func match(_ value: Value, _ primitive: Primitive) -> Node? {
    // Looked at where it lies: most of the time it is another, and a copy would count references.
    let producer = graph.producers[value.index]
    guard producer >= 0, graph.nodes[producer].primitive === primitive else { return nil }
    return graph.nodes[producer]
  }

  /// The operand of the unary primitive that makes a value.
  func operand(_ value: Value, of primitive: Primitive) -> Value? {
    match(value, primitive)?.inputs[0]
  }

  /// The number that a value is everywhere.
  func splat(_ value: Value) -> Double? {
    match(value, P.constant)?.attributes.double("value")
  }

  mutating func constant(_ value: Double, _ type: TensorType) throws -> Value {
    try call(
      P.constant, [],
      ["value": .double(value), "shape": .ints(type.shape), "dtype": .dtype(type.dtype)])
  }

  mutating func cast(_ value: Value, _ dtype: DType) throws -> Value {
    graph.types[value.index].dtype == dtype
      ? value : try call(P.cast, [value], ["dtype": .dtype(dtype)])
  }

  mutating func reshape(_ value: Value, _ shape: [Int]) throws -> Value {
    try call(P.reshape, [value], ["shape": .ints(shape)])
  }

  mutating func permute(_ value: Value, _ axes: [Int]) throws -> Value {
    try call(P.permute, [value], ["axes": .ints(axes)])
  }

  mutating func broadcast(_ value: Value, _ shape: [Int], axes: [Int]) throws -> Value {
    try call(P.broadcast, [value], ["shape": .ints(shape), "axes": .ints(axes)])
  }

  mutating func sum(_ value: Value, _ axes: [Int]) throws -> Value {
    axes.isEmpty ? value : try call(P.sum, [value], ["axes": .ints(axes)])
  }
}
