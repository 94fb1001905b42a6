// Batches that the engine draws itself, so that a replayed step needs nobody: a list that it goes through
// again and again, or what a callback gives. Invariant: `current` are the tensors of the last batch
// drawn, and `index` its number within the pass over a list.

import BettyGraph
import BettyRuntime

/// Where batches come from.
package enum BatchSource {
  case held([[Tensor]])
  case drawn(() throws -> [Tensor])
}

package final class Batches {
  private let source: BatchSource
  private var next = 0
  package private(set) var current: [Tensor] = []
  package private(set) var index = -1
  /// Told when a pass is over and the next one begins.
  package var epochEnded: (() throws -> Void)?

  package init(_ source: BatchSource) throws {
    if case .held(let batches) = source, batches.isEmpty {
      throw BettyError.value("batches: the list is empty")
    }
    // A batch is a value: how it was recorded, of random numbers perhaps, is no part of a step.
    if case .held(let batches) = source { try Recording.evaluate(batches.flatMap { $0 }) }
    self.source = source
  }

  func draw() throws {
    switch source {
    case .drawn(let give):
      current = try give()
      try Recording.evaluate(current)
    case .held(let batches):
      try startAnew(at: batches.count)
      current = batches[next]
    }
    index = next
    next += 1
  }

  /// Goes on with a batch that was drawn before.
  func resume(_ batch: [Tensor], index: Int) { (current, self.index) = (batch, index) }

  private func startAnew(at count: Int) throws {
    guard next >= count else { return }
    next = 0
    try epochEnded?()
  }
}
