// A second opinion on every graph: node by node, elements as Doubles rounded to the element type.
// Elementwise operations, views, reductions and conversions are written out here and share no code
// with kernels or compiler; whole-buffer primitives go through their kernel record.

import BettyGraph
import BettyKernelInterface
import BettyKernels
import Glibc
import Testing

enum Reference {
  /// The outputs of a graph on inputs given as numbers.
  static func evaluate(_ graph: Graph, _ inputs: [[Double]]) throws -> [[Double]] {
    try evaluate(graph, inputs, graph.outputs)
  }

  static func evaluate(
    _ graph: Graph, _ inputs: [[Double]], _ wanted: [Value]
  ) throws -> [[Double]] {
    var values = [[Double]](repeating: [], count: graph.types.count)
    for (input, numbers) in zip(graph.inputs, inputs) {
      let type = graph.type(of: input)
      guard numbers.count == type.count else {
        throw BettyError.value("reference: \(numbers.count) numbers for \(type)")
      }
      values[input.index] = numbers.map { rounded($0, type.dtype) }
    }
    for node in graph.nodes {
      let types = node.inputs.map { graph.type(of: $0) }
      let results = node.results.map { graph.types[$0] }
      let made = try apply(node, node.inputs.map { values[$0.index] }, types, results)
      for (result, numbers) in zip(node.results, made) {
        let dtype = graph.types[result].dtype
        values[result] = numbers.map { rounded($0, dtype) }
      }
    }
    return wanted.map { values[$0.index] }
  }

  private static func apply(
    _ node: Node, _ x: [[Double]], _ types: [TensorType], _ results: [TensorType]
  ) throws -> [[Double]] {
    let result = results[0]
    switch node.primitive.kernel {
    case .tile(let op):
      let dtype = types[types.count - 1].dtype
      return [
        (0..<result.count).map { index in
          tile(op, x.map { $0[index] }, integer: dtype.isInteger)
        }
      ]
    case .cast:
      let truncates = types[0].dtype.isFloating && result.dtype.isInteger
      return [x[0].map { truncates ? $0.rounded(.towardZero) : $0 }]
    case .constant:
      let value = node.attributes.double("value")
      return [[Double](repeating: value, count: result.count)]
    case .view(let rule):
      let view = rule(types[0], result, node.attributes)
      return [
        indices(result.shape).map { index in
          x[0][zip(index, view.strides).reduce(view.offset) { $0 + $1.0 * $1.1 }]
        }
      ]
    case .alias:
      return [x[0]]
    case .reduction(let op):
      return [reduce(op, x[0], types[0], node.attributes.ints("axes"), result)]
    case .buffer(_, let prepare):
      // Storage types are widened here as the compiler does; results are rounded by the caller.
      var attributes = node.attributes
      if let dtype = attributes.dtype("dtype") { attributes["dtype"] = .dtype(dtype.computeType) }
      return try run(
        prepare, attributes, x, types.map { try $0.with($0.dtype.computeType) },
        results.map { try $0.with($0.dtype.computeType) })
    case .definition:
      guard case .decomposed(let definition) = node.primitive.derivative else { return [] }
      return try evaluate(definition, node.attributes, x, types)
    case .composite(let definition):
      return try evaluate(definition, node.attributes, x, types)
    case .loop:
      return try loop(node, x)
    }
  }

  private static func evaluate(
    _ definition: (inout Graph, [Value], Attributes) throws -> [Value], _ attributes: Attributes,
    _ x: [[Double]], _ types: [TensorType]
  ) throws -> [[Double]] {
    var graph = Graph()
    let inputs = types.map { graph.addInput($0) }
    let outputs = try definition(&graph, inputs, attributes)
    return try evaluate(graph, x, outputs)
  }

  private static func loop(_ node: Node, _ x: [[Double]]) throws -> [[Double]] {
    let carried = node.attributes.int("carries")
    var carries = Array(x[..<carried])
    guard let body = node.attributes.graph("body") else { return [] }
    let until = node.attributes.int("until", default: -1)
    for step in 0..<node.attributes.int("count") {
      if until >= 0, carries[until][0] != 0 { break }
      carries = try evaluate(body, [[Double(step)]] + carries + Array(x[carried...]))
    }
    return carries
  }

