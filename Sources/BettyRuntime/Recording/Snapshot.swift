// What a handle stood for, kept. Invariant: taking one copies nothing; the handle's next change in place
// takes fresh memory, because somebody else refers to the old one.

import BettyGraph

extension Tensor {
  /// The value that a handle stands for now.
  package var present: Tensor { Lock.held { resolved() } }

  /// The same, for somebody who goes on reading it: the handle's next change in place leaves it what it is.
  package var read: Tensor {
    Lock.held {
      let value = resolved()
      value.flags.insert(.wasRead)
      return value
    }
  }
}

package final class Snapshot {
  private let handle: Tensor
  /// What the handle stood for: a value of its own, so that a redirection of the handle leaves it what it is.
  package let value: Tensor

  package init(_ handle: Tensor) throws {
    self.handle = handle
    value = try Lock.held {
      let present = handle.resolved()
      present.flags.insert(.wasRead)
      let value = try Tensor.detached(present)
      value.retainHandle()
      return value
    }
  }

  /// Of what a handle stood for in another run.
  package init(_ handle: Tensor, of value: Tensor) throws {
    guard handle.type == value.type else {
      throw BettyError.value("snapshot: of \(handle.type), got \(value.type)")
    }
    self.handle = handle
    self.value = try Recording.pinned([value])[0]
    self.value.retainHandle()
  }

  deinit { value.releaseHandle() }

  /// Makes the handle stand for what it stood for.
  package func restore() throws { try handle.assign(value) }
}

/// The value itself that a handle stands for: put back, it is as if nothing had been recorded since, and
/// what was recorded of it is still the recording's own.
package final class Standing {
  private let handle: Tensor
  private let value: Tensor

  package init(_ handle: Tensor) {
    self.handle = handle
    value = Lock.held {
      let present = handle.resolved()
      present.flags.insert(.wasRead)
      present.retainHandle()
      return present
    }
  }

  deinit { value.releaseHandle() }

  /// What the handle stands for now.
  package func renewed() -> Standing { Standing(handle) }

  package func putBack() { Lock.held { handle.standAgain(for: value) } }
}
