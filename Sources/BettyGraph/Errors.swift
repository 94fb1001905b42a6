// Everything that a user can get wrong ends here: one line, a class, no trap.

/// The class of an error; each has its Python exception and its C status.
package enum ErrorKind: Int32, Sendable {
  case value = 1  // ValueError
  case type = 2  // TypeError
  case index = 3  // IndexError
  case runtime = 4  // RuntimeError
  case memory = 5  // MemoryError
  case notSupported = 6  // NotImplementedError: what an operation cannot do, not what is unfinished
  case key = 7  // KeyError: an unknown name
  case interrupted = 8  // KeyboardInterrupt
  case callback = 9  // a callback failed; the caller's own error stands
  case linearAlgebra = 10  // LinAlgError: a matrix that is singular or not positive definite
}

package struct BettyError: Error, Sendable, CustomStringConvertible {
  package let kind: ErrorKind
  /// "operation: what is wrong, the values"
  package let message: String

  package init(_ kind: ErrorKind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  package static func value(_ message: String) -> BettyError { BettyError(.value, message) }
  package static func type(_ message: String) -> BettyError { BettyError(.type, message) }
  package static func index(_ message: String) -> BettyError { BettyError(.index, message) }
  package static func runtime(_ message: String) -> BettyError { BettyError(.runtime, message) }

  package var description: String { message }
}
