// Moving elements without looking at them: strided copies and fills, by the size of the element.
// Invariant: the destination is written once, from front to back.

import BettyKernelInterface

/// A strided copy of elements as big as T. `shape` and `strides` are scratch of the caller, already
/// merged.
struct StridedCopy<T: FixedWidthInteger> {
  var d: UnsafeMutablePointer<T>
  var a: UnsafePointer<T>

  /// One row of the destination.
  @inline(always) func row(_ from: UnsafePointer<T>, _ stride: Int, _ n: Int) {
    if stride == 1 {
      d.update(from: from, count: n)
    } else if stride == 0 {
      d.update(repeating: from[0], count: n)
    } else {
      for i in 0..<n { d[i] = from[i &* stride] }
    }
  }

  /// Copies `count` elements from linear index `first` on. `index` is scratch for `rank` numbers.
  @inline(always) mutating func run(
    _ rank: Int, _ shape: UnsafeMutablePointer<Int>, _ strides: UnsafeMutablePointer<Int>,
    _ index: UnsafeMutablePointer<Int>, _ first: Int, _ count: Int
  ) {
    var rest = first
    var axis = rank &- 1
    while axis >= 0 {
      index[axis] = rest % shape[axis]
      rest = rest / shape[axis]
      a += index[axis] &* strides[axis]
      axis &-= 1
    }
    let last = rank &- 1
    let width = shape[last]
    var left = count
    while left > 0 {
      var rows = 1
      let whole = index[last] == 0 && last > 0 ? left / width : 0
      if whole > 1 && strides[last &- 1] == 1 && strides[last] > 1 {
        rows = min(whole, shape[last &- 1] &- index[last &- 1])
        transpose(rows, width, strides[last])
        d += rows &* width
        left &-= rows &* width
      } else {
        let n = min(left, width &- index[last])
        row(a, strides[last], n)
        d += n
        left &-= n
        a -= index[last] &* strides[last]
        index[last] = 0
      }
      if left > 0 { advance(last &- 1, by: rows, shape, strides, index) }
    }
  }

  /// Steps along an axis and carries into the axes before it.
  @inline(always) private mutating func advance(
    _ from: Int, by rows: Int, _ shape: UnsafeMutablePointer<Int>,
    _ strides: UnsafeMutablePointer<Int>, _ index: UnsafeMutablePointer<Int>
  ) {
    var axis = from
    var step = rows
    while axis >= 0 {
      index[axis] &+= step
      a += step &* strides[axis]
      if index[axis] < shape[axis] { return }
      a -= index[axis] &* strides[axis]
      index[axis] = 0
      step = 1
      axis &-= 1
    }
  }

  /// d[r, c] = a[r + c * stride], in squares of 16 so that every cache line fetched is used up.
  @inline(always) private func transpose(_ rows: Int, _ width: Int, _ stride: Int) {
    var r0 = 0
    while r0 < rows {
      let r1 = min(r0 &+ 16, rows)
      var c0 = 0
      while c0 < width {
        let n = min(16, width &- c0)
        for r in r0..<r1 {
          let to = d + (r &* width &+ c0)
          let from = a + (r &+ c0 &* stride)
          for c in 0..<n { to[c] = from[c &* stride] }
        }
        c0 &+= 16
      }
      r0 = r1
    }
  }
}

/// Copies shape and strides without axes of length 1 and with neighbours merged that one stride
/// walks. Returns the new rank, at least 1.
private func mergeAxes(
  _ rank: Int, _ shape: UnsafePointer<Int>, _ strides: UnsafePointer<Int>,
  _ newShape: UnsafeMutablePointer<Int>, _ newStrides: UnsafeMutablePointer<Int>
) -> Int {
  var count = 0
  for axis in 0..<rank where shape[axis] != 1 {
    if count > 0 && newStrides[count &- 1] == strides[axis] &* shape[axis] {
      newShape[count &- 1] = newShape[count &- 1] &* shape[axis]
      newStrides[count &- 1] = strides[axis]
    } else {
      newShape[count] = shape[axis]
      newStrides[count] = strides[axis]
      count &+= 1
    }
  }
  if count == 0 {
    newShape[0] = 1
    newStrides[0] = 1
    count = 1
  }
  return count
}

func copyStrided(
  _ d: Raw, _ a: RawIn, _ size: Int, _ rank: Int, _ shape: UnsafePointer<Int>,
  _ strides: UnsafePointer<Int>, _ first: Int, _ count: Int
) {
  if count <= 0 { return }
  withUnsafeTemporaryAllocation(of: Int.self, capacity: 3 &* rank &+ 3) { scratch in
    guard let newShape = scratch.baseAddress else { return }
    let newStrides = newShape + (rank &+ 1)
    let index = newStrides + (rank &+ 1)
    let merged = mergeAxes(rank, shape, strides, newShape, newStrides)
    func copy<T: FixedWidthInteger>(_: T.Type) {
      var copy = StridedCopy<T>(
        d: d.assumingMemoryBound(to: T.self), a: a.assumingMemoryBound(to: T.self))
      copy.run(merged, newShape, newStrides, index, first, count)
    }
    switch size {
    case 1: copy(UInt8.self)
    case 2: copy(UInt16.self)
    case 4: copy(UInt32.self)
    default: copy(UInt64.self)
    }
  }
}

func fillPattern(_ d: Raw, _ pattern: RawIn, _ size: Int, _ count: Int) {
  func repeated<T: FixedWidthInteger>(_: T.Type) {
    d.assumingMemoryBound(to: T.self).update(
      repeating: pattern.loadUnaligned(as: T.self), count: count)
  }
  switch size {
  case 1: repeated(UInt8.self)
  case 2: repeated(UInt16.self)
  case 4: repeated(UInt32.self)
  default: repeated(UInt64.self)
  }
}
