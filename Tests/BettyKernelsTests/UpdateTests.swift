// Optimizer updates against PyTorch's formulas in f64.
import BettyKernelInterface
import Glibc
import Testing

private func expectNear<T: BinaryFloatingPoint>(_ got: [T], _ want: [Double], _ what: String) {
  for (x, y) in zip(got, want) {
    #expect(abs(Double(x) - y) <= 16 * Double(T.ulpOfOne) * (abs(y) + 1), "\(what)")
  }
}

private func checkSGD<T: TestElement & BinaryFloatingPoint>(_ table: KernelTable, _: T.Type) {
  let settings: [[Double]] = [
    [0.1, 0, 0, 0, 0, 1, 0], [0.1, 0.9, 0, 0, 0, 1, 0], [0.1, 0.9, 0.5, 0.01, 0, 0, 0],
    [0.1, 0.9, 0, 0.01, 1, 0, 0], [0.1, 0.9, 0, 0.01, 1, 1, 1], [0.1, 0, 0, 0.3, 0, 0, 1],
  ]
  for hyper in settings {
    for n in lengths {
      let (p, g, b) = (
        operands(T.self, n, seed: 1, specials: false),
        operands(T.self, n, seed: 2, specials: false), operands(T.self, n, seed: 3, specials: false)
      )
      var buffer: [T] = []
      let out = written(n, T(0)) { d in
        buffer = written(n, T(0)) { e in
          p.withUnsafeBytes { x in
            g.withUnsafeBytes { y in
              b.withUnsafeBytes { z in
                let none = UnsafeRawPointer(d)
                table.sgd[Int(T.dtype.rawValue)](
                  d, e, x.baseAddress ?? none, y.baseAddress ?? none, z.baseAddress ?? none,
                  hyper, n)
              }
            }
          }
        }
      }
      var (wantP, wantB) = ([Double](), [Double]())
      for i in 0..<n {
        let gradient = Double(g[i]) * (hyper[6] != 0 ? -1 : 1) + hyper[3] * Double(p[i])
        let moved =
          hyper[5] != 0 ? gradient : hyper[1] * Double(b[i]) + (1 - hyper[2]) * gradient
        let step = hyper[1] == 0 ? gradient : hyper[4] != 0 ? gradient + hyper[1] * moved : moved
        wantP.append(Double(p[i]) - hyper[0] * step)
        wantB.append(hyper[1] == 0 ? Double(b[i]) : moved)
      }
      expectNear(out, wantP, "\(table.isa) sgd \(T.dtype) \(hyper) n=\(n)")
      expectNear(buffer, wantB, "\(table.isa) sgd buffer \(T.dtype) \(hyper) n=\(n)")
    }
  }
}

private func checkAdam<T: TestElement & BinaryFloatingPoint>(_ table: KernelTable, _: T.Type) {
  let settings: [[Double]] = [
    [1e-2, 0.9, 0.999, 1e-8, 0, 0, 1, 0], [1e-2, 0.9, 0.999, 1e-8, 0.1, 0, 5, 0],
    [1e-2, 0.8, 0.99, 1e-6, 0.1, 1, 1000, 0], [1e-2, 0.9, 0.999, 1e-8, 0.1, 1, 2, 1],
  ]
  for h in settings {
    for n in lengths {
      var state = (1...4).map { operands(T.self, n, seed: $0, specials: false) }
      state[3] = state[3].map { abs($0) }
      var want = [[Double]](repeating: [], count: 3)
      for i in 0..<n {
        let v = state.map { Double($0[i]) }
        let g = v[1] * (h[7] != 0 ? -1 : 1) + (h[5] != 0 ? 0 : h[4] * v[0])
        let m = h[1] * v[2] + (1 - h[1]) * g
        let s = h[2] * v[3] + (1 - h[2]) * g * g
        let root = s.squareRoot() / (1 - pow(h[2], h[6])).squareRoot() + h[3]
        let kept = v[0] * (h[5] != 0 ? 1 - h[0] * h[4] : 1)
        want[0].append(kept - h[0] / (1 - pow(h[1], h[6])) * m / root)
        want[1].append(m)
        want[2].append(s)
      }
      // In place, as the runtime runs it.
      var (p, m, v) = (state[0], state[2], state[3])
      p.withUnsafeMutableBytes { a in
        m.withUnsafeMutableBytes { b in
          v.withUnsafeMutableBytes { c in
            state[1].withUnsafeBytes { g in
              guard let x = a.baseAddress, let y = b.baseAddress, let z = c.baseAddress,
                let w = g.baseAddress
              else { return }
              table.adam[Int(T.dtype.rawValue)](x, y, z, x, w, y, z, h, n)
            }
          }
        }
      }
      for (got, exact) in zip([p, m, v], want) {
        expectNear(got, exact, "\(table.isa) adam \(T.dtype) \(h) n=\(n)")
      }
    }
  }
}

