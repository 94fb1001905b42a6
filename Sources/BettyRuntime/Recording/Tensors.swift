// Making tensors and reading them. Invariant: a tensor made from memory is a leaf; reading computes what is
// missing, and a pointer handed out stays valid as long as the buffer that comes with it.

import BettyGraph
import BettyKernelInterface
import Synchronization

/// A single element, in the widest type of its kind.
package enum Scalar: Sendable, Equatable {
  case double(Double)
  case int(Int)
  case bool(Bool)

  package var asDouble: Double {
    switch self {
    case .double(let value): value
    case .int(let value): Double(value)
    case .bool(let flag): flag ? 1 : 0
    }
  }
}

extension Tensor {
  /// A leaf on a buffer that holds exactly the type's bytes.
  package convenience init(_ buffer: Buffer, _ type: TensorType) {
    let typeID = Lock.held { TypeID.of(type) }
    self.init(operation: nil, typeID: typeID, flags: [], buffer: buffer)
  }

  /// A leaf with a copy of the bytes, of which there must be as many as the type has.
  package static func copying(
    _ bytes: UnsafeRawBufferPointer, _ type: TensorType
  ) throws -> Tensor {
    guard bytes.count == type.byteCount else {
      throw BettyError.value("tensor: \(type) has \(type.byteCount) bytes, got \(bytes.count)")
    }
    return Tensor(try Buffer(copying: bytes), type)
  }

  /// A leaf without memory, to record on: it stands for a value that a program will have.
  package static func standIn(_ type: TensorType) -> Tensor {
    Tensor(operation: nil, typeID: Lock.held { TypeID.of(type) }, flags: [])
  }

  /// Rows of the first dimension, copied out; indices must be of rows that there are.
  package func rows(_ indices: ArraySlice<Int64>) throws -> Tensor {
    let type = type
    let row = type.byteCount / max(type.shape.first ?? 1, 1)
    let buffer = try Buffer(byteCount: row * indices.count)
    try withBytes { bytes in
      guard let source = bytes.baseAddress else { return }
      for (place, index) in indices.enumerated() {
        (buffer.pointer + place &* row).copyMemory(from: source + Int(index) &* row, byteCount: row)
      }
    }
    return Tensor(buffer, try TensorType(type.dtype, [indices.count] + type.shape.dropFirst()))
  }

  /// Leaves from values: for code that is not in a hurry.
  package static func floats(_ values: [Float], _ shape: [Int]? = nil) throws -> Tensor {
    let type = try TensorType(.f32, shape ?? [values.count])
    return try values.withUnsafeBytes { try copying($0, type) }
  }

  package static func doubles(_ values: [Double], _ shape: [Int]? = nil) throws -> Tensor {
    let type = try TensorType(.f64, shape ?? [values.count])
    return try values.withUnsafeBytes { try copying($0, type) }
  }

  package static func ints(_ values: [Int], _ shape: [Int]? = nil) throws -> Tensor {
    let type = try TensorType(.i64, shape ?? [values.count])
    return try values.withUnsafeBytes { try copying($0, type) }
  }

  /// Operands that are plain numbers.
  package static func number(_ value: Double) -> Tensor {
    Tensor(operation: nil, UInt(value.bitPattern), typeID: TypeID.double, flags: .number)
  }
  package static func number(_ value: Int) -> Tensor {
    Tensor(operation: nil, UInt(bitPattern: value), typeID: TypeID.int, flags: .number)
  }
  package static func number(_ value: Bool) -> Tensor {
    Tensor(operation: nil, value ? 1 : 0, typeID: TypeID.bool, flags: .number)
  }

  package var isNumber: Bool { flags.contains(.number) }
  package var isTuple: Bool { flags.contains(.tuple) }
  package var type: TensorType { Lock.held { TypeID.type(typeID) } }
  /// Equal for equal types.
  package var typeNumber: Int32 { Lock.held { typeID } }
  package var isComputed: Bool { Lock.held { resolved().buffer != nil } }

  /// Computes the tensor if it is not, and gives its memory.
  package func evaluated() throws -> Buffer {
    if isNumber { return try numberBuffer() }
    for _ in 0..<3 {
      if let buffer = Lock.held({ resolved().buffer }) { return buffer }
      try Recording.evaluate([self])
    }
    return try Lock.held { try resolved().computedBuffer() }
  }

