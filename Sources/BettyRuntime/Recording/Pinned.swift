// Present values kept: what unrolled differentiation remembers of a step. Invariant: a pinned tensor
// shares the memory of what it pins and keeps it from being overwritten; changes of the original
// never reach it.

import BettyGraph

extension Recording {
  /// The present values of handles as tensors of their own, without a copy.
  package static func pinned(_ tensors: [Tensor]) throws -> [Tensor] {
    var missing: [Tensor] = []
    Lock.held {
      for tensor in tensors {
        let value = tensor.value
        if value.buffer == nil { missing.append(value) }
      }
    }
    if !missing.isEmpty { try evaluate(values: missing) }
    return try Lock.held {
      try tensors.map { tensor in
        let value = tensor.value
        return Tensor(
          operation: nil, typeID: value.typeID, flags: [], buffer: try value.computedBuffer())
      }
    }
  }
}

extension RecordedInputs {
  /// The same with leaves that stay what they are now, but for those that `isLeft` says are left alone.
  package func pinned(except isLeft: [Bool]) throws -> RecordedInputs {
    var copy = self
    let places = leaves.indices.filter { !isLeft[$0] && !leaves[$0].isNumber }
    let values = try Recording.pinned(places.map { leaves[$0] })
    for (place, value) in zip(places, values) { copy.leaves[place] = value }
    return copy
  }

  /// Numbers of the parameters that are leaves, 0 for the others.
  package var parameterIDs: [Int32] { leaves.map(\.parameterID) }
}
