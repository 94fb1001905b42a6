// Functions that move elements without computing: shapes, order, parts, joins.

import BettyKernelInterface

extension Functions {
  static let movement: [FunctionEntry] = shapes + orders + copies

  static let sizes = AttributeSpec("size", .ints)

  /// A function of one tensor that keeps its elements and type.
  static func moving(
    _ name: String, _ attributes: [AttributeSpec] = [], doc: String, samples: [Sample],
    body: @escaping @Sendable (inout Builder, Value, Attributes) throws -> Value
  ) -> FunctionEntry {
    FunctionEntry(name, ["input"], attributes, doc: doc, samples: samples) { b, x, attributes in
      try body(&b, b.tensor(x[0]), attributes)
    }
  }

  private static let shapes: [FunctionEntry] = [
    moving(
      "reshape", [AttributeSpec("shape", .ints)],
      doc: "The same elements in another shape; one dimension may be -1",
      samples: sample([2, 3], at: ["shape": .ints([3, -1])])
    ) { b, x, attributes in try b.reshape(x, b.resolve(attributes.ints("shape"), of: x)) },
    moving(
      "flatten",
      [
        AttributeSpec("start_dim", .int, default: .int(0)),
        AttributeSpec("end_dim", .int, default: .int(-1)),
      ], doc: "Dimensions start_dim to end_dim as one", samples: sample([2, 3, 4])
    ) { b, x, attributes in
      let first = try b.axis(attributes.int("start_dim"), rank: b.rank(x))
      let last = try b.axis(attributes.int("end_dim"), rank: b.rank(x))
      guard first <= last else {
        throw b.fail(.runtime, "start_dim comes after end_dim, got \(first) and \(last)")
      }
      let shape = b.shape(x)
      if shape.isEmpty { return try b.reshape(x, [1]) }
      return try b.reshape(x, shape.replacing(first...last, with: [shape[first...last].product]))
    },
    moving(
      "unflatten", [AttributeSpec("dim", .int), AttributeSpec("sizes", .ints)],
      doc: "One dimension as several",
      samples: sample([2, 6], at: ["dim": .int(1), "sizes": .ints([2, -1])])
    ) { b, x, attributes in
      let axis = try b.axis(attributes.int("dim"), rank: b.rank(x))
      let shape = b.shape(x)
      guard axis < shape.count else { throw b.fail(.runtime, "a scalar has no dimension") }
      let sizes = try b.resolve(attributes.ints("sizes"), count: shape[axis])
      return try b.reshape(x, shape.replacing(axis...axis, with: sizes))
    },
    moving(
      "permute", [AttributeSpec("dims", .ints)], doc: "Dimensions in another order",
      samples: sample([2, 3, 4], at: ["dims": .ints([2, 0, -2])])
    ) { b, x, attributes in
      let dims = attributes.ints("dims")
      guard dims.count == b.rank(x) else {
        throw b.fail(.runtime, "takes \(b.rank(x)) dims for \(b.type(x)), got \(dims)")
      }
      return try b.permute(x, b.axes(dims, rank: b.rank(x)))
    },
  ]

