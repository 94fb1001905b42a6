// Rows (softmax and its relatives), losses, random numbers and optimizer updates.
import BettyKernelInterface
import Glibc
import Testing

private let columnCounts = [1, 2, 3, 7, 8, 10, 15, 16, 17, 31, 32, 33, 100, 512, 1000]

private func rows<T: TestElement & BinaryFloatingPoint>(
  _ a: [T], _ width: Int, _ zero: T, _ run: (UnsafeMutableRawPointer, UnsafeRawPointer) -> Void
) -> [T] {
  written(width, zero) { d in a.withUnsafeBytes { run(d, $0.baseAddress!) } }
}

private func checkRows<T: TestElement & BinaryFloatingPoint>(
  _ table: KernelTable, _: T.Type
) {
  let at = Int(T.dtype.rawValue)
  let count = 9
  for c in columnCounts {
    var a = operands(T.self, count * c, seed: 7, specials: false).map { $0 * 10 }
    for i in 0..<c { a[3 * c + i] = -.infinity }
    a[4 * c + c / 2] = .nan
    a[5 * c + c / 2] = .infinity
    a[6 * c + c / 2] = -.infinity
    let labels = (0..<count).map { Int64($0 * 3 % c) }
    let weights = operands(T.self, count, seed: 8, specials: false)
    var status: Int64 = 0
    let soft = rows(a, count * c, 0) {
      table.softmaxRows[at]($0, $1, c, 0, 4)
      table.softmaxRows[at]($0, $1, c, 4, count)
    }
    let logSoft = rows(a, count * c, 0) { table.logSoftmaxRows[at]($0, $1, c, 0, count) }
    let logSum = rows(a, count, 0) { table.logSumExpRows[at]($0, $1, c, 0, count) }
    let loss = rows(a, count, 0) {
      table.crossEntropyRows[at]($0, $1, labels, c, 0, count, &status)
    }
    let gradient = rows(a, count * c, 0) { d, x in
      weights.withUnsafeBytes {
        table.crossEntropyGradientRows[at](
          d, x, labels, $0.baseAddress!, c, 0, count, &status)
      }
    }
    #expect(status == 0)
    for r in 0..<count {
      let row = (0..<c).map { Double(a[r * c + $0]) }
      let largest = row.contains { $0.isNaN } ? .nan : row.max()!
      let sum = row.reduce(0) { $0 + exp($1 - largest) }
      let infinite = largest.isInfinite
      let near = { (got: T, want: Double, size: Double) in
        got.isNaN && want.isNaN || Double(got) == want
          || abs(Double(got) - want) <= 8 * Double(T.ulpOfOne) * (abs(want) + size)
      }
      let name = "\(table.isa) \(T.dtype) \(c) row \(r)"
      #expect(near(logSum[r], infinite ? largest : largest + log(sum), abs(largest)), "\(name)")
      #expect(near(loss[r], log(sum) - (row[Int(labels[r])] - largest), abs(largest)), "\(name)")
      for i in 0..<c {
        let p = exp(row[i] - largest) / sum
        // Rounding x - largest to its last place is a relative error of exp of it.
        let distance = infinite ? 0 : min(abs(row[i] - largest), 1000)
        #expect(near(soft[r * c + i], p, p * distance), "\(name) \(soft[r * c + i]) \(p)")
        #expect(near(logSoft[r * c + i], row[i] - largest - log(sum), 1), "\(name)")
        let g = (p - (i == Int(labels[r]) ? 1 : 0)) * Double(weights[r])
        #expect(near(gradient[r * c + i], g, abs(Double(weights[r]))), "\(name)")
      }
    }
  }
}

private func checkLosses<T: TestElement & BinaryFloatingPoint>(_ table: KernelTable, _: T.Type) {
  for n in lengths {
    let x = operands(T.self, n, seed: 1, specials: false).map { $0 * 20 }
    let y = operands(T.self, n, seed: 2, specials: false).map { abs($0) / 4 }
    let got = written(n, T(0)) { d in
      x.withUnsafeBytes { a in
        y.withUnsafeBytes { b in
          let none = UnsafeRawPointer(d)
          table.bceWithLogits[Int(T.dtype.rawValue)](
            d, a.baseAddress ?? none, b.baseAddress ?? none, n)
        }
      }
    }
    for i in 0..<n {
      let (a, b) = (Double(x[i]), Double(y[i]))
      let want = max(a, 0) - a * b + log1p(exp(-abs(a)))
      #expect(abs(Double(got[i]) - want) <= 8 * Double(T.ulpOfOne) * (abs(a) + 1))
    }
  }
}

@Suite struct RowTests {
  @Test(arguments: tables) func softmaxAndLosses(_ table: KernelTable) {
    checkRows(table, Float.self)
    checkRows(table, Double.self)
    checkLosses(table, Float.self)
    checkLosses(table, Double.self)
  }

  @Test(arguments: tables) func badLabels(_ table: KernelTable) {
    let a: [Float] = [1, 2, 3, 4, 5, 6]
    var status: Int64 = 0
    _ = rows(a, 2, 0) { table.crossEntropyRows[1]($0, $1, [0, 3], 3, 0, 2, &status) }
    #expect(status == 2)
    status = 0
    _ = rows(a, 6, 0) { table.crossEntropyGradientRows[1]($0, $1, [-1, 3], $1, 3, 0, 2, &status) }
    #expect(status == 1)
  }
}
