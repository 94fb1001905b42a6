// The options of one problem, under the names and defaults of the reference.

import BettyGraph
import BettyTransform

package struct ProblemConfig: Sendable {
  package var type = "darts"
  package var unrollSteps = 1
  package var firstOrder = true
  package var gradientAccumulation = 1
  /// Largest total L2 norm of the gradient; 0 is off.
  package var gradientClipping = 0.0
  package var precision = Precision.fp32
  /// With fp16: what losses are scaled by at first, and how that grows and shrinks.
  package var initialDynamicScale = 4096.0
  package var scaleFactor = 2.0
  package var warmupSteps = 0
  /// Where this problem is inside a path, its own implicit gradient counts as part of its gradient.
  package var includeIndirect = false
  package var logStep = -1
  /// Steps that an upper problem takes each time it is called.
  package var stepsPerCall = 1
  package var onNan = OnNan.ignore
  /// training_step is a pure function of batch and parameters: record it once per batch signature.
  package var replay = false
  /// Options of the hypergradient method, e.g. darts_alpha.
  package var methodOptions: [String: Double] = [:]

  package init() {}

  /// Sets an option by its name; an unknown name or a value out of range is an error.
  package mutating func set(_ name: String, _ value: Attribute) throws {
    if let setter = Self.setters.first(where: { $0.key == name }) {
      return try setter.value(&self, name, value)
    }
    guard Hypergradients.optionNames.contains(name) else {
      let known = (Self.names + Hypergradients.optionNames).sorted().joined(separator: ", ")
      throw BettyError(.key, "Config: unknown option '\(name)', known are \(known)")
    }
    methodOptions[name] = try Self.number(name, value, atLeast: -.infinity)
  }

  private typealias Setter = @Sendable (inout ProblemConfig, String, Attribute) throws -> Void

  /// The one list of the options that are not a method's.
  private static let setters: KeyValuePairs<String, Setter> = [
    "type": {
      let name = try text($1, $2)
      try Hypergradients.check(name)
      $0.type = name
    },
    "precision": {
      let name = try text($1, $2)
      guard let known = Precision(rawValue: name) else {
        throw BettyError.value("Config: precision must be bf16, fp16 or fp32, got '\(name)'")
      }
      $0.precision = known
    },
    "on_nan": {
      let name = try text($1, $2)
      guard let known = OnNan(rawValue: name) else {
        throw BettyError.value("Config: on_nan must be ignore, stop or skip, got '\(name)'")
      }
      $0.onNan = known
    },
    "initial_dynamic_scale": { $0.initialDynamicScale = try number($1, $2, above: 0) },
    "scale_factor": { $0.scaleFactor = try number($1, $2, above: 1) },
    "unroll_steps": { $0.unrollSteps = try integer($1, $2, atLeast: 1) },
    "gradient_accumulation": { $0.gradientAccumulation = try integer($1, $2, atLeast: 1) },
    "gradient_clipping": { $0.gradientClipping = try number($1, $2, atLeast: 0) },
    "steps_per_call": { $0.stepsPerCall = try integer($1, $2, atLeast: 1) },
    "warmup_steps": { $0.warmupSteps = try integer($1, $2, atLeast: 0) },
    "log_step": { $0.logStep = try integer($1, $2, atLeast: -1) },
    "include_indirect": { $0.includeIndirect = try flag($1, $2) },
    "first_order": { $0.firstOrder = try flag($1, $2) },
    "replay": { $0.replay = try flag($1, $2) },
    "retain_graph": checked, "allow_unused": checked, "log_local_step": checked,
  ]

  /// For migration, and for whoever logs: the engine needs none of them.
  private static let checked: Setter = { _, name, value in _ = try flag(name, value) }

  package static var names: [String] { setters.map(\.key) }

  private static func text(_ name: String, _ value: Attribute) throws -> String {
    guard case .string(let text) = value else { throw wrongKind(name, "string", value) }
    return text
  }

  private static func wrongKind(
    _ name: String, _ wanted: String, _ value: Attribute
  ) -> BettyError {
    .type("Config: option '\(name)' takes \(wanted), got \(value.kindName)")
  }

  private static func integer(
    _ name: String, _ value: Attribute, atLeast least: Int
  ) throws -> Int {
    guard case .int(let number) = value else { throw wrongKind(name, "int", value) }
    guard number >= least else {
      throw BettyError.value("Config: \(name) must be at least \(least), got \(number)")
    }
    return number
  }

  private static func number(
    _ name: String, _ value: Attribute, above bound: Double
  ) throws -> Double {
    let number = try number(name, value, atLeast: -.infinity)
    guard number > bound, number.isFinite else {
      throw BettyError.value("Config: \(name) must be above \(bound), got \(number)")
    }
    return number
  }

  private static func number(
    _ name: String, _ value: Attribute, atLeast least: Double
  ) throws -> Double {
    let number: Double
    switch value {
    case .double(let given): number = given
    case .int(let given): number = Double(given)
    case .bool(let given): number = given ? 1 : 0
    default: throw wrongKind(name, "float", value)
    }
    guard !number.isNaN else {
      throw BettyError.value("Config: \(name) must be a number, got nan")
    }
    guard number >= least else {
      throw BettyError.value("Config: \(name) must be at least \(least), got \(number)")
    }
    return number
  }

  private static func flag(_ name: String, _ value: Attribute) throws -> Bool {
    switch value {
    case .bool(let flag): flag
    case .int(let number): number != 0
    default: throw wrongKind(name, "bool", value)
    }
  }
}
