// Functions about the order of elements: sorting, ranks, quantiles, running extremes, searching.

import BettyKernelInterface

extension Functions {
  static let ordering: [FunctionEntry] = sorting + ranks + running + searching

  private static let lastDim = AttributeSpec("dim", .int, default: .int(-1))
  private static let descending = AttributeSpec("descending", .bool, default: .bool(false))

  private static let sorting: [FunctionEntry] = [
    FunctionEntry(
      "argsort", ["input"], [lastDim, descending],
      doc: "Indices that sort a dimension; equal elements keep their order, NaN is the largest",
      samples: sample([2, 3])
    ) { b, x, attributes in
      try b.order(b.tensor(x[0]), attributes, descending: attributes.bool("descending"))
    },
    FunctionEntry(
      tuple: "sort", ["input"], [lastDim, descending],
      doc: "The elements of a dimension in order, and where they were", samples: sample([2, 3])
    ) { b, x, attributes in
      let value = try b.tensor(x[0])
      let order = try b.order(value, attributes, descending: attributes.bool("descending"))
      return [try b.pick(value, order, attributes), order]
    },
    FunctionEntry(
      tuple: "topk", ["input"],
      [
        AttributeSpec("k", .int), lastDim, AttributeSpec("largest", .bool, default: .bool(true)),
        AttributeSpec("sorted", .bool, default: .bool(true)),
      ], doc: "The k largest (or smallest) elements of a dimension in order, and where they were",
      samples: sample([2, 3], at: ["k": .int(2)])
    ) { b, x, attributes in
      let value = try b.tensor(x[0])
      let axis = try b.axis(attributes.int("dim"), rank: b.rank(value))
      let (k, length) = (attributes.int("k"), b.rank(value) == 0 ? 1 : b.shape(value)[axis])
      guard k >= 0, k <= length else {
        throw b.fail(.runtime, "k must be in 0...\(length) for \(b.type(value)), got \(k)")
      }
      let order = try b.order(
        value, attributes, descending: attributes.bool("largest"), count: k)
      return [try b.pick(value, order, attributes), order]
    },
    FunctionEntry(
      "msort", ["input"], doc: "The elements of the first dimension in order",
      samples: sample([3, 2])
    ) { b, x, _ in
      let value = try b.tensor(x[0])
      let order = try b.order(value, ["dim": .int(0)], descending: false)
      return try b.pick(value, order, ["dim": .int(0)])
    },
  ]

  /// Value and index of one element of a sorted dimension.
  private static func ranked(
    _ name: String, _ attributes: [AttributeSpec], doc: String, samples: [Sample],
    place: @escaping @Sendable (inout Builder, Value, Int, Attributes) throws -> Value
  ) -> FunctionEntry {
    FunctionEntry(
      tuple: name, ["input"], attributes + [keepdim], doc: doc, samples: samples,
      returnsTuple: false
    ) { b, x, attributes in
      var value = try b.tensor(x[0])
      let isWhole = attributes["dim"] == nil
      if isWhole || b.rank(value) == 0 { value = try b.reshape(value, [b.type(value).count]) }
      let axis = try b.axis(isWhole ? 0 : attributes.int("dim"), rank: b.rank(value))
      try b.needElements(value, [axis], isWhole ? .runtime : .index)
      let order = try b.order(value, ["dim": .int(axis)], descending: false)
      let place = try place(&b, value, axis, attributes)
      let index = try b.emit(P.gather, [order, place], ["axis": .int(axis)])
      let found = try b.emit(P.gather, [value, index], ["axis": .int(axis)])
      let kept = attributes.bool("keepdim") && !isWhole && b.rank(x[0].value) > 0
      let shape = kept ? b.shape(found) : b.shape(found).dropping([axis])
      if isWhole { return [try b.reshape(b.sharing(found, value), shape)] }
      return try [found, index].map { try b.reshape($0, shape) }
    }
  }

