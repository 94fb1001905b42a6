// Which handles of options, optimizers, problems and engines are good. Invariant: an address is in the
// table exactly while its object lives, so that a freed handle is told without reading its memory; and
// the caller's reference is given up once, however often a handle is freed.

import Synchronization

/// An object behind a handle; its deinit calls `forget`.
protocol Boxed: AnyObject {
  static var noun: StaticString { get }
}

enum LiveObjects {
  private struct Entry {
    let type: ObjectIdentifier
    /// Whether the caller has still to free it; others may keep it longer.
    var isOwned: Bool
  }

  private static let table = Mutex<[UInt: Entry]>([:])

  private static func address<Object: Boxed>(_ object: Object) -> UInt {
    UInt(bitPattern: Unmanaged.passUnretained(object).toOpaque())
  }

  /// The handle of a new object, which the caller owns from now on.
  static func give<Object: Boxed>(_ object: Object) -> Handle {
    let entry = Entry(type: ObjectIdentifier(Object.self), isOwned: true)
    table.withLock { $0[address(object)] = entry }
    return Handle(Unmanaged.passRetained(object).toOpaque())
  }

  static func forget<Object: Boxed>(_ object: Object) {
    table.withLock { $0[address(object)] = nil }
  }

  /// nil: no live object of this class.
  static func find<Object: Boxed>(_ handle: Handle, as type: Object.Type) -> Object? {
    let isLive = table.withLock { $0[UInt(bitPattern: handle)]?.type == ObjectIdentifier(type) }
    guard isLive else { return nil }
    return Unmanaged<Object>.fromOpaque(UnsafeRawPointer(handle)).takeUnretainedValue()
  }

  /// Gives the caller's reference up, if there is one.
  static func release<Object: Boxed>(_ handle: Handle, as type: Object.Type) {
    let isOwned = table.withLock { table in
      let address = UInt(bitPattern: handle)
      guard var entry = table[address], entry.isOwned, entry.type == ObjectIdentifier(type)
      else { return false }
      entry.isOwned = false
      table[address] = entry
      return true
    }
    guard isOwned else { return }
    Unmanaged<Object>.fromOpaque(UnsafeRawPointer(handle)).release()
  }
}
