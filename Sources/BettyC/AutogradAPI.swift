// Derivatives of recorded computations, and what a tensor knows of them.

import BettyGraph
import BettyMLO
import BettyRuntime
import CBettySupport

@_cdecl("betty_tensor_requires_grad")
public func betty_tensor_requires_grad(
  _ handle: Handle?, _ out: UnsafeMutablePointer<Int32>?
) -> Int32 {
  boundary { try given(out, "out_flag").pointee = tensor(handle).requiresGrad ? 1 : 0 }
}

@_cdecl("betty_tensor_set_requires_grad")
public func betty_tensor_set_requires_grad(_ handle: Handle?, _ flag: Int32) -> Int32 {
  boundary { try tensor(handle).setRequiresGrad(flag != 0) }
}

@_cdecl("betty_tensor_is_leaf")
public func betty_tensor_is_leaf(_ handle: Handle?, _ out: UnsafeMutablePointer<Int32>?) -> Int32 {
  boundary { try given(out, "out_flag").pointee = tensor(handle).isLeaf ? 1 : 0 }
}

@_cdecl("betty_tensor_grad")
public func betty_tensor_grad(_ handle: Handle?, _ out: HandleOut?) -> Int32 {
  boundary {
    let out = try given(out, "out_grad")
    out.pointee = try tensor(handle).gradient.map(hand)
  }
}

@_cdecl("betty_tensor_set_grad")
public func betty_tensor_set_grad(_ handle: Handle?, _ grad: Handle?) -> Int32 {
  boundary { try tensor(handle).setGradient(grad.map { try tensor($0, "grad") }) }
}

@_cdecl("betty_tensor_retain_grad")
public func betty_tensor_retain_grad(_ handle: Handle?) -> Int32 {
  boundary { try tensor(handle).retainGradient() }
}

@_cdecl("betty_tensor_accumulate_grad")
public func betty_tensor_accumulate_grad(
  _ handle: Handle?, _ grad: Handle?, _ createGraph: Int32
) -> Int32 {
  boundary {
    try tensor(handle).accumulate(tensor(grad, "grad"), createGraph: createGraph != 0)
  }
}

@_cdecl("betty_tensor_retains_grad")
public func betty_tensor_retains_grad(
  _ handle: Handle?, _ out: UnsafeMutablePointer<Int32>?
) -> Int32 {
  boundary { try given(out, "out_flag").pointee = tensor(handle).retainsGradient ? 1 : 0 }
}

@_cdecl("betty_backward")
public func betty_backward(
  _ outputs: HandleList?, _ cotangents: HandleList?, _ count: Int32, _ retainGraph: Int32,
  _ createGraph: Int32
) -> Int32 {
  boundary {
    try Autograd.backward(
      tensors(outputs, count, "outputs"),
      optionalTensors(cotangents, count, "grad_outputs") ?? [], retainGraph: retainGraph != 0,
      createGraph: createGraph != 0)
  }
}

@_cdecl("betty_backward_order")
public func betty_backward_order(
  _ outputs: HandleList?, _ count: Int32, _ given: HandleList?, _ givenCount: Int32,
  _ wanted: Int32, _ out: UnsafeMutablePointer<Int64>?
) -> Int32 {
  boundary {
    let given = try tensors(given, givenCount, "tensors")
    if given.isEmpty { return }
    guard let out else { throw missing("out_positions") }
    let sought = wanted < 0 ? nil : Array(given.suffix(Int(wanted)))
    let found = try Autograd.positions(
      of: given, in: tensors(outputs, count, "outputs"), wanted: sought)
    for (place, position) in found.enumerated() { out[place] = Int64(position ?? -1) }
  }
}

@_cdecl("betty_backward_part")
public func betty_backward_part(
  _ outputs: HandleList?, _ cotangents: HandleList?, _ count: Int32, _ stops: HandleList?,
  _ stopCount: Int32, _ accumulate: Int32, _ createGraph: Int32, _ out: HandleOut?
) -> Int32 {
  boundary {
    let gradients = try Autograd.backward(
      tensors(outputs, count, "outputs"),
      optionalTensors(cotangents, count, "grad_outputs") ?? [],
      upTo: tensors(stops, stopCount, "stops"), accumulating: accumulate != 0,
      createGraph: createGraph != 0)
    guard let out else {
      if gradients.isEmpty { return }
      throw missing("out_grads")
    }
    for (place, gradient) in gradients.enumerated() { out[place] = gradient.map(hand) }
  }
}

