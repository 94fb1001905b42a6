// Functions that take tensors apart and put them together: slices, splits, joins, diagonals,
// padding.

import BettyKernelInterface

extension Functions {
  static let parts: [FunctionEntry] = slices + splits + joins + diagonals

  private static let slices: [FunctionEntry] = [
    moving(
      "narrow",
      [AttributeSpec("dim", .int), AttributeSpec("start", .int), AttributeSpec("length", .int)],
      doc: "The part start to start + length of a dimension",
      samples: sample([2, 3], at: ["dim": .int(1), "start": .int(-2), "length": .int(2)])
    ) { b, x, attributes in
      let axis = try b.realAxis(attributes.int("dim"), of: x)
      let (start, length) = (attributes.int("start"), attributes.int("length"))
      let size = b.shape(x)[axis]
      let first = start < 0 ? start &+ size : start
      guard first >= 0, first <= size, length >= 0, length <= size - first else {
        throw b.fail(
          .runtime, "start \(start) and length \(length) exceed dimension \(axis) of \(b.type(x))")
      }
      return try b.slice(x, axis: axis, from: first, to: first + length)
    },
    moving(
      "slice",
      [
        AttributeSpec("dim", .int, default: .int(0)), AttributeSpec("start", .int, optional: true),
        AttributeSpec("end", .int, optional: true), AttributeSpec("step", .int, default: .int(1)),
      ], doc: "start:end:step of a dimension, as in Python",
      samples: sample([4, 3], at: ["start": .int(1), "end": .int(-1), "step": .int(2)])
    ) { b, x, attributes in
      let axis = try b.realAxis(attributes.int("dim"), of: x)
      let range = try b.sliceRange(attributes, length: b.shape(x)[axis])
      return try b.slice(x, axis: axis, from: range.start, to: range.stop, step: range.step)
    },
    moving(
      "select", [AttributeSpec("dim", .int), AttributeSpec("index", .int)],
      doc: "One position of a dimension, which goes",
      samples: sample([2, 3], at: ["dim": .int(1), "index": .int(-1)])
    ) { b, x, attributes in
      let axis = try b.realAxis(attributes.int("dim"), of: x)
      let place = try b.position(attributes.int("index"), axis: axis, of: x)
      let part = try b.slice(x, axis: axis, from: place, to: place + 1)
      var shape = b.shape(x)
      shape.remove(at: axis)
      return try b.reshape(part, shape)
    },
  ]

  private static let firstDim = AttributeSpec("dim", .int, default: .int(0))

  private static let splits: [FunctionEntry] = [
    FunctionEntry(
      tuple: "split", ["input"], [AttributeSpec("split_size_or_sections", .ints), firstDim],
      doc: "Parts of one size (the last may be smaller) or of the sizes given",
      samples: sample([5, 3], at: ["split_size_or_sections": .int(2)])
    ) { b, x, attributes in
      let value = try b.tensor(x[0])
      let axis = try b.realAxis(attributes.int("dim"), of: value)
      let length = b.shape(value)[axis]
      guard case .int(let size) = attributes["split_size_or_sections"] else {
        let sizes = attributes.ints("split_size_or_sections")
        guard sizes.allSatisfy({ $0 >= 0 && $0 <= length }), sizes.reduce(0, &+) == length else {
          throw b.fail(.runtime, "sizes \(sizes) do not add up to \(length)")
        }
        return try b.split(value, axis, sizes)
      }
      guard size > 0 || (size == 0 && length == 0) else {
        throw b.fail(.runtime, "split size must be positive, got \(size)")
      }
      return try b.split(value, axis, Builder.equalParts(length, size))
    },
    FunctionEntry(
      tuple: "chunk", ["input"], [AttributeSpec("chunks", .int), firstDim],
      doc: "At most that many parts of equal size; the last may be smaller",
      samples: sample([5, 3], at: ["chunks": .int(2)])
    ) { b, x, attributes in
      let value = try b.tensor(x[0])
      let axis = try b.realAxis(attributes.int("dim"), of: value)
      let (chunks, length) = (attributes.int("chunks"), b.shape(value)[axis])
      guard chunks > 0 else { throw b.fail(.runtime, "chunks must be positive, got \(chunks)") }
      let size = length / chunks + (length % chunks == 0 ? 0 : 1)
      return try b.split(value, axis, Builder.equalParts(length, size))
    },
    FunctionEntry(
      tuple: "unbind", ["input"], [firstDim], doc: "Every position of a dimension by itself",
      samples: sample([2, 3])
    ) { b, x, attributes in
      let value = try b.tensor(x[0])
      let axis = try b.realAxis(attributes.int("dim"), of: value)
      var shape = b.shape(value)
      let count = shape.remove(at: axis)
      let parts = try b.split(value, axis, [Int](repeating: 1, count: count))
      return try parts.map { try b.reshape($0, shape) }
    },
    FunctionEntry(
      tuple: "meshgrid", ["tensors*"],
      [AttributeSpec("indexing", .string, default: .string("ij"))],
      doc: "Coordinates of a grid from those of its axes", samples: sample([2], [3])
    ) { b, x, attributes in
      let mode = attributes.string("indexing")
      guard mode == "ij" || mode == "xy" else {
        throw b.fail(.runtime, "indexing is 'ij' or 'xy', got '\(mode)'")
      }
      let lines = try x.rest.map { try b.reshape($0.value, [b.type($0.value).count]) }
      var order = Array(lines.indices)
      if mode == "xy", lines.count > 1 { order.swapAt(0, 1) }
      let shape = order.map { b.type(lines[$0]).count }
      return try lines.indices.map { line in
        let axis = order.firstIndex(of: line) ?? line
        return try b.emit(
          P.broadcast, [lines[line]], ["shape": .ints(shape), "axes": .ints([axis])])
      }
    },
  ]

