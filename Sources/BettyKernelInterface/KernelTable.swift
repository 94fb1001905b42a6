// The contract between the kernels and everything above them: one table of functions, filled once per
// instruction set. Kernels work on whole contiguous buffers or on the part that a task owns, never
// allocate, never fail and never trap: what they are given has been checked when the program was made.
// Indices in data (labels, gather) are checked by the kernels, which report through `status`.

package typealias Raw = UnsafeMutableRawPointer
package typealias RawIn = UnsafeRawPointer

/// (destination, a, b, c, count): operands a function does not use may be any valid pointer.
/// Destination may equal an operand.
package typealias TileFunction = @convention(c) (Raw, RawIn, RawIn, RawIn, Int) -> Void

/// (destination, source, outer, reduced, inner, first outer, last outer): destination[o, i] =
/// op over r of source[o, r, i], for first <= o < last.
package typealias ReduceFunction = @convention(c) (Raw, RawIn, Int, Int, Int, Int, Int) -> Void

/// (accumulator, source, count): accumulator[0] = op(accumulator[0], source[0..<count]).
/// The accumulator of sum and prod over f32 is a Double; otherwise it has the element's type.
package typealias TileReduceFunction = @convention(c) (Raw, RawIn, Int) -> Void

/// A strided copy of `count` elements, starting at linear index `first` of the destination's
/// row-major order: (destination, source, element size, rank, shape, source strides in elements, first,
/// count). Destination points at the element of index `first`. A stride may be 0 or negative.
package typealias StridedCopyFunction =
  @convention(c) (
    Raw, RawIn, Int, Int, UnsafePointer<Int>, UnsafePointer<Int>, Int, Int
  ) -> Void

/// Writing where indices say; see `KernelTable.indexSet`.
package typealias SetFunction =
  @convention(c) (
    Raw, RawIn, UnsafePointer<Int64>, Int, Int, Int, Int, Int, Int, Int, Int,
    UnsafeMutablePointer<Int64>
  ) -> Void

/// (out, extra, a, b, scratch of 512 bytes for each k, length of j, length of k, first i, last i)
package typealias DifferenceFunction =
  @convention(c) (Raw, RawIn, RawIn, RawIn, Raw, Int, Int, Int, Int) -> Void

