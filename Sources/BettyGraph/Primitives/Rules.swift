// What type rules share: each check throws one line that names the operation and the values. After
// a type rule has passed, no kernel of the primitive can go out of bounds or trap.

import BettyKernelInterface

/// The primitives; each family extends this with its own.
package enum P {}

/// Element types a primitive takes.
enum TypeClass: String, Sendable {
  case floating = "a floating type"
  case number = "a number type"
  case any = "any type"
  case bool = "bool"

  func contains(_ dtype: DType) -> Bool {
    switch self {
    case .floating: dtype.isFloating
    case .number: dtype != .bool
    case .any: true
    case .bool: dtype == .bool
    }
  }
}

enum Rules {
  static func count(_ inputs: [TensorType], _ wanted: Int, _ name: String) throws(BettyError) {
    guard inputs.count == wanted else {
      throw .type("\(name): takes \(wanted) operands, got \(inputs.count)")
    }
  }

  static func dtype(
    _ input: TensorType, _ wanted: TypeClass, _ name: String
  ) throws(BettyError) {
    guard wanted.contains(input.dtype) else {
      throw .type("\(name): takes \(wanted.rawValue), got \(input)")
    }
  }

  static func indices(_ input: TensorType, _ name: String) throws(BettyError) {
    guard input.dtype == .i64 else {
      throw .type("\(name): indices must be i64, got \(input)")
    }
  }

  static func same(_ a: TensorType, _ b: TensorType, _ name: String) throws(BettyError) {
    guard a == b else { throw .value("\(name): operands differ, got \(a) and \(b)") }
  }

  /// The axis of attribute `axis`, which must exist.
  static func axis(
    _ attributes: Attributes, _ input: TensorType, _ name: String
  ) throws(BettyError) -> Int {
    let axis = attributes.int("axis")
    guard axis >= 0, axis < input.rank else {
      throw .index("\(name): axis \(axis) out of range for \(input)")
    }
    return axis
  }

  /// Attribute `axes`: sorted, unique, in range.
  static func axes(
    _ attributes: Attributes, _ input: TensorType, _ name: String
  ) throws(BettyError) -> [Int] {
    let axes = attributes.ints("axes")
    var last = -1
    for axis in axes {
      guard axis >= 0, axis < input.rank else {
        throw .index("\(name): axis \(axis) out of range for \(input)")
      }
      guard axis > last else {
        throw .value("\(name): axes must increase, got \(axes)")
      }
      last = axis
    }
    return axes
  }

  static func requiredDType(
    _ attributes: Attributes, _ name: String
  ) throws(BettyError) -> DType {
    guard let dtype = attributes.dtype("dtype") else {
      throw .type("\(name): missing option 'dtype'")
    }
    return dtype
  }

  /// What bilinear operations may be asked for: results of the operands' type or, where that is only
  /// stored, of the type they are summed in.
  static let resultType = AttributeSpec("dtype", .dtype, optional: true)

  /// The element type of the result of operands like `input`: attribute `dtype`, else theirs.
  static func result(
    _ input: TensorType, _ attributes: Attributes, _ name: String
  ) throws(BettyError) -> DType {
    let (own, sums) = (input.dtype, input.dtype.computeType)
    let wanted = attributes.dtype("dtype") ?? own
    guard wanted == own || wanted == sums else {
      let known = own == sums ? own.name : "\(own.name) or \(sums.name)"
      throw .type("\(name): results of \(own.name) are \(known), got dtype \(wanted.name)")
    }
    return wanted
  }

  static func length(_ values: [Int], _ wanted: Int, _ what: String, _ name: String)
    throws(BettyError)
  {
    guard values.count == wanted else {
      throw .value("\(name): \(what) must have \(wanted) entries, got \(values)")
    }
  }

  /// Sum that cannot trap.
  static func add(_ a: Int, _ b: Int, _ name: String) throws(BettyError) -> Int {
    let (sum, overflow) = a.addingReportingOverflow(b)
    guard !overflow else { throw .value("\(name): size overflows, got \(a) + \(b)") }
    return sum
  }

  static func multiply(_ a: Int, _ b: Int, _ name: String) throws(BettyError) -> Int {
    let (product, overflow) = a.multipliedReportingOverflow(by: b)
    guard !overflow else { throw .value("\(name): size overflows, got \(a) * \(b)") }
    return product
  }
}

extension Array where Element == Int {
  /// These dimensions without those at `axes`.
  func dropping(_ axes: [Int]) -> [Int] {
    indices.filter { !axes.contains($0) }.map { self[$0] }
  }

  func replacing(_ axis: Int, with dimension: Int) -> [Int] {
    var copy = self
    copy[axis] = dimension
    return copy
  }

  var product: Int { reduce(1, *) }
}
