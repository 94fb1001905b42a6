// A clock for things that should happen some twenty times a second, at the cost of a comparison a step.

package struct Pulse {
  private var last = ContinuousClock.now
  private var countdown = 1

  package init() {}

  /// True when it is time again. The clock is read every 16 calls while 16 calls take no time.
  package var isDue: Bool {
    mutating get {
      countdown -= 1
      guard countdown <= 0 else { return false }
      let now = ContinuousClock.now
      let elapsed = now - last
      countdown = elapsed < .milliseconds(5) ? 16 : 1
      guard elapsed >= .milliseconds(50) else { return false }
      last = now
      return true
    }
  }
}
