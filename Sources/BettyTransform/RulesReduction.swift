// Rules for reductions and products: nothing is summed that is known to be equal, and a
// transposition next to a matmul becomes one of its flags.

import BettyGraph
import BettyKernelInterface

extension Rules {
  static let products: [(primitive: Primitive, rule: Rewriter.Rule)] = [
    (P.sum, sum), (P.prod, ofOne), (P.max, ofOne), (P.min, ofOne), (P.matmul, matmul),
  ]

  /// A reduction over axes of length 1 is a reshape.
  @Sendable private static func ofOne(_ rewriter: inout Rewriter, _ call: Call) throws -> Value? {
    let shape = rewriter.shape(of: call.inputs[0])
    guard call.attributes.ints("axes").allSatisfy({ shape[$0] == 1 }) else { return nil }
    return try rewriter.reshape(call.inputs[0], call.type.shape)
  }

  @Sendable private static func sum(_ rewriter: inout Rewriter, _ call: Call) throws -> Value? {
    let x = call.inputs[0]
    let axes = call.attributes.ints("axes")
    if let value = try ofOne(&rewriter, call) { return value }
    let shape = rewriter.shape(of: x)
    if let value = rewriter.splat(x) {
      let count = axes.reduce(1) { $0 * shape[$1] }
      let operands = [value, Double(count)]
      guard
        let total = Folding.value(
          .mul, operands, operands: call.type.dtype, result: call.type.dtype)
      else { return nil }
      return try rewriter.constant(total, call.type)
    }
    if let node = rewriter.match(x, P.sum), rewriter.isReadOnce(x) {
      let inner = node.attributes.ints("axes")
      let left = rewriter.shape(of: node.inputs[0]).indices.filter { !inner.contains($0) }
      return try rewriter.sum(node.inputs[0], (inner + axes.map { left[$0] }).sorted())
    }
    if let node = rewriter.match(x, P.permute) {
      let order = node.attributes.ints("axes")
      let left = order.indices.filter { !axes.contains($0) }.map { order[$0] }
      guard zip(left, left.dropFirst()).allSatisfy({ $0 < $1 }) else { return nil }
      return try rewriter.sum(node.inputs[0], axes.map { order[$0] }.sorted())
    }
    return try sumOfBroadcast(&rewriter, call)
  }

  /// Summing repeated elements is multiplying by how often they are repeated.
  private static func sumOfBroadcast(_ rewriter: inout Rewriter, _ call: Call) throws -> Value? {
    guard let node = rewriter.match(call.inputs[0], P.broadcast) else { return nil }
    let shape = rewriter.shape(of: call.inputs[0])
    let axes = call.attributes.ints("axes")
    let small = rewriter.shape(of: node.inputs[0])
    let places = node.attributes.ints("axes")
    // Axes of the origin that are summed as they are; the other summed axes repeat.
    let real = small.indices.filter { axes.contains(places[$0]) && small[$0] == shape[places[$0]] }
    let factor = axes.reduce(1) { $0 * shape[$1] } / max(real.reduce(1) { $0 * small[$1] }, 1)
    guard axes.count > real.count, !shape.contains(0) else { return nil }
    guard call.type.dtype.isFloating || Double(factor) <= 0x1p31 else { return nil }
    var result = try rewriter.sum(node.inputs[0], real)
    // Axes of length 1 that were repeated and summed go too.
    let kept = small.indices.filter { !axes.contains(places[$0]) }
    result = try rewriter.reshape(result, kept.map { small[$0] })
    guard let count = Folding.rounded(Double(factor), to: call.type.dtype), count.isFinite else {
      return nil
    }
    let type = try TensorType(call.type.dtype, kept.map { small[$0] })
    result = try rewriter.call(P.mul, [result, rewriter.constant(count, type)])
    let left = shape.indices.filter { !axes.contains($0) }
    let targets = kept.compactMap { left.firstIndex(of: places[$0]) }
    return try rewriter.broadcast(result, call.type.shape, axes: targets)
  }

  @Sendable private static func matmul(_ rewriter: inout Rewriter, _ call: Call) throws -> Value? {
    var inputs = call.inputs
    var flags = [call.attributes.bool("transpose_a"), call.attributes.bool("transpose_b")]
    for side in 0..<2 {
      guard let node = rewriter.match(inputs[side], P.permute),
        swapsLast(node.attributes.ints("axes"))
      else { continue }
      inputs[side] = node.inputs[0]
      flags[side].toggle()
    }
    if let product = try thinProduct(&rewriter, call, inputs, flags)
      ?? diagonalProduct(&rewriter, call, inputs, flags)
    {
      return try rewriter.cast(product, call.type.dtype)
    }
    guard inputs != call.inputs else { return nil }
    return try rewriter.call(P.matmul, inputs, call.attributes.transposing(flags[0], flags[1]))
  }

