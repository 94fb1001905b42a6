// Table entries of the elementwise operations of integers, bools and storage types.

import BettyKernelInterface

extension KernelTable {
  mutating func fillElementwiseI64() {
    self[.copy, .i64] = { d, a, _, _, n in unary(Copy<I64>.self, d, a, n) }
    self[.select, .i64] = { d, a, b, c, n in select(I64.self, d, a, b, c, n) }
    self[.neg, .i64] = { d, a, _, _, n in unary(Negate<I64>.self, d, a, n) }
    self[.abs, .i64] = { d, a, _, _, n in unary(Absolute<I64>.self, d, a, n) }
    self[.sign, .i64] = { d, a, _, _, n in unary(Sign<I64>.self, d, a, n) }
    self[.relu, .i64] = { d, a, _, _, n in unary(Relu<I64>.self, d, a, n) }
    self[.add, .i64] = { d, a, b, _, n in binary(Add<I64>.self, d, a, b, n) }
    self[.sub, .i64] = { d, a, b, _, n in binary(Subtract<I64>.self, d, a, b, n) }
    self[.mul, .i64] = { d, a, b, _, n in binary(Multiply<I64>.self, d, a, b, n) }
    self[.maximum, .i64] = { d, a, b, _, n in binary(Maximum<I64>.self, d, a, b, n) }
    self[.minimum, .i64] = { d, a, b, _, n in binary(Minimum<I64>.self, d, a, b, n) }
    self[.div, .i64] = { d, a, b, _, n in scalars(DivideInteger<Int64>.self, d, a, b, n) }
    self[.pow, .i64] = { d, a, b, _, n in scalars(PowerInteger<Int64>.self, d, a, b, n) }
    self[.remainder, .i64] = { d, a, b, _, n in scalars(RemainderInteger<Int64>.self, d, a, b, n) }
    self[.floorDivide, .i64] = { d, a, b, _, n in
      scalars(FloorDivideInteger<Int64>.self, d, a, b, n)
    }
    self[.eq, .i64] = { d, a, b, _, n in compare(Equal<I64>.self, d, a, b, n) }
    self[.ne, .i64] = { d, a, b, _, n in compare(NotEqual<I64>.self, d, a, b, n) }
    self[.lt, .i64] = { d, a, b, _, n in compare(Less<I64>.self, d, a, b, n) }
    self[.le, .i64] = { d, a, b, _, n in compare(LessOrEqual<I64>.self, d, a, b, n) }
    self[.gt, .i64] = { d, a, b, _, n in compare(Less<I64>.self, d, b, a, n) }
    self[.ge, .i64] = { d, a, b, _, n in compare(LessOrEqual<I64>.self, d, b, a, n) }
    self[.multiplyAdd, .i64] = { d, a, b, c, n in ternary(MultiplyAdd<I64>.self, d, a, b, c, n) }
  }

  mutating func fillElementwiseI32() {
    self[.copy, .i32] = { d, a, _, _, n in unary(Copy<I32>.self, d, a, n) }
    self[.select, .i32] = { d, a, b, c, n in select(I32.self, d, a, b, c, n) }
    self[.neg, .i32] = { d, a, _, _, n in unary(Negate<I32>.self, d, a, n) }
    self[.abs, .i32] = { d, a, _, _, n in unary(Absolute<I32>.self, d, a, n) }
    self[.sign, .i32] = { d, a, _, _, n in unary(Sign<I32>.self, d, a, n) }
    self[.relu, .i32] = { d, a, _, _, n in unary(Relu<I32>.self, d, a, n) }
    self[.add, .i32] = { d, a, b, _, n in binary(Add<I32>.self, d, a, b, n) }
    self[.sub, .i32] = { d, a, b, _, n in binary(Subtract<I32>.self, d, a, b, n) }
    self[.mul, .i32] = { d, a, b, _, n in binary(Multiply<I32>.self, d, a, b, n) }
    self[.maximum, .i32] = { d, a, b, _, n in binary(Maximum<I32>.self, d, a, b, n) }
    self[.minimum, .i32] = { d, a, b, _, n in binary(Minimum<I32>.self, d, a, b, n) }
    self[.div, .i32] = { d, a, b, _, n in scalars(DivideInteger<Int32>.self, d, a, b, n) }
    self[.pow, .i32] = { d, a, b, _, n in scalars(PowerInteger<Int32>.self, d, a, b, n) }
    self[.remainder, .i32] = { d, a, b, _, n in scalars(RemainderInteger<Int32>.self, d, a, b, n) }
    self[.floorDivide, .i32] = { d, a, b, _, n in
      scalars(FloorDivideInteger<Int32>.self, d, a, b, n)
    }
    self[.eq, .i32] = { d, a, b, _, n in compare(Equal<I32>.self, d, a, b, n) }
    self[.ne, .i32] = { d, a, b, _, n in compare(NotEqual<I32>.self, d, a, b, n) }
    self[.lt, .i32] = { d, a, b, _, n in compare(Less<I32>.self, d, a, b, n) }
    self[.le, .i32] = { d, a, b, _, n in compare(LessOrEqual<I32>.self, d, a, b, n) }
    self[.gt, .i32] = { d, a, b, _, n in compare(Less<I32>.self, d, b, a, n) }
    self[.ge, .i32] = { d, a, b, _, n in compare(LessOrEqual<I32>.self, d, b, a, n) }
    self[.multiplyAdd, .i32] = { d, a, b, c, n in ternary(MultiplyAdd<I32>.self, d, a, b, c, n) }
  }

