// How the hooks of a problem find its box. Invariant: a box takes itself out before it goes.

import BettyGraph

/// A problem's box to the hooks of the problem, which may outlive it. It is asked for in every step, where
/// a weak reference would cost more than the hook.
final class ProblemLink {
  unowned var box: ProblemBox?
  private let name: String

  init(_ name: String) { self.name = name }

  func target() throws -> ProblemBox {
    guard let box else { throw BettyError.runtime("problem '\(name)': it was freed") }
    return box
  }
}
