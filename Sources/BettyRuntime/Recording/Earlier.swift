// What handles stood for before changes in place that may turn out to be impossible. A look-up with a bad
// index is found when it is computed, and then a handle may long stand for what follows from it. So what
// it stood for is kept until its new value is computed; if that fails, the handle stands again for its last
// value that does not follow from what failed.
// Invariants: under the lock where not said otherwise; only of changes to what may fail is anything kept,
// so that all others cost nothing; what is kept goes as soon as the handle is computed or dropped.

import BettyGraph

enum Earlier {
  /// Handles that something is kept of, some more than once.
  nonisolated(unsafe) private static var handles: [Tensor.WeakTensor] = []
  /// How many handles there may be before those that died are looked for.
  nonisolated(unsafe) private static var fill = leastFill
  private static let leastFill = 256
  /// A handle that was changed so often without being computed is computed.
  private static let most = 1000

  /// Whether a handle is to be computed so that no more is kept; if that fails, not again soon.
  @inline(__always)
  static func isMuch(of handle: Tensor) -> Bool {
    guard let count = handle.extra?.earlier.count, count > 0 else { return false }
    return count.isMultiple(of: most)
  }

  /// Before a handle is made to stand for `new`. What a step changes is undone with the step.
  @inline(__always)
  static func keep(of handle: Tensor, before new: Tensor) {
    if new.flags.contains(.mayFail), !Recording.isInStep { note(handle) }
  }

  @inline(never)
  private static func note(_ handle: Tensor) {
    let extra = handle.makeExtra()
    if extra.earlier.isEmpty {
      if handles.count >= fill {
        settle()
        unsafe fill = max(leastFill, 2 * handles.count)
      }
      unsafe handles.append(Tensor.WeakTensor(tensor: handle))
    }
    extra.earlier.append(handle.standing())
  }

  /// After something was computed: what is kept of computed handles goes.
  @inline(__always)
  static func settle() {
    if unsafe !handles.isEmpty { settleHandles() }
  }

  @inline(never)
  private static func settleHandles() {
    unsafe handles.removeAll { entry in
      guard let handle = entry.tensor, let extra = handle.extra else { return true }
      if (extra.current ?? handle).buffer != nil { extra.earlier = [] }
      return extra.earlier.isEmpty
    }
  }

  /// Something behind `roots` could not be computed: handles whose value follows from it get the last
  /// value back that does not. Not under the lock.
  static func giveBack(after error: any Error, behind roots: [Tensor]) {
    guard isLasting(error), Lock.held({ unsafe !handles.isEmpty }) else { return }
    var lost = Ancestry(isSought: { _ in false }, isEnd: { $0.buffer != nil })
    let failed = failures(behind: roots, &lost)
    if failed.isEmpty { return }
    Lock.held {
      for entry in unsafe handles { entry.tensor?.giveBack(&lost) }
      settle()
    }
    withExtendedLifetime(failed) {}
  }

  /// Whether computing it again would fail again.
  private static func isLasting(_ error: any Error) -> Bool {
    guard let error = error as? BettyError else { return false }
    return error.kind != .interrupted && error.kind != .memory
  }

  /// What cannot be computed although its operands can be. Not under the lock.
  private static func failures(behind roots: [Tensor], _ lost: inout Ancestry) -> [Tensor] {
    var failed: [Tensor] = []
    for suspect in suspects(behind: roots) {
      if Lock.held({ lost.contains(suspect) }) { continue }
      do {
        try Recording.compute(values: Recording.results(of: suspect))
      } catch {
        guard isLasting(error) else { return [] }
        failed.append(suspect)
        lost.add(suspect)
      }
    }
    return failed
  }

  /// What may fail by itself and is not computed, operands first. Not under the lock.
  private static func suspects(behind roots: [Tensor]) -> [Tensor] {
    Lock.held {
      var walk = Walk.begin(.evaluate)
      for root in roots { walk.markRoot(root) }
      for root in roots { walk.visit(root) }
      _ = walk.finish()
      let found = walk.order.elements.compactMap { node -> Tensor? in
        let tensor = node.takeUnretainedValue()
        return tensor.buffer == nil && tensor.operation?.mayFail == true ? tensor : nil
      }
      walk.end()
      return found
    }
  }
}

extension Tensor {
  /// What a handle stands for, to be kept; nil for the handle itself. Where a change would give up the
  /// handle's own memory, it is kept apart from it.
  fileprivate func standing() -> Tensor? {
    let value = resolved()
    guard value === self else { return value }
    if flags.isDisjoint(with: [.wasRead, .view, .history]), let apart { return apart }
    flags.insert(.wasRead)
    return nil
  }

  /// Stands again for its last value that is not lost, if the present one is.
  fileprivate func giveBack(_ lost: inout Ancestry) {
    guard let extra, !extra.earlier.isEmpty, lost.contains(extra.current ?? self) else { return }
    while let kept = extra.earlier.popLast() {
      let value = kept ?? self
      if lost.contains(value) { continue }
      if let slot = extra.current?.extra?.gradient, slot.isRetained {
        value.makeExtra().gradient = slot
      }
      return standAgain(for: value)
    }
  }
}
