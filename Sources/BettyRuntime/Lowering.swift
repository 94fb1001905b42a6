// Graph → Lowered: definitions inlined, storage types cast up for arithmetic and down after it,
// views composed, kernels prepared. Only what the outputs need is lowered.
// Invariant: `map` holds a lowered value for every graph value whose node has been visited.

import BettyGraph
import BettyKernelInterface
import BettyKernels

struct Lowering {
  var lowered = Lowered()
  let threads: Int
  let unfused: Bool
  /// Definitions of definitions end long before this.
  private static let deepest = 32

  static func lower(_ graph: Graph, threads: Int, unfused: Bool) throws -> Lowered {
    var lowering = Lowering(threads: threads, unfused: unfused)
    let arguments = graph.inputs.map { input in
      let type = graph.type(of: input)
      return lowering.lowered.addValue(type.dtype, type.count, producer: -1)
    }
    lowering.lowered.inputs = arguments
    lowering.lowered.outputs = try lowering.inline(graph, arguments, depth: 0)
    return lowering.lowered
  }

  private mutating func inline(_ graph: Graph, _ arguments: [Int], depth: Int) throws -> [Int] {
    var map = [Int](repeating: -1, count: graph.types.count)
    for (input, argument) in zip(graph.inputs, arguments) { map[input.index] = argument }
    let live = Lowering.live(graph)
    for (index, node) in graph.nodes.enumerated() where live[index] {
      let types = node.inputs.map { graph.type(of: $0) }
      let results = node.results.map { graph.types[$0] }
      let made = try lower(
        node, node.inputs.map { map[$0.index] }, types, results, depth: depth)
      for (result, value) in zip(node.results, made) { map[result] = value }
    }
    return graph.outputs.map { map[$0.index] }
  }

  private static func live(_ graph: Graph) -> [Bool] {
    var live = [Bool](repeating: false, count: graph.nodes.count)
    var work = graph.outputs
    while let value = work.popLast() {
      let producer = graph.producers[value.index]
      if producer < 0 || live[producer] { continue }
      live[producer] = true
      work += graph.nodes[producer].inputs
    }
    return live
  }

  private mutating func lower(
    _ node: Node, _ inputs: [Int], _ types: [TensorType], _ results: [TensorType], depth: Int
  ) throws -> [Int] {
    let name = node.primitive.name
    switch node.primitive.kernel {
    case .tile(let op): return [try tile(op, inputs, results[0], name)]
    case .cast: return [try cast(inputs[0], to: results[0].dtype, name)]
    case .constant:
      return [constant(Lowering.constantBits(node.attributes, results[0].dtype), results[0], name)]
    case .view(let strides):
      return [view(strides(types[0], results[0], node.attributes), inputs[0], results[0], name)]
    case .alias: return inputs
    case .reduction(let op):
      return [try reduction(op, inputs[0], types[0], node.attributes.ints("axes"), name)]
    case .buffer(let inPlace, let prepare):
      let application = BufferApplication(
        node: node, inputs: inputs, types: types, results: results, inPlace: inPlace)
      return try buffer(application, prepare)
    case .definition:
      guard case .decomposed(let definition) = node.primitive.derivative else {
        throw BettyError(.notSupported, "\(name): has neither a kernel nor a definition")
      }
      return try inline(definition, of: node, inputs, types, depth: depth)
    case .composite(let definition):
      return try inline(definition, of: node, inputs, types, depth: depth)
    case .loop: return try loop(node, inputs, results)
    }
  }

  private mutating func inline(
    _ definition: (inout Graph, [Value], Attributes) throws -> [Value], of node: Node,
    _ inputs: [Int], _ types: [TensorType], depth: Int
  ) throws -> [Int] {
    guard depth < Lowering.deepest else {
      throw BettyError(.notSupported, "\(node.primitive.name): its definition does not end")
    }
    var graph = Graph()
    let operands = types.map { graph.addInput($0) }
    graph.outputs = try definition(&graph, operands, node.attributes)
    return try inline(graph, inputs, depth: depth + 1)
  }

  // MARK: Elementwise

  private mutating func tile(
    _ op: TileOp, _ inputs: [Int], _ result: TensorType, _ name: String
  ) throws -> Int {
    var inputs = inputs
    var made = result.dtype
    let native = op == .copy || op == .select
    for (position, value) in inputs.enumerated() where !native {
      inputs[position] = try cast(value, to: lowered.dtypes[value].computeType, name)
    }
    if !native { made = made.computeType }
    let dtype = lowered.dtypes[inputs[op == .select ? 1 : 0]]
    guard kernelTable[op, dtype] != nil else {
      throw BettyError(.notSupported, "\(name): not defined for \(dtype.name)")
    }
    let value = lowered.appendOne(.tile(op), inputs, made, result.count, name: name)
    return try cast(value, to: result.dtype, name)
  }

