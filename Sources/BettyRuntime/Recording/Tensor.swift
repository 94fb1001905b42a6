// A recorded value and, at once, the user's handle on it: one object an operation. What an object stands
// for as a value never changes once something has read it (a recording keeps what it saw); a change in
// place redirects the handle to another value. Invariants: fields are read and written under the lock,
// except by deinit; inputs of a node are values, never redirected handles; a node with a buffer is
// computed, and `depth` counts the nodes above it that are not.

import BettyGraph
import BettyKernelInterface
import Synchronization

package final class Tensor: @unchecked Sendable {
  struct Flags: OptionSet {
    let rawValue: UInt32
    static let requiresGrad = Flags(rawValue: 1)
    /// A gradient ends here: parameters and tensors made with requires_grad.
    static let gradLeaf = Flags(rawValue: 2)
    /// The handle stands for `extra.current`.
    static let redirect = Flags(rawValue: 4)
    /// Another look at `base`; read anew when that has changed.
    static let view = Flags(rawValue: 8)
    /// A plain number; its bits are in `slot0`.
    static let number = Flags(rawValue: 16)
    /// Result `slot1` of the node `slot0`.
    static let projection = Flags(rawValue: 32)
    /// A node of several results; not a value itself.
    static let tuple = Flags(rawValue: 64)
    /// A node or a view refers to what this object is as a value.
    static let wasRead = Flags(rawValue: 128)
    /// Backward went through it for the last time: nothing is kept for another.
    static let consumed = Flags(rawValue: 256)
    /// The slots hold references.
    static let history = Flags(rawValue: 512)
    /// The history was given up although it needed a gradient.
    static let freed = Flags(rawValue: 1024)
    /// Asked for by the walk under way.
    static let root = Flags(rawValue: 2048)
    /// The key of a draw: replaying the recording takes the next one.
    static let randomKey = Flags(rawValue: 4096)
    /// Recorded while gradients were off: a constant to whoever differentiates a recording.
    static let constant = Flags(rawValue: 8192)
    /// A view that its base counts among those that handles are held on.
    static let counted = Flags(rawValue: 16384)
    /// The walk under way goes no further, unless it begins here.
    static let stop = Flags(rawValue: 32768)
    /// What it stands for is of another type than it is as a value.
    static let retyped = Flags(rawValue: 65536)
    /// Computed while a step was recorded, with its history for whoever differentiates the step.
    static let keepsHistory = Flags(rawValue: 131072)
    /// Computing it may turn out to be impossible: it follows from indices in data, a division, a matrix.
    static let mayFail = Flags(rawValue: 262144)
    /// Computed on the way to other values and not kept, once and twice: see Walk.noteUnkept.
    static let unkept = Flags(rawValue: 524288)
    static let unkeptAgain = Flags(rawValue: 1_048_576)
    /// The walk under way gives it back.
    static let output = Flags(rawValue: 2_097_152)
    /// Not computed yet, and of a value that takes a gradient, but without one: see Trail.
    static let trails = Flags(rawValue: 4_194_304)
    /// The list of Trail refers to it.
    static let listed = Flags(rawValue: 8_388_608)
  }

  /// What is applied; nil for leaves and for results of a tuple.
  var operation: RecordedOperation?
  // Inputs: references, or the bits of numbers. More than three are in an array that slot0 points to.
  var slot0: UInt
  var slot1: UInt
  var slot2: UInt
  var buffer: Buffer?
  /// What few tensors have.
  var extra: Extra?
  var typeID: Int32
  var flags: Flags
  /// Nodes not computed yet on the longest way to a leaf, or to what failed for being too deep a chain.
  var depth: Int32
  /// Of the last walk that came by, and what it noted.
  var mark: UInt32 = 0
  var position: Int32 = 0
  /// How many nodes of the last walk read it.
  var uses: Int32 = 0
  /// How many views of it handles are held on.
  var views: Int32 = 0
  /// Handles of C and Python on this object, and gradient slots: what is held is computed along, and a
  /// handle on what is not was freed. Atomic additions only where others may have a handle.
  let handles = Atomic<Int32>(0)

  @inline(__always)
  init(
    operation: RecordedOperation?, _ slot0: UInt = 0, _ slot1: UInt = 0, _ slot2: UInt = 0,
    typeID: Int32,
    flags: Flags, depth: Int32 = 0, buffer: Buffer? = nil, extra: Extra? = nil
  ) {
    self.operation = operation
    self.slot0 = slot0
    self.slot1 = slot1
    self.slot2 = slot2
    self.buffer = buffer
    self.extra = extra
    self.typeID = typeID
    self.flags = flags
    self.depth = depth
  }

  deinit {
    if flags.contains(.history) { releaseInputs() }
    if let buffer { Releases.keepIfLocked(buffer) }
  }

  /// Rare parts of a tensor.
  final class Extra {
    /// What a redirected handle stands for.
    var current: Tensor?
    /// The handle a view looks at, where that is not its recorded input.
    var base: Tensor?
    /// How a view looks at its base, where the operation is of what the object is as a value.
    var look: RecordedOperation?
    /// Handles on memory that this one had before it was given other, for the views of it.
    var former: [Former] = []
    /// The version of the root that a view's content belongs to.
    var seenVersion = 0
    var version = 0
    var gradient: GradientSlot?
    /// Results of a tuple that are alive.
    var results: [WeakTensor] = []
    /// What a handle stood for before its last changes, nil for itself: see Earlier.
    var earlier: [Tensor?] = []
    /// What it followed from, once its history is given up.
    var origins: Origins?

    deinit {
      current?.releaseHandle()
      guard let held = base else { return }
      let reference = Unmanaged.passRetained(held)
      base = nil
      Releases.release(reference.toOpaque())
    }
  }

  struct WeakTensor {
    weak var tensor: Tensor?
  }

  func makeExtra() -> Extra {
    if let extra { return extra }
    let made = Extra()
    extra = made
    return made
  }
}

