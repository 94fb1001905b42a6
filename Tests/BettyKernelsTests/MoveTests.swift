// Strided copies, fills, vector products and index kernels against plain loops.
import BettyKernelInterface
import Testing

private func copied<T: TestElement>(
  _ table: KernelTable, _ a: [T], _ base: Int, _ shape: [Int], _ strides: [Int],
  _ first: Int, _ count: Int
) -> [T] {
  written(count, T.specials[0]) { d in
    a.withUnsafeBytes {
      table.stridedCopy(
        d, $0.baseAddress! + base * MemoryLayout<T>.size, MemoryLayout<T>.size, shape.count,
        shape, strides, first, count)
    }
  }
}

private func checkCopies<T: TestElement>(_ table: KernelTable, _: T.Type) {
  let a = operands(T.self, 40_000, seed: 1, specials: false)
  let cases: [(base: Int, shape: [Int], strides: [Int])] = [
    (0, [100], [1]), (0, [], []), (3, [50], [0]), (99, [100], [-1]), (0, [7, 9], [9, 1]),
    (0, [9, 7], [1, 9]), (0, [130, 70], [1, 130]), (0, [70, 130], [1, 70]),
    (0, [33, 1, 65], [1, 5, 33]), (0, [3, 64, 50], [3200, 1, 64]), (0, [4, 5, 6], [0, 6, 1]),
    (0, [4, 5, 6], [0, 1, 5]), (0, [5, 6, 3], [6, 1, 0]), (500, [6, 7], [-20, 2]),
    (0, [2, 3, 4, 5], [60, 5, 15, 1]), (0, [8, 8, 8], [1, 8, 64]), (0, [200, 3], [3, 1]),
    (0, [20, 33, 40], [40, 800, 1]), (0, [16, 16], [1, 17]), (0, [2, 130, 129], [129, 258, 1]),
  ]
  for (base, shape, strides) in cases {
    let total = shape.reduce(1, *)
    let want = (0..<total).map { linear in
      var (rest, at) = (linear, base)
      for axis in shape.indices.reversed() {
        at += rest % shape[axis] * strides[axis]
        rest /= shape[axis]
      }
      return a[at]
    }
    for (first, last) in [(0, total), (0, total / 3), (total / 3, total), (total / 2, total / 2)] {
      let got = copied(table, a, base, shape, strides, first, last - first)
      #expect(got == Array(want[first..<last]), "\(table.isa) \(T.dtype) \(shape) \(strides)")
    }
  }
}

private func checkVectorProducts<T: TestElement & BinaryFloatingPoint>(
  _ table: KernelTable, _: T.Type
) {
  let shapes = [
    (1, 1), (7, 10), (1000, 20), (20, 1000), (33, 17), (5, 64), (64, 5), (3, 100), (13, 8), (0, 3),
    (3, 0), (9, 130),
  ]
  for (rows, columns) in shapes {
    let ld = columns + 3
    let matrix = operands(T.self, rows * ld + 1, seed: 1, specials: false)
    let x = operands(T.self, max(rows, columns) + 1, seed: 2, specials: false)
    let at = Int(T.dtype.rawValue)
    let (across, down) = matrix.withUnsafeBytes { a in
      x.withUnsafeBytes { v in
        let (m, w) = (a.baseAddress!, v.baseAddress!)
        let y: [T] = written(rows, 0) {
          table.matvec[at]($0, m, w, rows, columns, ld, 0, rows / 3)
          table.matvec[at]($0, m, w, rows, columns, ld, rows / 3, rows)
        }
        let z: [T] = written(columns, 0) {
          table.vecmat[at]($0, m, w, rows, columns, ld, 0, columns / 3)
          table.vecmat[at]($0, m, w, rows, columns, ld, columns / 3, columns)
        }
        return (y, z)
      }
    }
    let near = { (got: T, terms: [Double]) in
      let size = terms.reduce(0) { $0 + abs($1) }
      return abs(Double(got) - terms.reduce(0, +)) <= size * 16 * Double(T.ulpOfOne)
    }
    for r in 0..<rows {
      let terms = (0..<columns).map { Double(matrix[r * ld + $0]) * Double(x[$0]) }
      #expect(near(across[r], terms), "\(table.isa) matvec \(T.dtype) \(rows)x\(columns)")
    }
    for c in 0..<columns {
      let terms = (0..<rows).map { Double(matrix[$0 * ld + c]) * Double(x[$0]) }
      #expect(near(down[c], terms), "\(table.isa) vecmat \(T.dtype) \(rows)x\(columns)")
    }
  }
}

@Suite struct MoveTests {
  @Test(arguments: tables) func stridedCopies(_ table: KernelTable) {
    checkCopies(table, UInt8.self)
    checkCopies(table, Int32.self)
    checkCopies(table, Float.self)
    checkCopies(table, Double.self)
  }