  private func numberBuffer() throws -> Buffer {
    var cell = NumberCell.cell(
      NumberInput(bits: slot0, kind: typeID, dtype: TypeID.kind(typeID)))
    return try withUnsafeBytes(of: &cell) {
      try Buffer(copying: UnsafeRawBufferPointer(rebasing: $0[..<type.byteCount]))
    }
  }

  /// The elements as bytes, computed if need be.
  package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result
  {
    let buffer = try evaluated()
    let count = type.byteCount
    return try withExtendedLifetime(buffer) {
      try body(UnsafeRawBufferPointer(start: buffer.pointer, count: count))
    }
  }

  /// The only element.
  package func item() throws -> Scalar {
    let type = type
    guard type.count == 1 else {
      throw BettyError.runtime(
        "item: a tensor with \(type.count) elements cannot be converted to a scalar, got \(type)")
    }
    return try withBytes { Tensor.scalar($0, 0, type.dtype) }
  }

  /// The elements as doubles: for tests and messages.
  package func doubles() throws -> [Double] {
    let type = type
    return try withBytes { bytes in
      (0..<type.count).map { Tensor.scalar(bytes, $0, type.dtype).asDouble }
    }
  }

  private static func scalar(
    _ bytes: UnsafeRawBufferPointer, _ index: Int, _ dtype: DType
  ) -> Scalar {
    let offset = index * dtype.size
    func load<Number>(_ type: Number.Type) -> Number {
      bytes.load(fromByteOffset: offset, as: type)
    }
    return switch dtype {
    case .f64: .double(load(Double.self))
    case .f32: .double(Double(load(Float.self)))
    case .f16: .double(Double(load(Float16.self)))
    case .bf16: .double(Double(Float(bitPattern: UInt32(load(UInt16.self)) << 16)))
    case .i64: .int(Int(load(Int64.self)))
    case .i32: .int(Int(load(Int32.self)))
    case .u8: .int(Int(load(UInt8.self)))
    case .bool: .bool(load(UInt8.self) != 0)
    }
  }
}

// MARK: Gradients and parameters

extension Tensor {
  package var requiresGrad: Bool {
    Lock.held { resolved().flags.contains(.requiresGrad) }
  }

  /// True of what no recorded operation needing a gradient made.
  package var isLeaf: Bool {
    Lock.held {
      let value = resolved()
      return value.flags.contains(.gradLeaf) || !value.flags.contains(.requiresGrad)
    }
  }

  /// How often a leaf was told to take gradients after it took none, or the other way round, and a tensor
  /// was given another type.
  package static var freezings: Int { changes.load(ordering: .relaxed) }
  private static let changes = Atomic<Int>(0)
  static func noteChange() { changes.wrappingAdd(1, ordering: .relaxed) }

  /// Makes a leaf take gradients, or take none.
  package func setRequiresGrad(_ flag: Bool) throws {
    try Lock.held {
      let value = resolved()
      if value.flags.contains(.requiresGrad) && !value.flags.contains(.gradLeaf) {
        if flag { return }
        throw BettyError.runtime(
          "requires_grad_: only leaves can be told not to require grad, use detach()")
      }
      guard !flag || TypeID.type(value.typeID).dtype.isFloating else {
        throw BettyError.runtime(
          "requires_grad_: only floating tensors can require grad, got "
            + "\(TypeID.type(value.typeID))")
      }
      if flag != value.flags.contains(.requiresGrad) {
        Self.noteChange()
      }
      if flag {
        let slot = extra?.gradient ?? value.extra?.gradient ?? GradientSlot()
        for tensor in [self, value] {
          tensor.flags.formUnion([.gradLeaf, .requiresGrad])
          tensor.makeExtra().gradient = slot
        }
      } else {
        for tensor in [self, value] { tensor.flags.remove(.requiresGrad) }
      }
    }
  }

  /// The slot that backward adds this value's gradient to. Under the lock.
  var gradientSlot: GradientSlot? { resolved().extra?.gradient ?? extra?.gradient }

  /// The accumulated gradient.
  package var gradient: Tensor? { Lock.held { gradientSlot?.gradient } }

  /// How often a tensor was given a gradient, by whom ever.
  package static var gradientsGiven: Int { gifts.load(ordering: .relaxed) }
  private static let gifts = Atomic<Int>(0)

