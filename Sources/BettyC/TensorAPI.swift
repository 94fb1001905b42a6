// Tensors: made from memory, asked for what they are, read. A tensor's handle is the tensor
// itself, with its handles counted, so that what somebody can still read is computed along with
// what was asked for.

import BettyGraph
import BettyKernelInterface
import BettyRuntime

/// Gives a tensor to C, who owns the handle.
@inline(__always)
func hand(_ tensor: Tensor) -> Handle {
  tensor.retainHandle()
  return Handle(Unmanaged.passRetained(tensor).toOpaque())
}

func give(_ tensor: Tensor, to out: HandleOut?, _ name: StaticString) throws {
  try given(out, name).pointee = hand(tensor)
}

@inline(__always)
func tensor(_ handle: Handle?, _ name: StaticString = "tensor") throws -> Tensor {
  try given(handle, name).tensor().takeUnretainedValue()
}

/// A list of tensors, none of them NULL.
func tensors(_ handles: HandleList?, _ count: Int32, _ name: StaticString) throws -> [Tensor] {
  try list(handles, count, name).map { try tensor($0, name) }
}

/// A list of tensors that may have gaps; nil if there is no list.
func optionalTensors(
  _ handles: HandleList?, _ count: Int32, _ name: StaticString
) throws -> [Tensor?]? {
  guard handles != nil else { return nil }
  return try list(handles, count, name).map { try $0.map { try tensor($0, name) } }
}

func type(
  _ code: Int32, _ shape: UnsafePointer<Int64>?, _ rank: Int32
) throws -> TensorType {
  guard rank <= 64 else { throw BettyError.value("shape: a rank of \(rank), at most 64") }
  return try TensorType(dtype(code), list(shape, rank, "shape").map { Int($0) })
}

// MARK: Making

@_cdecl("betty_tensor_new")
public func betty_tensor_new(
  _ data: UnsafeRawPointer?, _ dtype: Int32, _ shape: UnsafePointer<Int64>?, _ rank: Int32,
  _ out: HandleOut?
) -> Int32 {
  boundary {
    let out = try given(out, "out_tensor")
    let type = try type(dtype, shape, rank)
    guard type.byteCount == 0 || data != nil else { throw missing("data") }
    out.pointee = hand(
      try Tensor.copying(UnsafeRawBufferPointer(start: data, count: type.byteCount), type))
  }
}

@_cdecl("betty_tensor_borrow")
public func betty_tensor_borrow(
  _ data: UnsafeRawPointer?, _ writable: Int32, _ dtype: Int32, _ shape: UnsafePointer<Int64>?,
  _ rank: Int32, _ release: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?,
  _ userData: UnsafeMutableRawPointer?, _ out: HandleOut?
) -> Int32 {
  boundary {
    let out = try given(out, "out_tensor")
    let type = try type(dtype, shape, rank)
    guard let data else {
      guard type.byteCount == 0 else { throw missing("data") }
      out.pointee = hand(Tensor(try Buffer(byteCount: 0), type))
      release?(userData)
      return
    }
    let size = type.dtype.size
    guard UInt(bitPattern: data) % UInt(size) == 0 else {
      throw BettyError.value("data: \(type.dtype.name) has to lie at a multiple of \(size) bytes")
    }
    nonisolated(unsafe) let user = userData
    out.pointee = hand(
      Tensor(
        Buffer(
          external: UnsafeMutableRawPointer(mutating: data), byteCount: type.byteCount,
          isWritable: writable != 0
        ) { _ in release?(user) }, type))
  }
}

@_cdecl("betty_tensor_number_double")
public func betty_tensor_number_double(_ value: Double, _ out: HandleOut?) -> Int32 {
  boundary { try give(Tensor.number(value), to: out, "out_tensor") }
}

@_cdecl("betty_tensor_number_int")
public func betty_tensor_number_int(_ value: Int64, _ out: HandleOut?) -> Int32 {
  boundary { try give(Tensor.number(Int(value)), to: out, "out_tensor") }
}

@_cdecl("betty_tensor_number_bool")
public func betty_tensor_number_bool(_ value: Int32, _ out: HandleOut?) -> Int32 {
  boundary { try give(Tensor.number(value != 0), to: out, "out_tensor") }
}

@_cdecl("betty_tensor_retain")
public func betty_tensor_retain(_ handle: Handle?, _ out: HandleOut?) -> Int32 {
  boundary { try give(tensor(handle), to: out, "out_tensor") }
}

@_cdecl("betty_tensor_free") public func betty_tensor_free(_ handle: Handle?) {
  guard let handle, let tensor = try? handle.tensor() else { return }
  tensor._withUnsafeGuaranteedRef { $0.dropHandle() }
  tensor.release()
}

// MARK: Asking

/// Writes one value asked of a tensor.
@inline(__always)
private func answer<Value>(
  _ handle: Handle?, _ out: UnsafeMutablePointer<Value>?, _ name: StaticString,
  _ read: (Tensor) throws -> Value
) -> Int32 {
  boundary { try given(out, name).pointee = read(tensor(handle)) }
}

