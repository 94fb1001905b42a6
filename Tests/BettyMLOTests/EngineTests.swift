// Problems and engine against closed forms, on problems small enough to solve by hand.

import BettyGraph
import BettyRuntime
import Testing

@testable import BettyMLO

/// Lower: L(θ, λ) = ½ Σ (θ − λ ∘ a)²; upper: U(θ) = ½ Σ (θ − t)². With H = I both methods are exact:
/// dU/dλ = a ∘ (θ − t).
private final class Quadratic {
  let lower: Problem
  let upper: Problem
  let engine: Engine
  let theta: Tensor
  let lambda: Tensor
  var events: [String] = []

  init(
    type: String, unroll: Int, iterations: Int,
    configure: (inout ProblemConfig) throws -> Void = { _ in }
  )
    throws
  {
    let theta = try Tensor.parameter(try Tensor.doubles([0.5, -1, 2]))
    let lambda = try Tensor.parameter(try Tensor.doubles([1, 1, 1]))
    let a = try Tensor.doubles([1, 2, 3])
    let target = try Tensor.doubles([1, 0, -1])
    self.theta = theta
    self.lambda = lambda
    var config = ProblemConfig()
    try config.set("type", .string(type))
    try config.set("unroll_steps", .int(unroll))
    try configure(&config)
    lower = try Problem(
      "lower", config: config,
      hooks: ProblemHooks { _ in
        let scaled = try Recording.call("mul", [lambda, a])[0]
        return try Quadratic.half(theta, scaled)
      })
    upper = try Problem(
      "upper", config: ProblemConfig(),
      hooks: ProblemHooks { _ in try Quadratic.half(theta, target) })
    try lower.setParameters([theta])
    try upper.setParameters([lambda])
    lower.optimizer = try Optimizer("SGD")
    try lower.optimizer?.addGroup([theta], ["lr": 0.1])
    upper.optimizer = try Optimizer("SGD")
    try upper.optimizer?.addGroup([lambda], ["lr": 0.05])
    var run = EngineConfig()
    try run.set("train_iters", .int(iterations))
    engine = try Engine([upper, lower], config: run)
    try engine.depend("u2l", 0, 1)
    try engine.depend("l2u", 1, 0)
  }

  static func half(_ x: Tensor, _ y: Tensor) throws -> Tensor {
    let difference = try Recording.call("sub", [x, y])[0]
    let square = try Recording.call("mul", [difference, difference])[0]
    let sum = try Recording.call("sum", [square])[0]
    return try Recording.call("mul", [sum, Tensor.number(0.5)])[0]
  }

  /// The same run by hand.
  static func expected(unroll: Int, iterations: Int) -> (theta: [Double], lambda: [Double]) {
    var theta = [0.5, -1.0, 2]
    var lambda = [1.0, 1, 1]
    let a = [1.0, 2, 3]
    let target = [1.0, 0, -1]
    for step in 1...iterations {
      for i in 0..<3 { theta[i] -= 0.1 * (theta[i] - lambda[i] * a[i]) }
      if step % unroll == 0 {
        for i in 0..<3 { lambda[i] -= 0.05 * a[i] * (theta[i] - target[i]) }
      }
    }
    return (theta, lambda)
  }
}

private func distance(_ a: [Double], _ b: [Double]) -> Double {
  zip(a, b).map { abs($0 - $1) }.max() ?? 0
}

@Suite(.serialized) struct EngineTests {
  @Test(arguments: [("exact", 1e-12), ("darts", 1e-9)], [1, 4])
  func agreesWithTheClosedForm(method: (String, Double), unroll: Int) throws {
    let program = try Quadratic(type: method.0, unroll: unroll, iterations: 20)
    try program.engine.run()
    let expected = Quadratic.expected(unroll: unroll, iterations: 20)
    #expect(distance(try program.theta.doubles(), expected.theta) < method.1)
    #expect(distance(try program.lambda.doubles(), expected.lambda) < method.1)
    #expect(program.lower.count == 20)
    #expect(program.upper.count == 20 / unroll)
  }

  @Test func compilesNothingAfterTheFirstUpperSteps() throws {
    let program = try Quadratic(type: "darts", unroll: 5, iterations: 10)
    try program.engine.run()
    let before = Counters.compilations.load(ordering: .relaxed)
    try program.engine.run()
    #expect(Counters.compilations.load(ordering: .relaxed) == before)
  }

  @Test func updatesParametersWhereTheyLie() throws {
    let program = try Quadratic(type: "exact", unroll: 100, iterations: 3)
    try program.engine.run()
    let before = Counters.bytesAllocated.load(ordering: .relaxed)
    try program.engine.run()
    // Three losses of 8 bytes in blocks of at least 64; no parameter is copied or made anew.
    #expect(Counters.bytesAllocated.load(ordering: .relaxed) - before <= 3 * 64)
  }

