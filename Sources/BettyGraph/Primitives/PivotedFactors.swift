// Factors of rows exchanged (LU) of any matrix, the inverse, and what stops Cholesky's: the parts
// that report a matrix's failure as a number instead of an error.

import BettyKernelInterface
import BettyKernels

extension P {
  private static let regular = [
    Sample([.init([3, 3], -0.5...0.5, diagonal: 2)]),
    Sample([.init([2, 2, 2], -0.5...0.5, diagonal: 2)]),
  ]

  /// (factors, pivots, order, info): below the diagonal L, whose own is 1, the rest U, with row i of
  /// L U row order[i] of the matrix; pivots and info are LAPACK's.
  package static let lu: Primitive = Primitive(
    "lu", derivative: .custom(vjp: luVJP, jvp: luJVP),
    kernel: .buffer { request in
      let batch = Batch(request.inputs[0])
      let (m, n, k, size) = (
        batch.rows, batch.columns, batch.smaller, request.inputs[0].dtype.size
      )
      return try each(request, scratch: m * n) { frame, element, work, isDouble in
        Lapack.load(frame.operands[0] + element * m * n * size, isDouble, m, n, work)
        let pivots = frame.operands[2].assumingMemoryBound(to: Int32.self) + element * k
        let info = k == 0 ? 0 : Lapack.factor(work, m, n, pivots)
        Lapack.store(work, stride: m, frame.operands[1] + element * m * n * size, isDouble, m, n)
        let order = frame.operands[3].assumingMemoryBound(to: Int64.self) + element * m
        for i in 0..<m { order[i] = Int64(i) }
        for i in 0..<k {
          let other = Int(pivots[i]) - 1
          (order[i], order[other]) = (order[other], order[i])
        }
        frame.operands[4].assumingMemoryBound(to: Int32.self)[element] = Int32(info)
        return 0
      }
    }, batching: .same,
    samples: regular
      + [[4, 2], [2, 4]].map { Sample([.init($0, -0.5...0.5, distinct: true, diagonal: 2)]) },
    isExpensive: true
  ) { inputs, _ in
    try Rules.count(inputs, 1, "lu")
    let batch = try matrices(inputs[0], "lu", isSquare: false)
    let (m, n) = (inputs[0].shape[batch.count], inputs[0].shape[batch.count + 1])
    return [
      inputs[0], try TensorType(.i32, batch + [Swift.min(m, n)]),
      try TensorType(.i64, batch + [m]), try TensorType(.i32, batch),
    ]
  }

  package static let inverse: Primitive = Primitive(
    "inverse",
    derivative: .custom(
      vjp: { graph, node, cotangents in
        guard let cotangent = cotangents[0] else { return [nil] }
        let left = try graph.matmul(node.output, cotangent, transposeA: true)
        return [try graph.neg(graph.matmul(left, node.output, transposeB: true))]
      },
      jvp: { graph, node, tangents in
        guard let tangent = tangents[0] else { return [nil] }
        let left = try graph.matmul(node.output, tangent)
        return [try graph.neg(graph.matmul(left, node.output))]
      }),
    kernel: .buffer { request in
      let batch = Batch(request.inputs[0])
      let (n, bytes) = (batch.rows, batch.elements * request.inputs[0].dtype.size)
      return try each(request, scratch: 2 * n * n + n) { frame, element, work, isDouble in
        let unit = work + n * n
        Lapack.load(frame.operands[0] + element * bytes, isDouble, n, n, work)
        for i in 0..<n * n { unit[i] = i % (n + 1) == 0 ? 1 : 0 }
        let info = (unit + n * n).withMemoryRebound(to: Int32.self, capacity: 2 * n) { pivots in
          if n == 0 { return 0 }
          let info = Lapack.factor(work, n, n, pivots)
          return info == 0 ? Lapack.solve(work, n, pivots, unit, n) : info
        }
        Lapack.store(unit, stride: n, frame.operands[1] + element * bytes, isDouble, n, n)
        return info
      }
    }, batching: .same, samples: regular, isExpensive: true,
    failure: failing("linalg.inv") {
      "the input matrix is singular (diagonal element \($0) of its factor is zero)"
    }
  ) { inputs, _ in
    try Rules.count(inputs, 1, "inverse")
    _ = try matrices(inputs[0], "inverse", isSquare: true)
    return inputs
  }

  /// 0 for a positive definite matrix, else the order of its first leading minor that is not.
  package static let choleskyInfo: Primitive = Primitive(
    "cholesky_info", derivative: .zero,
    kernel: .buffer { request in
      let batch = Batch(request.inputs[0])
      let (n, bytes) = (batch.rows, batch.elements * request.inputs[0].dtype.size)
      return try each(request, scratch: n * n) { frame, element, work, isDouble in
        Lapack.load(frame.operands[0] + element * bytes, isDouble, n, n, work)
        let info = n == 0 ? 0 : Lapack.cholesky(work, n)
        let shown = info == Lapack.isNotFinite ? 1 : info
        frame.operands[1].assumingMemoryBound(to: Int32.self)[element] = Int32(shown)
        return 0
      }
    }, batching: .same, samples: regular, isExpensive: true
  ) { inputs, _ in
    try Rules.count(inputs, 1, "cholesky_info")
    return [try TensorType(.i32, try matrices(inputs[0], "cholesky_info", isSquare: true))]
  }

  package static let pivoted: [Primitive] = [lu, inverse, choleskyInfo]
}

