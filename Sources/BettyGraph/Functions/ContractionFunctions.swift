// More products and distances, all made of matrix products, and statistics of pairs of variables.

import BettyKernelInterface

extension Functions {
  static let contractions: [FunctionEntry] = added + general + distances + statistics

  /// beta * input + alpha * product.
  private static func adding(
    _ name: String, _ inputs: (String, String), _ ranks: [Int], doc: String, _ shapes: [Int]...,
    body: @escaping @Sendable (inout Builder, Value, Value) throws -> Value
  ) -> FunctionEntry {
    FunctionEntry(
      name, InputSpec(["input", inputs.0, inputs.1, "beta?", "alpha?"]), doc: doc,
      samples: [Sample(shapes.map { Sample.Input($0, distinct: true) })]
    ) { b, x, _ in
      let pair = [x[1].value, x[2].value]
      try b.needRank(pair, ranks)
      try b.needSameType([x[0].value] + pair)
      var product = try body(&b, pair[0], pair[1])
      var input = x[0].value
      if let alpha = x.optional(4) {
        product = try b.op(P.mul, product, b.cast(alpha.value, b.dtype(product)))
      }
      if let beta = x.optional(3) {
        input = try b.op(P.mul, input, b.cast(beta.value, b.dtype(input)))
      }
      return try b.op(P.add, b.expand(input, b.shape(product)), product)
    }
  }

  private static let added: [FunctionEntry] = [
    adding(
      "baddbmm", ("batch1", "batch2"), [3, 3], doc: "beta * input + alpha * (batch1 @ batch2)",
      [2, 4], [2, 2, 3], [2, 3, 4]
    ) { b, x, y in try b.batched(x, y) },
    adding(
      "addbmm", ("batch1", "batch2"), [3, 3],
      doc: "beta * input + alpha * the sum of batch1 @ batch2", [4], [2, 2, 3], [2, 3, 4]
    ) { b, x, y in try b.reduce(P.sum, b.batched(x, y), [0]) },
    adding(
      "addmv", ("mat", "vec"), [2, 1], doc: "beta * input + alpha * (mat @ vec)", [2], [2, 3], [3]
    ) { b, x, y in try b.matmul(x, y) },
    adding(
      "addr", ("vec1", "vec2"), [1, 1], doc: "beta * input + alpha * outer(vec1, vec2)",
      [2, 3], [2], [3]
    ) { b, x, y in try b.multiply(b.reshape(x, b.shape(x) + [1]), y) },
  ]

