// matmul: [B..., M, K] x [B..., K, N], in the operands' type or, of bf16 and f16, in f32. Floats go to
// OpenBLAS (one thread in each of our tasks), bf16 and f16 by blocks; with one row or column, to the
// kernels of matrix and vector; integers to a plain loop.

import BettyKernelInterface
import BettyKernels
import Glibc

extension P {
  package static let matmul: Primitive = Primitive(
    "matmul",
    attributes: [
      AttributeSpec("transpose_a", .bool), AttributeSpec("transpose_b", .bool), Rules.resultType,
    ],
    derivative: .bilinear(
      lhs: { graph, node, cotangent in
        let (ta, tb) = transposes(node.attributes)
        let b = node.inputs[1]
        let cotangent = try graph.cotangent(cotangent, like: b)
        return ta
          ? try graph.matmul(b, cotangent, transposeA: tb, transposeB: true)
          : try graph.matmul(cotangent, b, transposeB: !tb)
      },
      rhs: { graph, node, cotangent in
        let (ta, tb) = transposes(node.attributes)
        let a = node.inputs[0]
        let cotangent = try graph.cotangent(cotangent, like: a)
        return tb
          ? try graph.matmul(cotangent, a, transposeA: true, transposeB: ta)
          : try graph.matmul(a, cotangent, transposeA: !ta)
      }),
    kernel: .buffer(prepare: prepareMatmul), batching: .rule(batchMatmul),
    samples: matmulSamples, isExpensive: true, readsViews: true,
    flops: matmulFlops
  ) { inputs, attributes in
    try Rules.count(inputs, 2, "matmul")
    let (a, b) = (inputs[0], inputs[1])
    try Rules.dtype(a, .number, "matmul")
    guard a.dtype == b.dtype, a.rank == b.rank, a.rank >= 2,
      a.shape.dropLast(2) == b.shape.dropLast(2)
    else {
      throw BettyError.value("matmul: operands do not match, got \(a) and \(b)")
    }
    let (ta, tb) = transposes(attributes)
    let size = Product(a.shape, b.shape, ta, tb)
    guard size.k == (tb ? b.shape[b.rank - 1] : b.shape[b.rank - 2]) else {
      throw BettyError.value("matmul: inner dimensions differ, got \(a) and \(b)")
    }
    guard Swift.max(size.m, size.n, size.k) <= Int(Int32.max) else {
      throw BettyError.value("matmul: a dimension exceeds 2147483647, got \(a) and \(b)")
    }
    let dtype = try Rules.result(a, attributes, "matmul")
    return [try TensorType(dtype, Array(a.shape.dropLast(2)) + [size.m, size.n])]
  }

  /// Twice the length of the sums for each element.
  @Sendable private static func matmulFlops(
    _ inputs: [TensorType], _ outputs: [TensorType], _ attributes: Attributes
  ) -> Double {
    let shape = inputs[0].shape
    let axis = shape.count - (attributes.bool("transpose_a") ? 2 : 1)
    return 2 * Double(outputs[0].count) * Double(shape[Swift.max(axis, 0)])
  }

  /// Many rows on one matrix are one product: [B, M, K] x [K, N] as [B M, K] x [K, N].
  @Sendable private static func batchMatmul(
    _ graph: inout Graph, _ node: BatchedApplication
  ) throws -> [Value] {
    if node.isBatched == [true, false], node.types[1].rank == 2,
      !node.attributes.bool("transpose_a")
    {
      let shape = node.types[0].shape
      let rows = try graph.reshape(node.inputs[0], [node.size * shape[0], shape[1]])
      let product = try graph.call(P.matmul, [rows, node.inputs[1]], node.attributes)
      let columns = graph.shape(of: product)[1]
      return [try graph.reshape(product, [node.size, shape[0], columns])]
    }
    return try graph.apply(P.matmul, node.allBatched(in: &graph), node.attributes)
  }

