// More functions that arrange elements: diagonals put in, rotations, windows, joins under other
// names, differences between neighbours.

import BettyKernelInterface

extension Functions {
  static let arrangement: [FunctionEntry] = turns + inserted + windows + splitting + joined

  private static let turns: [FunctionEntry] = [
    moving("fliplr", doc: "Columns backwards", samples: sample([2, 3])) { b, x, _ in
      guard b.rank(x) >= 2 else {
        throw b.fail(.runtime, "takes 2 dimensions at least, got \(b.type(x))")
      }
      return try b.flip(x, [1])
    },
    moving("flipud", doc: "Rows backwards", samples: sample([2, 3])) { b, x, _ in
      guard b.rank(x) >= 1 else {
        throw b.fail(.runtime, "takes 1 dimension at least, got a scalar")
      }
      return try b.flip(x, [0])
    },
    moving(
      "rot90",
      [
        AttributeSpec("k", .int, default: .int(1)),
        AttributeSpec("dims", .ints, default: .ints([0, 1])),
      ], doc: "Turned k times by 90 degrees, from dims[0] towards dims[1]", samples: sample([2, 3])
    ) { b, x, attributes in
      let axes = try b.axes(attributes.ints("dims"), rank: b.rank(x))
      guard axes.count == 2, b.rank(x) >= 2 else {
        throw b.fail(.runtime, "dims must be two dimensions of \(b.type(x)), got \(axes)")
      }
      var swapped = Array(0..<b.rank(x))
      swapped.swapAt(axes[0], axes[1])
      switch ((attributes.int("k") % 4) + 4) % 4 {
      case 1: return try b.permute(b.flip(x, [axes[1]]), swapped)
      case 2: return try b.flip(x, axes)
      case 3: return try b.flip(b.permute(x, swapped), [axes[1]])
      default: return x
      }
    },
    moving("ravel", doc: "All elements in one dimension", samples: sample([2, 3])) { b, x, _ in
      try b.reshape(x, [b.type(x).count])
    },
    moving("adjoint", doc: "The last two dimensions exchanged", samples: sample([2, 3])) {
      b, x, _ in
      guard b.rank(x) >= 2 else {
        throw b.fail(.runtime, "takes 2 dimensions at least, got \(b.type(x))")
      }
      return try b.transposed(x)
    },
  ]

  private static let offset = AttributeSpec("offset", .int, default: .int(0))
  private static let planeDims = [
    AttributeSpec("dim1", .int, default: .int(-2)), AttributeSpec("dim2", .int, default: .int(-1)),
  ]

  private static let inserted: [FunctionEntry] = [
    moving(
      "diag_embed", [offset] + planeDims,
      doc: "Matrices whose diagonals are the last dimension",
      samples: sample([2, 3], at: ["offset": .int(1)])
    ) { b, x, attributes in
      guard b.rank(x) >= 1 else {
        throw b.fail(.runtime, "takes 1 dimension at least, got a scalar")
      }
      let rank = b.rank(x) + 1
      let axes = try b.axes([attributes.int("dim1"), attributes.int("dim2")], rank: rank)
      let value = try b.diagonalMatrices(x, attributes.int("offset"))
      var order = Array(0..<rank - 2)
      for (axis, place) in zip(axes, [rank - 2, rank - 1]).sorted(by: { $0.0 < $1.0 }) {
        order.insert(place, at: axis)
      }
      return try b.permute(value, order)
    },
    moving(
      "diagflat", [offset], doc: "A matrix whose diagonal holds all elements",
      samples: sample([2, 2])
    ) { b, x, attributes in
      try b.diagonalMatrices(b.reshape(x, [b.type(x).count]), attributes.int("offset"))
    },
    FunctionEntry(
      "diagonal_scatter", ["input", "src"],
      [
        offset, AttributeSpec("dim1", .int, default: .int(0)),
        AttributeSpec("dim2", .int, default: .int(1)),
      ], doc: "input with src in place of the diagonals of two dimensions",
      samples: sample([3, 3], [3])
    ) { b, x, attributes in
      let value = try b.tensor(x[0])
      guard b.rank(value) >= 2 else {
        throw b.fail(.runtime, "takes 2 dimensions at least, got \(b.type(value))")
      }
      let axes = try b.axes(
        [attributes.int("dim1"), attributes.int("dim2")], rank: b.rank(value))
      let order = (0..<b.rank(value)).filter { !axes.contains($0) } + axes
      let moved = try b.permute(value, order)
      let source = try b.cast(x[1].value, b.dtype(value))
      let written = try b.withDiagonal(moved, source, attributes.int("offset"))
      var back = order
      for (place, axis) in order.enumerated() { back[axis] = place }
      return try b.permute(written, back)
    },
    FunctionEntry(
      "masked_scatter", ["input", "mask", "source"],
      doc: "input with the elements of source, in order, where mask holds",
      samples: [
        Sample([.init([2, 3]), .init([2, 3], 0...1, dtype: .bool), .init([6])])
      ]
    ) { b, x, _ in
      let (value, mask) = try (b.tensor(x[0]), b.condition(x[1]))
      let shape = try b.common([value, mask])
      guard b.dtype(x[2].value) == b.dtype(value) else {
        throw b.fail(.runtime, "element types differ, got \(b.list([value, x[2].value]))")
      }
      let (wide, chosen) = try (b.broadcast(value, to: shape), b.broadcast(mask, to: shape))
      let (count, source) = (b.type(wide).count, x[2].value)
      if count == 0 || b.type(source).count == 0 { return wide }
      let flags = try b.reshape(chosen, [count])
      let sums = try b.op(
        P.cumsum, b.cast(flags, .i64), ["axis": .int(0), "reverse": .bool(false)])
      let places = try b.select(flags, b.op(P.sub, sums, 1), 0)
      let taken = try b.take(b.reshape(source, [b.type(source).count]), places, 0)
      return try b.select(chosen, b.reshape(taken, shape), wide)
    },
  ]