  private static let general: [FunctionEntry] = [
    FunctionEntry(
      "inner", ["input", "other"], doc: "Sums of products over the last dimensions of both",
      samples: sample([2, 3], [4, 3])
    ) { b, x, _ in
      let (left, right) = (x[0].value, x[1].value)
      try b.needSameType([left, right])
      if b.rank(left) == 0 || b.rank(right) == 0 { return try b.multiply(left, right) }
      return try b.contract(left, right, [b.rank(left) - 1], [b.rank(right) - 1])
    },
    FunctionEntry(
      "vdot", ["input", "other"], doc: "Inner product of two vectors", samples: sample([3], [3])
    ) { b, x, _ in
      let values = [x[0].value, x[1].value]
      try b.needRank(values, [1, 1])
      return try b.matmul(values[0], values[1])
    },
    FunctionEntry(
      "tensordot", ["a", "b"], [AttributeSpec("dims_a", .ints), AttributeSpec("dims_b", .ints)],
      doc: "Sums of products over pairs of dimensions",
      samples: sample(
        [2, 3, 4], [4, 3, 5], at: ["dims_a": .ints([2, 1]), "dims_b": .ints([0, 1])])
    ) { b, x, attributes in
      let (left, right) = (x[0].value, x[1].value)
      return try b.contract(
        left, right, b.axes(attributes.ints("dims_a"), rank: b.rank(left)),
        b.axes(attributes.ints("dims_b"), rank: b.rank(right)))
    },
    FunctionEntry(
      "kron", ["input", "other"], doc: "Kronecker product", samples: sample([2, 3], [3, 2])
    ) { b, x, _ in
      let values = try b.promoted([x[0], x[1]])
      let rank = max(b.rank(values[0]), b.rank(values[1]))
      func raised(_ value: Value) -> [Int] {
        [Int](repeating: 1, count: rank - b.rank(value)) + b.shape(value)
      }
      let (left, right) = (raised(values[0]), raised(values[1]))
      let product = try b.multiply(
        b.reshape(values[0], left.flatMap { [$0, 1] }),
        b.reshape(values[1], right.flatMap { [1, $0] }))
      return try b.reshape(product, zip(left, right).map { $0 &* $1 })
    },
    FunctionEntry(
      "cross", ["input", "other"], [oneDim],
      doc: "Cross product of vectors of 3; without dim along the first dimension of size 3",
      samples: sample([2, 3], [2, 3])
    ) { b, x, attributes in
      let values = try b.promoted([x[0], x[1]])
      let shape = try b.common(values)
      let found = attributes["dim"].map { _ in attributes.int("dim") } ?? shape.firstIndex(of: 3)
      guard let dim = found, !shape.isEmpty else {
        throw b.fail(.runtime, "no dimension has size 3, got \(b.list(values))")
      }
      let axis = try b.axis(dim, rank: shape.count)
      guard shape[axis] == 3 else {
        throw b.fail(.runtime, "dimension \(dim) must have size 3, got \(b.list(values))")
      }
      let wide = try values.map { try b.broadcast($0, to: shape) }
      let (u, v) = (wide[0], wide[1])
      func turned(_ value: Value, _ by: Int) throws -> Value { try b.roll(value, [by], [axis]) }
      let first = try b.multiply(turned(u, -1), turned(v, -2))
      return try b.op(P.sub, first, b.multiply(turned(u, -2), turned(v, -1)))
    },
    FunctionEntry(
      "matrix_power", ["input"], [AttributeSpec("n", .int)],
      doc: "Product of n copies of square matrices",
      samples: sample([3, 3], at: ["n": .int(3)])
    ) { b, x, attributes in
      let n = attributes.int("n")
      guard n >= 0 else {
        throw b.fail(.runtime, "n must not be negative, use linalg.inv first, got \(n)")
      }
      return try b.power(b.needSquare(x[0].value), n)
    },
    FunctionEntry(
      "vander", ["x"],
      [
        AttributeSpec("N", .int, optional: true),
        AttributeSpec("increasing", .bool, default: .bool(false)),
      ], doc: "Powers of a vector, as columns", samples: sample([3])
    ) { b, x, attributes in
      let value = try b.tensor(x[0])
      try b.needRank([value], [1])
      let count = try b.size(attributes.int("N", default: b.shape(value)[0]), "N")
      let length = b.shape(value)[0]
      if count == 0 { return try b.full(0, [length, 0], b.dtype(value)) }
      let ones = try b.full(1, [length, 1], b.dtype(value))
      let column = try b.reshape(value, [length, 1])
      let rest = try b.broadcast(column, to: [length, count - 1])
      let powers = try b.runningProduct(b.concatenate([ones, rest], 1), 1)
      return attributes.bool("increasing") ? powers : try b.flip(powers, [1])
    },
  ]

  private static let norm = AttributeSpec("p", .double, default: .double(2))