  private static var matmulSamples: [Sample] {
    func sample(_ a: [Int], _ b: [Int], _ ta: Bool = false, _ tb: Bool = false) -> Sample {
      Sample([.init(a), .init(b)], ["transpose_a": .bool(ta), "transpose_b": .bool(tb)])
    }
    func low(_ a: [Int], _ b: [Int], _ ta: Bool = false, _ tb: Bool = false) -> Sample {
      sample(a, b, ta, tb).summed
    }
    return [
      sample([3, 4], [4, 2]), sample([4, 3], [4, 2], true), sample([3, 4], [2, 4], false, true),
      sample([4, 3], [2, 4], true, true), sample([2, 3, 4], [2, 4, 2]),
      sample([2, 4, 3], [2, 2, 4], true, true), sample([3, 4], [4, 1]),
      sample([4, 3], [1, 4], true, true), sample([1, 4], [4, 3]),
      sample([4, 1], [3, 4], true, true), sample([2, 0], [0, 3]), sample([0, 2], [2, 3]),
      sample([2, 1, 3, 2], [2, 1, 2, 3]), low([3, 4], [4, 2]),
      low([2, 4, 3], [2, 2, 4], true, true), low([1, 3], [3, 1]), low([3, 1], [1, 2]),
    ]
  }

  static func transposes(_ attributes: Attributes) -> (Bool, Bool) {
    (attributes.bool("transpose_a"), attributes.bool("transpose_b"))
  }

  @Sendable private static func prepareMatmul(_ request: KernelRequest) throws -> PreparedKernel {
    let (ta, tb) = transposes(request.attributes)
    let size = Product(request.inputs[0].shape, request.inputs[1].shape, ta, tb)
    let dtype = request.inputs[0].dtype
    if request.outputs[0].count == 0 { return PreparedKernel { _, _ in } }
    if size.k == 0 {
      let bytes = request.outputs[0].byteCount
      return PreparedKernel { frame, _ in memset(frame.operands[2], 0, bytes) }
    }
    let isNarrow = dtype.computeType != dtype
    let isVector = dtype.isFloating && (size.n == 1 || size.m == 1)
    guard request.views.allSatisfy({ $0 == nil }) || !(isNarrow || isVector) else {
      throw BettyError(.notSupported, "matmul: operands must be contiguous")
    }
    if isNarrow { return try prepareNarrowProduct(request, size) }
    if isVector {
      let (index, table) = (Int(dtype.rawValue), request.table)
      if index < table.matvec.count, index < table.vecmat.count {
        return prepareVector(request, size, table.matvec[index], table.vecmat[index])
      }
    }
    return try prepareGemm(request, size)
  }

  private typealias VectorFunction =
    @convention(c) (
      Raw, RawIn, RawIn, Int, Int, Int, Int, Int
    ) -> Void

  /// One operand is a vector: which of the two kernels depends on how the matrix is stored.
  private static func prepareVector(
    _ request: KernelRequest, _ size: Product, _ matvec: @escaping VectorFunction,
    _ vecmat: @escaping VectorFunction
  ) -> PreparedKernel {
    let matrix = size.n == 1 ? 0 : 1
    let vector = 1 - matrix
    let count = size.n == 1 ? size.m : size.n
    let contiguousRows = size.n == 1 ? !size.ta : size.tb
    let (rows, columns) = contiguousRows ? (count, size.k) : (size.k, count)
    let kernel = contiguousRows ? matvec : vecmat
    let bytes = request.inputs[0].dtype.size
    let (matrixBytes, vectorBytes) = (rows * columns * bytes, size.k * bytes)
    let work = size.batches * rows * columns
    let parts = request.tasks(work, units: size.batches == 1 ? (count + 15) / 16 : size.batches)
    return PreparedKernel(tasks: parts) { frame, task in
      let (a, x) = (frame.operands[matrix], frame.operands[vector])
      if size.batches == 1 {
        let range = part(task, of: parts, count)
        kernel(
          frame.operands[2], a, x, rows, columns, columns, range.lowerBound, range.upperBound)
        return
      }
      for batch in part(task, of: parts, size.batches) {
        kernel(
          frame.operands[2] + batch * count * bytes, a + batch * matrixBytes,
          x + batch * vectorBytes, rows, columns, columns, 0, count)
      }
    }
  }

