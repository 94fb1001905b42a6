// Steps: what a program executes, one after the other, and the memory that their codes live in.
// Invariant: everything a step points to belongs to its program's storage and never changes.

import BettyGraph
import BettyKernelInterface

struct Step {
  enum Kind: UInt8 { case tile, buffer, stages, copy, fill, reduce, loop, copyOut }
  var kind: Kind
  var tasks: Int
  /// Where its operands begin in the table of addresses.
  var operands: Int
  /// Of the type that the kind says: TileCode, PreparedKernel.Stage, KernelStages, CopyCode, FillCode, ReduceCode,
  /// LoopCode, Int.
  var payload: UnsafeRawPointer
  /// Its place in the table of statuses.
  var status: Int
}

/// Operands: inputs, outputs, workspace.
typealias KernelStages = UnsafeBufferPointer<PreparedKernel.Stage>

/// Operands: destination, source.
struct CopyCode {
  var load: TileLoad
  var count: Int
  var chunk: Int
}

/// Operand: destination.
struct FillCode {
  var bits: UInt64
  var elementSize: Int
  var count: Int
}

/// Operands: destination, source.
struct ReduceCode {
  var function: ReduceFunction
  var outer: Int
  var reduced: Int
  var inner: Int
  /// Outer rows per task.
  var chunk: Int
}

/// Operands: carries, constants, results, temporaries for the carries.
struct LoopCode {
  /// Which of the instance's nested runs this is.
  var nested: Int
  var count: Int
  var carries: Int
  var inputs: Int
  /// The carry that ends the loop when it is true; -1 if none does.
  var until: Int
  /// Bytes of each carry.
  var carryBytes: UnsafeBufferPointer<Int>
  /// Whether the body updates it where it lies.
  var inPlace: UnsafeBufferPointer<Bool>
}

/// Where the address of an operand comes from.
enum AddressSource {
  case arena(Int)
  case input(Int, offset: Int)
  case output(Int, offset: Int)
  case fixed(UnsafeMutableRawPointer)
}

/// What an error message or a listing says of a step.
struct StepInfo {
  var name: String
  /// Lowered operations done by it.
  var operations: Int
  /// Operands that may be indices: position in the step's operands and count of elements.
  var indices: [(operand: Int, count: Int)]
  /// Elements of the operands, inputs first: tells steps of one name apart.
  var elements: [Int] = []

  var label: String { "\(name) \(elements)" }
}

/// Immutable memory that lives as long as its program.
final class Storage: @unchecked Sendable {
  private var releases: [() -> Void] = []

  func keep<T>(_ values: [T]) -> UnsafeBufferPointer<T> {
    let copy = UnsafeMutableBufferPointer<T>.allocate(capacity: max(values.count, 1))
    let used = UnsafeMutableBufferPointer(rebasing: copy[..<values.count])
    _ = used.initialize(from: values)
    releases.append {
      used.deinitialize()
      copy.deallocate()
    }
    return UnsafeBufferPointer(used)
  }

  func keep<T>(one value: T) -> UnsafePointer<T> {
    let place = UnsafeMutablePointer<T>.allocate(capacity: 1)
    place.initialize(to: value)
    releases.append {
      place.deinitialize(count: 1)
      place.deallocate()
    }
    return UnsafePointer(place)
  }

  func load(_ elementSize: Int, _ offset: Int, _ shape: [Int], _ strides: [Int]) -> TileLoad {
    TileLoad(
      elementSize: elementSize, offset: offset, rank: shape.count,
      shape: numbers(shape), strides: numbers(strides))
  }

  /// Valid to point at even for no axes.
  private func numbers(_ values: [Int]) -> UnsafePointer<Int> {
    let place = UnsafeMutablePointer<Int>.allocate(capacity: max(values.count, 1))
    place.initialize(from: values, count: values.count)
    releases.append { place.deallocate() }
    return UnsafePointer(place)
  }

  deinit { for release in releases { release() } }
}
