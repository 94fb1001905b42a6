// Rules for what moves data: chains of one kind are one, what changes nothing disappears, and a
// constant stays a constant in whatever shape.

import BettyGraph
import BettyKernelInterface

extension Rules {
  static let movement: [(primitive: Primitive, rule: Rewriter.Rule)] = [
    (P.reshape, reshape), (P.broadcast, broadcast), (P.permute, permute), (P.slice, slice),
    (P.pad, pad),
    (
      P.concatenate,
      { rewriter, call in
        call.inputs.count == 1 ? call.inputs[0] : try joinPermuted(&rewriter, call)
      }
    ),
  ]

  /// A constant under another shape.
  private static func constant(_ rewriter: inout Rewriter, _ call: Call) throws -> Value? {
    guard let value = rewriter.splat(call.inputs[0]) else { return nil }
    return try rewriter.constant(value, call.type)
  }

  @Sendable private static func reshape(_ rewriter: inout Rewriter, _ call: Call) throws -> Value? {
    let x = call.inputs[0]
    if rewriter.shape(of: x) == call.type.shape { return x }
    if let value = try constant(&rewriter, call) { return value }
    if let origin = rewriter.operand(x, of: P.reshape) {
      return try rewriter.reshape(origin, call.type.shape)
    }
    return try reshapeOfBroadcast(&rewriter, call)
  }

  /// A reshape of a broadcast that only adds and removes axes of length 1 is another broadcast.
  private static func reshapeOfBroadcast(
    _ rewriter: inout Rewriter, _ call: Call
  ) throws -> Value? {
    guard let node = rewriter.match(call.inputs[0], P.broadcast) else { return nil }
    let shape = rewriter.shape(of: call.inputs[0])
    let old = shape.indices.filter { shape[$0] != 1 }
    let new = call.type.shape.indices.filter { call.type.shape[$0] != 1 }
    guard old.map({ shape[$0] }) == new.map({ call.type.shape[$0] }) else { return nil }
    // Axes of the origin that become an axis of length 1 are dropped; the others follow theirs.
    let origin = rewriter.shape(of: node.inputs[0])
    var kept: [Int] = []
    var axes: [Int] = []
    for (length, axis) in zip(origin, node.attributes.ints("axes")) {
      guard let place = old.firstIndex(of: axis) else { continue }
      kept.append(length)
      axes.append(new[place])
    }
    let small = try rewriter.reshape(node.inputs[0], kept)
    return try rewriter.broadcast(small, call.type.shape, axes: axes)
  }

  @Sendable private static func broadcast(
    _ rewriter: inout Rewriter, _ call: Call
  ) throws -> Value? {
    let x = call.inputs[0]
    let axes = call.attributes.ints("axes")
    if let value = try constant(&rewriter, call) { return value }
    // Nothing is repeated: only axes of length 1 are added.
    if rewriter.graph.type(of: x).count == call.type.count {
      return try rewriter.reshape(x, call.type.shape)
    }
    if let node = rewriter.match(x, P.broadcast) {
      let composed = node.attributes.ints("axes").map { axes[$0] }
      return try rewriter.broadcast(node.inputs[0], call.type.shape, axes: composed)
    }
    // A reshape that only inserted axes of length 1 is not needed before a broadcast.
    if let origin = rewriter.operand(x, of: P.reshape) {
      let shape = rewriter.shape(of: x)
      let kept = shape.indices.filter { shape[$0] != 1 }
      guard kept.map({ shape[$0] }) == rewriter.shape(of: origin) else { return nil }
      return try rewriter.broadcast(origin, call.type.shape, axes: kept.map { axes[$0] })
    }
    return nil
  }

  @Sendable private static func permute(_ rewriter: inout Rewriter, _ call: Call) throws -> Value? {
    let x = call.inputs[0]
    let axes = call.attributes.ints("axes")
    if axes.elementsEqual(axes.indices) { return x }
    if let value = try constant(&rewriter, call) { return value }
    if let node = rewriter.match(x, P.permute) {
      let inner = node.attributes.ints("axes")
      return try rewriter.permute(node.inputs[0], axes.map { inner[$0] })
    }
    // The axes that matter stay in order.
    let shape = rewriter.shape(of: x)
    let moved = axes.filter { shape[$0] != 1 }
    if zip(moved, moved.dropFirst()).allSatisfy({ $0 < $1 }) {
      return try rewriter.reshape(x, call.type.shape)
    }
    if let node = rewriter.match(x, P.broadcast) {
      let places = node.attributes.ints("axes").map { axis in axes.firstIndex(of: axis) ?? -1 }
      guard zip(places, places.dropFirst()).allSatisfy({ $0 < $1 }) else { return nil }
      return try rewriter.broadcast(node.inputs[0], call.type.shape, axes: places)
    }
    return try permuteOfMatmul(&rewriter, call, axes) ?? abovePermuted(&rewriter, call, axes)
  }

  @Sendable private static func slice(_ rewriter: inout Rewriter, _ call: Call) throws -> Value? {
    if call.attributes.ints("steps").allSatisfy({ $0 == 1 }),
      rewriter.shape(of: call.inputs[0]) == call.type.shape
    {
      return call.inputs[0]
    }
    return try constant(&rewriter, call)
      ?? movePermuted(&rewriter, call, ["starts", "stops", "steps"])
  }

  @Sendable private static func pad(_ rewriter: inout Rewriter, _ call: Call) throws -> Value? {
    if rewriter.shape(of: call.inputs[0]) == call.type.shape { return call.inputs[0] }
    guard let value = rewriter.splat(call.inputs[0]) else {
      return try movePermuted(&rewriter, call, ["low", "high", "interior"])
    }
    guard value.bitPattern == call.attributes.double("value").bitPattern else { return nil }
    return try rewriter.constant(value, call.type)
  }
}
