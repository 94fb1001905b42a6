// Whole-buffer kernels against plain loops, and against themselves split over tasks.

import BettyKernelInterface
import BettyKernels
import Testing

@testable import BettyGraph

@Suite struct KernelTests {
  @Test(arguments: [DType.f64, .f32, .i64, .i32, .u8], [1, 4])
  func matmulIsTheSumOfProducts(_ dtype: DType, _ threads: Int) throws {
    let shapes = [
      ([], 3, 4, 5), ([2, 3], 2, 1, 7), ([3], 1, 6, 4), ([], 40, 300, 1), ([], 1, 200, 40),
      ([1], 5, 0, 4), ([2], 0, 3, 4), ([0], 2, 3, 4),
    ]
    for (batch, m, k, n) in shapes {
      for (ta, tb) in [(false, false), (true, false), (false, true), (true, true)] {
        let a = digits(try TensorType(dtype, batch + (ta ? [k, m] : [m, k])), 1, 0...1)
        let b = digits(try TensorType(dtype, batch + (tb ? [n, k] : [k, n])), 2, 0...1)
        let run = try KernelRunner(
          P.matmul, [a, b], ["transpose_a": .bool(ta), "transpose_b": .bool(tb)],
          threads: threads)
        let wanted = product(a.1, b.1, batch.reduce(1, *), (m, k, n), ta, tb)
        #expect(run.outputs[0] == wanted, "\(batch) \(m) \(k) \(n) \(ta) \(tb)")
        #expect(run.isIntact)
      }
    }
  }

  @Test(arguments: [(1, 300, 260), (1, 40, 1100), (3, 130, 170), (20, 70, 70)])
  func largeProductsAreSplit(_ batches: Int, _ m: Int, _ n: Int) throws {
    let k = 150
    for (ta, tb) in [(false, false), (true, false), (false, true), (true, true)] {
      let a = digits(try TensorType(.f32, [batches] + (ta ? [k, m] : [m, k])), 3)
      let b = digits(try TensorType(.f32, [batches] + (tb ? [n, k] : [k, n])), 4)
      let flags: Attributes = ["transpose_a": .bool(ta), "transpose_b": .bool(tb)]
      let whole = try KernelRunner(P.matmul, [a, b], flags, threads: 1)
      let split = try KernelRunner(P.matmul, [a, b], flags, threads: 4)
      #expect(whole.tasks == 1 && split.tasks > 1)
      // Sums of small integers are exact in any order.
      #expect(whole.outputs == split.outputs)
      #expect(split.outputs[0].allSatisfy { $0 > 0 && $0 < 1000 })
      #expect(split.isIntact)
    }
  }

  private func product(
    _ a: [Double], _ b: [Double], _ batches: Int, _ size: (m: Int, k: Int, n: Int), _ ta: Bool,
    _ tb: Bool
  ) -> [Double] {
    let (m, k, n) = size
    var out = [Double](repeating: 0, count: batches * m * n)
    for batch in 0..<batches {
      for i in 0..<m {
        for p in 0..<k {
          let x = a[batch * m * k + (ta ? p * m + i : i * k + p)]
          for j in 0..<n {
            out[(batch * m + i) * n + j] += x * b[batch * k * n + (tb ? j * k + p : p * n + j)]
          }
        }
      }
    }
    return out
  }

  @Test(arguments: P.pad.samples.indices, [DType.f64, .bf16, .f16, .i32, .u8])
  func padPlacesElements(_ number: Int, _ dtype: DType) throws {
    let sample = P.pad.samples[number]
    var attributes = sample.attributes
    if !dtype.isFloating { attributes["value"] = .double(7) }
    let input = digits(try TensorType(dtype, sample.inputs[0].shape), 5)
    let run = try KernelRunner(P.pad, [input], attributes)
    let out = try P.pad.typeRule([input.0], attributes)[0]
    var wanted = [Double](repeating: attributes.double("value"), count: out.count)
    for index in 0..<input.0.count {
      var (rest, place) = (index, 0)
      for axis in input.0.shape.indices.reversed() {
        let position = rest % input.0.shape[axis]
        rest /= input.0.shape[axis]
        let step = attributes.ints("interior")[axis] + 1
        place += (attributes.ints("low")[axis] + position * step) * out.strides[axis]
      }
      wanted[place] = input.1[index]
    }
    #expect(run.outputs[0] == wanted)
    #expect(run.isIntact)
  }

