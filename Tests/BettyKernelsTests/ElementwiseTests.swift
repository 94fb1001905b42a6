// Every elementwise operation of every element type against one line of plain Swift.
import BettyKernelInterface
import Glibc
import Testing

private func check<T: TestElement>(
  _ table: KernelTable, _ op: TileOp, _: T.Type, _ expected: (T, T) -> T,
  _ same: (T, T) -> Bool = { $0.same($1) }
) throws {
  for n in lengths {
    let a = operands(T.self, n, seed: 1)
    let b = operands(T.self, n, seed: 2)
    let got = try tile(table[op, T.dtype], a.first ?? T.specials[0], a, b)
    for i in 0..<n {
      let want = expected(a[i], b[i])
      #expect(
        same(got[i], want), "\(table.isa) \(op) \(T.dtype) n=\(n) \(a[i]) \(b[i]): \(got[i])")
    }
  }
}

private func checkCommon<T: TestElement & Numeric>(_ table: KernelTable, _: T.Type) throws {
  try check(table, .copy, T.self) { a, _ in a }
  try check(table, .maximum, T.self) { a, b in a != a || a > b ? a : b }
  try check(table, .minimum, T.self) { a, b in a != a || a < b ? a : b }
  try check(table, .relu, T.self) { a, _ in a < 0 ? 0 : a }
  try checkComparisons(table, T.self)
  try checkSelect(table, T.self)
}

private func checkComparisons<T: TestElement>(_ table: KernelTable, _: T.Type) throws {
  let comparisons: [(TileOp, (T, T) -> Bool)] = [
    (.eq, { $0 == $1 }), (.ne, { $0 != $1 }), (.lt, { $0 < $1 }), (.le, { $0 <= $1 }),
    (.gt, { $0 > $1 }), (.ge, { $0 >= $1 }),
  ]
  for (op, expected) in comparisons {
    for n in lengths {
      let a = operands(T.self, n, seed: 3)
      let b = operands(T.self, n, seed: 3 + UInt64(n % 2))
      let got = try tile(table[op, T.dtype], UInt8(0), a, b)
      #expect(got == zip(a, b).map { expected($0, $1) ? 1 : 0 }, "\(table.isa) \(op) \(T.dtype)")
    }
  }
}

