// Arithmetic on views: their canonical form and the view of a view.

extension View {
  /// Each of `count` elements of a source from its start, repeated along a row.
  func isSpread(of count: Int) -> Bool {
    offset == 0 && shape.count == 2 && shape[0] == count && strides == [1, 0]
  }

  /// The strides of a value of this shape that is seen through this canonical view; nil where an axis
  /// of the shape is none of the view's, nor part of one.
  func strides(of wanted: [Int]) -> [Int]? {
    var result = [Int](repeating: 0, count: wanted.count)
    var axis = shape.count - 1
    var left = axis >= 0 ? shape[axis] : 1
    var stride = axis >= 0 ? strides[axis] : 0
    for place in wanted.indices.reversed() where wanted[place] != 1 {
      if left == 1, axis > 0 {
        axis -= 1
        (left, stride) = (shape[axis], strides[axis])
      }
      guard left % wanted[place] == 0 else { return nil }
      result[place] = stride
      left /= wanted[place]
      stride *= wanted[place]
    }
    return result
  }

  /// Without axes of length 1 and with neighbours that walk as one axis merged.
  var canonical: View {
    var result = View(offset: offset, shape: [], strides: [])
    for (length, stride) in zip(shape, strides) where length != 1 {
      if let last = result.shape.indices.last, result.strides[last] == stride * length {
        result.shape[last] *= length
        result.strides[last] = stride
      } else {
        result.shape.append(length)
        result.strides.append(stride)
      }
    }
    return result
  }

  /// This view of what `inner` makes, as one view of inner's source; nil when no strides express
  /// it.
  func composed(over inner: View) -> View? {
    // Each axis of ours must walk along a single axis of inner's result without leaving it.
    var contiguous = [Int](repeating: 1, count: inner.shape.count)
    for axis in inner.shape.indices.dropLast().reversed() {
      contiguous[axis] = contiguous[axis + 1] * inner.shape[axis + 1]
    }
    var start: [Int] = []
    var rest = offset
    for step in contiguous {
      start.append(rest / step)
      rest %= step
    }
    var low = start
    var high = start
    var composed: [Int] = []
    for (length, stride) in zip(shape, strides) {
      guard stride != 0, length != 1 else {
        composed.append(0)
        continue
      }
      guard let axis = contiguous.firstIndex(where: { stride.magnitude >= $0.magnitude }),
        stride % contiguous[axis] == 0
      else { return nil }
      let pace = stride / contiguous[axis]
      composed.append(pace * inner.strides[axis])
      if pace > 0 { high[axis] += pace * (length - 1) } else { low[axis] += pace * (length - 1) }
    }
    var source = inner.offset
    for axis in inner.shape.indices {
      guard low[axis] >= 0, high[axis] < inner.shape[axis] else { return nil }
      source += start[axis] * inner.strides[axis]
    }
    return View(offset: source, shape: shape, strides: composed)
  }
}
