// Recordings and snapshots taken apart, for who writes a run down, and put together again. Invariant: what
// is put together reads the same numbers, bit by bit.

import BettyGraph
import BettyKernelInterface

extension RecordedInputs {
  /// Three words for each number: its bits, its kind, the type it is read in.
  package var numberWords: [Int] {
    numbers.flatMap { [Int(bitPattern: $0.bits), Int($0.kind), Int($0.dtype.rawValue)] }
  }

  package init(leaves: [Tensor], numberWords words: [Int]) throws {
    guard words.count.isMultiple(of: 3) else { throw Self.misshapen }
    self.leaves = leaves
    numbers = try stride(from: 0, to: words.count, by: 3).map { place in
      guard (Int(TypeID.double)...Int(TypeID.bool)).contains(words[place + 1]),
        let raw = UInt8(exactly: words[place + 2]), let dtype = DType(rawValue: raw)
      else { throw Self.misshapen }
      return NumberInput(
        bits: UInt(bitPattern: words[place]), kind: Int32(words[place + 1]), dtype: dtype)
    }
  }

  private static var misshapen: BettyError { .value("recording: its numbers are misshapen") }
}

extension Tensor {
  /// The present value as a tensor without history, and something that is the same for tensors of one memory.
  package func written() throws -> (value: Tensor, memory: ObjectIdentifier) {
    if isNumber {
      let value = try withBytes { try Tensor.copying($0, type) }
      return (value, ObjectIdentifier(try value.evaluated()))
    }
    let value = try Recording.pinned([self])[0]
    return (value, ObjectIdentifier(try value.evaluated()))
  }

  /// A leaf that holds a text.
  package static func text(_ text: String) throws -> Tensor {
    let bytes = Array(text.utf8)
    let type = try TensorType(.u8, [bytes.count])
    return try bytes.withUnsafeBytes { try copying($0, type) }
  }

  /// The text that the bytes of a tensor are.
  package func text() throws -> String {
    try withBytes { String(decoding: $0, as: UTF8.self) }
  }

  /// The elements of a tensor of integers.
  package func integers() throws -> [Int] {
    guard type.dtype == .i64 else { throw BettyError.type("expected i64, got \(type)") }
    let count = type.count
    return try withBytes { bytes in
      (0..<count).map { Int(bytes.loadUnaligned(fromByteOffset: $0 * 8, as: Int64.self)) }
    }
  }
}
