// Values recorded without gradients of values that take them, and what follows from those: averages of
// parameters, say, that are changed in every step and read after thousands. As long as they are not computed
// they keep every value that a parameter has had. So a step that would write over a parameter computes them
// first, and so does a recording that has become long.
// Invariants: under the lock where not said otherwise; what is computed or needed by nobody is forgotten
// whenever something was computed, so that listing it keeps no memory.

import BettyKernelInterface
import CBettySupport
import Synchronization

enum Trail {
  nonisolated(unsafe) private static var nodes: [Unmanaged<Tensor>] = []
  /// More are computed, if they are still needed.
  private static let most = 2048
  /// At how many those that are not needed are looked for: not at each call where many stay.
  nonisolated(unsafe) private static var fill = most
  /// Bytes of values of parameters that others took the place of, not computed, and how many are too many.
  nonisolated(unsafe) private static var replacedBytes = 0
  private static let mostReplaced = 64 << 20
  /// Read without the lock too, where being late does no harm.
  private static let isFull = Atomic<Bool>(false)

  /// Whether a node of these operands, with these flags, is part of it.
  @inline(__always)
  static func holds(_ operation: RecordedOperation, _ flags: Tensor.Flags, reading: UInt32) -> Bool
  {
    reading != 0 && !flags.contains(.requiresGrad) && !operation.isGradient && !operation.isTuple
  }

  @inline(never)
  static func note(_ node: Tensor) {
    node.flags.insert(.listed)
    unsafe nodes.append(.passRetained(node))
    if unsafe nodes.count >= fill {
      prune()
      isFull.store(unsafe nodes.count >= most, ordering: .relaxed)
    }
  }

  /// A leaf that takes a gradient is made to stand for another value: an update by hand.
  @inline(__always)
  static func noteReplaced(_ handle: Tensor, by value: Tensor) {
    guard value.flags.contains(.gradLeaf), value.buffer == nil else { return }
    unsafe replacedBytes += TypeID.type(handle.typeID).byteCount
    if unsafe replacedBytes > mostReplaced { isFull.store(true, ordering: .relaxed) }
  }

  /// Before and after something is computed.
  @inline(__always)
  static func settle() {
    if unsafe !nodes.isEmpty { prune() }
  }

  @inline(never)
  private static func prune() {
    var kept = unsafe nodes
    unsafe nodes = []
    // Later ones first: what only they needed is needed no more.
    var position = kept.count
    while position > 0 {
      position -= 1
      let node = kept[position]
      // Asked of the pointer: a reference to ask through would be counted.
      let isReferred = betty_recording_references(node.toOpaque()) > 1
      if isReferred, node._withUnsafeGuaranteedRef({ $0.buffer == nil }) { continue }
      let last = kept.removeLast()
      if position < kept.count { kept[position] = last }
      drop(node)
    }
    unsafe nodes = kept
    unsafe fill = max(most, 2 * kept.count)
  }

  private static func forget() {
    let forgotten = unsafe nodes
    unsafe nodes = []
    forgotten.forEach(drop)
  }

  /// What is on the list no more.
  private static func drop(_ node: Unmanaged<Tensor>) {
    node._withUnsafeGuaranteedRef { _ = $0.flags.remove(.listed) }
    Releases.release(node.toOpaque())
  }

  /// Not under the lock, after a call was recorded.
  @inline(__always)
  static func shortenIfFull() {
    if isFull.load(ordering: .relaxed) { shorten() }
  }

  @inline(never)
  private static func shorten() {
    guard !Recording.isInStep else { return }
    compute()
  }

  /// Computes what handles are on. Not under the lock.
  static func compute() {
    Interruption.withheld {
      let held = Lock.held {
        prune()
        isFull.store(false, ordering: .relaxed)
        unsafe replacedBytes = 0
        return unsafe nodes.map { $0.takeUnretainedValue() }.filter(\.isHeld)
      }
      if held.isEmpty { return }
      do {
        try Recording.compute(values: held)
      } catch {
        // It fails again, with its error, when it is read.
        Lock.held { forget() }
      }
    }
  }
}
