// Every method against the closed form of a quadratic whose Hessian is not the identity:
// L(θ, λ) = ½ θᵀAθ − θᵀBλ, so that H = A and −vᵀ H⁻¹ ∂²L/∂θ∂λ = vᵀ A⁻¹ B.

import BettyGraph
import BettyRuntime
import Testing

@testable import BettyMLO

private let a = [[2.0, 0.5, 0], [0.5, 1, 0.25], [0, 0.25, 1.5]]
private let b = [[1.0, 2], [0, -1], [3, 0.5]]
private let start = [0.5, -1, 2]
private let target = [1.0, 0, -1]

private func times(_ matrix: [[Double]], _ x: [Double]) -> [Double] {
  matrix.map { row in zip(row, x).reduce(0) { $0 + $1.0 * $1.1 } }
}

/// vᵀ M B
private func product(_ solution: [Double]) -> [Double] {
  (0..<2).map { column in zip(b, solution).reduce(0) { $0 + $1.0[column] * $1.1 } }
}

/// A⁻¹ v by Gauss–Jordan; A is positive definite, so no pivoting.
private func solved(_ v: [Double]) -> [Double] {
  var rows = zip(a, v).map { $0 + [$1] }
  for i in rows.indices {
    let pivot = rows[i][i]
    rows[i] = rows[i].map { $0 / pivot }
    for j in rows.indices where j != i {
      let factor = rows[j][i]
      rows[j] = zip(rows[j], rows[i]).map { $0 - factor * $1 }
    }
  }
  return rows.map { $0[3] }
}

/// What one upper step with rate 1 takes off λ: the hypergradient of ½ ‖θ − t‖².
private func hypergradient(
  _ type: String, _ options: [String: Attribute] = [:], at theta: [Double] = start
) throws -> [Double] {
  let parameter = try Tensor.parameter(try Tensor.doubles(theta))
  let lambda = try Tensor.parameter(try Tensor.doubles([0, 0]))
  let matrices = (
    try Tensor.doubles(a.flatMap { $0 }, [3, 3]), try Tensor.doubles(b.flatMap { $0 }, [3, 2])
  )
  let goal = try Tensor.doubles(target)
  var config = ProblemConfig()
  try config.set("type", .string(type))
  for (name, value) in options { try config.set(name, value) }
  let lower = try Problem(
    "lower", config: config,
    hooks: ProblemHooks { _ in
      let curved = try Recording.call("matmul", [matrices.0, parameter])[0]
      let half = try Recording.call("mul", [curved, Tensor.number(0.5)])[0]
      let linear = try Recording.call("matmul", [matrices.1, lambda])[0]
      let rest = try Recording.call("sub", [half, linear])[0]
      return try Recording.call("matmul", [parameter, rest])[0]
    })
  let upper = try Problem(
    "upper", config: ProblemConfig(),
    hooks: ProblemHooks { _ in
      let difference = try Recording.call("sub", [parameter, goal])[0]
      let square = try Recording.call("matmul", [difference, difference])[0]
      return try Recording.call("mul", [square, Tensor.number(0.5)])[0]
    })
  try lower.setParameters([parameter])
  try upper.setParameters([lambda])
  lower.optimizer = try Optimizer("SGD")
  try lower.optimizer?.addGroup([parameter], ["lr": 0])
  upper.optimizer = try Optimizer("SGD")
  try upper.optimizer?.addGroup([lambda], ["lr": 1])
  var run = EngineConfig()
  try run.set("train_iters", .int(1))
  let engine = try Engine([upper, lower], config: run)
  try engine.depend("u2l", 0, 1)
  try engine.depend("l2u", 1, 0)
  try engine.run()
  return try lambda.doubles().map { -$0 }
}

private func distance(_ a: [Double], _ b: [Double]) -> Double {
  zip(a, b).map { abs($0 - $1) }.max() ?? .infinity
}

@Suite(.serialized) struct HypergradientTests {
  private let v = zip(start, target).map { $0 - $1 }

  @Test(arguments: [("exact", 1e-12), ("darts", 1e-9)])
  func takesTheIdentity(method: (String, Double)) throws {
    #expect(distance(try hypergradient(method.0), product(v)) < method.1)
  }

  @Test(arguments: [0, 1, 4]) func sumsTheSeries(iterations: Int) throws {
    let alpha = 0.3
    var (term, sum) = (v, v)
    for _ in 0..<iterations {
      term = zip(term, times(a, term)).map { $0 - alpha * $1 }
      sum = zip(sum, term).map { $0 + $1 }
    }
    let found = try hypergradient(
      "neumann", ["neumann_iterations": .int(iterations), "neumann_alpha": .double(alpha)])
    #expect(distance(found, product(sum.map { alpha * $0 })) < 1e-12)
  }

  @Test func seriesConverges() throws {
    let found = try hypergradient(
      "neumann", ["neumann_iterations": .int(200), "neumann_alpha": .double(0.5)])
    #expect(distance(found, product(solved(v))) < 1e-9)
  }

  @Test func conjugateGradientsTakeOneStepAlongTheVector() throws {
    let curvature = zip(v, times(a, v)).reduce(0) { $0 + $1.0 * $1.1 }
    let length = v.reduce(0) { $0 + $1 * $1 } / curvature
    #expect(distance(try hypergradient("cg"), product(v.map { length * $0 })) < 1e-12)
  }

  /// As many steps as unknowns solve the system; more change nothing, though the residual is zero.
  @Test(arguments: [3, 10]) func conjugateGradientsSolve(iterations: Int) throws {
    let options: [String: Attribute] = ["cg_iterations": .int(iterations)]
    #expect(distance(try hypergradient("cg", options), product(solved(v))) < 1e-10)
    var scaled = options
    scaled["cg_alpha"] = .double(0.5)
    let half = product(solved(v)).map { $0 / 2 }
    #expect(distance(try hypergradient("cg", scaled), half) < 1e-10)
  }

  @Test(arguments: Hypergradients.names) func nothingComesOfAZeroVector(type: String) throws {
    #expect(try hypergradient(type, at: target) == [0, 0])
  }

  @Test(arguments: [Attribute.double(1.5), .int(-1), .double(.infinity)])
  func refusesACountThatIsNone(count: Attribute) {
    #expect {
      try hypergradient("cg", ["cg_iterations": count])
    } throws: {
      "\($0)".hasPrefix(
        "problem 'lower': cg_iterations must be a whole number from 0 to 100000, got ")
    }
  }
}
