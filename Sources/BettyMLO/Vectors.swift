// Arithmetic on lists of values shaped as parameters, as methods, clipping and optimizers write it.

import BettyGraph

package enum Vectors {
  /// Spreads a scalar over the shape of `value`, in its element type.
  static func spread(_ scalar: Value, like value: Value, in graph: inout Graph) throws -> Value {
    var result = scalar
    let type = graph.type(of: value)
    if graph.dtype(of: scalar) != type.dtype {
      result = try graph.call(P.cast, [result], ["dtype": .dtype(type.dtype)])
    }
    if type.isScalar { return result }
    return try graph.call(
      P.broadcast, [result], ["shape": .ints(type.shape), "axes": .ints([])])
  }

  /// Spreads a scalar over a shape.
  static func spread(_ scalar: Value, over shape: [Int], in graph: inout Graph) throws -> Value {
    if shape.isEmpty { return scalar }
    return try graph.call(P.broadcast, [scalar], ["shape": .ints(shape), "axes": .ints([])])
  }

  /// Sum of all elements, as a scalar.
  static func total(_ value: Value, in graph: inout Graph) throws -> Value {
    let rank = graph.shape(of: value).count
    if rank == 0 { return value }
    return try graph.call(P.sum, [value], ["axes": .ints(Array(0..<rank))])
  }

  /// Σᵢ ⟨aᵢ, bᵢ⟩ in the element type of the first pair; nil for empty lists.
  package static func dot(
    _ a: [Value], _ b: [Value], in graph: inout Graph
  ) throws -> Value? {
    var result: Value?
    for (x, y) in zip(a, b) {
      let product = try graph.call(P.mul, [x, y])
      var term = try total(product, in: &graph)
      if let sum = result {
        if graph.dtype(of: term) != graph.dtype(of: sum) {
          term = try graph.call(P.cast, [term], ["dtype": .dtype(graph.dtype(of: sum))])
        }
        result = try graph.call(P.add, [sum, term])
      } else {
        result = term
      }
    }
    return result
  }

  /// a / b, and 0 where b is 0.
  static func quotient(_ a: Value, over b: Value, in graph: inout Graph) throws -> Value {
    let zero = try graph.constant(0, like: b)
    let isZero = try graph.call(P.eq, [b, zero])
    let divisor = try graph.call(P.select, [isZero, try graph.constant(1, like: b), b])
    return try graph.call(P.select, [isZero, zero, try graph.call(P.div, [a, divisor])])
  }

  /// x + scale · y, with a scalar `scale`.
  static func addScaled(
    _ x: Value, _ scale: Value, _ y: Value, in graph: inout Graph
  ) throws -> Value {
    let factor = try spread(scale, like: y, in: &graph)
    return try graph.call(P.add, [x, try graph.call(P.mul, [factor, y])])
  }

  /// x + scale · y over lists.
  static func addScaled(
    _ x: [Value], _ scale: Value, _ y: [Value], in graph: inout Graph
  ) throws -> [Value] {
    try zip(x, y).map { try addScaled($0, scale, $1, in: &graph) }
  }

  /// x + scale · y over lists, with a number for `scale`.
  static func addScaled(
    _ x: [Value], _ scale: Double, _ y: [Value], in graph: inout Graph
  ) throws -> [Value] {
    try zip(x, scaled(y, by: scale, in: &graph)).map { try graph.call(P.add, [$0, $1]) }
  }

  /// scale · x over lists.
  static func scaled(_ x: [Value], by scale: Double, in graph: inout Graph) throws -> [Value] {
    if scale == 1 { return x }
    return try x.map {
      try graph.call(P.mul, [graph.constant(scale, like: $0), $0])
    }
  }
}
