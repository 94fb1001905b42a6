// Hypergradient methods: how v ↦ −vᵀ (∂²L/∂θ²)⁻¹ ∂²L/∂θ∂λ is approximated at one node of a path.
// A method appends nodes to the graph of the step and never executes anything.

import BettyGraph
import BettyTransform

/// The lower problem at its current solution, inside the graph that a method extends.
package struct LowerProblem: Sendable {
  /// Its last recorded loss L(θ, λ, batch, random keys), a scalar.
  package let loss: Value
  /// θ: inputs of the graph.
  package let parameters: [Value]
  package init(loss: Value, parameters: [Value]) {
    self.loss = loss
    self.parameters = parameters
  }
}

package protocol HypergradientMethod: Sendable {
  /// The name in Config(type=…).
  static var name: String { get }
  /// Options with their defaults, under the names of Config.
  static var options: [(name: String, value: Double)] { get }
  init(options: [String: Double]) throws

  /// Appends −vᵀH⁻¹ ∂²L/∂θ∂λ for v shaped as θ; nil where λ does not enter the lower loss.
  func product(
    of vector: [Value], lower: LowerProblem, upper: [Value], in graph: inout Graph
  ) throws -> [Value?]
}

package enum Hypergradients {
  /// The one list: configuration, messages and tests read it.
  package static let all: [any HypergradientMethod.Type] = [
    Darts.self, Exact.self, Neumann.self, ConjugateGradient.self,
  ]

  package static var names: [String] { all.map { $0.name } }

  package static var optionNames: [String] { all.flatMap { $0.options.map(\.name) } }

  package static func method(named name: String) throws -> any HypergradientMethod.Type {
    guard let method = all.first(where: { $0.name == name }) else {
      throw BettyError.value(
        "Config: type '\(name)' is unknown, known are \(names.joined(separator: ", "))")
    }
    return method
  }

  package static func make(_ config: ProblemConfig) throws -> any HypergradientMethod {
    let method = try method(named: config.type)
    var options: [String: Double] = [:]
    for (name, value) in method.options { options[name] = config.methodOptions[name] ?? value }
    return try method.init(options: options)
  }
}

/// Arithmetic on lists of values shaped as parameters, as the methods write it.
package enum Vectors {
  /// Spreads a scalar over the shape of `value`, in its element type.
  static func spread(_ scalar: Value, like value: Value, in graph: inout Graph) throws -> Value {
    var result = scalar
    let type = graph.type(of: value)
    if graph.dtype(of: scalar) != type.dtype {
      result = try graph.call(P.cast, [result], ["dtype": .dtype(type.dtype)])
    }
    if type.isScalar { return result }
    return try graph.call(
      P.broadcast, [result], ["shape": .ints(type.shape), "axes": .ints([])])
  }

  /// Sum of all elements, as a scalar.
  static func total(_ value: Value, in graph: inout Graph) throws -> Value {
    let rank = graph.shape(of: value).count
    if rank == 0 { return value }
    return try graph.call(P.sum, [value], ["axes": .ints(Array(0..<rank))])
  }

  /// Σᵢ ⟨aᵢ, bᵢ⟩ in the element type of the first pair; nil for empty lists.
  package static func dot(
    _ a: [Value], _ b: [Value], in graph: inout Graph
  ) throws -> Value? {
    var result: Value?
    for (x, y) in zip(a, b) {
      let product = try graph.call(P.mul, [x, y])
      var term = try total(product, in: &graph)
      if let sum = result {
        if graph.dtype(of: term) != graph.dtype(of: sum) {
          term = try graph.call(P.cast, [term], ["dtype": .dtype(graph.dtype(of: sum))])
        }
        result = try graph.call(P.add, [sum, term])
      } else {
        result = term
      }
    }
    return result
  }

  /// x + scale · y, with a scalar `scale`.
  static func addScaled(
    _ x: Value, _ scale: Value, _ y: Value, in graph: inout Graph
  ) throws -> Value {
    let factor = try spread(scale, like: y, in: &graph)
    return try graph.call(P.add, [x, try graph.call(P.mul, [factor, y])])
  }

  /// x + scale · y over lists.
  static func addScaled(
    _ x: [Value], _ scale: Value, _ y: [Value], in graph: inout Graph
  ) throws -> [Value] {
    try zip(x, y).map { try addScaled($0, scale, $1, in: &graph) }
  }

  /// x + scale · y over lists, with a number for `scale`.
  static func addScaled(
    _ x: [Value], _ scale: Double, _ y: [Value], in graph: inout Graph
  ) throws -> [Value] {
    try zip(x, scaled(y, by: scale, in: &graph)).map { try graph.call(P.add, [$0, $1]) }
  }

  /// scale · x over lists.
  static func scaled(_ x: [Value], by scale: Double, in graph: inout Graph) throws -> [Value] {
    if scale == 1 { return x }
    return try x.map {
      try graph.call(P.mul, [graph.constant(scale, like: $0), $0])
    }
  }
}