  private static let windows: [FunctionEntry] = [
    moving(
      "sliding",
      [AttributeSpec("dimension", .int), AttributeSpec("size", .int), AttributeSpec("step", .int)],
      doc: "All slices of a size from a dimension, step apart, in a new last dimension",
      samples: sample([2, 5], at: ["dimension": .int(1), "size": .int(3), "step": .int(2)])
    ) { b, x, attributes in
      let value = try b.rank(x) == 0 ? b.reshape(x, [1]) : x
      let axis = try b.axis(attributes.int("dimension"), rank: b.rank(value))
      let (size, step) = (attributes.int("size"), attributes.int("step"))
      let length = b.shape(value)[axis]
      guard size >= 0, size <= length, step > 0 else {
        throw b.fail(
          .runtime, "size must be in 0...\(length) and step positive, got \(size) and \(step)")
      }
      let shape = [(length - size) / step + 1, size]
      if step >= size { return try b.blocks(value, axis: axis, shape[0], size, step) }
      let starts = try b.op(P.mul, b.iota(shape, axis: 0), Double(min(step, length)))
      let found = try b.take(value, b.op(P.add, starts, b.iota(shape, axis: 1)), axis)
      return try b.moveAxis(found, from: axis + 1, to: b.rank(value))
    },
    FunctionEntry(
      "diff", ["input", "prepend?", "append?"],
      [AttributeSpec("n", .int, default: .int(1)), AttributeSpec("dim", .int, default: .int(-1))],
      doc: "Differences of neighbours, n times", samples: sample([2, 4])
    ) { b, x, attributes in
      guard attributes.int("n") >= 0 else {
        throw b.fail(.runtime, "order must be 0 or more, got \(attributes.int("n"))")
      }
      let given = [x.optional(1), x[0], x.optional(2)].compactMap { $0 }
      let values = try b.promoted(given)
      let axis = try b.realAxis(attributes.int("dim"), of: values[0])
      guard values.allSatisfy({ b.rank($0) == b.rank(values[0]) }) else {
        throw b.fail(.runtime, "prepend and append need the rank of input, got \(b.list(values))")
      }
      var value = try b.concatenate(values, axis)
      // Nothing is left after as many times as there are elements.
      for _ in 0..<min(attributes.int("n"), b.shape(value)[axis]) {
        let length = b.shape(value)[axis]
        let late = try b.slice(value, axis: axis, from: 1, to: length)
        let early = try b.slice(value, axis: axis, from: 0, to: length - 1)
        value = try b.op(b.dtype(value) == .bool ? P.logicalXor : P.sub, late, early)
      }
      return value
    },
    areas("trapezoid", running: false, doc: "Area under a line through points, dx or x apart"),
    areas("cumulative_trapezoid", running: true, doc: "Running area under a line through points"),
  ]