/// Where backward adds a tensor's gradient: shared by a handle and all that it stood for.
package final class GradientSlot: @unchecked Sendable {
  var gradient: Tensor?
  /// Number of the parameter, 0 for other tensors.
  package let parameterID: Int32
  /// Of the leaf: see Origins. Kept when a leaf becomes a parameter.
  let number: Int
  var isRetained = false
  /// The parameter itself, while it lives.
  weak var handle: Tensor?

  private static let count = Atomic<Int>(0)

  init(parameterID: Int32 = 0, number: Int? = nil) {
    self.parameterID = parameterID
    self.number = number ?? GradientSlot.count.add(1, ordering: .relaxed).newValue
  }

  deinit { gradient?.releaseHandle() }
}

// MARK: Inputs

extension Tensor {
  static let inlineInputs = 3

  @inline(__always)
  var inputCount: Int {
    if let operation { return operation.inputCount }
    return flags.contains(.projection) ? 1 : 0
  }

  @inline(__always)
  func slot(_ position: Int) -> UInt {
    if let operation, operation.inputCount > Tensor.inlineInputs {
      return UnsafePointer<UInt>(bitPattern: slot0)?[position] ?? 0
    }
    return position == 0 ? slot0 : position == 1 ? slot1 : slot2
  }

  /// The input at a position that holds no number.
  @inline(__always)
  func input(_ position: Int) -> Unmanaged<Tensor>? {
    guard let pointer = UnsafeRawPointer(bitPattern: slot(position)) else { return nil }
    return Unmanaged.fromOpaque(pointer)
  }

  /// Gives up the inputs; their memory goes when nothing else needs it.
  func releaseInputs() {
    flags.remove(.history)
    let count = inputCount
    for position in 0..<count where operation?.isNumber(position) != true {
      guard let pointer = UnsafeMutableRawPointer(bitPattern: slot(position)) else { continue }
      Releases.release(pointer)
    }
    if count > Tensor.inlineInputs {
      UnsafeMutablePointer<UInt>(bitPattern: slot0)?.deallocate()
    }
    operation = nil
    slot0 = 0
    slot1 = 0
    slot2 = 0
  }
}

// MARK: Handles

extension Tensor {
  /// Counts a handle of C or Python: what it stands for is worth keeping once computed.
  @inline(__always)
  package func retainHandle() {
    // The first handle is made where nobody else has the object.
    if handles.load(ordering: .relaxed) == 0 {
      handles.store(1, ordering: .relaxed)
    } else {
      handles.wrappingAdd(1, ordering: .relaxed)
    }
  }

  @inline(__always)
  package func releaseHandle() {
    if handles.load(ordering: .relaxed) == 1 {
      handles.store(0, ordering: .relaxed)
    } else {
      handles.wrappingSubtract(1, ordering: .relaxed)
    }
  }

  /// Gives up a handle of C or Python. What was changed in place and is read no more, neither itself nor
  /// through a view, stops standing for what it was changed to: else that would be kept, and keep its own
  /// operand.
  package func dropHandle() {
    releaseHandle()
    if !flags.isDisjoint(with: [.redirect, .view]), !isHeld { Lock.held { forget() } }
  }

  /// Whether somebody holds a view of it. Under the lock.
  var isSeen: Bool { views > 0 }

  /// Of a handle and of the bases that only it kept in use. Under the lock.
  private func forget() {
    var handle = self
    while !handle.isHeld, !handle.isSeen {
      let base = handle.flags.contains(.counted) ? handle.base : nil
      handle.forgetChange()
      guard let base else { return }
      handle.flags.remove(.counted)
      base.views &-= 1
      handle = base
    }
  }

  /// It is no view any more. Under the lock.
  func leaveBase() {
    let base = flags.contains(.counted) ? base : nil
    flags.subtract([.view, .counted])
    stopLying()
    base?.views &-= 1
    base?.forget()
  }

  private func forgetChange() {
    extra?.earlier = []
    extra?.former = []
    stopLying()
    guard flags.contains(.redirect), flags.isDisjoint(with: [.retyped, .gradLeaf]),
      flags.contains(.history) || buffer != nil, let extra, extra.gradient == nil
    else { return }
    flags.remove(.redirect)
    extra.current?.releaseHandle()
    extra.current = nil
  }

  @inline(__always)
  package var isHeld: Bool { handles.load(ordering: .relaxed) > 0 }

  /// The value this handle stands for now. Under the lock.
  @inline(__always)
  func resolved() -> Tensor {
    flags.isDisjoint(with: [.redirect, .view]) ? self : resolvedAnew()
  }

  /// The value this object is in a recording: itself, or what a handle without a value of its own stands
  /// for. A handle may have been redirected since the recording. Under the lock.
  package var value: Tensor {
    buffer != nil || !flags.isDisjoint(with: [.history, .number, .freed]) ? self : resolved()
  }

  @inline(never)
  private func resolvedAnew() -> Tensor {
    if flags.contains(.view) { refreshView() }
    return extra?.current ?? self
  }
}
