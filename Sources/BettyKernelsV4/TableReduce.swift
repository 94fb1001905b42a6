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
      .sum, .f64, { d, a, _, r, i, f, l in reduceAxis(Sum<F64>.self, d, a, r, i, f, l) },
      { d, a, n in reduceTile(Sum<F64>.self, d, a, n) })
    set(
      .sum, .f32, { d, a, _, r, i, f, l in reduceAxis(SumFloat32.self, d, a, r, i, f, l) },
      { d, a, n in reduceTile(SumFloat32.self, d, a, n) })
    set(
      .sum, .i64, { d, a, _, r, i, f, l in reduceAxis(Sum<I64>.self, d, a, r, i, f, l) },
      { d, a, n in reduceTile(Sum<I64>.self, d, a, n) })
    set(
      .sum, .i32, { d, a, _, r, i, f, l in reduceAxis(Sum<I32>.self, d, a, r, i, f, l) },
      { d, a, n in reduceTile(Sum<I32>.self, d, a, n) })
    set(
      .sum, .u8, { d, a, _, r, i, f, l in reduceAxis(Sum<U8>.self, d, a, r, i, f, l) },
      { d, a, n in reduceTile(Sum<U8>.self, d, a, n) })
  }

  private mutating func fillRepeatedProducts() {
    set(
      .prod, .f64, { d, a, _, r, i, f, l in reduceAxis(Product<F64>.self, d, a, r, i, f, l) },
      { d, a, n in reduceTile(Product<F64>.self, d, a, n) })
    set(
      .prod, .f32, { d, a, _, r, i, f, l in reduceAxis(ProductFloat32.self, d, a, r, i, f, l) },
      { d, a, n in reduceTile(ProductFloat32.self, d, a, n) })
    set(
      .prod, .i64, { d, a, _, r, i, f, l in reduceAxis(Product<I64>.self, d, a, r, i, f, l) },
      { d, a, n in reduceTile(Product<I64>.self, d, a, n) })
    set(
      .prod, .i32, { d, a, _, r, i, f, l in reduceAxis(Product<I32>.self, d, a, r, i, f, l) },
      { d, a, n in reduceTile(Product<I32>.self, d, a, n) })
    set(
      .prod, .u8, { d, a, _, r, i, f, l in reduceAxis(Product<U8>.self, d, a, r, i, f, l) },
      { d, a, n in reduceTile(Product<U8>.self, d, a, n) })
  }

  private mutating func fillMaxima() {
    set(
      .max, .f64, { d, a, _, r, i, f, l in reduceAxis(Largest<F64>.self, d, a, r, i, f, l) },
      { d, a, n in reduceTile(Largest<F64>.self, d, a, n) })
    set(
      .max, .f32, { d, a, _, r, i, f, l in reduceAxis(Largest<F32>.self, d, a, r, i, f, l) },
      { d, a, n in reduceTile(Largest<F32>.self, d, a, n) })
    set(
      .max, .i64, { d, a, _, r, i, f, l in reduceAxis(Largest<I64>.self, d, a, r, i, f, l) },
      { d, a, n in reduceTile(Largest<I64>.self, d, a, n) })
    set(
      .max, .i32, { d, a, _, r, i, f, l in reduceAxis(Largest<I32>.self, d, a, r, i, f, l) },
      { d, a, n in reduceTile(Largest<I32>.self, d, a, n) })
    set(
      .max, .u8, { d, a, _, r, i, f, l in reduceAxis(Largest<U8>.self, d, a, r, i, f, l) },
      { d, a, n in reduceTile(Largest<U8>.self, d, a, n) })
    set(
      .max, .bool, { d, a, _, r, i, f, l in reduceAxis(Largest<U8>.self, d, a, r, i, f, l) },
      { d, a, n in reduceTile(Largest<U8>.self, d, a, n) })
  }

  private mutating func fillMinima() {
    set(
      .min, .f64, { d, a, _, r, i, f, l in reduceAxis(Smallest<F64>.self, d, a, r, i, f, l) },
      { d, a, n in reduceTile(Smallest<F64>.self, d, a, n) })
    set(
      .min, .f32, { d, a, _, r, i, f, l in reduceAxis(Smallest<F32>.self, d, a, r, i, f, l) },
      { d, a, n in reduceTile(Smallest<F32>.self, d, a, n) })
    set(
      .min, .i64, { d, a, _, r, i, f, l in reduceAxis(Smallest<I64>.self, d, a, r, i, f, l) },
      { d, a, n in reduceTile(Smallest<I64>.self, d, a, n) })
    set(
      .min, .i32, { d, a, _, r, i, f, l in reduceAxis(Smallest<I32>.self, d, a, r, i, f, l) },
      { d, a, n in reduceTile(Smallest<I32>.self, d, a, n) })
    set(
      .min, .u8, { d, a, _, r, i, f, l in reduceAxis(Smallest<U8>.self, d, a, r, i, f, l) },
      { d, a, n in reduceTile(Smallest<U8>.self, d, a, n) })
    set(
      .min, .bool, { d, a, _, r, i, f, l in reduceAxis(Smallest<U8>.self, d, a, r, i, f, l) },
      { d, a, n in reduceTile(Smallest<U8>.self, d, a, n) })
  }
}