  private static let distances: [FunctionEntry] = [
    FunctionEntry(
      "cdist", ["x1", "x2"], [norm], doc: "p-norm distances between all pairs of rows",
      samples: sample([2, 3], [4, 3])
    ) { b, x, attributes in
      let (left, right) = (x[0].value, x[1].value)
      try b.needSameType([left, right])
      _ = try b.needFloating(x[0], .runtime)
      guard b.rank(left) >= 2, b.rank(right) >= 2, b.shape(left).last == b.shape(right).last else {
        throw b.fail(.runtime, "takes [..., P, M] and [..., R, M], got \(b.list([left, right]))")
      }
      let (a, c) = (b.shape(left), b.shape(right))
      if attributes.double("p") == 2 {
        guard let outer = broadcastShape(a.dropLast(2), c.dropLast(2)) else {
          throw b.fail(.runtime, "shapes do not broadcast, got \(b.list([left, right]))")
        }
        let operands = try [
          b.broadcast(left, to: outer + a.suffix(2)), b.broadcast(right, to: outer + c.suffix(2)),
        ]
        return try b.safeSqrt(b.compute(P.squaredDistances, operands))
      }
      let rows = try b.reshape(left, a.dropLast() + [1, a[a.count - 1]])
      let columns = try b.reshape(right, c.dropLast(2) + [1] + c.suffix(2))
      let difference = try b.op(P.sub, rows, columns)
      return try b.norm(difference, [b.rank(difference) - 1], attributes.double("p"))
    },
    FunctionEntry(
      "pairwise_distance", ["x1", "x2"],
      [
        norm, AttributeSpec("eps", .double, default: .double(1e-6)),
        AttributeSpec("keepdim", .bool, default: .bool(false)),
      ], doc: "The p-norm of x1 - x2 + eps over the last dimension",
      samples: sample([2, 3], [2, 3])
    ) { b, x, attributes in
      let values = try b.promoted([x[0], x[1]], floating: true)
      let difference = try b.op(P.add, b.op(P.sub, values[0], values[1]), attributes.double("eps"))
      guard b.rank(difference) > 0 else { throw b.fail(.runtime, "takes one dimension at least") }
      let axis = b.rank(difference) - 1
      let result = try b.norm(difference, [axis], attributes.double("p"))
      guard attributes.bool("keepdim") else { return result }
      return try b.reshape(result, b.shape(result) + [1])
    },
    FunctionEntry(
      "pdist", ["input"], [norm], doc: "p-norm distances between different rows, as a vector",
      samples: sample([4, 3])
    ) { b, x, attributes in
      let value = try b.needFloating(x[0], .runtime)
      try b.needRank([value], [2])
      let count = b.shape(value)[0]
      let pairs = try b.trianglePairs(count)
      if attributes.double("p") == 2 {
        let squares = try b.compute(P.squaredDistances, [value, value])
        let places = try b.joined([pairs.0, pairs.1], [count, count])
        return try b.safeSqrt(b.take(b.reshape(squares, [count * count]), places, 0))
      }
      let difference = try b.op(
        P.sub, b.take(value, pairs.0, 0), b.take(value, pairs.1, 0))
      return try b.norm(difference, [1], attributes.double("p"))
    },
    FunctionEntry(
      "dist", ["input", "other"], [norm], doc: "The p-norm of input - other",
      samples: sample([2, 3], [3])
    ) { b, x, attributes in
      let values = try b.promoted([x[0], x[1]], floating: true)
      let difference = try b.op(P.sub, values[0], values[1])
      return try b.norm(difference, Array(0..<b.rank(difference)), attributes.double("p"))
    },
    FunctionEntry(
      "renorm", ["input"],
      [AttributeSpec("p", .double), AttributeSpec("dim", .int), AttributeSpec("maxnorm", .double)],
      doc: "Slices of a dimension scaled down to a largest p-norm",
      samples: sample([2, 3], at: ["p": .double(2), "dim": .int(0), "maxnorm": .double(1)])
    ) { b, x, attributes in
      let value = try b.needFloating(x[0], .runtime)
      let axis = try b.realAxis(attributes.int("dim"), of: value)
      let axes = (0..<b.rank(value)).filter { $0 != axis }
      let limit = attributes.double("maxnorm")
      let norms = try b.norm(value, axes, attributes.double("p"))
      let factor = try b.op(
        P.div, b.full(limit, b.shape(norms), b.dtype(norms)), b.op(P.add, norms, 1e-7))
      let scale = try b.select(b.op(P.gt, norms, limit), factor, 1)
      return try b.op(P.mul, value, b.along(scale, axis, of: value))
    },
  ]

  private static let statistics: [FunctionEntry] = [
    FunctionEntry(
      "cov", ["input", "fweights?", "aweights?"],
      [AttributeSpec("correction", .int, default: .int(1))],
      doc: "Covariances of variables (rows) over observations (columns)",
      samples: sample([3, 5])
    ) { b, x, attributes in try b.covariance(x, Double(attributes.int("correction"))) },
    FunctionEntry(
      "corrcoef", ["input"], doc: "Correlations of variables (rows) over observations (columns)",
      samples: sample([3, 5])
    ) { b, x, _ in
      let matrix = try b.covariance(x, 1)
      if b.rank(matrix) == 0 { return try b.op(P.div, matrix, matrix) }
      let deviations = try b.op(P.sqrt, b.diagonal(matrix, 0))
      let column = try b.reshape(deviations, b.shape(deviations) + [1])
      let ratio = try b.op(P.div, b.op(P.div, matrix, column), deviations)
      return try b.clamp(ratio, -1, 1)
    },
    reduction("nanmean", doc: "Mean of what is not NaN", floating: true) { b, x, axes, _ in
      let isMissing = try b.op(P.ne, x, x)
      let total = try b.reduce(P.sum, b.select(isMissing, 0, x), axes)
      let count = try b.reduce(P.sum, b.cast(b.op(P.logicalNot, isMissing), b.dtype(x)), axes)
      return try b.op(P.div, total, count)
    },
    FunctionEntry(
      tuple: "aminmax", ["input"], [oneDim, keepdim], doc: "Smallest and largest value",
      samples: sample([2, 3])
    ) { b, x, attributes in
      let value = try b.tensor(x[0])  // before b is read: it may append a node
      let target = try b.reduction(of: value, attributes)
      try b.needElements(target.value, target.axes, .runtime)
      return try [P.min, P.max].map {
        try b.keep(target, b.reduce($0, target.value, target.axes))
      }
    },
  ]
}
