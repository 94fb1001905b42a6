// Offsets in the arena that the values of a program share: greedy by size over lifetimes (Pisarchyk and
// Lee, "Efficient memory management for deep neural net inference", 2020). The largest block comes
// first; each takes the lowest gap that no block it meets in time leaves too small. That holds every pair
// of blocks together, so in long programs small blocks, most in number and least in bytes, are dealt
// out before, by one sweep over time.

/// Memory that holds something from its first place to its last access.
struct Block {
  var bytes: Int
  var first: Place
  var accesses: Accesses
  /// The unit that wrote a result over an operand here: a second result cannot take it.
  var retaker = -1
  var offset = 0

  init(bytes: Int, at place: Place) {
    self.bytes = bytes
    first = place
    accesses = Accesses()
    accesses.add(place)
  }

  /// Whether both hold something at some time, however lanes run.
  func meets(_ other: Block) -> Bool {
    !accesses.end(before: other.first) && !other.accesses.end(before: first)
  }
}

struct Arena {
  /// A block that has its offset. Every later one is held against it, so it is small.
  private struct Taken {
    var offset: Int
    var end: Int
    var time: ClosedRange<Int32>
    var block: Int32
  }
  /// By offset.
  private var taken: [Taken] = []
  private var bytes = 0

  private static let smallBytes = 4096
  /// So many blocks are placed in a few milliseconds.
  private static let manyBlocks = 2048

  /// Gives each block its offset; the result is the size of the arena.
  static func place(_ blocks: inout [Block], _ timetable: Timetable) -> Int {
    var arena = Arena()
    var order = blocks.indices.filter { blocks[$0].bytes > 0 }
    if order.count > manyBlocks {
      arena.deal(order.filter { blocks[$0].bytes <= smallBytes }, &blocks, timetable)
      order.removeAll { blocks[$0].bytes <= smallBytes }
    }
    order.sort { (blocks[$1].bytes, $0) < (blocks[$0].bytes, $1) }
    let base = arena.bytes
    for index in order { arena.add(index, above: base, &blocks, timetable) }
    return arena.bytes
  }

  /// Slots of powers of two: a block takes one that is over when it begins, or a new one.
  private mutating func deal(
    _ small: [Int], _ blocks: inout [Block], _ timetable: Timetable
  ) {
    let times = small.map { timetable.units(from: blocks[$0].first, to: blocks[$0].accesses) }
    let beginning = small.indices.sorted {
      (times[$0].lowerBound, $0) < (times[$1].lowerBound, $1)
    }
    let ending = small.indices.sorted { (times[$0].upperBound, $0) < (times[$1].upperBound, $1) }
    var free = [[Int]](repeating: [], count: Self.slot(Self.smallBytes) + 1)
    var over = 0
    for rank in beginning {
      // What ended before has begun before, so it has its slot.
      while times[ending[over]].upperBound < times[rank].lowerBound {
        let block = blocks[small[ending[over]]]
        free[Self.slot(block.bytes)].append(block.offset)
        over += 1
      }
      let slot = Self.slot(blocks[small[rank]].bytes)
      blocks[small[rank]].offset = free[slot].popLast() ?? bytes
      bytes = max(bytes, blocks[small[rank]].offset + 64 << slot)
    }
  }

  /// The logarithm of the least power of two of lines of 64 bytes that hold so many bytes.
  private static func slot(_ bytes: Int) -> Int {
    Int.bitWidth - ((bytes - 1) / 64).leadingZeroBitCount
  }

  private mutating func add(
    _ index: Int, above base: Int, _ blocks: inout [Block], _ timetable: Timetable
  ) {
    let size = (blocks[index].bytes + 63) & ~63
    let time = timetable.units(from: blocks[index].first, to: blocks[index].accesses)
    var offset = base
    for other in taken {
      if other.offset >= offset + size { break }
      // Units of a section with several lanes all count as meeting so far.
      if other.time.overlaps(time), blocks[Int(other.block)].meets(blocks[index]) {
        offset = max(offset, other.end)
      }
    }
    blocks[index].offset = offset
    bytes = max(bytes, offset + size)
    let block = Taken(offset: offset, end: offset + size, time: time, block: Int32(index))
    taken.insert(block, at: rank(of: offset))
  }

  /// How many blocks lie below an offset.
  private func rank(of offset: Int) -> Int {
    var (low, high) = (0, taken.count)
    while low < high {
      let middle = (low + high) / 2
      if taken[middle].offset < offset { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
