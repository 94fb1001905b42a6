// Which leaves a value follows from, remembered when its history is given up: whether a gradient goes through
// what is gone is told by them. Invariants: used under the lock; leaves are known by the number of the slot
// that their gradients go to, which is never given again; 0 stands for leaves that nobody remembers.

typealias Origins = [Int]

extension Origins {
  static let unknown: Origins = [0]

  /// Whether both may follow from one leaf. Ascending, so 0 comes first.
  func mayMeet(_ other: Origins) -> Bool {
    if first == 0 || other.first == 0 { return true }
    var (place, place2) = (0, 0)
    while place < count, place2 < other.count {
      if self[place] == other[place2] { return true }
      if self[place] < other[place2] { place += 1 } else { place2 += 1 }
    }
    return false
  }
}

extension Tensor {
  /// As the recording begins with it: what a leaf is, and what is remembered of a value that is none.
  fileprivate var ownOrigins: Origins {
    if flags.contains(.gradLeaf) { return extra?.gradient.map { [$0.number] } ?? .unknown }
    guard flags.contains(.freed), !flags.contains(.history) else { return [] }
    return extra?.origins ?? .unknown
  }

  /// Others may refer to it once its history is given up.
  fileprivate var mayStay: Bool { buffer != nil || isHeld }
}

/// The leaves that each value of a recording follows from, one row of bits a value.
struct OriginTable {
  private var numbers: [Int] = []
  private var width = 0
  private var bits: [UInt64] = []

  init(_ capture: Capture) {
    let own = capture.order.map(\.ownOrigins)
    numbers = Set(own.joined()).sorted()
    width = (numbers.count + 63) / 64
    bits = [UInt64](repeating: 0, count: own.count * width)
    let bitOf = Dictionary(uniqueKeysWithValues: zip(numbers, numbers.indices))
    for (position, numbers) in own.enumerated() {
      for bit in numbers.compactMap({ bitOf[$0] }) {
        bits[position * width + bit / 64] |= 1 << UInt64(bit % 64)
      }
    }
    capture.forEachNode { position, inputs in
      for input in inputs where input >= 0 {
        for word in 0..<width { bits[position * width + word] |= bits[Int(input) * width + word] }
      }
    }
  }

  subscript(position: Int) -> Origins {
    numbers.indices.compactMap { bit in
      bits[position * width + bit / 64] >> UInt64(bit % 64) & 1 == 1 ? numbers[bit] : nil
    }
  }
}

extension Capture {
  /// Lets those of some values that may stay remember their leaves.
  func rememberOrigins(of positions: [Int]) {
    let staying = positions.filter { order[$0].mayStay && !order[$0].flags.contains(.gradLeaf) }
    if staying.isEmpty { return }
    let table = OriginTable(self)
    for position in staying { order[position].makeExtra().origins = table[position] }
  }

  /// Whether a gradient with respect to the tensors that this capture was made with goes through one of the
  /// values at `gone`.
  func isInTheWay(_ gone: [Int], of sought: [Tensor]) -> Bool {
    let table = OriginTable(self)
    let found = soughtPositions.compactMap { $0 }
    let hidden = zip(sought, soughtPositions).filter { $1 == nil }.map {
      $0.0.resolved().ownOrigins
    }
    return gone.contains { position in
      let others = found.filter { $0 != position }
      if order[position].flags.contains(.history) { return dependents(of: others)[position] }
      // What is gone cannot follow from what follows from it.
      let after = dependents(of: [position])
      let before = others.filter { !after[$0] }.map { table[$0] }
      return (before + hidden).contains { $0.mayMeet(table[position]) }
    }
  }
}
