// Products of bf16 and f16: blocks of pairs, as a processor multiplies them, and widened blocks,
// under every instruction set that runs here; every kind of tail, transposed or not.
import BettyKernelInterface
import BettyKernels
import Testing

/// A number in the type, as bits, and the number that bits stand for.
private func bits(_ x: Int, _ dtype: DType) -> UInt16 {
  dtype == .f16
    ? Float16(x).bitPattern : UInt16(truncatingIfNeeded: Float(x).bitPattern >> 16)
}

private func rounded(_ x: Int, _ dtype: DType) -> Float {
  switch dtype {
  case .f16: return Float(Float16(x))
  case .bf16:
    let bits = Float(x).bitPattern
    return Float(bitPattern: (bits &+ 0x7fff &+ (bits >> 16 & 1)) & 0xffff_0000)
  default: return Float(x)
  }
}

private func number(_ bytes: [UInt8], _ place: Int, _ dtype: DType) -> Float {
  bytes.withUnsafeBytes { raw in
    switch dtype {
    case .f16: Float(raw.load(fromByteOffset: place * 2, as: Float16.self))
    case .bf16:
      Float(bitPattern: UInt32(raw.load(fromByteOffset: place * 2, as: UInt16.self)) << 16)
    default: raw.load(fromByteOffset: place * 4, as: Float.self)
    }
  }
}

/// Two matrices of small whole numbers, whose sums are exact in f32.
private struct Operands {
  let m: Int
  let n: Int
  let k: Int
  let transposeA: Bool
  let transposeB: Bool
  let a: [Int]
  let b: [Int]

  init(_ m: Int, _ n: Int, _ k: Int, _ transposeA: Bool, _ transposeB: Bool) {
    var source = SplitMix(UInt64(m * 31 + n * 7 + k))
    (self.m, self.n, self.k) = (m, n, k)
    (self.transposeA, self.transposeB) = (transposeA, transposeB)
    a = (0..<m * k).map { _ in Int.random(in: -2...2, using: &source) }
    b = (0..<k * n).map { _ in Int.random(in: -2...2, using: &source) }
  }

  var product: [Int] {
    var out = [Int](repeating: 0, count: m * n)
    for i in 0..<m {
      for p in 0..<k {
        let x = a[transposeA ? p * m + i : i * k + p]
        for j in 0..<n { out[i * n + j] += x * b[transposeB ? j * k + p : p * n + j] }
      }
    }
    return out
  }

  /// The product by the kernels, with `gap` numbers between rows of the result.
  func run(_ contract: NarrowContract, _ stored: DType, _ result: DType, gap: Int) -> [UInt8] {
    let (left, right) = (a.map { bits($0, stored) }, b.map { bits($0, stored) })
    let scratch = UnsafeMutableRawPointer.allocate(
      byteCount: contract.scratchBytes + 64, alignment: 64)
    defer { scratch.deallocate() }
    // Whatever the scratch held before must not show: NaN would.
    scratch.initializeMemory(
      as: UInt8.self, repeating: 0xff, count: contract.scratchBytes + 64)
    let bytes: [UInt8] = written(m * (n + gap) * result.size, 0) { out in
      out.initializeMemory(as: UInt8.self, repeating: 0x77, count: m * (n + gap) * result.size)
      left.withUnsafeBytes { l in
        right.withUnsafeBytes { r in
          guard let l = l.baseAddress, let r = r.baseAddress else { return }
          contract.run(
            Contract.Call(
              m: m, n: n, k: k, a: l, lda: transposeA ? m : k, transposeA: transposeA, b: r,
              ldb: transposeB ? k : n, transposeB: transposeB, out: out, ldOut: n + gap), scratch)
        }
      }
    }
    for i in 0..<64 {
      #expect(scratch.load(fromByteOffset: contract.scratchBytes + i, as: UInt8.self) == 0xff)
    }
    return bytes
  }
}

@Suite struct NarrowProductTests {
  static let formats: [(DType, DType)] = [
    (.bf16, .f32), (.bf16, .bf16), (.f16, .f32), (.f16, .f16),
  ]

