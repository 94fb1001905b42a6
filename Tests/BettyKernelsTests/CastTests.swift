// Casts between all element types, and the half-width floats bit by bit.
import BettyKernelInterface
import Testing

private func cast<A, B>(
  _ table: KernelTable, _ from: DType, _ to: DType, _ a: [A], _ zero: B
) throws -> [B] {
  try tile(table.cast[Int(from.rawValue) * DType.count + Int(to.rawValue)], zero, a)
}

private func truncated<T: FixedWidthInteger>(_ x: Double) -> T {
  let whole = x.rounded(.towardZero)
  guard T.self == UInt8.self else { return T(exactly: whole) ?? .min }
  return T(truncatingIfNeeded: Int64(exactly: whole) ?? .min)
}

private let reals: [Double] = [
  0, -0.0, 1, -1, 0.5, 2.75, -3.99, 255, 256, 300, -7, 1e5, 2_147_483_647, 2_147_483_648, -2e9,
  -3e9, 1e18, 9.3e18, -9.3e18, 1e30, -1e30, .infinity, -.infinity, .nan,
]

@Suite struct CastTests {
  @Test(arguments: tables) func floatsToIntegers(_ table: KernelTable) throws {
    let singles = reals.map(Float.init)
    #expect(try cast(table, .f64, .i64, reals, Int64(0)) == reals.map(truncated))
    #expect(try cast(table, .f64, .i32, reals, Int32(0)) == reals.map(truncated))
    #expect(try cast(table, .f64, .u8, reals, UInt8(0)) == reals.map(truncated))
    let widened = singles.map(Double.init)
    #expect(try cast(table, .f32, .i64, singles, Int64(0)) == widened.map(truncated))
    #expect(try cast(table, .f32, .i32, singles, Int32(0)) == widened.map(truncated))
    #expect(try cast(table, .f32, .u8, singles, UInt8(0)) == widened.map(truncated))
    #expect(try cast(table, .f32, .bool, singles, UInt8(0)) == singles.map { $0 != 0 ? 1 : 0 })
    #expect(try cast(table, .f64, .bool, reals, UInt8(0)) == reals.map { $0 != 0 ? 1 : 0 })
    let narrowed = try cast(table, .f64, .f32, reals, Float(0))
    for (got, want) in zip(narrowed, singles) { #expect(got.same(want)) }
    let wide = try cast(table, .f32, .f64, singles, Double(0))
    for (got, want) in zip(wide, widened) { #expect(got.same(want)) }
  }

  /// Through f32, at every length, and where they lie.
  @Test(arguments: tables) func halvesToIntegers(_ table: KernelTable) throws {
    for n in lengths {
      let bits = (0..<n).map { UInt16(truncatingIfNeeded: $0 &* 40503) }
      let halves = bits.map { Double(Float16(bitPattern: $0)) }
      let brains = bits.map { Double(Float(bitPattern: UInt32($0) << 16)) }
      for (dtype, wide) in [(DType.f16, halves), (.bf16, brains)] {
        #expect(try cast(table, dtype, .i64, bits, Int64(0)) == wide.map(truncated))
        #expect(try cast(table, dtype, .i32, bits, Int32(0)) == wide.map(truncated))
        #expect(try cast(table, dtype, .u8, bits, UInt8(0)) == wide.map(truncated))
      }
      var singles = operands(Float.self, n, seed: 4).map { $0 * 1000 }
      let run = try #require(table.conversion(.f32, .i32))
      let want: [Int32] = singles.map { truncated(Double($0)) }
      singles.withUnsafeMutableBytes {
        guard let p = $0.baseAddress else { return }
        run(p, p, p, p, n)
      }
      #expect(singles.map { Int32(bitPattern: $0.bitPattern) } == want)
    }
  }

  /// What is converted for a program is what it would convert itself; ties, and halves of f32's digits.
  @Test(arguments: tables) func numbersToBits(_ table: KernelTable) throws {
    let ties: [Double] = [
      1 + 0x1p-11, 1 + 0x3p-11, 1 + 0x1p-11 + 0x1p-40, 1 + 0x1p-8, 1 + 0x3p-8, 0x1p-24, 0x1p-25,
      0x3p-25, 0x1p-140, 65504, 65519.996, 65520, -65520, 3.4e38, 1e-300,
    ]
    let numbers = reals + ties
    func bits<T: FixedWidthInteger>(_ dtype: DType, _: T.Type) throws {
      let made = try cast(table, .f64, dtype, numbers, T(0))
      for (number, made) in zip(numbers, made) {
        #expect(T(truncatingIfNeeded: dtype.bits(number)) == made, "\(dtype.name): \(number)")
      }
    }
    try bits(.f64, UInt64.self)
    try bits(.f32, UInt32.self)
    try bits(.bf16, UInt16.self)
    try bits(.f16, UInt16.self)
    try bits(.i64, UInt64.self)
    try bits(.i32, UInt32.self)
    try bits(.u8, UInt8.self)
    try bits(.bool, UInt8.self)
  }

  @Test(arguments: tables) func integersToAll(_ table: KernelTable) throws {
    for n in lengths {
      let a = operands(Int64.self, n, seed: 1)
      #expect(try cast(table, .i64, .f64, a, Double(0)) == a.map(Double.init))
      #expect(try cast(table, .i64, .f32, a, Float(0)) == a.map(Float.init))
      #expect(
        try cast(table, .i64, .i32, a, Int32(0)) == a.map { Int32(truncatingIfNeeded: $0) })
      #expect(
        try cast(table, .i64, .u8, a, UInt8(0)) == a.map { UInt8(truncatingIfNeeded: $0) })
      #expect(try cast(table, .i64, .bool, a, UInt8(0)) == a.map { $0 != 0 ? 1 : 0 })
      let b = operands(Int32.self, n, seed: 1)
      #expect(try cast(table, .i32, .f32, b, Float(0)) == b.map(Float.init))
      #expect(try cast(table, .i32, .i64, b, Int64(0)) == b.map(Int64.init))
      let c = operands(UInt8.self, n, seed: 1)
      #expect(try cast(table, .u8, .f32, c, Float(0)) == c.map(Float.init))
      #expect(try cast(table, .u8, .i64, c, Int64(0)) == c.map(Int64.init))
      let truths = c.map { $0 & 1 }
      #expect(try cast(table, .bool, .f32, truths, Float(0)) == truths.map(Float.init))
      #expect(try cast(table, .bool, .f64, truths, Double(0)) == truths.map(Double.init))
      #expect(try cast(table, .bool, .i64, truths, Int64(0)) == truths.map(Int64.init))
      #expect(try cast(table, .bool, .u8, truths, UInt8(0)) == truths)
    }
  }

