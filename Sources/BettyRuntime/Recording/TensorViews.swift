// Views: handles that look at the memory of another, as PyTorch has them. A view is recorded as a value
// like any other; what makes it a view is that a change through one handle is seen through all. Invariants:
// `seenVersion` equals the root's version whenever a view's content is what its base would give; a handle
// never stands for the object that another handle is or stands for, whose gradient would be its own.

import BettyGraph
import BettyKernelInterface

extension Tensor {
  /// Makes a recorded node a view of the handle it was taken from. Under the lock.
  func becomeView(of handle: Tensor) {
    flags.insert([.view, .counted])
    handle.views &+= 1
    let input = input(0)?.takeUnretainedValue()
    let version = handle.root.extra?.version ?? 0
    if handle !== input || version != 0 {
      let extra = makeExtra()
      if handle !== input { extra.base = handle }
      extra.seenVersion = version
    }
  }

  /// The handle a view looks at.
  var base: Tensor? {
    guard flags.contains(.view), let base = extra?.base ?? input(0)?.takeUnretainedValue() else {
      return nil
    }
    return base.extra?.former.isEmpty ?? true ? base : followed(base)
  }

  /// How a view looks at its base.
  var look: RecordedOperation? { extra?.look ?? operation }

  /// The handle that a chain of views ends at: where changes are counted.
  var root: Tensor {
    var handle = self
    while let base = handle.base { handle = base }
    return handle
  }

  /// How often the tensor was changed in place.
  package var version: Int { Lock.held { root.extra?.version ?? 0 } }

  /// Whether a change of the base, or of what the base is a view of, would still be seen by somebody.
  func isBaseShared() -> Bool {
    if extra?.base != nil { return true }
    guard let pointer = UnsafeRawPointer(bitPattern: slot0) else { return false }
    var base = Unmanaged<Tensor>.fromOpaque(pointer).takeRetainedValue()
    let isShared = !isKnownUniquelyReferenced(&base)
    _ = Unmanaged.passRetained(base)
    return isShared || (base.flags.contains(.view) && base.isBaseShared())
  }

  /// Reads a view anew if its root was changed since. Under the lock.
  func refreshView() {
    guard let base, let operation = look else { return }
    let version = root.extra?.version ?? 0
    guard version != extra?.seenVersion ?? 0,
      base.resolved().typeID == operation.operands[0]  // else the base got other memory
    else { return }
    // As it was made: whoever happens to read it with gradients off takes none away from later readers.
    let anew = GradMode.with(!flags.contains(.constant)) {
      Recording.recordLocked(operation, [base.resolved()])
    }
    let extra = makeExtra()
    extra.seenVersion = version
    redirect(to: asLeaf(anew))
  }

  /// A new content of a view; of one that was made a leaf by `requires_grad_()`, as the leaf's.
  private func asLeaf(_ content: Tensor) -> Tensor {
    guard flags.contains(.gradLeaf) else { return content }
    return (try? Tensor.valueOnly(content, replacing: extra?.current ?? self, "view")) ?? content
  }

  /// Makes the handle stand for another value. Under the lock.
  func redirect(to value: Tensor) {
    if !flags.contains(.redirect) {
      flags.insert(.redirect)
      // Nothing refers to what the object was as a value: its memory need not stay.
      let isMadeByLooking = flags.contains(.view) && extra?.look == nil
      if !flags.contains(.wasRead) && !isMadeByLooking {
        if flags.contains(.history) { releaseInputs() }
        if let buffer { Releases.keepIfLocked(buffer) }
        buffer = nil
      }
    }
    Trail.noteReplaced(self, by: value)
    typeID = value.typeID
    let extra = makeExtra()
    value.retainHandle()
    extra.current?.releaseHandle()
    extra.current = value
  }

  /// Makes the handle stand for a value again that it stood for before a change. Under the lock.
  func standAgain(for value: Tensor) {
    if resolved() === value { return }
    if value !== self {
      redirect(to: value)
    } else {
      flags.remove(.redirect)
      extra?.current?.releaseHandle()
      extra?.current = nil
    }
    makeExtra().version &+= 1
  }
}

