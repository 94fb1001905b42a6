// Reductions, running sums and positions of extremes against plain loops, over trailing, leading
// and middle axes, split over tasks in every way.
import BettyKernelInterface
import Testing

private let shapes: [(outer: Int, reduced: Int, inner: Int)] = [
  (1, 0, 1), (3, 1, 1), (5, 7, 1), (2, 10, 1), (1, 1000, 1), (3, 333, 1), (1, 9000, 1),
  (1, 5, 3), (2, 7, 16), (1, 600, 33), (3, 10, 70), (2, 1, 5), (2, 0, 4), (1, 12, 130),
]

private func reduced<T: TestElement>(
  _ function: ReduceFunction, _ a: [T], _ shape: (outer: Int, reduced: Int, inner: Int)
) -> [T] {
  written(shape.outer * shape.inner, T.specials[0]) { d in
    a.withUnsafeBytes { x in
      let split = shape.outer / 2
      let from = x.baseAddress ?? UnsafeRawPointer(d)
      function(d, from, shape.outer, shape.reduced, shape.inner, 0, split)
      function(d, from, shape.outer, shape.reduced, shape.inner, split, shape.outer)
    }
  }
}

private func check<T: TestElement>(
  _ table: KernelTable, _ op: ReduceOp, _: T.Type, specials: Bool, tame: Bool = false,
  _ expected: ([T]) -> T, _ same: (T, T, [T]) -> Bool = { a, b, _ in a.same(b) }
) throws {
  let index = Int(op.rawValue) * DType.count + Int(T.dtype.rawValue)
  let function = try #require(table.reduce[index])
  for shape in shapes {
    let count = shape.outer * shape.reduced * shape.inner
    let a = operands(T.self, count, seed: 11, specials: specials && count > 100)
      .map { tame ? $0.tamed : $0 }
    let got = reduced(function, a, shape)
    for o in 0..<shape.outer {
      for i in 0..<shape.inner {
        let column = (0..<shape.reduced).map { a[(o * shape.reduced + $0) * shape.inner + i] }
        let result = got[o * shape.inner + i]
        let want = expected(column)
        #expect(
          same(result, want, column), "\(table.isa) \(op) \(T.dtype) \(shape): \(result) \(want)")
      }
    }
  }
}

private func checkExtremes<T: TestElement>(
  _ table: KernelTable, _: T.Type, _ low: T, _ high: T
) throws {
  let larger: (T, T) -> T = { $0 != $0 || $0 > $1 ? $0 : $1 }
  let smaller: (T, T) -> T = { $0 != $0 || $0 < $1 ? $0 : $1 }
  for specials in [false, true] {
    try check(table, .max, T.self, specials: specials) { $0.reduce(low, larger) }
    try check(table, .min, T.self, specials: specials) { $0.reduce(high, smaller) }
  }
}

private func checkSums<T: TestElement & FixedWidthInteger>(
  _ table: KernelTable, _: T.Type
) throws {
  try check(table, .sum, T.self, specials: true) { $0.reduce(0, &+) }
  try check(table, .prod, T.self, specials: true) { $0.reduce(1, &*) }
}

private func checkSums<T: TestElement & BinaryFloatingPoint>(
  _ table: KernelTable, _: T.Type
) throws {
  try check(table, .sum, T.self, specials: false) {
    T($0.reduce(Double(0)) { $0 + Double($1) })
  } _: { a, b, column in
    let size = column.reduce(Double(0)) { $0 + Double(abs($1)) }
    return abs(Double(a - b)) <= 8 * size * Double(T.ulpOfOne)
  }
  try check(table, .sum, T.self, specials: true) { column in
    T(column.reduce(Double(0)) { $0 + Double($1) })
  } _: { a, b, _ in
    a.isFinite == b.isFinite
  }
  // Between 1/2 and 3/2, so that no order of the product leaves the range.
  try check(table, .prod, T.self, specials: false, tame: true) {
    T($0.reduce(Double(1)) { $0 * Double($1) })
  } _: { a, b, column in
    a.same(b) || abs(a) < 1e-30 && abs(b) < 1e-30
      || abs(a - b) <= T(8 + column.count) * abs(b) * T.ulpOfOne
  }
}

@Suite struct ReduceTests {
  @Test(arguments: tables) func sumsAndProducts(_ table: KernelTable) throws {
    try checkSums(table, Float.self)
    try checkSums(table, Double.self)
    try checkSums(table, Int64.self)
    try checkSums(table, Int32.self)
    try checkSums(table, UInt8.self)
  }

