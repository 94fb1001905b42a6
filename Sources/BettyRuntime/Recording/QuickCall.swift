// The hottest call of the library by itself: a call without attributes, of a kind that was recorded before,
// on handles of C. Invariant: whatever is not plain (an error, a view, several results) is left to
// `Recording.call`; nothing is retained but by the node, since each atomic counts here.

import BettyGraph

extension Recording {
  /// The node, retained and with one handle; nil for what the long way must do.
  package static func quick(
    _ function: Unmanaged<Function>, _ handles: UnsafePointer<OpaquePointer?>, _ count: Int32
  ) -> Unmanaged<Tensor>? {
    guard count > 0, count <= 3, !Autocast.isEnabled, let first = live(handles[0]) else {
      return nil
    }
    var (second, third): (Unmanaged<Tensor>?, Unmanaged<Tensor>?)
    if count > 1 {
      second = live(handles[1])
      if second == nil { return nil }
    }
    if count > 2 {
      third = live(handles[2])
      if third == nil { return nil }
    }
    let id = Int32(truncatingIfNeeded: function._withUnsafeGuaranteedRef { $0.id })
    let made: Unmanaged<Tensor>? = Lock.held {
      let types = (typeID(first), typeID(second), typeID(third))
      let entry = OperationCache.entry(id, 0, types.0, types.1, types.2)
      guard entry.pointee.function == id, entry.pointee.attributes == 0,
        entry.pointee.types == types, entry.pointee.count == count, entry.pointee.isPlain,
        let operation = entry.pointee.operation
      else { return nil }
      // A handle is a pointer to a tensor, as Unmanaged is.
      let operands = Operands(
        start: UnsafeRawPointer(handles).assumingMemoryBound(to: Unmanaged<Tensor>.self),
        count: Int(count))
      let node = operation._withUnsafeGuaranteedRef { record($0, operands) }
      node.retainHandle()
      return .passRetained(node)
    }
    made?._withUnsafeGuaranteedRef { if $0.depth > deepest { $0.shorten() } }
    Trail.shortenIfFull()
    return made
  }

  /// The tensor of a handle that somebody holds.
  @inline(__always)
  private static func live(_ handle: OpaquePointer?) -> Unmanaged<Tensor>? {
    guard let raw = UnsafeRawPointer(handle), UInt(bitPattern: raw) & 7 == 0,
      raw.load(as: UInt.self)
        == UInt(bitPattern: unsafeBitCast(Tensor.self, to: UnsafeRawPointer.self))
    else { return nil }
    let tensor = Unmanaged<Tensor>.fromOpaque(raw)
    return tensor._withUnsafeGuaranteedRef { $0.isHeld } ? tensor : nil
  }

  @inline(__always)
  private static func typeID(_ tensor: Unmanaged<Tensor>?) -> Int32 {
    tensor?._withUnsafeGuaranteedRef { $0.typeID } ?? 0
  }
}
