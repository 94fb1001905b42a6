// Derivatives of factorisations, and the steps they are written in. D is the change of the matrix
// seen from its own factors; F has 1 / differences of values off the diagonal.

import BettyKernelInterface

extension Graph {
  /// The last two axes exchanged.
  mutating func transposed(_ a: Value) throws -> Value {
    let rank = shape(of: a).count
    return try permute(a, Array(0..<rank - 2) + [rank - 1, rank - 2])
  }

  mutating func symmetric(_ a: Value) throws -> Value {
    try scale(add(a, transposed(a)), 0.5)
  }

  /// 1 where row and column compare, in the shape of `a`.
  mutating func pattern(_ comparison: Primitive, like a: Value) throws -> Value {
    let type = type(of: a)
    let shape = Array(type.shape.suffix(2))
    func position(_ graph: inout Graph, _ axis: Int) throws -> Value {
      try graph.call(
        P.iota, [], ["shape": .ints(shape), "axis": .int(axis), "dtype": .dtype(.i64)])
    }
    let mask = try call(comparison, [position(&self, 0), position(&self, 1)])
    return try broadcast(
      cast(mask, type.dtype), type.shape, axes: [type.rank - 2, type.rank - 1])
  }

  mutating func inverse(_ a: Value) throws -> Value {
    try call(P.solve, [a, pattern(P.eq, like: a)])
  }

  /// x a⁻¹
  mutating func divided(_ x: Value, by a: Value) throws -> Value {
    try transposed(call(P.solve, [transposed(a), transposed(x)]))
  }

  /// A vector as the diagonal of matrices.
  mutating func diagonal(_ a: Value) throws -> Value {
    let shape = shape(of: a)
    let wide = try columns(a, shape[shape.count - 1])
    return try mul(wide, pattern(P.eq, like: wide))
  }

  /// A vector along columns: element j in every row.
  mutating func columns(_ a: Value, _ rows: Int) throws -> Value {
    let shape = shape(of: a)
    let rank = shape.count + 1
    let wide = Array(shape.dropLast()) + [rows, shape[shape.count - 1]]
    return try broadcast(a, wide, axes: Array(0..<rank - 2) + [rank - 1])
  }

  /// The diagonal of square matrices as a vector.
  mutating func diagonalOf(_ a: Value) throws -> Value {
    let rank = shape(of: a).count
    return try sum(mul(a, pattern(P.eq, like: a)), [rank - 2])
  }

  /// 1 / (right value - left value) off the diagonal, 0 on it.
  mutating func inverseGaps(_ values: Value) throws -> Value {
    let shape = shape(of: values)
    let across = try columns(values, shape[shape.count - 1])
    let identity = try pattern(P.eq, like: across)
    let gaps = try add(sub(across, transposed(across)), identity)
    return try sub(call(P.reciprocal, [gaps]), identity)
  }

  mutating func sumOf(_ a: Value?, _ b: Value?) throws -> Value? {
    guard let a, let b else { return a ?? b }
    return try add(a, b)
  }
}

extension P {
  /// The lower triangle with half of the diagonal.
  private static func half(_ graph: inout Graph, _ a: Value) throws -> Value {
    let weights = try graph.scale(
      graph.add(graph.pattern(ge, like: a), graph.pattern(gt, like: a)), 0.5)
    return try graph.mul(a, weights)
  }

  /// dL = L half(L⁻¹ dA L⁻ᵀ)
  @Sendable static func choleskyJVP(
    _ graph: inout Graph, _ node: Application, _ tangents: [Value?]
  ) throws -> [Value?] {
    guard let tangent = tangents[0] else { return [nil] }
    let factor = node.output
    let left = try graph.call(solve, [factor, graph.symmetric(tangent)])
    let both = try graph.divided(left, by: graph.transposed(factor))
    return [try graph.matmul(factor, half(&graph, both))]
  }

  /// L⁻ᵀ half(Lᵀ gL) L⁻¹, symmetric.
  @Sendable static func choleskyVJP(
    _ graph: inout Graph, _ node: Application, _ cotangents: [Value?]
  ) throws -> [Value?] {
    guard let cotangent = cotangents[0] else { return [nil] }
    let factor = node.output
    let lower = try graph.mul(cotangent, graph.pattern(ge, like: cotangent))
    let inner = try half(&graph, graph.matmul(factor, lower, transposeA: true))
    let left = try graph.call(solve, [graph.transposed(factor), inner])
    return [try graph.symmetric(graph.divided(left, by: factor))]
  }

  /// With S = Qᵀ dA R⁻¹ and Ω its lower triangle made skew: dR = (S - Ω) R, dQ = dA R⁻¹ - Q (S - Ω).
  @Sendable static func qrJVP(
    _ graph: inout Graph, _ node: Application, _ tangents: [Value?]
  ) throws -> [Value?] {
    guard let tangent = tangents[0] else { return [nil, nil] }
    let (q, r) = (node.outputs[0], node.outputs[1])
    let change = try graph.divided(tangent, by: r)
    let inside = try graph.matmul(q, change, transposeA: true)
    let lower = try graph.mul(inside, graph.pattern(gt, like: inside))
    let upper = try graph.sub(inside, graph.sub(lower, graph.transposed(lower)))
    return [
      try graph.sub(change, graph.matmul(q, upper)), try graph.matmul(upper, r),
    ]
  }

