// An optimizer: groups of parameters with their hyperparameters and state. What an update computes is its
// rule's business; this class says which numbers and tensors it is computed from. Invariant: a
// parameter is in one group, and has all tensors of its state or none.

import BettyGraph
import BettyRuntime
import Synchronization

package final class Optimizer {
  /// One parameter's share.
  package struct Entry {
    package let parameter: Tensor
    package let group: Int
    package var steps = 0
    /// Handles of the state by the rule's names, made when first stepped.
    package var state: [Tensor] = []
    /// The gradient of the last update, if it is kept.
    package var gradient: Tensor?
    /// Everything that the updates change but the parameter.
    var tensors: [Tensor] { state + (gradient.map { [$0] } ?? []) }
  }

  package struct Group {
    /// By position in the rule's hyperparameters.
    package var hyper: [Double]
    package var structure: Int
  }

  package let rule: any OptimizerRule.Type
  package private(set) var groups: [Group] = []
  package var entries: [Entry] = []
  private var positions: [Int32: Int] = [:]
  var programs = StepCache()
  /// Changes whenever a structure or the set of parameters does: part of every step's key.
  package private(set) var revision: Int32 = 0
  /// Tells optimizers apart whose revisions are equal.
  let id: Int32
  private static let ids = Atomic<Int32>(0)
  /// Whether updates keep the gradient they were given: sama differentiates them.
  private var keepsGradients = false
  /// What programs know of this optimizer.
  let link = OptimizerLink()

  package init(_ name: String) throws {
    rule = try OptimizerRules.rule(named: name)
    id = Self.ids.wrappingAdd(1, ordering: .relaxed).newValue
    link.optimizer = self
  }

  deinit { link.optimizer = nil }

  /// From now on updates keep their gradients, if the rule has a use for them.
  func keepGradients() {
    guard rule.adapts, !keepsGradients else { return }
    keepsGradients = true
    revision &+= 1
  }

  package func addGroup(_ parameters: [Tensor], _ hyper: [String: Double]) throws {
    guard !parameters.isEmpty else {
      throw BettyError.value("\(rule.name): a group has no parameters")
    }
    var values = rule.hyperparameters.map(\.value)
    for (name, value) in hyper {
      values[try position(of: name)] = value
    }
    for (hyper, value) in zip(rule.hyperparameters, values) {
      try hyper.check(value, for: rule.name)
    }
    for parameter in parameters {
      let id = parameter.parameterID
      guard id != 0 else {
        throw BettyError.value(
          "\(rule.name): can only optimize leaves with memory of their own, got a value that an "
            + "operation made, or a view, of \(parameter.type); clone it first")
      }
      guard positions[id] == nil else {
        throw BettyError.value("\(rule.name): a parameter appears in more than one group")
      }
    }
    for parameter in parameters {
      let id = parameter.parameterID
      guard positions[id] == nil else { continue }
      positions[id] = entries.count
      entries.append(Entry(parameter: parameter, group: groups.count))
    }
    groups.append(Group(hyper: values, structure: rule.structure(values)))
    revision &+= 1
  }

  /// Sets a hyperparameter: the next step sees it, and nothing is compiled unless it changes the
  /// structure of the update.
  package func set(_ group: Int, _ name: String, _ value: Double) throws {
    let position = try position(of: name)
    try checkGroup(group)
    try rule.hyperparameters[position].check(value, for: rule.name)
    groups[group].hyper[position] = value
    link.generation &+= 1
    let structure = rule.structure(groups[group].hyper)
    if structure != groups[group].structure {
      groups[group].structure = structure
      revision &+= 1
    }
  }

  package func get(_ group: Int, _ name: String) throws -> Double {
    let position = try position(of: name)
    try checkGroup(group)
    return groups[group].hyper[position]
  }

  package func stateNames(_ group: Int) throws -> [String] {
    try checkGroup(group)
    return rule.stateNames(structure: groups[group].structure)
  }

  private func checkGroup(_ group: Int) throws {
    guard groups.indices.contains(group) else {
      throw BettyError.index("\(rule.name): group \(group) of \(groups.count)")
    }
  }

  private func position(of name: String) throws -> Int {
    if let position = rule.hyperparameters.firstIndex(where: { $0.name == name }) {
      return position
    }
    let known = rule.hyperparameters.map(\.name).joined(separator: ", ")
    throw BettyError(.key, "\(rule.name): unknown option '\(name)', known are \(known)")
  }

  /// The entry of a parameter; nil for parameters that are not this optimizer's.
  package func position(of parameter: Tensor) -> Int? { positions[parameter.parameterID] }

  private func entry(of parameter: Tensor) throws -> Int {
    if let position = position(of: parameter) { return position }
    throw BettyError(.key, "\(rule.name): the parameter is in none of its groups")
  }

  // MARK: State

  package func steps(of parameter: Tensor) throws -> Int {
    entries[try entry(of: parameter)].steps
  }

  package func setSteps(_ steps: Int, of parameter: Tensor) throws {
    try Count.check(steps, "\(rule.name): steps")
    entries[try entry(of: parameter)].steps = steps
    link.generation &+= 1
  }

  /// A tensor of a parameter's state; nil before its first step.
  package func state(of parameter: Tensor, _ name: String) throws -> Tensor? {
    let entry = entries[try entry(of: parameter)]
    let names = try stateNames(entry.group)
    guard let position = names.firstIndex(of: name) else {
      throw BettyError(
        .key, "\(rule.name): no state '\(name)', it has \(names.joined(separator: ", "))")
    }
    return position < entry.state.count ? entry.state[position] : nil
  }

  package func setState(of parameter: Tensor, _ name: String, to value: Tensor) throws {
    let position = try entry(of: parameter)
    guard value.type == parameter.type else {
      throw BettyError.value(
        "\(rule.name): state '\(name)' of \(parameter.type) can't be \(value.type)")
    }
    try prepareState(position)
    guard let handle = try state(of: parameter, name) else { return }
    try handle.assign(value)
  }

  /// Makes the state of a parameter, zeros, if it has none.
  func prepareState(_ position: Int) throws {
    let entry = entries[position]
    let type = entry.parameter.type
    if keepsGradients, entry.gradient == nil {
      entries[position].gradient = try Tensor.zeroHandle(type)
    }
    let names = rule.stateNames(structure: groups[entry.group].structure)
    guard entry.state.count != names.count else { return }
    entries[position].state = try names.map { _ in try Tensor.zeroHandle(type) }
  }

  /// As before the first step: no steps taken, state zero.
  func resetState() throws {
    for position in entries.indices {
      entries[position].steps = 0
      for handle in entries[position].state { try handle.assign(Recording.zeros(like: handle)) }
    }
  }

  /// The numbers that the next update of a parameter reads.
  func runtime(_ position: Int) -> [Double] {
    let entry = entries[position]
    let group = groups[entry.group]
    return rule.runtime(group.hyper, structure: group.structure, step: entry.steps + 1)
  }

  /// Whether `runtime` is the same in all later updates, as long as the link's generation is.
  fileprivate func isSteady(_ position: Int) -> Bool {
    let entry = entries[position]
    return rule.isSteady(structure: groups[entry.group].structure, step: entry.steps + 1)
  }

  /// The numbers that tell what the last update of a parameter made of its gradient.
  fileprivate func adaptationNumbers(_ position: Int) -> [Double] {
    let entry = entries[position]
    let group = groups[entry.group]
    return rule.adaptationNumbers(group.hyper, structure: group.structure, step: entry.steps)
  }
}

