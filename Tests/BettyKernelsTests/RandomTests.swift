// Random numbers: known answers, independence of tasks, moments; permutations.
import BettyKernelInterface
import Testing

private typealias Draw =
  @convention(c) (
    UnsafeMutableRawPointer, UnsafePointer<Int64>, Int, Int
  ) -> Void

private func drawn<T>(
  _ function: Draw, _ zero: T, _ key: [Int64], _ first: Int, _ count: Int
) -> [T] {
  written(count, zero) { function($0, key, first, count) }
}

@Suite struct RandomTests {
  /// The vectors that come with Random123 (kat_vectors, philox4x32 with 10 rounds): all zeros, all
  /// ones.
  @Test(arguments: tables) func knownAnswers(_ table: KernelTable) {
    let answers: [(key: [Int64], block: Int, words: [UInt32])] = [
      ([0, 0], 0, [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
      ([-1, -1], -1, [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
    ]
    for (key, block, words) in answers {
      let singles: [Float] = drawn(table.uniform[1], 0, key, 4 * block, 4)
      #expect(singles == words.map { Float($0 >> 8) / 16_777_216 })
      let doubles: [Double] = drawn(table.uniform[0], 0, key, 2 * block, 2)
      for i in 0..<2 {
        let bits = UInt64(words[2 * i + 1]) << 32 | UInt64(words[2 * i])
        #expect(doubles[i] == Double(bits >> 11) / 9_007_199_254_740_992)
      }
    }
  }

  /// However a draw is cut into tasks and whichever table makes it, it is the same.
  @Test(arguments: tables) func independentOfTasks(_ table: KernelTable) {
    let key: [Int64] = [12345, -6789]
    for function in [table.uniform[1], table.normal[1]] {
      let whole: [Float] = drawn(function, 0, key, 0, 1000)
      for first in [0, 1, 2, 3, 5, 37, 64, 999] {
        let part: [Float] = drawn(function, 0, key, first, 1000 - first)
        #expect(part == Array(whole[first...]))
      }
    }
    for function in [table.uniform[0], table.normal[0]] {
      let whole: [Double] = drawn(function, 0, key, 0, 1000)
      let part: [Double] = drawn(function, 0, key, 501, 499)
      #expect(part == Array(whole[501...]))
    }
    let base: [Float] = drawn(tables[0].uniform[1], 0, key, 7, 100)
    #expect(drawn(table.uniform[1], 0, key, 7, 100) == base)
  }

  @Test(arguments: tables) func moments(_ table: KernelTable) {
    let n = 200_000
    let uniform: [Float] = drawn(table.uniform[1], 0, [1, 2], 0, n)
    #expect(uniform.allSatisfy { $0 >= 0 && $0 < 1 })
    let normals: [Float] = drawn(table.normal[1], 0, [1, 3], 0, n)
    let wide: [Double] = drawn(table.normal[0], 0, [1, 3], 0, n)
    for x: [Double] in [normals.map { Double($0) }, wide] {
      #expect(x.allSatisfy { $0.isFinite })
      let moment = { (k: Int) in
        x.reduce(Double(0)) { sum, value in
          sum + (0..<k).reduce(Double(1)) { power, _ in power * value }
        }
          / Double(n)
      }
      #expect(abs(moment(1)) < 0.01 && abs(moment(2) - 1) < 0.015)
      #expect(abs(moment(3)) < 0.03 && abs(moment(4) - 3) < 0.1)
      // Neighbours come from one pair of uniforms and must still be independent.
      let product = stride(from: 0, to: n - 1, by: 2).reduce(0.0) { $0 + x[$1] * x[$1 + 1] }
      #expect(abs(product / Double(n / 2)) < 0.015)
    }
    let mean = uniform.reduce(0.0) { $0 + Double($1) } / Double(n)
    #expect(abs(mean - 0.5) < 0.003)
  }

  @Test(arguments: tables) func permutations(_ table: KernelTable) {
    for n in lengths {
      let got: [Int64] = written(n, 0) {
        table.permutation($0.assumingMemoryBound(to: Int64.self), [9, 9], n)
      }
      #expect(got.sorted() == (0..<n).map(Int64.init))
      if n >= 15 { #expect(got != (0..<n).map(Int64.init)) }
    }
    // Each of the six orders of three comes about equally often.
    var counts: [[Int64]: Int] = [:]
    for counter in 0..<6000 {
      let got: [Int64] = written(3, 0) {
        table.permutation($0.assumingMemoryBound(to: Int64.self), [4, Int64(counter)], 3)
      }
      counts[got, default: 0] += 1
    }
    #expect(counts.count == 6 && counts.values.allSatisfy { abs($0 - 1000) < 150 })
  }
}
