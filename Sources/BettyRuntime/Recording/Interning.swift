// Numbers for types and attributes, so that recording compares and hashes integers only. Invariant: equal
// numbers mean equal values; a number is never given again to something else. The table of types is read
// and written under the lock.

import BettyGraph
import BettyKernelInterface

/// Numbers of types. Those below `firstTensor` stand for plain numbers, which take part in promotion as
/// numbers and whose value is kept in the node that reads them.
package enum TypeID {
  package static let none: Int32 = 0
  package static let double: Int32 = 1
  package static let int: Int32 = 2
  package static let bool: Int32 = 3
  static let firstTensor: Int32 = 4

  nonisolated(unsafe) private static var numbers: [TensorType: Int32] = [:]
  nonisolated(unsafe) private static var operands: [OperandType] = [
    .number(.f64), .number(.f64), .number(.i64), .number(.bool),
  ]

  /// Under the lock.
  static func of(_ type: TensorType) -> Int32 {
    if let number = numbers[type] { return number }
    let number = Int32(truncatingIfNeeded: operands.count)
    operands.append(.tensor(type))
    numbers[type] = number
    return number
  }

  /// The type of a kind of number.
  static func kind(_ number: Int32) -> DType {
    number == int ? .i64 : number == bool ? .bool : .f64
  }

  /// Under the lock.
  static func operandType(_ number: Int32) -> OperandType { operands[Int(number)] }
  static func type(_ number: Int32) -> TensorType { operands[Int(number)].type }
}

/// Attributes with their number: made once per combination, kept by whoever calls with it repeatedly.
package final class InternedAttributes: Sendable {
  let id: Int32
  package let attributes: Attributes

  private init(id: Int32, _ attributes: Attributes) {
    self.id = id
    self.attributes = attributes
  }

  package static let none = InternedAttributes(id: 0, [:])

  nonisolated(unsafe) private static var known: [Attributes: InternedAttributes] = [:]
  nonisolated(unsafe) private static var next: Int32 = 1

  /// Forgets what it knows once that is much: equal attributes then only get another number.
  package static func of(_ attributes: Attributes) -> InternedAttributes {
    if attributes.isEmpty { return none }
    return Lock.held {
      if let found = known[attributes] { return found }
      if known.count >= 1 << 16 { known.removeAll() }
      let made = InternedAttributes(id: next, attributes)
      next &+= 1
      known[attributes] = made
      return made
    }
  }
}
