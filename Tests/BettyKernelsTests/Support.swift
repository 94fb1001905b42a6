// What the kernel tests share: the tables to test, lengths with every kind of tail, deterministic
// operands, and running a table entry on Swift arrays with guard bytes behind the destination.
import BettyKernelInterface
import BettyKernels
import Testing

let tables = runnableKernelTables()
let lengths = [0, 1, 7, 15, 16, 17, 33, 64, 100, 1000]

extension KernelTable: CustomTestStringConvertible {
  public var testDescription: String { isa }
}

/// SplitMix64: Steele, Lea and Flood, OOPSLA 2014.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64
  init(_ seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}

/// An element type as the tests see it.
protocol TestElement: Comparable, Sendable {
  static var dtype: DType { get }
  static func random(_ source: inout SplitMix) -> Self
  static var specials: [Self] { get }
  /// Equal, or both NaN.
  func same(_ other: Self) -> Bool
  /// Near 1 for floats.
  var tamed: Self { get }
}
extension TestElement {
  var tamed: Self { self }
}
extension TestElement where Self: FixedWidthInteger {
  static func random(_ source: inout SplitMix) -> Self {
    // Half of them small, so that equal pairs, zeros and exact quotients occur.
    let bits = source.next()
    let small = Int(truncatingIfNeeded: bits >> 8) % 9 - (isSigned ? 4 : 0)
    return bits & 1 == 0 ? Self(truncatingIfNeeded: small) : Self(truncatingIfNeeded: bits >> 1)
  }
  static var specials: [Self] { [.min, .max, 0, 1] }
  func same(_ other: Self) -> Bool { self == other }
}
extension TestElement where Self: BinaryFloatingPoint, Self.RawSignificand: FixedWidthInteger {
  static func random(_ source: inout SplitMix) -> Self {
    let bits = source.next()
    if bits & 7 == 0 { return Self(Int(bits >> 8) % 7 - 3) }
    return Self(Double.random(in: -4...4, using: &source))
  }
  static var specials: [Self] { [.nan, .infinity, -.infinity, 0, -0.0, 1, -1] }
  func same(_ other: Self) -> Bool { self == other || (isNaN && other.isNaN) }
  var tamed: Self { 1 + self / 8 }
}
extension Double: TestElement { static var dtype: DType { .f64 } }
extension Float: TestElement { static var dtype: DType { .f32 } }
extension Int64: TestElement { static var dtype: DType { .i64 } }
extension Int32: TestElement { static var dtype: DType { .i32 } }
extension UInt8: TestElement { static var dtype: DType { .u8 } }

/// `count` elements; the specials come first.
func operands<T: TestElement>(_: T.Type, _ count: Int, seed: UInt64, specials: Bool = true) -> [T] {
  var source = SplitMix(seed)
  var values = (0..<count).map { _ in T.random(&source) }
  if specials {
    for (i, x) in T.specials.enumerated() where i < count {
      values[(i + Int(seed)) % count] = x
    }
  }
  return values
}

/// Calls `body` with a destination of `count` elements and fails if it wrote behind them.
func written<T>(_ count: Int, _ zero: T, _ body: (UnsafeMutableRawPointer) -> Void) -> [T] {
  let size = count * MemoryLayout<T>.stride
  let guardBytes = 64
  let memory = UnsafeMutableRawPointer.allocate(byteCount: size + guardBytes, alignment: 64)
  defer { memory.deallocate() }
  memory.initializeMemory(as: UInt8.self, repeating: 0xa5, count: size + guardBytes)
  body(memory)
  for i in 0..<guardBytes {
    #expect(memory.load(fromByteOffset: size + i, as: UInt8.self) == 0xa5)
  }
  return [T](
    unsafeUninitializedCapacity: count,
    initializingWith: { buffer, initialized in
      if count > 0 {
        UnsafeMutableRawPointer(buffer.baseAddress!).copyMemory(from: memory, byteCount: size)
      }
      initialized = count
    })
}

/// Runs a tile function; `c` defaults to `b` and `b` to `a`.
func tile<A, R>(
  _ function: TileFunction?, _ zero: R, _ a: [A], _ b: [A]? = nil, _ c: [A]? = nil
) throws -> [R] {
  let run = try #require(function)
  return written(a.count, zero) { d in
    a.withUnsafeBytes { x in
      (b ?? a).withUnsafeBytes { y in
        (c ?? a).withUnsafeBytes { z in
          let none = UnsafeRawPointer(d)
          run(
            d, x.baseAddress ?? none, y.baseAddress ?? none, z.baseAddress ?? none, a.count)
        }
      }
    }
  }
}

/// Distance in units in the last place of f32.
func ulps(_ x: Float, _ exact: Double) -> Double {
  let rounded = Float(exact)
  if x == rounded || (x.isNaN && exact.isNaN) { return 0 }
  if x.isNaN || exact.isNaN || rounded.isInfinite || x.isInfinite { return .infinity }
  return abs(Double(x) - exact) / Double(max(rounded.ulp, Float.leastNonzeroMagnitude))
}
