// Linear algebra over the last two dimensions, in batches: factorisations, solutions, what is made of
// them, and norms. The names that Python has in betty.linalg begin with "linalg_".

import BettyKernelInterface

extension Functions {
  static let linearAlgebra: [FunctionEntry] = solving + factored + singular + exponential

  /// A regular matrix.
  private static func regular(_ shape: [Int]...) -> [Sample] {
    [
      Sample(
        shape.enumerated().map { place, shape in
          Sample.Input(shape, -0.5...0.5, distinct: true, diagonal: place == 0 ? 2 : 0)
        })
    ]
  }

  /// A function of square matrices.
  private static func square(
    _ name: String, doc: String, samples: [Sample] = regular([3, 3]), _ body: @escaping One
  ) -> FunctionEntry {
    FunctionEntry(name, ["input"], doc: doc, samples: samples) { b, x, _ in
      try body(&b, b.needSquare(x[0].value))
    }
  }

  private static let left = AttributeSpec("left", .bool, default: .bool(true))
  private static let upper = AttributeSpec("upper", .bool, default: .bool(false))

  private static let solving: [FunctionEntry] = [
    FunctionEntry(
      "linalg_solve", ["A", "B"], [left],
      doc: "X with A X = B (or X A = B); B may be a vector", samples: regular([3, 3], [3, 2])
    ) { b, x, attributes in
      try b.solve(x[0].value, x[1].value, left: attributes.bool("left"))
    },
    FunctionEntry(
      "linalg_solve_triangular", ["A", "B"],
      [
        AttributeSpec("upper", .bool), left,
        AttributeSpec("unitriangular", .bool, default: .bool(false)),
      ], doc: "X with A X = B for the lower or upper triangle of A",
      samples: [
        Sample(
          [.init([3, 3], -0.5...0.5, diagonal: 2), .init([3, 2])], ["upper": .bool(true)])
      ]
    ) { b, x, attributes in
      let matrix = try b.needSquare(x[0].value)
      guard b.rank(x[1].value) >= 2 else {
        throw b.fail(.runtime, "B needs 2 dimensions at least, got \(b.type(x[1].value))")
      }
      return try b.solveTriangular(
        matrix, x[1].value, isUpper: attributes.bool("upper"), left: attributes.bool("left"),
        isUnit: attributes.bool("unitriangular"))
    },
    FunctionEntry(
      "cholesky_solve", ["input", "L"], [upper],
      doc: "X with A X = input, A given by its Cholesky factor",
      samples: [
        Sample([.init([3, 2]), .init([3, 3], -0.5...0.5, diagonal: 2)])
      ]
    ) { b, x, attributes in
      let factor = try b.needSquare(x[1].value)
      let isUpper = attributes.bool("upper")
      let inner = try b.solveTriangular(
        factor, x[0].value, isUpper: isUpper, isTransposed: isUpper)
      return try b.solveTriangular(factor, inner, isUpper: isUpper, isTransposed: !isUpper)
    },
    square("linalg_inv", doc: "Inverse") { b, x in
      try b.emitWide(P.inverse, [x])[0]
    },
    square("linalg_det", doc: "Determinant") { b, x in
      let dtype = b.dtype(x)
      let parts = try b.graph.apply(P.slogdet, [b.cast(x, .f64)])
      return try b.cast(b.op(P.mul, parts[0], b.op(P.exp, parts[1])), dtype)
    },
    square("logdet", doc: "Logarithm of the determinant, NaN where that is negative") { b, x in
      let parts = try b.emitWide(P.slogdet, [x])
      return try b.select(b.op(P.lt, parts[0], 0), .nan, parts[1])
    },
    FunctionEntry(
      tuple: "linalg_slogdet", ["input"], doc: "Sign and log |determinant|",
      samples: regular([3, 3])
    ) { b, x, _ in try b.emitWide(P.slogdet, [b.needSquare(x[0].value)]) },
  ]