/// An optimizer to its programs, which it keeps, so they don't keep it: a program without its optimizer is
/// found by no key, and never runs. A weak reference would do the same and make each count of the
/// optimizer's references a slow one.
final class OptimizerLink {
  fileprivate(set) unowned var optimizer: Optimizer?
  /// Changes whenever a number does that an update reads, but for the count of steps going on.
  fileprivate(set) var generation = 0
}

/// Numbers of an optimizer that a program reads at run time, whenever it runs.
struct RuntimeNumbers {
  enum Use { case update, adaptation }
  let link: OptimizerLink
  let position: Int
  let use: Use

  var values: [Double] {
    guard let optimizer = link.optimizer else { return [] }
    switch use {
    case .update: return optimizer.runtime(position)
    case .adaptation: return optimizer.adaptationNumbers(position)
    }
  }

  var isSteady: Bool { use == .update && link.optimizer?.isSteady(position) == true }
}

extension Tensor {
  /// State of a program: a handle on zeros that no gradient flows through.
  static func zeroHandle(_ type: TensorType) throws -> Tensor {
    let zeros = try Recording.call(
      "zeros", [], ["size": .ints(type.shape), "dtype": .dtype(type.dtype)])
    return try parameter(zeros[0], requiresGrad: false)
  }
}
