// Elementary functions against the C library's in f64: distances in units in the last place over
// their whole range, and the values at the edges.
import BettyKernelInterface
import Glibc
import Testing

private struct Case: Sendable {
  var op: TileOp
  var exact: @Sendable (Double) -> Double
  /// Largest distance allowed, in units in the last place of f32.
  var ulps: Double
  var range: ClosedRange<Double>
  /// Largest relative error allowed in f64, near which the C library itself is exact.
  var relative = 1e-15
}

private let cases: [Case] = [
  Case(op: .exp, exact: { exp($0) }, ulps: 1.5, range: -87.3...88.72),
  Case(op: .expm1, exact: { expm1($0) }, ulps: 2, range: -30...88.72),
  Case(op: .expm1, exact: { expm1($0) }, ulps: 2, range: -0.5...0.5),
  Case(op: .log, exact: { log($0) }, ulps: 1.5, range: 1e-44...1e-37),
  Case(op: .log, exact: { log($0) }, ulps: 1.5, range: 1e-3...3),
  Case(op: .log, exact: { log($0) }, ulps: 1.5, range: 1...3e38),
  Case(op: .log1p, exact: { log1p($0) }, ulps: 2, range: -0.999...1),
  Case(op: .log1p, exact: { log1p($0) }, ulps: 2, range: -1e-4...1e-4),
  Case(op: .log1p, exact: { log1p($0) }, ulps: 2, range: 1...1e30),
  Case(op: .tanh, exact: { tanh($0) }, ulps: 2.5, range: -10...10),
  Case(op: .tanh, exact: { tanh($0) }, ulps: 2.5, range: -1e-3...1e-3),
  Case(op: .sigmoid, exact: { 1 / (1 + exp(-$0)) }, ulps: 2.5, range: -87...87),
  Case(op: .softplus, exact: { max($0, 0) + log1p(exp(-abs($0))) }, ulps: 2.5, range: -87...90),
  Case(op: .erf, exact: { erf($0) }, ulps: 1.6, range: -4.5...4.5),
  Case(op: .erf, exact: { erf($0) }, ulps: 1.6, range: -1e-3...1e-3),
  Case(op: .erfinv, exact: inverseErf, ulps: 3, range: -0.999...0.999),
  Case(op: .erfinv, exact: inverseErf, ulps: 3, range: -1e-3...1e-3),
  Case(op: .erfinv, exact: inverseErf, ulps: 2.5, range: 0.99...0.999999),
  Case(op: .sin, exact: { sin($0) }, ulps: 1.6, range: -100...100, relative: 1e-14),
  Case(op: .cos, exact: { cos($0) }, ulps: 1.6, range: -100...100, relative: 1e-14),
  Case(op: .sin, exact: { sin($0) }, ulps: 2, range: -100_000...100_000, relative: 1e-14),
  Case(op: .cos, exact: { cos($0) }, ulps: 2, range: -100_000...100_000, relative: 1e-14),
  Case(op: .sin, exact: { sin($0) }, ulps: 1, range: 1e6...1e30),
]

/// Newton's method on erf, and on what is missing to 1 where that is all.
private func inverseErf(_ x: Double) -> Double {
  let size = abs(x)
  var y = size < 0.9 ? size : (-log((1 - size) * (1 + size))).squareRoot()
  for _ in 0..<100 {
    let miss = size < 0.5 ? erf(y) - size : (1 - size) - erfc(y)
    let step = miss * 0.8862269254527580 * exp(y * y)
    y -= step / (1 + y * step)
  }
  return x < 0 ? -y : y
}

private func points(_ range: ClosedRange<Double>) -> [Double] {
  var source = SplitMix(42)
  return (0..<20_000).map { _ in Double.random(in: range, using: &source) }
}

@Suite struct MathTests {
  @Test(arguments: tables) func singles(_ table: KernelTable) throws {
    for test in cases {
      let x = points(test.range).map(Float.init)
      let got = try tile(table[test.op, .f32], Float(0), x)
      var (worst, at) = (0.0, Float(0))
      for i in x.indices {
        let distance = ulps(got[i], test.exact(Double(x[i])))
        if distance > worst { (worst, at) = (distance, x[i]) }
      }
      #expect(worst <= test.ulps, "\(table.isa) \(test.op) at \(at): \(worst) ulp")
    }
  }

