// Options: named values in the hands of C. Who reads them checks names and kinds.

import BettyGraph
import BettyKernelInterface
import BettyRuntime

/// Invariant: used by one thread at a time, as the header asks.
final class Options: Boxed {
  static let noun: StaticString = "options"
  private(set) var values: Attributes = [:]
  /// The number of these attributes for recording, made when first needed.
  private var interned: InternedAttributes?

  deinit { LiveObjects.forget(self) }

  func set(_ name: UnsafePointer<CChar>?, _ value: Attribute) throws {
    values[try text(name, "name")] = value
    interned = nil
  }

  func attributes() -> InternedAttributes {
    if let interned { return interned }
    let made = InternedAttributes.of(values)
    interned = made
    return made
  }
}

/// The values of options that may be NULL.
func options(_ handle: Handle?) throws -> Attributes {
  guard let handle else { return [:] }
  return try object(handle, as: Options.self).values
}

func dtype(_ code: Int32) throws -> DType {
  guard let raw = UInt8(exactly: code), let dtype = DType(rawValue: raw) else {
    throw BettyError.type("dtype: there is no element type \(code)")
  }
  return dtype
}

@_cdecl("betty_options_new") public func betty_options_new(_ out: HandleOut?) -> Int32 {
  boundary { try give(Options(), to: out, "out_options") }
}

@_cdecl("betty_options_free") public func betty_options_free(_ handle: Handle?) {
  release(handle, as: Options.self)
}

@_cdecl("betty_options_set_int")
public func betty_options_set_int(
  _ handle: Handle?, _ name: UnsafePointer<CChar>?, _ value: Int64
) -> Int32 {
  boundary { try object(handle, as: Options.self).set(name, .int(Int(value))) }
}

@_cdecl("betty_options_set_ints")
public func betty_options_set_ints(
  _ handle: Handle?, _ name: UnsafePointer<CChar>?, _ values: UnsafePointer<Int64>?, _ count: Int32
) -> Int32 {
  boundary {
    let values = try list(values, count, "values").map { Int($0) }
    try object(handle, as: Options.self).set(name, .ints(values))
  }
}

@_cdecl("betty_options_set_double")
public func betty_options_set_double(
  _ handle: Handle?, _ name: UnsafePointer<CChar>?, _ value: Double
) -> Int32 {
  boundary { try object(handle, as: Options.self).set(name, .double(value)) }
}

@_cdecl("betty_options_set_bool")
public func betty_options_set_bool(
  _ handle: Handle?, _ name: UnsafePointer<CChar>?, _ value: Int32
) -> Int32 {
  boundary { try object(handle, as: Options.self).set(name, .bool(value != 0)) }
}

@_cdecl("betty_options_set_string")
public func betty_options_set_string(
  _ handle: Handle?, _ name: UnsafePointer<CChar>?, _ value: UnsafePointer<CChar>?
) -> Int32 {
  boundary { try object(handle, as: Options.self).set(name, .string(text(value, "value"))) }
}

@_cdecl("betty_options_set_dtype")
public func betty_options_set_dtype(
  _ handle: Handle?, _ name: UnsafePointer<CChar>?, _ value: Int32
) -> Int32 {
  boundary { try object(handle, as: Options.self).set(name, .dtype(dtype(value))) }
}