  struct Large: Sendable, CustomStringConvertible {
    let primitive: Primitive
    let inputs: [Sample.Input]
    let attributes: Attributes
    var description: String { "\(primitive.name) \(inputs.map(\.shape))" }
    init(_ primitive: Primitive, _ inputs: [Sample.Input], _ attributes: Attributes = [:]) {
      self.primitive = primitive
      self.inputs = inputs
      self.attributes = attributes
    }
  }

  private static func indices(_ shape: [Int], below count: Int) -> Sample.Input {
    .init(shape, 0...Double(count - 1), dtype: .i64)
  }

  private static let axis0: Attributes = ["axis": .int(0)]

  static let large: [Large] = [
    Large(P.take, [.init([50, 300]), indices([200], below: 50)], ["axis": .int(0)]),
    Large(P.take, [.init([60, 40, 20]), indices([50], below: 40)], ["axis": .int(1)]),
    Large(
      P.indexAdd, [.init([64, 40, 20]), indices([30], below: 40), .init([64, 30, 20])],
      ["axis": .int(1)]),
    Large(P.gather, [.init([60, 40, 20]), indices([60, 50, 20], below: 40)], ["axis": .int(1)]),
    Large(
      P.scatterAdd,
      [.init([60, 40, 20]), indices([60, 30, 20], below: 40), .init([60, 30, 20])],
      ["axis": .int(1)]),
    Large(P.indexSet, [.init([900, 50]), indices([2000], below: 900), .init([2000, 50])], axis0),
    Large(
      P.indexSet, [.init([64, 40, 20]), indices([90], below: 40), .init([64, 90, 20])],
      ["axis": .int(1)]),
    Large(P.scatterSet, [.init([9000]), indices([70000], below: 9000), .init([70000])], axis0),
    Large(
      P.scatterSet,
      [.init([60, 40, 20]), indices([60, 90, 20], below: 40), .init([60, 90, 20])],
      ["axis": .int(1)]),
    Large(
      P.scatterMax, [.init([9000]), indices([70000], below: 9000), .init([70000])],
      ["axis": .int(0), "fresh": .bool(true)]),
    Large(
      P.scatterProd, [.init([50, 30]), indices([4000, 30], below: 50), .init([4000, 30])],
      ["axis": .int(0), "fresh": .bool(false)]),
    Large(
      P.joinIndices, [indices([200, 200], below: 30), indices([200, 200], below: 90)],
      ["lengths": .ints([30, 80])]),
    Large(P.squaredDistances, [.init([3, 70, 9]), .init([3, 200, 9])]),
    Large(P.weightedDifferences, [.init([3, 70, 99]), .init([3, 70, 37]), .init([3, 99, 37])]),
    Large(P.softmax, [.init([300, 200])], ["axis": .int(1)]),
    Large(P.softmax, [.init([30, 40, 50])], ["axis": .int(1)]),
    Large(P.logSoftmax, [.init([30, 40, 50])], ["axis": .int(1)]),
    Large(P.logsumexp, [.init([300, 200])], ["axes": .ints([1])]),
    Large(P.logsumexp, [.init([30, 40, 50])], ["axes": .ints([1])]),
    Large(P.cumsum, [.init([30, 40, 50])], ["axis": .int(1), "reverse": .bool(true)]),
    Large(P.argmax, [.init([30, 40, 50])], ["axis": .int(1)]),
    Large(
      P.concatenate, [.init([40, 30, 20]), .init([40, 50, 20]), .init([40, 0, 20])],
      ["axis": .int(1)]),
    Large(P.crossEntropy, [.init([400, 100]), indices([400], below: 100)]),
    Large(P.crossEntropyGradient, [.init([400, 100]), indices([400], below: 100), .init([400])]),
    Large(P.bceWithLogits, [.init([200, 200]), .init([200, 200])]),
    Large(
      P.sgdUpdate,
      [.init([40001]), .init([40001]), .init([40001]), .init([7], 1...1, dtype: .f64)]),
    Large(P.iota, [], ["shape": .ints([30, 41, 50]), "axis": .int(1), "dtype": .dtype(.f32)]),
    Large(P.oneHot, [indices([999], below: 100)], ["classes": .int(100), "dtype": .dtype(.f32)]),
    Large(
      P.pad, [.init([40, 31, 50])],
      [
        "low": .ints([1, 2, 3]), "high": .ints([2, 1, 0]), "interior": .ints([0, 1, 1]),
        "value": .double(0.5),
      ]),
    Large(P.matmul, [.init([400, 300]), .init([300, 1])], matrix),
    Large(P.matmul, [.init([1, 300]), .init([300, 400])], matrix),
    Large(
      P.randomUniform, [.init([2], 1...9, dtype: .i64)],
      ["shape": .ints([70001]), "dtype": .dtype(.f32)]),
    Large(
      P.randomNormal, [.init([2], 1...9, dtype: .i64)],
      ["shape": .ints([70001]), "dtype": .dtype(.f64)]),
  ]

