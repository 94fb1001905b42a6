// Casts between all element types. Half-width floats are read and written through f32, as PyTorch
// does. Floats become integers by truncation; what the integer type does not hold, NaN too, gives its
// smallest value, and u8 takes the low bits of an i64. Anything becomes a bool by != 0.

import BettyKernelInterface
import CBettySupport

/// What a cast reads: a stored value that widens to a number without loss.
protocol CastSource {
  associatedtype Number
  var number: Number { get }
}

/// What a cast of integers writes.
protocol CastTarget {
  init(cast x: Int64)
}

/// What a cast of any number writes.
protocol FloatCastTarget: CastTarget {
  init(cast x: Float)
  init(cast x: Double)
}

/// The upper half of an f32.
struct BFloat16: CastSource, FloatCastTarget {
  var bits: UInt16
  @inline(always) var number: Float { Float(bitPattern: UInt32(bits) &<< 16) }
  /// Rounds to nearest, ties to even; a NaN stays one.
  @inline(always) init(cast x: Float) {
    let bits = x.bitPattern
    let rounded = bits &+ 0x7fff &+ ((bits &>> 16) & 1)
    let quiet = bits | 0x0040_0000
    self.bits = UInt16(truncatingIfNeeded: (x != x ? quiet : rounded) &>> 16)
  }
  @inline(always) init(cast x: Double) { self.init(cast: Float(x)) }
  @inline(always) init(cast x: Int64) { self.init(cast: Float(x)) }
}

/// IEEE binary16, one by one in integer arithmetic because the baseline processor cannot convert it.
struct Half: CastSource, FloatCastTarget {
  var bits: UInt16
  @inline(always) var number: Float {
    let sign = UInt32(bits & 0x8000) &<< 16
    let rest = UInt32(bits & 0x7fff)
    // Multiplying by 2^112 moves the exponent and normalises denormals in one step.
    let scaled = Float(bitPattern: rest &<< 13) * Float(bitPattern: 0x7780_0000)
    let finite = scaled.bitPattern
    let special = finite | 0x7f80_0000
    return Float(bitPattern: sign | (rest >= 0x7c00 ? special : finite))
  }
  @inline(always) init(cast x: Float) {
    let bits = x.bitPattern
    let sign = (bits &>> 16) & 0x8000
    let rest = bits & 0x7fff_ffff
    // Denormals and zero: adding 1/2 lets the hardware round at the right bit.
    let small = (Float(bitPattern: rest) + 0.5).bitPattern &- 0x3f00_0000
    let odd = (rest &>> 13) & 1
    let normal = (rest &- 0x3800_0000 &+ 0xfff &+ odd) &>> 13
    let infinity: UInt32 = rest > 0x7f80_0000 ? 0x7e00 : 0x7c00
    let half = rest >= 0x477f_f000 ? infinity : rest < 0x3880_0000 ? small : normal
    self.bits = UInt16(truncatingIfNeeded: sign | half)
  }
  @inline(always) init(cast x: Double) { self.init(cast: Float(x)) }
  @inline(always) init(cast x: Int64) { self.init(cast: Float(x)) }
}

/// A byte of 0 or 1.
struct Truth: CastSource, FloatCastTarget {
  var byte: UInt8
  @inline(always) var number: Int64 { byte == 0 ? 0 : 1 }
  @inline(always) init(cast x: Float) { byte = x != 0 ? 1 : 0 }
  @inline(always) init(cast x: Double) { byte = x != 0 ? 1 : 0 }
  @inline(always) init(cast x: Int64) { byte = x != 0 ? 1 : 0 }
}

extension Float: CastSource, FloatCastTarget {
  @inline(always) var number: Float { self }
  @inline(always) init(cast x: Float) { self = x }
  @inline(always) init(cast x: Double) { self = Float(x) }
  @inline(always) init(cast x: Int64) { self = Float(x) }
}
extension Double: CastSource, FloatCastTarget {
  @inline(always) var number: Double { self }
  @inline(always) init(cast x: Float) { self = Double(x) }
  @inline(always) init(cast x: Double) { self = x }
  @inline(always) init(cast x: Int64) { self = Double(x) }
}
extension Int64: CastSource, CastTarget {
  @inline(always) var number: Int64 { self }
  @inline(always) init(cast x: Int64) { self = x }
}
extension Int32: CastSource, CastTarget {
  @inline(always) var number: Int64 { Int64(self) }
  @inline(always) init(cast x: Int64) { self.init(truncatingIfNeeded: x) }
}
extension UInt8: CastSource, CastTarget {
  @inline(always) var number: Int64 { Int64(self) }
  @inline(always) init(cast x: Int64) { self.init(truncatingIfNeeded: x) }
}

@inline(always) func convert<From: CastSource, To: CastTarget>(
  _: From.Type, _: To.Type, _ d: Raw, _ a: RawIn, _ n: Int
) where From.Number == Int64 {
  let to = d.assumingMemoryBound(to: To.self)
  let from = a.assumingMemoryBound(to: From.self)
  for i in 0..<n { to[i] = To(cast: from[i].number) }
}

