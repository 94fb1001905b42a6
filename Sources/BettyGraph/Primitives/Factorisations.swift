// Factorisations of matrices, the last two axes: cholesky, solve, slogdet, qr, eigh, svd. Symmetric
// ones take the mean of the matrix and its transpose. Their derivatives (Giles, An extended
// collection of matrix derivative results, 2008; for qr and svd Townsend 2016) are products and
// solutions again, so every order follows. A factorisation that fails reports which one it was.

import BettyKernelInterface
import BettyKernels

extension P {
  /// Sizes of a batch of matrices.
  struct Batch: Sendable {
    let count: Int
    let rows: Int
    let columns: Int
    var elements: Int { rows * columns }
    var smaller: Int { Swift.min(rows, columns) }

    init(_ type: TensorType) {
      let shape = type.shape
      (rows, columns) = (shape[shape.count - 2], shape[shape.count - 1])
      count = Array(shape.dropLast(2)).product
    }
  }

  /// Checks a batch of floating matrices; gives the leading shape.
  static func matrices(
    _ type: TensorType, _ name: String, isSquare: Bool
  ) throws -> [Int] {
    try Rules.dtype(type, .floating, name)
    guard type.rank >= 2, !isSquare || type.shape[type.rank - 1] == type.shape[type.rank - 2] else {
      let kind = isSquare ? "square matrices" : "matrices"
      throw BettyError.runtime("\(name): takes \(kind), got \(type)")
    }
    guard type.shape.suffix(2).allSatisfy({ $0 <= 32768 }) else {
      throw BettyError.runtime("\(name): a dimension exceeds 32768, got \(type)")
    }
    return Array(type.shape.dropLast(2))
  }

  /// One task a batch element (or several); the body gives LAPACK's info, and scratch is in doubles.
  static func each(
    _ request: KernelRequest, scratch: Int,
    _ body:
      @escaping @Sendable (KernelFrame, _ element: Int, Lapack.Doubles, _ isDouble: Bool) ->
      Int
  ) throws -> PreparedKernel {
    let type = request.inputs[0]
    guard type.dtype == .f64 || type.dtype == .f32 else {
      throw KernelRequest.missing("linear algebra", type.dtype)
    }
    if request.outputs[0].count == 0 && type.count == 0 && Batch(type).count == 0 {
      return PreparedKernel { _, _ in }
    }
    let (count, isDouble) = (Batch(type).count, type.dtype == .f64)
    let work = Swift.min(type.count, 1 << 30) &* Batch(type).columns
    let tasks = request.tasks(work, units: count)
    return PreparedKernel(tasks: tasks, scratchBytes: (scratch + 8) * 8) { frame, task in
      for element in part(task, of: tasks, count) {
        let work = frame.scratch.assumingMemoryBound(to: Double.self)
        let info = body(frame, element, work, isDouble)
        if info != 0, frame.status.pointee == 0 {
          frame.status.pointee = Int64(element) << 32 | Int64(Swift.max(info, 1))
        }
      }
    }
  }

  static func failing(
    _ name: String, _ why: @escaping @Sendable (_ info: Int64) -> String
  ) -> @Sendable (Int64) -> BettyError {
    // The position is one less than what the kernel reported.
    { position in
      let (element, info) = ((position + 1) >> 32, (position + 1) & 0xFFFF_FFFF)
      return BettyError(.linearAlgebra, "\(name): (batch element \(element)) \(why(info))")
    }
  }

  private static let unconverged: @Sendable (Int64) -> String = { info in
    let why = info == Lapack.isNotFinite ? "the input has non-finite values" : "error code \(info)"
    return "the algorithm failed to converge (\(why))"
  }

  private static let positive = [
    Sample([.init([3, 3], -0.5...0.5, diagonal: 2)]),
    Sample([.init([2, 2, 2], -0.5...0.5, diagonal: 2)]),
  ]

  package static let cholesky: Primitive = Primitive(
    "cholesky",
    derivative: .custom(vjp: choleskyVJP, jvp: choleskyJVP),
    kernel: .buffer { request in
      let batch = Batch(request.inputs[0])
      let (n, bytes) = (batch.rows, batch.elements * request.inputs[0].dtype.size)
      return try each(request, scratch: n * n) { frame, element, work, isDouble in
        Lapack.load(frame.operands[0] + element * bytes, isDouble, n, n, work)
        let info = n == 0 ? 0 : Lapack.cholesky(work, n)
        Lapack.store(work, stride: n, frame.operands[1] + element * bytes, isDouble, n, n)
        return info
      }
    }, batching: .same,
    samples: positive, isExpensive: true,
    failure: failing("linalg.cholesky") { info in
      let why =
        info == Lapack.isNotFinite
        ? "the input has non-finite values"
        : "the input is not positive-definite (the leading minor of order \(info) is not "
          + "positive-definite)"
      return "the factorization could not be completed because \(why)"
    }
  ) { inputs, _ in
    try Rules.count(inputs, 1, "cholesky")
    _ = try matrices(inputs[0], "cholesky", isSquare: true)
    return inputs
  }

