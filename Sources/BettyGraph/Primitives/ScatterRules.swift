// How what is joined at indices is differentiated: an extremum shares its gradient evenly among all
// that are equal to it, as in PyTorch, and a product is a scan over the sorted indices.

import BettyKernelInterface

extension Graph {
  /// 0, 1, ... along an axis.
  mutating func places(_ shape: [Int], axis: Int) throws -> Value {
    try call(P.iota, [], ["shape": .ints(shape), "axis": .int(axis), "dtype": .dtype(.i64)])
  }

  /// x with zeros where an application of `set` would write.
  mutating func cleared(_ set: Primitive, _ x: Value, _ node: Application) throws -> Value {
    let none = try constant(
      0, TensorType(dtype(of: x), shape(of: node.inputs[2])))
    return try call(set, [x, node.inputs[1], none], ["axis": .int(node.attributes.int("axis"))])
  }

  /// x[base, index, updates]: what meets at an index multiplied, the last of each run of equal
  /// indices after a scan that stops at the first of each.
  mutating func productsByScan(
    _ base: Value, _ index: Value, _ updates: Value, _ attributes: Attributes
  ) throws -> Value {
    let axis = attributes.int("axis")
    let along: Attributes = ["axis": .int(axis)]
    if type(of: index).count == 0 { return base }
    let order = try call(P.argsort, [index], ["axis": .int(axis), "descending": .bool(false)])
    let places = try call(P.gather, [index, order], along)
    var totals = try call(P.gather, [updates, order], along)
    let length = shape(of: index)[axis]
    var distance = 1
    while distance < length {
      let head = try slice(totals, axis: axis, 0, distance)
      let late = try slice(totals, axis: axis, distance, length)
      let early = try slice(totals, axis: axis, 0, length - distance)
      let isSame = try call(
        P.eq,
        [
          slice(places, axis: axis, distance, length),
          slice(places, axis: axis, 0, length - distance),
        ])
      let factor = try select(isSame, early, constant(1, like: early))
      totals = try concatenate([head, mul(late, factor)], axis: axis)
      distance *= 2
    }
    if attributes.bool("fresh") { return try call(P.scatterSet, [base, places, totals], along) }
    let ones = try constant(1, like: base)
    return try mul(base, call(P.scatterSet, [ones, places, totals], along))
  }
}

extension P {
  /// 1 where an update, or an element of the base, is the extremum of its place, and by how many of
  /// them each place is reached.
  private struct Reached {
    let updates: Value
    /// nil where the base's elements do not count.
    let base: Value?
    let counts: Value
  }

  private static func reached(_ graph: inout Graph, _ node: Application) throws -> Reached {
    let (base, index, updates, result) = (
      node.inputs[0], node.inputs[1], node.inputs[2], node.output
    )
    let along: Attributes = ["axis": .int(node.attributes.int("axis"))]
    let dtype = graph.dtype(of: result)
    let there = try graph.call(gather, [result, index], along)
    let given = try graph.cast(graph.call(eq, [updates, there]), dtype)
    var own: Value?
    if !node.attributes.bool("fresh") {
      own = try graph.cast(graph.call(eq, [base, result]), dtype)
    }
    let sum = try graph.call(scatterAdd, [own ?? graph.zeros(like: result), index, given], along)
    let counts = try graph.call(maximum, [sum, graph.constant(1, like: sum)])
    return Reached(updates: given, base: own, counts: counts)
  }

  static let scatteredExtremum = Derivative.custom(
    vjp: { graph, node, cotangents in
      guard let cotangent = cotangents[0] else { return [nil, nil, nil] }
      let reached = try reached(&graph, node)
      let shared = try graph.div(cotangent, reached.counts)
      let along: Attributes = ["axis": .int(node.attributes.int("axis"))]
      let given = try graph.call(gather, [shared, node.inputs[1]], along)
      let base =
        try reached.base.map { try graph.mul(shared, $0) }
        ?? graph.cleared(scatterSet, cotangent, node)
      return [base, nil, try graph.mul(given, reached.updates)]
    },
    jvp: { graph, node, tangents in
      if tangents[0] == nil && tangents[2] == nil { return [nil] }
      let reached = try reached(&graph, node)
      var base = try tangents[0] ?? graph.zeros(like: node.output)
      if let own = reached.base {
        base = try graph.mul(base, own)
      } else if tangents[0] != nil {
        base = try graph.cleared(scatterSet, base, node)
      }
      if let tangent = tangents[2] {
        let along: Attributes = ["axis": .int(node.attributes.int("axis"))]
        let given = try graph.mul(tangent, reached.updates)
        base = try graph.call(scatterAdd, [base, node.inputs[1], given], along)
      }
      return [try graph.div(base, reached.counts)]
    })
}