  /// All 65536 halves widen as Swift's Float16 does, and come back.
  @Test(arguments: tables) func everyHalf(_ table: KernelTable) throws {
    let bits = (0...UInt16.max).map { $0 }
    let wide = try cast(table, .f16, .f32, bits, Float(0))
    let back = try cast(table, .f32, .f16, wide, UInt16(0))
    for i in bits.indices {
      let want = Float(Float16(bitPattern: bits[i]))
      #expect(wide[i].same(want))
      #expect(want.isNaN ? back[i] & 0x7fff > 0x7c00 : back[i] == bits[i])
    }
  }

  @Test(arguments: tables) func everyBrainFloat(_ table: KernelTable) throws {
    let bits = (0...UInt16.max).map { $0 }
    let wide = try cast(table, .bf16, .f32, bits, Float(0))
    let back = try cast(table, .f32, .bf16, wide, UInt16(0))
    for i in bits.indices {
      #expect(wide[i].same(Float(bitPattern: UInt32(bits[i]) << 16)))
      #expect(wide[i].isNaN ? back[i] & 0x7fff > 0x7f80 : back[i] == bits[i])
    }
  }

  /// Every finite number, the middle between it and the next larger one, and both neighbours of that.
  @Test(arguments: tables) func everyMiddle(_ table: KernelTable) throws {
    let bits = (0...UInt16.max).map { $0 }
    let brains = bits.filter { $0 & 0x7f80 != 0x7f80 }
    let middles = brains.map { Float(bitPattern: UInt32($0) << 16 | 0x8000) }
    let halves = bits.filter { $0 & 0x7c00 != 0x7c00 && $0 & 0x7fff != 0x7bff }
    let between = halves.map { bits in
      let (low, high) = (Float16(bitPattern: bits), Float16(bitPattern: bits + 1))
      return (Float(low) + Float(high)) / 2
    }
    func check(_ to: DType, _ bits: [UInt16], _ middles: [Float]) throws {
      let below = middles.map { Float(bitPattern: $0.bitPattern - 1) }
      let above = middles.map { Float(bitPattern: $0.bitPattern + 1) }
      #expect(try cast(table, .f32, to, below, UInt16(0)) == bits)
      #expect(try cast(table, .f32, to, middles, UInt16(0)) == bits.map { $0 + $0 % 2 })
      #expect(try cast(table, .f32, to, above, UInt16(0)) == bits.map { $0 + 1 })
    }
    try check(.bf16, brains, middles)
    try check(.f16, halves, between)
  }

  @Test(arguments: tables) func roundingToHalves(_ table: KernelTable) throws {
    var source = SplitMix(3)
    var a = (0..<100_000).map { _ in
      Float(bitPattern: UInt32(truncatingIfNeeded: source.next()) & 0x8fff_ffff | 0x3000_0000)
    }
    a += [65504, 65519.99, 65520, 1e-8, 5.9e-8, 2.9e-8, 2.98023223876953125e-8, 6.1e-5, .infinity]
    a += [.nan, Float(bitPattern: 0x7f80_0001), Float(bitPattern: 0xffff_ffff)]
    let halves = try cast(table, .f32, .f16, a, UInt16(0))
    let brains = try cast(table, .f32, .bf16, a, UInt16(0))
    for i in a.indices {
      if a[i].isNaN {
        #expect(halves[i] & 0x7fff > 0x7c00 && brains[i] & 0x7fff > 0x7f80)
        continue
      }
      #expect(halves[i] == Float16(a[i]).bitPattern, "\(a[i])")
      let exact = a[i].bitPattern
      let down = exact & 0xffff_0000
      let rest = exact & 0xffff
      let up = rest > 0x8000 || rest == 0x8000 && exact & 0x1_0000 != 0
      #expect(UInt32(brains[i]) << 16 == (up ? down &+ 0x1_0000 : down), "\(a[i])")
    }
  }
}