/// What the derivatives of LU are made of: B = L U is the matrix with its rows in order, its square
/// part at the upper left; the rest is below it, or beside it.
private struct FactoredRows {
  let (m, n, k): (Int, Int, Int)
  let lower, upper: Value
  /// Row i has a one in column order[i].
  let ordering: Value

  init(_ graph: inout Graph, _ node: Application) throws {
    let shape = graph.shape(of: node.outputs[0])
    let last = shape.count - 1
    (m, n, k) = (shape[last - 1], shape[last], min(shape[last - 1], shape[last]))
    let type = graph.type(of: node.outputs[0])
    let strict = try graph.mul(
      node.outputs[0], graph.pattern(P.gt, like: node.outputs[0]))
    let narrow = try graph.slice(strict, axis: last, 0, k)
    lower = try graph.add(narrow, graph.pattern(P.eq, like: narrow))
    upper = try graph.slice(
      graph.sub(node.outputs[0], strict), axis: last - 1, 0, k)
    let wide = shape.replacing(last, with: m)
    let rows = try graph.broadcast(node.outputs[2], wide, axes: Array(0..<last))
    let columns = try graph.call(
      P.iota, [], ["shape": .ints(wide), "axis": .int(last), "dtype": .dtype(.i64)])
    ordering = try graph.cast(graph.call(P.eq, [rows, columns]), type.dtype)
  }

  /// The square part, and the rest if there is one.
  func split(_ graph: inout Graph, _ a: Value) throws -> (square: Value, rest: Value?) {
    let last = graph.shape(of: a).count - 1
    let (axis, length) = m >= n ? (last - 1, m) : (last, n)
    let rest = length > k ? try graph.slice(a, axis: axis, k, length) : nil
    return (try graph.slice(a, axis: axis, 0, k), rest)
  }

  /// L and U of the square part, with the rows of L below it or the columns of U beside it.
  func triangles(
    _ graph: inout Graph
  ) throws -> (lower: Value, below: Value?, upper: Value, beside: Value?) {
    if m >= n {
      let (square, below) = try split(&graph, lower)
      return (square, below, upper, nil)
    }
    let (square, beside) = try split(&graph, upper)
    return (lower, nil, square, beside)
  }

  func joined(_ graph: inout Graph, _ square: Value, _ rest: Value?) throws -> Value {
    guard let rest else { return square }
    let last = graph.shape(of: square).count - 1
    return try graph.concatenate([square, rest], axis: m >= n ? last - 1 : last)
  }

  /// The strictly lower triangle of one and the upper of another.
  func parts(_ graph: inout Graph, _ a: Value, _ b: Value) throws -> Value {
    try graph.add(
      graph.mul(a, graph.pattern(P.gt, like: a)), graph.mul(b, graph.pattern(P.le, like: b)))
  }
}

extension P {
  /// With F = L⁻¹ dB U⁻¹: dL = L lower(F), dU = upper(F) U, of the square part.
  @Sendable static func luJVP(
    _ graph: inout Graph, _ node: Application, _ tangents: [Value?]
  ) throws -> [Value?] {
    guard let tangent = tangents[0] else { return [nil, nil, nil, nil] }
    let rows = try FactoredRows(&graph, node)
    let (change, rest) = try rows.split(&graph, graph.matmul(rows.ordering, tangent))
    let (lower, below, upper, beside) = try rows.triangles(&graph)
    let inside = try graph.divided(graph.call(solve, [lower, change]), by: upper)
    let strict = try graph.mul(inside, graph.pattern(gt, like: inside))
    let (dL, dU) = try (
      graph.matmul(lower, strict), graph.matmul(graph.sub(inside, strict), upper)
    )
    var moved: Value?
    if let rest, let below {
      moved = try graph.divided(graph.sub(rest, graph.matmul(below, dU)), by: upper)
    } else if let rest, let beside {
      moved = try graph.call(solve, [lower, graph.sub(rest, graph.matmul(dL, beside))])
    }
    return [try rows.joined(&graph, graph.add(dL, dU), moved), nil, nil, nil]
  }

  /// L⁻ᵀ (lower(Lᵀ gL) + upper(gU Uᵀ)) U⁻ᵀ of the square part, the rest solved for first.
  @Sendable static func luVJP(
    _ graph: inout Graph, _ node: Application, _ cotangents: [Value?]
  ) throws -> [Value?] {
    guard let cotangent = cotangents[0] else { return [nil] }
    let rows = try FactoredRows(&graph, node)
    let (square, rest) = try rows.split(&graph, cotangent)
    let (lower, below, upper, beside) = try rows.triangles(&graph)
    let strict = try graph.mul(square, graph.pattern(gt, like: square))
    var fromLower = try graph.matmul(lower, strict, transposeA: true)
    var fromUpper = try graph.matmul(
      graph.sub(square, strict), upper, transposeB: true)
    var moved: Value?
    if let rest, let below {
      let solved = try graph.divided(rest, by: graph.transposed(upper))
      fromUpper = try graph.sub(fromUpper, graph.matmul(below, rest, transposeA: true))
      moved = solved
    } else if let rest, let beside {
      let solved = try graph.call(solve, [graph.transposed(lower), rest])
      fromLower = try graph.sub(fromLower, graph.matmul(rest, beside, transposeB: true))
      moved = solved
    }
    let inside = try rows.parts(&graph, fromLower, fromUpper)
    let left = try graph.call(solve, [graph.transposed(lower), inside])
    let whole = try graph.divided(left, by: graph.transposed(upper))
    let joined = try rows.joined(&graph, whole, moved)
    return [try graph.matmul(rows.ordering, joined, transposeA: true)]
  }
}
