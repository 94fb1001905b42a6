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
  package var logLocalStep = false
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
    switch name {
    case "type":
      guard case .string(let text) = value else { throw wrongKind(name, "string", value) }
      try Hypergradients.check(text)
      type = text
    case "precision":
      guard case .string(let text) = value else { throw wrongKind(name, "string", value) }
      guard let known = Precision(rawValue: text) else {
        throw BettyError.value("Config: precision must be bf16, fp16 or fp32, got '\(text)'")
      }
      precision = known
    case "initial_dynamic_scale": initialDynamicScale = try number(name, value, above: 0)
    case "scale_factor": scaleFactor = try number(name, value, above: 1)
    case "unroll_steps": unrollSteps = try integer(name, value, atLeast: 1)
    case "gradient_accumulation": gradientAccumulation = try integer(name, value, atLeast: 1)
    case "steps_per_call": stepsPerCall = try integer(name, value, atLeast: 1)
    case "on_nan":
      guard case .string(let text) = value else { throw wrongKind(name, "string", value) }
      guard let known = OnNan(rawValue: text) else {
        throw BettyError.value("Config: on_nan must be ignore, stop or skip, got '\(text)'")
      }
      onNan = known
    case "warmup_steps": warmupSteps = try integer(name, value, atLeast: 0)
    case "log_step": logStep = try integer(name, value, atLeast: -1)
    case "gradient_clipping": gradientClipping = try number(name, value, atLeast: 0)
    case "include_indirect": includeIndirect = try flag(name, value)
    case "first_order": firstOrder = try flag(name, value)
    case "log_local_step": logLocalStep = try flag(name, value)
    case "replay": replay = try flag(name, value)
    case "retain_graph", "allow_unused": _ = try flag(name, value)
    default:
      guard Hypergradients.optionNames.contains(name) else {
        let known = (Self.names + Hypergradients.optionNames).sorted().joined(separator: ", ")
        throw BettyError(.key, "Config: unknown option '\(name)', known are \(known)")
      }
      methodOptions[name] = try number(name, value, atLeast: -.infinity)
    }
  }

  package static let names = [
    "type", "precision", "initial_dynamic_scale", "scale_factor", "unroll_steps",
    "gradient_accumulation", "warmup_steps", "log_step",
    "gradient_clipping", "first_order", "include_indirect", "log_local_step", "replay",
    "retain_graph", "allow_unused",
    "steps_per_call", "on_nan",
  ]

  private func wrongKind(_ name: String, _ wanted: String, _ value: Attribute) -> BettyError {
    .type("Config: option '\(name)' takes \(wanted), got \(value.kindName)")
  }

  private func integer(_ name: String, _ value: Attribute, atLeast least: Int) throws -> Int {
    guard case .int(let number) = value else { throw wrongKind(name, "int", value) }
    guard number >= least else {
      throw BettyError.value("Config: \(name) must be at least \(least), got \(number)")
    }
    return number
  }

  private func number(_ name: String, _ value: Attribute, above bound: Double) throws -> Double {
    let number = try number(name, value, atLeast: -.infinity)
    guard number > bound, number.isFinite else {
      throw BettyError.value("Config: \(name) must be above \(bound), got \(number)")
    }
    return number
  }

  private func number(_ name: String, _ value: Attribute, atLeast least: Double) throws -> Double {
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

  private func flag(_ name: String, _ value: Attribute) throws -> Bool {
    switch value {
    case .bool(let flag): flag
    case .int(let number): number != 0
    default: throw wrongKind(name, "bool", value)
    }
  }
}