  private static let factored: [FunctionEntry] = [
    FunctionEntry(
      tuple: "linalg_lu", ["input"],
      doc: "L below U with rows exchanged, LAPACK's pivots, the order of the rows, and info",
      samples: regular([3, 3]) + regular([4, 2])
    ) { b, x, _ in
      let value = try b.needMatrix(x[0].value)
      let wide = try b.cast(value, b.dtype(value).computeType)
      let made = try b.graph.apply(P.lu, [wide])
      return try [b.cast(made[0], b.dtype(value))] + made.dropFirst()
    },
    square(
      "linalg_cholesky_info",
      doc: "0 of positive definite matrices, else the order of the first minor that is not"
    ) { b, x in
      try b.graph.apply(P.choleskyInfo, [b.cast(x, b.dtype(x).computeType)])[0]
    },
    FunctionEntry(
      "linalg_cholesky", ["input"], [upper],
      doc: "L with L Lᵀ = input, which is symmetric and positive definite",
      samples: regular([3, 3])
    ) { b, x, attributes in
      let factor = try b.emitWide(P.cholesky, [b.needSquare(x[0].value)])[0]
      return attributes.bool("upper") ? try b.transposed(factor) : factor
    },
    FunctionEntry(
      tuple: "linalg_qr", ["input"],
      [AttributeSpec("mode", .string, default: .string("reduced"))],
      doc: "Q with orthonormal columns and an upper triangle R, whose product is input",
      samples: regular([4, 3])
    ) { b, x, attributes in
      let value = try b.needMatrix(x[0].value)
      let mode = attributes.string("mode")
      guard mode == "reduced" || mode == "r" else {
        throw b.fail(.value, "mode is 'reduced' or 'r', got '\(mode)'")
      }
      let (q, r) = try b.qr(value)
      return mode == "r" ? [try b.full(0, [0], b.dtype(q)), r] : [q, r]
    },
    FunctionEntry(
      tuple: "linalg_eigh", ["input"],
      doc: "Rising eigenvalues and eigenvectors (columns) of the mean of input and its transpose",
      samples: [Sample([.init([3, 3], distinct: true)])]
    ) { b, x, _ in try b.emitWide(P.eigh, [b.needSquare(x[0].value)]) },
    FunctionEntry(
      tuple: "linalg_svd", ["input"],
      doc: "U, falling singular values and Vᵀ, reduced", samples: regular([4, 3])
    ) { b, x, _ in try b.emitWide(P.svd, [b.needMatrix(x[0].value)]) },
    FunctionEntry(
      "linalg_lstsq", ["A", "B"], doc: "X of least norm that minimises the norm of A X - B",
      samples: regular([4, 3], [4, 2])
    ) { b, x, _ in
      let (matrix, side) = try (b.needMatrix(x[0].value), b.needMatrix(x[1].value))
      let shape = b.shape(matrix)
      if shape[shape.count - 2] >= shape[shape.count - 1] {
        let (q, r) = try b.qr(matrix)
        return try b.solve(r, b.matmul(b.transposed(q), side), left: true)
      }
      let (q, r) = try b.qr(b.transposed(matrix))
      return try b.matmul(q, b.solve(b.transposed(r), side, left: true))
    },
  ]

  private static let singular: [FunctionEntry] = [
    FunctionEntry(
      "linalg_pinv", ["input"],
      [
        AttributeSpec("rtol", .double, optional: true),
        AttributeSpec("atol", .double, default: .double(0)),
      ], doc: "Pseudoinverse; singular values below the tolerance count as 0",
      samples: regular([4, 3])
    ) { b, x, attributes in
      let parts = try b.emitWide(P.svd, [b.needMatrix(x[0].value)])
      let isKept = try b.aboveTolerance(parts[1], x[0].value, attributes)
      let inverse = try b.select(isKept, b.op(P.reciprocal, b.select(isKept, parts[1], 1)), 0)
      let shape = b.shape(inverse)
      let row = try b.reshape(inverse, shape.dropLast() + [1, shape[shape.count - 1]])
      let scaled = try b.op(P.mul, b.transposed(parts[2]), row)
      return try b.matmul(scaled, b.transposed(parts[0]))
    },
    FunctionEntry(
      "linalg_matrix_rank", ["input"],
      [
        AttributeSpec("rtol", .double, optional: true),
        AttributeSpec("atol", .double, default: .double(0)),
      ], doc: "How many singular values are above the tolerance", samples: regular([4, 3])
    ) { b, x, attributes in
      let values = try b.emitWide(P.svd, [b.needMatrix(x[0].value)])[1]
      let isKept = try b.aboveTolerance(values, x[0].value, attributes)
      return try b.reduce(P.sum, b.cast(isKept, .i64), [b.rank(values) - 1])
    },
    FunctionEntry(
      "linalg_matrix_norm", ["input"],
      [AttributeSpec("ord", .string, default: .string("fro")), keepdim],
      doc: "Norm of matrices: fro, nuc, inf, -inf, 1, -1, 2 or -2",
      samples: regular([4, 3])
    ) { b, x, attributes in
      let value = try b.needMatrix(x[0].value)
      let result = try b.matrixNorm(value, attributes.string("ord"))
      guard attributes.bool("keepdim") else { return result }
      return try b.reshape(result, b.shape(result) + [1, 1])
    },
  ]

  private static let exponential: [FunctionEntry] = [
    square("matrix_exp", doc: "Exponential of square matrices") { b, x in
      // A series of a 1024th, squared ten times (scaling and squaring), in f64.
      let dtype = b.dtype(x)
      let small = try b.op(P.mul, b.cast(x, .f64), 1.0 / 1024)
      let identity = try b.power(small, 0)
      var sum = identity
      for order in (1...9).reversed() {
        sum = try b.op(
          P.add, identity, b.op(P.mul, b.matmul(small, sum), 1 / Double(order)))
      }
      for _ in 0..<10 { sum = try b.matmul(sum, sum) }
      return try b.cast(sum, dtype)
    }
  ]
}

extension Builder {
  func needMatrix(_ x: Value) throws -> Value {
    guard rank(x) >= 2, dtype(x).isFloating else {
      throw fail(.runtime, "takes floating point matrices, got \(type(x))")
    }
    return x
  }

