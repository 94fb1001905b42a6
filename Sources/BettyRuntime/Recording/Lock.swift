// The one lock around recorded nodes and handles, the grad mode of a thread, and the release of long
// chains. Invariant: the lock is never held while a program runs, while something is compiled, nor while
// foreign code is called. Memory of others has release callbacks, so what dies under the lock is kept
// until it is given back.

import CBettySupport

package enum Lock {
  @inline(__always) static func acquire() { betty_recording_lock() }

  @inline(__always)
  static func release() {
    betty_recording_unlock()
    let thread = betty_recording_thread()
    if thread.pointee.pending_count != 0 { Releases.drain() }
  }

  @inline(__always)
  package static func held<Result>(_ body: () throws -> Result) rethrows -> Result {
    acquire()
    defer { release() }
    return try body()
  }
}

/// Releases put off: a chain of a million nodes must not be released by a million nested calls, and
/// nothing foreign may be called under the lock.
enum Releases {
  private static let deepest: UInt32 = 48

  /// Releases a node's reference to another, or puts it off when too many are nested already.
  @inline(__always)
  static func release(_ reference: UnsafeMutableRawPointer) {
    let thread = betty_recording_thread()
    guard thread.pointee.release_depth < deepest else {
      return betty_recording_push_release(reference)
    }
    thread.pointee.release_depth &+= 1
    Unmanaged<AnyObject>.fromOpaque(reference).release()
    thread.pointee.release_depth &-= 1
    if thread.pointee.release_depth == 0 && thread.pointee.pending_count != 0 { drain() }
  }

  /// Keeps an object that dies under the lock until the lock is given back.
  @inline(__always)
  static func keepIfLocked(_ object: AnyObject) {
    guard betty_recording_thread().pointee.lock_depth != 0 else { return }
    betty_recording_push_release(Unmanaged.passRetained(object).toOpaque())
  }

  @inline(never)
  static func drain() {
    let thread = betty_recording_thread()
    guard thread.pointee.lock_depth == 0, thread.pointee.release_depth == 0 else { return }
    while let object = betty_recording_pop_release() {
      thread.pointee.release_depth = 1
      Unmanaged<AnyObject>.fromOpaque(object).release()
      thread.pointee.release_depth = 0
    }
    betty_recording_trim_releases()
  }
}

package enum GradMode {
  /// Whether operations on this thread are recorded for gradients.
  @inline(__always)
  package static var isEnabled: Bool {
    get { betty_recording_thread().pointee.no_grad == 0 }
    set { betty_recording_thread().pointee.no_grad = newValue ? 0 : 1 }
  }

  /// Runs `body` with the mode set, and sets it back.
  package static func with<Result>(
    _ enabled: Bool, _ body: () throws -> Result
  ) rethrows -> Result {
    let previous = isEnabled
    isEnabled = enabled
    defer { isEnabled = previous }
    return try body()
  }
}