  @Test(arguments: tables) func fills(_ table: KernelTable) {
    for n in lengths {
      var (byte, half, word, long) = (UInt8(7), UInt16(0x1234), Float(1.5), Int64(-3))
      #expect(written(n, byte) { table.fill($0, &byte, 1, n) }.allSatisfy { $0 == byte })
      #expect(written(n, half) { table.fill($0, &half, 2, n) }.allSatisfy { $0 == half })
      #expect(written(n, word) { table.fill($0, &word, 4, n) }.allSatisfy { $0 == word })
      #expect(written(n, long) { table.fill($0, &long, 8, n) }.allSatisfy { $0 == long })
    }
  }

  @Test(arguments: tables) func vectorProducts(_ table: KernelTable) {
    checkVectorProducts(table, Float.self)
    checkVectorProducts(table, Double.self)
  }

  @Test(arguments: tables) func takesAndAdds(_ table: KernelTable) throws {
    let (outer, length, inner, count) = (3, 7, 5, 9)
    let a = operands(Float.self, outer * length * inner, seed: 1, specials: false)
    let updates = operands(Float.self, outer * count * inner, seed: 2, specials: false)
    let indices: [Int64] = [0, 6, 3, 3, 1, 0, 5, 2, 3]
    var status: Int64 = 0
    let taken: [Float] = written(outer * count * inner, 0) { d in
      a.withUnsafeBytes {
        table.take(
          d, $0.baseAddress!, indices, 4, outer, length, inner, count, 0, outer, &status)
      }
    }
    var added = a
    let add = try #require(table.indexAdd[Int(DType.f32.rawValue)])
    added.withUnsafeMutableBytes { d in
      updates.withUnsafeBytes {
        add(
          d.baseAddress!, $0.baseAddress!, indices, outer, length, inner, count, 0, outer, &status)
      }
    }
    var want = a
    for o in 0..<outer {
      for (j, index) in indices.enumerated() {
        for i in 0..<inner {
          let (there, here) = ((o * length + Int(index)) * inner + i, (o * count + j) * inner + i)
          #expect(taken[here] == a[there])
          want[there] += updates[here]
        }
      }
    }
    #expect(added == want)
    #expect(status == 0)
  }

  @Test(arguments: tables) func gathersAndScatters(_ table: KernelTable) throws {
    let (outer, length, inner, count) = (3, 7, 5, 4)
    let a = operands(Int32.self, outer * length * inner, seed: 1)
    let updates = operands(Int32.self, outer * count * inner, seed: 2)
    let indices = (0..<updates.count).map { Int64($0 * 5 % length) }
    var status: Int64 = 0
    let gathered: [Int32] = written(updates.count, 0) { d in
      a.withUnsafeBytes {
        table.gather(
          d, $0.baseAddress!, indices, 4, outer, length, inner, count, 0, outer, &status)
      }
    }
    var added = a
    let add = try #require(table.scatterAdd[Int(DType.i32.rawValue)])
    added.withUnsafeMutableBytes { d in
      updates.withUnsafeBytes {
        add(
          d.baseAddress!, $0.baseAddress!, indices, outer, length, inner, count, 0, outer, &status)
      }
    }
    var want = a
    for here in updates.indices {
      let o = here / (count * inner)
      let there = (o * length + Int(indices[here])) * inner + here % inner
      #expect(gathered[here] == a[there])
      want[there] = want[there] &+ updates[here]
    }
    #expect(added == want)
    #expect(status == 0)
  }

  /// A bad index is reported with its position and touches nothing.
  @Test(arguments: tables) func badIndices(_ table: KernelTable) throws {
    let a: [Float] = [1, 2, 3]
    for (bad, position) in [([0, 3, -1] as [Int64], 2), ([-1, 0, 1], 1), ([2, 1, .max], 3)] {
      var status: Int64 = 0
      _ = written(3, Float(0)) { d in
        a.withUnsafeBytes { table.take(d, $0.baseAddress!, bad, 4, 1, 3, 1, 3, 0, 1, &status) }
      }
      #expect(status == Int64(position))
      status = 0
      _ = written(3, Float(0)) { d in
        a.withUnsafeBytes { table.gather(d, $0.baseAddress!, bad, 4, 1, 3, 1, 3, 0, 1, &status) }
      }
      #expect(status == Int64(position))
      for functions in [table.indexAdd, table.scatterAdd] {
        status = 0
        let add = try #require(functions[Int(DType.f32.rawValue)])
        var target: [Float] = [0, 0, 0]
        target.withUnsafeMutableBytes { d in
          a.withUnsafeBytes { add(d.baseAddress!, $0.baseAddress!, bad, 1, 3, 1, 3, 0, 1, &status) }
        }
        #expect(status == Int64(position))
        let want = zip(bad, a).filter { (0..<3).contains($0.0) }.map(\.1).reduce(0, +)
        #expect(target.reduce(0, +) == want)
      }
    }
  }
}
