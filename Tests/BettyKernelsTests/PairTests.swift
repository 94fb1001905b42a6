// Functions of two floats against the C library's: every pair of edges, and operands of all sizes.
import BettyKernelInterface
import Glibc
import Testing

private struct Pair: Sendable {
  var op: TileOp
  var wide: @Sendable (Double, Double) -> Double
  var single: @Sendable (Float, Float) -> Float
  /// Distance allowed, in units in the last place; where it is 0 so is the sign of zero.
  var ulps: Double
}

@Sendable private func modulo<T: BinaryFloatingPoint>(_ a: T, _ b: T, _ rest: T) -> T {
  rest != 0 && (b < 0) != (rest < 0) ? rest + b : rest
}

@Sendable private func floorDivide<T: BinaryFloatingPoint>(_ a: T, _ b: T, _ rest: T) -> T {
  if b == 0 { return a / b }
  var quotient = (a - rest) / b
  if rest != 0 && (b < 0) != (rest < 0) { quotient -= 1 }
  if quotient == 0 { return T(signOf: a / b, magnitudeOf: 0) }
  let floor = quotient.rounded(.down)
  return quotient - floor > 0.5 ? floor + 1 : floor
}

private let pairs: [Pair] = [
  Pair(op: .atan2, wide: { atan2($0, $1) }, single: { atan2f($0, $1) }, ulps: 3),
  Pair(op: .pow, wide: { pow($0, $1) }, single: { powf($0, $1) }, ulps: 1),
  Pair(
    op: .remainder, wide: { modulo($0, $1, fmod($0, $1)) },
    single: { modulo($0, $1, fmodf($0, $1)) }, ulps: 0),
  Pair(
    op: .floorDivide, wide: { floorDivide($0, $1, fmod($0, $1)) },
    single: { floorDivide($0, $1, fmodf($0, $1)) }, ulps: 0),
]

private let edges: [Double] = [
  .nan, .infinity, -.infinity, 0, -0.0, 1, -1, 0.5, -0.5, 2, -2, 3, -3, 2.5, -7.25, 1e-45, -1e-45,
  1e-310, 3e38, -3e38, 1e300, 1e10, 16_777_216, 16_777_217, 8_388_607.5, 1e-30, 0.1, -0.3,
]

/// Of random sizes, so that quotients run from none to more than a whole number holds.
private func numbers(_ count: Int, seed: UInt64, sizes: ClosedRange<Double>) -> [Double] {
  var source = SplitMix(seed)
  return (0..<count).map { _ in
    Double.random(in: -4...4, using: &source) * exp2(Double.random(in: sizes, using: &source))
  }
}

private func isNear<T: BinaryFloatingPoint>(_ got: T, _ want: T, _ ulps: Double) -> Bool {
  if got == want || got.isNaN && want.isNaN { return want != 0 || got.sign == want.sign }
  return abs(Double(got - want)) <= ulps * Double(want.ulp) && got.sign == want.sign
}

private func check(_ table: KernelTable, _ pair: Pair, _ a: [Double], _ b: [Double]) throws {
  let wide = try tile(table[pair.op, .f64], 0.0, a, b)
  let (x, y) = (a.map(Float.init), b.map(Float.init))
  let narrow = try tile(table[pair.op, .f32], Float(0), x, y)
  for i in a.indices {
    let want = pair.wide(a[i], b[i])
    #expect(
      isNear(wide[i], want, pair.ulps),
      "\(table.isa) f64 \(pair.op)(\(a[i]), \(b[i])): \(wide[i]) \(want)")
    let single = pair.single(x[i], y[i])
    #expect(
      isNear(narrow[i], single, pair.ulps),
      "\(table.isa) f32 \(pair.op)(\(x[i]), \(y[i])): \(narrow[i]) \(single)")
  }
}

@Suite struct PairTests {
  /// Alone, with others that need the library, and in vectors of their own.
  @Test(arguments: tables) func everyPairOfEdges(_ table: KernelTable) throws {
    let a = edges.flatMap { edge in edges.map { _ in edge } }
    let b = edges.flatMap { _ in edges }
    for pair in pairs {
      try check(table, pair, a, b)
      for i in stride(from: 0, to: a.count, by: 7) {
        try check(table, pair, [a[i]], [b[i]])
        let (x, y) = (
          [Double](repeating: a[i], count: 16), [Double](repeating: b[i], count: 16)
        )
        try check(table, pair, x, y)
      }
    }
  }

  @Test(arguments: tables) func operandsOfAllSizes(_ table: KernelTable) throws {
    for sizes in [0.0...0.1, -6.0...6.0, -40.0...40.0] {
      for n in lengths + [4000] {
        let a = numbers(n, seed: 11, sizes: sizes)
        let b = numbers(n, seed: 12, sizes: sizes)
        for pair in pairs { try check(table, pair, a, b) }
      }
    }
  }

  /// Quotients next to whole numbers, which rounding may reach from below.
  @Test(arguments: tables) func multiples(_ table: KernelTable) throws {
    let b = numbers(2000, seed: 13, sizes: -6...6).map { Double(Float($0)) }
    let a = b.enumerated().map { Double((Float($0.element) * Float($0.offset)).nextDown) }
    for pair in pairs where pair.ulps == 0 { try check(table, pair, a, b) }
  }

  /// Angles of points on and beside the axes and diagonals.
  @Test(arguments: tables) func angles(_ table: KernelTable) throws {
    let turn = (0..<2000).map { Double($0) * 0x1p-10 * 3.2 }
    try check(table, pairs[0], turn.map { sin($0) }, turn.map { cos($0) })
  }
}