  private static let matrix: Attributes = [
    "transpose_a": .bool(false), "transpose_b": .bool(false),
  ]

  @Test(arguments: large) func tasksDoNotChangeResults(_ item: Large) throws {
    let inputs = try item.inputs.enumerated().map { index, input in
      let type = try TensorType(input.dtype ?? .f32, input.shape)
      let seed = UInt64(index + 10)
      if input.dtype == nil { return numbers(type, seed) }
      return digits(type, seed, Int(input.range.lowerBound)...Int(input.range.upperBound))
    }
    let whole = try KernelRunner(item.primitive, inputs, item.attributes, threads: 1)
    let split = try KernelRunner(item.primitive, inputs, item.attributes, threads: 3)
    #expect(whole.tasks == 1)
    #expect(split.tasks > 1 && split.tasks <= 12)
    #expect(whole.outputs == split.outputs)
    #expect(whole.outputs[0].contains { $0 != 0 })
    #expect(whole.isIntact && split.isIntact)
    #expect(whole.status == 0 && split.status == 0)
  }

  @Test func otherAxesAreRowsToo() throws {
    let x = numbers(try TensorType(.f64, [5, 4, 3]), 20)
    let turned = try KernelRunner(P.softmax, [x], ["axis": .int(1)]).outputs[0]
    for outer in 0..<5 {
      for inner in 0..<3 {
        let places = (0..<4).map { (outer * 4 + $0) * 3 + inner }
        let row = (try TensorType(.f64, [4]), places.map { x.1[$0] })
        let wanted = try KernelRunner(P.softmax, [row], ["axis": .int(0)]).outputs[0]
        #expect(places.map { turned[$0] } == wanted)
      }
    }
  }

  @Test(arguments: [1, 4]) func badIndicesAreReported(_ threads: Int) throws {
    let x = numbers(try TensorType(.f32, [10, 4]), 21)
    for bad in [10.0, -1, 1e18] {
      var indices = digits(try TensorType(.i64, [30000]), 22, 0...9)
      indices.1[23456] = bad
      let run = try KernelRunner(P.take, [x, indices], ["axis": .int(0)], threads: threads)
      #expect(run.status == 23457)
      #expect(run.isIntact)
      let hot = try KernelRunner(
        P.oneHot, [indices], ["classes": .int(10), "dtype": .dtype(.u8)], threads: threads)
      #expect(hot.status == 23457)
      #expect(hot.isIntact)
    }
  }

  /// A kernel takes bf16 as it is or says that it has none; the compiler widens then.
  @Test(arguments: Case.all) func storageTypesAreMovedOrRefused(_ item: Case) throws {
    guard case .buffer(_, let prepare) = item.primitive.kernel else { return }
    let moves = [
      "pad", "concatenate", "take", "gather", "index_set", "scatter_set", "one_hot",
      "random_permutation",
    ]
    let products = [
      "matmul", "convolution", "convolution_input_gradient", "convolution_weight_gradient",
    ]
    let types = try item.inputTypes(.bf16)
    var attributes = item.sample.attributes
    let isFloating = types.contains { $0.dtype == .bf16 } || attributes.dtype("dtype") != nil
    guard isFloating || types.isEmpty, !products.contains(item.primitive.name) else { return }
    if attributes.dtype("dtype") != nil { attributes["dtype"] = .dtype(.bf16) }
    let request = KernelRequest(
      inputs: types, outputs: try item.primitive.typeRule(types, attributes),
      attributes: attributes, table: kernelTable, threads: 1)
    if moves.contains(item.primitive.name) {
      _ = try prepare(request)
    } else {
      #expect(throws: BettyError.self) { try prepare(request) }
    }
  }

  @Test(arguments: DType.allCases) func patternsHoldValues(_ dtype: DType) throws {
    for value in [0.0, 1] + (dtype == .bool ? [] : [2, 100]) + (dtype.isFloating ? [-1.5] : []) {
      let run = try KernelRunner(
        P.pad, [(try TensorType(dtype, [0]), [])],
        P.padAttributes([3], [0], [0], value: value))
      #expect(run.outputs[0] == [value, value, value])
    }
  }
}