  private static func prepareGemm(
    _ request: KernelRequest, _ size: Product
  ) throws -> PreparedKernel {
    let dtype = request.inputs[0].dtype
    let contract = Contract.function(dtype)
    let plan = GemmPlan(size, threads: request.threads)
    let operands = try (0..<2).map {
      try MatrixLayout(request.inputs[$0], request.views[$0], "matmul")
    }
    return PreparedKernel(tasks: plan.tasks) { frame, task in
      plan.forCalls(
        task, size, operands, frame, bytes: dtype.size, outBytes: dtype.size, contract)
    }
  }

  package static let products: [Primitive] = [matmul]
}

/// Sizes of a product.
struct Product: Sendable {
  let batches: Int
  let m: Int
  let n: Int
  let k: Int
  let ta: Bool
  let tb: Bool

  /// Of shapes of equal rank >= 2; k is the first operand's.
  init(_ a: [Int], _ b: [Int], _ ta: Bool, _ tb: Bool) {
    let rank = a.count
    batches = Array(a.dropLast(2)).product
    m = ta ? a[rank - 1] : a[rank - 2]
    k = ta ? a[rank - 2] : a[rank - 1]
    n = tb ? b[rank - 2] : b[rank - 1]
    self.ta = ta
    self.tb = tb
  }
}

/// How a product is split over tasks: groups of batches, and pieces of rows or columns in each.
struct GemmPlan: Sendable {
  let groups: Int
  let pieces: Int
  let splitsRows: Bool
  var tasks: Int { groups * pieces }

  init(_ size: Product, threads: Int) {
    splitsRows = size.m >= size.n
    // 100 microseconds are some 10 million multiplications and additions on one core.
    let work = 2 * Double(size.m) * Double(size.n) * Double(size.k) * Double(size.batches)
    guard threads > 1, work >= 1e7 else {
      (groups, pieces) = (1, 1)
      return
    }
    let wanted = Swift.min(threads, Int(Swift.min(work / 5e6, 1e6)))
    if size.batches >= 2 * threads {
      (groups, pieces) = (Swift.min(size.batches, 4 * wanted), 1)
      return
    }
    // Pieces narrower than this starve the kernel of its blocking.
    let most = Swift.max(1, Swift.max(size.m, size.n) / 32)
    groups = Swift.min(size.batches, wanted)
    pieces = Swift.min(most, (wanted + groups - 1) / groups)
  }

  /// The products that a task makes of operands with elements of `bytes`, which lie as `operands` tell,
  /// and a result of `outBytes`.
  func forCalls(
    _ task: Int, _ size: Product, _ operands: [MatrixLayout], _ frame: KernelFrame, bytes: Int,
    outBytes: Int, _ body: (Contract.Call) -> Void
  ) {
    let (group, piece) = task.quotientAndRemainder(dividingBy: pieces)
    let rows = splitsRows ? part(piece, of: pieces, size.m) : 0..<size.m
    let columns = splitsRows ? 0..<size.n : part(piece, of: pieces, size.n)
    let (a, b) = (operands[0], operands[1])
    let (ta, tb) = (size.ta != a.isFlipped, size.tb != b.isFlipped)
    let down = rows.lowerBound * (ta ? 1 : a.ld)
    let across = columns.lowerBound * (tb ? b.ld : 1)
    let out = rows.lowerBound * size.n + columns.lowerBound
    for batch in part(group, of: groups, size.batches) {
      body(
        Contract.Call(
          m: rows.count, n: columns.count, k: size.k,
          a: UnsafeRawPointer(frame.operands[0] + (a.starts[batch] + down) * bytes), lda: a.ld,
          transposeA: ta,
          b: UnsafeRawPointer(frame.operands[1] + (b.starts[batch] + across) * bytes),
          ldb: b.ld, transposeB: tb,
          out: frame.operands[2] + (batch * size.m * size.n + out) * outBytes, ldOut: size.n))
    }
  }
}
