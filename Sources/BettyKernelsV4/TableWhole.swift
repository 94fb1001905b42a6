// Table entries of everything that is neither elementwise, a cast nor a reduction.

import BettyKernelInterface

extension KernelTable {
  mutating func fillMoves() {
    stridedCopy = copyStrided
    fill = fillPattern
    take = takeRows
    gather = gatherBySize
    indexSet = setIndexed
    scatterSet = setScattered
    joinIndices = joinedIndices
    permutation = permute
  }

  mutating func fillProducts() {
    matvec = [
      { y, a, x, _, c, ld, f, l in multiplyMatrixVector(F64.self, y, a, x, c, ld, f, l) },
      { y, a, x, _, c, ld, f, l in multiplyMatrixVector32(y, a, x, c, ld, f, l) },
    ]
    vecmat = [
      { y, a, x, r, _, ld, f, l in multiplyVectorMatrix(F64.self, y, a, x, r, ld, f, l) },
      { y, a, x, r, _, ld, f, l in multiplyVectorMatrix(F32.self, y, a, x, r, ld, f, l) },
    ]
    narrowMatvec = [
      { y, matrix, x, rows, columns, ld, first, last in
        multiplyNarrowVector(BF16.self, y, matrix, x, columns, ld, first, last)
      },
      { y, matrix, x, rows, columns, ld, first, last in
        multiplyNarrowVector(F16.self, y, matrix, x, columns, ld, first, last)
      },
    ]
    narrowVecmat = [
      { y, matrix, x, rows, columns, ld, first, last in
        multiplyVectorNarrow(BF16.self, y, matrix, x, rows, ld, first, last)
      },
      { y, matrix, x, rows, columns, ld, first, last in
        multiplyVectorNarrow(F16.self, y, matrix, x, rows, ld, first, last)
      },
    ]
  }

  mutating func fillDifferences() {
    squareDifferences = [
      { out, _, a, b, s, n, m, f, l in
        addSquares(F64.self, out, a, b, s, n, m, f, l)
      },
      { out, _, a, b, s, n, m, f, l in
        addSquares(F32.self, out, a, b, s, n, m, f, l)
      },
    ]
    projectDifferences = [
      { out, t, a, b, s, n, m, f, l in
        addProjections(F64.self, out, t, a, b, s, n, m, f, l)
      },
      { out, t, a, b, s, n, m, f, l in
        addProjections(F32.self, out, t, a, b, s, n, m, f, l)
      },
    ]
    weighDifferences = [
      { out, w, a, b, _, n, m, f, l in
        addWeighted(F64.self, out, w, a, b, n, m, f, l)
      },
      { out, w, a, b, _, n, m, f, l in
        addWeighted(F32.self, out, w, a, b, n, m, f, l)
      },
    ]
  }

  mutating func fillIndexed() {
    indexAdd[Int(DType.f64.rawValue)] = { d, a, i, o, n, inner, count, f, l, s in
      addIndexed(F64.self, d, a, i, n, inner, count, f, l, s)
    }
    indexAdd[Int(DType.f32.rawValue)] = { d, a, i, o, n, inner, count, f, l, s in
      addIndexed(F32.self, d, a, i, n, inner, count, f, l, s)
    }
    indexAdd[Int(DType.i64.rawValue)] = { d, a, i, o, n, inner, count, f, l, s in
      addIndexed(I64.self, d, a, i, n, inner, count, f, l, s)
    }
    indexAdd[Int(DType.i32.rawValue)] = { d, a, i, o, n, inner, count, f, l, s in
      addIndexed(I32.self, d, a, i, n, inner, count, f, l, s)
    }
    indexAdd[Int(DType.u8.rawValue)] = { d, a, i, o, n, inner, count, f, l, s in
      addIndexed(U8.self, d, a, i, n, inner, count, f, l, s)
    }
    scatterAdd[Int(DType.f64.rawValue)] = { d, a, i, o, n, inner, count, f, l, s in
      addScattered(F64.self, d, a, i, n, inner, count, f, l, s)
    }
    scatterAdd[Int(DType.f32.rawValue)] = { d, a, i, o, n, inner, count, f, l, s in
      addScattered(F32.self, d, a, i, n, inner, count, f, l, s)
    }
    scatterAdd[Int(DType.i64.rawValue)] = { d, a, i, o, n, inner, count, f, l, s in
      addScattered(I64.self, d, a, i, n, inner, count, f, l, s)
    }
    scatterAdd[Int(DType.i32.rawValue)] = { d, a, i, o, n, inner, count, f, l, s in
      addScattered(I32.self, d, a, i, n, inner, count, f, l, s)
    }
    scatterAdd[Int(DType.u8.rawValue)] = { d, a, i, o, n, inner, count, f, l, s in
      addScattered(U8.self, d, a, i, n, inner, count, f, l, s)
    }
  }

