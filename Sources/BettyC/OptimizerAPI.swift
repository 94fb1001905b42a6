// Optimizers in the hands of C.

import BettyGraph
import BettyMLO
import BettyRuntime

final class OptimizerBox: Boxed {
  static let noun: StaticString = "optimizer"
  let optimizer: Optimizer
  init(_ optimizer: Optimizer) { self.optimizer = optimizer }
  deinit { LiveObjects.forget(self) }
}

private func optimizer(_ handle: Handle?) throws -> Optimizer {
  try object(handle, as: OptimizerBox.self).optimizer
}

/// Options that are all numbers.
private func numbers(_ handle: Handle?) throws -> [String: Double] {
  var numbers: [String: Double] = [:]
  for (name, value) in try options(handle).entries {
    switch value {
    case .double(let number): numbers[name] = number
    case .int(let number): numbers[name] = Double(number)
    case .bool(let flag): numbers[name] = flag ? 1 : 0
    default:
      throw BettyError.type("optimizer: option '\(name)' takes float, got \(value.kindName)")
    }
  }
  return numbers
}

@_cdecl("betty_optimizer_new")
public func betty_optimizer_new(_ name: UnsafePointer<CChar>?, _ out: HandleOut?) -> Int32 {
  boundary {
    try give(OptimizerBox(Optimizer(text(name, "name"))), to: out, "out_optimizer")
  }
}

@_cdecl("betty_optimizer_free") public func betty_optimizer_free(_ handle: Handle?) {
  release(handle, as: OptimizerBox.self)
}

@_cdecl("betty_optimizer_add_group")
public func betty_optimizer_add_group(
  _ handle: Handle?, _ parameters: HandleList?, _ count: Int32, _ hyper: Handle?
) -> Int32 {
  boundary {
    let optimizer = try optimizer(handle)
    let parameters = try tensors(parameters, count, "parameters")
    for parameter in parameters { try parameter.becomeParameter() }
    try optimizer.addGroup(parameters, numbers(hyper))
  }
}

@_cdecl("betty_optimizer_set")
public func betty_optimizer_set(
  _ handle: Handle?, _ group: Int32, _ name: UnsafePointer<CChar>?, _ value: Double
) -> Int32 {
  boundary { try optimizer(handle).set(Int(group), text(name, "name"), value) }
}

@_cdecl("betty_optimizer_get")
public func betty_optimizer_get(
  _ handle: Handle?, _ group: Int32, _ name: UnsafePointer<CChar>?,
  _ out: UnsafeMutablePointer<Double>?
) -> Int32 {
  boundary {
    let out = try given(out, "out_value")
    out.pointee = try optimizer(handle).get(Int(group), text(name, "name"))
  }
}

@_cdecl("betty_optimizer_step") public func betty_optimizer_step(_ handle: Handle?) -> Int32 {
  boundary { try optimizer(handle).step() }
}

@_cdecl("betty_optimizer_zero_grad")
public func betty_optimizer_zero_grad(_ handle: Handle?) -> Int32 {
  boundary {
    for entry in try optimizer(handle).entries { try entry.parameter.setGradient(nil) }
  }
}

@_cdecl("betty_optimizer_state_name")
public func betty_optimizer_state_name(
  _ handle: Handle?, _ group: Int32, _ index: Int32,
  _ out: UnsafeMutablePointer<UnsafePointer<CChar>?>?
) -> Int32 {
  boundary {
    let out = try given(out, "out_name")
    let names = try optimizer(handle).stateNames(Int(group))
    out.pointee = try keep(names.indices.contains(Int(index)) ? names[Int(index)] : "")
  }
}

@_cdecl("betty_optimizer_state")
public func betty_optimizer_state(
  _ handle: Handle?, _ parameter: Handle?, _ name: UnsafePointer<CChar>?, _ out: HandleOut?
) -> Int32 {
  boundary {
    let out = try given(out, "out_state")
    let state = try optimizer(handle).state(of: tensor(parameter, "parameter"), text(name, "name"))
    out.pointee = state.map(hand)
  }
}

@_cdecl("betty_optimizer_set_state")
public func betty_optimizer_set_state(
  _ handle: Handle?, _ parameter: Handle?, _ name: UnsafePointer<CChar>?, _ state: Handle?
) -> Int32 {
  boundary {
    try optimizer(handle).setState(
      of: tensor(parameter, "parameter"), text(name, "name"), to: tensor(state, "state"))
  }
}

@_cdecl("betty_optimizer_steps")
public func betty_optimizer_steps(
  _ handle: Handle?, _ parameter: Handle?, _ out: UnsafeMutablePointer<Int64>?
) -> Int32 {
  boundary {
    let out = try given(out, "out_steps")
    out.pointee = Int64(try optimizer(handle).steps(of: tensor(parameter, "parameter")))
  }
}

@_cdecl("betty_optimizer_set_steps")
public func betty_optimizer_set_steps(
  _ handle: Handle?, _ parameter: Handle?, _ steps: Int64
) -> Int32 {
  boundary {
    try optimizer(handle).setSteps(Int(steps), of: tensor(parameter, "parameter"))
  }
}

/// Names as C strings, which are never freed.
nonisolated(unsafe) private let hyperparameters: [String: [(UnsafePointer<CChar>, Double)]] =
  Dictionary(
    uniqueKeysWithValues: OptimizerRules.all.map { rule in
      (rule.name, rule.hyperparameters.map { (lasting($0.name), $0.value) })
    })

@_cdecl("betty_optimizer_hyperparameter")
public func betty_optimizer_hyperparameter(
  _ name: UnsafePointer<CChar>?, _ index: Int32,
  _ outName: UnsafeMutablePointer<UnsafePointer<CChar>?>?, _ outValue: UnsafeMutablePointer<Double>?
) -> Int32 {
  boundary {
    let (outName, outValue) = (try given(outName, "out_name"), try given(outValue, "out_default"))
    let rule = try OptimizerRules.rule(named: text(name, "optimizer"))
    let all = hyperparameters[rule.name] ?? []
    guard all.indices.contains(Int(index)) else {
      outName.pointee = nil
      return
    }
    outName.pointee = all[Int(index)].0
    outValue.pointee = all[Int(index)].1
  }
}
