// Hypergradient methods: how v ↦ −vᵀ (∂²L/∂θ²)⁻¹ ∂²L/∂θ∂λ is approximated at one node of a path.
// A method appends nodes to the graph of the step and never executes anything.

import BettyGraph
import BettyRuntime
import Synchronization

/// The lower problem at its current solution, inside the graph that a method extends.
package struct LowerProblem {
  /// Its last recorded loss L(θ, λ, batch, random keys), a scalar.
  package let loss: Value
  /// θ: inputs of the graph.
  package let parameters: [Value]
  /// For a method that adapts: per parameter ∂(optimizer step)/∂(gradient), elementwise; nil is the
  /// identity.
  package var adaptation: [Value?]
  /// Set by a method that leaves the parameters elsewhere than it found them.
  package var moved: [Value]?
  /// What the gradient of a middle problem has besides ∂L/∂θ, if it is to count.
  package var indirect: IndirectTerm?
  /// Products in its loss are rounded: differences of such losses lose what they are after.
  package var isLow = false
  /// What keeps derivatives of the loss in range.
  package var scale: GradientScale?
  /// Set to what stands for H⁻¹v: the indirect term is differentiated along it.
  package var solution: [Value]?
  /// Inputs that the method has added to the graph, with the tensors that they read.
  var brought: [(tensor: Tensor, value: Value)] = []
  /// What the method remembers of its last call, in the order of `remembers`, zeros at first; set to
  /// what the next call is to find.
  package var memory: [[Value]] = []
  /// Set to what the method has to tell, in the order of `reports`: scalars.
  package var report: [Value] = []
  /// Set where the product is to be differentiated: a method that iterates then leaves its `solve` behind,
  /// and a solution that no gradient flows through.
  var isDifferentiated = false
  var solve: LinearSolve?

  package init(loss: Value, parameters: [Value], adaptation: [Value?]? = nil) {
    self.loss = loss
    self.parameters = parameters
    self.adaptation = adaptation ?? parameters.map { _ in nil }
  }

  /// Appends the derivatives of the loss; nil where it does not depend on a value.
  func gradients(by wrt: [Value], in graph: inout Graph) throws -> [Value?] {
    try GradientScale.gradients(of: [loss], wrt: wrt, scale, in: &graph)
  }
}

/// x with Ax = v that was iterated for. What it depends on is told by its residual: dx = A⁻¹ d(v − Ax) at
/// fixed x, whatever the iterations did.
struct LinearSolve {
  /// x, cut off.
  let solution: [Value]
  /// v − Ax
  let residual: [Value]
  /// Appends A⁻¹w; A is symmetric. nil if there is nothing to solve for.
  let solved: (_ w: [Value], _ graph: inout Graph) throws -> [Value]?
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

/// What Config(type=…) of a lower problem means.
package protocol LowerMethod: Sendable {
  /// Names of the numbers that a call reports.
  var reports: [String] { get }
  /// Whether `product` reads what the lower optimizer makes of a gradient.
  var adapts: Bool { get }
  /// Names of the vectors, shaped as θ, that a call leaves for the next one.
  var remembers: [String] { get }
  /// Gradients of the lower loss and products with its second derivatives that a call takes; nil if
  /// that depends on what it meets.
  var calls: (gradients: Int, products: Int)? { get }
  /// The same where products are rounded.
  var lowCalls: (gradients: Int, products: Int)? { get }
  /// Whether an upper parameter that does not enter the lower loss has a gradient of zero, by which
  /// momentum and weight decay go on, as a difference of two losses gives it; otherwise it has none.
  var givesZeros: Bool { get }
  /// Whether a step is not taken whose report says that the Hessian is indefinite.
  var isStrict: Bool { get }
  /// Whether reports are looked at after every step.
  var warns: Bool { get }
  /// What `verdict` calls unsound, as a condition in the graph of the step.
  func isUnsound(_ report: [Value], in graph: inout Graph) throws -> Value?
  /// What a report means.
  func verdict(_ report: [Double]) -> MethodVerdict
}

/// A method of the one list, one file each.
package protocol ListedMethod: LowerMethod {
  /// The name in Config(type=…).
  static var name: String { get }
  static var options: [MethodOption] { get }
  init(_ options: MethodOptions)
}

/// A method that keeps the steps of an inner loop, and is exact for as many as there were.
protocol UnrolledMethod: ListedMethod {
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
  package var reports: [String] { [] }
  package var calls: (gradients: Int, products: Int)? { nil }
  package var lowCalls: (gradients: Int, products: Int)? { calls }
  package var adapts: Bool { false }
  package var remembers: [String] { [] }
  package var givesZeros: Bool { false }
  package var isStrict: Bool { false }
  package func verdict(_ report: [Double]) -> MethodVerdict {
    MethodVerdict(isConverged: true, reason: "the product is direct")
  }
  package var warns: Bool { false }
  func isUnsound(_ report: [Value], in graph: inout Graph) throws -> Value? { nil }
}

package enum Hypergradients {
  /// The one list: configuration, messages and tests read it.
  package static let all: [any ListedMethod.Type] = [
    Darts.self, Exact.self, Sama.self, Neumann.self, ConjugateGradient.self, Reinforce.self,
    Iterative.self, Forward.self,
  ]

  /// Methods of users' own, by name.
  private static let own = Mutex<[String: OwnMethod]>([:])

  /// Lets Config(type=name) mean a function of a user's own; a second time it takes the first one's
  /// place for problems made from now on.
  package static func register(
    _ name: String, _ call: @escaping @Sendable (MethodCall) throws -> Void
  ) throws {
    guard !name.isEmpty, !all.contains(where: { $0.name == name }) else {
      throw BettyError.value("register: the name '\(name)' is empty or a built-in method's")
    }
    own.withLock { $0[name] = OwnMethod(name: name, call: call) }
  }

  package static var names: [String] {
    all.map { $0.name } + own.withLock { $0.keys.sorted() }
  }

  package static var optionNames: [String] { all.flatMap { $0.options.map(\.name) } }

  /// Refuses a name that means no method.
  package static func check(_ name: String) throws {
    guard names.contains(name) else {
      throw BettyError.value(
        "Config: type '\(name)' is unknown, known are \(names.joined(separator: ", "))")
    }
  }

  /// The method that a problem's options ask for.
  package static func make(
    _ config: ProblemConfig, for problem: String
  ) throws -> any LowerMethod {
    if let own = own.withLock({ $0[config.type] }) { return own }
    guard let method = all.first(where: { $0.name == config.type }) else {
      try check(config.type)
      throw BettyError.runtime("problem '\(problem)': type '\(config.type)' is gone")
    }
    do {
      return method.init(try MethodOptions(config.methodOptions, for: method.options))
    } catch let error as BettyError {
      throw BettyError(error.kind, "problem '\(problem)': \(error.message)")
    }
  }
}
