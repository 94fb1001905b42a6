// The generator behind random operations: a seed and a position, from which every draw gets its own key.
// Replicas of a step draw side by side: each from the position where the step began, with its number in
// the upper bits, so that what a replica draws depends neither on how many there are nor on the others.
// Invariant: equal seeds and equal sequences of draws give equal keys, whatever is evaluated when.

import BettyGraph
import BettyKernelInterface

package enum RandomKeys {
  nonisolated(unsafe) private static var seed = 0
  nonisolated(unsafe) private static var position = 0
  /// Who draws.
  nonisolated(unsafe) private static var replica = 0
  /// Positions below it are no replica's number.
  private static let replicaShift = 48

  package static func manualSeed(_ value: Int) { restore(seed: value, position: 0) }

  package static func restore(seed value: Int, position place: Int) {
    Lock.held {
      seed = value
      position = place
    }
  }

  /// Where the random numbers are, to be restored later.
  package static var state: (seed: Int, position: Int) { Lock.held { (seed, position) } }

  /// What follows is drawn by this replica, from a position on.
  package static func draw(as number: Int, from place: Int) {
    Lock.held {
      replica = number
      position = place
    }
  }

  /// The key of the next draw: i64[2].
  package static func next() throws -> Tensor {
    let key = Lock.held {
      defer { position &+= 1 }
      return (Int64(seed), Int64(position &+ replica << replicaShift))
    }
    let type = try TensorType(.i64, [2])
    let tensor = try withUnsafeBytes(of: key) { try Tensor.copying($0, type) }
    tensor.flags.insert(.randomKey)
    return tensor
  }

  /// Keys for draws that are made again, by the replicas that made them.
  package static func renewed(_ keys: [Tensor]) throws -> [Tensor] {
    let start = state.position
    var (counts, last) = ([Int: Int](), start)
    defer { draw(as: 0, from: last) }
    return try keys.map { key in
      let place = try key.withBytes { $0.loadUnaligned(fromByteOffset: 8, as: Int64.self) }
      let number = Int(place) >> replicaShift
      let count = counts[number, default: 0]
      counts[number] = count + 1
      draw(as: number, from: start &+ count)
      last = max(last, start &+ count &+ 1)
      return try next()
    }
  }
}
