// How the matrices of an operand lie in memory, which may be a view of another tensor: the heads of
// attention are read where they are, between each other, instead of from a copy. Invariant: every
// element that a layout names lies in the operand it was made for.

import BettyKernelInterface

struct MatrixLayout: Sendable {
  /// Where the matrix of each batch begins, in elements.
  let starts: [Int]
  /// Elements from one stored row to the next.
  let ld: Int
  /// The columns lie where the type has rows.
  let isFlipped: Bool

  /// Of an operand [..., rows, columns], contiguous or seen through `view`; throws where neither rows nor
  /// columns are contiguous.
  init(_ type: TensorType, _ view: StridedView?, _ name: String) throws {
    let shape = type.shape
    let rank = shape.count
    let (rows, columns) = (shape[rank - 2], shape[rank - 1])
    guard let view else {
      let size = rows * columns
      starts = (0..<Array(shape.dropLast(2)).product).map { $0 * size }
      (ld, isFlipped) = (columns, false)
      return
    }
    let (down, across) = (view.strides[rank - 2], view.strides[rank - 1])
    if columns == 1 || across == 1, rows == 1 || down >= columns {
      (ld, isFlipped) = (rows == 1 ? columns : down, false)
    } else if rows == 1 || down == 1, columns == 1 || across >= rows {
      (ld, isFlipped) = (columns == 1 ? rows : across, true)
    } else {
      throw BettyError(.notSupported, "\(name): the strides \(view.strides) fit no matrix")
    }
    guard ld <= Int(Int32.max) else {
      throw BettyError(.notSupported, "\(name): rows are \(ld) elements apart")
    }
    var starts = [view.offset]
    for (length, stride) in zip(shape, view.strides).dropLast(2) {
      starts = starts.flatMap { start in (0..<length).map { start + $0 * stride } }
    }
    self.starts = starts
  }
}
