// A clock for things that should happen some twenty times a second, at the cost of a comparison a step.

package struct Pulse {
  private var last = ContinuousClock.now
  private var countdown = 1
  /// Calls from one look at the clock to the next.
  private var stride = 1

  package init() {}

  /// True when it is time again. The clock is read ever more seldom, down to every 16 calls, while they
  /// take no time.
  package var isDue: Bool {
    mutating get {
      countdown -= 1
      guard countdown <= 0 else { return false }
      let now = ContinuousClock.now
      let elapsed = now - last
      stride = elapsed < .milliseconds(5) ? min(stride * 2, 16) : 1
      countdown = stride
      guard elapsed >= .milliseconds(50) else { return false }
      last = now
      return true
    }
  }
}
