// Changes of a tensor in place. The graph stays functional: a handle stands for another value
// afterwards.

import BettyGraph
import BettyKernelInterface
import BettyRuntime

extension DType {
  /// bool < integers < floats: a change in place never loses the kind of number.
  fileprivate var category: Int { self == .bool ? 0 : isInteger ? 1 : 2 }
}

/// `value` in the element type of `target`.
private func converted(_ value: Tensor, to dtype: DType) throws -> Tensor {
  if value.type.dtype == dtype && !value.isNumber { return value }
  return try Recording.call("to", [value], ["dtype": .dtype(dtype)])[0]
}

@_cdecl("betty_tensor_assign")
public func betty_tensor_assign(_ handle: Handle?, _ source: Handle?) -> Int32 {
  boundary {
    let (target, given) = (try tensor(handle), try tensor(source, "source"))
    let type = target.type
    var value = try converted(given, to: type.dtype)
    if value === given { value = try given.copied() }
    if value.type.shape != type.shape {
      value = try Recording.call("expand", [value], ["size": .ints(type.shape)])[0]
    }
    try target.update(to: value, "copy_")
  }
}

@_cdecl("betty_tensor_update")
public func betty_tensor_update(_ handle: Handle?, _ result: Handle?) -> Int32 {
  boundary {
    let (target, value) = (try tensor(handle), try tensor(result, "result"))
    let (own, new) = (target.type, value.type)
    guard own.shape == new.shape else {
      throw BettyError.runtime(
        "in-place: the result of shape \(new.shape) does not fit the tensor, got \(own)")
    }
    guard new.dtype.category <= own.dtype.category else {
      throw BettyError.runtime(
        "in-place: result type \(new.dtype.name) can't be cast to \(own.dtype.name)")
    }
    try target.update(to: converted(value, to: own.dtype), "in-place")
  }
}

@_cdecl("betty_tensor_set_data")
public func betty_tensor_set_data(_ handle: Handle?, _ source: Handle?) -> Int32 {
  boundary {
    let (target, value) = (try tensor(handle), try tensor(source, "source"))
    // A tensor that changes its type takes its old value along: what was made of it comes first.
    if value.type != target.type { try Recording.evaluate([value]) }
    try target.setData(value)
  }
}

@_cdecl("betty_tensor_detach")
public func betty_tensor_detach(_ handle: Handle?, _ out: HandleOut?) -> Int32 {
  boundary {
    try give(Recording.call("detach", [tensor(handle)])[0], to: out, "out_tensor")
  }
}

@_cdecl("betty_tensor_detach_in_place")
public func betty_tensor_detach_in_place(_ handle: Handle?) -> Int32 {
  boundary { try tensor(handle).detachInPlace() }
}

@_cdecl("betty_parameter_new")
public func betty_parameter_new(
  _ source: Handle?, _ requiresGrad: Int32, _ out: HandleOut?
) -> Int32 {
  boundary {
    let out = try given(out, "out_parameter")
    let source = try tensor(source, "source")
    try Recording.evaluate([source])
    let made = try Tensor.parameter(source, requiresGrad: requiresGrad != 0)
    try source.share(with: made)
    out.pointee = hand(made)
  }
}