  mutating func fillElementwiseU8() {
    self[.copy, .u8] = { d, a, _, _, n in unary(Copy<U8>.self, d, a, n) }
    self[.select, .u8] = { d, a, b, c, n in select(U8.self, d, a, b, c, n) }
    self[.neg, .u8] = { d, a, _, _, n in unary(Negate<U8>.self, d, a, n) }
    self[.abs, .u8] = { d, a, _, _, n in unary(Absolute<U8>.self, d, a, n) }
    self[.sign, .u8] = { d, a, _, _, n in unary(Sign<U8>.self, d, a, n) }
    self[.relu, .u8] = { d, a, _, _, n in unary(Relu<U8>.self, d, a, n) }
    self[.add, .u8] = { d, a, b, _, n in binary(Add<U8>.self, d, a, b, n) }
    self[.sub, .u8] = { d, a, b, _, n in binary(Subtract<U8>.self, d, a, b, n) }
    self[.mul, .u8] = { d, a, b, _, n in binary(Multiply<U8>.self, d, a, b, n) }
    self[.maximum, .u8] = { d, a, b, _, n in binary(Maximum<U8>.self, d, a, b, n) }
    self[.minimum, .u8] = { d, a, b, _, n in binary(Minimum<U8>.self, d, a, b, n) }
    self[.div, .u8] = { d, a, b, _, n in scalars(DivideInteger<UInt8>.self, d, a, b, n) }
    self[.pow, .u8] = { d, a, b, _, n in scalars(PowerInteger<UInt8>.self, d, a, b, n) }
    self[.remainder, .u8] = { d, a, b, _, n in scalars(RemainderInteger<UInt8>.self, d, a, b, n) }
    self[.floorDivide, .u8] = { d, a, b, _, n in
      scalars(FloorDivideInteger<UInt8>.self, d, a, b, n)
    }
    self[.eq, .u8] = { d, a, b, _, n in compare(Equal<U8>.self, d, a, b, n) }
    self[.ne, .u8] = { d, a, b, _, n in compare(NotEqual<U8>.self, d, a, b, n) }
    self[.lt, .u8] = { d, a, b, _, n in compare(Less<U8>.self, d, a, b, n) }
    self[.le, .u8] = { d, a, b, _, n in compare(LessOrEqual<U8>.self, d, a, b, n) }
    self[.gt, .u8] = { d, a, b, _, n in compare(Less<U8>.self, d, b, a, n) }
    self[.ge, .u8] = { d, a, b, _, n in compare(LessOrEqual<U8>.self, d, b, a, n) }
    self[.multiplyAdd, .u8] = { d, a, b, c, n in ternary(MultiplyAdd<U8>.self, d, a, b, c, n) }
  }

  /// Bools are bytes of 0 or 1.
  mutating func fillElementwiseBool() {
    self[.copy, .bool] = { d, a, _, _, n in unary(Copy<U8>.self, d, a, n) }
    self[.select, .bool] = { d, a, b, c, n in select(U8.self, d, a, b, c, n) }
    self[.logicalNot, .bool] = { d, a, _, _, n in unary(LogicalNot.self, d, a, n) }
    self[.logicalAnd, .bool] = { d, a, b, _, n in binary(LogicalAnd.self, d, a, b, n) }
    self[.logicalOr, .bool] = { d, a, b, _, n in binary(LogicalOr.self, d, a, b, n) }
    self[.logicalXor, .bool] = { d, a, b, _, n in binary(LogicalXor.self, d, a, b, n) }
    self[.maximum, .bool] = { d, a, b, _, n in binary(Maximum<U8>.self, d, a, b, n) }
    self[.minimum, .bool] = { d, a, b, _, n in binary(Minimum<U8>.self, d, a, b, n) }
    self[.eq, .bool] = { d, a, b, _, n in compare(Equal<U8>.self, d, a, b, n) }
    self[.ne, .bool] = { d, a, b, _, n in compare(NotEqual<U8>.self, d, a, b, n) }
    self[.lt, .bool] = { d, a, b, _, n in compare(Less<U8>.self, d, a, b, n) }
    self[.le, .bool] = { d, a, b, _, n in compare(LessOrEqual<U8>.self, d, a, b, n) }
    self[.gt, .bool] = { d, a, b, _, n in compare(Less<U8>.self, d, b, a, n) }
    self[.ge, .bool] = { d, a, b, _, n in compare(LessOrEqual<U8>.self, d, b, a, n) }
  }

  /// Two bytes of storage are moved and chosen, never computed with.
  mutating func fillElementwiseStorage() {
    for dtype in [DType.bf16, .f16] {
      self[.copy, dtype] = { d, a, _, _, n in unary(Copy<I16>.self, d, a, n) }
      self[.select, dtype] = { d, a, b, c, n in select(I16.self, d, a, b, c, n) }
    }
  }
}
