// Table entries of the elementwise operations of floats.

import BettyKernelInterface

extension KernelTable {
  mutating func fillElementwiseF32() {
    self[.copy, .f32] = { d, a, _, _, n in unary(Copy<F32>.self, d, a, n) }
    self[.select, .f32] = { d, a, b, c, n in select(F32.self, d, a, b, c, n) }
    self[.neg, .f32] = { d, a, _, _, n in unary(NegateFloat<F32>.self, d, a, n) }
    self[.abs, .f32] = { d, a, _, _, n in unary(AbsoluteFloat<F32>.self, d, a, n) }
    self[.sign, .f32] = { d, a, _, _, n in unary(SignFloat<F32>.self, d, a, n) }
    self[.exp, .f32] = { d, a, _, _, n in unaryLong(Exp<F32>.self, d, a, n) }
    self[.expm1, .f32] = { d, a, _, _, n in unaryLong(Expm1<F32>.self, d, a, n) }
    self[.log, .f32] = { d, a, _, _, n in unaryLong(Log<F32>.self, d, a, n) }
    self[.log1p, .f32] = { d, a, _, _, n in unaryLong(Log1p<F32>.self, d, a, n) }
    self[.sqrt, .f32] = { d, a, _, _, n in unary(SquareRoot<F32>.self, d, a, n) }
    self[.rsqrt, .f32] = { d, a, _, _, n in unary(ReciprocalSquareRoot<F32>.self, d, a, n) }
    self[.reciprocal, .f32] = { d, a, _, _, n in unary(Reciprocal<F32>.self, d, a, n) }
    self[.sin, .f32] = { d, a, _, _, n in unaryLong(Sine<F32>.self, d, a, n) }
    self[.cos, .f32] = { d, a, _, _, n in unaryLong(Cosine<F32>.self, d, a, n) }
    self[.tanh, .f32] = { d, a, _, _, n in unaryLong(Tanh<F32>.self, d, a, n) }
    self[.sigmoid, .f32] = { d, a, _, _, n in unaryLong(Sigmoid<F32>.self, d, a, n) }
    self[.softplus, .f32] = { d, a, _, _, n in unaryLong(Softplus<F32>.self, d, a, n) }
    self[.erf, .f32] = { d, a, _, _, n in unaryLong(ErrorFunction<F32>.self, d, a, n) }
    self[.erfinv, .f32] = { d, a, _, _, n in
      unaryLong(InverseErrorFunction<F32>.self, d, a, n)
    }
    self[.floor, .f32] = { d, a, _, _, n in unary(Floor<F32>.self, d, a, n) }
    self[.ceil, .f32] = { d, a, _, _, n in unary(Ceil<F32>.self, d, a, n) }
    self[.round, .f32] = { d, a, _, _, n in unary(Round<F32>.self, d, a, n) }
    self[.trunc, .f32] = { d, a, _, _, n in unary(Truncate<F32>.self, d, a, n) }
    self[.relu, .f32] = { d, a, _, _, n in unary(Relu<F32>.self, d, a, n) }
    self[.gelu, .f32] = { d, a, _, _, n in unaryLong(Gelu<F32>.self, d, a, n) }
    self[.add, .f32] = { d, a, b, _, n in binary(Add<F32>.self, d, a, b, n) }
    self[.sub, .f32] = { d, a, b, _, n in binary(Subtract<F32>.self, d, a, b, n) }
    self[.mul, .f32] = { d, a, b, _, n in binary(Multiply<F32>.self, d, a, b, n) }
    self[.div, .f32] = { d, a, b, _, n in binary(Divide<F32>.self, d, a, b, n) }
    self[.maximum, .f32] = { d, a, b, _, n in binary(Maximum<F32>.self, d, a, b, n) }
    self[.minimum, .f32] = { d, a, b, _, n in binary(Minimum<F32>.self, d, a, b, n) }
    self[.pow, .f32] = { d, a, b, _, n in binaryLong(PowerFloat<F32>.self, d, a, b, n) }
    self[.remainder, .f32] = { d, a, b, _, n in binaryLong(RemainderFloat<F32>.self, d, a, b, n) }
    self[.floorDivide, .f32] = { d, a, b, _, n in
      binaryLong(FloorDivideFloat<F32>.self, d, a, b, n)
    }
    self[.atan2, .f32] = { d, a, b, _, n in binaryLong(ArcTangent2<F32>.self, d, a, b, n) }
    self[.eq, .f32] = { d, a, b, _, n in compare(Equal<F32>.self, d, a, b, n) }
    self[.ne, .f32] = { d, a, b, _, n in compare(NotEqual<F32>.self, d, a, b, n) }
    self[.lt, .f32] = { d, a, b, _, n in compare(Less<F32>.self, d, a, b, n) }
    self[.le, .f32] = { d, a, b, _, n in compare(LessOrEqual<F32>.self, d, a, b, n) }
    self[.gt, .f32] = { d, a, b, _, n in compare(Less<F32>.self, d, b, a, n) }
    self[.ge, .f32] = { d, a, b, _, n in compare(LessOrEqual<F32>.self, d, b, a, n) }
    self[.multiplyAdd, .f32] = { d, a, b, c, n in ternary(MultiplyAdd<F32>.self, d, a, b, c, n) }
  }