  private static let ranks: [FunctionEntry] = [
    ranked(
      "kthvalue", [AttributeSpec("k", .int), lastDim],
      doc: "The k-th smallest element of a dimension, counted from 1, and where it is",
      samples: sample([2, 3], at: ["k": .int(2)])
    ) { b, value, axis, attributes in
      let (k, length) = (attributes.int("k"), b.shape(value)[axis])
      guard k >= 1, k <= length else {
        throw b.fail(.runtime, "k must be in 1...\(length), got \(k)")
      }
      return try b.full(integer: k - 1, b.shape(value).replacing(axis, with: 1))
    },
    ranked(
      "median", [oneDim], doc: "The middle element, the lower of two; with dim also where it is",
      samples: sample([2, 3]) + sample([2, 3], at: ["dim": .int(1)])
    ) { b, value, axis, _ in
      let length = b.shape(value)[axis]
      let middle = try b.full(
        integer: (length - 1) / 2, b.shape(value).replacing(axis, with: 1))
      guard b.dtype(value).isFloating else { return middle }
      // NaN is the largest: a dimension that has one has it behind its numbers.
      let numbers = try b.numbers(value, axis)
      let isWhole = try b.op(P.eq, numbers, Double(length))
      return try b.select(isWhole, middle, numbers)
    },
    ranked(
      "nanmedian", [oneDim], doc: "The middle of the elements that are not NaN",
      samples: sample([2, 3]) + sample([2, 3], at: ["dim": .int(1)])
    ) { b, value, axis, _ in
      let last = try b.op(P.sub, b.numbers(value, axis), 1)
      return try b.op(P.floorDivide, b.op(P.maximum, last, 0), 2)
    },
    ranked(
      "mode", [lastDim], doc: "The most frequent element of a dimension, the smallest of several",
      samples: sample([2, 3])
    ) { b, value, axis, _ in
      let order = try b.order(value, ["dim": .int(axis)], descending: false)
      let sorted = try b.moveAxis(
        b.emit(P.gather, [value, order], ["axis": .int(axis)]), from: axis, to: b.rank(value) - 1)
      let last = try b.endOfLongestRun(sorted)
      return try b.reshape(last, b.shape(value).replacing(axis, with: 1))
    },
    quantile("quantile", skipsNaN: false, doc: "Quantiles q of a dimension, or of all elements"),
    quantile("nanquantile", skipsNaN: true, doc: "Quantiles of the elements that are not NaN"),
  ]

  private static func quantile(_ name: String, skipsNaN: Bool, doc: String) -> FunctionEntry {
    FunctionEntry(
      name, ["input", "q"],
      [
        oneDim, keepdim,
        AttributeSpec("interpolation", .string, default: .string("linear")),
      ], doc: doc,
      samples: [
        Sample([.init([2, 5], distinct: true), .init([3], 0.1...0.9)], ["dim": .int(1)]),
        Sample([.init([5], distinct: true), .init([], 0.3...0.4)]),
      ]
    ) { b, x, attributes in
      let value = try b.needFloating(x[0], .runtime)
      return try b.quantile(
        value, b.cast(x[1].value, b.dtype(value)), attributes, skipsNaN: skipsNaN)
    }
  }

  private static func runningExtreme(_ name: String, largest: Bool, doc: String) -> FunctionEntry {
    FunctionEntry(
      tuple: name, ["input"], [AttributeSpec("dim", .int)], doc: doc,
      samples: sample([2, 3], at: ["dim": .int(1)])
    ) { b, x, attributes in
      let value = try b.tensor(x[0])
      let axis = try b.axis(attributes.int("dim"), rank: b.rank(value))
      if b.rank(value) == 0 { return [value, try b.full(0, [], .i64)] }
      let index = try b.compute(
        P.runningExtreme, [b.orderable(value)], ["axis": .int(axis), "largest": .bool(largest)])
      return [try b.emit(P.gather, [value, index], ["axis": .int(axis)]), index]
    }
  }

  private static let running: [FunctionEntry] = [
    runningExtreme("cummax", largest: true, doc: "Running maximum, and where it is"),
    runningExtreme("cummin", largest: false, doc: "Running minimum, and where it is"),
    FunctionEntry(
      "logcumsumexp", ["input"], [AttributeSpec("dim", .int)],
      doc: "log of the running sum of exp(input)", samples: sample([2, 3], at: ["dim": .int(1)])
    ) { b, x, attributes in
      let value = try b.needFloating(x[0], .runtime)
      let axis = try b.axis(attributes.int("dim"), rank: b.rank(value))
      if b.rank(value) == 0 { return value }
      return try b.scan(value, axis) { try $0.logAddExp($1, $2) }
    },
  ]

  private static let right = AttributeSpec("right", .bool, default: .bool(false))

  private static let searching: [FunctionEntry] = [
    FunctionEntry(
      "searchsorted", ["sorted_sequence", "input"], [right],
      doc: "Where each number goes in a sorted row: before equal ones, or behind them with right",
      samples: sample([4], [2, 3])
    ) { b, x, attributes in
      let values = try b.promoted([x[0], x[1]])
      return try b.search(values[0], values[1], right: attributes.bool("right"))
    },
    FunctionEntry(
      "bucketize", ["input", "boundaries"], [right],
      doc: "In which of the intervals between sorted boundaries each number lies",
      samples: sample([2, 3], [4])
    ) { b, x, attributes in
      let values = try b.promoted([x[0], x[1]])
      try b.needRank([values[1]], [1])
      return try b.search(values[1], values[0], right: attributes.bool("right"))
    },
    FunctionEntry(
      "histc", ["input"],
      [
        AttributeSpec("bins", .int, default: .int(100)),
        AttributeSpec("min", .double, default: .double(0)),
        AttributeSpec("max", .double, default: .double(0)),
      ], doc: "Counts in intervals of equal width from min to max; both 0 means those of the data",
      samples: sample([2, 3], at: ["bins": .int(4), "min": .double(-2), "max": .double(2)])
    ) { b, x, attributes in try b.histogram(b.needFloating(x[0], .runtime), attributes) },
  ]
}
