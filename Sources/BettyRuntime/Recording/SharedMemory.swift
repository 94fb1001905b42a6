// Handles that come to share memory: `x.data = y`, a parameter made of a tensor. Of two handles that mean
// the same one becomes a view of the other; a parameter never does, since steps write to its memory.
// Invariants: used under the lock where not said otherwise; versions of a root only grow, also when it
// takes over views that counted those of another.

import BettyGraph

extension Tensor {
  /// Memory that a handle had, for views that were made while it had it.
  struct Former {
    /// The version of their root when that ended.
    let version: Int
    let handle: Tensor
  }

  /// Makes the tensor stand for another value, of any type: `x.data = y`. They share memory where one of
  /// them can be a view. Views of the tensor keep what it had. Not under the lock.
  package func setData(_ value: Tensor) throws {
    // What has gone to other handles could not be given back.
    let isInDoubt = Lock.held {
      value.resolved().flags.contains(.mayFail) && (isSeen || flags.contains(.view))
    }
    if isInDoubt { try Recording.evaluate([value]) }
    try Lock.held {
      let new = value.resolved()
      let old = resolved()
      let isInner = old.flags.contains(.requiresGrad) && !old.flags.contains(.gradLeaf)
      guard !isInner || new.typeID == typeID else {
        throw BettyError.runtime(
          "data: \(TypeID.type(typeID)) with a gradient cannot become \(TypeID.type(new.typeID))")
      }
      guard !old.flags.contains(.requiresGrad) || TypeID.type(new.typeID).dtype.isFloating else {
        throw BettyError.runtime(
          "data: only floating tensors can require grad, got \(TypeID.type(new.typeID))")
      }
      new.flags.insert(.wasRead)
      // Apart from the other handle, which would hold itself if it became a view of this one.
      let content = try Tensor.valueOnly(
        new === value ? Tensor.detached(new) : new, replacing: old, "data")
      let version = max(extra?.version ?? 0, root.extra?.version ?? 0)
      if value.root !== root || new.typeID != typeID { try leaveMemory(at: version) }
      Earlier.keep(of: self, before: content)
      if new.typeID != typeID {
        flags.insert(.retyped)
        Tensor.noteChange()
      }
      redirect(to: content)
      leaveBase()
      makeExtra().version = version &+ 1
      try shareLocked(with: value)
    }
  }

  /// Lets two handles that stand for the same value share it. Not under the lock.
  package func share(with other: Tensor) throws { try Lock.held { try shareLocked(with: other) } }

  private func shareLocked(with other: Tensor) throws {
    if other.root === root { return }
    if other.canLie { return try other.lie(on: self) }
    if canLie { try lie(on: other) }
  }

  /// Whether nothing depends on the handle's having memory of its own.
  private var canLie: Bool {
    flags.isDisjoint(with: [.view, .gradLeaf, .number, .tuple]) && extra?.gradient == nil
      && resolved().flags.isDisjoint(with: [.requiresGrad, .gradLeaf])
  }

  /// Becomes a view of all of another handle, which stands for the same value.
  private func lie(on base: Tensor) throws {
    let look = try ViewWriter.detach(base.typeID)
    let root = base.root.makeExtra()
    let extra = makeExtra()
    root.version = max(root.version, extra.version) &+ 1
    extra.base = base
    extra.look = look
    extra.seenVersion = root.version
    flags.insert([.view, .counted])
    base.views &+= 1
  }

  /// No view any more of what it came to share memory with.
  func stopLying() {
    guard let extra, extra.look != nil else { return }
    flags.remove(.view)
    extra.look = nil
    extra.base = nil
  }

  /// Leaves what the views of a handle look at to a handle of its own, before it gets other memory.
  private func leaveMemory(at version: Int) throws {
    guard isSeen else {
      extra?.former = []
      return
    }
    let value = resolved()
    let content = try value === self ? apart ?? Tensor.detached(self) : value
    let former = Tensor(operation: nil, typeID: typeID, flags: .redirect)
    let own = former.makeExtra()
    content.retainHandle()
    own.current = content
    own.version = version
    if let base, let look {
      own.base = base
      own.look = look
      own.seenVersion = extra?.seenVersion ?? 0
      former.flags.insert([.view, .counted])
      base.views &+= 1
    }
    makeExtra().former.append(Former(version: version, handle: former))
  }

  /// What a view of `base` looks at now that this has got other memory: what it had when the view was
  /// last read.
  func followed(_ base: Tensor) -> Tensor {
    let seen = extra?.seenVersion ?? 0
    guard let former = base.extra?.former.first(where: { seen <= $0.version })?.handle else {
      return base
    }
    makeExtra().base = former
    if flags.contains(.counted) {
      former.views &+= 1
      base.views &-= 1
    }
    return former
  }

  /// The handle's own computed value as another object; nil if it is not computed.
  var apart: Tensor? {
    guard let buffer else { return nil }
    let kept = Tensor(
      operation: nil, typeID: typeID, flags: flags.intersection([.gradLeaf, .requiresGrad]),
      buffer: buffer)
    if let slot = extra?.gradient { kept.makeExtra().gradient = slot }
    return kept
  }
}
