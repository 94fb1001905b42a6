// Memory that values lie in. A Buffer's address and size never change while it lives; who may write
// to it is decided by its users (a program writes only to buffers it made or was given to
// overwrite).

import BettyGraph

package final class Buffer: @unchecked Sendable {
  /// What gives external memory back: called once, from whichever thread drops the last reference.
  package typealias Release = @Sendable (UnsafeMutableRawPointer) -> Void

  package let pointer: UnsafeMutableRawPointer
  package let byteCount: Int
  /// Whether those may write to it who are given the memory from outside.
  package let isWritable: Bool
  private let owner: Owner

  private enum Owner {
    case allocator(sizeClass: Int)
    case external(Release)
  }

  /// Uninitialised memory of the caching allocator, aligned to 64 bytes; never null, even for no
  /// bytes.
  package init(byteCount: Int) throws(BettyError) {
    let block = try Allocator.allocate(byteCount)
    pointer = block.pointer
    self.byteCount = byteCount
    isWritable = true
    owner = .allocator(sizeClass: block.sizeClass)
  }

  /// Memory that belongs to somebody else until `release` is called.
  package init(
    external pointer: UnsafeMutableRawPointer, byteCount: Int, isWritable: Bool = false,
    release: @escaping Release
  ) {
    self.pointer = pointer
    self.byteCount = byteCount
    self.isWritable = isWritable
    owner = .external(release)
  }

  deinit {
    switch owner {
    case .allocator(let sizeClass): Allocator.free(pointer, sizeClass: sizeClass)
    case .external(let release): release(pointer)
    }
  }

  /// True when the memory is ours, so that it may be handed on to another use.
  package var isOwned: Bool {
    if case .allocator = owner { true } else { false }
  }

  /// A buffer holding a copy of `bytes`.
  package convenience init(copying bytes: UnsafeRawBufferPointer) throws(BettyError) {
    try self.init(byteCount: bytes.count)
    if let source = bytes.baseAddress { pointer.copyMemory(from: source, byteCount: bytes.count) }
  }
}
