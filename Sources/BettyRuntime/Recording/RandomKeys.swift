// The generator behind random operations: a seed and a position, from which every draw gets its own key.
// Replicas of a step draw side by side: each from the position where the step began, with its number in
// the upper bits, so that what a replica draws depends neither on how many there are nor on the others.
// A thread may draw apart, from a sequence of its own: what it draws does not depend on when others do.
// Invariant: equal seeds and equal sequences of draws give equal keys, whatever is evaluated when.

import BettyGraph
import BettyKernelInterface
import CBettySupport

package enum RandomKeys {
  private struct Place {
    var seed = 0
    var position = 0
    /// Who draws.
    var replica = 0
  }

  nonisolated(unsafe) private static var common = Place()

  /// Where this thread draws from. The lock is held.
  private static var place: Place {
    get {
      let thread = betty_recording_thread().pointee
      guard thread.draws_apart != 0 else { return common }
      return Place(seed: Int(thread.random_seed), position: Int(thread.random_position))
    }
    set {
      let thread = betty_recording_thread()
      guard thread.pointee.draws_apart != 0 else {
        common = newValue
        return
      }
      thread.pointee.random_seed = Int64(newValue.seed)
      thread.pointee.random_position = Int64(newValue.position)
    }
  }

  /// Positions below it are no replica's number.
  private static let replicaShift = 48

  package static func manualSeed(_ value: Int) { restore(seed: value, position: 0) }

  package static func restore(seed: Int, position: Int) {
    Lock.held {
      place.seed = seed
      place.position = position
    }
  }

  /// Where the random numbers are, to be restored later.
  package static var state: (seed: Int, position: Int) {
    Lock.held { (place.seed, place.position) }
  }

  /// What follows is drawn by this replica, from a position on.
  package static func draw(as number: Int, from position: Int) {
    Lock.held {
      place.replica = number
      place.position = position
    }
  }

  /// This thread draws from a sequence of its own, which begins where the common one is, or again
  /// from the common one.
  package static func drawApart(_ apart: Bool) {
    Lock.held {
      let start = common
      betty_recording_thread().pointee.draws_apart = apart ? 1 : 0
      if apart { place = start }
    }
  }

  /// The key of the next draw: i64[2].
  package static func next() throws -> Tensor {
    let key = Lock.held {
      defer { place.position &+= 1 }
      let now = place
      return (Int64(now.seed), Int64(now.position &+ now.replica << replicaShift))
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