  private func check(_ table: KernelTable, _ m: Int, _ n: Int, _ k: Int) throws {
    for flags in 0..<4 {
      let operands = Operands(m, n, k, flags & 1 == 1, flags & 2 == 2)
      let product = operands.product
      for (stored, result) in Self.formats {
        let contract = try #require(
          NarrowContract(m: m, n: n, k: k, stored: stored, result: result, table: table))
        let bytes = operands.run(contract, stored, result, gap: 3)
        let name = "\(table.isa) \(m) \(n) \(k) \(flags) \(stored) \(result)"
        var wrong = 0
        for row in 0..<m {
          for column in 0..<n {
            let got = number(bytes, row * (n + 3) + column, result)
            if got != rounded(product[row * n + column], result) { wrong += 1 }
          }
          let end: Int = (row * (n + 3) + n) * result.size
          let gap = bytes[end..<end + 3 * result.size]
          if gap.contains(where: { $0 != 0x77 }) { wrong += 1 }
        }
        #expect(wrong == 0, "\(name), pairs \(table.multipliesPairs)")
      }
    }
  }

  /// Each size of a block and one more, odd depths, single elements.
  @Test(arguments: tables, [false, true])
  func productsAreSums(_ table: KernelTable, _ pairs: Bool) throws {
    guard let table = multiplyingPairs(pairs, table) else { return }
    for (m, n, k) in [
      (1, 1, 1), (2, 3, 2), (3, 5, 7), (8, 32, 2), (9, 33, 65), (5, 16, 9), (17, 8, 64),
      (70, 40, 513), (257, 9, 30), (3, 257, 20), (9, 17, 1030),
    ] {
      try check(table, m, n, k)
    }
  }

  @Test(arguments: tables) func scratchIsBounded(_ table: KernelTable) throws {
    for table in [false, true].compactMap({ multiplyingPairs($0, table) }) {
      let huge = try #require(
        NarrowContract(
          m: 1 << 20, n: 1 << 20, k: 1 << 20, stored: .bf16, result: .bf16, table: table))
      #expect(huge.scratchBytes < 1 << 21)
    }
    #expect(NarrowContract(m: 2, n: 2, k: 2, stored: .f32, result: .f32, table: table) == nil)
  }

  @Test(arguments: tables, [DType.bf16, .f16])
  func vectorProducts(_ table: KernelTable, _ dtype: DType) {
    let index = dtype == .bf16 ? 0 : 1
    for (rows, columns) in [(1, 1), (7, 33), (40, 300), (100, 16), (5, 129), (3, 0)] {
      let operands = Operands(rows, columns, 1, false, false)
      let ld = columns + 3
      var source = SplitMix(9)
      let matrix = (0..<rows * ld).map { _ in Int.random(in: -2...2, using: &source) }
      let stored: [UInt16] = matrix.map { bits($0, dtype) }
      let x: [Float] = operands.b.map { Float($0) } + [Float(0)]
      let z: [Float] = operands.a.map { Float($0) }
      let across: [Float] = written(rows, 0) { y in
        stored.withUnsafeBytes {
          table.narrowMatvec[index](
            y, $0.baseAddress!, x, rows, columns, ld, 0, rows / 3)
        }
        stored.withUnsafeBytes {
          table.narrowMatvec[index](
            y, $0.baseAddress!, x, rows, columns, ld, rows / 3, rows)
        }
      }
      let down: [Float] = written(columns, 0) { y in
        stored.withUnsafeBytes {
          table.narrowVecmat[index](
            y, $0.baseAddress!, z, rows, columns, ld, 0, columns / 3)
        }
        stored.withUnsafeBytes {
          table.narrowVecmat[index](
            y, $0.baseAddress!, z, rows, columns, ld, columns / 3, columns)
        }
      }
      for r in 0..<rows {
        var sum = 0
        for c in 0..<columns { sum += matrix[r * ld + c] * operands.b[c] }
        #expect(across[r] == Float(sum))
      }
      for c in 0..<columns {
        var sum = 0
        for r in 0..<rows { sum += matrix[r * ld + c] * operands.a[r] }
        #expect(down[c] == Float(sum))
      }
    }
  }
}
