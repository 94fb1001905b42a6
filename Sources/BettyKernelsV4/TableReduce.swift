// Table entries of the reductions.

import BettyKernelInterface

extension KernelTable {
  private mutating func set(
    _ op: ReduceOp, _ dtype: DType, _ whole: @escaping ReduceFunction,
    _ tile: @escaping TileReduceFunction
  ) {
    let index = Int(op.rawValue) * DType.count + Int(dtype.rawValue)
    reduce[index] = whole
    tileReduce[index] = tile
  }

  mutating func fillReductions() {
    fillSums()
    fillRepeatedProducts()
    fillMaxima()
    fillMinima()
  }

  private mutating func fillSums() {
    set(
      .sum, .f64, { d, a, _, r, i, f, l in reduceAxis(SumFloat64.self, d, a, r, i, f, l) },
      { d, a, n in reduceTile(SumFloat64.self, d, a, n) })
    set(
      .sum, .f32, { d, a, _, r, i, f, l in reduceAxis(SumFloat32.self, d, a, r, i, f, l) },
      { d, a, n in reduceTile(SumFloat32.self, d, a, n) })
    set(
      .sum, .i64,
      { d, a, _, r, i, f, l in combineAxis(SumInteger<Int64>.self, d, a, r, i, f, l) },
      { d, a, n in combineTile(SumInteger<Int64>.self, d, a, n) })
    set(
      .sum, .i32,
      { d, a, _, r, i, f, l in combineAxis(SumInteger<Int32>.self, d, a, r, i, f, l) },
      { d, a, n in combineTile(SumInteger<Int32>.self, d, a, n) })
    set(
      .sum, .u8,
      { d, a, _, r, i, f, l in combineAxis(SumInteger<UInt8>.self, d, a, r, i, f, l) },
      { d, a, n in combineTile(SumInteger<UInt8>.self, d, a, n) })
  }

  private mutating func fillRepeatedProducts() {
    set(
      .prod, .f64, { d, a, _, r, i, f, l in reduceAxis(ProductFloat64.self, d, a, r, i, f, l) },
      { d, a, n in reduceTile(ProductFloat64.self, d, a, n) })
    set(
      .prod, .f32, { d, a, _, r, i, f, l in reduceAxis(ProductFloat32.self, d, a, r, i, f, l) },
      { d, a, n in reduceTile(ProductFloat32.self, d, a, n) })
    set(
      .prod, .i64,
      { d, a, _, r, i, f, l in combineAxis(ProductInteger<Int64>.self, d, a, r, i, f, l) },
      { d, a, n in combineTile(ProductInteger<Int64>.self, d, a, n) })
    set(
      .prod, .i32,
      { d, a, _, r, i, f, l in combineAxis(ProductInteger<Int32>.self, d, a, r, i, f, l) },
      { d, a, n in combineTile(ProductInteger<Int32>.self, d, a, n) })
    set(
      .prod, .u8,
      { d, a, _, r, i, f, l in combineAxis(ProductInteger<UInt8>.self, d, a, r, i, f, l) },
      { d, a, n in combineTile(ProductInteger<UInt8>.self, d, a, n) })
  }

  private mutating func fillMaxima() {
    set(
      .max, .f64, { d, a, _, r, i, f, l in reduceAxis(Largest<F64>.self, d, a, r, i, f, l) },
      { d, a, n in reduceTile(Largest<F64>.self, d, a, n) })
    set(
      .max, .f32, { d, a, _, r, i, f, l in reduceAxis(Largest<F32>.self, d, a, r, i, f, l) },
      { d, a, n in reduceTile(Largest<F32>.self, d, a, n) })
    set(
      .max, .i64,
      { d, a, _, r, i, f, l in combineAxis(LargestInteger<Int64>.self, d, a, r, i, f, l) },
      { d, a, n in combineTile(LargestInteger<Int64>.self, d, a, n) })
    set(
      .max, .i32,
      { d, a, _, r, i, f, l in combineAxis(LargestInteger<Int32>.self, d, a, r, i, f, l) },
      { d, a, n in combineTile(LargestInteger<Int32>.self, d, a, n) })
    set(
      .max, .u8,
      { d, a, _, r, i, f, l in combineAxis(LargestInteger<UInt8>.self, d, a, r, i, f, l) },
      { d, a, n in combineTile(LargestInteger<UInt8>.self, d, a, n) })
    set(
      .max, .bool,
      { d, a, _, r, i, f, l in combineAxis(LargestInteger<UInt8>.self, d, a, r, i, f, l) },
      { d, a, n in combineTile(LargestInteger<UInt8>.self, d, a, n) })
  }

  private mutating func fillMinima() {
    set(
      .min, .f64, { d, a, _, r, i, f, l in reduceAxis(Smallest<F64>.self, d, a, r, i, f, l) },
      { d, a, n in reduceTile(Smallest<F64>.self, d, a, n) })
    set(
      .min, .f32, { d, a, _, r, i, f, l in reduceAxis(Smallest<F32>.self, d, a, r, i, f, l) },
      { d, a, n in reduceTile(Smallest<F32>.self, d, a, n) })
    set(
      .min, .i64,
      { d, a, _, r, i, f, l in combineAxis(SmallestInteger<Int64>.self, d, a, r, i, f, l) },
      { d, a, n in combineTile(SmallestInteger<Int64>.self, d, a, n) })
    set(
      .min, .i32,
      { d, a, _, r, i, f, l in combineAxis(SmallestInteger<Int32>.self, d, a, r, i, f, l) },
      { d, a, n in combineTile(SmallestInteger<Int32>.self, d, a, n) })
    set(
      .min, .u8,
      { d, a, _, r, i, f, l in combineAxis(SmallestInteger<UInt8>.self, d, a, r, i, f, l) },
      { d, a, n in combineTile(SmallestInteger<UInt8>.self, d, a, n) })
    set(
      .min, .bool,
      { d, a, _, r, i, f, l in combineAxis(SmallestInteger<UInt8>.self, d, a, r, i, f, l) },
      { d, a, n in combineTile(SmallestInteger<UInt8>.self, d, a, n) })
  }
}
