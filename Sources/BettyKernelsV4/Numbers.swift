// What the tiles of convolutions and products are made for. Numbers: four bytes under a pixel,
// repeated in every lane, times a row of filters: an f32, or a pair of bf16 whose two products are
// added. Results: what a tile's sums begin with and become.

import BettyKernelInterface
import CBettySupport

protocol TileNumbers {
  associatedtype Row
  static func number(_ p: RawIn) -> Row
  static func row(_ p: RawIn) -> Row
  /// The first lanes; the others are zero.
  static func row(_ p: RawIn, _ count: Int) -> Row
  static func multiplyAdd(_ a: Row, _ b: Row, _ sum: Lane) -> Lane
}

enum Singles: TileNumbers {
  @inline(always) static func number(_ p: RawIn) -> Lane {
    Lane(repeating: p.load(as: Float.self))
  }
  @inline(always) static func row(_ p: RawIn) -> Lane { p.loadUnaligned(as: Lane.self) }
  @inline(always) static func row(_ p: RawIn, _ count: Int) -> Lane { readLanes(p, count) }
  @inline(always) static func multiplyAdd(_ a: Lane, _ b: Lane, _ sum: Lane) -> Lane {
    fusedLanes(a, b, sum)
  }
}

#if BETTY_WIDE
  typealias PairLane = SIMD16<UInt32>
  typealias HalfLane = SIMD16<UInt16>
#else
  typealias PairLane = SIMD8<UInt32>
  typealias HalfLane = SIMD8<UInt16>
#endif

enum Pairs: TileNumbers {
  @inline(always) static func number(_ p: RawIn) -> PairLane {
    PairLane(repeating: p.loadUnaligned(as: UInt32.self))
  }
  @inline(always) static func row(_ p: RawIn) -> PairLane { p.loadUnaligned(as: PairLane.self) }
  @inline(always) static func row(_ p: RawIn, _ count: Int) -> PairLane {
    unsafeBitCast(readLanes(p, count), to: PairLane.self)
  }
  @inline(always) static func multiplyAdd(_ a: PairLane, _ b: PairLane, _ sum: Lane) -> Lane {
    #if BETTY_WIDE
      return betty_pair_dot_f32(sum, a, b)
    #else
      return betty_pair_dot_f32x8(sum, a, b)
    #endif
  }
}

protocol TileResults {
  /// Bytes of a result.
  static var size: Int { get }
  /// What the sums of the first lanes begin with.
  static func start(_ p: RawIn, _ count: Int) -> Lane
  static func put(_ p: Raw, _ sums: Lane)
  static func put(_ p: Raw, _ sums: Lane, _ count: Int)
}

extension TileResults {
  @inline(always) static var laneBytes: Int { laneCount &* size }
  @inline(always) static func start(_: RawIn, _: Int) -> Lane { Lane(repeating: 0) }

  @inline(always) static func write(_ p: Raw, _ sums: Lane, _ count: Int) {
    if count == laneCount { put(p, sums) } else { put(p, sums, count) }
  }
}

enum SingleResults: TileResults {
  @inline(always) static var size: Int { 4 }
  @inline(always) static func put(_ p: Raw, _ sums: Lane) { p.storeBytes(of: sums, as: Lane.self) }
  @inline(always) static func put(_ p: Raw, _ sums: Lane, _ count: Int) {
    storeLanes(p, sums, count)
  }
  @inline(always) static func write(_ p: Raw, _ sums: Lane, _ count: Int) {
    writeLanes(p, sums, count)
  }
}

/// Added to what is there.
enum AddedResults: TileResults {
  @inline(always) static var size: Int { 4 }
  @inline(always) static func start(_ p: RawIn, _ count: Int) -> Lane { readLanes(p, count) }
  @inline(always) static func put(_ p: Raw, _ sums: Lane) { p.storeBytes(of: sums, as: Lane.self) }
  @inline(always) static func put(_ p: Raw, _ sums: Lane, _ count: Int) {
    storeLanes(p, sums, count)
  }
}

/// Rounded to bf16 or f16.
enum NarrowResults<Format: NarrowFormat>: TileResults {
  @inline(always) static var size: Int { 2 }
  @inline(always) static func put(_ p: Raw, _ sums: Lane) {
    p.storeBytes(of: Format.narrow(sums), as: HalfLane.self)
  }
  @inline(always) static func put(_ p: Raw, _ sums: Lane, _ count: Int) {
    putPart(p, Format.narrow(sums), count &* 2)
  }
}

/// A half-width float, to f32 and back: sixteen of them, or as many as a narrow lane has.
protocol NarrowFormat {
  static func widen(_ x: SIMD16<UInt16>) -> SIMD16<Float>
  static func narrow(_ x: SIMD16<Float>) -> SIMD16<UInt16>
  static func narrow(_ x: SIMD8<Float>) -> SIMD8<UInt16>
}

enum BF16: NarrowFormat {
  @inline(always) static func widen(_ x: SIMD16<UInt16>) -> SIMD16<Float> {
    betty_widen_bf16_f32(x)
  }
  @inline(always) static func narrow(_ x: SIMD16<Float>) -> SIMD16<UInt16> {
    betty_narrow_bf16_f32(x)
  }
  @inline(always) static func narrow(_ x: SIMD8<Float>) -> SIMD8<UInt16> {
    betty_narrow_bf16_f32x8(x)
  }
}

enum F16: NarrowFormat {
  @inline(always) static func widen(_ x: SIMD16<UInt16>) -> SIMD16<Float> {
    betty_widen_f16_f32(x)
  }
  @inline(always) static func narrow(_ x: SIMD16<Float>) -> SIMD16<UInt16> {
    betty_narrow_f16_f32(x)
  }
  @inline(always) static func narrow(_ x: SIMD8<Float>) -> SIMD8<UInt16> {
    betty_narrow_f16_f32x8(x)
  }
}