  /// x with a x = b.
  package static let solve: Primitive = Primitive(
    "solve",
    derivative: .custom(
      vjp: { graph, node, cotangents in
        guard let cotangent = cotangents[0] else { return [nil, nil] }
        let right = try graph.call(solve, [graph.transposed(node.inputs[0]), cotangent])
        let left = try graph.neg(graph.matmul(right, node.output, transposeB: true))
        return [left, right]
      },
      jvp: { graph, node, tangents in
        var side = tangents[1]
        if let change = tangents[0] {
          let moved = try graph.neg(graph.matmul(change, node.output))
          side = try side.map { try graph.add($0, moved) } ?? moved
        }
        guard let side else { return [nil] }
        return [try graph.call(solve, [node.inputs[0], side])]
      }),
    kernel: .buffer { request in
      let (left, right) = (Batch(request.inputs[0]), Batch(request.inputs[1]))
      let (n, k, size) = (left.rows, right.columns, request.inputs[0].dtype.size)
      return try each(request, scratch: n * n + n * k + n) { frame, element, work, isDouble in
        let (b, a) = (work + n * n, frame.operands[0] + element * left.elements * size)
        Lapack.load(a, isDouble, n, n, work)
        Lapack.load(frame.operands[1] + element * right.elements * size, isDouble, n, k, b)
        let info = (b + n * k).withMemoryRebound(to: Int32.self, capacity: 2 * n) { pivots in
          if n == 0 || k == 0 { return 0 }
          let info = Lapack.factor(work, n, n, pivots)
          return info == 0 ? Lapack.solve(work, n, pivots, b, k) : info
        }
        let out = frame.operands[2] + element * right.elements * size
        Lapack.store(b, stride: n, out, isDouble, n, k)
        return info
      }
    }, batching: .same,
    samples: [
      Sample([.init([3, 3], -0.5...0.5, diagonal: 2), .init([3, 2])]),
      Sample([.init([2, 2, 2], -0.5...0.5, diagonal: 2), .init([2, 2, 1])]),
    ], isExpensive: true,
    failure: failing("linalg.solve") {
      "the input matrix is singular (diagonal element \($0) of its factor is zero)"
    }
  ) { inputs, _ in
    try Rules.count(inputs, 2, "solve")
    let batch = try matrices(inputs[0], "solve", isSquare: true)
    let other = try matrices(inputs[1], "solve", isSquare: false)
    guard batch == other, inputs[0].dtype == inputs[1].dtype,
      inputs[1].shape[batch.count] == inputs[0].shape[batch.count]
    else { throw BettyError.runtime("solve: \(inputs[1]) does not fit \(inputs[0])") }
    return [inputs[1]]
  }

  /// (sign, log |determinant|); 0 and -infinity of a singular matrix.
  package static let slogdet: Primitive = Primitive(
    "slogdet",
    derivative: .custom(
      vjp: { graph, node, cotangents in
        guard let cotangent = cotangents[1] else { return [nil] }
        let type = graph.type(of: node.inputs[0])
        let inverse = try graph.transposed(graph.inverse(node.inputs[0]))
        let spread = try graph.spread(
          cotangent, over: [type.rank - 2, type.rank - 1], to: type.shape)
        return [try graph.mul(inverse, spread)]
      },
      jvp: { graph, node, tangents in
        guard let tangent = tangents[0] else { return [nil, nil] }
        let inverse = try graph.transposed(graph.inverse(node.inputs[0]))
        let rank = graph.shape(of: tangent).count
        return [nil, try graph.sum(graph.mul(inverse, tangent), [rank - 2, rank - 1])]
      }),
    kernel: .buffer { request in
      let batch = Batch(request.inputs[0])
      let (n, size) = (batch.rows, request.inputs[0].dtype.size)
      return try each(request, scratch: n * n + n + 2) { frame, element, work, isDouble in
        Lapack.load(frame.operands[0] + element * n * n * size, isDouble, n, n, work)
        let result = work + n * n
        (result[0], result[1]) = (1, 0)
        (result + 2).withMemoryRebound(to: Int32.self, capacity: 2 * n) { pivots in
          if n == 0 { return }
          _ = Lapack.factor(work, n, n, pivots)
          for i in 0..<n {
            let value = work[i * n + i]
            if (pivots[i] != Int32(i + 1)) != (value < 0) { result[0] = -result[0] }
            if value == 0 { result[0] = 0 }
            result[1] += Special.log(value.magnitude)
          }
        }
        Lapack.store(result, stride: 1, frame.operands[1] + element * size, isDouble, 1, 1)
        Lapack.store(result + 1, stride: 1, frame.operands[2] + element * size, isDouble, 1, 1)
        return 0
      }
    }, batching: .same,
    samples: positive, isExpensive: true
  ) { inputs, _ in
    try Rules.count(inputs, 1, "slogdet")
    let batch = try matrices(inputs[0], "slogdet", isSquare: true)
    let result = try TensorType(inputs[0].dtype, batch)
    return [result, result]
  }

