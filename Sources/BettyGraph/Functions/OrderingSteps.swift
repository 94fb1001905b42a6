// The steps behind sorting, quantiles, searching and counting.

import BettyKernelInterface

extension Builder {
  /// Indices that sort attribute `dim`, or the first `count` of them.
  mutating func order(
    _ x: Value, _ attributes: Attributes, descending: Bool, count: Int? = nil
  ) throws -> Value {
    let axis = try axis(attributes.int("dim"), rank: rank(x))
    if rank(x) == 0 { return try full(0, [], .i64) }
    var sorting: Attributes = ["axis": .int(axis), "descending": .bool(descending)]
    if let count { sorting["count"] = .int(count) }
    return try compute(P.argsort, [orderable(x)], sorting)
  }

  /// An element found in a vector, whose gradient all that are equal to it share. NaN is equal to NaN.
  mutating func sharing(_ found: Value, _ x: Value) throws -> Value {
    guard dtype(x).isFloating else { return found }
    let areMissing = try op(P.logicalAnd, op(P.ne, x, x), op(P.ne, found, found))
    let equal = try cast(op(P.logicalOr, op(P.eq, x, found), areMissing), dtype(x))
    let shares = try op(P.div, equal, reduce(P.sum, equal, [0]))
    let shared = try reshape(reduce(P.sum, op(P.mul, x, shares), [0]), shape(found))
    return try emit(P.straightThrough, [shared, found])
  }

  /// Where the longest run of equal elements of the last axis ends, the first of several.
  mutating func endOfLongestRun(_ x: Value) throws -> Value {
    let axis = rank(x) - 1
    let along: Attributes = ["axis": .int(axis)]
    let running: Attributes = ["axis": .int(axis), "reverse": .bool(false)]
    let length = shape(x)[axis]
    let isNew = try op(
      P.ne, slice(x, axis: axis, from: 1, to: length),
      slice(x, axis: axis, from: 0, to: length - 1))
    let first = try full(0, shape(x).replacing(axis, with: 1), .i64)
    let run = try emit(P.cumsum, [concatenate([first, cast(isNew, .i64)], axis)], running)
    let (none, ones) = try (full(0, shape(x), .i64), full(1, shape(x), .i64))
    let lengths = try emit(P.scatterAdd, [none, run, ones], along)
    // Runs of no element stand behind all others.
    let longest = try reshape(emit(P.argmax, [lengths], along), shape(first))
    let ends = try emit(P.cumsum, [lengths], running)
    return try op(P.sub, emit(P.gather, [ends, longest], along), 1)
  }

  mutating func pick(_ x: Value, _ index: Value, _ attributes: Attributes) throws -> Value {
    if rank(x) == 0 { return x }
    let axis = try axis(attributes.int("dim"), rank: rank(x))
    return try emit(P.gather, [x, index], ["axis": .int(axis)])
  }

  /// How many elements of an axis are not NaN: i64, with the axis kept.
  mutating func numbers(_ x: Value, _ axis: Int) throws -> Value {
    let kept = shape(x).replacing(axis, with: 1)
    guard dtype(x).isFloating else { return try full(integer: shape(x)[axis], kept) }
    let counts = try reduce(P.sum, cast(op(P.eq, x, x), .i64), [axis])
    return try reshape(counts, kept)
  }

  /// Doubling (Hillis and Steele 1986): after step s each element holds what the last 2^s give.
  mutating func scan(
    _ x: Value, _ axis: Int, _ join: (inout Builder, Value, Value) throws -> Value
  ) throws -> Value {
    let length = shape(x)[axis]
    var (result, distance) = (x, 1)
    while distance < length {
      let head = try slice(result, axis: axis, from: 0, to: distance)
      let late = try slice(result, axis: axis, from: distance, to: length)
      let early = try slice(result, axis: axis, from: 0, to: length - distance)
      result = try concatenate([head, join(&self, early, late)], axis)
      distance *= 2
    }
    return result
  }

  mutating func search(_ sorted: Value, _ wanted: Value, right: Bool) throws -> Value {
    let (rows, shape) = (self.shape(sorted), self.shape(wanted))
    guard let length = rows.last else {
      throw fail(.runtime, "the sorted sequence needs a dimension, got \(list([sorted, wanted]))")
    }
    var flat = wanted
    if rows.count == 1 {
      flat = try reshape(wanted, [type(wanted).count])
    } else if shape.isEmpty || rows.dropLast() != shape.dropLast() {
      throw fail(
        .runtime, "all dimensions but the last must be equal, got \(list([sorted, wanted]))")
    }
    if length == 0 { return try full(0, shape, .i64) }
    let (line, values) = try (orderable(sorted), orderable(flat))
    return try reshape(
      compute(P.searchSorted, [line, values], ["right": .bool(right)]), shape)
  }

