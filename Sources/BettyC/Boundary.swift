// Where C's calls enter: statuses, messages, handles. Invariants: no error leaves but as a status
// with its message; every handle is looked at before it is used; a message is set or cleared here
// only.

import BettyGraph
import BettyRuntime
import CBettySupport

public typealias Handle = OpaquePointer
public typealias HandleList = UnsafePointer<OpaquePointer?>
public typealias HandleOut = UnsafeMutablePointer<OpaquePointer?>

/// The one way in: runs `body`, sets or clears this thread's message, gives the status.
@inline(__always)
func boundary(_ body: () throws -> Void) -> Int32 {
  do {
    try body()
    betty_support_message_clear()
    return 0
  } catch {
    return failed(error)
  }
}

@inline(never)
func failed(_ error: any Error) -> Int32 {
  let known = error as? BettyError ?? .runtime("\(error)")
  var message = known.message
  message.withUTF8 { text in
    text.withMemoryRebound(to: CChar.self) {
      // A buffer of no bytes may have no address.
      if let start = $0.baseAddress { betty_support_message_set(start, $0.count) }
    }
  }
  return known.kind.rawValue
}

/// An argument that must be there.
@inline(__always)
func given<Pointer>(_ pointer: Pointer?, _ name: StaticString) throws -> Pointer {
  guard let pointer else { throw missing(name) }
  return pointer
}

@inline(never)
func missing(_ name: StaticString) -> BettyError { .value("\(name): is NULL") }

// MARK: Handles

extension Handle {
  /// An object whose class is its tag: the first word of a live one is its type.
  @inline(__always)
  func unmanaged<Object: AnyObject>(
    _ type: Object.Type, _ noun: StaticString
  ) throws -> Unmanaged<Object> {
    let raw = UnsafeRawPointer(self)
    guard UInt(bitPattern: raw) & 7 == 0,
      raw.load(as: UInt.self) == UInt(bitPattern: unsafeBitCast(type, to: UnsafeRawPointer.self))
    else { throw stale(noun) }
    return Unmanaged.fromOpaque(raw)
  }
}

extension Handle {
  /// A tensor that somebody has a handle on.
  @inline(__always)
  func tensor() throws -> Unmanaged<Tensor> {
    let tensor = try unmanaged(Tensor.self, "tensor")
    guard tensor._withUnsafeGuaranteedRef({ $0.isHeld }) else { throw stale("tensor") }
    return tensor
  }
}

@inline(never)
func stale(_ noun: StaticString) -> BettyError {
  .value("\(noun): this is no live \(noun), it was freed or is another kind of object")
}

/// The object of a kind that an argument names.
func object<Object: Boxed>(_ handle: Handle?, as type: Object.Type) throws -> Object {
  guard let handle else { throw missing(Object.noun) }
  guard let object = LiveObjects.find(handle, as: type) else { throw stale(Object.noun) }
  return object
}

/// Gives an object to the caller, who owns it.
func give<Object: Boxed>(_ object: Object, to out: HandleOut?, _ name: StaticString) throws {
  try given(out, name).pointee = LiveObjects.give(object)
}

/// `_free`: NULL is nothing to do, and what is no live object is left alone.
func release<Object: Boxed>(_ handle: Handle?, as type: Object.Type) {
  if let handle { LiveObjects.release(handle, as: type) }
}

// MARK: Values

/// A C string that must be there and be UTF-8.
func text(_ string: UnsafePointer<CChar>?, _ name: StaticString) throws -> String {
  guard let text = String(validatingCString: try given(string, name)) else {
    throw BettyError.value("\(name): is not UTF-8")
  }
  return text
}

/// A count that C gives with a list: not negative, and the list is there unless it is 0.
func list<Element>(
  _ elements: UnsafePointer<Element>?, _ count: Int32, _ name: StaticString
) throws -> UnsafeBufferPointer<Element> {
  guard count >= 0 else { throw BettyError.value("\(name): a count of \(count)") }
  if count == 0 { return UnsafeBufferPointer(start: nil, count: 0) }
  return UnsafeBufferPointer(start: try given(elements, name), count: Int(count))
}

/// Keeps a text for C until the next on this thread.
func keep(_ string: String) throws -> UnsafePointer<CChar> {
  var string = string
  let kept = string.withUTF8 { text in
    text.withMemoryRebound(to: CChar.self) { betty_support_text_keep($0.baseAddress, $0.count) }
  }
  guard let kept else { throw BettyError(.memory, "text: there is no memory for it") }
  return kept
}

/// A C string that is never freed: for names in tables.
func lasting(_ text: String) -> UnsafePointer<CChar> {
  let bytes = Array(text.utf8CString)
  let kept = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
  kept.initialize(from: bytes, count: bytes.count)
  return UnsafePointer(kept)
}

@_cdecl("betty_last_error") public func betty_last_error() -> UnsafePointer<CChar>? {
  betty_support_message()
}
