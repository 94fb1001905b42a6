// Products of matrices of bf16 or f16, summed in f32, a block at a time: blocks are packed into
// scratch as pairs for the tiles where the processor multiplies pairs of bf16, and widened for
// OpenBLAS elsewhere. Invariant: scratch is bounded by the size of a block, whatever the matrices
// are.

import BettyKernelInterface
import COpenBLAS

package struct NarrowContract: Sendable {
  /// Rows, columns and depth of a block: what is packed of either side stays in the second-level
  /// cache.
  private static let blockRows = 256
  private static let blockColumns = 256
  private static let blockDepth = 512

  private let stored: DType
  private let result: DType
  private let pairs: Bool
  private let direct: DirectConvolution
  private let widen: TileFunction
  private let narrow: TileFunction
  private let wideProduct = Contract.function(.f32)

  // Of a block of these sizes at most.
  private let depth: Int
  private let columns: Int
  /// Bytes between packed rows of the left side: odd in cache lines, or rows would share their
  /// sets.
  private let leftStep: Int
  private let leftBytes: Int
  private let rightBytes: Int
  package let scratchBytes: Int

  /// For products of at most m rows, n columns and depth k; nil without the kernels.
  package init?(m: Int, n: Int, k: Int, stored: DType, result: DType, table: KernelTable) {
    guard stored == .bf16 || stored == .f16, let direct = table.direct,
      let widen = table.conversion(stored, .f32), let narrow = table.conversion(.f32, result)
    else { return nil }
    self.stored = stored
    self.result = result
    self.direct = direct
    self.widen = widen
    self.narrow = narrow
    pairs = stored == .bf16 && table.multipliesPairs
    let rows = min(m, Self.blockRows)
    columns = min(n, Self.blockColumns)
    depth = min(k, Self.blockDepth)
    let words = pairs ? (depth + 1) / 2 : depth
    leftStep = pairs ? (words * 4 + 63) / 128 * 128 + 64 : words * 4
    leftBytes = (rows * leftStep + 63) & ~63
    rightBytes =
      pairs ? direct.packedCount(lanes: columns, depth: words) * 4 : columns * words * 4
    let sums = result == .f32 || pairs && k <= depth ? 0 : rows * columns * 4
    scratchBytes = leftBytes + (rightBytes + 63) & ~63 + sums
  }

  /// One block of the result.
  private struct Block {
    let m: Range<Int>
    let n: Range<Int>
    let target: UnsafeMutableRawPointer
    /// Numbers from one row of the target to the next.
    let ld: Int
    let result: DType
  }

  /// Calculates what the call asks for; it never accumulates.
  package func run(_ call: Contract.Call, _ scratch: UnsafeMutableRawPointer) {
    let (left, right) = (scratch, scratch + leftBytes)
    let sums = right + (rightBytes + 63) & ~63
    let single = call.k <= depth
    let needsSums = result != .f32 && !(pairs && single)
    for n in Self.parts(call.n, columns) {
      if single { packRight(call, right, 0..<call.k, n) }
      for m in Self.parts(call.m, Self.blockRows) {
        let out = call.out + (m.lowerBound * call.ldOut + n.lowerBound) * result.size
        let block =
          needsSums
          ? Block(m: m, n: n, target: sums, ld: n.count, result: .f32)
          : Block(m: m, n: n, target: out, ld: call.ldOut, result: result)
        for k in Self.parts(call.k, depth) {
          if !single { packRight(call, right, k, n) }
          packLeft(call, left, m, k)
          multiply(call, block, left, right, k)
        }
        if !needsSums { continue }
        for row in 0..<m.count {
          let from = UnsafeRawPointer(sums + row * n.count * 4)
          narrow(out + row * call.ldOut * result.size, from, from, from, n.count)
        }
      }
    }
  }

  private static func parts(_ count: Int, _ size: Int) -> some Sequence<Range<Int>> {
    stride(from: 0, to: count, by: max(size, 1)).lazy.map { $0..<min($0 + size, count) }
  }

  private func packLeft(
    _ call: Contract.Call, _ left: UnsafeMutableRawPointer, _ m: Range<Int>, _ k: Range<Int>
  ) {
    let (outer, inner) = call.transposeA ? (k, m) : (m, k)
    let from = call.a + (outer.lowerBound * call.lda + inner.lowerBound) * 2
    if pairs {
      direct.packPairs(left, leftStep, from, call.lda, call.transposeA, m.count, k.count)
    } else {
      widenRows(left, from, call.lda, outer.count, inner.count)
    }
  }

  private func packRight(
    _ call: Contract.Call, _ right: UnsafeMutableRawPointer, _ k: Range<Int>, _ n: Range<Int>
  ) {
    let (outer, inner) = call.transposeB ? (n, k) : (k, n)
    let from = call.b + (outer.lowerBound * call.ldb + inner.lowerBound) * 2
    if !pairs { return widenRows(right, from, call.ldb, outer.count, inner.count) }
    var packing = ConvolutionPacking()
    packing.inner = k.count
    packing.lanes = n.count
    packing.innerStep = call.transposeB ? 1 : call.ldb
    packing.laneStep = call.transposeB ? call.ldb : 1
    withUnsafePointer(to: 0) { tap in
      direct.pack(
        TileFormat(stored: stored, pairs: true), right, from,
        UnsafeBufferPointer(start: tap, count: 1), packing, 0, direct.blocks(n.count))
    }
  }

  /// Rows of a part of a matrix as f32, one after the other.
  private func widenRows(
    _ to: UnsafeMutableRawPointer, _ from: UnsafeRawPointer, _ ld: Int, _ rows: Int, _ count: Int
  ) {
    for row in 0..<rows {
      let source = from + row * ld * 2
      widen(to + row * count * 4, source, source, source, count)
    }
  }

  private func multiply(
    _ call: Contract.Call, _ block: Block, _ left: UnsafeMutableRawPointer,
    _ right: UnsafeMutableRawPointer, _ k: Range<Int>
  ) {
    let (m, n) = (block.m.count, block.n.count)
    let adds = k.lowerBound > 0
    if !pairs {
      wideProduct(
        Contract.Call(
          m: m, n: n, k: k.count, a: left, lda: call.transposeA ? m : k.count,
          transposeA: call.transposeA, b: right, ldb: call.transposeB ? k.count : n,
          transposeB: call.transposeB, out: block.target, ldOut: block.ld, accumulates: adds))
      return
    }
    var lattice = ConvolutionLattice()
    lattice.columns = m
    lattice.sourceColumn = leftStep
    lattice.targetColumn = block.ld * block.result.size
    let run = ConvolutionRun(offset: 0, length: (k.count + 1) / 2, filters: 0)
    withUnsafePointer(to: run) { run in
      direct.convolve(
        TileFormat(stored: stored, pairs: true, result: block.result, adds: adds), block.target,
        left, right, UnsafeBufferPointer(start: run, count: 1), lattice, n)
    }
  }
}