package struct KernelTable: Sendable {
  package var isa: String
  /// Whether pairs of bf16 numbers are multiplied and added by one instruction: kernels then read them as
  /// pairs, elsewhere they widen them to f32.
  package var multipliesPairs = false
  /// [op.rawValue * DType.count + dtype.rawValue]; nil where the operation makes no sense. Storage
  /// types bf16 and f16 have only `copy` (and `select`); bool has copy, logical, comparison, select.
  package var tile = [TileFunction?](repeating: nil, count: TileOp.count * DType.count)
  /// [from * DType.count + to]; float to integer truncates (see DType.integer), anything to bool is != 0.
  package var cast = [TileFunction?](repeating: nil, count: DType.count * DType.count)
  /// [op * DType.count + dtype]; bool has max and min (any and all).
  package var reduce = [ReduceFunction?](repeating: nil, count: ReduceOp.count * DType.count)
  package var tileReduce = [TileReduceFunction?](
    repeating: nil, count: ReduceOp.count * DType.count)
  package var stridedCopy: StridedCopyFunction = { _, _, _, _, _, _, _, _ in }
  /// (destination, pattern of one element, element size, count)
  package var fill: @convention(c) (Raw, RawIn, Int, Int) -> Void = { _, _, _, _ in }

  // Products with one vector; f32 and f64. matrix is [rows, columns] with leading dimension ld.
  /// (y, matrix, x, rows, columns, ld, first row, last row): y[r] = sum_c matrix[r, c] x[c]
  package var matvec = [@convention(c) (Raw, RawIn, RawIn, Int, Int, Int, Int, Int) -> Void]()
  /// (y, matrix, x, rows, columns, ld, first column, last column): y[c] = sum_r x[r] matrix[r, c]
  package var vecmat = [@convention(c) (Raw, RawIn, RawIn, Int, Int, Int, Int, Int) -> Void]()

  /// The same for a matrix of bf16 or f16, [bf16, f16]; both vectors are f32.
  package var narrowMatvec = [
    @convention(c) (Raw, RawIn, RawIn, Int, Int, Int, Int, Int) -> Void
  ]()
  package var narrowVecmat = [
    @convention(c) (Raw, RawIn, RawIn, Int, Int, Int, Int, Int) -> Void
  ]()

  // Convolutions; [f64, f32]. Pixels of the output are counted over the whole batch.
  /// (columns, x, size, group, first pixel, last pixel): columns[pixel, tap, c] of one group, zeros
  /// in the padding
  package var unfold = [@Sendable (Raw, RawIn, ConvolutionSize, Int, Int, Int) -> Void]()
  /// (x, columns, size, group, first pixel, last pixel): the transpose, added to x
  package var fold = [@Sendable (Raw, RawIn, ConvolutionSize, Int, Int, Int) -> Void]()

  // Sums over differences of rows a[i, k] - b[j, k]; [f64, f32].
  /// out[i, j] = sum over k of the squares
  package var squareDifferences = [DifferenceFunction]()
  /// out[i, j] = sum over k of extra[i, k] times them
  package var projectDifferences = [DifferenceFunction]()
  /// out[i, k] = sum over j of extra[i, j] times them
  package var weighDifferences = [DifferenceFunction]()

  /// Direct kernels for f32, bf16 and f16.
  package var direct: DirectConvolution?

  // Index kernels. Indices are i64. status[0] is set to 1 + position of the first bad index.
  /// take: destination[o, j, i] = source[o, indices[j], i] over the outer rows first..<last;
  /// (destination, source, indices, element size, outer, axis length, inner, index count, first, last, status)
  package var take:
    @convention(c) (
      Raw, RawIn, UnsafePointer<Int64>, Int, Int, Int, Int, Int, Int, Int,
      UnsafeMutablePointer<Int64>
    ) -> Void = { _, _, _, _, _, _, _, _, _, _, _ in }
  /// [dtype]: destination[o, indices[j], i] += updates[o, j, i]; destination already holds the base.
  /// (destination, updates, indices, outer, axis length, inner, index count, first, last, status)
  package var indexAdd = [
    (@convention(c) (
      Raw, RawIn, UnsafePointer<Int64>, Int, Int, Int, Int, Int, Int, UnsafeMutablePointer<Int64>
    ) -> Void)?
  ](repeating: nil, count: DType.count)
  /// gather along an axis: destination[o, j, i] = source[o, indices[o, j, i], i].
  /// (destination, source, indices, element size, outer, axis length, inner, index length, first outer, last outer, status)
  package var gather:
    @convention(c) (
      Raw, RawIn, UnsafePointer<Int64>, Int, Int, Int, Int, Int, Int, Int,
      UnsafeMutablePointer<Int64>
    ) -> Void = { _, _, _, _, _, _, _, _, _, _, _ in }
  /// [dtype]: destination[o, indices[o, j, i], i] += updates[o, j, i].
  package var scatterAdd = [
    (@convention(c) (
      Raw, RawIn, UnsafePointer<Int64>, Int, Int, Int, Int, Int, Int, UnsafeMutablePointer<Int64>
    ) -> Void)?
  ](repeating: nil, count: DType.count)
  /// Set: destination[o, indices[j], i] = updates[o, j, i], or indices[o, j, i] when scattered, for
  /// targets low..<high of the axis; the last of equal indices stays.
  /// (destination, updates, indices, element size, axis length, inner, index count, first, last, low, high, status)
  package var indexSet: SetFunction = { _, _, _, _, _, _, _, _, _, _, _, _ in }
  package var scatterSet: SetFunction = { _, _, _, _, _, _, _, _, _, _, _, _ in }
  /// [dtype]: destination[o, indices[o, j, i], i] joined with updates[o, j, i] by the larger, the
  /// smaller (NaN stays) or the product; with 1 for fresh the targets' own values do not count.
  /// (destination, updates, indices, fresh, axis length, inner, index count, first, last, low, high, status)
  package var scatterMax = [SetFunction?](repeating: nil, count: DType.count)
  package var scatterMin = [SetFunction?](repeating: nil, count: DType.count)
  package var scatterProd = [SetFunction?](repeating: nil, count: DType.count)
  /// Indices into axes as one into the axes joined, -1 where one is out of range; negative ones
  /// count from the end. (destination, indices, lengths, axes, first, last)
  package var joinIndices:
    @convention(c) (
      UnsafeMutablePointer<Int64>, UnsafePointer<Raw>, UnsafePointer<Int>, Int, Int, Int
    ) -> Void = { _, _, _, _, _, _ in }
  /// [dtype]: (destination i64, source, outer, reduced, inner, first, last, 1 for max or 0 for min);
  /// the first of equal values wins and NaN is larger (smaller) than every number, as in PyTorch.
  package var argReduce = [
    (@convention(c) (UnsafeMutablePointer<Int64>, RawIn, Int, Int, Int, Int, Int, Int) -> Void)?
  ](repeating: nil, count: DType.count)
  /// [dtype]: inclusive running sum of the middle axis, backwards when reverse is 1:
  /// (destination, source, outer, length, inner, first, last, reverse)
  package var cumsum = [(@convention(c) (Raw, RawIn, Int, Int, Int, Int, Int, Int) -> Void)?](
    repeating: nil, count: DType.count)

  // Fused rows; index 0 is f64 and 1 is f32 (the raw value of the dtype).
  /// (destination, source, columns, first row, last row)
  package var softmaxRows = [@convention(c) (Raw, RawIn, Int, Int, Int) -> Void]()
  package var logSoftmaxRows = [@convention(c) (Raw, RawIn, Int, Int, Int) -> Void]()
  package var logSumExpRows = [@convention(c) (Raw, RawIn, Int, Int, Int) -> Void]()
  /// (loss [rows], logits [rows, columns], labels, columns, first row, last row, status)
  package var crossEntropyRows = [
    @convention(c) (
      Raw, RawIn, UnsafePointer<Int64>, Int, Int, Int, UnsafeMutablePointer<Int64>
    ) -> Void
  ]()
  /// Gradient of the above: (destination [rows, columns], logits, labels, cotangent [rows], columns, first, last, status)
  package var crossEntropyGradientRows = [
    @convention(c) (
      Raw, RawIn, UnsafePointer<Int64>, RawIn, Int, Int, Int, UnsafeMutablePointer<Int64>
    ) -> Void
  ]()
  /// loss[i] = max(x, 0) - x y + log(1 + exp(-|x|)): (loss, x, y, count)
  package var bceWithLogits = [@convention(c) (Raw, RawIn, RawIn, Int) -> Void]()

  /// [f64, f32]
  package var attention = [AttentionKernels]()

  // Random numbers: Philox 4x32-10 (Salmon et al., SC 2011). Element i of a draw depends on the key
  // (seed, counter) and i alone, never on tasks. key points at two Int64.
  /// [f64, f32]: uniform on [0, 1): (destination, key, first element, count); destination at `first`
  package var uniform = [@convention(c) (Raw, UnsafePointer<Int64>, Int, Int) -> Void]()
  /// [f64, f32]: standard normal by Box and Muller
  package var normal = [@convention(c) (Raw, UnsafePointer<Int64>, Int, Int) -> Void]()
  /// i64 permutation of 0..<count by Fisher and Yates: (destination, key, count)
  package var permutation:
    @convention(c) (
      UnsafeMutablePointer<Int64>, UnsafePointer<Int64>, Int
    ) -> Void = { _, _, _ in }

  // Optimizer updates, in place allowed; [f64, f32]. Hyperparameters are an array of Doubles.
  /// PyTorch's SGD: (p out, buffer out, p, g, buffer, [lr, momentum, dampening, weight decay, nesterov,
  /// first step, maximize], count)
  package var sgd = [
    @convention(c) (Raw, Raw, RawIn, RawIn, RawIn, UnsafePointer<Double>, Int) -> Void
  ]()
  /// PyTorch's Adam and AdamW: (p out, m out, v out, p, g, m, v, [lr, beta1, beta2, eps, weight decay, decoupled,
  /// step (>= 1), maximize], count)
  package var adam = [
    @convention(c) (
      Raw, Raw, Raw, RawIn, RawIn, RawIn, RawIn, UnsafePointer<Double>, Int
    ) -> Void
  ]()

  /// The adjoint of an Adam update: (cotangents out of p, g, m, v; p, g, m, v before it, cotangents of p, m, v
  /// after it; hyperparameters as above, count)
  package var adamAdjoint = [
    @convention(c) (
      Raw, Raw, Raw, Raw, RawIn, RawIn, RawIn, RawIn, RawIn, RawIn, RawIn, UnsafePointer<Double>,
      Int
    ) -> Void
  ]()

  // Windows sliding over channels-last images, [f64, f32]. geometry: height, width, channels of the wide
  // side; height, width of the narrow one; window, stride, padding, dilation, each height and width. Rows
  // are those of what is written.
  /// (y, tap of each largest element, x, geometry, first row, last row)
  package var maxPool = [
    @convention(c) (Raw, UnsafeMutablePointer<Int32>, RawIn, UnsafePointer<Int>, Int, Int) -> Void
  ]()
  /// (destination, source, taps, geometry, first row, last row): wide to narrow, and back
  package var windowGather = [
    @convention(c) (Raw, RawIn, UnsafePointer<Int32>, UnsafePointer<Int>, Int, Int) -> Void
  ]()
  package var windowScatter = [
    @convention(c) (Raw, RawIn, UnsafePointer<Int32>, UnsafePointer<Int>, Int, Int) -> Void
  ]()
  /// (destination, source, geometry, first row, last row): wide to narrow, and back
  package var windowSum = [@convention(c) (Raw, RawIn, UnsafePointer<Int>, Int, Int) -> Void]()
  package var windowSpread = [@convention(c) (Raw, RawIn, UnsafePointer<Int>, Int, Int) -> Void]()

  /// An empty table; each set of kernels fills its own.
  package init(isa: String) { self.isa = isa }

  package subscript(op: TileOp, dtype: DType) -> TileFunction? {
    get { tile[Int(op.rawValue) * DType.count + Int(dtype.rawValue)] }
    set { tile[Int(op.rawValue) * DType.count + Int(dtype.rawValue)] = newValue }
  }
}

extension KernelTable {
  /// The conversion of one type to another; every pair has one.
  package func conversion(_ from: DType, _ to: DType) -> TileFunction? {
    cast[Int(from.rawValue) * DType.count + Int(to.rawValue)]
  }
}
