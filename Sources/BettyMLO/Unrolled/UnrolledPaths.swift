// Steps that are kept for gradients through them, and the gradients of paths that lead through such inner
// loops: [upper, …, lower, upper] is walked from the upper loss down, and at each problem the vector is
// pulled back by its own method.

import BettyGraph
import BettyRuntime

extension Problem {
  /// The different problems that unrolled paths start down to.
  var unrolledFirsts: [Problem] {
    var result: [Problem] = []
    for path in unrolledPaths where !result.contains(where: { $0 === path[1] }) {
      result.append(path[1])
    }
    return result
  }

  /// Takes a step on one recording that is whole, and keeps it if the inner loop is unrolled; gives
  /// whether it was taken.
  func unrolled(
    _ recorded: Recorded, _ present: [Int], step: () throws -> Bool
  ) throws -> Bool {
    guard let unrolling else { return try step() }
    let taped = try unrolling.begin(present)
    guard try step() else { return false }
    try unrolling.record(recorded)
    try unrolling.commit(taped)
    return true
  }

  /// The optimizer's step on the gradients that the parameters have.
  func stepByOptimizer() throws {
    guard let optimizer else { return }
    let present = parameters.indices.filter { parameters[$0].gradient != nil }
    let taped = try unrolling?.begin(present)
    try optimizer.step()
    try unrolling?.commit(taped)
  }

  /// Adds the gradients of the unrolled paths; `vectors` are those of `unrolledFirsts`, one after another.
  /// With a question nothing else comes of it.
  func addUnrolled(_ vectors: [Tensor], isQuestion: Bool = false) throws {
    guard !vectors.isEmpty else { return }
    var rest = vectors[...]
    var starts: [[Tensor]] = []
    for lower in unrolledFirsts {
      starts.append(Array(rest.prefix(lower.metaParameters.count)))
      rest = rest.dropFirst(lower.metaParameters.count)
    }
    let scale = 1 / Double(accumulation)
    for (number, path) in unrolledPaths.enumerated() {
      guard let first = unrolledFirsts.firstIndex(where: { $0 === path[1] }) else { continue }
      let product = try walk(path, [number, isQuestion ? 1 : 0], from: starts[first])
      for (parameter, value) in zip(trained, product) {
        guard var value else { continue }
        if scale != 1 { value = try Recording.call("mul", [value, Tensor.number(scale)])[0] }
        if let sum = parameter.gradient { value = try Recording.call("add", [sum, value])[0] }
        try parameter.setGradient(value)
      }
    }
    try heedMethods()
  }

  private func walk(_ path: [Problem], _ key: [Int], from vector: [Tensor]) throws -> [Tensor?] {
    var vector = vector
    for place in 1..<path.count - 1 {
      let lower = path[place]
      let isLast = place == path.count - 2
      let upper = isLast ? trained : path[place + 1].metaParameters
      let product =
        try lower.unrolling?.product(of: vector, upper: upper)
        ?? node(key, path, place).product(of: vector, upper: upper)
      if isLast { return product }
      vector = try zip(product, upper).map { try $0 ?? Recording.zeros(like: $1) }
    }
    return []
  }

  /// A node of an unrolled path that is none itself, made when first asked for.
  private func node(_ key: [Int], _ path: [Problem], _ place: Int) -> ImplicitNode {
    if let known = implicitNodes[key + [place]] { return known }
    let made = ImplicitNode(self, path, place, isQuestion: key.last == 1)
    implicitNodes[key + [place]] = made
    return made
  }
}

/// The product of an implicit problem on a path that also leads through an unrolled one: a program of its
/// own, with slots that the vector is put into. It is made as products that are part of a step are.
final class ImplicitNode {
  private unowned let problem: Problem
  private let path: [Problem]
  private let place: Int
  private let isQuestion: Bool
  /// The problem it goes through, and those that its term of its own leads to.
  private let lowers: [Problem]
  private var slots: [Tensor] = []
  private var programs: [(keys: [StructureKey], program: StepProgram, present: [Bool])] = []
  private static let limit = 16

  init(_ problem: Problem, _ path: [Problem], _ place: Int, isQuestion: Bool) {
    self.problem = problem
    self.isQuestion = isQuestion
    self.path = path
    self.place = place
    lowers = Problem.withIndirect([path[place]])
  }

  func product(of vector: [Tensor], upper: [Tensor]) throws -> [Tensor?] {
    if slots.isEmpty {
      slots = try vector.map {
        try Tensor.parameter(Recording.zeros(like: $0), requiresGrad: false)
      }
    }
    for (slot, value) in zip(slots, vector) { try slot.assign(value) }
    let recordings = try problem.recordings(of: lowers)
    let keys =
      recordings.map(\.key) + (Problem.adaptedStructure(of: lowers).map { [$0] } ?? [])
    if !programs.contains(where: { $0.keys == keys }) {
      if programs.count >= Self.limit { programs.removeFirst() }
      let made = try make(recordings, upper)
      programs.append((keys, made.program, made.present))
    }
    guard let entry = programs.first(where: { $0.keys == keys }) else { return [] }
    let inputs = recordings.map(\.inputs)
    var results = try entry.program.run(again: inputs[0], lowers: Array(inputs.dropFirst()))
      .makeIterator()
    return entry.present.map { $0 ? results.next() : nil }
  }

  private func make(
    _ recordings: [Recorded], _ upper: [Tensor]
  ) throws -> (program: StepProgram, present: [Bool]) {
    var builder = StepBuilder(problem, through: lowers, recordings)
    let vector = slots.map { builder.step.input($0) }
    let wanted = upper.map { builder.step.input($0) }
    let product = try builder.product(of: vector, along: path, at: place, wanted)
    let values = product.compactMap { $0 }
    for value in values { builder.step.addResult(value) }
    let isScaled = recordings.contains { $0.graph.isHalf }
    if isQuestion {
      builder.step.dropUpdates()
    } else if FiniteCheck(onNan: problem.config.onNan, isScaled: isScaled).isOn {
      try builder.step.keepUnless(builder.areFinite(vector + values))
    }
    return (try builder.step.compiled(), product.map { $0 != nil })
  }
}