  /// All multi-indices of a shape in row-major order.
  static func indices(_ shape: [Int]) -> [[Int]] {
    var all: [[Int]] = [[]]
    for dimension in shape {
      all = all.flatMap { prefix in (0..<dimension).map { prefix + [$0] } }
    }
    return all
  }

  private static func reduce(
    _ op: ReduceOp, _ x: [Double], _ type: TensorType, _ axes: [Int], _ result: TensorType
  ) -> [Double] {
    let start: Double =
      switch op {
      case .sum: 0
      case .prod: 1
      case .max: -.infinity
      case .min: .infinity
      }
    var out = [Double](repeating: start, count: result.count)
    let strides = result.strides
    for (position, index) in indices(type.shape).enumerated() {
      let kept = index.indices.filter { !axes.contains($0) }.map { index[$0] }
      let place = zip(kept, strides).reduce(0) { $0 + $1.0 * $1.1 }
      switch op {
      case .sum: out[place] += x[position]
      case .prod: out[place] *= x[position]
      case .max: out[place] = max(out[place], x[position])
      case .min: out[place] = min(out[place], x[position])
      }
    }
    return out
  }

  private static func tile(_ op: TileOp, _ x: [Double], integer: Bool) -> Double {
    let a = x[0]
    let b = x.count > 1 ? x[1] : 0
    return switch op {
    case .copy: a
    case .neg: -a
    case .abs: fabs(a)
    case .sign: a > 0 ? 1 : a < 0 ? -1 : 0
    case .exp: exp(a)
    case .expm1: expm1(a)
    case .log: log(a)
    case .log1p: log1p(a)
    case .sqrt: a.squareRoot()
    case .rsqrt: 1 / a.squareRoot()
    case .reciprocal: 1 / a
    case .sin: sin(a)
    case .cos: cos(a)
    case .tanh: tanh(a)
    case .sigmoid: 1 / (1 + exp(-a))
    case .softplus: max(a, 0) + log1p(exp(-fabs(a)))
    case .erf: erf(a)
    case .erfinv: inverseErf(a)
    case .floor: a.rounded(.down)
    case .ceil: a.rounded(.up)
    case .round: a.rounded(.toNearestOrEven)
    case .trunc: a.rounded(.towardZero)
    case .relu: max(a, 0)
    case .gelu: 0.5 * a * (1 + erf(a / 2.0.squareRoot()))
    case .logicalNot: a == 0 ? 1 : 0
    case .add: a + b
    case .sub: a - b
    case .mul: a * b
    case .div: integer ? (a / b).rounded(.towardZero) : a / b
    case .pow: pow(a, b)
    case .maximum: max(a, b)
    case .minimum: min(a, b)
    case .remainder: a - b * (a / b).rounded(.down)
    case .floorDivide: (a / b).rounded(.down)
    case .atan2: atan2(a, b)
    case .logicalAnd: a != 0 && b != 0 ? 1 : 0
    case .logicalOr: a != 0 || b != 0 ? 1 : 0
    case .logicalXor: (a != 0) != (b != 0) ? 1 : 0
    case .eq: a == b ? 1 : 0
    case .ne: a != b ? 1 : 0
    case .lt: a < b ? 1 : 0
    case .le: a <= b ? 1 : 0
    case .gt: a > b ? 1 : 0
    case .ge: a >= b ? 1 : 0
    case .select: a != 0 ? b : x[2]
    case .multiplyAdd: a * b + x[2]
    }
  }

  /// Newton's method; where erf is steep enough, as it is at what samples hold.
  private static func inverseErf(_ x: Double) -> Double {
    var y = x
    for _ in 0..<60 { y -= (erf(y) - x) / (exp(-y * y) * 1.1283791670955126) }
    return y
  }

  // MARK: buffers