  /// A factorisation; storage types go through f32.
  mutating func emitWide(
    _ primitive: Primitive, _ inputs: [Value], _ attributes: Attributes = [:]
  ) throws -> [Value] {
    let dtype = self.dtype(inputs[0])
    let wide = try inputs.map { try cast($0, dtype.computeType) }
    return try graph.apply(primitive, wide, attributes).map { try cast($0, dtype) }
  }

  /// Solutions; B is a vector, or a batch of them, where it has the batch of A and one dimension.
  mutating func solve(
    _ a: Value, _ b: Value, left: Bool, by primitive: Primitive = P.solve,
    _ attributes: Attributes = [:]
  ) throws -> Value {
    try needSameType([a, b])
    let (matrix, shape) = try (self.shape(needSquare(a)), self.shape(b))
    let batch = Array(matrix.dropLast(2))
    let size = matrix[matrix.count - 1]
    if !left {
      let turned = try solve(transposed(a), transposed(needMatrix(b)), left: true)
      return try transposed(turned)
    }
    let isVector = shape.count == 1 || (rank(b) == rank(a) - 1 && shape == matrix.dropLast())
    let side = isVector ? try reshape(b, shape + [1]) : b
    let rows = self.shape(side)
    guard rows.count >= 2, rows[rows.count - 2] == size,
      let common = broadcastShape(batch, Array(rows.dropLast(2)))
    else { throw fail(.runtime, "B does not fit A, got \(list([a, b]))") }
    let (wide, sides) = try (
      broadcast(a, to: common + [size, size]), broadcast(side, to: common + rows.suffix(2))
    )
    let result = try emitWide(primitive, [wide, sides], attributes)[0]
    return isVector ? try reshape(result, Array(self.shape(result).dropLast())) : result
  }

  /// The same for one triangle of A; from the right, A and the rest are turned.
  mutating func solveTriangular(
    _ a: Value, _ b: Value, isUpper: Bool, left: Bool = true, isTransposed: Bool = false,
    isUnit: Bool = false
  ) throws -> Value {
    let attributes: Attributes = [
      "upper": .bool(isUpper), "transpose": .bool(left == isTransposed), "unit": .bool(isUnit),
    ]
    if left { return try solve(a, b, left: true, by: P.solveTriangular, attributes) }
    let turned = try solve(
      a, transposed(needMatrix(b)), left: true, by: P.solveTriangular, attributes)
    return try transposed(turned)
  }

  /// Of any matrix: the columns beyond the rows are turned by Q alone.
  mutating func qr(_ x: Value) throws -> (Value, Value) {
    let shape = self.shape(x)
    let (m, n) = (shape[shape.count - 2], shape[shape.count - 1])
    if m >= n {
      let parts = try emitWide(P.qr, [x])
      return (parts[0], parts[1])
    }
    let axis = shape.count - 1
    let parts = try emitWide(P.qr, [slice(x, axis: axis, from: 0, to: m)])
    let rest = try matmul(transposed(parts[0]), slice(x, axis: axis, from: m, to: n))
    return (parts[0], try concatenate([parts[1], rest], axis))
  }

  /// Which singular values count: above max(atol, rtol * the largest).
  mutating func aboveTolerance(
    _ values: Value, _ matrix: Value, _ attributes: Attributes
  ) throws -> Value {
    let last = rank(values) - 1
    if shape(values)[last] == 0 { return try full(0, shape(values), .bool) }
    let epsilon = dtype(values).computeType == .f64 ? 0x1p-52 : 0x1p-23
    let longest = Double(shape(matrix).suffix(2).max() ?? 1)
    let fallback = attributes.double("atol") > 0 ? 0 : epsilon * longest
    let largest = try slice(values, axis: last, from: 0, to: 1)
    let bound = try op(P.mul, largest, attributes.double("rtol", default: fallback))
    return try op(P.gt, values, op(P.maximum, bound, attributes.double("atol")))
  }

  mutating func matrixNorm(_ x: Value, _ name: String) throws -> Value {
    let (rows, columns) = (rank(x) - 2, rank(x) - 1)
    func singular(_ b: inout Builder) throws -> Value {
      let values = try b.emitWide(P.svd, [x])[1]
      try b.needElements(values, [rows], .runtime)
      return values
    }
    switch name {
    case "fro": return try norm(x, [rows, columns], 2)
    case "nuc": return try reduce(P.sum, singular(&self), [rows])
    case "2.0": return try reduce(P.max, singular(&self), [rows])
    case "-2.0": return try reduce(P.min, singular(&self), [rows])
    case "1.0", "-1.0", "inf", "-inf":
      let isLines = name.hasSuffix("inf")
      let sums = try reduce(P.sum, op(P.abs, x), [isLines ? columns : rows])
      try needElements(sums, [rows], .runtime)
      return try reduce(name.hasPrefix("-") ? P.min : P.max, sums, [rows])
    default:
      throw fail(
        .runtime, "ord is 'fro', 'nuc', inf, -inf, 1, -1, 2 or -2, got \(name)")
    }
  }
}