  /// Whether any of some tensors has an accumulated gradient.
  package static func haveGradient(_ tensors: [Tensor]) -> Bool {
    Lock.held { tensors.contains { $0.gradientSlot?.gradient != nil } }
  }

  package func setGradient(_ gradient: Tensor?) throws {
    if let gradient {
      let (own, given) = (type, gradient.type)
      guard own == given else {
        throw BettyError.runtime("grad: the gradient of \(own) has to be \(own), got \(given)")
      }
    }
    let old: Tensor? = Lock.held {
      let value = resolved()
      let slot = gradientSlot ?? GradientSlot()
      value.makeExtra().gradient = slot
      let old = slot.gradient
      gradient?.retainHandle()
      old?.releaseHandle()
      slot.gradient = gradient
      return old
    }
    if gradient != nil { Self.gifts.add(1, ordering: .relaxed) }
    withExtendedLifetime(old) {}
  }

  /// Asks backward to keep the gradient of a value that is no leaf.
  package func retainGradient() throws {
    try Lock.held {
      let value = resolved()
      guard value.flags.contains(.requiresGrad) else {
        throw BettyError.runtime("retain_grad: the tensor does not require grad")
      }
      if value.flags.contains(.gradLeaf) { return }
      let slot = value.extra?.gradient ?? GradientSlot()
      slot.isRetained = true
      value.makeExtra().gradient = slot
    }
  }

  /// Whether backward was asked to keep the gradient of this value, which is no leaf.
  package var retainsGradient: Bool { Lock.held { gradientSlot?.isRetained ?? false } }

  nonisolated(unsafe) private static var parameters: Int32 = 0

  /// A parameter: a handle that programs know by itself, standing for the value of `tensor` at first.
  package static func parameter(_ tensor: Tensor, requiresGrad: Bool = true) throws -> Tensor {
    let tensor = tensor.isNumber ? try tensor.withBytes { try copying($0, tensor.type) } : tensor
    return try Lock.held {
      let value = tensor.resolved()
      value.flags.insert(.wasRead)
      let type = TypeID.type(value.typeID)
      guard !requiresGrad || type.dtype.isFloating else {
        throw BettyError.runtime("parameter: only floating tensors can require grad, got \(type)")
      }
      parameters &+= 1
      let slot = GradientSlot(parameterID: parameters)
      let content = try detached(value)
      content.makeExtra().gradient = slot
      let handle = Tensor(operation: nil, typeID: value.typeID, flags: .redirect)
      let extra = handle.makeExtra()
      extra.current = content
      content.retainHandle()
      extra.gradient = slot
      let flags: Flags = requiresGrad ? [.gradLeaf, .requiresGrad] : .gradLeaf
      handle.flags.formUnion(flags)
      content.flags.formUnion(flags)
      slot.handle = handle
      return handle
    }
  }

  /// Makes a leaf a parameter where it is: what was recorded of it before gives gradients to it as well.
  /// Others are left as they are.
  package func becomeParameter() throws {
    try Lock.held {
      // What nobody else sees, as x.detach() of a value that is gone, is no view any more.
      if flags.contains(.view), !isBaseShared() { leaveBase() }
      let value = resolved()
      let isLeaf = value.flags.contains(.gradLeaf) || !value.flags.contains(.requiresGrad)
      guard (gradientSlot?.parameterID ?? 0) == 0, isLeaf, !flags.contains(.view),
        TypeID.type(value.typeID).dtype.isFloating
      else { return }
      value.flags.insert(.wasRead)
      Tensor.parameters &+= 1
      let slot = GradientSlot(parameterID: Tensor.parameters, number: gradientSlot?.number)
      slot.gradient = gradientSlot?.gradient
      slot.gradient?.retainHandle()
      let content = try Tensor.detached(value)
      let flags = value.flags.intersection(.requiresGrad).union(.gradLeaf)
      redirect(to: content)
      for tensor in [self, value, content] {
        tensor.makeExtra().gradient = slot
        tensor.flags.formUnion(flags)
      }
      slot.handle = self
    }
  }

  /// Number of the parameter that this handle is, 0 for other tensors.
  package var parameterID: Int32 { Lock.held { extra?.gradient?.parameterID ?? 0 } }
}