  /// A row of counts; what lies outside the ends is not counted.
  mutating func histogram(_ x: Value, _ attributes: Attributes) throws -> Value {
    let bins = attributes.int("bins")
    let (low, high) = (attributes.double("min"), attributes.double("max"))
    guard bins > 0, low <= high, low.isFinite, high.isFinite else {
      throw fail(.runtime, "takes bins > 0 and finite min <= max, got \(bins), \(low), \(high)")
    }
    let flat = try reshape(x, [type(x).count])
    let result = try full(0, [bins], dtype(x))
    if type(x).count == 0 { return result }
    var bounds = try (full(low, [], dtype(x)), full(high, [], dtype(x)))
    if low == high {
      let ends = try (reduce(P.min, flat, [0]), reduce(P.max, flat, [0]))
      let isPoint = try op(P.eq, ends.0, ends.1)
      bounds = low == 0 ? ends : bounds
      if low == 0 {
        bounds = try (
          select(isPoint, op(P.sub, ends.0, 1), ends.0),
          select(isPoint, op(P.add, ends.1, 1), ends.1)
        )
      } else {
        bounds = try (op(P.sub, bounds.0, 1), op(P.add, bounds.1, 1))
      }
    }
    let width = try op(P.sub, bounds.1, bounds.0)
    let part = try op(P.div, op(P.sub, flat, bounds.0), width)
    let place = try op(P.minimum, op(P.floor, op(P.mul, part, Double(bins))), Double(bins - 1))
    let inside = try op(P.logicalAnd, op(P.ge, part, 0), op(P.le, part, 1))
    let index = try cast(select(inside, place, 0), .i64)
    return try compute(P.indexAdd, [result, index, cast(inside, dtype(x))], ["axis": .int(0)])
  }

  /// Quantiles of the last of the axes put there; those of several q come first.
  mutating func quantile(
    _ x: Value, _ q: Value, _ attributes: Attributes, skipsNaN: Bool
  ) throws -> Value {
    guard rank(q) <= 1 else {
      throw fail(.runtime, "q must be a number or a vector, got \(type(q))")
    }
    let isWhole = attributes["dim"] == nil
    let full = isWhole || rank(x) == 0 ? try reshape(x, [type(x).count]) : x
    let axis = try axis(isWhole ? 0 : attributes.int("dim"), rank: rank(full))
    try needElements(full, [axis], .runtime)
    let row = try moveAxis(full, from: axis, to: rank(full) - 1)
    let last = rank(row) - 1
    let order = try self.order(row, ["dim": .int(last)], descending: false)
    let sorted = try emit(P.gather, [row, order], ["axis": .int(last)])
    let count = try numbers(row, last)
    let top = try op(P.maximum, op(P.sub, count, 1), 0)
    let lines = try reshape(q, [type(q).count])
    let rank = try op(P.mul, lines, cast(top, dtype(x)))
    var value = try interpolated(sorted, rank, attributes.string("interpolation"))
    let isMissing =
      try skipsNaN ? op(P.eq, count, 0) : op(P.lt, count, Double(shape(row)[last]))
    value = try select(isMissing, .nan, value)
    value = try moveAxis(value, from: last, to: 0)
    var shape = Array(self.shape(value).dropFirst())
    if attributes.bool("keepdim") {
      shape = isWhole ? self.shape(x).map { _ in 1 } : self.shape(full).replacing(axis, with: 1)
    }
    return try reshape(value, self.shape(q) + shape)
  }

  /// Elements of the last axis at fractional ranks.
  private mutating func interpolated(
    _ sorted: Value, _ rank: Value, _ mode: String
  ) throws -> Value {
    let attributes: Attributes = ["axis": .int(self.rank(sorted) - 1)]
    func at(_ b: inout Builder, _ rank: Value) throws -> Value {
      try b.emit(P.gather, [sorted, b.cast(rank, .i64)], attributes)
    }
    let (below, above) = try (op(P.floor, rank), op(P.ceil, rank))
    switch mode {
    case "lower": return try at(&self, below)
    case "higher": return try at(&self, above)
    case "nearest": return try at(&self, op(P.round, rank))
    case "midpoint": return try op(P.mul, op(P.add, at(&self, below), at(&self, above)), 0.5)
    case "linear":
      let (low, high) = try (at(&self, below), at(&self, above))
      return try op(
        P.add, low, op(P.mul, op(P.sub, rank, below), op(P.sub, high, low)))
    default:
      throw fail(
        .runtime,
        "interpolation is 'linear', 'lower', 'higher', 'midpoint' or 'nearest', got '\(mode)'")
    }
  }
}