  mutating func fillElementwiseF64() {
    self[.copy, .f64] = { d, a, _, _, n in unary(Copy<F64>.self, d, a, n) }
    self[.select, .f64] = { d, a, b, c, n in select(F64.self, d, a, b, c, n) }
    self[.neg, .f64] = { d, a, _, _, n in unary(NegateFloat<F64>.self, d, a, n) }
    self[.abs, .f64] = { d, a, _, _, n in unary(AbsoluteFloat<F64>.self, d, a, n) }
    self[.sign, .f64] = { d, a, _, _, n in unary(SignFloat<F64>.self, d, a, n) }
    self[.exp, .f64] = { d, a, _, _, n in unaryLong(Exp<F64>.self, d, a, n) }
    self[.expm1, .f64] = { d, a, _, _, n in unaryLong(Expm1<F64>.self, d, a, n) }
    self[.log, .f64] = { d, a, _, _, n in unaryLong(Log<F64>.self, d, a, n) }
    self[.log1p, .f64] = { d, a, _, _, n in unaryLong(Log1p<F64>.self, d, a, n) }
    self[.sqrt, .f64] = { d, a, _, _, n in unary(SquareRoot<F64>.self, d, a, n) }
    self[.rsqrt, .f64] = { d, a, _, _, n in unary(ReciprocalSquareRoot<F64>.self, d, a, n) }
    self[.reciprocal, .f64] = { d, a, _, _, n in unary(Reciprocal<F64>.self, d, a, n) }
    self[.sin, .f64] = { d, a, _, _, n in unaryLong(Sine<F64>.self, d, a, n) }
    self[.cos, .f64] = { d, a, _, _, n in unaryLong(Cosine<F64>.self, d, a, n) }
    self[.tanh, .f64] = { d, a, _, _, n in unaryLong(Tanh<F64>.self, d, a, n) }
    self[.sigmoid, .f64] = { d, a, _, _, n in unaryLong(Sigmoid<F64>.self, d, a, n) }
    self[.softplus, .f64] = { d, a, _, _, n in unaryLong(Softplus<F64>.self, d, a, n) }
    self[.erf, .f64] = { d, a, _, _, n in unaryLong(ErrorFunction<F64>.self, d, a, n) }
    self[.erfinv, .f64] = { d, a, _, _, n in
      unaryLong(InverseErrorFunction<F64>.self, d, a, n)
    }
    self[.floor, .f64] = { d, a, _, _, n in unary(Floor<F64>.self, d, a, n) }
    self[.ceil, .f64] = { d, a, _, _, n in unary(Ceil<F64>.self, d, a, n) }
    self[.round, .f64] = { d, a, _, _, n in unary(Round<F64>.self, d, a, n) }
    self[.trunc, .f64] = { d, a, _, _, n in unary(Truncate<F64>.self, d, a, n) }
    self[.relu, .f64] = { d, a, _, _, n in unary(Relu<F64>.self, d, a, n) }
    self[.gelu, .f64] = { d, a, _, _, n in unaryLong(Gelu<F64>.self, d, a, n) }
    self[.add, .f64] = { d, a, b, _, n in binary(Add<F64>.self, d, a, b, n) }
    self[.sub, .f64] = { d, a, b, _, n in binary(Subtract<F64>.self, d, a, b, n) }
    self[.mul, .f64] = { d, a, b, _, n in binary(Multiply<F64>.self, d, a, b, n) }
    self[.div, .f64] = { d, a, b, _, n in binary(Divide<F64>.self, d, a, b, n) }
    self[.maximum, .f64] = { d, a, b, _, n in binary(Maximum<F64>.self, d, a, b, n) }
    self[.minimum, .f64] = { d, a, b, _, n in binary(Minimum<F64>.self, d, a, b, n) }
    self[.pow, .f64] = { d, a, b, _, n in binaryLong(PowerFloat<F64>.self, d, a, b, n) }
    self[.remainder, .f64] = { d, a, b, _, n in binaryLong(RemainderFloat<F64>.self, d, a, b, n) }
    self[.floorDivide, .f64] = { d, a, b, _, n in
      binaryLong(FloorDivideFloat<F64>.self, d, a, b, n)
    }
    self[.atan2, .f64] = { d, a, b, _, n in binaryLong(ArcTangent2<F64>.self, d, a, b, n) }
    self[.eq, .f64] = { d, a, b, _, n in compare(Equal<F64>.self, d, a, b, n) }
    self[.ne, .f64] = { d, a, b, _, n in compare(NotEqual<F64>.self, d, a, b, n) }
    self[.lt, .f64] = { d, a, b, _, n in compare(Less<F64>.self, d, a, b, n) }
    self[.le, .f64] = { d, a, b, _, n in compare(LessOrEqual<F64>.self, d, a, b, n) }
    self[.gt, .f64] = { d, a, b, _, n in compare(Less<F64>.self, d, b, a, n) }
    self[.ge, .f64] = { d, a, b, _, n in compare(LessOrEqual<F64>.self, d, b, a, n) }
    self[.multiplyAdd, .f64] = { d, a, b, c, n in ternary(MultiplyAdd<F64>.self, d, a, b, c, n) }
  }
}
