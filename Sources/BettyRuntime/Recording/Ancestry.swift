// Which values follow from others, by the recorded operations that lead to them. Invariants: used under the
// lock; never recursive; what was found once is not looked for again.

struct Ancestry {
  /// Whether a value is one of those that others are to follow from.
  let isSought: (Tensor) -> Bool
  /// Whether what led to a value does not matter.
  let isEnd: (Tensor) -> Bool
  private var known: [ObjectIdentifier: Bool] = [:]

  init(isSought: @escaping (Tensor) -> Bool, isEnd: @escaping (Tensor) -> Bool) {
    self.isSought = isSought
    self.isEnd = isEnd
  }

  /// From now on a value is sought; nothing that follows from it was asked for yet.
  mutating func add(_ tensor: Tensor) { known[ObjectIdentifier(tensor)] = true }

  /// Whether a value is sought or follows from one that is.
  mutating func contains(_ root: Tensor) -> Bool {
    var stack = [root]
    while let tensor = stack.last {
      let id = ObjectIdentifier(tensor)
      if known[id] != nil {
        stack.removeLast()
        continue
      }
      let isFound = isSought(tensor)
      if isFound || isEnd(tensor) || !tensor.flags.contains(.history) {
        known[id] = isFound
        continue
      }
      var unknown: [Tensor] = []
      var found = false
      for position in 0..<tensor.inputCount where tensor.operation?.isNumber(position) != true {
        guard let input = tensor.input(position)?.takeUnretainedValue() else { continue }
        switch known[ObjectIdentifier(input)] {
        case true?: found = true
        case false?: break
        case nil: unknown.append(input)
        }
      }
      if found || unknown.isEmpty { known[id] = found } else { stack += unknown }
    }
    return known[ObjectIdentifier(root)] ?? false
  }
}
