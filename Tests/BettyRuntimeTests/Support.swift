// What the runtime's tests share: numbers in and out of buffers, a generator of random numbers that
// is the same every time, and running a graph in several ways.

import BettyGraph
import BettyKernelInterface
import BettyKernels
import Testing

@testable import BettyRuntime

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
struct Generator: RandomNumberGenerator {
  var state: UInt64
  init(_ seed: Int) { state = UInt64(bitPattern: Int64(seed)) &* 0x9E37_79B9_7F4A_7C15 }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
  mutating func pick<T>(_ items: [T]) -> T { items[Int.random(in: 0..<items.count, using: &self)] }
}

private func convert(
  _ target: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ count: Int, _ from: DType,
  _ to: DType
) throws {
  let cast = try #require(
    from == to
      ? kernelTable[.copy, from]
      : kernelTable.cast[Int(from.rawValue) * DType.count + Int(to.rawValue)])
  cast(target, source, source, source, count)
}

func buffer(_ numbers: [Double], _ dtype: DType = .f32) throws -> Buffer {
  let buffer = try Buffer(byteCount: numbers.count * dtype.size)
  try numbers.withUnsafeBytes { bytes in
    guard let source = bytes.baseAddress else { return }
    try convert(buffer.pointer, source, numbers.count, .f64, dtype)
  }
  return buffer
}

func numbers(_ buffer: Buffer, _ type: TensorType) throws -> [Double] {
  var result = [Double](repeating: 0, count: type.count)
  try result.withUnsafeMutableBytes { bytes in
    guard let target = bytes.baseAddress else { return }
    try convert(target, buffer.pointer, type.count, type.dtype, .f64)
  }
  return result
}

/// Runs a graph on numbers; gives the numbers of its outputs.
func run(
  _ graph: Graph, _ inputs: [[Double]], options: CompileOptions = CompileOptions()
) throws -> [[Double]] {
  try run(Compiler.compile(graph, options: options), inputs)
}

func run(_ program: Program, _ inputs: [[Double]]) throws -> [[Double]] {
  let buffers = try zip(inputs, program.inputTypes).map { try buffer($0, $1.dtype) }
  return try zip(program.run(buffers), program.outputTypes).map { try numbers($0, $1) }
}

func random(_ count: Int, _ generator: inout Generator, in range: ClosedRange<Double> = -2...2)
  -> [Double]
{
  (0..<count).map { _ in Double.random(in: range, using: &generator) }
}

/// Equal up to rounding; NaN equals NaN.
func expectClose(
  _ a: [Double], _ b: [Double], tolerance: Double = 1e-5, _ comment: String = "",
  _ location: SourceLocation = #_sourceLocation
) {
  #expect(a.count == b.count, "\(comment)", sourceLocation: location)
  for (index, (x, y)) in zip(a, b).enumerated() {
    if x == y || (x.isNaN && y.isNaN) { continue }
    let scale = max(1, abs(x), abs(y))
    if abs(x - y) <= tolerance * scale { continue }
    Issue.record("\(comment): element \(index) is \(x), expected \(y)", sourceLocation: location)
    return
  }
}

extension Graph {
  mutating func input(_ shape: [Int], _ dtype: DType = .f32) throws -> Value {
    addInput(try TensorType(dtype, shape))
  }
  mutating func number(_ value: Double, _ shape: [Int], _ dtype: DType = .f32) throws -> Value {
    try call(
      P.constant, [],
      ["value": .double(value), "shape": .ints(shape), "dtype": .dtype(dtype)])
  }
  mutating func spread(_ value: Value, _ shape: [Int], _ axes: [Int]) throws -> Value {
    try call(P.broadcast, [value], ["shape": .ints(shape), "axes": .ints(axes)])
  }
  mutating func total(_ value: Value, _ axes: [Int]) throws -> Value {
    try call(P.sum, [value], ["axes": .ints(axes)])
  }
}