// MARK: Changes in place

extension Tensor {
  /// What a change in place means for gradients.
  package enum Change: Sendable {
    /// `x.add_(y)`: what is recorded, gradients included.
    case recorded
    /// Through `.data` or without grad mode: only the value changes.
    case valueOnly
  }

  /// Changes the tensor in place to a value of its type. `name` is the method's, for messages.
  package func update(to value: Tensor, _ name: String) throws {
    try Recording.checkIndices(of: value)
    Windows.prepare(self, for: value)
    let isLong = try Lock.held {
      let new = value.resolved()
      guard new.typeID == typeID else {
        throw BettyError.runtime(
          "\(name): the result is \(TypeID.type(new.typeID)), the tensor changed in place is "
            + "\(TypeID.type(typeID))")
      }
      try checkChangeable(name)
      if new === resolved() {
        root.makeExtra().version &+= 1
        return false
      }
      if try Windows.write(new, to: self) { return false }
      new.flags.insert(.wasRead)
      try write(new, GradMode.isEnabled ? .recorded : .valueOnly, name)
      return value.depth > Recording.deepest || Earlier.isMuch(of: root)
    }
    if isLong { shorten() }
  }

  /// What the handle stands for, as a value of its own for another handle to stand for: what takes a gradient
  /// or may be told to.
  package func copied() throws -> Tensor {
    try Lock.held {
      let value = resolved()
      value.flags.insert(.wasRead)
      guard GradMode.isEnabled, value.flags.contains(.requiresGrad) else {
        return value.buffer == nil ? value : try Tensor.detached(value)
      }
      return Recording.recordLocked(try ViewWriter.copy(value.typeID), [value])
    }
  }

  /// Gives the tensor another value of its type without a trace in gradients: `x.data.copy_(y)`.
  package func assign(_ value: Tensor) throws {
    try GradMode.with(false) { try update(to: value, "assign") }
  }

  /// Cuts the tensor off from what made it: it requires no gradient any more.
  package func detachInPlace() throws {
    if isLeaf { return try setRequiresGrad(false) }
    try Lock.held {
      guard !flags.contains(.view) else {
        throw BettyError.runtime("detach_: a view cannot be detached in place, use detach()")
      }
      redirect(to: try Tensor.detached(resolved()))
      makeExtra().version &+= 1
    }
  }

  /// PyTorch's rule: a leaf that requires grad is changed only without grad mode.
  private func checkChangeable(_ name: String) throws {
    guard GradMode.isEnabled else { return }
    if flags.contains(.gradLeaf), flags.contains(.requiresGrad) {
      throw BettyError.runtime(
        "\(name): a leaf that requires grad is being used in an in-place operation")
    }
    guard flags.contains(.view), resolved().flags.contains(.requiresGrad) else { return }
    let root = root
    if root.flags.contains(.gradLeaf), root.flags.contains(.requiresGrad) {
      throw BettyError.runtime(
        "\(name): a view of a leaf that requires grad is being used in an in-place operation")
    }
  }

  /// Redirects this handle and, for a view, writes through to everything it looks at.
  private func write(_ value: Tensor, _ change: Change, _ name: String) throws {
    var handle = self
    var new = value
    var change = change
    var written: [Tensor] = []
    var contents: [Tensor] = []
    while true {
      let old = handle.resolved()
      let content =
        try change == .valueOnly
        ? Tensor.valueOnly(new, replacing: old, name) : Tensor.keepingGradient(new, over: old)
      written.append(handle)
      contents.append(content)
      guard let base = handle.base, let operation = handle.look else { break }
      // Through `.data` and `detach` only the value passes.
      if operation.flow == 0 { change = .valueOnly }
      let place = try ViewWriter.operation(for: operation)
      let source = change == .valueOnly ? new : content
      new = Recording.recordLocked(place, [base.resolved(), source])
      handle = base
    }
    // Nothing is changed unless all of it can be.
    let last = written.count - 1
    Earlier.keep(of: written[last], before: contents[last])
    for (handle, content) in zip(written, contents) { handle.redirect(to: content) }
    let root = written[last].makeExtra()
    root.version &+= 1
    for handle in written.dropLast() { handle.makeExtra().seenVersion = root.version }
  }

