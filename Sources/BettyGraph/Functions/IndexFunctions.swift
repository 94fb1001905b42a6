// Functions that follow indices in data. Indices out of range are found by the kernels when a
// program runs; what attributes say is checked here. Negative indices in data count from the end in
// `index` and `index_put` alone, as in PyTorch.

import BettyKernelInterface

extension Functions {
  static let indexing: [FunctionEntry] = taking + adding + subscripts

  private static let dimOption = AttributeSpec("dim", .int)

  private static func samples(
    _ shape: [Int], indices: [Int], below: Int, then others: [Int]..., at attributes: Attributes
  ) -> [Sample] {
    let index = Sample.Input(indices, 0...Double(below - 1), dtype: .i64)
    return [Sample([.init(shape), index] + others.map { .init($0) }, attributes)]
  }

  private static let taking: [FunctionEntry] = [
    FunctionEntry(
      "index_select", ["input", "index"], [dimOption], doc: "Positions of a dimension by a vector",
      samples: samples([3, 2], indices: [4], below: 3, at: ["dim": .int(0)])
    ) { b, x, attributes in
      let index = try b.vector(b.indices(x[1], as: "index"))
      let value = try b.line(x[0])
      let axis = try b.realAxis(attributes.int("dim"), of: value)
      let taken = try b.take(value, index, axis)
      guard b.rank(x[0].value) == 0 else { return taken }
      guard b.type(index).count == 1 else {
        throw b.fail(.runtime, "a 0-d tensor has one position, got \(b.type(index).count) indices")
      }
      return try b.reshape(taken, [])
    },
    FunctionEntry(
      "gather", ["input", "index"],
      [dimOption, AttributeSpec("sparse_grad", .bool, default: .bool(false))],
      doc: "Elements along dim at index; gradients are dense, whatever sparse_grad says",
      samples: samples([2, 3], indices: [2, 2], below: 3, at: ["dim": .int(1)])
    ) { b, x, attributes in
      let (value, index) = try (b.line(x[0]), b.line(Operand(b.indices(x[1], as: "index"))))
      let axis = try b.realAxis(attributes.int("dim"), of: value)
      let gathered = try b.emit(
        P.gather, [b.fit(value, to: index, axis), index], ["axis": .int(axis)])
      return try b.reshape(gathered, b.shape(x[1].value))
    },
    FunctionEntry(
      "take_along_dim", ["input", "indices"], [oneDim],
      doc: "Elements along dim at indices, which broadcast; without dim, flat",
      samples: samples([2, 3], indices: [1, 2], below: 3, at: ["dim": .int(1)])
    ) { b, x, attributes in
      var (value, index) = try (b.tensor(x[0]), b.indices(x[1]))
      if attributes["dim"] == nil {
        value = try b.reshape(value, [b.type(value).count])
        index = try b.reshape(index, [b.type(index).count])
      }
      let axis = try b.realAxis(attributes.int("dim"), of: value)
      guard b.rank(index) == b.rank(value),
        let shape = broadcastShape(
          b.shape(value).replacing(axis, with: 1), b.shape(index).replacing(axis, with: 1))
      else { throw b.fail(.runtime, "shapes do not broadcast, got \(b.list([value, index]))") }
      let (length, count) = (b.shape(value)[axis], b.shape(index)[axis])
      value = try b.broadcast(value, to: shape.replacing(axis, with: length))
      index = try b.broadcast(index, to: shape.replacing(axis, with: count))
      return try b.emit(P.gather, [value, index], ["axis": .int(axis)])
    },
    FunctionEntry(
      "embedding", ["input", "weight"], [AttributeSpec("padding_idx", .int, optional: true)],
      doc: "Rows of weight by the indices in input; the row padding_idx gets no gradient",
      samples: [
        Sample([.init([2, 2], 0...3, dtype: .i64), .init([4, 3])]),
        Sample(
          [.init([5], 0...3, dtype: .i64), .init([4, 3])], ["padding_idx": .int(-3)]),
      ]
    ) { b, x, attributes in
      let (index, weight) = try (b.indices(x[0], as: "input"), x[1].value)
      try b.needRank([weight], [2])
      let rows = try b.take(weight, index, 0)
      guard attributes["padding_idx"] != nil else { return rows }
      let (padding, count) = (attributes.int("padding_idx"), b.shape(weight)[0])
      guard padding >= -count, padding < count else {
        throw b.fail(
          .value, "padding_idx must be within the \(count) rows of weight, got \(padding)")
      }
      // The rows are the same whether they pass a gradient or not, so the table is never copied.
      let place = try b.full(Double(padding < 0 ? padding + count : padding), b.shape(index), .i64)
      let isPadding = try b.spread(
        b.op(P.eq, index, place), over: [b.rank(rows) - 1], like: rows)
      return try b.select(isPadding, b.emit(P.stopGradient, [rows]), rows)
    },
    FunctionEntry(
      "one_hot", ["input"], [AttributeSpec("num_classes", .int)],
      doc: "A row of zeros with a one at each index",
      samples: [Sample([.init([3], 0...3, dtype: .i64)], ["num_classes": .int(4)])]
    ) { b, x, attributes in
      let classes = attributes.int("num_classes")
      guard classes > 0 else {
        throw b.fail(.runtime, "num_classes must be positive, got \(classes)")
      }
      return try b.emit(
        P.oneHot, [b.indices(x[0], as: "input")], ["classes": .int(classes), "dtype": .dtype(.i64)])
    },
  ]