@_cdecl("betty_backward_end")
public func betty_backward_end(_ outputs: HandleList?, _ count: Int32) -> Int32 {
  boundary { Autograd.consume(try tensors(outputs, count, "outputs")) }
}

@_cdecl("betty_grad")
public func betty_grad(
  _ outputs: HandleList?, _ cotangents: HandleList?, _ outputCount: Int32, _ inputs: HandleList?,
  _ inputCount: Int32, _ retainGraph: Int32, _ createGraph: Int32, _ allowUnused: Int32,
  _ out: HandleOut?
) -> Int32 {
  boundary {
    let inputs = try tensors(inputs, inputCount, "inputs")
    if inputs.isEmpty { return }
    let out = try given(out, "out_grads")
    let gradients = try Autograd.grad(
      tensors(outputs, outputCount, "outputs"), inputs,
      optionalTensors(cotangents, outputCount, "grad_outputs") ?? [],
      retainGraph: retainGraph != 0, createGraph: createGraph != 0, allowUnused: allowUnused != 0)
    for (place, gradient) in gradients.enumerated() { out[place] = gradient.map(hand) }
  }
}

@_cdecl("betty_vjp")
public func betty_vjp(
  _ outputs: HandleList?, _ cotangents: HandleList?, _ outputCount: Int32, _ inputs: HandleList?,
  _ inputCount: Int32, _ out: HandleOut?
) -> Int32 {
  boundary {
    let inputs = try tensors(inputs, inputCount, "inputs")
    if inputs.isEmpty { return }
    let out = try given(out, "out_cotangents")
    let products = try Autograd.vjp(
      tensors(outputs, outputCount, "outputs"), inputs,
      tensors(cotangents, outputCount, "cotangents"))
    for (place, product) in products.enumerated() { out[place] = hand(product) }
  }
}

@_cdecl("betty_jvp")
public func betty_jvp(
  _ outputs: HandleList?, _ outputCount: Int32, _ inputs: HandleList?, _ tangents: HandleList?,
  _ inputCount: Int32, _ out: HandleOut?
) -> Int32 {
  boundary {
    let outputs = try tensors(outputs, outputCount, "outputs")
    if outputs.isEmpty { return }
    let out = try given(out, "out_tangents")
    let products = try Autograd.jvp(
      outputs, tensors(inputs, inputCount, "inputs"), tensors(tangents, inputCount, "tangents"))
    for (place, product) in products.enumerated() { out[place] = hand(product) }
  }
}

@_cdecl("betty_hvp")
public func betty_hvp(
  _ output: Handle?, _ inputs: HandleList?, _ vectors: HandleList?, _ inputCount: Int32,
  _ out: HandleOut?
) -> Int32 {
  boundary {
    let output = try tensor(output, "output")
    let inputs = try tensors(inputs, inputCount, "inputs")
    if inputs.isEmpty { return }
    let out = try given(out, "out_products")
    let products = try Autograd.hvp(output, inputs, tensors(vectors, inputCount, "vectors"))
    for (place, product) in products.enumerated() { out[place] = hand(product) }
  }
}

@_cdecl("betty_vmap_example")
public func betty_vmap_example(
  _ handle: Handle?, _ level: Int32, _ out: HandleOut?
) -> Int32 {
  boundary {
    let out = try given(out, "out_example")
    guard level >= 0 else {
      throw BettyError.value("vmap_example: level must not be negative, got \(level)")
    }
    out.pointee = try hand(Autograd.example(of: tensor(handle), level: Int(level)))
  }
}

@_cdecl("betty_vmap")
public func betty_vmap(
  _ outputs: HandleList?, _ count: Int32, _ level: Int32, _ size: Int64, _ out: HandleOut?
) -> Int32 {
  boundary {
    let outputs = try tensors(outputs, count, "outputs")
    if outputs.isEmpty { return }
    let out = try given(out, "out_batched")
    guard level >= 0 else {
      throw BettyError.value("vmap: level must not be negative, got \(level)")
    }
    guard size > 0 else { throw BettyError.value("vmap: size must be positive, got \(size)") }
    let batched = try Autograd.batch(outputs, level: Int(level), size: Int(size))
    for (place, tensor) in batched.enumerated() { out[place] = hand(tensor) }
  }
}

@_cdecl("betty_grad_mode_set") public func betty_grad_mode_set(_ enabled: Int32) -> Int32 {
  defer { GradMode.isEnabled = enabled != 0 }
  return GradMode.isEnabled ? 1 : 0
}

@_cdecl("betty_grad_mode_get") public func betty_grad_mode_get() -> Int32 {
  GradMode.isEnabled ? 1 : 0
}
