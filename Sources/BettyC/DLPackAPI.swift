// Tensors to and from other libraries over DLPack 1.0. The structs are laid out here as in the
// header. Invariant: what is handed out holds its buffer until the deleter is called; what is
// taken in is given back by its deleter once, when the last tensor on it goes.

import BettyGraph
import BettyKernelInterface
import BettyRuntime

struct DLPackVersion {
  var major: UInt32 = 1
  var minor: UInt32 = 0
}
struct DLDevice {
  var device_type: Int32 = 1
  var device_id: Int32 = 0
}
struct DLDataType {
  var code: UInt8
  var bits: UInt8
  var lanes: UInt16 = 1
}
struct DLTensor {
  var data: UnsafeMutableRawPointer?
  var device = DLDevice()
  var ndim: Int32
  var dtype: DLDataType
  var shape: UnsafeMutablePointer<Int64>?
  var strides: UnsafeMutablePointer<Int64>?
  var byte_offset: UInt64 = 0
}
struct DLManagedTensor {
  var dl_tensor: DLTensor
  var manager_ctx: UnsafeMutableRawPointer?
  var deleter: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?
}
struct DLManagedTensorVersioned {
  var version = DLPackVersion()
  var manager_ctx: UnsafeMutableRawPointer?
  var deleter: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?
  var flags: UInt64 = 0
  var dl_tensor: DLTensor

  static let readOnly: UInt64 = 1
}

extension DLDataType {
  init(_ dtype: DType) {
    let code: UInt8 =
      switch dtype {
      case .f64, .f32, .f16: 2
      case .bf16: 4
      case .i64, .i32: 0
      case .u8: 1
      case .bool: 6
      }
    self.init(code: code, bits: UInt8(dtype.size * 8))
  }

  var known: DType? {
    guard lanes == 1 else { return nil }
    switch (code, bits) {
    case (2, 64): return .f64
    case (2, 32): return .f32
    case (2, 16): return .f16
    case (4, 16): return .bf16
    case (0, 64): return .i64
    case (0, 32): return .i32
    case (1, 8): return .u8
    case (6, 8): return .bool
    default: return nil
    }
  }
}

/// What an export keeps alive: the buffer, and shape and strides behind the struct's pointers.
private final class Export {
  let buffer: Buffer
  let sizes: UnsafeMutablePointer<Int64>

  init(_ buffer: Buffer, _ type: TensorType) {
    self.buffer = buffer
    sizes = .allocate(capacity: 2 * type.rank + 1)
    for (axis, (dimension, stride)) in zip(type.shape, type.strides).enumerated() {
      sizes[axis] = Int64(dimension)
      sizes[type.rank + axis] = Int64(stride)
    }
  }

  deinit { sizes.deallocate() }

  func tensor(_ type: TensorType) -> DLTensor {
    DLTensor(
      data: buffer.pointer, ndim: Int32(truncatingIfNeeded: type.rank),
      dtype: DLDataType(type.dtype), shape: sizes, strides: sizes + type.rank)
  }
}

private func export(_ handle: Handle?) throws -> (Export, TensorType, isShared: Bool) {
  let tensor = try tensor(handle)
  let (buffer, isShared) = try tensor.exported()
  return (Export(buffer, tensor.type), tensor.type, isShared)
}

// MARK: Out

