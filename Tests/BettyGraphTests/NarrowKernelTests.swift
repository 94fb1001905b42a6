// Products and convolutions of bf16 and f16 as prepared kernels, with pairs and widened, against
// the same numbers in f64: whole numbers, whose sums are exact in f32.

import BettyKernelInterface
import BettyKernels
import Testing

@testable import BettyGraph

/// What a kernel is asked for.
struct NarrowFormat: Sendable, CustomStringConvertible {
  let stored: DType
  let result: DType
  let pairs: Bool
  var description: String { "\(stored.name) to \(result.name)\(pairs ? ", pairs" : "")" }

  static let all = formats.filter { multiplyingPairs($0.pairs, kernelTable) != nil }

  private static let formats = [
    NarrowFormat(stored: .bf16, result: .bf16, pairs: true),
    NarrowFormat(stored: .bf16, result: .f32, pairs: true),
    NarrowFormat(stored: .bf16, result: .bf16, pairs: false),
    NarrowFormat(stored: .bf16, result: .f32, pairs: false),
    NarrowFormat(stored: .f16, result: .f16, pairs: false),
    NarrowFormat(stored: .f16, result: .f32, pairs: false),
  ]

  var table: KernelTable { multiplyingPairs(pairs, kernelTable) ?? kernelTable }

  private func rounded(_ x: Double) -> Double {
    switch result {
    case .f16: return Double(Float16(x))
    case .bf16:
      let bits = Float(x).bitPattern
      return Double(Float(bitPattern: (bits &+ 0x7fff &+ (bits >> 16 & 1)) & 0xffff_0000))
    default: return x
    }
  }

  /// Runs a primitive of two operands on one and on three threads; `exact` are the sums.
  func check(
    _ primitive: Primitive, _ operands: [(TensorType, [Double])], _ attributes: Attributes,
    _ exact: [Double], _ name: String
  ) throws {
    var attributes = attributes
    attributes["dtype"] = .dtype(result)
    let wanted = exact.map(rounded)
    let operands = try operands.map { (try $0.0.with(stored), $0.1) }
    for threads in exact.count > 10_000 ? [3] : [1, 3] {
      let run = try KernelRunner(
        primitive, operands, attributes, threads: threads, table: table)
      #expect(run.outputs[0] == wanted, "\(primitive.name) \(name) \(self), threads \(threads)")
      #expect(run.isIntact, "\(primitive.name) \(name) \(self), threads \(threads)")
    }
  }
}

/// One application in every format, against the same in f64.
private func check(
  _ primitive: Primitive, _ shapes: [[Int]], _ attributes: Attributes, _ name: String
) throws {
  let operands = try shapes.enumerated().map {
    digits(try TensorType(.f64, $1), UInt64($0 + 1), -2...3)
  }
  let exact = try KernelRunner(primitive, operands, attributes).outputs[0]
  for format in NarrowFormat.all {
    try format.check(primitive, operands, attributes, exact, name)
  }
}

@Suite struct NarrowKernelTests {
  static let sizes: [([Int], Int, Int, Int)] = [
    ([], 3, 4, 5), ([2, 3], 2, 1, 7), ([3], 1, 6, 4), ([], 40, 300, 1), ([], 1, 200, 40),
    ([1], 5, 0, 4), ([2], 0, 3, 4), ([0], 2, 3, 4), ([3], 21, 31, 18), ([2], 1, 70, 1),
    ([], 300, 150, 130),
  ]

  @Test(arguments: sizes) func products(_ batch: [Int], _ m: Int, _ k: Int, _ n: Int) throws {
    for (ta, tb) in [(false, false), (true, false), (false, true), (true, true)] {
      let a: [Int] = batch + (ta ? [k, m] : [m, k])
      let b: [Int] = batch + (tb ? [n, k] : [k, n])
      try check(
        P.matmul, [a, b],
        ["transpose_a": .bool(ta), "transpose_b": .bool(tb)], "\(batch) \(m) \(k) \(n)")
    }
  }

  /// Depthwise and empty ones have no kernels of these types: the compiler widens them.
  static let cases: [ConvolutionCase] = {
    var cases = ConvolutionCase.all + ConvolutionTests.large
    cases.append(ConvolutionCase(x: [2, 5, 4, 300], kernel: [1, 1, 900]))
    cases.append(ConvolutionCase(x: [1, 3, 3, 903], kernel: [1, 1, 301]))
    return cases.filter { ($0.groups == 1 || $0.groups < $0.x[3]) && !$0.x.contains(0) }
  }()

  @Test(arguments: cases) func convolutions(_ item: ConvolutionCase) throws {
    let size = try item.size(.f32)
    let y = [size.batch, size.outHeight, size.outWidth, size.filters]
    func check(_ primitive: Primitive, _ shapes: [[Int]], _ shape: [Int]?) throws {
      var attributes = item.attributes
      attributes["shape"] = shape.map { .ints($0) }
      try BettyGraphTests.check(primitive, shapes, attributes, "\(item)")
    }
    try check(P.convolution, [item.x, item.w], nil)
    try check(P.convolutionInputGradient, [y, item.w], item.x)
    try check(P.convolutionWeightGradient, [item.x, y], item.w)
  }

  @Test(arguments: [DType.bf16, .f16]) func depthwiseIsRefused(_ dtype: DType) throws {
    let item = ConvolutionCase(
      x: [1, 4, 4, 8], kernel: [3, 3, 8], low: [1, 1], high: [1, 1], groups: 8)
    let operands = try [item.x, item.w].map { digits(try TensorType(dtype, $0), 1) }
    #expect(throws: BettyError.self) {
      try KernelRunner(P.convolution, operands, item.attributes)
    }
  }
}
