// What sama takes for the derivative of an optimizer's step by the gradient, against differences of the
// step itself. ε is tiny, since the formulas take √s + ε for √s.

import BettyGraph
import BettyRuntime
import Testing

@testable import BettyMLO

private struct Case: CustomTestStringConvertible, Sendable {
  let rule: any OptimizerRule.Type
  let hyper: [String: Double]
  var testDescription: String { "\(rule.name) \(hyper)" }
}

private let cases: [Case] = [
  Case(rule: RMSprop.self, hyper: ["alpha": 0.9]),
  Case(rule: RMSprop.self, hyper: ["alpha": 0.8, "momentum": 0.5]),
  Case(rule: RMSprop.self, hyper: ["alpha": 0.9, "centered": 1]),
  Case(rule: Adagrad.self, hyper: ["lr_decay": 0.1]),
]

private func values(_ graph: Graph, _ inputs: [Tensor]) throws -> [[Double]] {
  try Recording.splice(Recording.operation("test", graph), inputs).map { try $0.doubles() }
}

@Suite(.serialized) struct AdaptationTests {
  /// The step taken off zero parameters by a gradient, and the state it leaves.
  private func step(
    _ each: Case, _ hyper: [Double], gradient: [Double], state: [[Double]]
  ) throws -> (step: [Double], state: [[Double]]) {
    let structure = each.rule.structure(hyper)
    let numbers = each.rule.runtime(hyper, structure: structure, step: 3)
    var graph = Graph()
    let type = try TensorType(.f64, [3])
    let (parameter, given) = (graph.addInput(type), graph.addInput(type))
    let old = state.map { _ in graph.addInput(type) }
    let scalars = try numbers.map { _ in graph.addInput(try TensorType(.f64, [])) }
    let made = try each.rule.update(
      parameter: parameter, gradient: given, state: old, hyper: scalars, structure: structure,
      in: &graph)
    graph.outputs = [made.parameter] + made.state
    let inputs =
      try [[0, 0, 0], gradient].map { try Tensor.doubles($0) }
      + state.map { try Tensor.doubles($0) } + numbers.map { try Tensor.doubles([$0], []) }
    let results = try values(graph, inputs)
    return (results[0].map { -$0 }, Array(results[1...]))
  }

  @Test(arguments: cases) fileprivate func isTheDerivativeOfTheStep(each: Case) throws {
    var hyper = each.rule.hyperparameters.map(\.value)
    for (name, value) in each.hyper.merging(["eps": 1e-14], uniquingKeysWith: { $1 }) {
      let place = each.rule.hyperparameters.firstIndex { $0.name == name }
      hyper[try #require(place)] = value
    }
    let structure = each.rule.structure(hyper)
    // square average, then momentum or mean: the mean's square stays below the square average.
    let state = Array(
      [[0.5, 0.8, 0.3], [0.1, -0.2, 0.05]].prefix(each.rule.stateNames(structure: structure).count))
    let gradient = [0.3, -0.7, 0.2]
    let h = 1e-6
    let above = try step(each, hyper, gradient: gradient.map { $0 + h }, state: state).step
    let below = try step(each, hyper, gradient: gradient.map { $0 - h }, state: state).step
    let left = try step(each, hyper, gradient: gradient, state: state).state

    var graph = Graph()
    let type = try TensorType(.f64, [3])
    let given = graph.addInput(type)
    let inputs = left.map { _ in graph.addInput(type) }
    let numbers = each.rule.adaptationNumbers(hyper, structure: structure, step: 3)
    let scalars = try numbers.map { _ in graph.addInput(try TensorType(.f64, [])) }
    let factor = try #require(
      try each.rule.adaptation(
        gradient: given, state: inputs, numbers: scalars, structure: structure, in: &graph))
    graph.outputs = [factor]
    let tensors =
      try [gradient].map { try Tensor.doubles($0) }
      + left.map { try Tensor.doubles($0) } + numbers.map { try Tensor.doubles([$0], []) }
    let found = try values(graph, tensors)[0]
    for (value, (a, b)) in zip(found, zip(above, below)) {
      #expect(abs(value - (a - b) / (2 * h)) < 1e-8)
    }
  }
}