@_cdecl("betty_tensor_to_dlpack")
public func betty_tensor_to_dlpack(
  _ handle: Handle?, _ out: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> Int32 {
  boundary {
    let out = try given(out, "out_managed")
    var (export, type, isShared) = try export(handle)
    if isShared {
      // This form cannot say that it is read-only: it gets memory of its own.
      let bytes = UnsafeRawBufferPointer(start: export.buffer.pointer, count: type.byteCount)
      export = Export(try Buffer(copying: bytes), type)
    }
    let managed = UnsafeMutablePointer<DLManagedTensor>.allocate(capacity: 1)
    managed.initialize(
      to: DLManagedTensor(
        dl_tensor: export.tensor(type), manager_ctx: Unmanaged.passRetained(export).toOpaque(),
        deleter: { raw in
          guard let raw else { return }
          let managed = raw.assumingMemoryBound(to: DLManagedTensor.self)
          if let context = managed.pointee.manager_ctx {
            Unmanaged<Export>.fromOpaque(context).release()
          }
          managed.deallocate()
        }))
    out.pointee = UnsafeMutableRawPointer(managed)
  }
}

@_cdecl("betty_tensor_to_dlpack_versioned")
public func betty_tensor_to_dlpack_versioned(
  _ handle: Handle?, _ out: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> Int32 {
  boundary {
    let out = try given(out, "out_managed")
    let (export, type, isShared) = try export(handle)
    let managed = UnsafeMutablePointer<DLManagedTensorVersioned>.allocate(capacity: 1)
    managed.initialize(
      to: DLManagedTensorVersioned(
        manager_ctx: Unmanaged.passRetained(export).toOpaque(),
        deleter: { raw in
          guard let raw else { return }
          let managed = raw.assumingMemoryBound(to: DLManagedTensorVersioned.self)
          if let context = managed.pointee.manager_ctx {
            Unmanaged<Export>.fromOpaque(context).release()
          }
          managed.deallocate()
        }, flags: isShared ? DLManagedTensorVersioned.readOnly : 0,
        dl_tensor: export.tensor(type)))
    out.pointee = UnsafeMutableRawPointer(managed)
  }
}

// MARK: In

/// The type of foreign data, and its strides if it is not contiguous.
private func layout(_ tensor: DLTensor) throws -> (type: TensorType, strides: [Int]?) {
  guard tensor.device.device_type == 1 else {
    throw BettyError.value("dlpack: device \(tensor.device.device_type) is not the processor (1)")
  }
  guard let dtype = tensor.dtype.known else {
    throw BettyError.type(
      "dlpack: no element type for code \(tensor.dtype.code) of \(tensor.dtype.bits) bits, "
        + "\(tensor.dtype.lanes) lanes")
  }
  let shape = try list(tensor.shape.map { UnsafePointer($0) }, tensor.ndim, "dlpack shape")
  guard shape.count <= 64 else { throw BettyError.value("dlpack: a rank of \(shape.count)") }
  let type = try TensorType(dtype, shape.map { Int($0) })
  guard tensor.data != nil || type.count == 0 else { throw missing("dlpack data") }
  guard let given = tensor.strides, type.count > 0 else { return (type, nil) }
  let strides = type.shape.indices.map { Int(given[$0]) }
  let plain = zip(type.shape.indices, type.strides).allSatisfy {
    type.shape[$0] == 1 || strides[$0] == $1
  }
  return (type, plain ? nil : strides)
}

/// Copies strided elements to row-major order.
private func gather(
  _ source: UnsafeRawPointer, _ type: TensorType, _ strides: [Int]
) throws -> Buffer {
  let buffer = try Buffer(byteCount: type.byteCount)
  let size = type.dtype.size
  var index = [Int](repeating: 0, count: type.rank)
  var offset = 0
  for place in 0..<type.count {
    (buffer.pointer + place * size).copyMemory(from: source + offset * size, byteCount: size)
    var axis = type.rank - 1
    while axis >= 0 {
      index[axis] += 1
      offset += strides[axis]
      if index[axis] < type.shape[axis] { break }
      offset -= strides[axis] * index[axis]
      index[axis] = 0
      axis -= 1
    }
  }
  return buffer
}

/// A tensor on foreign data; `release` is called once, at once if the data is copied.
private func adopt(
  _ tensor: DLTensor, isWritable: Bool, release: @escaping @Sendable () -> Void
) throws -> Tensor {
  let (type, strides) = try layout(tensor)
  guard let data = tensor.data, type.count > 0 else {
    let empty = Tensor(try Buffer(byteCount: 0), type)
    release()
    return empty
  }
  let start = data + Int(tensor.byte_offset)
  let isAligned = UInt(bitPattern: start) % UInt(type.dtype.size) == 0
  if strides == nil && isAligned {
    let buffer = Buffer(external: start, byteCount: type.byteCount, isWritable: isWritable) { _ in
      release()
    }
    return Tensor(buffer, type)
  }
  let made = Tensor(try gather(start, type, strides ?? type.strides), type)
  release()
  return made
}

@_cdecl("betty_tensor_from_dlpack")
public func betty_tensor_from_dlpack(
  _ managed: UnsafeMutableRawPointer?, _ out: HandleOut?
) -> Int32 {
  boundary {
    let out = try given(out, "out_tensor")
    nonisolated(unsafe) let managed = try given(managed, "managed")
      .assumingMemoryBound(to: DLManagedTensor.self)
    // Without a flag to say otherwise, the memory may be written to.
    let made = try adopt(managed.pointee.dl_tensor, isWritable: true) {
      managed.pointee.deleter?(managed)
    }
    out.pointee = hand(made)
  }
}

@_cdecl("betty_tensor_from_dlpack_versioned")
public func betty_tensor_from_dlpack_versioned(
  _ managed: UnsafeMutableRawPointer?, _ out: HandleOut?
) -> Int32 {
  boundary {
    let out = try given(out, "out_tensor")
    nonisolated(unsafe) let managed = try given(managed, "managed")
      .assumingMemoryBound(to: DLManagedTensorVersioned.self)
    guard managed.pointee.version.major == 1 else {
      throw BettyError.value("dlpack: version \(managed.pointee.version.major), known is 1")
    }
    let isWritable = managed.pointee.flags & DLManagedTensorVersioned.readOnly == 0
    let made = try adopt(managed.pointee.dl_tensor, isWritable: isWritable) {
      managed.pointee.deleter?(managed)
    }
    out.pointee = hand(made)
  }
}
