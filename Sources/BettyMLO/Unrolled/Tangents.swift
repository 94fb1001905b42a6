// Exact forward mode through the optimizer steps of an inner loop (Franceschi et al., ICML 2017, section
// 3.2): Z_t = d(θ_t, state_t)/dλ is carried along, a column for each upper number, so that memory does
// not grow with the number of steps. Invariant: the columns belong to the parameters and state as they
// are now.

import BettyGraph
import BettyRuntime
import BettyTransform

final class Tangents: Trace {
  /// What one column stands for: an element of an upper parameter.
  private struct Direction {
    let parameter: Int
    /// One at the element, zero elsewhere.
    let unit: Tensor
  }

  /// A step pushed forward along all columns at once: ∇L is linearized once for all of them.
  private struct Push {
    let program: UnrolledProgram
    let ids: [Int32]
  }

  private unowned let problem: Problem
  private var upper: [Tensor] = []
  private var directions: [Direction] = []
  /// By column: tangents by parameter; a missing one is zero.
  private var columns: [[Int32: Tensor]] = []
  private var pushes = UnrolledCache<Push>()
  private var zeros = Zeros()
  private static let limit = 64

  init(_ problem: Problem) { self.problem = problem }

  func restart(from origin: LoopOrigin?) throws {
    let wanted = problem.nextOnPaths
    if directions.isEmpty || !wanted.allSatisfy(carries) { try prepare(wanted) }
    columns = directions.map { _ in [:] }
    guard let origin else { return }
    for (column, direction) in directions.enumerated() {
      let source = upper[direction.parameter].parameterID
      for (own, other) in origin where other.parameterID == source {
        columns[column][own.parameterID] = direction.unit
      }
    }
  }

  private func carries(_ parameter: Tensor) -> Bool {
    upper.contains { $0.parameterID == parameter.parameterID }
  }

  /// Everything that a path leads on to from here gets its columns.
  private func prepare(_ wanted: [Tensor]) throws {
    (upper, directions) = ([], [])
    pushes = UnrolledCache()
    for parameter in wanted where !carries(parameter) { upper.append(parameter) }
    let count = upper.reduce(0) { $0 + $1.type.count }
    guard count <= Self.limit else {
      throw BettyError.value(
        "problem '\(problem.name)': type 'forward' carries a tangent for each upper number, at most "
          + "\(Self.limit), and there are \(count); use 'iterative'")
    }
    for (place, parameter) in upper.enumerated() {
      let type = parameter.type
      for element in 0..<type.count {
        var values = [Double](repeating: 0, count: type.count)
        values[element] = 1
        let unit = try Recording.call(
          "to", [try Tensor.doubles(values, type.shape)], ["dtype": .dtype(type.dtype)])[0]
        directions.append(Direction(parameter: place, unit: try Recording.pinned([unit])[0]))
      }
    }
  }

  func forgetPrograms() { pushes = UnrolledCache() }

  func append(_ step: TapeStep) throws {
    guard let before = step.before, !directions.isEmpty else { return }
    let push = try pushes.find(step, []) { try make(step) }
    var vectors: [Tensor] = []
    for (column, direction) in directions.enumerated() {
      for (place, id) in push.ids.enumerated() {
        vectors.append(try columns[column][id] ?? zeros.like(before[place]))
      }
      vectors.append(direction.unit)
    }
    let results = try push.program.run(step, before: before, vectors: vectors)
    for column in directions.indices {
      let part = results.dropFirst(column * push.ids.count).prefix(push.ids.count)
      for (id, result) in zip(push.ids, part) { columns[column][id] = result }
    }
  }

