// The inverse Hessian by conjugate gradients (Hestenes and Stiefel, 1952; for hypergradients Pedregosa,
// ICML 2016, and Rajeswaran et al., NeurIPS 2019): K steps on (H + δI)x = v, one Hessian product each.
// Once the residual is at most the tolerance, or a step has nothing to gain (no residual, no
// curvature), no further steps are taken; where a few steps are written out, the rest are zero steps.
// A parameter that the lower loss does not mention has no part in it: its row of H is zero, and so is
// its mixed product, but its part of v would never leave the residual.

import BettyGraph
import BettyTransform

struct ConjugateGradient: HypergradientMethod, ListedMethod {
  var calls: (gradients: Int, products: Int)? { (1, iterations + 1) }
  static let name = "cg"
  static let options = [
    MethodOption("cg_iterations", 1, .count(100_000)), MethodOption("cg_alpha", 1),
    MethodOption("cg_tolerance", 0, .nonNegative), MethodOption("cg_damping", 0, .nonNegative),
    MethodOption("cg_warm_start", 0, .flag), MethodOption("cg_strict", 0, .flag),
  ]
  let warns = true
  /// Steps taken; ‖v − Hx‖ / ‖v‖ at their end; the least pᵀHp / pᵀp on the way; ‖v‖.
  let reports = ["iterations", "residual", "curvature", "vector_norm"]

  private let iterations: Int
  /// Scales the solution, and nothing else.
  private let alpha: Double
  private let tolerance: Double
  private let damping: Double
  private let startsWarm: Bool
  let isStrict: Bool

  init(_ options: MethodOptions) {
    iterations = options.count("cg_iterations")
    alpha = options["cg_alpha"]
    tolerance = options["cg_tolerance"]
    damping = options["cg_damping"]
    startsWarm = options.flag("cg_warm_start")
    isStrict = options.flag("cg_strict")
  }

  /// Without a tolerance, what rounding leaves in single precision.
  private var negligible: Double { max(tolerance, 1e-6) }

  func isUnsound(_ report: [Value], in graph: inout Graph) throws -> Value? {
    func compare(_ primitive: Primitive, _ place: Int, _ bound: Double) throws -> Value {
      try graph.call(primitive, [report[place], try graph.constant(bound, like: report[place])])
    }
    let isStopped = try graph.call(
      P.logicalAnd, [try compare(P.lt, 0, Double(iterations)), try compare(P.gt, 1, negligible)])
    let isSingular = try graph.call(P.logicalAnd, [isStopped, try compare(P.gt, 3, 0)])
    let isFinite = try compare(P.lt, 1, .infinity)
    let isIndefinite = try compare(P.lt, 2, 0)
    let isFailed = try graph.call(
      P.logicalOr, [isSingular, try graph.call(P.logicalNot, [isFinite])])
    return try graph.call(P.logicalOr, [isFailed, isIndefinite])
  }

  var remembers: [String] { startsWarm ? ["solution"] : [] }

  func verdict(_ report: [Double]) -> MethodVerdict {
    let (steps, residual, curvature, norm) = (report[0], report[1], report[2], report[3])
    if norm == 0 { return MethodVerdict(isConverged: true, reason: "the vector is zero") }
    if curvature < 0 {
      return MethodVerdict(
        isConverged: false,
        reason: "the Hessian is not positive definite: curvature \(curvature)",
        isUnsound: true)
    }
    if !residual.isFinite {
      return MethodVerdict(
        isConverged: false, reason: "the residual is \(residual)", isUnsound: true)
    }
    if residual <= negligible {
      return MethodVerdict(isConverged: true, reason: "the residual is within the tolerance")
    }
    if steps < Double(iterations) {
      return MethodVerdict(
        isConverged: false,
        reason: "the Hessian is singular: no curvature along the direction, residual \(residual)",
        isUnsound: true)
    }
    return MethodVerdict(isConverged: false, reason: "all \(iterations) iterations are used up")
  }

  func product(
    of vector: [Value], lower: inout LowerProblem, upper: [Value], in graph: inout Graph
  ) throws -> [Value?] {
    guard var solution = try solve(vector, &lower, in: &graph) else {
      return upper.map { _ in nil }
    }
    if lower.isDifferentiated { solution = try cut(solution, of: vector, &lower, in: &graph) }
    let scaled = try Vectors.scaled(solution, by: alpha, in: &graph)
    return try MixedProduct.appended(of: scaled, lower: &lower, upper: upper, in: &graph)
  }

  /// The solution as a constant, and what its derivative is taken from. Through the iterations it would be
  /// quotients of residuals, which mean nothing once these are rounding.
  private func cut(
    _ solution: [Value], of vector: [Value], _ lower: inout LowerProblem, in graph: inout Graph
  ) throws -> [Value] {
    let solution = try solution.map { try graph.call(P.stopGradient, [$0]) }
    let hessian = try HessianProduct(lower, damping: damping, in: &graph)
    let product = try hessian.apply(to: solution, at: hessian.point, in: &graph)
    let problem = lower
    lower.solve = LinearSolve(
      solution: solution,
      residual: try zip(vector, product).map { try graph.call(P.sub, [$0, $1]) },
      solved: { vector, graph in
        var lower = problem
        return try solve(vector, &lower, in: &graph)
      })
    return solution
  }