  private static func areas(_ name: String, running: Bool, doc: String) -> FunctionEntry {
    FunctionEntry(
      name, ["y", "x?", "dx?"], [AttributeSpec("dim", .int, default: .int(-1))], doc: doc,
      samples: sample([2, 4])
    ) { b, x, attributes in
      let y = try b.floating(x[0])
      let axis = try b.realAxis(attributes.int("dim"), of: y)
      let length = b.shape(y)[axis]
      func neighbours(_ b: inout Builder, _ v: Value, _ axis: Int, _ p: Primitive) throws -> Value {
        let late = try b.slice(v, axis: axis, from: 1, to: max(length, 1))
        return try b.op(p, late, b.slice(v, axis: axis, from: 0, to: max(length, 1) - 1))
      }
      if length == 0 {
        return running ? y : try b.full(0, b.shape(y).dropping([axis]), b.dtype(y))
      }
      var parts = try b.op(P.mul, neighbours(&b, y, axis, P.add), 0.5)
      if let points = x.optional(1) {
        var places = try b.cast(points.value, b.dtype(y))
        if b.rank(places) == 1, b.shape(places)[0] == length {
          places = try b.along(places, axis, of: y)
        }
        guard b.rank(places) == b.rank(y), b.shape(places)[axis] == length else {
          throw b.fail(.runtime, "x does not fit y, got \(b.list([places, y]))")
        }
        parts = try b.op(P.mul, parts, neighbours(&b, places, axis, P.sub))
      } else if let dx = x.optional(2) {
        parts = try b.op(P.mul, parts, b.cast(dx.value, b.dtype(y)))
      }
      return try running
        ? b.op(P.cumsum, parts, ["axis": .int(axis), "reverse": .bool(false)])
        : b.reduce(P.sum, parts, [axis])
    }
  }

  private static let splitting: [FunctionEntry] = [
    FunctionEntry(
      tuple: "tensor_split", ["input"],
      [
        AttributeSpec("indices_or_sections", .ints),
        AttributeSpec("dim", .int, default: .int(0)),
      ], doc: "Parts of nearly equal length, or cut before the indices given",
      samples: sample([5, 2], at: ["indices_or_sections": .int(2)])
    ) { b, x, attributes in
      let value = try b.tensor(x[0])
      let axis = try b.realAxis(attributes.int("dim"), of: value)
      let length = b.shape(value)[axis]
      if case .int(let sections) = attributes["indices_or_sections"] {
        guard sections > 0, sections <= max(length, 1) * 1024 else {
          throw b.fail(.runtime, "sections must be positive, got \(sections)")
        }
        let (size, extra) = length.quotientAndRemainder(dividingBy: sections)
        return try b.split(value, axis, (0..<sections).map { size + ($0 < extra ? 1 : 0) })
      }
      let cuts = attributes.ints("indices_or_sections").map {
        min(max($0 < 0 ? $0 + length : $0, 0), length)
      }
      return try zip([0] + cuts, cuts + [length]).map { start, stop in
        try b.slice(value, axis: axis, from: start, to: max(start, stop))
      }
    }
  ]

  /// Tensors raised to a rank and joined.
  private static func joining(
    _ name: String, axis: Int, doc: String,
    raise: @escaping @Sendable (_ shape: [Int]) -> [Int]
  ) -> FunctionEntry {
    FunctionEntry(name, ["tensors*"], doc: doc, samples: sample([2, 3], [2, 3])) { b, x, _ in
      let values = try b.promoted(x.rest).map { try b.reshape($0, raise(b.shape($0))) }
      guard let first = values.first else { throw b.fail(.runtime, "takes one tensor at least") }
      let shape = b.shape(first).replacing(axis, with: 0)
      guard
        values.allSatisfy({
          b.rank($0) == shape.count && b.shape($0).replacing(axis, with: 0) == shape
        })
      else { throw b.fail(.runtime, "shapes do not fit, got \(b.list(values))") }
      return try b.concatenate(values, axis)
    }
  }

  private static let joined: [FunctionEntry] = [
    joining("column_stack", axis: 1, doc: "Vectors as columns, beside matrices") { shape in
      shape.count < 2 ? [shape.first ?? 1, 1] : shape
    },
    joining("dstack", axis: 2, doc: "Tensors behind each other, in the third dimension") { shape in
      switch shape.count {
      case 0: [1, 1, 1]
      case 1: [1, shape[0], 1]
      case 2: shape + [1]
      default: shape
      }
    },
    FunctionEntry(
      "block_diag", ["tensors*"], doc: "A matrix with matrices along its diagonal",
      samples: sample([2, 3], [1, 2])
    ) { b, x, _ in
      let blocks = try b.promoted(x.rest).map { value in
        guard b.rank(value) <= 2 else {
          throw b.fail(.runtime, "takes at most 2 dimensions, got \(b.type(value))")
        }
        let shape = b.shape(value)
        return try b.reshape(
          value, shape.isEmpty ? [1, 1] : shape.count == 1 ? [1] + shape : shape)
      }
      guard !blocks.isEmpty else { return try b.full(0, [1, 0], .defaultFloat) }
      let total = blocks.reduce(0) { $0 + b.shape($1)[1] }
      var left = 0
      let rows = try blocks.map { block in
        defer { left += b.shape(block)[1] }
        return try b.pad(
          block, low: [0, left], high: [0, total - left - b.shape(block)[1]], interior: [0, 0],
          value: 0)
      }
      return try b.concatenate(rows, 0)
    },
  ]
}
