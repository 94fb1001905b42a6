// solve_triangular: x with a x = b for one triangle of a, computed by BLAS in the type of the elements.
// What lies outside the triangle (and, with `unit`, on the diagonal) is never read and gets no gradient.

import BettyKernelInterface
import BettyKernels
import Glibc

extension P {
  private static let triangleSpecs = ["upper", "transpose", "unit"].map {
    AttributeSpec($0, .bool)
  }

  private static let triangleFlops: Primitive.Flops = { inputs, _, _ in
    Double(inputs[1].count) * Double(inputs[0].shape.last ?? 1)
  }

  package static let solveTriangular: Primitive = Primitive(
    "solve_triangular",
    attributes: triangleSpecs,
    derivative: .custom(
      vjp: { graph, node, cotangents in
        guard let cotangent = cotangents[0] else { return [nil, nil] }
        let isTransposed = node.attributes.bool("transpose")
        var turned = node.attributes
        turned["transpose"] = .bool(!isTransposed)
        let side = try graph.call(solveTriangular, [node.inputs[0], cotangent], turned)
        let (rows, columns) = isTransposed ? (node.output, side) : (side, node.output)
        let matrix = try graph.neg(graph.matmul(rows, columns, transposeB: true))
        return [try graph.triangle(matrix, node.attributes), side]
      },
      jvp: { graph, node, tangents in
        var side = tangents[1]
        if let change = tangents[0] {
          let part = try graph.triangle(change, node.attributes)
          let moved = try graph.neg(
            graph.matmul(part, node.output, transposeA: node.attributes.bool("transpose")))
          side = try graph.sumOf(side, moved)
        }
        guard let side else { return [nil] }
        return [try graph.call(solveTriangular, [node.inputs[0], side], node.attributes)]
      }),
    kernel: .buffer(inPlace: [1], prepare: prepareTriangular), batching: .same,
    samples: triangularSamples, isExpensive: true,
    flops: triangleFlops
  ) { inputs, _ in
    try Rules.count(inputs, 2, "solve_triangular")
    let (a, b) = (inputs[0], inputs[1])
    let outer = try matrices(a, "solve_triangular", isSquare: true)
    guard a.dtype == b.dtype, b.rank == a.rank, Array(b.shape.dropLast(2)) == outer,
      b.shape[b.rank - 2] == a.shape[a.rank - 1], b.shape[b.rank - 1] <= Int(Int32.max)
    else { throw BettyError.value("solve_triangular: operands do not match, got \(a) and \(b)") }
    return [b]
  }

  private static var triangularSamples: [Sample] {
    let choices = [
      (false, false, false), (true, false, false), (false, true, true), (true, true, false),
    ]
    let many = choices.map { choice in
      Sample(
        [.init([3, 3], -0.5...0.5, diagonal: 2), .init([3, 2])],
        ["upper": .bool(choice.0), "transpose": .bool(choice.1), "unit": .bool(choice.2)])
    }
    let plain = many[0].attributes
    return many + [
      Sample([.init([2, 2, 2], -0.5...0.5, diagonal: 2), .init([2, 2, 3])], plain),
      Sample([.init([0, 0]), .init([0, 2])], plain),
      Sample([.init([2, 2]), .init([2, 0])], plain),
    ]
  }

  /// Tasks own matrices or, where there is one, columns of the right sides.
  @Sendable private static func prepareTriangular(
    _ request: KernelRequest
  ) throws -> PreparedKernel {
    let (left, right) = (Batch(request.inputs[0]), Batch(request.inputs[1]))
    let dtype = request.inputs[0].dtype
    guard dtype == .f64 || dtype == .f32 else {
      throw KernelRequest.missing("linear algebra", dtype)
    }
    if request.inputs[1].count == 0 { return PreparedKernel { _, _ in } }
    let triangle = Triangle(
      isUpper: request.attributes.bool("upper"),
      isTransposed: request.attributes.bool("transpose"), isUnit: request.attributes.bool("unit"))
    let (n, columns, size) = (left.rows, right.columns, dtype.size)
    let sharesColumns = left.count == 1
    let work = Swift.min(request.inputs[1].count, 1 << 30) &* n
    let units = sharesColumns ? (columns + 15) / 16 : left.count
    let tasks = request.tasks(work, units: units)
    return PreparedKernel(tasks: tasks) { frame, task in
      let (a, b, out) = (frame.operands[0], frame.operands[1], frame.operands[2])
      if sharesColumns {
        let range = part(task, of: tasks, columns)
        if b != out {
          for row in 0..<n {
            let place = (row * columns + range.lowerBound) * size
            memcpy(out + place, b + place, range.count * size)
          }
        }
        triangle.solve(
          a, n, out + range.lowerBound * size, range.count, stride: columns,
          isDouble: dtype == .f64)
        return
      }
      for element in part(task, of: tasks, left.count) {
        let place = element * right.elements * size
        if b != out { memcpy(out + place, b + place, right.elements * size) }
        triangle.solve(
          a + element * left.elements * size, n, out + place, columns, stride: columns,
          isDouble: dtype == .f64)
      }
    }
  }
}

extension Graph {
  /// What of a matrix its triangle is.
  fileprivate mutating func triangle(_ a: Value, _ attributes: Attributes) throws -> Value {
    let isUnit = attributes.bool("unit")
    let comparison =
      attributes.bool("upper") ? (isUnit ? P.lt : P.le) : (isUnit ? P.gt : P.ge)
    return try mul(a, pattern(comparison, like: a))
  }
}
