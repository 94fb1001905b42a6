// Kernels that write at indices: the last of equal indices stays, targets outside a task's share and bad
// indices are left alone.
import BettyKernelInterface
import Testing

@Suite struct ScatterTests {
  /// As many calls as there are shares of the targets give what one call gives.
  @Test(arguments: tables) func sharesOfTargets(_ table: KernelTable) {
    let (length, inner, count) = (7, 3, 20)
    let start = operands(Int32.self, length * inner, seed: 1)
    let updates = operands(Int32.self, count * inner, seed: 2)
    let rows = (0..<count).map { Int64($0 * 5 % (length - 1)) }
    let each = (0..<count * inner).map { Int64($0 * 5 % (length - 1)) }
    for (set, indices) in [(table.indexSet, rows), (table.scatterSet, each)] {
      var want = start
      for j in 0..<count {
        for i in 0..<inner {
          let row = Int(indices.count == count ? indices[j] : indices[j * inner + i])
          want[row * inner + i] = updates[j * inner + i]
        }
      }
      var status: Int64 = 0
      for shares in [[0, 7], [0, 2, 3, 7]] {
        var made = start
        made.withUnsafeMutableBytes { d in
          updates.withUnsafeBytes { a in
            for (low, high) in zip(shares, shares.dropFirst()) {
              set(
                d.baseAddress!, a.baseAddress!, indices, 4, length, inner, count, 0, 1, low, high,
                &status)
            }
          }
        }
        #expect(made == want)
        #expect(status == 0)
      }
    }
  }

  @Test(arguments: tables) func joins(_ table: KernelTable) throws {
    let f32 = Int(DType.f32.rawValue)
    let updates: [Float] = [3, -1, 5, .nan, 2]
    let indices: [Int64] = [0, 0, 1, 2, 9]
    let cases: [(SetFunction?, fresh: Int, want: [Float])] = [
      (table.scatterMax[f32], 0, [4, 5, .nan, 4]), (table.scatterMax[f32], 1, [3, 5, .nan, 4]),
      (table.scatterMin[f32], 0, [-1, 4, .nan, 4]), (table.scatterMin[f32], 1, [-1, 5, .nan, 4]),
      (table.scatterProd[f32], 0, [-12, 20, .nan, 4]),
      (table.scatterProd[f32], 1, [-3, 5, .nan, 4]),
    ]
    for (function, fresh, want) in cases {
      let join = try #require(function)
      var made: [Float] = [4, 4, 4, 4]
      var status: Int64 = 0
      made.withUnsafeMutableBytes { d in
        updates.withUnsafeBytes { a in
          join(d.baseAddress!, a.baseAddress!, indices, fresh, 4, 1, 5, 0, 1, 0, 4, &status)
        }
      }
      #expect(zip(made, want).allSatisfy { $0 == $1 || $0.isNaN && $1.isNaN }, "\(made) \(want)")
      #expect(status == 5)
    }
  }
}
