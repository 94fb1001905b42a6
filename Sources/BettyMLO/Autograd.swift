// Derivatives for users: backward, grad and the products with a vector. Each captures what was recorded,
// looks up the plan of that structure and splices its operation into the recording; nothing is computed
// here. Invariant: with create_graph, or under grad mode, what is spliced can be differentiated again.

import BettyGraph
import BettyRuntime
import BettyTransform

package enum Autograd {
  /// Lets the runtime simplify what it compiles. Call once before anything is evaluated.
  package static func install() { Recording.install { try Transform.simplify($0) } }

  /// Adds to the gradient of every leaf that `outputs` depend on, or of `inputs` only. A missing
  /// cotangent is one, of a scalar.
  package static func backward(
    _ outputs: [Tensor], _ cotangents: [Tensor?] = [], inputs: [Tensor]? = nil,
    retainGraph: Bool = false, createGraph: Bool = false
  ) throws {
    let cotangents = try check("backward", outputs, cotangents)
    let capture = Capture(outputs, mode: .gradient, sought: inputs ?? [])
    try capture.checkHistory("backward", sought: inputs)
    let sought =
      inputs == nil
      ? capture.gradientPositions : capture.soughtPositions.compactMap { $0 }
    if sought.isEmpty { return }
    let gradients = try derive(
      .vjp, capture, sought: sought, cotangents, gradMode: createGraph)
    for (position, gradient) in zip(sought, gradients) {
      guard let gradient else { continue }
      try capture.order[position].accumulate(gradient, createGraph: createGraph)
    }
    if !retainGraph && !createGraph { capture.consume(outputs, sought: sought) }
  }

  /// Gradients of `outputs` with respect to `inputs`; nil where there is no dependence, which is an
  /// error unless `allowUnused`.
  package static func grad(
    _ outputs: [Tensor], _ inputs: [Tensor], _ cotangents: [Tensor?] = [],
    retainGraph: Bool? = nil, createGraph: Bool = false, allowUnused: Bool = false
  ) throws -> [Tensor?] {
    let cotangents = try check("grad", outputs, cotangents)
    for (position, input) in inputs.enumerated() where !input.requiresGrad {
      throw BettyError.runtime("grad: input \(position) does not require grad")
    }
    let capture = Capture(outputs, mode: .gradient, sought: inputs)
    try capture.checkHistory("grad", sought: inputs)
    let found = capture.soughtPositions
    let sought = found.compactMap { $0 }
    var answers =
      sought.isEmpty
      ? [] : try derive(.vjp, capture, sought: sought, cotangents, gradMode: createGraph)
    var gradients: [Tensor?] = []
    for (position, place) in found.enumerated() {
      let gradient = place == nil ? nil : answers.removeFirst()
      if gradient == nil && !allowUnused {
        throw BettyError.runtime(
          "grad: input \(position) is not used by the outputs, set allow_unused=True if this is "
            + "meant")
      }
      gradients.append(gradient)
    }
    if !(retainGraph ?? createGraph) { capture.consume(outputs, sought: sought) }
    return gradients
  }

  /// Cotangents of the inputs; zeros where there is no dependence. Can be differentiated in grad mode.
  package static func vjp(
    _ outputs: [Tensor], _ inputs: [Tensor], _ cotangents: [Tensor]
  ) throws -> [Tensor] {
    let gradients = try grad(
      outputs, inputs, cotangents, retainGraph: true, createGraph: GradMode.isEnabled,
      allowUnused: true)
    return try filled(gradients, like: inputs)
  }

  /// Tangents of the outputs for tangents of the inputs, in forward mode.
  package static func jvp(
    _ outputs: [Tensor], _ inputs: [Tensor], _ tangents: [Tensor]
  ) throws -> [Tensor] {
    try match("jvp", inputs, tangents, "tangents")
    let capture = Capture(outputs, mode: .gradient, sought: inputs)
    try capture.checkHistory("jvp", sought: inputs)
    let pairs = zip(capture.soughtPositions, tangents).filter { $0.0 != nil }
    let answers = try derive(
      .jvp, capture, sought: pairs.compactMap(\.0), pairs.map(\.1), gradMode: GradMode.isEnabled)
    return try filled(answers, like: outputs)
  }

  /// Products of the Hessian of a scalar with vectors.
  package static func hvp(
    _ output: Tensor, _ inputs: [Tensor], _ vectors: [Tensor]
  ) throws -> [Tensor] {
    try match("hvp", inputs, vectors, "vectors")
    guard output.type.count == 1 else {
      throw BettyError.runtime("hvp: the output must be a scalar, got \(output.type)")
    }
    let capture = Capture([output], mode: .gradient, sought: inputs)
    try capture.checkHistory("hvp", sought: inputs)
    let pairs = zip(capture.soughtPositions, vectors).filter { $0.0 != nil }
    var answers = try derive(
      .hvp, capture, sought: pairs.compactMap(\.0), pairs.map(\.1), gradMode: GradMode.isEnabled)
    let products = capture.soughtPositions.map { $0 == nil ? nil : answers.removeFirst() }
    return try filled(products, like: inputs)
  }
}