  private static let joins: [FunctionEntry] = [
    FunctionEntry(
      "cat", ["tensors*"], [firstDim], doc: "Tensors one after another along a dimension",
      samples: sample([2, 3], [1, 3])
    ) { b, x, attributes in
      var values = try b.promoted(x.rest)
      // PyTorch passes over empty vectors, whatever the shape of the others.
      let filled = values.filter { b.shape($0) != [0] }
      if !filled.isEmpty { values = filled }
      guard let first = values.first else { throw b.fail(.value, "takes one tensor at least") }
      let axis = try b.realAxis(attributes.int("dim"), of: first)
      let shape = b.shape(first).replacing(axis, with: 0)
      guard
        values.allSatisfy({
          b.rank($0) == shape.count && b.shape($0).replacing(axis, with: 0) == shape
        })
      else {
        throw b.fail(.runtime, "shapes differ beyond dimension \(axis), got \(b.list(values))")
      }
      return try b.concatenate(values, axis)
    },
    FunctionEntry(
      "stack", ["tensors*"], [firstDim], doc: "Tensors side by side along a new dimension",
      samples: sample([2, 3], [2, 3])
    ) { b, x, attributes in
      let values = try b.promoted(x.rest)
      guard let first = values.first else { throw b.fail(.runtime, "takes one tensor at least") }
      guard values.allSatisfy({ b.shape($0) == b.shape(first) }) else {
        throw b.fail(.runtime, "shapes differ, got \(b.list(values))")
      }
      let axis = try b.axis(attributes.int("dim"), rank: b.rank(first) + 1)
      var shape = b.shape(first)
      shape.insert(1, at: axis)
      return try b.concatenate(values.map { try b.reshape($0, shape) }, axis)
    },
    moving(
      "pad",
      [
        AttributeSpec("pad", .ints), AttributeSpec("mode", .string, default: .string("constant")),
        AttributeSpec("value", .double, default: .double(0)),
      ], doc: "Padded from the last dimension backwards: (left, right, top, bottom…); < 0 crops",
      samples: sample([2, 3], at: ["pad": .ints([1, 2, 0, -1])])
    ) { b, x, attributes in try b.pad(x, attributes) },
  ]

  private static let offset = AttributeSpec("diagonal", .int, default: .int(0))

  private static let diagonals: [FunctionEntry] = [
    moving(
      "diag", [offset], doc: "Diagonal of a matrix, or a matrix with this diagonal",
      samples: sample([3], at: ["diagonal": .int(1)]) + sample([2, 3])
    ) { b, x, attributes in
      let offset = attributes.int("diagonal")
      switch b.rank(x) {
      case 1: return try b.diagonalMatrices(x, offset)
      case 2: return try b.diagonal(x, offset)
      default: throw b.fail(.runtime, "takes a vector or a matrix, got \(b.type(x))")
      }
    },
    moving(
      "diagonal",
      [
        AttributeSpec("offset", .int, default: .int(0)),
        AttributeSpec("dim1", .int, default: .int(0)),
        AttributeSpec("dim2", .int, default: .int(1)),
      ], doc: "Diagonals of the matrices that two dimensions make, as the last dimension",
      samples: sample([2, 3, 4], at: ["dim1": .int(1), "dim2": .int(2)])
    ) { b, x, attributes in
      let axes = try b.axes(
        [attributes.int("dim1"), attributes.int("dim2")], rank: max(b.rank(x), 2))
      guard b.rank(x) >= 2 else {
        throw b.fail(.runtime, "takes 2 dimensions at least, got \(b.type(x))")
      }
      let rest = (0..<b.rank(x)).filter { !axes.contains($0) }
      return try b.diagonal(b.permute(x, rest + axes), attributes.int("offset"))
    },
    moving("trace", doc: "Sum of the diagonal", samples: sample([3, 3])) { b, x, _ in
      try b.needRank([x], [2])
      return try b.sum(b.accumulable(b.diagonal(x, 0), [:]))
    },
    moving("tril", [offset], doc: "The lower triangle, zero elsewhere", samples: sample([3, 3])) {
      b, x, attributes in
      try b.triangle(x, P.le, attributes.int("diagonal"))
    },
    moving("triu", [offset], doc: "The upper triangle, zero elsewhere", samples: sample([3, 3])) {
      b, x, attributes in
      try b.triangle(x, P.ge, attributes.int("diagonal"))
    },
  ]
}
