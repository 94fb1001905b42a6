// Stopping long work: whoever waits for it may want to press Ctrl-C. Work asks now and then, on the thread
// that waits for it, and only where nothing has been changed yet that would have to be put back.

import CBettySupport

package enum Interruption {
  /// Gives true when the work is to stop. Set before work begins.
  nonisolated(unsafe) package static var check: (@Sendable () -> Bool)?

  package static var isWanted: Bool {
    guard let check, betty_recording_thread().pointee.uninterrupted == 0 else { return false }
    return check()
  }

  /// Runs `body` without asking, where nobody could be told that it stopped.
  static func withheld(_ body: () -> Void) {
    betty_recording_thread().pointee.uninterrupted &+= 1
    body()
    betty_recording_thread().pointee.uninterrupted &-= 1
  }

  /// Programs that are shorter by a rough estimate are not worth a look at the clock.
  static let leastNanoseconds = 5e6
}
