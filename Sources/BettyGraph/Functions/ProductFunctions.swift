// Matrix products with PyTorch's treatment of vectors, matrices and batches.

import BettyKernelInterface

extension Functions {
  static let products: [FunctionEntry] = general + shaped + einsums

  private static let general: [FunctionEntry] = [
    FunctionEntry(
      "matmul", ["input", "other"], doc: "Matrix product; vectors count as rows or columns",
      samples: sample([2, 3], [3, 4]) + sample([3], [3]) + sample([2, 3], [3])
        + sample([2, 1, 2, 3], [4, 3, 2])
    ) { b, x, _ in try b.matmul(b.tensor(x[0]), b.tensor(x[1])) },
    FunctionEntry(
      "linear", ["input", "weight", "bias?"], doc: "input @ weight.T + bias",
      samples: sample([2, 3], [4, 3], [4]) + sample([3], [4, 3]) + sample([2, 3], [3])
    ) { b, x, _ in
      let (input, weight) = (x[0].value, x[1].value)
      guard b.rank(input) >= 1, (1...2).contains(b.rank(weight)),
        b.shape(input).last == b.shape(weight).last
      else {
        throw b.fail(
          .runtime,
          "input [..., in] and weight [out, in] do not fit, got \(b.list([input, weight]))")
      }
      if b.rank(weight) == 1, x.optional(2) == nil { return try b.matmul(input, weight) }
      try b.needRank([weight], [2])
      let product = try b.product(b.asMatrix(input), weight, transposeB: true)
      var shape = b.shape(input)
      shape[shape.count - 1] = b.shape(weight)[0]
      guard let bias = x.optional(2)?.value else { return try b.reshape(product, shape) }
      guard b.shape(bias) == [b.shape(weight)[0]] else {
        throw b.fail(.runtime, "bias must be [\(b.shape(weight)[0])], got \(b.type(bias))")
      }
      try b.needSameType([input, bias])
      return try b.reshape(b.op(P.add, product, bias), shape)
    },
    FunctionEntry(
      "addmm", ["input", "mat1", "mat2", "beta?", "alpha?"],
      doc: "beta * input + alpha * (mat1 @ mat2)", samples: sample([4], [2, 3], [3, 4])
    ) { b, x, _ in
      try b.needRank([x[1].value, x[2].value], [2, 2])
      try b.needSameType([x[0].value, x[1].value])
      var product = try b.matmul(x[1].value, x[2].value)
      var input = x[0].value
      if let alpha = x.optional(4) {
        product = try b.op(P.mul, product, b.cast(alpha.value, b.dtype(product)))
      }
      if let beta = x.optional(3) {
        input = try b.op(P.mul, input, b.cast(beta.value, b.dtype(input)))
      }
      return try b.op(P.add, product, input)
    },
    FunctionEntry(
      "outer", ["input", "vec2"], doc: "Products of all pairs of two vectors",
      samples: sample([2], [3])
    ) { b, x, _ in
      let values = try b.promoted([x[0], x[1]])
      try b.needRank(values, [1, 1])
      let column = try b.reshape(values[0], b.shape(values[0]) + [1])
      return try b.multiply(column, values[1])
    },
  ]

  private static func strict(
    _ name: String, _ inputs: InputSpec, _ ranks: [Int], doc: String, _ samples: [Sample]
  ) -> FunctionEntry {
    FunctionEntry(name, inputs, doc: doc, samples: samples) { b, x, _ in
      let values = [x[0].value, x[1].value]
      try b.needRank(values, ranks)
      if ranks == [3, 3], b.shape(values[0])[0] != b.shape(values[1])[0] {
        throw b.fail(.runtime, "batch dimensions differ, got \(b.list(values))")
      }
      return try b.matmul(values[0], values[1])
    }
  }

  private static let shaped: [FunctionEntry] = [
    strict(
      "mm", ["input", "mat2"], [2, 2], doc: "Product of two matrices",
      sample([2, 3], [3, 4])),
    strict(
      "mv", ["input", "vec"], [2, 1], doc: "Matrix times vector", sample([2, 3], [3])),
    strict("dot", ["input", "other"], [1, 1], doc: "Inner product", sample([3], [3])),
    strict(
      "bmm", ["input", "mat2"], [3, 3], doc: "Products of two batches of matrices",
      sample([2, 2, 3], [2, 3, 4])),
  ]
}

extension Builder {
  func needSameType(_ values: [Value]) throws {
    guard values.allSatisfy({ dtype($0) == dtype(values[0]) }) else {
      throw fail(.runtime, "element types differ, got \(list(values))")
    }
  }

  func needRank(_ values: [Value], _ ranks: [Int]) throws {
    for (value, wanted) in zip(values, ranks) where rank(value) != wanted {
      let words = ranks.map { "\($0)-d" }.joined(separator: " and ")
      throw fail(.runtime, "takes \(words), got \(list(values))")
    }
  }

  /// [..., K] as [rows, K].
  mutating func asMatrix(_ x: Value) throws -> Value {
    let shape = self.shape(x)
    guard let columns = shape.last else { return x }
    return try reshape(x, [shape.dropLast().reduce(1, *), columns])
  }

  /// Product of two matrices or of equal batches of them. The primitive reads bf16 and f16 as they are.
  mutating func product(_ x: Value, _ y: Value, transposeB: Bool = false) throws -> Value {
    try needSameType([x, y])
    guard dtype(x) != .bool else {
      throw fail(.runtime, "not defined for bool, got \(list([x, y]))")
    }
    return try emit(
      P.matmul, [x, y], ["transpose_a": .bool(false), "transpose_b": .bool(transposeB)])
  }

  mutating func matmul(_ x: Value, _ y: Value) throws -> Value {
    let (left, right) = (shape(x), shape(y))
    guard let inner = left.last, !right.isEmpty else {
      throw fail(.runtime, "operands need one dimension at least, got \(list([x, y]))")
    }
    guard inner == right[max(right.count - 2, 0)] else {
      throw fail(.runtime, "inner dimensions differ, got \(list([x, y]))")
    }
    try needSameType([x, y])
    if left.count == 1, right.count == 1 { return try sum(multiply(x, y)) }
    if left.count == 1 {
      let product = try matmul(reshape(x, [1, inner]), y)
      var shape = right
      shape.remove(at: right.count - 2)
      return try reshape(product, shape)
    }
    if right.count == 1 {
      return try reshape(matmul(x, reshape(y, [inner, 1])), left.dropLast())
    }
    if right.count == 2 {
      return try reshape(product(asMatrix(x), y), left.replacing(left.count - 1, with: right[1]))
    }
    guard let batch = broadcastShape(Array(left.dropLast(2)), Array(right.dropLast(2))) else {
      throw fail(.runtime, "batch dimensions do not broadcast, got \(list([x, y]))")
    }
    let (rows, columns): ([Int], [Int]) = (Array(left.suffix(2)), Array(right.suffix(2)))
    return try product(broadcast(x, to: batch + rows), broadcast(y, to: batch + columns))
  }
}
