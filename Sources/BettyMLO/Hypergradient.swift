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
  /// For a method that adapts: per parameter ∂(optimizer step)/∂(gradient), elementwise; nil is the
  /// identity.
  package var adaptation: [Value?]
  /// Set by a method that leaves the parameters elsewhere than it found them.
  package var moved: [Value]?

  package init(loss: Value, parameters: [Value], adaptation: [Value?]? = nil) {
    self.loss = loss
    self.parameters = parameters
    self.adaptation = adaptation ?? parameters.map { _ in nil }
  }
}

/// An option of a method, under its name in Config.
package struct MethodOption: Sendable {
  package enum Bound: Sendable {
    case any, positive, nonNegative, flag
    /// Whole numbers from 0 to the limit.
    case count(Int)
  }
  package let name: String
  package let value: Double
  package let bound: Bound

  package init(_ name: String, _ value: Double, _ bound: Bound = .any) {
    self.name = name
    self.value = value
    self.bound = bound
  }

  func check(_ value: Double) throws {
    let (isGood, wanted) =
      switch bound {
      case .any: (value.isFinite, "finite")
      case .positive: (value > 0 && value.isFinite, "above 0")
      case .nonNegative: (value >= 0 && value.isFinite, "at least 0")
      case .flag: (value == 0 || value == 1, "True or False")
      case .count(let limit):
        (
          value >= 0 && value <= Double(limit) && value == value.rounded(),
          "a whole number from 0 to \(limit)"
        )
      }
    guard isGood else { throw BettyError.value("\(name) must be \(wanted), got \(value)") }
  }
}

/// The checked options of a method by name.
package struct MethodOptions: Sendable {
  private let values: [String: Double]

  init(_ values: [String: Double], for options: [MethodOption]) throws {
    var all: [String: Double] = [:]
    for option in options {
      let value = values[option.name] ?? option.value
      try option.check(value)
      all[option.name] = value
    }
    self.values = all
  }

  subscript(name: String) -> Double { values[name] ?? 0 }
  func count(_ name: String) -> Int { Int(exactly: self[name]) ?? 0 }
  func flag(_ name: String) -> Bool { self[name] != 0 }
}

/// What Config(type=…) of a lower problem names.
package protocol LowerMethod: Sendable {
  /// The name in Config(type=…).
  static var name: String { get }
  static var options: [MethodOption] { get }
  init(_ options: MethodOptions)
  /// Whether `product` reads what the lower optimizer makes of a gradient.
  var adapts: Bool { get }
}

/// A method that keeps the steps of an inner loop, and is exact for as many as there were.
protocol UnrolledMethod: LowerMethod {
  /// What keeps the steps of a problem.
  func trace(of problem: Problem) -> any Trace
}

/// A method that stands on the lower problem's solution, by the implicit function theorem.
package protocol HypergradientMethod: LowerMethod {
  /// Appends −vᵀH⁻¹ ∂²L/∂θ∂λ for v shaped as θ; nil where λ does not enter the lower loss.
  func product(
    of vector: [Value], lower: inout LowerProblem, upper: [Value], in graph: inout Graph
  ) throws -> [Value?]
}

extension LowerMethod {
  package var adapts: Bool { false }
}

package enum Hypergradients {
  /// The one list: configuration, messages and tests read it.
  package static let all: [any LowerMethod.Type] = [
    Darts.self, Exact.self, Sama.self, Neumann.self, ConjugateGradient.self, Iterative.self,
    Forward.self,
  ]

  package static var names: [String] { all.map { $0.name } }

  package static var optionNames: [String] { all.flatMap { $0.options.map(\.name) } }

  package static func method(named name: String) throws -> any LowerMethod.Type {
    guard let method = all.first(where: { $0.name == name }) else {
      throw BettyError.value(
        "Config: type '\(name)' is unknown, known are \(names.joined(separator: ", "))")
    }
    return method
  }

  /// The method that a problem's options ask for.
  package static func make(
    _ config: ProblemConfig, for problem: String
  ) throws -> any LowerMethod {
    let method = try method(named: config.type)
    do {
      return method.init(try MethodOptions(config.methodOptions, for: method.options))
    } catch let error as BettyError {
      throw BettyError(error.kind, "problem '\(problem)': \(error.message)")
    }
  }
}
