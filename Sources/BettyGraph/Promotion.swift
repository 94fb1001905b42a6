// Promotion of element types and broadcasting of shapes, as PyTorch does them: a tensor with
// dimensions outranks a 0-d tensor, which outranks a number, unless the lower one is of a higher
// category (bool < integer < float).

import BettyKernelInterface

extension TensorType {
  /// The type of a 0-d value.
  package init(scalar dtype: DType) {
    self.init(unchecked: dtype, [], count: 1)
  }
}

extension DType {
  /// What a Python float becomes where nothing else decides.
  package static let defaultFloat = DType.f32

  /// The smallest type that holds both.
  package func promoted(with other: DType) -> DType {
    if self == other { return self }
    switch (isFloating, other.isFloating) {
    case (true, false): return self
    case (false, true): return other
    case (true, true):
      // bf16 and f16 hold neither each other; order of raw values is from wide to narrow.
      if computeType == .f32, other.computeType == .f32 { return .f32 }
      return .f64
    case (false, false): return rawValue < other.rawValue ? self : other
    }
  }
}

extension OperandType {
  /// The common element type of operands.
  static func promote(_ operands: [OperandType]) -> DType {
    var dimensioned: DType?
    var scalar: DType?
    var number: DType?
    func merge(_ slot: inout DType?, _ dtype: DType) { slot = slot?.promoted(with: dtype) ?? dtype }
    for operand in operands {
      let dtype = operand.type.dtype
      if operand.isNumber {
        merge(&number, dtype.isFloating ? .defaultFloat : dtype)
      } else if operand.type.isScalar {
        merge(&scalar, dtype)
      } else {
        merge(&dimensioned, dtype)
      }
    }
    return combine(dimensioned, combine(scalar, number)) ?? .defaultFloat
  }

  private static func combine(_ higher: DType?, _ lower: DType?) -> DType? {
    guard let higher, let lower else { return higher ?? lower }
    if higher.isFloating { return higher }
    return higher == .bool || lower.isFloating ? higher.promoted(with: lower) : higher
  }
}

/// The shape both broadcast to, or nil.
package func broadcastShape(_ a: [Int], _ b: [Int]) -> [Int]? {
  var shape = a.count >= b.count ? a : b
  let short = a.count >= b.count ? b : a
  let skipped = shape.count - short.count
  for axis in short.indices {
    let (long, here) = (shape[skipped + axis], short[axis])
    if long == here || here == 1 { continue }
    guard long == 1 else { return nil }
    shape[skipped + axis] = here
  }
  return shape
}

extension Array where Element == Int {
  /// These dimensions with some of them replaced.
  func replacing(_ range: ClosedRange<Int>, with dimensions: [Int]) -> [Int] {
    var copy = self
    copy.replaceSubrange(range, with: dimensions)
    return copy
  }
}

extension ArraySlice where Element == Int {
  var product: Int { reduce(1, *) }
}