  /// Products that are no work for a matrix kernel, and fuse as what they are: an outer product
  /// [M, 1] × [1, N] is elementwise, an inner one [1, K] × [K, 1] a sum; in the type that products are
  /// summed in.
  private static func thinProduct(
    _ rewriter: inout Rewriter, _ call: Call, _ inputs: [Value], _ flags: [Bool]
  ) throws -> Value? {
    let shape = call.type.shape
    let batch = shape.count - 2
    let left = rewriter.shape(of: inputs[0])
    let (rows, columns) = (shape[batch], shape[batch + 1])
    let inner = left[flags[0] ? batch : batch + 1]
    let lead = Array(shape[..<batch])
    let axes = Array(0..<batch)
    guard inner == 1 || rows == 1 && columns == 1 else { return nil }
    let inputs = try inputs.map { try rewriter.cast($0, call.type.dtype.computeType) }
    if inner == 1 {
      let a = try rewriter.reshape(inputs[0], lead + [rows])
      let b = try rewriter.reshape(inputs[1], lead + [columns])
      return try rewriter.call(
        P.mul,
        [
          rewriter.broadcast(a, shape, axes: axes + [batch]),
          rewriter.broadcast(b, shape, axes: axes + [batch + 1]),
        ])
    }
    let a = try rewriter.reshape(inputs[0], lead + [inner])
    let b = try rewriter.reshape(inputs[1], lead + [inner])
    let total = try rewriter.sum(try rewriter.call(P.mul, [a, b]), [batch])
    return try rewriter.reshape(total, shape)
  }

  /// diag(d) B scales rows, A diag(d) columns.
  private static func diagonalProduct(
    _ rewriter: inout Rewriter, _ call: Call, _ inputs: [Value], _ flags: [Bool]
  ) throws -> Value? {
    guard call.type.shape.count == 2 else { return nil }
    for side in 0..<2 {
      guard let diagonal = diagonal(rewriter, inputs[side]) else { continue }
      let sums = call.type.dtype.computeType
      var other = try rewriter.cast(inputs[1 - side], sums)
      if flags[1 - side] { other = try rewriter.permute(other, [1, 0]) }
      let factors = try rewriter.broadcast(
        rewriter.cast(diagonal, sums), call.type.shape, axes: [side])
      return try rewriter.call(P.mul, [other, factors])
    }
    return nil
  }

  /// The diagonal of a square matrix made as `diag` does: elements with n zeros between them.
  private static func diagonal(_ rewriter: Rewriter, _ value: Value) -> Value? {
    let shape = rewriter.shape(of: value)
    guard let list = rewriter.operand(value, of: P.reshape), let pad = rewriter.match(list, P.pad),
      rewriter.shape(of: pad.inputs[0]) == [shape[0]], shape[1] == shape[0],
      pad.attributes.ints("low") == [0], pad.attributes.ints("high") == [0],
      pad.attributes.ints("interior") == [shape[0]], pad.attributes.double("value") == 0
    else { return nil }
    return pad.inputs[0]
  }

  /// (A B)ᵀ = Bᵀ Aᵀ
  static func permuteOfMatmul(
    _ rewriter: inout Rewriter, _ call: Call, _ axes: [Int]
  ) throws -> Value? {
    guard let node = rewriter.match(call.inputs[0], P.matmul), swapsLast(axes),
      rewriter.isReadOnce(call.inputs[0])
    else { return nil }
    return try rewriter.call(
      P.matmul, [node.inputs[1], node.inputs[0]],
      node.attributes.transposing(
        !node.attributes.bool("transpose_b"), !node.attributes.bool("transpose_a")))
  }

  /// Whether a permutation does nothing but exchange the last two axes.
  private static func swapsLast(_ axes: [Int]) -> Bool {
    let rank = axes.count
    guard rank >= 2 else { return false }
    return axes.dropLast(2).elementsEqual(0..<rank - 2) && axes[rank - 2] == rank - 1
  }
}

extension Attributes {
  /// Those of a product whose operands are read otherwise.
  fileprivate func transposing(_ a: Bool, _ b: Bool) -> Attributes {
    var copy = self
    copy["transpose_a"] = .bool(a)
    copy["transpose_b"] = .bool(b)
    return copy
  }
}