  private static let orders: [FunctionEntry] = [
    moving(
      "transpose", [AttributeSpec("dim0", .int), AttributeSpec("dim1", .int)],
      doc: "Two dimensions exchanged",
      samples: sample([2, 3, 4], at: ["dim0": .int(0), "dim1": .int(-1)])
    ) { b, x, attributes in
      let first = try b.axis(attributes.int("dim0"), rank: b.rank(x))
      let second = try b.axis(attributes.int("dim1"), rank: b.rank(x))
      var axes = Array(0..<b.rank(x))
      if first != second { axes.swapAt(first, second) }
      return try b.permute(x, axes)
    },
    moving("t", doc: "Transposed matrix; a vector stays", samples: sample([2, 3])) { b, x, _ in
      guard b.rank(x) <= 2 else {
        throw b.fail(.runtime, "takes at most 2 dimensions, got \(b.type(x))")
      }
      return try b.permute(x, (0..<b.rank(x)).reversed())
    },
    moving(
      "movedim", [AttributeSpec("source", .ints), AttributeSpec("destination", .ints)],
      doc: "Dimensions moved to other places",
      samples: sample([2, 3, 4], at: ["source": .int(0), "destination": .int(-1)])
    ) { b, x, attributes in
      let from = try b.axes(attributes.ints("source"), rank: b.rank(x))
      let to = try b.axes(attributes.ints("destination"), rank: b.rank(x))
      guard from.count == to.count else {
        throw b.fail(.runtime, "source and destination differ in length, got \(from) and \(to)")
      }
      var rest = (0..<b.rank(x)).filter { !from.contains($0) }
      for (place, axis) in zip(to, from).sorted(by: { $0.0 < $1.0 }) where b.rank(x) > 0 {
        rest.insert(axis, at: place)
      }
      return try b.permute(x, rest)
    },
    moving(
      "flip", [AttributeSpec("dims", .ints)], doc: "Backwards along dims",
      samples: sample([2, 3], at: ["dims": .ints([0, 1])])
    ) { b, x, attributes in
      try b.flip(x, b.axes(attributes.ints("dims"), rank: b.rank(x)))
    },
    moving(
      "roll", [AttributeSpec("shifts", .ints), AttributeSpec("dims", .ints, optional: true)],
      doc: "Shifted round; without dims, flat",
      samples: sample([2, 3], at: ["shifts": .int(1), "dims": .int(1)])
    ) { b, x, attributes in
      let shifts = attributes.ints("shifts")
      guard attributes["dims"] != nil else {
        let flat = try b.reshape(x, [b.type(x).count])
        return try b.reshape(b.roll(flat, shifts, [0]), b.shape(x))
      }
      return try b.roll(x, shifts, b.axes(attributes.ints("dims"), rank: b.rank(x)))
    },
  ]

  private static let copies: [FunctionEntry] = [
    moving(
      "squeeze", [dim], doc: "Without dimensions of length 1, all or those named",
      samples: sample([2, 1, 3])
    ) { b, x, attributes in
      let shape = b.shape(x)
      let named =
        attributes["dim"] == nil
        ? Array(shape.indices) : try b.axes(attributes.ints("dim"), rank: shape.count)
      let kept = shape.indices.filter { shape[$0] != 1 || !named.contains($0) }
      return try b.reshape(x, kept.map { shape[$0] })
    },
    moving(
      "unsqueeze", [AttributeSpec("dim", .int)], doc: "With a new dimension of length 1",
      samples: sample([2, 3], at: ["dim": .int(-1)])
    ) { b, x, attributes in
      var shape = b.shape(x)
      shape.insert(1, at: try b.axis(attributes.int("dim"), rank: shape.count + 1))
      return try b.reshape(x, shape)
    },
    moving(
      "expand", [AttributeSpec("size", .ints)],
      doc: "Dimensions of length 1 repeated to size; -1 keeps one",
      samples: sample([2, 1], at: ["size": .ints([4, -1, 3])])
    ) { b, x, attributes in try b.expand(x, attributes.ints("size")) },
    moving(
      "repeat", [AttributeSpec("repeats", .ints)], doc: "The whole, repeated along each dimension",
      samples: sample([2, 3], at: ["repeats": .ints([2, 1, 3])])
    ) { b, x, attributes in
      let repeats = attributes.ints("repeats")
      guard repeats.count >= b.rank(x) else {
        throw b.fail(.runtime, "takes \(b.rank(x)) repeats at least, got \(repeats)")
      }
      return try b.tile(x, repeats)
    },
    moving(
      "tile", [AttributeSpec("dims", .ints)], doc: "Like repeat, missing leading counts are 1",
      samples: sample([2, 3], at: ["dims": .ints([2])])
    ) { b, x, attributes in
      let dims = attributes.ints("dims")
      let missing = [Int](repeating: 1, count: max(0, b.rank(x) - dims.count))
      return try b.tile(x, missing + dims)
    },
    moving(
      "repeat_interleave", [AttributeSpec("repeats", .int), oneDim],
      doc: "Each element repeated, along dim or flat",
      samples: sample([2, 3], at: ["repeats": .int(2), "dim": .int(1)])
    ) { b, x, attributes in
      let flat = attributes["dim"] == nil || b.rank(x) == 0
      let value = try flat ? b.reshape(x, [b.type(x).count]) : x
      let axis = flat ? 0 : try b.axis(attributes.int("dim"), rank: b.rank(x))
      let shape = b.shape(value)
      var spread = shape
      spread.insert(1, at: axis + 1)
      let open = try b.reshape(value, spread)
      spread[axis + 1] = try b.size(attributes.int("repeats"), "repeats")
      let wide = try b.broadcast(open, to: spread)
      return try b.reshape(wide, shape.replacing(axis, with: shape[axis] * spread[axis + 1]))
    },
  ]
}