@inline(always) func convert<From: CastSource, To: FloatCastTarget>(
  _: From.Type, _: To.Type, _ d: Raw, _ a: RawIn, _ n: Int
) where From.Number == Float {
  let to = d.assumingMemoryBound(to: To.self)
  let from = a.assumingMemoryBound(to: From.self)
  for i in 0..<n { to[i] = To(cast: from[i].number) }
}

@inline(always) func convert<From: CastSource, To: FloatCastTarget>(
  _: From.Type, _: To.Type, _ d: Raw, _ a: RawIn, _ n: Int
) where From.Number == Double {
  let to = d.assumingMemoryBound(to: To.self)
  let from = a.assumingMemoryBound(to: From.self)
  for i in 0..<n { to[i] = To(cast: from[i].number) }
}

/// Floats to integers, a vector at a time.
@inline(always) func truncate<From: FloatSource, To: Truncation>(
  _: From.Type, _: To.Type, _ d: Raw, _ a: RawIn, _ n: Int
) where From.Wide == To.Wide {
  let lanes = From.Wide.scalarCount
  let (size, result) = (From.bytes, MemoryLayout<To.Whole.Scalar>.size)
  var i = 0
  while i &+ lanes <= n {
    let x = To.truncate(From.read(a + i &* size))
    (d + i &* result).storeBytes(of: x, as: To.Whole.self)
    i &+= lanes
  }
  if i < n {
    let left = n &- i
    putPart(d + i &* result, To.truncate(From.read(a + i &* size, left)), left &* result)
  }
}

/// A stored float, read as a vector of f32 or f64.
protocol FloatSource {
  associatedtype Wide: SIMD
  static var bytes: Int { get }
  static func read(_ p: RawIn) -> Wide
  /// The first lanes; the others are zero.
  static func read(_ p: RawIn, _ count: Int) -> Wide
}
extension F32: FloatSource {
  @inline(always) static var bytes: Int { 4 }
  @inline(always) static func read(_ p: RawIn) -> Vector { load(p) }
  @inline(always) static func read(_ p: RawIn, _ count: Int) -> Vector { loadPart(p, count) }
}
extension F64: FloatSource {
  @inline(always) static var bytes: Int { 8 }
  @inline(always) static func read(_ p: RawIn) -> Vector { load(p) }
  @inline(always) static func read(_ p: RawIn, _ count: Int) -> Vector { loadPart(p, count) }
}
extension NarrowFormat {
  @inline(always) static var bytes: Int { 2 }
  @inline(always) static func read(_ p: RawIn) -> SIMD16<Float> {
    widen(p.loadUnaligned(as: SIMD16<UInt16>.self))
  }
  @inline(always) static func read(_ p: RawIn, _ count: Int) -> SIMD16<Float> {
    widen(partOf(p, count &* 2))
  }
}
extension BF16: FloatSource {}
extension F16: FloatSource {}

protocol Truncation {
  associatedtype Wide: SIMD
  associatedtype Whole: SIMD
  static func truncate(_ x: Wide) -> Whole
}
enum SinglesToI64: Truncation {
  @inline(always) static func truncate(_ x: SIMD16<Float>) -> SIMD16<Int64> {
    betty_truncate_f32_i64(x)
  }
}
enum SinglesToI32: Truncation {
  @inline(always) static func truncate(_ x: SIMD16<Float>) -> SIMD16<Int32> {
    betty_truncate_f32_i32(x)
  }
}
enum SinglesToU8: Truncation {
  @inline(always) static func truncate(_ x: SIMD16<Float>) -> SIMD16<UInt8> {
    betty_truncate_f32_u8(x)
  }
}
enum DoublesToI64: Truncation {
  @inline(always) static func truncate(_ x: SIMD8<Double>) -> SIMD8<Int64> {
    betty_truncate_f64_i64(x)
  }
}
enum DoublesToI32: Truncation {
  @inline(always) static func truncate(_ x: SIMD8<Double>) -> SIMD8<Int32> {
    betty_truncate_f64_i32(x)
  }
}
enum DoublesToU8: Truncation {
  @inline(always) static func truncate(_ x: SIMD8<Double>) -> SIMD8<UInt8> {
    betty_truncate_f64_u8(x)
  }
}

/// Half-width floats to f32, sixteen at a time.
@inline(always) func widen<F: NarrowFormat>(_: F.Type, _ d: Raw, _ a: RawIn, _ n: Int) {
  var i = 0
  while i &+ 16 <= n {
    let x = (a + i &* 2).loadUnaligned(as: SIMD16<UInt16>.self)
    F32.store(d + i &* 4, F.widen(x))
    i &+= 16
  }
  if i < n { F32.storePart(d + i &* 4, F.widen(partOf(a + i &* 2, (n &- i) &* 2)), n &- i) }
}

/// And back, to the nearest, ties to even.
@inline(always) func narrow<F: NarrowFormat>(_: F.Type, _ d: Raw, _ a: RawIn, _ n: Int) {
  var i = 0
  while i &+ 16 <= n {
    let x = F.narrow(F32.load(a + i &* 4))
    (d + i &* 2).storeBytes(of: x, as: SIMD16<UInt16>.self)
    i &+= 16
  }
  if i < n { putPart(d + i &* 2, F.narrow(F32.loadPart(a + i &* 4, n &- i)), (n &- i) &* 2) }
}