  /// (θ, state, columns) ↦ columns after the step.
  private func make(_ step: TapeStep) throws -> Push {
    var unrolled = try UnrolledStep(problem, step)
    let after = try unrolled.update(try unrolled.gradients(of: unrolled.theta))
    let own = Set(unrolled.moved.map(\.parameterID))
    let lambda = upper.map { own.contains($0.parameterID) ? nil : unrolled.input(of: $0) }
    let linear = try Transform.linearize(
      &unrolled.graph, of: after, wrt: unrolled.before + lambda.compactMap { $0 })
    var outputs: [Value] = []
    for direction in directions {
      var tangents = unrolled.before.map { unrolled.addVector(like: $0) }
      let unit = unrolled.addVector(type: direction.unit.type)
      for (place, value) in lambda.enumerated() {
        guard let value else { continue }
        let isAlong = place == direction.parameter
        tangents.append(isAlong ? unit : try unrolled.graph.constant(0, like: value))
      }
      outputs += try GradientScale.linear(unrolled.scale, tangents, in: &unrolled.graph) {
        try linear.apply(&$0, to: $1)
      }.compactMap { $0 }
    }
    return Push(program: try unrolled.compiled(outputs), ids: unrolled.moved.map(\.parameterID))
  }

  /// One inner product for each column, put together in the shape of each upper parameter.
  func product(of vector: [Int32: Tensor], upper wanted: [Tensor]) throws -> [Tensor?] {
    let sorted = vector.sorted { $0.key < $1.key }
    return try wanted.map { parameter in
      guard let place = upper.firstIndex(where: { $0.parameterID == parameter.parameterID }) else {
        return nil
      }
      var entries: [Tensor] = []
      for (column, direction) in directions.enumerated() where direction.parameter == place {
        entries.append(try inner(sorted, columns[column]) ?? Tensor.number(0))
      }
      let type = parameter.type
      let typed = try entries.map { entry in
        try Recording.call(
          "reshape", [try Recording.call("to", [entry], ["dtype": .dtype(type.dtype)])[0]],
          ["shape": .ints([1])])[0]
      }
      guard !typed.isEmpty else { return nil }
      let row = try Recording.call("cat", typed, ["dim": .int(0)])[0]
      return try Recording.call("reshape", [row], ["shape": .ints(type.shape)])[0]
    }
  }

  private func inner(
    _ vector: [(key: Int32, value: Tensor)], _ column: [Int32: Tensor]
  ) throws -> Tensor? {
    var sum: Tensor?
    for (id, value) in vector {
      guard let tangent = column[id] else { continue }
      let product = try Recording.call("mul", [value, tangent])[0]
      let term = try Recording.call("sum", [product])[0]
      sum = try sum.map { try Recording.call("add", [$0, term])[0] } ?? term
    }
    return sum
  }

  func write(into state: inout StateWriter) throws {
    let places = movedPlaces
    state.add(columns.count)
    for column in columns {
      let sorted = column.sorted { $0.key < $1.key }
      state.add(sorted.count)
      for (id, tangent) in sorted {
        state.add(places[id] ?? [])
        try state.add(tangent)
      }
    }
  }

  func read(from state: inout StateReader) throws {
    for entry in problem.optimizer?.entries.indices ?? 0..<0 {
      try problem.optimizer?.prepareState(entry)
    }
    let ids = Dictionary(movedPlaces.map { ($1, $0) }) { first, _ in first }
    guard try state.count() == columns.count else { throw StateReader.misfit }
    for column in columns.indices {
      columns[column] = [:]
      for _ in 0..<(try state.count()) {
        guard let id = ids[try state.ints()] else { throw StateReader.misfit }
        columns[column][id] = try state.someTensor()
      }
    }
  }

  /// Where the optimizer has what it moves, by number: a parameter, or state of an entry.
  private var movedPlaces: [Int32: [Int]] {
    var places: [Int32: [Int]] = [:]
    for (place, parameter) in problem.parameters.enumerated() {
      places[parameter.parameterID] = [place]
    }
    for (entry, content) in (problem.optimizer?.entries ?? []).enumerated() {
      for (place, handle) in content.state.enumerated() {
        places[handle.parameterID] = [entry, place]
      }
    }
    return places
  }
}

extension Problem {
  /// Parameters that the products of this problem's method are by: of what comes next on each path.
  fileprivate var nextOnPaths: [Tensor] {
    guard let engine else { return [] }
    var result: [Tensor] = []
    for upper in engine.problems {
      for path in upper.unrolledPaths {
        guard let place = path[1..<path.count - 1].firstIndex(where: { $0 === self }) else {
          continue
        }
        result += place == path.count - 2 ? upper.trained : path[place + 1].metaParameters
      }
    }
    return result
  }
}
