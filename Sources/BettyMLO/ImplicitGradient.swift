// The implicit part of a step's gradient: along every path a chain of products from the upper loss down,
// v ← −vᵀH⁻¹ ∂²L, each appended by the method of the problem it goes through. Never a matrix.

import BettyGraph
import BettyRuntime
import BettyTransform

extension StepBuilder {
  /// The product of each path with the upper problem's own parameters.
  mutating func implicitGradients(of loss: Value, own: [Value]) throws -> [[Value?]] {
    guard !lowers.isEmpty else { return [] }
    let firsts = firstLowers()
    let inputs = firsts.map { $0.metaParameters.map { step.input($0) } }
    let flat = try GradientScale.gradients(
      of: [loss], wrt: inputs.flatMap { $0 }, scale, in: &step.graph)
    // What a lower problem computes comes after the vector that it is multiplied with: its forward pass
    // need not be kept while the upper loss is differentiated.
    lowerLosses = recordings.map { step.add($0) }
    var next = flat.makeIterator()
    let vectors = inputs.map { $0.map { _ in next.next() ?? nil } }
    var products: [[Value?]] = []
    var reached: [Problem] = []
    for path in problem.implicitPaths {
      guard let first = firsts.firstIndex(where: { $0 === path[1] }),
        let product = try implicit(along: path, from: vectors[first], own: own)
      else { continue }
      products.append(product)
      reached.append(path[path.count - 2])
    }
    for path in problem.implicitPaths {
      let lower = path[path.count - 2]
      guard !reached.contains(where: { $0 === lower }) else { continue }
      throw BettyError.runtime(
        "problem '\(problem.name)': its loss does not depend on the parameters of '\(lower.name)', "
          + "so there is no hypergradient along \(path.map(\.name).joined(separator: " < "))")
    }
    return products
  }

  /// The different problems that paths start down to.
  private func firstLowers() -> [Problem] {
    var result: [Problem] = []
    for path in problem.implicitPaths where !result.contains(where: { $0 === path[1] }) {
      result.append(path[1])
    }
    return result
  }

  /// The chain of products of one path, [upper, …, lower, upper], from the upper loss down; nil if it
  /// ends on the way because a loss does not depend on the problem below.
  private mutating func implicit(
    along path: [Problem], from start: [Value?], own: [Value]
  ) throws -> [Value?]? {
    var vector = start
    for index in 1..<path.count - 1 {
      guard vector.contains(where: { $0 != nil }),
        lowers.contains(where: { $0 === path[index] })
      else { return nil }
      let isLast = index == path.count - 2
      let upper = isLast ? own : path[index + 1].metaParameters.map { step.input($0) }
      vector = try product(of: vector, along: path, at: index, upper)
    }
    return vector
  }

  /// The product of one node of a path: all that its method reads, leaves behind and tells. `upper` are
  /// parameters of what comes next on the path.
  mutating func product(
    of vector: [Value?], along path: [Problem], at index: Int, _ upper: [Value]
  ) throws -> [Value?] {
    let problem = path[index]
    guard let place = lowers.firstIndex(where: { $0 === problem }),
      let method = problem.method as? any HypergradientMethod
    else { return upper.map { _ in nil } }
    var lower = try lower(problem, loss: lowerLosses[place])
    let record = self.problem.record(path, node: index)
    let memory = try record.memory(like: problem.metaParameters)
    lower.memory = memory.map { $0.map { step.input($0) } }
    let filled = try zip(vector, lower.parameters).map { try orZeros($0, like: $1) }
    var product = try method.product(of: filled, lower: &lower, upper: upper, in: &step.graph)
    if let indirect = lower.indirect {
      product = try add(indirect, to: product, lower, upper, problem)
    }
    if index == path.count - 2 {
      if product.contains(where: { $0 != nil }) { dependsOnOwn = true }
      if method.givesZeros {
        product = try zip(product, upper).map { try orZeros($0, like: $1) }
      }
    }
    for (tensor, value) in lower.brought { step.adopt(value, for: tensor) }
    try moved(problem, lower)
    for (handles, values) in zip(memory, lower.memory) {
      for (handle, value) in zip(handles, values) { step.update(handle, to: value) }
    }
    try report(lower, to: record)
    return product
  }