  private static func run(
    _ prepare: (KernelRequest) throws -> PreparedKernel, _ attributes: Attributes,
    _ x: [[Double]], _ types: [TensorType], _ results: [TensorType]
  ) throws -> [[Double]] {
    let kernel = try prepare(
      KernelRequest(
        inputs: types, outputs: results, attributes: attributes, table: kernelTable, threads: 1))
    var operands: [UnsafeMutableRawPointer] = []
    defer { for operand in operands { operand.deallocate() } }
    for (index, type) in (types + results).enumerated() {
      let bytes = UnsafeMutableRawPointer.allocate(
        byteCount: max(type.byteCount, 64), alignment: 64)
      operands.append(bytes)
      if index < x.count { pack(x[index], type.dtype, bytes) }
    }
    let workspace = UnsafeMutableRawPointer.allocate(
      byteCount: max(kernel.workspaceBytes, 64), alignment: 64)
    operands.append(workspace)
    let scratch = UnsafeMutableRawPointer.allocate(
      byteCount: max(kernel.scratchBytes, 64), alignment: 64)
    defer { scratch.deallocate() }
    var status: Int64 = 0
    operands.withUnsafeBufferPointer { operands in
      guard let base = operands.baseAddress else { return }
      withUnsafeMutablePointer(to: &status) { status in
        for stage in kernel.stages {
          for task in 0..<stage.tasks {
            stage.body(KernelFrame(operands: base, scratch: scratch, status: status), task)
          }
        }
      }
    }
    guard status == 0 else { throw BettyError.index("reference: bad index \(status - 1)") }
    return zip(results, operands[types.count...]).map { unpack($0, $1) }
  }

  static func pack(_ x: [Double], _ dtype: DType, _ bytes: UnsafeMutableRawPointer) {
    for (index, value) in x.enumerated() {
      let place = bytes + index * dtype.size
      switch dtype {
      case .f64: place.storeBytes(of: value, as: Double.self)
      case .f32: place.storeBytes(of: Float(value), as: Float.self)
      case .bf16:
        place.storeBytes(of: UInt16(Float(value).bitPattern >> 16), as: UInt16.self)
      case .f16: place.storeBytes(of: Float16(value), as: Float16.self)
      case .i64: place.storeBytes(of: Int64(value), as: Int64.self)
      case .i32: place.storeBytes(of: Int32(value), as: Int32.self)
      case .u8, .bool: place.storeBytes(of: UInt8(value), as: UInt8.self)
      }
    }
  }

  static func unpack(_ type: TensorType, _ bytes: UnsafeMutableRawPointer) -> [Double] {
    (0..<type.count).map { index in
      let place = bytes + index * type.dtype.size
      return switch type.dtype {
      case .f64: place.load(as: Double.self)
      case .f32: Double(place.load(as: Float.self))
      case .bf16: Double(Float(bitPattern: UInt32(place.load(as: UInt16.self)) << 16))
      case .f16: Double(place.load(as: Float16.self))
      case .i64: Double(place.load(as: Int64.self))
      case .i32: Double(place.load(as: Int32.self))
      case .u8, .bool: Double(place.load(as: UInt8.self))
      }
    }
  }

  private static func rounded(_ value: Double, _ dtype: DType) -> Double {
    switch dtype {
    case .f64, .i64, .i32, .u8: return value
    case .f32: return Double(Float(value))
    case .bf16:
      let bits = Float(value).bitPattern
      if value.isNaN { return value }
      return Double(Float(bitPattern: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) & 0xFFFF_0000))
    case .f16: return Double(Float16(Float(value)))
    case .bool: return value != 0 ? 1 : 0
    }
  }
}

extension Reference {
  /// Two graphs of the same inputs give the same numbers, but for rounding.
  static func expectEqual(
    _ graph: Graph, _ other: Graph, location: SourceLocation = #_sourceLocation
  ) throws {
    var generator = Generator(7)
    let point = graph.inputs.map { generator.uniform(-1...1, graph.type(of: $0).count) }
    let got = try evaluate(other, point)
    let expected = try evaluate(graph, point)
    for (a, b) in zip(got.joined(), expected.joined()) {
      #expect(abs(a - b) <= 1e-11 * max(1, abs(b)), sourceLocation: location)
    }
  }
}