extension Builder {
  /// A shape with at most one -1, for a count of elements.
  func resolve(_ wanted: [Int], count: Int) throws -> [Int] {
    var shape = wanted
    var known = 1
    for dimension in wanted where dimension != -1 {
      let (product, overflow) = known.multipliedReportingOverflow(by: dimension)
      guard dimension >= 0, !overflow else { throw fail(.runtime, "invalid shape \(wanted)") }
      known = product
    }
    let open = wanted.indices.filter { wanted[$0] == -1 }
    guard open.count <= 1 else {
      throw fail(.runtime, "only one dimension of \(wanted) can be inferred")
    }
    if let axis = open.first {
      guard known > 0, count % known == 0 else {
        throw fail(.runtime, "shape \(wanted) is invalid for \(count) elements")
      }
      shape[axis] = count / known
    } else if known != count {
      throw fail(.runtime, "shape \(wanted) is invalid for \(count) elements")
    }
    return shape
  }

  func resolve(_ wanted: [Int], of x: Value) throws -> [Int] {
    do {
      return try resolve(wanted, count: type(x).count)
    } catch let error as BettyError {
      throw BettyError(error.kind, error.message + ", got \(type(x))")
    }
  }

  /// A count given by the user.
  func size(_ value: Int, _ what: String) throws -> Int {
    guard value >= 0 else { throw fail(.runtime, "\(what) must not be negative, got \(value)") }
    return value
  }

  mutating func expand(_ x: Value, _ size: [Int]) throws -> Value {
    let shape = self.shape(x)
    let skipped = size.count - shape.count
    let wanted = size.enumerated().map { axis, length in
      length == -1 && axis >= skipped && skipped >= 0 ? shape[axis - skipped] : length
    }
    guard skipped >= 0, wanted.allSatisfy({ $0 >= 0 }), broadcastShape(shape, wanted) == wanted
    else { throw fail(.runtime, "\(type(x)) does not expand to \(size)") }
    return try broadcast(x, to: wanted)
  }

  mutating func flip(_ x: Value, _ axes: [Int]) throws -> Value {
    let shape = self.shape(x)
    let turned = axes.filter { $0 < shape.count && shape[$0] > 1 }
    if turned.isEmpty { return x }
    var starts = [Int](repeating: 0, count: shape.count)
    var (stops, steps) = (shape, [Int](repeating: 1, count: shape.count))
    for axis in turned { (starts[axis], stops[axis], steps[axis]) = (shape[axis] - 1, -1, -1) }
    return try emit(
      P.slice, [x], ["starts": .ints(starts), "stops": .ints(stops), "steps": .ints(steps)])
  }

  mutating func roll(_ x: Value, _ shifts: [Int], _ axes: [Int]) throws -> Value {
    guard shifts.count == axes.count else {
      throw fail(.runtime, "shifts and dims differ in length, got \(shifts) and \(axes)")
    }
    var result = x
    for (shift, axis) in zip(shifts, axes) where axis < rank(x) {
      let length = shape(x)[axis]
      if length == 0 { continue }
      let back = shift % length
      let cut = (length - (back < 0 ? back + length : back)) % length
      if cut == 0 { continue }
      let head = try slice(result, axis: axis, from: 0, to: cut)
      let tail = try slice(result, axis: axis, from: cut, to: length)
      result = try concatenate([tail, head], axis)
    }
    return result
  }

  mutating func concatenate(_ values: [Value], _ axis: Int) throws -> Value {
    values.count == 1 ? values[0] : try emit(P.concatenate, values, ["axis": .int(axis)])
  }

  /// [2, 3] repeated [4, 1, 2] times: [4, 1, 1, 2, 2, 3] as [4, 2, 6].
  mutating func tile(_ x: Value, _ repeats: [Int]) throws -> Value {
    let skipped = repeats.count - rank(x)
    let shape = [Int](repeating: 1, count: skipped) + self.shape(x)
    for count in repeats { _ = try size(count, "repeats") }
    let open = try reshape(x, shape.flatMap { [1, $0] })
    let wide = try broadcast(open, to: zip(repeats, shape).flatMap { [$0, $1] })
    return try reshape(wide, zip(repeats, shape).map { $0 &* $1 })
  }
}