  /// What a method is given of a problem that a path goes through.
  private mutating func lower(_ problem: Problem, loss: Value) throws -> LowerProblem {
    let inputs = problem.metaParameters.map { step.input($0) }
    var lower = LowerProblem(loss: loss, parameters: inputs)
    let graph = zip(lowers, recordings).first { $0.0 === problem }?.1.graph
    // What an earlier path has moved is where it was left.
    let places = problem.metaParameters.map { step.present($0) }
    if places != inputs {
      let losses = try Transform.substitute(
        &step.graph, of: [loss], replacing: Array(zip(inputs, places)))
      lower = LowerProblem(loss: losses[0], parameters: places)
    }
    if let graph {
      lower.isLow = graph.isLow
      lower.scale = try step.scale(of: problem, for: graph)
    }
    if problem.config.includeIndirect {
      lower.indirect = try indirectTerm(of: problem, lower)
    }
    if problem.method.adapts, let optimizer = problem.optimizer, optimizer.rule.adapts {
      lower.adaptation = try problem.metaParameters.map { try adaptation(of: $0, optimizer) }
    }
    return lower
  }

  /// The implicit part of a middle problem's own gradient; nil if it has none.
  private mutating func indirectTerm(
    of problem: Problem, _ lower: LowerProblem
  ) throws -> IndirectTerm? {
    var chains: [[IndirectTerm.Link]] = []
    for path in problem.implicitPaths {
      var chain: [IndirectTerm.Link] = []
      for index in 1..<path.count - 1 {
        guard let method = path[index].method as? any HypergradientMethod,
          let place = lowers.firstIndex(where: { $0 === path[index] })
        else { return nil }
        guard !(method is OwnMethod) else {
          throw BettyError.value(
            "problem '\(problem.name)': include_indirect needs a built-in method for "
              + "'\(path[index].name)', got '\(path[index].config.type)'")
        }
        let upper = path[index + 1].metaParameters.map { step.input($0) }
        let below = try self.lower(path[index], loss: lowerLosses[place])
        chain.append(IndirectTerm.Link(method: method, lower: below, upper: upper))
      }
      chains.append(chain)
    }
    if chains.isEmpty { return nil }
    return try IndirectTerm(
      lower, chains: chains, in: &step.graph)
  }

  /// Adds what the indirect term makes of the solution to a product.
  private mutating func add(
    _ indirect: IndirectTerm, to product: [Value?], _ lower: LowerProblem, _ upper: [Value],
    _ problem: Problem
  ) throws -> [Value?] {
    guard let solution = lower.solution else {
      throw BettyError.value(
        "problem '\(problem.name)': include_indirect needs a built-in method, got "
          + "'\(problem.config.type)'")
    }
    let more = try indirect.mixed(solution, upper: upper, in: &step.graph)
    return try zip(product, more).map { a, b in
      guard let a, let b else { return a ?? b }
      return try step.graph.call(P.add, [a, b])
    }
  }

  private mutating func moved(_ problem: Problem, _ lower: LowerProblem) throws {
    guard let moved = lower.moved else { return }
    for (parameter, value) in zip(problem.metaParameters, moved) {
      step.update(parameter, to: value)
    }
  }

  private mutating func report(_ lower: LowerProblem, to record: MethodRecord) throws {
    guard !lower.report.isEmpty else { return }
    for (handle, value) in zip(try record.reports(), lower.report) {
      let number = try step.graph.call(P.cast, [value], ["dtype": .dtype(.f64)])
      step.update(handle, to: number, isReport: true)
    }
    guard record.method.isStrict else { return }
    if let condition = try record.method.isUnsound(lower.report, in: &step.graph) {
      try step.refuse(when: condition)
    }
  }

  /// ∂(step)/∂(gradient) of the last update of a parameter; zero for one that is not updated.
  private mutating func adaptation(
    of parameter: Tensor, _ optimizer: Optimizer
  ) throws -> Value? {
    let input = step.input(parameter)
    guard let position = optimizer.position(of: parameter) else {
      return try step.graph.constant(0, like: input)
    }
    try optimizer.prepareState(position)
    let entry = optimizer.entries[position]
    guard let gradient = entry.gradient else { return nil }
    let structure = optimizer.groups[entry.group].structure
    let numbers = try step.hyper(
      RuntimeNumbers(link: optimizer.link, position: position, use: .adaptation),
      form: .scalars, dtype: step.graph.dtype(of: input))
    return try optimizer.rule.adaptation(
      gradient: step.input(gradient), state: entry.state.map { step.input($0) },
      numbers: numbers, structure: structure, in: &step.graph)
  }

  private mutating func orZeros(_ value: Value?, like input: Value) throws -> Value {
    if let value { return value }
    return try step.graph.constant(0, like: input)
  }
}
