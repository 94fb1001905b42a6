// What attention in blocks is made of besides products. Scores are a block [rows, columns] of queries and
// keys, contiguous; statistics have one number a row. A row that no key takes part in has the sum 0.

/// How scores become logits: scaled, with a bias added, -inf where a key takes no part.
package struct AttentionBlock {
  package var rows: Int
  package var columns: Int
  package var scale: Double
  /// Keys that the first row sees; each further row sees one more.
  package var visible = Int.max / 2
  /// At the block's first element; steps in elements from row to row and from column to column (0 or 1).
  package var bias: RawIn?
  package var biasSteps = (row: 0, column: 0)
  /// Bools, of which false hides a key.
  package var allowed: RawIn?
  package var allowedSteps = (row: 0, column: 0)

  package init(rows: Int, columns: Int, scale: Double) {
    self.rows = rows
    self.columns = columns
    self.scale = scale
  }
}

package struct AttentionKernels: Sendable {
  /// Scores to logits, in place.
  package let logits: @Sendable (Raw, AttentionBlock) -> Void
  /// (logits, largest, sums, factors, rows, columns): logits become exp(logit - largest so far); sums go on
  /// (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018); what was summed under
  /// the old largest has to be multiplied by the factors.
  package let attend: @convention(c) (Raw, Raw, Raw, Raw, Int, Int) -> Void
  /// (log of the sums of exp, 0 for a row without keys; 1 / sums, or 0; largest, sums, rows)
  package let close: @convention(c) (Raw, Raw, RawIn, RawIn, Int) -> Void
  /// (logits, log of the sums, rows, columns): logits become weights.
  package let recall: @convention(c) (Raw, RawIn, Int, Int) -> Void
  /// (gradient of the weights, weights, delta, scale, rows, columns): it becomes that of the scores,
  /// weight (gradient - delta) scale.
  package let slope: @convention(c) (Raw, RawIn, RawIn, Double, Int, Int) -> Void
  /// (matrix, factors, rows, columns)
  package let scaleRows: @convention(c) (Raw, RawIn, Int, Int) -> Void
  /// (destination, source, draws in f32, p, count): source / (1 - p) where a draw is at least p, else 0.
  package let drop: @convention(c) (Raw, RawIn, RawIn, Double, Int) -> Void

  package init(
    logits: @escaping @Sendable (Raw, AttentionBlock) -> Void,
    attend: @escaping @convention(c) (Raw, Raw, Raw, Raw, Int, Int) -> Void,
    close: @escaping @convention(c) (Raw, Raw, RawIn, RawIn, Int) -> Void,
    recall: @escaping @convention(c) (Raw, RawIn, Int, Int) -> Void,
    slope: @escaping @convention(c) (Raw, RawIn, RawIn, Double, Int, Int) -> Void,
    scaleRows: @escaping @convention(c) (Raw, RawIn, Int, Int) -> Void,
    drop: @escaping @convention(c) (Raw, RawIn, RawIn, Double, Int) -> Void
  ) {
    self.logits = logits
    self.attend = attend
    self.close = close
    self.recall = recall
    self.slope = slope
    self.scaleRows = scaleRows
    self.drop = drop
  }
}
