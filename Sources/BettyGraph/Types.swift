// Types of values: an element type and a shape. A TensorType that exists is valid: no negative
// dimension, and its byte count fits an Int, so that sizes never overflow later.

import BettyKernelInterface

package struct TensorType: Hashable, Sendable, CustomStringConvertible {
  package let dtype: DType
  package let shape: [Int]
  /// Product of the dimensions; 1 for a scalar.
  package let count: Int

  package init(_ dtype: DType, _ shape: [Int]) throws(BettyError) {
    var count = 1
    var bytes = dtype.size
    for dimension in shape {
      guard dimension >= 0 else {
        throw .value("shape: negative dimension \(dimension) in \(shape)")
      }
      // The product of the nonzero dimensions is what may overflow: [0, 2^62, 2^62] has no
      // elements.
      let (product, overflow) = bytes.multipliedReportingOverflow(by: max(dimension, 1))
      guard !overflow else {
        throw .value("shape: \(shape) of \(dtype.name) has more bytes than can be addressed")
      }
      bytes = product
      count *= dimension
    }
    self.dtype = dtype
    self.shape = shape
    self.count = count
  }

  /// For types known to be valid.
  init(unchecked dtype: DType, _ shape: [Int], count: Int) {
    self.dtype = dtype
    self.shape = shape
    self.count = count
  }

  /// The same shape with another element type of at most 8 bytes; only fails near the address
  /// limit.
  package func with(_ dtype: DType) throws(BettyError) -> TensorType {
    try TensorType(dtype, shape)
  }

  package var rank: Int { shape.count }
  package var byteCount: Int { count * dtype.size }
  package var isScalar: Bool { shape.isEmpty }

  /// "f32[32, 10]"
  package var description: String {
    "\(dtype.name)[\(shape.map(String.init).joined(separator: ", "))]"
  }

  /// Row-major strides in elements.
  package var strides: [Int] {
    var strides = shape
    var stride = 1
    for axis in shape.indices.reversed() {
      strides[axis] = stride
      stride &*= max(shape[axis], 1)
    }
    return strides
  }
}
