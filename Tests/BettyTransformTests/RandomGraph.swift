// Random graphs made of what simplification looks for: constants, signs, moves and reductions next
// to each other. Every value stays small, so that rounding cannot explain a difference.

import BettyGraph
import BettyKernelInterface

enum RandomGraph {
  static func make(_ generator: inout Generator) throws -> Graph {
    var graph = Graph()
    var values = try [[], [3], [2, 3], [3, 2], [1, 3], [2, 1, 3]].map {
      graph.addInput(try TensorType(.f64, $0))
    }
    for _ in 0..<Int.random(in: 5...40, using: &generator) {
      guard let a = values.randomElement(using: &generator) else { continue }
      values.append(try step(&graph, a, values, &generator))
    }
    graph.outputs = values.shuffled(using: &generator).prefix(3) + values.suffix(2)
    return graph
  }

  private static func step(
    _ graph: inout Graph, _ a: Value, _ values: [Value], _ generator: inout Generator
  ) throws -> Value {
    let shape = graph.shape(of: a)
    let same = values.filter { graph.type(of: $0) == graph.type(of: a) }
    let b = same.randomElement(using: &generator) ?? a
    switch Int.random(in: 0..<19, using: &generator) {
    case 0: return try graph.neg(a)
    case 1: return try graph.call([P.tanh, P.sin, P.abs, P.relu][shape.count % 4], [a])
    case 2: return try graph.scale(graph.add(a, b), 0.5)
    case 3: return try graph.sub(a, b)
    case 4: return try graph.mul(graph.call(P.tanh, [a]), b)
    case 5:
      let numbers: [Double] = [0, 1, -1, 0.5, 2, 3]
      let number = numbers.randomElement(using: &generator) ?? 0
      let constant = try graph.constant(number, like: a)
      let primitive = [P.add, P.sub, P.mul].randomElement(using: &generator) ?? P.add
      let value = try graph.call(
        primitive, Bool.random(using: &generator) ? [a, constant] : [constant, a])
      return try graph.call(P.tanh, [value])
    case 6:
      let divisors: [Double] = [1, 2, 4, 3]
      let divisor = divisors.randomElement(using: &generator) ?? 1
      return try graph.div(a, graph.constant(divisor, like: a))
    case 7: return try graph.select(graph.call(P.lt, [a, b]), a, b)
    case 8:
      let mask = try graph.select(
        graph.call(P.gt, [a, b]), graph.constant(1, like: a), graph.zeros(like: a))
      return try graph.mul(mask, b)
    case 9: return try graph.reshape(a, shape.reversed())
    case 10: return try graph.reshape(a, shape.filter { $0 != 1 } + [1])
    case 11: return try graph.permute(a, shape.indices.shuffled(using: &generator))
    case 12, 13:
      guard graph.type(of: a).count < 40 else { return a }
      return try graph.broadcast(
        a, [2] + shape.map { $0 == 1 ? 2 : $0 }, axes: Array(1...shape.count + 1).dropLast())
    case 14:
      let axes = shape.indices.filter { _ in Bool.random(using: &generator) }
      return try graph.call(P.tanh, [graph.sum(a, axes)])
    case 15:
      guard shape.count >= 2 else { return try graph.cast(graph.cast(a, .f32), .f64) }
      return try graph.call(
        P.tanh, [graph.matmul(graph.permute(a, swap(shape.count)), a)])
    case 16:
      guard let length = shape.last, length > 1 else { return a }
      return try graph.slice(a, axis: shape.count - 1, 1, length)
    case 17: return shape.isEmpty ? a : try graph.concatenate([a, b].suffix(1), axis: 0)
    default:
      guard shape.count >= 2 else {
        return try graph.call(P.logicalNot, [graph.call(P.eq, [a, b])]).asFloat(&graph)
      }
      return try graph.permute(
        graph.matmul(a, graph.permute(graph.call(P.tanh, [a]), swap(shape.count))),
        swap(shape.count))
    }
  }

  private static func swap(_ rank: Int) -> [Int] {
    Array(0..<rank - 2) + [rank - 1, rank - 2]
  }
}

extension Value {
  fileprivate func asFloat(_ graph: inout Graph) throws -> Value { try graph.cast(self, .f64) }
}
