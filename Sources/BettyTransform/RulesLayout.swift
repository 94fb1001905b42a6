// The layout pass: a permutation moves below whatever reads it, until it meets its inverse. What a
// network of images is made of (convolutions, pools) permutes to channels last and back around its
// kernel; between two of them everything elementwise, reduced, cut, padded or joined is done channels
// last, and only what enters and leaves the network is moved in memory.
// Invariant: a permutation moves down, or up where that removes another, so that the rules end;
// matrices are left to the rules of products.

import BettyGraph
import BettyKernelInterface

extension Rules {
  /// f(permute a, permute b, broadcast c, constant) is permute f(a, b, broadcast c, constant).
  static func belowPermute(_ rewriter: inout Rewriter, _ call: Call) throws -> Value? {
    guard call.type.rank >= 3,
      let axes = firstPermutation(rewriter, call.inputs),
      call.inputs.allSatisfy({ canUndo(rewriter, $0, axes) })
    else { return nil }
    let operands = try call.inputs.map { try undone(&rewriter, $0, axes) }
    let result = try rewriter.call(call.primitive, operands, call.attributes)
    return try rewriter.permute(result, axes)
  }

  /// permute f(a, permute b) where the two permutations undo each other is f(permute a, b): where one
  /// operand came in another layout, that one is moved instead of the result.
  static func abovePermuted(
    _ rewriter: inout Rewriter, _ call: Call, _ axes: [Int]
  ) throws -> Value? {
    guard axes.count >= 3, rewriter.isReadOnce(call.inputs[0]),
      let node = rewriter.graph.node(of: call.inputs[0]), case .tile = node.primitive.kernel
    else { return nil }
    let inverse = original(Array(axes.indices), axes)
    let undone = node.inputs.filter { permutation(rewriter, $0) == inverse }
    let moved = Set(node.inputs).subtracting(undone).filter {
      !canUndo(rewriter, $0, inverse)
    }
    guard !undone.isEmpty, moved.count <= 1 else { return nil }
    let operands = try node.inputs.map { input in
      try canUndo(rewriter, input, inverse)
        ? Self.undone(&rewriter, input, inverse) : rewriter.permute(input, axes)
    }
    return try rewriter.call(node.primitive, operands, node.attributes)
  }

  /// The axes of the permutation that makes a value.
  private static func permutation(_ rewriter: Rewriter, _ value: Value) -> [Int]? {
    rewriter.match(value, P.permute)?.attributes.ints("axes")
  }

  private static func firstPermutation(_ rewriter: Rewriter, _ values: [Value]) -> [Int]? {
    for value in values {
      if let axes = permutation(rewriter, value) { return axes }
    }
    return nil
  }

  /// Whether the value is cheap in the layout from before the permutation.
  private static func canUndo(_ rewriter: Rewriter, _ value: Value, _ axes: [Int]) -> Bool {
    if let own = permutation(rewriter, value) { return own == axes }
    if rewriter.splat(value) != nil { return true }
    guard let node = rewriter.match(value, P.broadcast) else { return false }
    let small = rewriter.graph.type(of: node.inputs[0]).count
    return small * 2 <= rewriter.graph.type(of: value).count
  }

  private static func undone(
    _ rewriter: inout Rewriter, _ value: Value, _ axes: [Int]
  ) throws -> Value {
    if let origin = rewriter.operand(value, of: P.permute) { return origin }
    let shape = original(rewriter.shape(of: value), axes)
    if let number = rewriter.splat(value) {
      let type = try TensorType(rewriter.graph.dtype(of: value), shape)
      return try rewriter.constant(number, type)
    }
    guard let node = rewriter.match(value, P.broadcast) else { return value }
    let places = node.attributes.ints("axes").map { axes[$0] }
    let order = places.indices.sorted { places[$0] < places[$1] }
    let small = try rewriter.permute(node.inputs[0], order)
    return try rewriter.broadcast(small, shape, axes: order.map { places[$0] })
  }

  /// What had the dimension of each axis before they were permuted.
  private static func original<Element>(_ permuted: [Element], _ axes: [Int]) -> [Element] {
    var result = permuted
    for (element, axis) in zip(permuted, axes) { result[axis] = element }
    return result
  }

  /// A reduction of a permuted value reduces the value, and permutes what is left of it.
  static func reducePermuted(_ rewriter: inout Rewriter, _ call: Call) throws -> Value? {
    try reducedPermuted(&rewriter, call.primitive, call.inputs[0], call.attributes)?[0]
  }

  private static func reducedPermuted(
    _ rewriter: inout Rewriter, _ primitive: Primitive, _ x: Value, _ attributes: Attributes
  ) throws -> [Value]? {
    guard let order = permutation(rewriter, x), order.count >= 3,
      let origin = rewriter.operand(x, of: P.permute)
    else { return nil }
    let axes = attributes.ints("axes")
    var changed = attributes
    changed["axes"] = .ints(axes.map { order[$0] }.sorted())
    let left = order.indices.filter { !axes.contains($0) }.map { order[$0] }
    let places = left.sorted()
    let back = left.map { axis in places.firstIndex(of: axis) ?? 0 }
    return try rewriter.apply(primitive, [origin], changed).map {
      try rewriter.permute($0, back)
    }
  }

  @Sendable static func moments(
    _ rewriter: inout Rewriter, _ inputs: [Value], _ attributes: Attributes
  ) throws -> [Value]? {
    try reducedPermuted(&rewriter, P.moments, inputs[0], attributes)
  }

  /// A slice or padding of a permuted value; `lists` are the attributes with one number an axis.
  static func movePermuted(
    _ rewriter: inout Rewriter, _ call: Call, _ lists: [String]
  ) throws -> Value? {
    guard call.type.rank >= 3, let axes = permutation(rewriter, call.inputs[0]),
      let origin = rewriter.operand(call.inputs[0], of: P.permute)
    else { return nil }
    var attributes = call.attributes
    for name in lists {
      attributes[name] = .ints(original(call.attributes.ints(name), axes))
    }
    return try rewriter.permute(rewriter.call(call.primitive, [origin], attributes), axes)
  }

  static func joinPermuted(_ rewriter: inout Rewriter, _ call: Call) throws -> Value? {
    guard call.type.rank >= 3,
      let axes = firstPermutation(rewriter, call.inputs),
      call.inputs.allSatisfy({ canUndo(rewriter, $0, axes) })
    else { return nil }
    let operands = try call.inputs.map { try undone(&rewriter, $0, axes) }
    let joined = try rewriter.call(
      P.concatenate, operands, ["axis": .int(axes[call.attributes.int("axis")])])
    return try rewriter.permute(joined, axes)
  }
}
