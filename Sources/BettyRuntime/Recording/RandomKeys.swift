// The generator behind random operations: a seed and a position, from which every draw gets its own key.
// Invariant: equal seeds and equal sequences of draws give equal keys, whatever is evaluated when.

import BettyGraph
import BettyKernelInterface

package enum RandomKeys {
  nonisolated(unsafe) private static var seed = 0
  nonisolated(unsafe) private static var position = 0

  package static func manualSeed(_ value: Int) { restore(seed: value, position: 0) }

  package static func restore(seed value: Int, position place: Int) {
    Lock.held {
      seed = value
      position = place
    }
  }

  /// Where the random numbers are, to be restored later.
  package static var state: (seed: Int, position: Int) { Lock.held { (seed, position) } }

  /// The key of the next draw: i64[2].
  package static func next() throws -> Tensor {
    let key = Lock.held {
      defer { position &+= 1 }
      return (Int64(seed), Int64(position))
    }
    let type = try TensorType(.i64, [2])
    let tensor = try withUnsafeBytes(of: key) { try Tensor.copying($0, type) }
    tensor.flags.insert(.randomKey)
    return tensor
  }
}