  /// (gQ + Q symmetric(lower(M))) R⁻ᵀ with M = R gRᵀ - gQᵀ Q.
  @Sendable static func qrVJP(
    _ graph: inout Graph, _ node: Application, _ cotangents: [Value?]
  ) throws -> [Value?] {
    let (q, r) = (node.outputs[0], node.outputs[1])
    var inner: Value?
    if let upper = cotangents[1] {
      let kept = try graph.mul(upper, graph.pattern(le, like: upper))
      inner = try graph.matmul(r, kept, transposeB: true)
    }
    if let change = cotangents[0] {
      inner = try graph.sumOf(
        inner, graph.neg(graph.matmul(change, q, transposeA: true)))
    }
    guard let inner else { return [nil] }
    let lower = try half(&graph, inner)
    let mirrored = try graph.add(lower, graph.transposed(lower))
    let total = try graph.sumOf(cotangents[0], graph.matmul(q, mirrored)) ?? inner
    return [try graph.divided(total, by: graph.transposed(r))]
  }

  /// D = Vᵀ dA V: dw is its diagonal, dV = V (F ∘ D).
  @Sendable static func eighJVP(
    _ graph: inout Graph, _ node: Application, _ tangents: [Value?]
  ) throws -> [Value?] {
    guard let tangent = tangents[0] else { return [nil, nil] }
    let vectors = node.outputs[1]
    let turned = try graph.matmul(
      graph.matmul(vectors, graph.symmetric(tangent), transposeA: true), vectors)
    let mixed = try graph.mul(graph.inverseGaps(node.outputs[0]), turned)
    return [try graph.diagonalOf(turned), try graph.matmul(vectors, mixed)]
  }

  @Sendable static func eighVJP(
    _ graph: inout Graph, _ node: Application, _ cotangents: [Value?]
  ) throws -> [Value?] {
    let vectors = node.outputs[1]
    var inner = try cotangents[0].map { try graph.diagonal($0) }
    if let change = cotangents[1] {
      let turned = try graph.matmul(vectors, change, transposeA: true)
      inner = try graph.sumOf(
        inner, graph.mul(graph.inverseGaps(node.outputs[0]), turned))
    }
    guard let inner else { return [nil] }
    let whole = try graph.matmul(graph.matmul(vectors, inner), vectors, transposeB: true)
    return [try graph.symmetric(whole)]
  }

  /// With D = Uᵀ dA V: dS its diagonal, dU = U (F ∘ (D S + S Dᵀ)), dV = V (F ∘ (S D + Dᵀ S)), F of the
  /// squares of S; what lies outside the vectors comes straight from dA.
  @Sendable static func svdJVP(
    _ graph: inout Graph, _ node: Application, _ tangents: [Value?]
  ) throws -> [Value?] {
    guard let tangent = tangents[0] else { return [nil, nil, nil] }
    let (u, s, vt) = (node.outputs[0], node.outputs[1], node.outputs[2])
    let v = try graph.transposed(vt)
    let size = graph.shape(of: s).last ?? 0
    let across = try graph.columns(s, size)
    let down = try graph.transposed(across)
    let gaps = try graph.inverseGaps(graph.mul(s, s))
    let turned = try graph.matmul(graph.matmul(u, tangent, transposeA: true), v)
    func rotated(_ graph: inout Graph, _ scaled: Value) throws -> Value {
      try graph.mul(gaps, graph.add(scaled, graph.transposed(scaled)))
    }
    var left = try graph.matmul(u, rotated(&graph, graph.mul(turned, across)))
    var right = try graph.matmul(v, rotated(&graph, graph.mul(turned, down)))
    let (m, n) = (Batch(graph.type(of: u)).rows, Batch(graph.type(of: vt)).columns)
    if m > n {
      left = try graph.add(left, outside(&graph, u, graph.matmul(tangent, v), s))
    }
    if n > m {
      let moved = try graph.matmul(tangent, u, transposeA: true)
      right = try graph.add(right, outside(&graph, v, moved, s))
    }
    return [left, try graph.diagonalOf(turned), try graph.transposed(right)]
  }

  /// (1 - Q Qᵀ) x / s
  private static func outside(
    _ graph: inout Graph, _ q: Value, _ x: Value, _ s: Value
  ) throws -> Value {
    let inside = try graph.matmul(q, graph.matmul(q, x, transposeA: true))
    let rows = Batch(graph.type(of: x)).rows
    return try graph.div(graph.sub(x, inside), graph.columns(s, rows))
  }

  /// The transpose of the above.
  @Sendable static func svdVJP(
    _ graph: inout Graph, _ node: Application, _ cotangents: [Value?]
  ) throws -> [Value?] {
    let (u, s, vt) = (node.outputs[0], node.outputs[1], node.outputs[2])
    let v = try graph.transposed(vt)
    let across = try graph.columns(s, graph.shape(of: s).last ?? 0)
    let down = try graph.transposed(across)
    let gaps = try graph.inverseGaps(graph.mul(s, s))
    func rotated(_ graph: inout Graph, _ q: Value, _ change: Value) throws -> Value {
      let part = try graph.mul(gaps, graph.matmul(q, change, transposeA: true))
      return try graph.add(part, graph.transposed(part))
    }
    var inner = try cotangents[1].map { try graph.diagonal($0) }
    var extra: Value?
    let (m, n) = (Batch(graph.type(of: u)).rows, Batch(graph.type(of: vt)).columns)
    if let change = cotangents[0] {
      inner = try graph.sumOf(inner, graph.mul(rotated(&graph, u, change), across))
      if m > n { extra = try graph.matmul(outside(&graph, u, change, s), vt) }
    }
    if let change = try cotangents[2].map({ try graph.transposed($0) }) {
      inner = try graph.sumOf(inner, graph.mul(rotated(&graph, v, change), down))
      if n > m {
        let beyond = try outside(&graph, v, change, s)
        extra = try graph.matmul(u, beyond, transposeB: true)
      }
    }
    guard let inner else { return [nil] }
    let core = try graph.matmul(graph.matmul(u, inner), vt)
    return [try graph.sumOf(core, extra)]
  }
}