// MARK: Plans

extension Autograd {
  nonisolated(unsafe) private static var plans: [StructureKey: GradientPlan] = [:]
  static let limit = 4096

  /// Looks up or makes the plan and records its operation.
  static func derive(
    _ question: DerivativeQuestion, _ capture: Capture, sought: [Int], _ vectors: [Tensor?],
    gradMode: Bool
  ) throws -> [Tensor?] {
    var words = [question.rawValue, Int32(sought.count)]
    words += sought.map { Int32(truncatingIfNeeded: $0) }
    words += capture.rootPositions.map { Int32(truncatingIfNeeded: $0) }
    words += vectors.map { $0 == nil ? 0 : 1 }
    let key = capture.key.appending(words)
    let plan: GradientPlan
    if let known = Lock.held({ unsafe plans[key] }) {
      plan = known
    } else {
      plan = try GradientPlan.make(
        question, capture, sought: sought, given: vectors.map { $0 != nil })
      Lock.held {
        if unsafe plans.count >= limit { unsafe plans.removeAll() }
        unsafe plans[key] = plan
      }
    }
    if plan.results.allSatisfy({ $0 == nil }) { return plan.results.map { _ in nil } }
    let made = try GradMode.with(gradMode) { try plan.record(on: capture, vectors: vectors) }
    return plan.results.map { $0.map { made[$0] } }
  }

  /// PyTorch's conditions on what is differentiated; gives one cotangent or nil per output, of its type.
  static func check(
    _ name: String, _ outputs: [Tensor], _ cotangents: [Tensor?]
  ) throws -> [Tensor?] {
    guard cotangents.isEmpty || cotangents.count == outputs.count else {
      throw BettyError.runtime(
        "\(name): \(outputs.count) outputs and \(cotangents.count) gradients of them")
    }
    for (position, output) in outputs.enumerated() {
      let type = output.type
      guard output.requiresGrad else {
        throw BettyError.runtime(
          "\(name): element \(position) of tensors does not require grad and does not have a "
            + "grad_fn")
      }
      if position < cotangents.count, let cotangent = cotangents[position] {
        guard cotangent.type.shape == type.shape, cotangent.type.dtype.isFloating else {
          throw BettyError.runtime(
            "\(name): the gradient of output \(position) has to be \(type), got "
              + "\(cotangent.type)")
        }
      } else if type.count != 1 {
        throw BettyError.runtime(
          "\(name): grad can be implicitly created only for scalar outputs, got \(type)")
      }
    }
    if cotangents.isEmpty { return outputs.map { _ in nil } }
    return try zip(outputs, cotangents).map { output, cotangent in
      guard let cotangent, cotangent.type != output.type else { return cotangent }
      return try Recording.call("to", [cotangent], ["dtype": .dtype(output.type.dtype)])[0]
    }
  }

  private static func match(
    _ name: String, _ inputs: [Tensor], _ vectors: [Tensor], _ what: String
  ) throws {
    guard inputs.count == vectors.count else {
      throw BettyError.runtime("\(name): \(inputs.count) inputs and \(vectors.count) \(what)")
    }
    for (input, vector) in zip(inputs, vectors) where input.type != vector.type {
      throw BettyError.runtime("\(name): \(what) must be \(input.type), got \(vector.type)")
    }
  }

  private static func filled(_ answers: [Tensor?], like: [Tensor]) throws -> [Tensor] {
    try zip(answers, like).map { answer, like in
      try answer ?? Recording.zeros(like: like)
    }
  }
}
