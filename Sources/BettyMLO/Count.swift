// Counts of steps that are given from outside: by who resumes a run, or in a state that is loaded.

import BettyGraph

enum Count {
  /// Any whole number up to here is a number of f64, in which updates take it; beyond is room to go on.
  static let limit = 1 << 53

  static func check(_ value: Int, _ what: String) throws {
    guard value >= 0, value <= limit else {
      throw BettyError.value("\(what) must be at least 0 and at most 2**53, got \(value)")
    }
  }
}