  @Test(arguments: tables) func extremes(_ table: KernelTable) throws {
    try checkExtremes(table, Float.self, -.infinity, .infinity)
    try checkExtremes(table, Double.self, -.infinity, .infinity)
    try checkExtremes(table, Int64.self, .min, .max)
    try checkExtremes(table, Int32.self, .min, .max)
    try checkExtremes(table, UInt8.self, .min, .max)
  }

  /// A million times 0.1 in f32: a single accumulator would be off by a percent.
  @Test(arguments: tables) func longSumsStayAccurate(_ table: KernelTable) throws {
    let n = 1_000_000
    let a = [Float](repeating: 0.1, count: n)
    let sum = try #require(table.reduce[Int(DType.f32.rawValue)])
    #expect(abs(reduced(sum, a, (1, n, 1))[0] - 100_000) < 0.05)
    for column in reduced(sum, a, (1, n / 4, 4)) { #expect(abs(column - 25_000) < 0.02) }
  }

  @Test(arguments: tables) func tilesAccumulate(_ table: KernelTable) throws {
    let a = operands(Float.self, 1000, seed: 4, specials: false)
    let sum = try #require(table.tileReduce[Int(DType.f32.rawValue)])
    var total = 1.5
    a.withUnsafeBytes {
      sum(&total, $0.baseAddress!, 300)
      sum(&total, $0.baseAddress! + 1200, 700)
    }
    #expect(abs(total - a.reduce(1.5) { $0 + Double($1) }) < 1e-3)
    let largest = try #require(
      table.tileReduce[Int(ReduceOp.max.rawValue) * DType.count + Int(DType.i32.rawValue)])
    let integers = operands(Int32.self, 100, seed: 4)
    var best = Int32.min
    integers.withUnsafeBytes { largest(&best, $0.baseAddress!, 100) }
    #expect(best == integers.max())
  }

  @Test(arguments: tables) func runningSums(_ table: KernelTable) throws {
    for backwards in [false, true] {
      for (outer, length, inner) in [(1, 1000, 1), (3, 17, 5), (2, 9, 40), (2, 0, 3)] {
        let a = operands(Int64.self, outer * length * inner, seed: 3)
        let run = try #require(table.cumsum[Int(DType.i64.rawValue)])
        let got: [Int64] = written(a.count, 0) { d in
          a.withUnsafeBytes {
            let from = $0.baseAddress ?? UnsafeRawPointer(d)
            run(d, from, outer, length, inner, 0, outer, backwards ? 1 : 0)
          }
        }
        for o in 0..<outer {
          for i in 0..<inner {
            var total: Int64 = 0
            for step in 0..<length {
              let at = (o * length + (backwards ? length - 1 - step : step)) * inner + i
              total &+= a[at]
              #expect(got[at] == total)
            }
          }
        }
      }
    }
  }

  @Test(arguments: tables) func positionsOfExtremes(_ table: KernelTable) throws {
    try checkPositions(table, Double.self)
    try checkPositions(table, Float.self)
    try checkPositions(table, Int64.self)
    try checkPositions(table, Int32.self)
    try checkPositions(table, UInt8.self)
  }

  /// Rows shorter and longer than vectors, columns fewer and more than one holds, equal elements.
  private func checkPositions<T: TestElement>(_ table: KernelTable, _: T.Type) throws {
    let shapes = [
      (1, 1000, 1), (3, 17, 5), (40, 10, 1), (2, 9, 40), (2, 1, 3), (3, 65, 1), (1, 300, 1),
      (2, 16, 64), (1, 50, 130),
    ]
    for (outer, length, inner) in shapes {
      for (largest, specials) in [(true, true), (false, true), (true, false), (false, false)] {
        let a = operands(T.self, outer * length * inner, seed: 5, specials: specials)
        let run = try #require(table.argReduce[Int(T.dtype.rawValue)])
        let got: [Int64] = written(outer * inner, 0) { d in
          a.withUnsafeBytes {
            run(
              d.assumingMemoryBound(to: Int64.self), $0.baseAddress!, outer, length, inner, 0,
              outer, largest ? 1 : 0)
          }
        }
        for o in 0..<outer {
          for i in 0..<inner {
            let column = (0..<length).map { a[(o * length + $0) * inner + i] }
            let extreme = largest ? column.max()! : column.min()!
            let want = column.firstIndex { $0 != $0 } ?? column.firstIndex { $0 == extreme }!
            #expect(got[o * inner + i] == Int64(want), "\(table.isa) \(T.dtype) \(length)")
          }
        }
      }
    }
  }
}