  /// nil without parameters, of which there is nothing to solve for.
  private func solve(
    _ vector: [Value], _ lower: inout LowerProblem, in graph: inout Graph
  ) throws -> [Value]? {
    let hessian = try HessianProduct(lower, damping: damping, in: &graph)
    let vector = try hessian.mentioned(vector, in: &graph)
    guard let total = try Vectors.dot(vector, vector, in: &graph) else { return nil }
    var state = State(
      solution: try vector.map { try graph.constant(0, like: $0) }, residual: vector,
      direction: vector, square: total, steps: try graph.constant(0, like: total),
      curvature: try graph.constant(.infinity, like: total),
      top: try graph.constant(0, like: total),
      isDone: try graph.call(P.eq, [total, try graph.constant(0, like: total)]))
    if startsWarm, let last = lower.memory.first {
      // A solution of another vector is of no use to a zero one.
      state.solution = try last.map { try masked($0, state.isDone, in: &graph) }
      let product = try hessian.apply(to: state.solution, at: hessian.point, in: &graph)
      state.residual = try zip(vector, product).map { try graph.call(P.sub, [$0, $1]) }
      state.direction = state.residual
      state.square = try Vectors.dot(state.residual, state.residual, in: &graph) ?? total
    }
    let bound = try graph.call(
      P.mul, [total, try graph.constant(tolerance * tolerance, like: total)])
    let small = try graph.call(P.le, [state.square, bound])
    state.isDone = try graph.call(P.logicalOr, [state.isDone, small])
    let count = vector.count
    let results = try graph.loop(
      iterations, unrolled: lower.indirect != nil, until: state.values.count - 1,
      carries: state.values,
      constants: [bound] + hessian.point
    ) { graph, carries, constants in
      try next(State(carries, count: count), hessian, constants, in: &graph).values
    }
    let end = State(results, count: count)
    if startsWarm { lower.memory = [end.solution] }
    let ratio = try Vectors.quotient(end.square, over: total, in: &graph)
    lower.report = [
      end.steps, try graph.call(P.sqrt, [ratio]), end.curvature,
      try graph.call(P.sqrt, [total]),
    ]
    return end.solution
  }

  /// One step.
  private func next(
    _ state: State, _ hessian: HessianProduct, _ constants: [Value], in graph: inout Graph
  ) throws -> State {
    let product = try hessian.apply(
      to: state.direction, at: Array(constants.dropFirst()), in: &graph)
    guard let along = try Vectors.dot(state.direction, product, in: &graph),
      let length = try Vectors.dot(state.direction, state.direction, in: &graph)
    else { return state }
    var new = state
    let curvature = try Vectors.quotient(along, over: length, in: &graph)
    new.top = try graph.call(P.maximum, [state.top, try graph.call(P.abs, [curvature])])
    let isFlat = try graph.call(
      P.logicalOr, [state.isDone, try isRounding(curvature, beside: new.top, in: &graph)])
    let step = try masked(
      try Vectors.quotient(state.square, over: along, in: &graph), isFlat, in: &graph)
    new.solution = try Vectors.addScaled(state.solution, step, state.direction, in: &graph)
    let back = try graph.call(P.neg, [step])
    new.residual = try Vectors.addScaled(state.residual, back, product, in: &graph)
    new.square = try Vectors.dot(new.residual, new.residual, in: &graph) ?? state.square
    let ratio = try Vectors.quotient(new.square, over: state.square, in: &graph)
    new.direction = try Vectors.addScaled(new.residual, ratio, state.direction, in: &graph)
    let one = try graph.constant(1, like: state.steps)
    new.steps = try graph.call(P.add, [state.steps, try masked(one, isFlat, in: &graph)])
    let least = try graph.call(P.minimum, [state.curvature, curvature])
    new.curvature = try graph.call(P.select, [isFlat, state.curvature, least])
    let small = try graph.call(P.le, [new.square, constants[0]])
    new.isDone = try graph.call(P.logicalOr, [isFlat, small])
    return new
  }

  /// Whether a curvature is zero but for rounding, beside the largest one that was met.
  private func isRounding(
    _ curvature: Value, beside top: Value, in graph: inout Graph
  ) throws -> Value {
    let share = graph.dtype(of: curvature) == .f64 ? 1e-15 : 1e-7
    let bound = try graph.call(P.mul, [top, try graph.constant(share, like: top)])
    return try graph.call(P.le, [try graph.call(P.abs, [curvature]), bound])
  }

  /// 0 where the mask is set.
  private func masked(_ value: Value, _ mask: Value, in graph: inout Graph) throws -> Value {
    let spread = try Vectors.spread(mask, over: graph.shape(of: value), in: &graph)
    return try graph.call(P.select, [spread, try graph.constant(0, like: value), value])
  }
}

/// What the iteration carries along.
private struct State {
  var solution: [Value]
  var residual: [Value]
  var direction: [Value]
  /// ‖residual‖²
  var square: Value
  var steps: Value
  var curvature: Value
  /// The largest curvature met, either way.
  var top: Value
  var isDone: Value
}

extension State {
  init(_ values: [Value], count: Int) {
    self.init(
      solution: Array(values[..<count]), residual: Array(values[count..<2 * count]),
      direction: Array(values[2 * count..<3 * count]), square: values[3 * count],
      steps: values[3 * count + 1], curvature: values[3 * count + 2],
      top: values[3 * count + 3], isDone: values[3 * count + 4])
  }

  var values: [Value] { solution + residual + direction + [square, steps, curvature, top, isDone] }
}
