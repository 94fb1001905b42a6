// A plain evaluator, the reference of the program tests: one Double at a time, by what each
// primitive's kernel says. Knows elementwise operations, constants, views, aliases, casts and
// reductions.

import BettyGraph
import BettyKernelInterface
import Glibc

struct Evaluator {
  enum Failure: Error { case unknown(String) }

  static func run(_ graph: Graph, _ inputs: [[Double]]) throws -> [[Double]] {
    var values = [[Double]](repeating: [], count: graph.types.count)
    for (input, numbers) in zip(graph.inputs, inputs) { values[input.index] = numbers }
    for node in graph.nodes {
      let operands = node.inputs.map { values[$0.index] }
      let types = node.inputs.map { graph.type(of: $0) }
      let result = graph.types[node.results.lowerBound]
      values[node.results.lowerBound] = try apply(node, operands, types, result)
    }
    return graph.outputs.map { values[$0.index] }
  }

  private static func apply(
    _ node: Node, _ x: [[Double]], _ types: [TensorType], _ result: TensorType
  ) throws -> [Double] {
    switch node.primitive.kernel {
    case .tile(let op):
      return try (0..<result.count).map { i in
        rounded(try element(op, x.map { $0[i] }), result.dtype)
      }
    case .cast: return x[0].map { converted($0, result.dtype) }
    case .constant:
      return Array(repeating: node.attributes.double("value"), count: result.count)
    case .alias: return x[0]
    case .view(let strides):
      let view = strides(types[0], result, node.attributes)
      return (0..<result.count).map { x[0][place($0, view, result.shape)] }
    case .reduction(let op): return reduce(op, x[0], types[0], node.attributes.ints("axes"))
    default: throw Failure.unknown(node.primitive.name)
    }
  }

  private static func place(_ index: Int, _ view: StridedView, _ shape: [Int]) -> Int {
    var rest = index
    var place = view.offset
    for axis in shape.indices.reversed() {
      place += rest % shape[axis] * view.strides[axis]
      rest /= shape[axis]
    }
    return place
  }

  private static func reduce(
    _ op: ReduceOp, _ x: [Double], _ type: TensorType, _ axes: [Int]
  ) -> [Double] {
    let kept = type.shape.indices.filter { !axes.contains($0) }
    let count = kept.reduce(1) { $0 * type.shape[$1] }
    let start: Double =
      switch op {
      case .sum: 0
      case .prod: 1
      case .max: -.infinity
      case .min: .infinity
      }
    var result = [Double](repeating: start, count: count)
    for index in 0..<type.count {
      var rest = index
      var coordinates = type.shape
      for axis in type.shape.indices.reversed() {
        coordinates[axis] = rest % type.shape[axis]
        rest /= type.shape[axis]
      }
      let place = kept.reduce(0) { $0 * type.shape[$1] + coordinates[$1] }
      switch op {
      case .sum: result[place] += x[index]
      case .prod: result[place] *= x[index]
      case .max: result[place] = Swift.max(result[place], x[index])
      case .min: result[place] = Swift.min(result[place], x[index])
      }
    }
    return result
  }

  private static func rounded(_ x: Double, _ dtype: DType) -> Double {
    dtype == .f32 ? Double(Float(x)) : dtype == .f64 ? x : converted(x, dtype)
  }

  private static func converted(_ x: Double, _ dtype: DType) -> Double {
    switch dtype {
    case .f64: return x
    case .f32: return Double(Float(x))
    case .f16: return Double(Float16(x))
    case .bf16:
      let bits = Float(x).bitPattern
      return Double(Float(bitPattern: (bits &+ 0x7fff &+ (bits >> 16 & 1)) & 0xffff_0000))
    case .i64, .i32, .u8: return x.rounded(.towardZero)
    case .bool: return x != 0 ? 1 : 0
    }
  }

  private static func element(_ op: TileOp, _ x: [Double]) throws -> Double {
    switch op {
    case .copy: x[0]
    case .neg: -x[0]
    case .abs: x[0].magnitude
    case .exp: exp(x[0])
    case .tanh: tanh(x[0])
    case .sigmoid: 1 / (1 + exp(-x[0]))
    case .sin: sin(x[0])
    case .rsqrt: 1 / x[0].squareRoot()
    case .reciprocal: 1 / x[0]
    case .cos: cos(x[0])
    case .relu: x[0] > 0 ? x[0] : 0
    case .gelu: x[0] * 0.5 * (1 + erf(x[0] * 0.5.squareRoot()))
    case .add: x[0] + x[1]
    case .sub: x[0] - x[1]
    case .mul: x[0] * x[1]
    case .maximum: Swift.max(x[0], x[1])
    case .minimum: Swift.min(x[0], x[1])
    case .lt: x[0] < x[1] ? 1 : 0
    case .ge: x[0] >= x[1] ? 1 : 0
    case .select: x[0] != 0 ? x[1] : x[2]
    default: throw Failure.unknown("\(op)")
    }
  }
}
