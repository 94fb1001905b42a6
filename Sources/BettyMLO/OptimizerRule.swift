// Optimizer rules append the update of one parameter to a graph, so that every optimizer is fused,
// donated and differentiable without a line of its own. Hyperparameters are inputs of the program: a
// schedule never recompiles it.

import BettyGraph

/// One hyperparameter: its name in PyTorch's param_groups, its default, what it must satisfy.
package struct Hyperparameter: Sendable {
  package enum Bound: Sendable { case any, nonNegative, unitInterval, flag }
  package let name: String
  package let value: Double
  package let bound: Bound
  package init(_ name: String, _ value: Double, _ bound: Bound = .nonNegative) {
    self.name = name
    self.value = value
    self.bound = bound
  }

  package func check(_ value: Double, for optimizer: String) throws {
    let good =
      switch bound {
      case .any, .flag: !value.isNaN
      case .nonNegative: value >= 0
      case .unitInterval: value >= 0 && value < 1
      }
    guard good else {
      throw BettyError.value("\(optimizer): invalid \(name), got \(value)")
    }
  }
}

/// The form in which an update takes its hyperparameters.
package enum RuntimeForm: Sendable {
  /// One input f64[n], for the fused update kernels.
  case vector
  /// n scalars of the parameter's element type, for elementwise updates, which fuse.
  case scalars
}

package protocol OptimizerRule: Sendable {
  /// The class name in betty.optim.
  static var name: String { get }
  static var hyperparameters: [Hyperparameter] { get }
  /// The hyperparameters that pick another graph rather than another number, e.g. momentum ≠ 0. What
  /// this gives is part of the structure of a step.
  static func structure(_ hyper: [Double]) -> Int
  /// How many tensors of state a parameter has, each of its shape and type.
  static func stateNames(structure: Int) -> [String]
  /// How the numbers of `runtime` reach the graph.
  static func form(structure: Int) -> RuntimeForm
  /// What the update reads at run time; step counts from 1.
  static func runtime(_ hyper: [Double], structure: Int, step: Int) -> [Double]
  /// Whether `runtime` is the same for this step and all later ones.
  static func isSteady(structure: Int, step: Int) -> Bool
  /// Appends the update of one parameter.
  static func update(
    parameter: Value, gradient: Value, state: [Value], hyper: [Value], structure: Int,
    in graph: inout Graph
  ) throws -> (parameter: Value, state: [Value])

  /// Appends the cotangents of (parameter, gradient, state) for those of (parameter, state) after the update;
  /// nil: what `update` appends is differentiated.
  static func adjoint(
    parameter: Value, gradient: Value, state: [Value], cotangents: [Value], hyper: [Value],
    structure: Int, in graph: inout Graph
  ) throws -> (parameter: Value, gradient: Value, state: [Value])?

  /// Whether the step is another function of the gradient g than a multiple of it, as sama needs to
  /// know.
  static var adapts: Bool { get }
  /// The numbers that `adaptation` reads, of the update last taken.
  static func adaptationNumbers(_ hyper: [Double], structure: Int, step: Int) -> [Double]
  /// Appends ∂u/∂g elementwise, u being what the update last taken subtracted; `gradient` is what it
  /// was given, `state` what it left.
  static func adaptation(
    gradient: Value, state: [Value], numbers: [Value], structure: Int, in graph: inout Graph
  ) throws -> Value?
}

extension OptimizerRule {
  package static func structure(_ hyper: [Double]) -> Int { 0 }
  package static func isSteady(structure: Int, step: Int) -> Bool { false }

  package static func adjoint(
    parameter: Value, gradient: Value, state: [Value], cotangents: [Value], hyper: [Value],
    structure: Int, in graph: inout Graph
  ) throws -> (parameter: Value, gradient: Value, state: [Value])? { nil }

  package static var adapts: Bool { false }

  package static func adaptationNumbers(
    _ hyper: [Double], structure: Int, step: Int
  ) -> [Double] { [] }

  /// The identity: sama takes v as it is.
  package static func adaptation(
    gradient: Value, state: [Value], numbers: [Value], structure: Int, in graph: inout Graph
  ) throws -> Value? { nil }
}

package enum OptimizerRules {
  /// The one list.
  package static let all: [any OptimizerRule.Type] = [
    SGD.self, Adam.self, AdamW.self, NAdam.self, Adamax.self, Adagrad.self, Adadelta.self,
    RMSprop.self,
  ]

  package static func rule(named name: String) throws -> any OptimizerRule.Type {
    guard let rule = all.first(where: { $0.name == name }) else {
      let known = all.map { $0.name }.joined(separator: ", ")
      throw BettyError(.key, "optimizer: unknown name '\(name)', known are \(known)")
    }
    return rule
  }
}