/// By the chain rule, in f64; a second moment of zero takes no part.
private func adamAdjoint(_ x: [Double], _ h: [Double]) -> [Double] {
  let (p, g, m, v, pBar, mBar, vBar) = (x[0], x[1], x[2], x[3], x[4], x[5], x[6])
  let direction: Double = h[7] != 0 ? -1 : 1
  let decay = h[5] != 0 ? 0 : h[4]
  let gradient = g * direction + decay * p
  let mean = h[1] * m + (1 - h[1]) * gradient
  let square = h[2] * v + (1 - h[2]) * gradient * gradient
  let scale = (1 - pow(h[2], h[6])).squareRoot()
  let rate = h[0] / (1 - pow(h[1], h[6]))
  let root = square.squareRoot() / scale + h[3]
  let meanBar = mBar - rate * pBar / root
  let rootBar = rate * pBar * mean / (root * root)
  let squareBar = vBar + (square > 0 ? rootBar / scale / 2 / square.squareRoot() : 0)
  let gradientBar = (1 - h[1]) * meanBar + (1 - h[2]) * 2 * gradient * squareBar
  let kept = h[5] != 0 ? 1 - h[0] * h[4] : 1
  return [
    kept * pBar + decay * gradientBar, direction * gradientBar, h[1] * meanBar, h[2] * squareBar,
  ]
}

private func checkAdamAdjoint<T: TestElement & BinaryFloatingPoint>(
  _ table: KernelTable, _: T.Type
) {
  let settings: [[Double]] = [
    [1e-2, 0.9, 0.999, 1e-3, 0, 0, 1, 0], [1e-2, 0.9, 0.99, 1e-3, 0.1, 0, 5, 0],
    [1e-2, 0.8, 0.99, 1e-3, 0.1, 1, 1000, 0], [1e-2, 0.9, 0.99, 1e-3, 0.1, 0, 2, 1],
  ]
  for h in settings {
    for n in lengths {
      var inputs = (1...7).map { operands(T.self, n, seed: $0, specials: false) }
      inputs[3] = inputs[3].map { abs($0) }
      if n > 2 {
        for place in 0..<4 { inputs[place][1] = 0 }  // never had a gradient
      }
      var want = [[Double]](repeating: [], count: 4)
      for i in 0..<n {
        let exact = adamAdjoint(inputs.map { Double($0[i]) }, h)
        for (place, value) in exact.enumerated() { want[place].append(value) }
      }
      // In place of the gradient and of the cotangents, as the runtime may run it.
      let buffers = inputs.map { values in
        let buffer = UnsafeMutablePointer<T>.allocate(capacity: n + 1)
        buffer.initialize(repeating: 0, count: n + 1)
        for (i, value) in values.enumerated() { buffer[i] = value }
        return buffer
      }
      defer { for buffer in buffers { buffer.deallocate() } }
      let raw = buffers.map { UnsafeMutableRawPointer($0) }
      table.adamAdjoint[Int(T.dtype.rawValue)](
        raw[4], raw[1], raw[5], raw[6], raw[0], raw[1], raw[2], raw[3], raw[4], raw[5], raw[6], h,
        n)
      for (place, exact) in zip([4, 1, 5, 6], want) {
        for i in 0..<n {
          // Quotients of small roots: relative to the largest that goes in.
          let bound = 64 * Double(T.ulpOfOne) * (abs(exact[i]) + 100)
          #expect(
            abs(Double(buffers[place][i]) - exact[i]) <= bound,
            "\(table.isa) adjoint \(T.dtype) \(h) n=\(n) \(place) \(i)")
        }
      }
    }
  }
}

@Suite struct UpdateTests {
  @Test(arguments: tables) func adamAdjoint(_ table: KernelTable) {
    checkAdamAdjoint(table, Float.self)
    checkAdamAdjoint(table, Double.self)
  }

  @Test(arguments: tables) func sgd(_ table: KernelTable) {
    checkSGD(table, Float.self)
    checkSGD(table, Double.self)
  }

  @Test(arguments: tables) func adam(_ table: KernelTable) {
    checkAdam(table, Float.self)
    checkAdam(table, Double.self)
  }
}
