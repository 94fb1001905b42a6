// Sums over the differences of all pairs of rows, for [..., P, M] and [..., R, M]: squared_distances,
// and the two its derivatives need, projected_differences and weighted_differences. The three are
// each other's derivatives, so near rows keep their digits in every order.

import BettyKernelInterface

extension P {
  /// D[i, j] = |a[i] - b[j]|²
  package static let squaredDistances: Primitive = Primitive(
    "squared_distances",
    derivative: .custom(
      vjp: { graph, node, cotangents in
        guard let cotangent = cotangents[0] else { return [nil, nil] }
        let (a, b) = (node.inputs[0], node.inputs[1])
        let twice = try graph.scale(cotangent, 2)
        return [
          try graph.call(weightedDifferences, [twice, a, b]),
          try graph.call(weightedDifferences, [graph.turned(twice), b, a]),
        ]
      },
      jvp: { graph, node, tangents in
        let (a, b) = (node.inputs[0], node.inputs[1])
        var total: Value?
        if let tangent = tangents[0] {
          total = try graph.call(projectedDifferences, [tangent, a, b])
        }
        if let tangent = tangents[1] {
          let part = try graph.turned(graph.call(projectedDifferences, [tangent, b, a]))
          total = try total.map { try graph.add($0, part) } ?? part
        }
        return [try total.map { try graph.scale($0, 2) }]
      }),
    kernel: .buffer { request in
      try prepareDifferences(request, request.table.squareDifferences, "squared_distances")
    }, batching: .same, samples: differenceSamples([.rows, .others]), isExpensive: true,
    flops: differenceFlops
  ) { inputs, _ in
    try Rules.count(inputs, 2, "squared_distances")
    return [try Pairs(inputs[0], inputs[1], "squared_distances").matrix()]
  }

  /// (t, a, b): out[i, j] = t[i] · (a[i] - b[j])
  package static let projectedDifferences: Primitive = Primitive(
    "projected_differences",
    derivative: .custom(
      vjp: { graph, node, cotangents in
        guard let cotangent = cotangents[0] else { return [nil, nil, nil] }
        let (t, a, b) = (node.inputs[0], node.inputs[1], node.inputs[2])
        return [
          try graph.call(weightedDifferences, [cotangent, a, b]),
          try graph.mul(graph.rowSums(cotangent, like: t), t),
          try graph.neg(graph.matmul(cotangent, t, transposeA: true)),
        ]
      },
      jvp: { graph, node, tangents in
        let (t, a, b) = (node.inputs[0], node.inputs[1], node.inputs[2])
        var parts: [Value] = []
        if let tangent = tangents[0] {
          parts.append(try graph.call(projectedDifferences, [tangent, a, b]))
        }
        if let tangent = tangents[1] {
          parts.append(try graph.rowSums(graph.mul(t, tangent), like: node.output))
        }
        if let tangent = tangents[2] {
          parts.append(try graph.neg(graph.matmul(t, tangent, transposeB: true)))
        }
        return [try graph.total(parts)]
      }),
    kernel: .buffer { request in
      try prepareDifferences(request, request.table.projectDifferences, "projected_differences")
    }, batching: .same, samples: differenceSamples([.rows, .rows, .others]), isExpensive: true,
    flops: differenceFlops
  ) { inputs, _ in
    try Rules.count(inputs, 3, "projected_differences")
    try Rules.same(inputs[0], inputs[1], "projected_differences")
    return [try Pairs(inputs[1], inputs[2], "projected_differences").matrix()]
  }

  /// (w, a, b): out[i] = sum over j of w[i, j] (a[i] - b[j])
  package static let weightedDifferences: Primitive = Primitive(
    "weighted_differences",
    derivative: .custom(
      vjp: { graph, node, cotangents in
        guard let cotangent = cotangents[0] else { return [nil, nil, nil] }
        let (w, a, b) = (node.inputs[0], node.inputs[1], node.inputs[2])
        return [
          try graph.call(projectedDifferences, [cotangent, a, b]),
          try graph.mul(graph.rowSums(w, like: a), cotangent),
          try graph.neg(graph.matmul(w, cotangent, transposeA: true)),
        ]
      },
      jvp: { graph, node, tangents in
        let (w, a, b) = (node.inputs[0], node.inputs[1], node.inputs[2])
        var parts: [Value] = []
        if let tangent = tangents[0] {
          parts.append(try graph.call(weightedDifferences, [tangent, a, b]))
        }
        if let tangent = tangents[1] {
          parts.append(try graph.mul(graph.rowSums(w, like: a), tangent))
        }
        if let tangent = tangents[2] { parts.append(try graph.neg(graph.matmul(w, tangent))) }
        return [try graph.total(parts)]
      }),
    kernel: .buffer { request in
      try prepareDifferences(request, request.table.weighDifferences, "weighted_differences")
    }, batching: .same, samples: differenceSamples([.pairs, .rows, .others]),
    isExpensive: true, flops: differenceFlops
  ) { inputs, _ in
    try Rules.count(inputs, 3, "weighted_differences")
    let pairs = try Pairs(inputs[1], inputs[2], "weighted_differences")
    try Rules.same(inputs[0], pairs.matrix(), "weighted_differences")
    return [inputs[1]]
  }

