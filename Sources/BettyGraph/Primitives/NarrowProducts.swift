// Products of bf16 and f16 as prepared kernels: sums are f32, results that or the operands' type.
// With one row or column the matrix is read once as it lies; all others go through packed blocks.

import BettyKernelInterface
import BettyKernels

extension P {
  static func prepareNarrowProduct(
    _ request: KernelRequest, _ size: Product
  ) throws -> PreparedKernel {
    if size.n == 1 || size.m == 1 { return try prepareNarrowVector(request, size) }
    let (stored, result) = (request.inputs[0].dtype, request.outputs[0].dtype)
    guard
      let contract = NarrowContract(
        m: size.m, n: size.n, k: size.k, stored: stored, result: result, table: request.table)
    else { throw KernelRequest.missing("matmul", stored) }
    let plan = GemmPlan(size, threads: request.threads)
    let operands = try request.inputs.map { try MatrixLayout($0, nil, "matmul") }
    return PreparedKernel(tasks: plan.tasks, scratchBytes: contract.scratchBytes) { frame, task in
      plan.forCalls(task, size, operands, frame, bytes: stored.size, outBytes: result.size) {
        contract.run($0, frame.scratch)
      }
    }
  }

  /// One operand is a vector, which each task widens; so is the result, which it narrows.
  private static func prepareNarrowVector(
    _ request: KernelRequest, _ size: Product
  ) throws -> PreparedKernel {
    let (stored, result) = (request.inputs[0].dtype, request.outputs[0].dtype)
    let matrix = size.n == 1 ? 0 : 1
    let count = size.n == 1 ? size.m : size.n
    let contiguousRows = size.n == 1 ? !size.ta : size.tb
    let kernels = contiguousRows ? request.table.narrowMatvec : request.table.narrowVecmat
    let index = Int(stored.rawValue) - Int(DType.bf16.rawValue)
    guard kernels.indices.contains(index), let widen = request.table.conversion(stored, .f32),
      let narrow = request.table.conversion(.f32, result)
    else { throw KernelRequest.missing("matmul", stored) }
    let kernel = kernels[index]
    let (rows, columns) = contiguousRows ? (count, size.k) : (size.k, count)
    let matrixBytes = try Rules.multiply(rows * columns, stored.size, "matmul")
    let vectorBytes = (size.k * 4 + 63) & ~63
    let parts = request.tasks(
      size.batches * rows * columns, units: size.batches == 1 ? (count + 15) / 16 : size.batches)
    let scratch = try Rules.add(vectorBytes, count * 4, "matmul")
    return PreparedKernel(tasks: parts, scratchBytes: scratch) { frame, task in
      let whole = size.batches > 1
      let range = whole ? 0..<count : part(task, of: parts, count)
      let sums = frame.scratch + vectorBytes
      for batch in whole ? part(task, of: parts, size.batches) : 0..<1 {
        let x = UnsafeRawPointer(frame.operands[1 - matrix] + batch * size.k * stored.size)
        widen(frame.scratch, x, x, x, size.k)
        kernel(
          sums, frame.operands[matrix] + batch * matrixBytes, frame.scratch, rows, columns,
          columns, range.lowerBound, range.upperBound)
        let first = RawIn(sums + range.lowerBound * 4)
        narrow(
          frame.operands[2] + (batch * count + range.lowerBound) * result.size, first, first,
          first, range.count)
      }
    }
  }
}