  @Test func leavesEverythingAsItWasWhenAHookFails() throws {
    struct Stop: Error {}
    let program = try Quadratic(type: "exact", unroll: 2, iterations: 4)
    try program.engine.run()
    let theta = try program.theta.doubles()
    let step = program.lower.hooks.trainingStep
    program.lower.hooks.trainingStep = { _ in throw Stop() }
    #expect(throws: Stop.self) { try program.engine.run() }
    #expect(try program.theta.doubles() == theta)
    #expect(program.lower.count == 4)
    program.lower.hooks.trainingStep = step
    try program.engine.run()
    let expected = Quadratic.expected(unroll: 2, iterations: 8)
    #expect(distance(try program.theta.doubles(), expected.theta) < 1e-12)
  }

  @Test func saysWhatIsWrongWithALoss() throws {
    let program = try Quadratic(type: "exact", unroll: 1, iterations: 1)
    program.lower.hooks.trainingStep = { [theta = program.theta] _ in theta }
    #expect {
      try program.engine.run()
    } throws: {
      "\($0)" == "problem 'lower': training_step must return a scalar loss, got f64[3]"
    }
    program.lower.hooks.trainingStep = { [lambda = program.lambda] _ in
      try Recording.call("sum", [lambda])[0]
    }
    #expect {
      try program.engine.run()
    } throws: {
      "\($0)" == "problem 'lower': the loss depends on none of its parameters"
    }
  }

  @Test func accumulatesAndClips() throws {
    let whole = try Quadratic(type: "exact", unroll: 1, iterations: 4) {
      try $0.set("gradient_clipping", .double(0.1))
    }
    let parts = try Quadratic(type: "exact", unroll: 1, iterations: 12) {
      try $0.set("gradient_clipping", .double(0.1))
      try $0.set("gradient_accumulation", .int(3))
    }
    try whole.engine.run()
    try parts.engine.run()
    #expect(parts.upper.count == 4)
    #expect(distance(try whole.theta.doubles(), try parts.theta.doubles()) < 1e-12)
    #expect(distance(try whole.theta.doubles(), [0.5, -1, 2]) < 0.1 * 0.1 * 4 + 1e-12)
  }
}

@Suite struct ProblemGraphTests {
  private func edges(_ l2u: [(Int, [Int])], _ u2l: [(Int, [Int])]) -> Dependencies {
    var result = Dependencies()
    for (lower, uppers) in l2u { result.lowerToUpper[lower] = uppers }
    for (upper, lowers) in u2l { result.upperToLower[upper] = lowers }
    return result
  }

  @Test func findsEveryPath() throws {
    let graph = try ProblemGraph(
      names: ["top", "left", "right", "bottom"],
      dependencies: edges([(3, [1, 2]), (1, [0]), (2, [0])], [(0, [3])]))
    #expect(graph.leaves == [3])
    #expect(graph.paths[0] == [[0, 1, 3, 0], [0, 2, 3, 0]])
  }

  @Test func namesACycle() {
    #expect {
      try ProblemGraph(names: ["a", "b"], dependencies: edges([(0, [1]), (1, [0])], []))
    } throws: {
      "\($0)".hasPrefix("dependencies: l2u has a cycle, ")
    }
  }

  @Test func namesAMissingPath() {
    #expect {
      try ProblemGraph(names: ["a", "b"], dependencies: edges([], [(0, [1])]))
    } throws: {
      "\($0)".contains("no l2u path leads from 'b' to 'a'")
    }
  }

  @Test(arguments: [([1, 1], [0]), ([1], [0, 0])])
  func namesAnEdgeThatIsThereTwice(l2u: [Int], u2l: [Int]) {
    #expect {
      try ProblemGraph(names: ["a", "b"], dependencies: edges([(0, l2u)], [(1, u2l)]))
    } throws: {
      "\($0)".hasPrefix("dependencies: ") && "\($0)".contains("' twice for '")
    }
  }
}

@Suite(.serialized) struct ReplayTests {
  /// θ follows the batches: L = ½ (θ − b)², recorded once for all batches of one shape.
  private func program(replay: Bool, calls: Box) throws -> (Engine, Tensor) {
    let theta = try Tensor.parameter(try Tensor.doubles([0]))
    let batches = try [1.0, 2, 3].map { [try Tensor.doubles([$0])] }
    var config = ProblemConfig()
    try config.set("replay", .bool(replay))
    let source = try Batches(.held(batches))
    let problem = try Problem(
      "follow", config: config,
      hooks: ProblemHooks { _ in
        calls.value += 1
        return try Quadratic.half(theta, source.current[0])
      })
    problem.batches = source
    try problem.setParameters([theta])
    problem.optimizer = try Optimizer("Adam")
    try problem.optimizer?.addGroup([theta], ["lr": 0.1])
    var run = EngineConfig()
    try run.set("train_iters", .int(50))
    return (try Engine([problem], config: run), theta)
  }

  private final class Box { var value = 0 }

  @Test func recordsOnceAndGivesTheSameBits() throws {
    let (calls, again) = (Box(), Box())
    let (plain, expected) = try program(replay: false, calls: calls)
    let (replayed, theta) = try program(replay: true, calls: again)
    try plain.run()
    try replayed.run()
    #expect(calls.value == 50)
    #expect(again.value == 1)
    #expect(try theta.doubles() == expected.doubles())
  }
}
