// What the C interface hands out of a tensor. Invariant: memory that may be written to from outside is
// read by no other tensor.

import BettyGraph

extension Tensor {
  /// The tensor's memory, computed if need be, and whether writing to it would change something else.
  package func exported() throws -> (buffer: Buffer, isShared: Bool) {
    if isNumber { return (try evaluated(), false) }
    _ = try evaluated()
    return try Lock.held {
      let value = resolved()
      let isUnique = isKnownUniquelyReferenced(&value.buffer)
      let buffer = try value.computedBuffer()
      return (buffer, !isUnique || !buffer.isWritable)
    }
  }

  /// The operation that made the value, "" for a leaf.
  package var operationName: String {
    Lock.held {
      let value = resolved()
      if value.flags.contains(.projection) {
        return value.input(0)?.takeUnretainedValue().operation?.name ?? ""
      }
      return value.operation?.name ?? ""
    }
  }
}

extension Recording {
  /// What computing a tensor would take: its recording, and the program made of it.
  package static func dump(_ tensor: Tensor) throws -> String {
    if tensor.isNumber || tensor.isComputed { return "computed: \(tensor.type)" }
    let graph = Capture([tensor], mode: .evaluate).graph
    return "recording: \(graph)\n\(try Compiler.compile(try simplifier(graph)))"
  }
}
