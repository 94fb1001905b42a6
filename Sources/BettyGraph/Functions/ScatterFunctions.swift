// Scattering with a reduction, and reading and writing by flat positions. Where several updates meet,
// extremes are found by sorting the updates, products by a segmented scan, so that no result
// depends on the order of threads and every one has derivatives.

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
      let index = try b.wrapped(b.indices(x[1], as: "index", .index), count)
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
      let index = try b.wrapped(b.indices(x[1], as: "index", .index), count)
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
  /// Negative positions counted from the end.
  mutating func wrapped(_ index: Value, _ count: Int) throws -> Value {
    try select(op(P.lt, index, 0), op(P.add, index, Double(count)), index)
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
    let counts = try emit(
      P.scatterAdd, [full(0, shape(x), .i64), index, full(1, shape(index), .i64)], along)
    let isHit = try op(P.gt, counts, 0)
    if mode == "sum" || mode == "mean" {
      let base = includesSelf ? x : try select(isHit, 0, x)
      let total = try compute(P.scatterAdd, [base, index, updates], along)
      if mode == "sum" { return total }
      let own = try includesSelf ? op(P.add, counts, 1) : op(P.maximum, counts, 1)
      return try op(
        dtype(x).isFloating ? P.div : P.floorDivide, total, cast(own, dtype(x)))
    }
    let joined =
      try mode == "prod"
      ? scatterProduct(x, index, updates, axis)
      : scatterExtreme(x, index, updates, axis, mode == "amax", includesSelf: includesSelf)
    if mode != "prod" || !includesSelf { return try select(isHit, joined, x) }
    return try select(isHit, op(P.mul, joined, x), x)
  }

  /// Products of the updates that meet: sorted by index, a scan that stops at the first of each.
  private mutating func scatterProduct(
    _ x: Value, _ index: Value, _ updates: Value, _ axis: Int
  ) throws -> Value {
    let along: Attributes = ["axis": .int(axis)]
    let order = try emit(P.argsort, [index], ["axis": .int(axis), "descending": .bool(false)])
    let places = try emit(P.gather, [index, order], along)
    var totals = try emit(P.gather, [updates, order], along)
    let length = shape(index)[axis]
    var distance = 1
    while distance < length {
      let head = try slice(totals, axis: axis, from: 0, to: distance)
      let late = try slice(totals, axis: axis, from: distance, to: length)
      let early = try slice(totals, axis: axis, from: 0, to: length - distance)
      let isSame = try op(
        P.eq, slice(places, axis: axis, from: distance, to: length),
        slice(places, axis: axis, from: 0, to: length - distance))
      totals = try concatenate([head, op(P.mul, late, select(isSame, early, 1))], axis)
      distance *= 2
    }
    return try scatterSet(zeros(like: x), places, totals, axis)
  }

  /// The largest (or smallest) of the updates that meet. Written in rising order, the last one
  /// stays; the gradient is shared by all that are equal to it, as in PyTorch.
  private mutating func scatterExtreme(
    _ x: Value, _ index: Value, _ updates: Value, _ axis: Int, _ largest: Bool, includesSelf: Bool
  ) throws -> Value {
    let along: Attributes = ["axis": .int(axis)]
    let order = try compute(
      P.argsort, [updates], ["axis": .int(axis), "descending": .bool(!largest)])
    let written = try scatterSet(
      zeros(like: x), emit(P.gather, [index, order], along),
      emit(P.gather, [updates, order], along), axis)
    let extreme =
      try includesSelf ? op(largest ? P.maximum : P.minimum, written, x) : written
    guard dtype(x).isFloating else { return extreme }
    let there = try emit(P.gather, [extreme, index], along)
    var shares = try compute(P.cast, [op(P.eq, updates, there)], ["dtype": .dtype(dtype(x))])
    var own = try cast(op(P.eq, x, extreme), dtype(x))
    if !includesSelf { own = try zeros(like: x) }
    let count = try op(
      P.maximum, compute(P.scatterAdd, [own, index, shares], along), 1)
    shares = try op(P.div, shares, emit(P.gather, [count, index], along))
    own = try op(P.div, own, count)
    let parts = try (op(P.mul, own, x), op(P.mul, shares, updates))
    let sharing = try compute(P.scatterAdd, [parts.0, index, parts.1], along)
    return try emit(P.straightThrough, [sharing, extreme])
  }
}