  private static let adding: [FunctionEntry] = [
    FunctionEntry(
      "index_add", ["input", "index", "source", "alpha?"], [dimOption],
      doc: "input with alpha * source added at positions of a dimension",
      samples: samples(
        [3, 2], indices: [4], below: 3, then: [4, 2], at: ["dim": .int(0)])
    ) { b, x, attributes in
      let target = try b.indexTarget(x, attributes)
      var source = target.source
      if let alpha = x.optional(3) {
        source = try b.op(P.mul, source, b.cast(alpha.value, b.dtype(source)))
      }
      let sum = try b.added(P.indexAdd, target.value, target.index, source, target.axis)
      return try b.reshape(sum, b.shape(x[0].value))
    },
    FunctionEntry(
      "index_copy", ["input", "index", "source"], [dimOption],
      doc: "input with source in place of positions of a dimension; the last of equal indices wins",
      samples: samples(
        [3, 2], indices: [1], below: 3, then: [1, 2], at: ["dim": .int(0)])
    ) { b, x, attributes in
      let target = try b.indexTarget(x, attributes)
      let result = try b.put(target.value, target.index, target.source, target.axis)
      return try b.reshape(result, b.shape(x[0].value))
    },
    FunctionEntry(
      "index_fill", ["input", "index", "value"], [dimOption],
      doc: "input with value at positions of a dimension",
      samples: samples([3, 2], indices: [2], below: 3, then: [], at: ["dim": .int(0)])
    ) { b, x, attributes in
      let (value, index) = try (b.line(x[0]), b.vector(b.indices(x[1], as: "index")))
      let axis = try b.realAxis(attributes.int("dim"), of: value)
      let fill = try b.cast(x[2].value, b.dtype(value))
      try b.needRank([fill], [0])
      let shape = b.shape(value).replacing(axis, with: b.type(index).count)
      let result = try b.put(value, index, b.broadcast(fill, to: shape), axis)
      return try b.reshape(result, b.shape(x[0].value))
    },
    FunctionEntry(
      "scatter_add", ["input", "index", "src"], [dimOption],
      doc: "input with src added along dim at index",
      samples: samples(
        [2, 3], indices: [2, 2], below: 3, then: [2, 2], at: ["dim": .int(1)])
    ) { b, x, attributes in
      try b.scatter(x, attributes) { b, part, index, source, axis in
        let updates = try b.broadcast(source, to: b.shape(index))
        return try b.added(P.scatterAdd, part, index, updates, axis)
      }
    },
    FunctionEntry(
      "scatter", ["input", "index", "src"], [dimOption],
      doc: "input with src (a tensor or number) in place along dim at index; the last one wins",
      samples: samples(
        [2, 3], indices: [2, 1], below: 3, then: [2, 1], at: ["dim": .int(1)])
    ) { b, x, attributes in
      try b.scatter(x, attributes) { b, part, index, source, axis in
        try b.scatterSet(part, index, source, axis)
      }
    },
    FunctionEntry(
      "select_scatter", ["input", "src"], [dimOption, AttributeSpec("index", .int)],
      doc: "input with src in place of one position of a dimension",
      samples: sample([2, 3], [2], at: ["dim": .int(1), "index": .int(0)])
    ) { b, x, attributes in
      let value = try b.tensor(x[0])
      let axis = try b.realAxis(attributes.int("dim"), of: value)
      let place = try b.position(attributes.int("index"), axis: axis, of: value)
      let shape = b.shape(value).replacing(axis, with: 1)
      let flat = b.shape(value).dropping([axis])
      guard b.shape(x[1].value) == flat else {
        throw b.fail(.runtime, "src must be \(flat), got \(b.type(x[1].value))")
      }
      let source = try b.reshape(b.cast(x[1].value, b.dtype(value)), shape)
      let range = SliceRange(start: place, stop: place + 1, step: 1)
      return try b.write(source, into: value, axis: axis, range)
    },
    FunctionEntry(
      "slice_scatter", ["input", "src"],
      [
        AttributeSpec("dim", .int, default: .int(0)), AttributeSpec("start", .int, optional: true),
        AttributeSpec("end", .int, optional: true), AttributeSpec("step", .int, default: .int(1)),
      ], doc: "input with src in place of a slice",
      samples: sample([4, 3], [2, 3], at: ["start": .int(0), "end": .int(4), "step": .int(2)])
    ) { b, x, attributes in
      let value = try b.tensor(x[0])
      let axis = try b.realAxis(attributes.int("dim"), of: value)
      let range = try b.sliceRange(attributes, length: b.shape(value)[axis])
      let shape = b.shape(value).replacing(axis, with: range.count)
      guard b.shape(x[1].value) == shape else {
        throw b.fail(.runtime, "src must be \(shape), got \(b.type(x[1].value))")
      }
      return try b.write(b.cast(x[1].value, b.dtype(value)), into: value, axis: axis, range)
    },
  ]