  mutating func cast(_ value: Int, to dtype: DType, _ name: String) throws -> Int {
    let from = lowered.dtypes[value]
    if from == dtype { return value }
    let table = kernelTable.cast
    func has(_ a: DType, _ b: DType) -> Bool {
      table[Int(a.rawValue) * DType.count + Int(b.rawValue)] != nil
    }
    let count = lowered.counts[value]
    if has(from, dtype) {
      return lowered.appendOne(.cast, [value], dtype, count, name: name)
    }
    guard has(from, .f32), has(.f32, dtype) else {
      throw BettyError(.notSupported, "\(name): no conversion of \(from.name) to \(dtype.name)")
    }
    let middle = lowered.appendOne(.cast, [value], .f32, count, name: name)
    return lowered.appendOne(.cast, [middle], dtype, count, name: name)
  }

  private mutating func constant(_ bits: UInt64, _ type: TensorType, _ name: String) -> Int {
    lowered.appendOne(.constant(bits), [], type.dtype, type.count, name: name)
  }

  private static func constantBits(_ attributes: Attributes, _ dtype: DType) -> UInt64 {
    if case .int(let value) = attributes["value"], dtype == .i64 {
      return UInt64(bitPattern: Int64(value))
    }
    return dtype.bits(attributes.double("value"))
  }

  // MARK: Views

  private mutating func view(
    _ strided: StridedView, _ source: Int, _ result: TensorType, _ name: String
  ) -> Int {
    let dtype = result.dtype
    if result.count == 0 { return constant(0, result, name) }
    if let node = lowered.producer(of: source), case .constant(let bits) = node.operation {
      return constant(bits, result, name)
    }
    // Merged axes may hide that each walks along one axis of the view below, so they are merged last.
    var view = View(offset: strided.offset, shape: result.shape, strides: strided.strides)
    var source = source
    while let node = lowered.producer(of: source) {
      if case .window(let start) = node.operation {
        view.offset += start
        source = node.inputs[0]
      } else if case .view(let inner) = node.operation,
        let both = view.composed(over: inner) ?? view.canonical.composed(over: inner)
      {
        view = both
        source = node.inputs[0]
      } else {
        break
      }
    }
    view = view.canonical
    let contiguous = view.shape.isEmpty || (view.shape.count == 1 && view.strides[0] == 1)
    if contiguous {
      if view.offset == 0, lowered.counts[source] == result.count { return source }
      return lowered.appendOne(.window(view.offset), [source], dtype, result.count, name: name)
    }
    return lowered.appendOne(.view(view), [source], dtype, result.count, name: name)
  }

  // MARK: Reductions

  /// Runs of neighbouring axes, last run first; each is [outer, reduced, inner].
  private mutating func reduction(
    _ op: ReduceOp, _ input: Int, _ type: TensorType, _ axes: [Int], _ name: String
  ) throws -> Int {
    let result = lowered.dtypes[input]
    var value = try cast(input, to: result.computeType, name)
    let dtype = lowered.dtypes[value]
    guard kernelTable.reduce[Int(op.rawValue) * DType.count + Int(dtype.rawValue)] != nil else {
      throw BettyError(.notSupported, "\(name): not defined for \(dtype.name)")
    }
    var shape = type.shape
    var last = axes.count - 1
    while last >= 0 {
      var first = last
      while first > 0, axes[first - 1] == axes[first] - 1 { first -= 1 }
      let run = axes[first]...axes[last]
      let outer = shape[..<run.lowerBound].reduce(1, *)
      let reduced = shape[run].reduce(1, *)
      let inner = shape[(run.upperBound + 1)...].reduce(1, *)
      shape.removeSubrange(run)
      if reduced == 0 {
        let identity = op.identity(dtype)
        value = lowered.appendOne(.constant(identity), [], dtype, outer * inner, name: name)
      } else if reduced > 1 {
        let operation = Operation.reduction(op, outer: outer, reduced: reduced, inner: inner)
        value = lowered.appendOne(operation, [value], dtype, outer * inner, name: name)
      }
      last = first - 1
    }
    return try cast(value, to: result, name)
  }

  // MARK: Loops

  private mutating func loop(
    _ node: Node, _ inputs: [Int], _ results: [TensorType]
  ) throws -> [Int] {
    let name = node.primitive.name
    let count = node.attributes.int("count")
    guard let body = node.attributes.graph("body"), count >= 0,
      body.inputs.count == inputs.count + 1, body.outputs.count == results.count,
      results.count <= inputs.count
    else { throw BettyError.value("\(name): body and operands do not fit") }
    // Input 0 of the body is the index of the iteration.
    let own = Dictionary(uniqueKeysWithValues: results.indices.map { ($0, $0 + 1) })
    let options = CompileOptions(
      donations: own, threads: threads, unfused: unfused, isLoopBody: true)
    let program = try Compiler.compile(body, options: options)
    let until = node.attributes.int("until", default: -1)
    let loop = Loop(
      body: program, count: count, carries: results.count, until: until >= 0 ? until : nil)
    return lowered.append(
      .loop(loop), inputs, results.map { ($0.dtype, $0.count) }, name: name)
  }
}

extension ReduceOp {
  /// The bytes of the element that changes nothing.
  func identity(_ dtype: DType) -> UInt64 {
    switch self {
    case .sum: dtype.bits(0)
    case .prod: dtype.bits(1)
    case .max: dtype.bits(dtype == .bool ? 0 : -.infinity)
    case .min: dtype.bits(dtype == .bool ? 1 : .infinity)
    }
  }
}
