// vmap on recordings: a function is recorded once on one example (which has no value), and what it
// recorded becomes one operation on all examples. Invariant: a plan holds no tensors; equal structures
// share one.

import BettyGraph
import BettyRuntime
import BettyTransform

extension Autograd {
  nonisolated(unsafe) private static var batchPlans: [StructureKey: GradientPlan] = [:]
  nonisolated(unsafe) private static var examples: [ExampleKey: RecordedOperation] = [:]

  private struct ExampleKey: Hashable {
    let type: TensorType
    let level: Int
  }

  /// One example of a tensor whose first dimension is mapped over: only its type can be asked for.
  package static func example(of tensor: Tensor, level: Int) throws -> Tensor {
    let key = ExampleKey(type: tensor.type, level: level)
    if let known = Lock.held({ unsafe examples[key] }) {
      return Recording.splice(known, [tensor.present])[0]
    }
    var graph = Graph()
    let input = graph.addInput(key.type)
    graph.outputs = [try graph.call(P.example, [input], ["level": .int(level)])]
    let operation = Recording.operation("vmap_example", graph)
    Lock.held {
      if unsafe examples.count >= limit { unsafe examples.removeAll() }
      unsafe examples[key] = operation
    }
    return Recording.splice(operation, [tensor.present])[0]
  }

  /// `outputs`, recorded on examples of `level`, for all of the `size` examples: each result has them
  /// along its first axis.
  package static func batch(_ outputs: [Tensor], level: Int, size: Int) throws -> [Tensor] {
    if outputs.isEmpty { return [] }
    let capture = Capture(outputs, mode: .step)
    let words = [Int32.min, Int32(truncatingIfNeeded: level), Int32(truncatingIfNeeded: size)]
    let key = capture.key.appending(
      words + capture.rootPositions.map { Int32(truncatingIfNeeded: $0) })
    if let known = Lock.held({ unsafe batchPlans[key] }) {
      return try known.record(on: capture, vectors: [])
    }
    let plan = try GradientPlan.batched(capture, level: level, size: size)
    Lock.held {
      if unsafe batchPlans.count >= limit { unsafe batchPlans.removeAll() }
      unsafe batchPlans[key] = plan
    }
    return try plan.record(on: capture, vectors: [])
  }
}

extension GradientPlan {
  /// The recorded values that depend on no example are operands, the rest is batched.
  fileprivate static func batched(
    _ capture: Capture, level: Int, size: Int
  ) throws -> GradientPlan {
    let graph = capture.graph
    let depends = Transform.dependsOnExample(graph, level: level)
    // A result that depends on no example comes of a node that does, perhaps: that cannot be run.
    let mixed = capture.map.results.values.filter { $0.contains { depends[$0.index] } }.joined()
    let inside = Set(mixed)
    let boundary = boundaries(capture.map).filter {
      !depends[$0.key.index] && !inside.contains($0.key)
    }
    let (cut, inputs) = graph.cut(capture.roots) { boundary[$0] != nil }
    var made = try Transform.batch(cut, level: level, size: size)
    made = try Transform.simplify(made, keepingStopGradient: true)
    return assemble("vmap", made, inputs.compactMap { boundary[$0] }, capture)
  }
}
