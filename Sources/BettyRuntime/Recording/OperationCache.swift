// From a call to its operation: a direct-mapped table of calls with up to three operands in front of a
// dictionary of all. Invariant: used under the lock only; what is forgotten is made again under another id.

import BettyGraph
import BettyKernelInterface

enum OperationCache {
  struct Entry {
    var function: Int32 = -1
    var attributes: Int32 = 0
    var types: (Int32, Int32, Int32) = (0, 0, 0)
    var count: Int32 = 0
    /// The call gives one new value: see `Recording.quick`.
    var isPlain = false
    var operation: Unmanaged<RecordedOperation>?
  }

  struct Call: Hashable {
    var function: Int32
    var attributes: Int32
    var types: [Int32]
  }

  private static let bits = 11
  nonisolated(unsafe) private static let table: UnsafeMutablePointer<Entry> = {
    let table = UnsafeMutablePointer<Entry>.allocate(capacity: 1 << bits)
    table.initialize(repeating: Entry(), count: 1 << bits)
    return table
  }()
  nonisolated(unsafe) private static var known: [Call: RecordedOperation] = [:]
  nonisolated(unsafe) private static var families: [Call: ViewFamily] = [:]
  private static let limit = 1 << 15

  /// The slot of the table for a call of at most three operands.
  @inline(__always)
  static func entry(
    _ function: Int32, _ attributes: Int32, _ t0: Int32, _ t1: Int32, _ t2: Int32
  ) -> UnsafeMutablePointer<Entry> {
    var hash = UInt64(UInt32(bitPattern: function)) &* 0x9E37_79B9_7F4A_7C15
    hash ^= UInt64(UInt32(bitPattern: attributes)) &* 0xC2B2_AE3D_27D4_EB4F
    hash ^=
      (UInt64(UInt32(bitPattern: t0)) | UInt64(UInt32(bitPattern: t1)) << 32)
      &* 0x1656_67B1_9E37_79F9
    hash ^= UInt64(UInt32(bitPattern: t2)) &* 0x2545_F491_4F6C_DD1D
    hash ^= hash >> 29
    hash &*= 0x9E37_79B9_7F4A_7C15
    return table + Int(hash >> UInt64(64 - bits))
  }

  /// The operation of a call, made on first use; errors are the user's.
  @inline(never)
  static func find(
    _ function: Function, _ attributes: InternedAttributes, _ types: [Int32]
  ) throws -> RecordedOperation {
    let id = Int32(truncatingIfNeeded: function.id)
    let call = Call(function: id, attributes: attributes.id, types: types)
    let operation: RecordedOperation
    if let found = known[call] {
      operation = found
    } else {
      let template = try Functions.template(
        function, types.map(TypeID.operandType), attributes.attributes)
      operation = RecordedOperation(
        name: function.name, graph: template.graph, operands: types, isFunction: true,
        family: family(id, types))
      if known.count >= limit { forget() }
      known[call] = operation
    }
    guard types.count <= 3 else { return operation }
    let padded = types + [0, 0, 0]
    let slot = entry(id, attributes.id, padded[0], padded[1], padded[2])
    slot.pointee.operation?.release()
    slot.pointee = Entry(
      function: id, attributes: attributes.id, types: (padded[0], padded[1], padded[2]),
      count: Int32(types.count), isPlain: operation.isPlain,
      operation: .passRetained(operation))
    return operation
  }

  /// Of the calls that differ in their attributes only; of one operand, as views are.
  private static func family(_ function: Int32, _ types: [Int32]) -> ViewFamily? {
    guard types.count == 1 else { return nil }
    let call = Call(function: function, attributes: 0, types: types)
    if let known = families[call] { return known }
    let made = ViewFamily()
    families[call] = made
    return made
  }

  private static func forget() {
    known.removeAll()
    families.removeAll()
    for slot in 0..<1 << bits {
      table[slot].operation?.release()
      table[slot] = Entry()
    }
  }
}