  /// The value `new` in the place of `old`, where gradients keep their way through `old`.
  static func valueOnly(
    _ new: Tensor, replacing old: Tensor, _ name: String
  ) throws -> Tensor {
    let isLeaf = old.flags.contains(.gradLeaf)
    if !isLeaf && !old.flags.contains(.requiresGrad) {
      return new.flags.contains(.requiresGrad) ? try detached(new) : new
    }
    if isLeaf {
      let content = try detached(new)
      content.flags.insert(.gradLeaf)
      if old.flags.contains(.requiresGrad) { content.flags.insert(.requiresGrad) }
      content.makeExtra().gradient = old.extra?.gradient
      return content
    }
    // Gradients keep their way through `old` also where grad mode is off.
    return try GradMode.with(true) {
      try Recording.recordLocked(ViewWriter.replacement(old.typeID), [old, detached(new)])
    }
  }

  /// `new`, which takes the place of `old`: what required a gradient still does, of zero if need be, and
  /// a gradient that was to be kept is that of the new value.
  private static func keepingGradient(_ new: Tensor, over old: Tensor) throws -> Tensor {
    guard old.flags.contains(.requiresGrad), !old.flags.contains(.gradLeaf) else { return new }
    let content =
      new.flags.contains(.requiresGrad)
      ? new : Recording.recordLocked(try ViewWriter.overwriting(old.typeID), [old, new])
    if let slot = old.extra?.gradient, slot.isRetained, content.extra?.gradient == nil {
      content.makeExtra().gradient = slot
      old.extra?.gradient = nil
    }
    return content
  }

  /// Another value object with the same content through which no gradient flows. Under the lock.
  static func detached(_ value: Tensor) throws -> Tensor {
    if let buffer = value.buffer {
      return Tensor(operation: nil, typeID: value.typeID, flags: [], buffer: buffer)
    }
    return try Recording.recordLocked(ViewWriter.identity(value.typeID), [value])
  }
}

extension Recording {
  /// Operations of one operand that are looked behind.
  private static let mostReshapes = 8

  /// A change by indices is computed before it is made: a bad one leaves the tensor what it is. Whatever
  /// else keeps it from being computed shows when the tensor is read.
  fileprivate static func checkIndices(of value: Tensor) throws {
    let isInQuestion = Lock.held {
      // A step is undone as a whole if it fails.
      var node: Tensor? = isInStep ? nil : value.resolved()
      for _ in 0..<mostReshapes {
        guard let next = node, next.buffer == nil, let operation = next.operation else {
          return false
        }
        if operation.followsIndices { return true }
        let isPlain = operation.inputCount == 1 && !operation.isNumber(0)
        node = isPlain ? next.input(0)?.takeUnretainedValue() : nil
      }
      return false
    }
    guard isInQuestion else { return }
    do {
      try compute(values: [value.present])
    } catch let error as BettyError where error.kind == .index {
      Earlier.giveBack(after: error, behind: [value.present])
      throw error
    } catch {}
  }

  /// A handle on the same memory through which no gradient flows.
  package static func detach(_ tensor: Tensor) throws -> Tensor {
    try Lock.held {
      let value = tensor.resolved()
      let node = try recordLocked(ViewWriter.detach(value.typeID), [value])
      node.becomeView(of: tensor)
      return node
    }
  }

  /// Zeros of the type of a tensor.
  package static func zeros(like tensor: Tensor) throws -> Tensor {
    try Lock.held { try recordLocked(ViewWriter.zeros(tensor.resolved().typeID), []) }
  }

  /// Records one node on values, which are not resolved again. Under the lock.
  static func recordLocked(_ operation: RecordedOperation, _ values: [Tensor]) -> Tensor {
    values.map { Unmanaged.passUnretained($0) }.withUnsafeBufferPointer {
      record(operation, $0, areValues: true)
    }
  }
}