  /// (q, r) of matrices with as many rows as columns at least.
  package static let qr: Primitive = Primitive(
    "qr", derivative: .custom(vjp: qrVJP, jvp: qrJVP),
    kernel: .buffer { request in
      let batch = Batch(request.inputs[0])
      let (m, n, size) = (batch.rows, batch.columns, request.inputs[0].dtype.size)
      let scratch = m * n + n * n + Lapack.qrWork(m, n)
      return try each(request, scratch: scratch) { frame, element, work, isDouble in
        let (r, rest) = (work + m * n, work + m * n + n * n)
        Lapack.load(frame.operands[0] + element * m * n * size, isDouble, m, n, work)
        let info = n == 0 ? 0 : Lapack.qr(work, m, n, r, rest)
        Lapack.store(work, stride: m, frame.operands[1] + element * m * n * size, isDouble, m, n)
        Lapack.store(r, stride: n, frame.operands[2] + element * n * n * size, isDouble, n, n)
        return info
      }
    }, batching: .same,
    samples: [
      Sample([.init([3, 3], -0.5...0.5, diagonal: 2)]),
      Sample([.init([2, 4, 2], -0.5...0.5, diagonal: 2)]),
    ], isExpensive: true
  ) { inputs, _ in
    try Rules.count(inputs, 1, "qr")
    let batch = try matrices(inputs[0], "qr", isSquare: false)
    let (m, n) = (inputs[0].shape[batch.count], inputs[0].shape[batch.count + 1])
    guard m >= n else {
      throw BettyError.runtime("qr: takes as many rows as columns at least, got \(inputs[0])")
    }
    return [inputs[0], try TensorType(inputs[0].dtype, batch + [n, n])]
  }

  /// (eigenvalues rising, eigenvectors as columns) of symmetric matrices.
  package static let eigh: Primitive = Primitive(
    "eigh", derivative: .custom(vjp: eighVJP, jvp: eighJVP),
    kernel: .buffer { request in
      let batch = Batch(request.inputs[0])
      let (n, size) = (batch.rows, request.inputs[0].dtype.size)
      return try each(request, scratch: n * n + n + Lapack.eighWork(n)) {
        frame, element, work, isDouble in
        let values = work + n * n
        Lapack.load(frame.operands[0] + element * n * n * size, isDouble, n, n, work)
        let info = n == 0 ? 0 : Lapack.eigh(work, n, values, values + n)
        Lapack.store(values, stride: n, frame.operands[1] + element * n * size, isDouble, n, 1)
        Lapack.store(work, stride: n, frame.operands[2] + element * n * n * size, isDouble, n, n)
        return info
      }
    }, batching: .same,
    samples: [
      Sample([.init([3, 3], -2...2, distinct: true)]),
      Sample([.init([2, 2, 2], -2...2, distinct: true)]),
    ], isExpensive: true,
    failure: failing("linalg.eigh", unconverged)
  ) { inputs, _ in
    try Rules.count(inputs, 1, "eigh")
    let batch = try matrices(inputs[0], "eigh", isSquare: true)
    return [try TensorType(inputs[0].dtype, batch + [inputs[0].shape[batch.count]]), inputs[0]]
  }

  /// (u, singular values falling, vᵀ), reduced.
  package static let svd: Primitive = Primitive(
    "svd", derivative: .custom(vjp: svdVJP, jvp: svdJVP),
    kernel: .buffer { request in
      let batch = Batch(request.inputs[0])
      let (m, n, k, size) = (
        batch.rows, batch.columns, batch.smaller, request.inputs[0].dtype.size
      )
      let scratch = m * n + m * k + k + k * n + Lapack.svdWork(m, n)
      return try each(request, scratch: scratch) { frame, element, work, isDouble in
        let u = work + m * n
        let (values, vt) = (u + m * k, u + m * k + k)
        Lapack.load(frame.operands[0] + element * m * n * size, isDouble, m, n, work)
        let info = k == 0 ? 0 : Lapack.svd(work, m, n, u, values, vt, vt + k * n)
        Lapack.store(u, stride: m, frame.operands[1] + element * m * k * size, isDouble, m, k)
        Lapack.store(values, stride: k, frame.operands[2] + element * k * size, isDouble, k, 1)
        Lapack.store(vt, stride: k, frame.operands[3] + element * k * n * size, isDouble, k, n)
        return info
      }
    }, batching: .same,
    samples: [[3, 3], [4, 2], [2, 4], [2, 3, 2]].map {
      Sample([.init($0, -0.5...0.5, distinct: true, diagonal: 2)])
    }, isExpensive: true,
    failure: failing("linalg.svd", unconverged)
  ) { inputs, _ in
    try Rules.count(inputs, 1, "svd")
    let batch = try matrices(inputs[0], "svd", isSquare: false)
    let (m, n) = (inputs[0].shape[batch.count], inputs[0].shape[batch.count + 1])
    let k = Swift.min(m, n)
    return try [batch + [m, k], batch + [k], batch + [k, n]].map {
      try TensorType(inputs[0].dtype, $0)
    }
  }

  package static let factorisations: [Primitive] =
    [cholesky, solve, solveTriangular, slogdet, qr, eigh, svd] + pivoted
}