private func checkSelect<T: TestElement>(_ table: KernelTable, _: T.Type) throws {
  let run = try #require(table[.select, T.dtype])
  for n in lengths {
    let a = operands(T.self, n, seed: 5)
    let b = operands(T.self, n, seed: 6)
    let mask = (0..<n).map { UInt8(($0 * 7 / 3) % 2) }
    let got: [T] = written(n, T.specials[0]) { d in
      mask.withUnsafeBytes { m in
        a.withUnsafeBytes { x in
          b.withUnsafeBytes { y in
            let none = UnsafeRawPointer(d)
            run(d, m.baseAddress ?? none, x.baseAddress ?? none, y.baseAddress ?? none, n)
          }
        }
      }
    }
    for i in 0..<n { #expect(got[i].same(mask[i] != 0 ? a[i] : b[i])) }
  }
}

private func checkInteger<T: TestElement & FixedWidthInteger>(
  _ table: KernelTable, _: T.Type
) throws {
  try checkCommon(table, T.self)
  try check(table, .neg, T.self) { a, _ in 0 &- a }
  try check(table, .abs, T.self) { a, _ in a < 0 ? 0 &- a : a }
  try check(table, .sign, T.self) { a, _ in a.signum() }
  try check(table, .add, T.self) { $0 &+ $1 }
  try check(table, .sub, T.self) { $0 &- $1 }
  try check(table, .mul, T.self) { $0 &* $1 }
  try check(table, .div, T.self) { a, b in
    b == 0 ? 0 : a.dividedReportingOverflow(by: b).partialValue
  }
  try check(table, .floorDivide, T.self) { a, b in
    if b == 0 { return 0 }
    let (q, r) = (a.dividedReportingOverflow(by: b), a.remainderReportingOverflow(dividingBy: b))
    return r.partialValue != 0 && (a < 0) != (b < 0) ? q.partialValue - 1 : q.partialValue
  }
  try check(table, .remainder, T.self) { a, b in
    if b == 0 { return 0 }
    let r = a.remainderReportingOverflow(dividingBy: b).partialValue
    return r != 0 && (a < 0) != (b < 0) ? r + b : r
  }
  try check(table, .pow, T.self) { a, b in
    if b < 0 { return a == 1 ? 1 : a &+ 1 == 0 ? (b & 1 == 0 ? 1 : a) : 0 }
    var result: T = 1
    for bit in (0..<T.bitWidth).reversed() {
      result = result &* result
      if b >> T(bit) & 1 == 1 { result = result &* a }
    }
    return result
  }
  for n in lengths {
    let (a, b) = (operands(T.self, n, seed: 1), operands(T.self, n, seed: 2))
    let got = try tile(table[.multiplyAdd, T.dtype], T(0), a, b, b)
    #expect(got == zip(a, b).map { $0 &* $1 &+ $1 })
  }
}

/// Python's modulo of floats.
private func modulo(_ a: Double, _ b: Double) -> Double {
  let r = fmod(a, b)
  return r != 0 && (r < 0) != (b < 0) ? r + b : r
}

private func checkFloat<T: TestElement & BinaryFloatingPoint>(
  _ table: KernelTable, _: T.Type
) throws {
  try checkCommon(table, T.self)
  let identical: (T, T) -> Bool = { $0.same($1) && ($0.isNaN || $0.sign == $1.sign) }
  let near: (T, T) -> Bool = { $0.same($1) || abs($0 - $1) <= 4 * $1.ulp }
  try check(table, .neg, T.self, { a, _ in -a }, identical)
  try check(table, .abs, T.self, { a, _ in abs(a) }, identical)
  try check(table, .sign, T.self) { a, _ in a > 0 ? 1 : a < 0 ? -1 : 0 }
  try check(table, .sqrt, T.self, { a, _ in a.squareRoot() }, identical)
  try check(table, .rsqrt, T.self, { a, _ in 1 / a.squareRoot() }, near)
  try check(table, .reciprocal, T.self) { a, _ in 1 / a }
  try check(table, .floor, T.self, { a, _ in a.rounded(.down) }, identical)
  try check(table, .ceil, T.self, { a, _ in a.rounded(.up) }, identical)
  try check(table, .round, T.self, { a, _ in a.rounded(.toNearestOrEven) }, identical)
  try check(table, .trunc, T.self, { a, _ in a.rounded(.towardZero) }, identical)
  try check(table, .add, T.self) { $0 + $1 }
  try check(table, .sub, T.self) { $0 - $1 }
  try check(table, .mul, T.self) { $0 * $1 }
  try check(table, .div, T.self) { $0 / $1 }
  try check(table, .pow, T.self, { T(pow(Double($0), Double($1))) }, near)
  try check(table, .atan2, T.self, { T(atan2(Double($0), Double($1))) }, near)
  try check(table, .remainder, T.self, { T(modulo(Double($0), Double($1))) }, near)
  try check(table, .floorDivide, T.self) { a, b in
    b == 0
      ? a / b
      : b.isInfinite && a.isFinite && a != 0 && (a < 0) != (b < 0)
        ? -1
        : T(((Double(a) - modulo(Double(a), Double(b))) / Double(b)).rounded())
  }
  for n in lengths {
    let (a, b) = (operands(T.self, n, seed: 1), operands(T.self, n, seed: 2))
    let got = try tile(table[.multiplyAdd, T.dtype], T(0), a, b, b)
    for i in 0..<n {
      let want = T(Double(a[i]) * Double(b[i]) + Double(b[i]))
      let size = max(abs(a[i] * b[i]), abs(b[i]))
      #expect(got[i].same(want) || abs(got[i] - want) <= 2 * size.ulp)
    }
  }
}

@Suite struct ElementwiseTests {
  @Test(arguments: tables) func integers(_ table: KernelTable) throws {
    try checkInteger(table, Int64.self)
    try checkInteger(table, Int32.self)
    try checkInteger(table, UInt8.self)
  }

  @Test(arguments: tables) func floats(_ table: KernelTable) throws {
    try checkFloat(table, Float.self)
    try checkFloat(table, Double.self)
  }

  @Test(arguments: tables) func bools(_ table: KernelTable) throws {
    let logical: [(TileOp, (Bool, Bool) -> Bool)] = [
      (.logicalAnd, { $0 && $1 }), (.logicalOr, { $0 || $1 }), (.logicalXor, { $0 != $1 }),
      (.logicalNot, { a, _ in !a }), (.copy, { a, _ in a }), (.eq, { $0 == $1 }),
      (.ne, { $0 != $1 }), (.lt, { !$0 && $1 }), (.ge, { $0 || !$1 }),
      (.maximum, { $0 || $1 }), (.minimum, { $0 && $1 }),
    ]
    for (op, expected) in logical {
      for n in lengths {
        let a = (0..<n).map { UInt8($0 % 2) }
        let b = (0..<n).map { UInt8($0 / 2 % 2) }
        let got = try tile(table[op, .bool], UInt8(0), a, b)
        #expect(got == zip(a, b).map { expected($0 != 0, $1 != 0) ? 1 : 0 }, "\(op)")
      }
    }
  }

  /// Bytes from elsewhere may be true without being 1.
  @Test(arguments: tables) func everyTruth(_ table: KernelTable) throws {
    let a = (0..<1000).map { UInt8($0 % 3 == 0 ? 0 : $0 % 256) }
    let b = (0..<1000).map { UInt8($0 % 5 == 0 ? 0 : $0 * 7 % 256) }
    let logical: [(TileOp, (Bool, Bool) -> Bool)] = [
      (.logicalAnd, { $0 && $1 }), (.logicalOr, { $0 || $1 }), (.logicalXor, { $0 != $1 }),
      (.logicalNot, { a, _ in !a }),
    ]
    for (op, expected) in logical {
      let got = try tile(table[op, .bool], UInt8(0), a, b)
      #expect(got == zip(a, b).map { expected($0 != 0, $1 != 0) ? 1 : 0 }, "\(op)")
    }
    try checkSelect(table, UInt8.self)
    let picked = try tile(table[.select, .bool], UInt8(0), a, b, a)
    #expect(picked == zip(a, b).map { $0 != 0 ? $1 : $0 })
  }

  @Test(arguments: tables) func storageTypesMoveOnly(_ table: KernelTable) throws {
    for dtype in [DType.bf16, .f16] {
      for n in lengths {
        let a = (0..<n).map { UInt16(truncatingIfNeeded: $0 &* 40503) }
        #expect(try tile(table[.copy, dtype], UInt16(0), a) == a)
      }
      #expect(table[.select, dtype] != nil)
      #expect(table[.add, dtype] == nil)
    }
  }

  /// A destination that is an operand gives the same numbers.
  @Test(arguments: tables) func inPlace(_ table: KernelTable) throws {
    let n = 1003
    let a = operands(Float.self, n, seed: 8, specials: false)
    let b = operands(Float.self, n, seed: 9, specials: false)
    for op in [TileOp.add, .mul, .exp, .tanh, .pow, .maximum] {
      let run = try #require(table[op, .f32])
      let apart = try tile(run, Float(0), a, b)
      var left = a
      left.withUnsafeMutableBytes { x in
        b.withUnsafeBytes { y in
          run(x.baseAddress!, x.baseAddress!, y.baseAddress!, y.baseAddress!, n)
        }
      }
      for i in 0..<n { #expect(left[i].same(apart[i])) }
    }
  }
}
