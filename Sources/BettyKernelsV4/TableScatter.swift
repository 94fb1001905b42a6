// Table entries of the kernels that join what meets at an index.

import BettyKernelInterface

extension KernelTable {
  mutating func fillScattered() {
    scatterMax[Int(DType.f64.rawValue)] = { d, a, i, fresh, n, w, count, f, l, low, high, s in
      let part = Targets(length: n, inner: w, first: f, last: l, low: low, high: high)
      joinScattered(Larger<F64>.self, d, a, i, count, part, fresh != 0, s)
    }
    scatterMax[Int(DType.f32.rawValue)] = { d, a, i, fresh, n, w, count, f, l, low, high, s in
      let part = Targets(length: n, inner: w, first: f, last: l, low: low, high: high)
      joinScattered(Larger<F32>.self, d, a, i, count, part, fresh != 0, s)
    }
    scatterMax[Int(DType.i64.rawValue)] = { d, a, i, fresh, n, w, count, f, l, low, high, s in
      let part = Targets(length: n, inner: w, first: f, last: l, low: low, high: high)
      joinScattered(Larger<I64>.self, d, a, i, count, part, fresh != 0, s)
    }
    scatterMax[Int(DType.i32.rawValue)] = { d, a, i, fresh, n, w, count, f, l, low, high, s in
      let part = Targets(length: n, inner: w, first: f, last: l, low: low, high: high)
      joinScattered(Larger<I32>.self, d, a, i, count, part, fresh != 0, s)
    }
    scatterMax[Int(DType.u8.rawValue)] = { d, a, i, fresh, n, w, count, f, l, low, high, s in
      let part = Targets(length: n, inner: w, first: f, last: l, low: low, high: high)
      joinScattered(Larger<U8>.self, d, a, i, count, part, fresh != 0, s)
    }
    scatterMin[Int(DType.f64.rawValue)] = { d, a, i, fresh, n, w, count, f, l, low, high, s in
      let part = Targets(length: n, inner: w, first: f, last: l, low: low, high: high)
      joinScattered(Smaller<F64>.self, d, a, i, count, part, fresh != 0, s)
    }
    scatterMin[Int(DType.f32.rawValue)] = { d, a, i, fresh, n, w, count, f, l, low, high, s in
      let part = Targets(length: n, inner: w, first: f, last: l, low: low, high: high)
      joinScattered(Smaller<F32>.self, d, a, i, count, part, fresh != 0, s)
    }
    scatterMin[Int(DType.i64.rawValue)] = { d, a, i, fresh, n, w, count, f, l, low, high, s in
      let part = Targets(length: n, inner: w, first: f, last: l, low: low, high: high)
      joinScattered(Smaller<I64>.self, d, a, i, count, part, fresh != 0, s)
    }
    scatterMin[Int(DType.i32.rawValue)] = { d, a, i, fresh, n, w, count, f, l, low, high, s in
      let part = Targets(length: n, inner: w, first: f, last: l, low: low, high: high)
      joinScattered(Smaller<I32>.self, d, a, i, count, part, fresh != 0, s)
    }
    scatterMin[Int(DType.u8.rawValue)] = { d, a, i, fresh, n, w, count, f, l, low, high, s in
      let part = Targets(length: n, inner: w, first: f, last: l, low: low, high: high)
      joinScattered(Smaller<U8>.self, d, a, i, count, part, fresh != 0, s)
    }
    scatterProd[Int(DType.f64.rawValue)] = { d, a, i, fresh, n, w, count, f, l, low, high, s in
      let part = Targets(length: n, inner: w, first: f, last: l, low: low, high: high)
      joinScattered(Times<F64>.self, d, a, i, count, part, fresh != 0, s)
    }
    scatterProd[Int(DType.f32.rawValue)] = { d, a, i, fresh, n, w, count, f, l, low, high, s in
      let part = Targets(length: n, inner: w, first: f, last: l, low: low, high: high)
      joinScattered(Times<F32>.self, d, a, i, count, part, fresh != 0, s)
    }
    scatterProd[Int(DType.i64.rawValue)] = { d, a, i, fresh, n, w, count, f, l, low, high, s in
      let part = Targets(length: n, inner: w, first: f, last: l, low: low, high: high)
      joinScattered(Times<I64>.self, d, a, i, count, part, fresh != 0, s)
    }
    scatterProd[Int(DType.i32.rawValue)] = { d, a, i, fresh, n, w, count, f, l, low, high, s in
      let part = Targets(length: n, inner: w, first: f, last: l, low: low, high: high)
      joinScattered(Times<I32>.self, d, a, i, count, part, fresh != 0, s)
    }
    scatterProd[Int(DType.u8.rawValue)] = { d, a, i, fresh, n, w, count, f, l, low, high, s in
      let part = Targets(length: n, inner: w, first: f, last: l, low: low, high: high)
      joinScattered(Times<U8>.self, d, a, i, count, part, fresh != 0, s)
    }
  }
}