  mutating func fillOrdered() {
    argReduce[Int(DType.f64.rawValue)] = { d, a, _, r, i, f, l, largest in
      extremePosition(F64.self, d, a, r, i, f, l, largest != 0)
    }
    argReduce[Int(DType.f32.rawValue)] = { d, a, _, r, i, f, l, largest in
      extremePosition(F32.self, d, a, r, i, f, l, largest != 0)
    }
    argReduce[Int(DType.i64.rawValue)] = { d, a, _, r, i, f, l, largest in
      extremePosition(I64.self, d, a, r, i, f, l, largest != 0)
    }
    argReduce[Int(DType.i32.rawValue)] = { d, a, _, r, i, f, l, largest in
      extremePosition(I32.self, d, a, r, i, f, l, largest != 0)
    }
    argReduce[Int(DType.u8.rawValue)] = { d, a, _, r, i, f, l, largest in
      extremePosition(U8.self, d, a, r, i, f, l, largest != 0)
    }
    argReduce[Int(DType.bool.rawValue)] = { d, a, _, r, i, f, l, largest in
      extremePosition(U8.self, d, a, r, i, f, l, largest != 0)
    }
    cumsum[Int(DType.f64.rawValue)] = { d, a, _, n, i, f, l, backwards in
      cumulativeSum(Double.self, d, a, n, i, f, l, backwards != 0)
    }
    cumsum[Int(DType.f32.rawValue)] = { d, a, _, n, i, f, l, backwards in
      cumulativeSum(Float.self, d, a, n, i, f, l, backwards != 0)
    }
    cumsum[Int(DType.i64.rawValue)] = { d, a, _, n, i, f, l, backwards in
      cumulativeSum(Int64.self, d, a, n, i, f, l, backwards != 0)
    }
    cumsum[Int(DType.i32.rawValue)] = { d, a, _, n, i, f, l, backwards in
      cumulativeSum(Int32.self, d, a, n, i, f, l, backwards != 0)
    }
    cumsum[Int(DType.u8.rawValue)] = { d, a, _, n, i, f, l, backwards in
      cumulativeSum(UInt8.self, d, a, n, i, f, l, backwards != 0)
    }
  }

  mutating func fillRows() {
    softmaxRows = [
      { d, a, c, f, l in writeRows(Softmax<F64>(), d, a, c, f, l) },
      { d, a, c, f, l in writeRows(Softmax<F32>(), d, a, c, f, l) },
    ]
    logSoftmaxRows = [
      { d, a, c, f, l in writeRows(LogSoftmax<F64>(), d, a, c, f, l) },
      { d, a, c, f, l in writeRows(LogSoftmax<F32>(), d, a, c, f, l) },
    ]
    logSumExpRows = [
      { d, a, c, f, l in writeLogSumExp(F64.self, d, a, c, f, l) },
      { d, a, c, f, l in writeLogSumExp(F32.self, d, a, c, f, l) },
    ]
    crossEntropyRows = [
      { d, a, y, c, f, l, s in writeCrossEntropy(F64.self, d, a, y, c, f, l, s) },
      { d, a, y, c, f, l, s in writeCrossEntropy(F32.self, d, a, y, c, f, l, s) },
    ]
    crossEntropyGradientRows = [
      { d, a, y, g, c, f, l, s in writeCrossEntropyGradient(F64.self, d, a, y, g, c, f, l, s) },
      { d, a, y, g, c, f, l, s in writeCrossEntropyGradient(F32.self, d, a, y, g, c, f, l, s) },
    ]
    bceWithLogits = [
      { d, x, y, n in binary(BinaryCrossEntropy<F64>.self, d, x, y, n) },
      { d, x, y, n in binary(BinaryCrossEntropy<F32>.self, d, x, y, n) },
    ]
  }

  mutating func fillRandom() {
    uniform = [
      { d, key, f, n in draw(UniformFloat64.self, d, key, f, n) },
      { d, key, f, n in drawWide(UniformFloat32.self, d, key, f, n) },
    ]
    normal = [
      { d, key, f, n in draw(NormalFloat64.self, d, key, f, n) },
      { d, key, f, n in drawWide(NormalFloat32.self, d, key, f, n) },
    ]
  }

  mutating func fillUpdates() {
    sgd = [
      { p, b, x, g, y, h, n in stepSGD(F64.self, p, b, x, g, y, h, n) },
      { p, b, x, g, y, h, n in stepSGD(F32.self, p, b, x, g, y, h, n) },
    ]
    adam = [
      { p, m, v, x, g, y, z, h, n in stepAdam(F64.self, p, m, v, x, g, y, z, h, n) },
      { p, m, v, x, g, y, z, h, n in stepAdam(F32.self, p, m, v, x, g, y, z, h, n) },
    ]
    adamAdjoint = [
      { p, g, m, v, a, b, c, d, x, y, z, h, n in
        adjointAdam(F64.self, (p, g, m, v), (a, b, c, d), (x, y, z), h, n)
      },
      { p, g, m, v, a, b, c, d, x, y, z, h, n in
        adjointAdam(F32.self, (p, g, m, v), (a, b, c, d), (x, y, z), h, n)
      },
    ]
  }
}
