// The structure of a recording as words with their hash: what every cache looks up. Invariant: keys are
// equal only if all words are; the hash only finds candidates.

package struct StructureKey: Hashable, Sendable {
  package let hash: UInt64
  package let words: [Int32]

  package init(_ words: [Int32]) {
    self.words = words
    hash = words.withUnsafeBufferPointer(StructureKey.hash)
  }

  init(hash: UInt64, copying words: UnsafeBufferPointer<Int32>) {
    self.hash = hash
    self.words = Array(words)
  }

  /// This key with more words: of a gradient, an optimizer, a configuration.
  package func appending(_ more: [Int32]) -> StructureKey { StructureKey(words + more) }

  package static func == (a: StructureKey, b: StructureKey) -> Bool {
    a.hash == b.hash && a.words == b.words
  }

  package func hash(into hasher: inout Hasher) { hasher.combine(hash) }

  @inline(__always)
  static func hash(_ words: UnsafeBufferPointer<Int32>) -> UInt64 {
    var hash: UInt64 = 0x9E37_79B9_7F4A_7C15 ^ UInt64(words.count)
    var position = 0
    while position &+ 1 < words.count {
      let pair =
        UInt64(UInt32(bitPattern: words[position]))
        | UInt64(UInt32(bitPattern: words[position &+ 1])) << 32
      hash = (hash ^ pair) &* 0xD6E8_FEB8_6659_FD93
      hash ^= hash >> 32
      position &+= 2
    }
    if position < words.count {
      hash = (hash ^ UInt64(UInt32(bitPattern: words[position]))) &* 0xD6E8_FEB8_6659_FD93
    }
    return hash ^ (hash >> 29)
  }
}
