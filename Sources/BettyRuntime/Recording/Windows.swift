// Looks at places that come from data, as in a loop over the rows of a tensor: a program for each place would
// have to be compiled. What is computed already is copied out, or written to, at once. Invariants: used under
// the lock where not said otherwise; what is done at once is seen as if it had been recorded and computed;
// never while a step is recorded, which is run again on other data.

import BettyGraph
import BettyKernelInterface
import CBettySupport

/// The views that one function makes of tensors of one type.
final class ViewFamily: @unchecked Sendable {
  /// How many there are, told apart by where they look.
  var members = 0
  /// More places than these are not written in a program.
  private static let most = 8

  var isOfData: Bool { members > ViewFamily.most }
}

enum Windows {
  /// Larger looks are worth a program.
  private static let mostBytes = 1 << 20

  /// Computes a look at computed memory by copying it; false if it is something else, and not computed.
  static func settle(_ value: Tensor) -> Bool {
    if value.buffer != nil || value.isNumber { return true }
    let type = TypeID.type(value.typeID)
    guard type.count > 0 else { return false }
    var looks: [RecordedOperation] = []
    var source = value
    while source.buffer == nil {
      guard source.flags.contains(.history), let look = source.operation, look.isView,
        let operand = source.input(0)?.takeUnretainedValue()
      else { return false }
      looks.append(look)
      source = operand
    }
    guard let buffer = source.buffer, source.typeID == looks.last?.operands[0],
      let window = view(of: source, through: looks.reversed())
    else { return false }
    if window.isAll(of: TypeID.type(source.typeID).count) {
      value.settle(buffer)
      return true
    }
    guard type.byteCount <= mostBytes, let copy = try? Buffer(byteCount: type.byteCount) else {
      return false
    }
    window.copy(from: UnsafeRawPointer(buffer.pointer), to: copy.pointer, size: type.dtype.size)
    value.settle(copy)
    return true
  }

  private static func view(of source: Tensor, through looks: [RecordedOperation]) -> View? {
    if looks.count == 1 { return looks[0].look }
    var view = looks[0].look
    for look in looks.dropFirst() { view = view.flatMap(look.graph.seen) }
    return view
  }

  /// A look at computed memory whose place comes from data is computed when it is taken.
  @inline(__always)
  static func settleIfOfData(_ node: Tensor, _ operation: RecordedOperation) {
    guard let family = operation.family, family.isOfData, !Recording.isInStep,
      !node.flags.contains(.requiresGrad),
      node.input(0)?._withUnsafeGuaranteedRef({ $0.buffer != nil }) == true
    else { return }
    _ = settle(node)
  }

  /// Computes what a change of a look would need to be made at once. Not under the lock.
  static func prepare(_ target: Tensor, for value: Tensor) {
    let needed: [Tensor] = Lock.held {
      let new = value.resolved()
      guard isOfData(target), !new.flags.contains(.requiresGrad) else { return [] }
      let root = target.root.resolved()
      return [new, root].filter { $0.buffer == nil && !$0.isNumber }
    }
    // What cannot be computed shows when it is read.
    if !needed.isEmpty { try? Recording.compute(values: needed) }
  }

  private static func isOfData(_ target: Tensor) -> Bool {
    guard !Recording.isInStep, target.flags.contains(.view), target.look?.family?.isOfData == true
    else { return false }
    return target.root.resolved().flags.isDisjoint(with: [.requiresGrad, .gradLeaf])
  }

  /// Writes a computed value to where `target` looks; false if that has to be recorded.
  static func write(_ new: Tensor, to target: Tensor) throws -> Bool {
    guard isOfData(target), let source = new.buffer, !new.flags.contains(.requiresGrad),
      let look = target.look, !look.overlaps, let base = target.base
    else { return false }
    let root = base.root
    guard let window = base === root ? look.look : target.layout else { return false }
    // No reference to its memory is held here, which would be one too many.
    if TypeID.type(new.typeID).count == 0 { return true }
    if !root.isAlone(butFor: target) {
      guard let buffer = root.resolved().buffer else { return false }
      try root.replaceContent(Recording.copy(buffer))
    }
    guard let memory = root.resolved().buffer, memory !== source else { return false }
    window.write(
      UnsafeRawPointer(source.pointer), to: memory.pointer,
      size: TypeID.type(new.typeID).dtype.size)
    root.makeExtra().version &+= 1
    return true
  }
}

extension Tensor {
  /// Whether nobody refers to what this handle stands for but itself and a look at it.
  fileprivate func isAlone(butFor look: Tensor) -> Bool {
    guard let extra, let current = extra.current.map({ Unmanaged.passUnretained($0) }) else {
      return false
    }
    let looks = look.input(0)?.toOpaque() == current.toOpaque() ? 1 : 0
    guard betty_recording_references(current.toOpaque()) <= 1 + looks else { return false }
    return current._withUnsafeGuaranteedRef {
      $0.flags.isDisjoint(with: [.history, .view]) && $0.buffer?.isOwned == true && $0.ownsBuffer
    }
  }
}

extension View {
  /// Whether it shows so many elements one after the other as they lie.
  fileprivate func isAll(of count: Int) -> Bool {
    let view = canonical
    return view.offset == 0 && view.shape == (count == 1 ? [] : [count])
      && view.strides.allSatisfy { $0 == 1 }
  }

  /// Copies the elements that are seen, of `size` bytes, one after the other.
  func copy(from source: UnsafeRawPointer, to target: UnsafeMutableRawPointer, size: Int) {
    forEachRun { seen, dense, count, step in
      Self.copyRun(
        source + seen &* size, step, target + dense &* size, 1, count: count, size: size)
    }
  }

  /// Copies elements that lie one after the other to where they are seen.
  func write(_ source: UnsafeRawPointer, to target: UnsafeMutableRawPointer, size: Int) {
    forEachRun { seen, dense, count, step in
      Self.copyRun(
        source + dense &* size, 1, target + seen &* size, step, count: count, size: size)
    }
  }

  /// Copies elements that are so many apart here and there.
  private static func copyRun(
    _ source: UnsafeRawPointer, _ sourceStep: Int, _ target: UnsafeMutableRawPointer,
    _ targetStep: Int, count: Int, size: Int
  ) {
    if sourceStep == 1 && targetStep == 1 {
      return target.copyMemory(from: source, byteCount: count &* size)
    }
    for place in 0..<count {
      (target + place &* targetStep &* size).copyMemory(
        from: source + place &* sourceStep &* size, byteCount: size)
    }
  }

  /// The innermost axis again and again, in order: where it starts, how many elements come before it, how
  /// long it is, and its stride.
  private func forEachRun(
    _ body: (_ seen: Int, _ dense: Int, _ count: Int, _ step: Int) -> Void
  ) {
    if shape.contains(0) { return }
    guard let count = shape.last, let step = strides.last else { return body(offset, 0, 1, 1) }
    var index = [Int](repeating: 0, count: shape.count - 1)
    var (start, before) = (offset, 0)
    while true {
      body(start, before, count, step)
      before += count
      var axis = index.count - 1
      while axis >= 0 {
        index[axis] += 1
        start += strides[axis]
        if index[axis] < shape[axis] { break }
        start -= strides[axis] * shape[axis]
        index[axis] = 0
        axis -= 1
      }
      if axis < 0 { return }
    }
  }
}