  package static let distances = [squaredDistances, projectedDifferences, weightedDifferences]

  /// The sizes of two lists of rows.
  private struct Pairs {
    let dtype: DType
    let outer: [Int]
    let count: Int
    let columns: Int
    let depth: Int

    init(_ a: TensorType, _ b: TensorType, _ name: String) throws {
      try Rules.dtype(a, .floating, name)
      guard a.dtype == b.dtype, a.rank == b.rank, a.rank >= 2, a.shape.last == b.shape.last,
        a.shape.dropLast(2) == b.shape.dropLast(2)
      else { throw BettyError.value("\(name): operands do not match, got \(a) and \(b)") }
      dtype = a.dtype
      outer = Array(a.shape.dropLast(2))
      (count, columns, depth) = (a.shape[a.rank - 2], b.shape[b.rank - 2], a.shape[a.rank - 1])
    }

    /// One element a pair.
    func matrix() throws -> TensorType { try TensorType(dtype, outer + [count, columns]) }
  }

  private static let differenceFlops: Primitive.Flops = { inputs, _, _ in
    let (a, b) = (inputs[inputs.count - 2], inputs[inputs.count - 1])
    return 3 * Double(a.count) * Double(b.shape[b.rank - 2])
  }

  private enum DifferenceInput { case rows, others, pairs }

  private static func differenceSamples(_ inputs: [DifferenceInput]) -> [Sample] {
    // [..., P, M, R]
    [[3, 2, 4], [2, 5, 3, 70], [2, 20, 3], [0, 2, 3], [2, 0, 3]].map { sizes in
      let outer = Array(sizes.dropLast(3))
      let (rows, depth, columns) = (
        sizes[sizes.count - 3], sizes[sizes.count - 2], sizes[sizes.count - 1]
      )
      return Sample(
        inputs.map {
          switch $0 {
          case .rows: .init(outer + [rows, depth])
          case .others: .init(outer + [columns, depth])
          case .pairs: .init(outer + [rows, columns])
          }
        })
    }
  }

  /// Tasks own rows of the result; each turns the columns it reads into its scratch.
  private static func prepareDifferences(
    _ request: KernelRequest, _ functions: [DifferenceFunction], _ name: String
  ) throws -> PreparedKernel {
    let places = request.inputs.count
    let (a, b) = (request.inputs[places - 2], request.inputs[places - 1])
    let function = try request.floating(functions, a.dtype, name)
    let pairs = try Pairs(a, b, name)
    let size = a.dtype.size
    let (count, columns, depth) = (pairs.count, pairs.columns, pairs.depth)
    let rows = pairs.outer.product * count
    if request.outputs[0].count == 0 { return PreparedKernel { _, _ in } }
    // What precedes row `row` of the result, of a and of the first of three operands.
    let (made, own) = ((request.outputs[0].shape.last ?? 0) * size, depth * size)
    let given = places == 3 ? (request.inputs[0].shape.last ?? 0) * size : 0
    let other = columns * depth * size
    let scratch = try Rules.multiply(depth, 512, name)
    let work = try Rules.multiply(Rules.multiply(rows, columns, name), depth + 1, name)
    let tasks = request.tasks(work, units: rows)
    return PreparedKernel(tasks: tasks, scratchBytes: scratch) { frame, task in
      let operands = frame.operands
      let range = part(task, of: tasks, rows)
      var row = range.lowerBound
      while row < range.upperBound {
        let (example, first) = row.quotientAndRemainder(dividingBy: count)
        let last = Swift.min(count, first + range.upperBound - row)
        let begin = example * count
        function(
          operands[places] + begin * made, operands[0] + begin * given,
          operands[places - 2] + begin * own, operands[places - 1] + example * other,
          frame.scratch, columns, depth, first, last)
        row += last - first
      }
    }
  }
}

extension Graph {
  /// The last two axes exchanged.
  fileprivate mutating func turned(_ x: Value) throws -> Value {
    let rank = shape(of: x).count
    return try permute(x, Array(0..<rank - 2) + [rank - 1, rank - 2])
  }

  /// Sums over the last axis, spread along the last axis of another value.
  fileprivate mutating func rowSums(_ x: Value, like other: Value) throws -> Value {
    let axis = shape(of: x).count - 1
    return try spread(sum(x, [axis]), over: [axis], to: shape(of: other))
  }

  fileprivate mutating func total(_ parts: [Value]) throws -> Value? {
    guard var total = parts.first else { return nil }
    for value in parts.dropFirst() { total = try add(total, value) }
    return total
  }
}
