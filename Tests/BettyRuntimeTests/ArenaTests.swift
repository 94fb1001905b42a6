// Offsets of many blocks: none that meet in time overlap, in one lane or several, by either way of
// placing them.

import Testing

@testable import BettyRuntime

@Suite struct ArenaSuite {
  /// Blocks of random lifetimes and sizes, most of them small and short-lived.
  private func blocks(_ count: Int, in timetable: Timetable, seed: UInt64) -> [Block] {
    var state = seed
    func below(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    return (0..<count).map { _ in
      let units = timetable.places.count
      let first = below(units)
      let last = min(first + below(below(10) == 0 ? units : 6), units - 1)
      let bytes = below(4) == 0 ? 5000 + 64 * below(3000) : 1 + below(4096)
      var block = Block(bytes: bytes, at: timetable.places[first])
      block.accesses.add(timetable.places[last])
      return block
    }
  }

  private func check(_ blocks: [Block], bytes: Int) {
    for (index, block) in blocks.enumerated() {
      #expect(block.offset % 64 == 0 && block.offset + block.bytes <= bytes)
      for other in blocks[..<index] where block.meets(other) {
        let isApart =
          block.offset + block.bytes <= other.offset || other.offset + other.bytes <= block.offset
        if !isApart {
          Issue.record("\(block) and \(other)")
          return
        }
      }
    }
  }

  @Test(arguments: [500, 3000]) func blocksThatMeetDoNotOverlap(count: Int) {
    let one = Timetable(units: 2000)
    let several = Timetable([[300], [40, 60], [200], [1, 1, 500], [100]])
    for timetable in [one, several] {
      var placed = blocks(count, in: timetable, seed: 7)
      let bytes = Arena.place(&placed, timetable)
      check(placed, bytes: bytes)
    }
  }

  /// Small blocks lie together; that they are dealt out costs little.
  @Test func manyBlocksTakeLittleMore() {
    let timetable = Timetable(units: 3000)
    var all = blocks(3000, in: timetable, seed: 3)
    let bytes = Arena.place(&all, timetable)
    var most = 0
    for place in timetable.places.indices where place % 50 == 0 {
      let moment = Block(bytes: 1, at: timetable.places[place])
      most = max(most, all.filter { $0.meets(moment) }.reduce(0) { $0 + $1.bytes })
    }
    #expect(bytes >= most && Double(bytes) < 1.25 * Double(most), "\(bytes) of \(most)")
  }
}