  private static let items = AttributeSpec("items", .ints)
  private static let picked = [0, 1, 0, 0, 3, 0, 0, 0]

  private static let subscripts: [FunctionEntry] = [
    FunctionEntry(
      "index", ["input", "indices*"], [items],
      doc: "input[items]; four numbers an item: 0 i for an integer, 1 start stop step for a slice, "
        + "2 for a new axis, 3 for the next tensor of indices, 4 for an ellipsis",
      samples: samples([2, 3], indices: [4], below: 3, at: ["items": .ints(picked)])
    ) { b, x, attributes in
      let value = try b.tensor(x[0])
      let plan = try b.subscriptPlan(attributes.ints("items"), of: value, x.rest)
      return try b.read(value, plan)
    },
    FunctionEntry(
      "index_put", ["input", "values", "indices*"],
      [items, AttributeSpec("accumulate", .bool, default: .bool(false))],
      doc: "input with input[items] = values, or += with accumulate; items as for index",
      samples: [
        Sample(
          [.init([2, 3]), .init([1]), .init([1], 0...2, dtype: .i64)], ["items": .ints(picked)])
      ]
    ) { b, x, attributes in
      let value = try b.tensor(x[0])
      let plan = try b.subscriptPlan(attributes.ints("items"), of: value, x.rest)
      let source = try b.cast(x[1].value, b.dtype(value))
      return try b.write(source, into: value, plan, accumulate: attributes.bool("accumulate"))
    },
  ]
}
