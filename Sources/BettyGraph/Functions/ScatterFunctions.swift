// Scattering with a reduction, and reading and writing by flat positions.

import BettyKernelInterface

extension Functions {
  private static let dimOption = AttributeSpec("dim", .int)
  private static let reduceOption = AttributeSpec("reduce", .string)
  private static let selfOption = AttributeSpec("include_self", .bool, default: .bool(true))

  static let scattering: [FunctionEntry] = [
    FunctionEntry(
      "scatter_reduce", ["input", "index", "src"], [dimOption, reduceOption, selfOption],
      doc: "input joined with src along dim at index by sum, prod, mean, amax or amin",
      samples: ["sum", "prod", "mean", "amax", "amin"].map {
        Sample(
          [
            .init([2, 3], 0.5...2, distinct: true), .init([2, 4], 0...2, dtype: .i64),
            .init([2, 4], 0.5...2, distinct: true),
          ], ["dim": .int(1), "reduce": .string($0)])
      }
    ) { b, x, attributes in
      try b.scatter(x, attributes) { b, part, index, source, axis in
        try b.scatterReduce(
          part, index, b.broadcast(source, to: b.shape(index)), axis, attributes)
      }
    },
    FunctionEntry(
      "index_reduce", ["input", "index", "source"], [dimOption, reduceOption, selfOption],
      doc: "input joined with source at positions of a dimension by prod, mean, amax or amin",
      samples: [
        Sample(
          [
            .init([3, 2], 0.5...2, distinct: true), .init([4], 0...2, dtype: .i64),
            .init([4, 2], 0.5...2, distinct: true),
          ], ["dim": .int(0), "reduce": .string("amax")])
      ]
    ) { b, x, attributes in
      let target = try b.indexTarget(x, attributes)
      let index = try b.along(target.index, target.axis, of: target.source)
      return try b.scatterReduce(target.value, index, target.source, target.axis, attributes)
    },
    FunctionEntry(
      "take", ["input", "index"], doc: "Elements at flat positions",
      samples: [Sample([.init([2, 3]), .init([4], 0...5, dtype: .i64)])]
    ) { b, x, _ in
      let value = try b.tensor(x[0])
      let count = b.type(value).count
      let index = try b.joined([b.indices(x[1], as: "index", .index)], [count])
      return try b.take(b.reshape(value, [count]), index, 0)
    },
    FunctionEntry(
      "put", ["input", "index", "source"],
      [AttributeSpec("accumulate", .bool, default: .bool(false))],
      doc: "input with source in place of (or added to) elements at flat positions",
      samples: [Sample([.init([2, 3]), .init([2], 0...5, dtype: .i64), .init([2])])]
    ) { b, x, attributes in
      let value = try b.tensor(x[0])
      let count = b.type(value).count
      let index = try b.joined([b.indices(x[1], as: "index", .index)], [count])
      guard b.type(index).count == b.type(x[2].value).count,
        b.dtype(x[2].value) == b.dtype(value)
      else {
        throw b.fail(
          .runtime, "source and index do not fit, got \(b.list([x[2].value, index]))")
      }
      let places = try b.reshape(index, [b.type(index).count])
      let source = try b.reshape(x[2].value, b.shape(places))
      let flat = try b.reshape(value, [count])
      let result =
        try attributes.bool("accumulate")
        ? b.added(P.indexAdd, flat, places, source, 0)
        : b.put(flat, places, source, 0)
      return try b.reshape(result, b.shape(value))
    },
  ]
}

extension Builder {
  /// Indices into axes of these lengths as one; negative ones count from the end.
  mutating func joined(_ indices: [Value], _ lengths: [Int]) throws -> Value {
    try emit(P.joinIndices, indices, ["lengths": .ints(lengths)])
  }

  /// x joined with updates along an axis; x, index and updates have one rank.
  mutating func scatterReduce(
    _ x: Value, _ index: Value, _ updates: Value, _ axis: Int, _ attributes: Attributes
  ) throws -> Value {
    let (mode, includesSelf) = (attributes.string("reduce"), attributes.bool("include_self"))
    guard ["sum", "prod", "mean", "amax", "amin"].contains(mode) else {
      throw fail(.runtime, "reduce is 'sum', 'prod', 'mean', 'amax' or 'amin', got '\(mode)'")
    }
    guard dtype(x) != .bool, dtype(x) == dtype(updates) else {
      throw fail(.runtime, "takes two tensors of one number type, got \(list([x, updates]))")
    }
    if type(index).count == 0 { return x }
    let along: Attributes = ["axis": .int(axis)]
    if let join = ["prod": P.scatterProd, "amax": P.scatterMax, "amin": P.scatterMin][mode] {
      return try compute(
        join, [x, index, updates], ["axis": .int(axis), "fresh": .bool(!includesSelf)])
    }
    let base = try includesSelf ? x : scatterSet(x, index, full(0, [], dtype(x)), axis)
    let total = try compute(P.scatterAdd, [base, index, updates], along)
    if mode == "sum" { return total }
    // How many meet at a place, exactly: f32 counts to 2^24.
    let isShort = dtype(x).isFloating && shape(index)[axis] < 1 << 24
    let counting = isShort ? DType.f32 : .i64
    let own = try full(includesSelf ? 1 : 0, shape(x), counting)
    let sum = try emit(P.scatterAdd, [own, index, full(1, shape(index), counting)], along)
    let counts = try cast(includesSelf ? sum : op(P.maximum, sum, 1), dtype(x))
    return try op(dtype(x).isFloating ? P.div : P.floorDivide, total, counts)
  }
}
