// Hypergradient methods in the hands of C: what they are called, keep and tell, and those of a user's own.
// Invariant: a call of one of these is good until its callback returns.

import BettyGraph
import BettyMLO
import BettyRuntime

typealias MethodCallback = @convention(c) (Handle?, UnsafeMutableRawPointer?) -> Int32

final class MethodCallBox: Boxed {
  static let noun: StaticString = "method call"
  let call: MethodCall
  init(_ call: MethodCall) { self.call = call }
  deinit { LiveObjects.forget(self) }

  func tensors(_ what: UnsafePointer<CChar>?) throws -> [Tensor] {
    switch try text(what, "what") {
    case "vector": return call.vector
    case "parameters": return call.parameters
    case "upper": return call.upper
    case "loss": return [call.loss]
    case let other:
      throw BettyError(
        .key, "method call: '\(other)' is none of vector, parameters, upper, loss")
    }
  }
}

@_cdecl("betty_problem_memory")
public func betty_problem_memory(
  _ handle: Handle?, _ index: Int32,
  _ outKey: UnsafeMutablePointer<UnsafePointer<CChar>?>?, _ outTensor: HandleOut?
) -> Int32 {
  boundary {
    let (outKey, outTensor) = (try given(outKey, "out_key"), try given(outTensor, "out_tensor"))
    let memories = try problem(handle).problem.memories()
    (outKey.pointee, outTensor.pointee) = (nil, nil)
    guard memories.indices.contains(Int(index)) else { return }
    outKey.pointee = try keep(memories[Int(index)].key)
    try give(memories[Int(index)].value, to: outTensor, "out_tensor")
  }
}

@_cdecl("betty_problem_set_memory")
public func betty_problem_set_memory(
  _ handle: Handle?, _ key: UnsafePointer<CChar>?, _ value: Handle?
) -> Int32 {
  boundary {
    try problem(handle).problem.setMemory(text(key, "key"), to: tensor(value, "tensor"))
  }
}

/// What C gives for every call.
private struct UserData: @unchecked Sendable { let pointer: UnsafeMutableRawPointer? }

private func methodCall(_ handle: Handle?) throws -> MethodCallBox {
  try object(handle, as: MethodCallBox.self)
}

@_cdecl("betty_hypergradient_register")
public func betty_hypergradient_register(
  _ name: UnsafePointer<CChar>?,
  _ method: (@convention(c) (Handle?, UnsafeMutableRawPointer?) -> Int32)?,
  _ userData: UnsafeMutableRawPointer?
) -> Int32 {
  boundary {
    guard let method else { throw missing("method") }
    let (name, data) = (try text(name, "name"), UserData(pointer: userData))
    try Hypergradients.register(name) { call in
      let handle = LiveObjects.give(MethodCallBox(call))
      defer { LiveObjects.release(handle, as: MethodCallBox.self) }
      try check(method(handle, data.pointer), "method '\(name)'", "its function")
    }
  }
}

@_cdecl("betty_method_count")
public func betty_method_count(
  _ handle: Handle?, _ what: UnsafePointer<CChar>?, _ out: UnsafeMutablePointer<Int32>?
) -> Int32 {
  boundary {
    let out = try given(out, "out_count")
    out.pointee = Int32(try methodCall(handle).tensors(what).count)
  }
}

@_cdecl("betty_method_tensor")
public func betty_method_tensor(
  _ handle: Handle?, _ what: UnsafePointer<CChar>?, _ index: Int32, _ out: HandleOut?
) -> Int32 {
  boundary {
    let tensors = try methodCall(handle).tensors(what)
    guard tensors.indices.contains(Int(index)) else {
      throw BettyError.index("method call: tensor \(index) of \(tensors.count)")
    }
    try give(tensors[Int(index)], to: out, "out_tensor")
  }
}

@_cdecl("betty_method_product")
public func betty_method_product(
  _ handle: Handle?, _ name: UnsafePointer<CChar>?, _ vectors: HandleList?, _ count: Int32,
  _ out: HandleOut?
) -> Int32 {
  boundary {
    let out = try given(out, "out_tensors")
    let made = try methodCall(handle).call.apply(
      text(name, "product"), to: tensors(vectors, count, "vectors"))
    for (place, tensor) in made.enumerated() { try give(tensor, to: out + place, "out_tensors") }
  }
}

@_cdecl("betty_method_give")
public func betty_method_give(
  _ handle: Handle?, _ product: HandleList?, _ count: Int32
) -> Int32 {
  boundary { try methodCall(handle).call.product = tensors(product, count, "product") }
}

@_cdecl("betty_hypergradient_option")
public func betty_hypergradient_option(
  _ method: UnsafePointer<CChar>?, _ index: Int32,
  _ outName: UnsafeMutablePointer<UnsafePointer<CChar>?>?,
  _ outDefault: UnsafeMutablePointer<Double>?
) -> Int32 {
  boundary {
    let (outName, outDefault) = (
      try given(outName, "out_name"), try given(outDefault, "out_default")
    )
    let name = try text(method, "method")
    guard let method = Hypergradients.all.first(where: { $0.name == name }) else {
      throw BettyError(.key, "hypergradient: there is no method '\(name)'")
    }
    outName.pointee = nil
    guard method.options.indices.contains(Int(index)) else { return }
    let option = method.options[Int(index)]
    (outName.pointee, outDefault.pointee) = (try keep(option.name), option.value)
  }
}

@_cdecl("betty_problem_hypergradient_info")
public func betty_problem_hypergradient_info(
  _ handle: Handle?, _ out: UnsafeMutablePointer<UnsafePointer<CChar>?>?
) -> Int32 {
  boundary {
    let out = try given(out, "out_text")
    let lines = try problem(handle).problem.records.compactMap(line)
    out.pointee = try keep(lines.map { $0 + "\n" }.joined())
  }
}

/// What a method has told of its last call; nil if it has not been called.
private func line(_ record: MethodRecord) throws -> String? {
  guard let verdict = try record.verdict() else { return nil }
  let numbers = zip(record.names, try record.values()).map { "\t\($0)=\($1)" }.joined()
  return "\(record.path.joined(separator: " "))\t\(record.problem)\t\(record.methodName)"
    + "\t\(verdict.isConverged ? 1 : 0)\t\(verdict.reason)\(numbers)"
}

nonisolated(unsafe) private let methods = Hypergradients.all.map { lasting($0.name) }

@_cdecl("betty_hypergradient_method")
public func betty_hypergradient_method(_ index: Int32) -> UnsafePointer<CChar>? {
  methods.indices.contains(Int(index)) ? methods[Int(index)] : nil
}