@_cdecl("betty_tensor_dtype")
public func betty_tensor_dtype(_ handle: Handle?, _ out: UnsafeMutablePointer<Int32>?) -> Int32 {
  answer(handle, out, "out_dtype") { Int32($0.type.dtype.rawValue) }
}

@_cdecl("betty_tensor_rank")
public func betty_tensor_rank(_ handle: Handle?, _ out: UnsafeMutablePointer<Int32>?) -> Int32 {
  answer(handle, out, "out_rank") { Int32(truncatingIfNeeded: $0.type.rank) }
}

@_cdecl("betty_tensor_shape")
public func betty_tensor_shape(
  _ handle: Handle?, _ shape: UnsafeMutablePointer<Int64>?, _ capacity: Int32,
  _ rank: UnsafeMutablePointer<Int32>?
) -> Int32 {
  boundary {
    let dimensions = try tensor(handle).type.shape
    let rank = try given(rank, "out_rank")
    guard dimensions.count <= capacity else {
      throw BettyError.value("out_shape: \(dimensions.count) dimensions, room for \(capacity)")
    }
    if !dimensions.isEmpty {
      let shape = try given(shape, "out_shape")
      for (axis, dimension) in dimensions.enumerated() { shape[axis] = Int64(dimension) }
    }
    rank.pointee = Int32(truncatingIfNeeded: dimensions.count)
  }
}

@_cdecl("betty_tensor_count")
public func betty_tensor_count(_ handle: Handle?, _ out: UnsafeMutablePointer<Int64>?) -> Int32 {
  answer(handle, out, "out_count") { Int64($0.type.count) }
}

@_cdecl("betty_tensor_is_evaluated")
public func betty_tensor_is_evaluated(
  _ handle: Handle?, _ out: UnsafeMutablePointer<Int32>?
) -> Int32 {
  answer(handle, out, "out_flag") { $0.isComputed || $0.isNumber ? 1 : 0 }
}

@_cdecl("betty_tensor_version")
public func betty_tensor_version(_ handle: Handle?, _ out: UnsafeMutablePointer<Int64>?) -> Int32 {
  answer(handle, out, "out_version") { Int64($0.version) }
}

@_cdecl("betty_tensor_operation")
public func betty_tensor_operation(
  _ handle: Handle?, _ out: UnsafeMutablePointer<UnsafePointer<CChar>?>?
) -> Int32 {
  boundary {
    let out = try given(out, "out_name")
    out.pointee = try keep(tensor(handle).operationName)
  }
}

@_cdecl("betty_tensor_dump")
public func betty_tensor_dump(
  _ handle: Handle?, _ out: UnsafeMutablePointer<UnsafePointer<CChar>?>?
) -> Int32 {
  boundary {
    let out = try given(out, "out_text")
    out.pointee = try keep(Recording.dump(tensor(handle)))
  }
}

// MARK: Reading

@_cdecl("betty_tensor_evaluate")
public func betty_tensor_evaluate(_ handles: HandleList?, _ count: Int32) -> Int32 {
  boundary {
    try Recording.evaluate(tensors(handles, count, "tensors").filter { !$0.isNumber })
  }
}

@_cdecl("betty_tensor_copy_out")
public func betty_tensor_copy_out(
  _ handle: Handle?, _ destination: UnsafeMutableRawPointer?, _ bytes: Int
) -> Int32 {
  boundary {
    let tensor = try tensor(handle)
    let count = tensor.type.byteCount
    guard bytes == count else {
      throw BettyError.value("copy_out: \(tensor.type) has \(count) bytes, got \(bytes)")
    }
    if count == 0 { return }
    let destination = try given(destination, "destination")
    try tensor.withBytes { source in
      if let start = source.baseAddress {
        destination.copyMemory(from: start, byteCount: count)
      }
    }
  }
}

@_cdecl("betty_tensor_data")
public func betty_tensor_data(
  _ handle: Handle?, _ out: UnsafeMutablePointer<UnsafeRawPointer?>?
) -> Int32 {
  boundary {
    let tensor = try tensor(handle)
    guard !tensor.isNumber else { throw BettyError.value("data: a plain number has no memory") }
    let out = try given(out, "out_data")
    out.pointee = UnsafeRawPointer(try tensor.evaluated().pointer)
  }
}

@_cdecl("betty_tensor_item_double")
public func betty_tensor_item_double(
  _ handle: Handle?, _ out: UnsafeMutablePointer<Double>?
) -> Int32 {
  answer(handle, out, "out_value") { try $0.item().asDouble }
}

@_cdecl("betty_tensor_item_int")
public func betty_tensor_item_int(
  _ handle: Handle?, _ out: UnsafeMutablePointer<Int64>?
) -> Int32 {
  answer(handle, out, "out_value") { tensor in
    switch try tensor.item() {
    case .int(let value): return Int64(value)
    case .bool(let flag): return flag ? 1 : 0
    case .double(let value):
      guard let whole = Int64(exactly: value.rounded(.towardZero)) else {
        throw BettyError.value("item: \(value) is no 64-bit integer")
      }
      return whole
    }
  }
}