  @Test(arguments: tables) func doubles(_ table: KernelTable) throws {
    for test in cases {
      let x = points(test.range)
      let got = try tile(table[test.op, .f64], 0.0, x)
      var (worst, at) = (0.0, 0.0)
      for i in x.indices {
        let want = test.exact(x[i])
        let error = got[i] == want ? 0 : abs(got[i] - want) / abs(want)
        if !(error <= worst) { (worst, at) = (error, x[i]) }
      }
      #expect(worst <= test.relative, "\(table.isa) \(test.op) at \(at): \(worst)")
    }
  }

  /// gelu loses digits to 1 + erf where the result is tiny, as PyTorch's does: absolute there.
  @Test(arguments: tables) func gelu(_ table: KernelTable) throws {
    let x = points(-12...12)
    let exact = x.map { 0.5 * $0 * erfc(-$0 / 2.0.squareRoot()) }
    for (got, want) in zip(try tile(table[.gelu, .f64], 0.0, x), exact) {
      #expect(abs(got - want) <= 1e-14)
    }
    let singles = x.map(Float.init)
    for (got, want) in zip(try tile(table[.gelu, .f32], Float(0), singles), exact) {
      #expect(abs(Double(got) - want) <= 1e-6)
    }
  }

  @Test(arguments: tables) func edges(_ table: KernelTable) throws {
    let x: [Double] = [
      .nan, .infinity, -.infinity, 0, -0.0, 1, -1, -2, 1000, -1000, 1e-40, 1e-310, -1e-310, 3e38,
    ]
    let functions: [(TileOp, (Double) -> Double)] = [
      (.exp, exp), (.expm1, expm1), (.log, log), (.log1p, log1p), (.tanh, tanh),
      (.sigmoid, { 1 / (1 + exp(-$0)) }), (.erf, erf), (.sin, sin), (.cos, cos),
      (.softplus, { $0 == .infinity ? $0 : max($0, 0) + log1p(exp(-abs($0))) + $0 * 0 }),
    ]
    for (op, exact) in functions {
      let wide = try tile(table[op, .f64], 0.0, x)
      let narrow = try tile(table[op, .f32], Float(0), x.map(Float.init))
      for i in x.indices {
        var want = exact(x[i])
        if op == .softplus && x[i] == -.infinity { want = 0 }
        let slack = 1e-15 * abs(want) + Double.leastNonzeroMagnitude
        let near = abs(wide[i] - want) <= slack || abs(want) < 1e-300 && wide[i] == 0
        #expect(wide[i].same(want) || near, "\(table.isa) f64 \(op)(\(x[i])): \(wide[i]) \(want)")
        want = exact(Double(Float(x[i])))
        if op == .softplus && x[i] == -.infinity { want = 0 }
        let distance = ulps(narrow[i], want)
        let tiny = abs(want) < 1.2e-38 && abs(narrow[i]) < 1.2e-38
        #expect(distance <= 2.5 || tiny, "\(table.isa) f32 \(op)(\(x[i])): \(narrow[i]) \(want)")
      }
    }
    #expect(try tile(table[.tanh, .f32], Float(0), [Float(-0.0)])[0].sign == .minus)
    #expect(try tile(table[.sin, .f64], 0.0, [-0.0])[0].sign == .minus)
  }

  @Test(arguments: tables) func endsOfInverseErf(_ table: KernelTable) throws {
    let x = [1, -1, 0, -0.0, 1.5, -.infinity, .nan, 1 - 0x1p-53, 0x1p-1074]
    let want = [.infinity, -.infinity, 0, 0, .nan, .nan, .nan, 5.863584748755168, 0x1p-1074]
    let got = try tile(table[.erfinv, .f64], 0.0, x)
    for (got, want) in zip(got, want) {
      #expect(got.same(want) || abs(got - want) <= 4 * want.ulp, "\(got) \(want)")
    }
    #expect(got[3].sign == .minus)
    let singles = x.map { $0 == 1 - 0x1p-53 ? Float(1 - 0x1p-24) : Float($0) }
    let narrow = try tile(table[.erfinv, .f32], Float(0), singles)
    let last = inverseErf(1 - 0x1p-24)
    for i in x.indices { #expect(narrow[i].same(Float(want[i])) || ulps(narrow[i], last) <= 3) }
  }
}
