// Runs a prepared kernel outside any program: tasks one after the other, the last first, over guarded
// memory, so that a task that leans on another or leaves its operands is seen.

import BettyKernelInterface
import BettyKernels
import Glibc

@testable import BettyGraph

struct KernelRunner {
  /// Bytes before and after each operand that no kernel may touch.
  private static let guardBytes = 64
  private static let mark: UInt8 = 0xA5

  var outputs: [[Double]] = []
  var tasks = 0
  var status: Int64 = 0
  var isIntact = true

  init(
    _ primitive: Primitive, _ inputs: [(TensorType, [Double])], _ attributes: Attributes = [:],
    threads: Int = 1, table: KernelTable = kernelTable
  ) throws {
    guard case .buffer(_, let prepare) = primitive.kernel else {
      throw BettyError.value("\(primitive.name): no buffer kernel")
    }
    let types = inputs.map(\.0)
    let results = try primitive.typeRule(types, attributes)
    let kernel = try prepare(
      KernelRequest(
        inputs: types, outputs: results, attributes: attributes, table: table,
        threads: threads))
    tasks = kernel.tasks
    let all = types + results
    let blocks = all.map { Self.allocate($0.byteCount) }
    let scratch = Self.allocate(kernel.scratchBytes)
    let workspace = Self.allocate(kernel.workspaceBytes)
    defer { for block in blocks + [scratch, workspace] { block.deallocate() } }
    for (block, input) in zip(blocks, inputs) { Self.write(block, input.0.dtype, input.1) }
    let operands = (blocks + [workspace]).map { $0.baseAddress! + Self.guardBytes }
    operands.withUnsafeBufferPointer { pointers in
      for stage in kernel.stages {
        for task in (0..<stage.tasks).reversed() {
          withUnsafeMutablePointer(to: &status) { status in
            stage.body(
              KernelFrame(
                operands: pointers.baseAddress!, scratch: scratch.baseAddress! + Self.guardBytes,
                status: status), task)
          }
        }
      }
    }
    outputs = zip(blocks.dropFirst(types.count), results).map { Self.read($0, $1) }
    let sizes = all.map(\.byteCount) + [kernel.scratchBytes, kernel.workspaceBytes]
    for (block, bytes) in zip(blocks + [scratch, workspace], sizes) {
      let before = block[..<Self.guardBytes]
      let after = block[(Self.guardBytes + bytes)...]
      if before.contains(where: { $0 != Self.mark }) || after.contains(where: { $0 != Self.mark }) {
        isIntact = false
      }
    }
    let copies = inputs.map { input in
      let block = Self.allocate(input.0.byteCount)
      Self.write(block, input.0.dtype, input.1)
      return block
    }
    defer { for block in copies { block.deallocate() } }
    for (block, copy) in zip(blocks, copies)
    where memcmp(block.baseAddress!, copy.baseAddress!, copy.count) != 0 { isIntact = false }
  }

  private static func allocate(_ bytes: Int) -> UnsafeMutableRawBufferPointer {
    let block = UnsafeMutableRawBufferPointer.allocate(
      byteCount: bytes + 2 * guardBytes, alignment: 64)
    block.initializeMemory(as: UInt8.self, repeating: mark)
    return block
  }

  private static func write(
    _ block: UnsafeMutableRawBufferPointer, _ dtype: DType, _ values: [Double]
  ) {
    let start = block.baseAddress! + guardBytes
    func store<T>(_ elements: [T]) {
      elements.withUnsafeBytes { if !$0.isEmpty { memcpy(start, $0.baseAddress!, $0.count) } }
    }
    switch dtype {
    case .f64: store(values)
    case .f32: store(values.map { Float($0) })
    case .bf16: store(values.map { UInt16(Float($0).bitPattern >> 16) })
    case .f16: store(values.map { Float16($0) })
    case .i64: store(values.map { Int64($0) })
    case .i32: store(values.map { Int32($0) })
    case .u8, .bool: store(values.map { UInt8($0) })
    }
  }

  private static func read(
    _ block: UnsafeMutableRawBufferPointer, _ type: TensorType
  ) -> [Double] {
    let start = block.baseAddress! + guardBytes
    func load<T>(_: T.Type) -> UnsafeBufferPointer<T> {
      UnsafeBufferPointer(start: start.assumingMemoryBound(to: T.self), count: type.count)
    }
    return switch type.dtype {
    case .f64: Array(load(Double.self))
    case .f32: load(Float.self).map { Double($0) }
    case .bf16: load(UInt16.self).map { Double(Float(bitPattern: UInt32($0) << 16)) }
    case .f16: load(Float16.self).map { Double($0) }
    case .i64: load(Int64.self).map { Double($0) }
    case .i32: load(Int32.self).map { Double($0) }
    case .u8, .bool: load(UInt8.self).map { Double($0) }
    }
  }
}

/// Small integers, which every element type holds exactly.
func digits(_ type: TensorType, _ seed: UInt64, _ range: ClosedRange<Int> = 0...3) -> (
  TensorType, [Double]
) {
  var random = Seeded(seed)
  return (type, (0..<type.count).map { _ in Double(Int.random(in: range, using: &random)) })
}

/// Numbers of about unit size with few binary digits, held exactly by f32.
func numbers(_ type: TensorType, _ seed: UInt64) -> (TensorType, [Double]) {
  let (_, values) = digits(type, seed, -64...64)
  return (type, values.map { $0 / 32 })
}
