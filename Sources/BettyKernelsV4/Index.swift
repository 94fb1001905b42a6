// Kernels that follow i64 indices. An index out of range sets the status to 1 + its position, if
// none has been reported yet, and is skipped: nothing outside a buffer is ever touched.

import BettyKernelInterface

typealias Indices = UnsafePointer<Int64>
typealias Status = UnsafeMutablePointer<Int64>

/// The index at `position`, or nil after having reported it.
@inline(always) func checked(
  _ indices: Indices, _ position: Int, _ length: Int, _ status: Status
) -> Int? {
  let index = Int(indices[position])
  if index >= 0 && index < length { return index }
  if status[0] == 0 { status[0] = Int64(position) &+ 1 }
  return nil
}

/// destination[o, j, i] = source[o, indices[j], i]
func takeRows(
  _ d: Raw, _ a: RawIn, _ indices: Indices, _ size: Int, _ outer: Int, _ length: Int,
  _ inner: Int, _ count: Int, _ first: Int, _ last: Int, _ status: Status
) {
  let row = inner &* size
  switch row {
  case 1: takeElements(UInt8.self, d, a, indices, length, count, first, last, status)
  case 2: takeElements(UInt16.self, d, a, indices, length, count, first, last, status)
  case 4: takeElements(UInt32.self, d, a, indices, length, count, first, last, status)
  case 8: takeElements(UInt64.self, d, a, indices, length, count, first, last, status)
  default:
    for o in first..<last {
      let from = a + o &* length &* row
      let to = d + o &* count &* row
      for j in 0..<count {
        guard let index = checked(indices, j, length, status) else { continue }
        (to + j &* row).copyMemory(from: from + index &* row, byteCount: row)
      }
    }
  }
}

/// Whether all indices are in range: rows that share them then need not check each.
private func areInside(_ indices: Indices, _ count: Int, _ length: Int) -> Bool {
  var worst: UInt64 = 0
  for j in 0..<count { worst = max(worst, UInt64(bitPattern: indices[j])) }
  return count == 0 || worst < UInt64(length)
}

/// The same where a row is one element.
@inline(always) private func takeElements<T>(
  _: T.Type, _ d: Raw, _ a: RawIn, _ indices: Indices, _ length: Int, _ count: Int, _ first: Int,
  _ last: Int, _ status: Status
) {
  let to = d.assumingMemoryBound(to: T.self)
  let from = a.assumingMemoryBound(to: T.self)
  let isSafe = last &- first > 1 && areInside(indices, count, length)
  for o in first..<last {
    let (row, made) = (from + o &* length, to + o &* count)
    if isSafe {
      for j in 0..<count { made[j] = row[Int(indices[j])] }
      continue
    }
    for j in 0..<count {
      guard let index = checked(indices, j, length, status) else { continue }
      made[j] = row[index]
    }
  }
}

/// destination[o, indices[j], i] += updates[o, j, i]
@inline(always) func addIndexed<E: Element>(
  _: E.Type, _ d: Raw, _ a: RawIn, _ indices: Indices, _ length: Int, _ inner: Int,
  _ count: Int, _ first: Int, _ last: Int, _ status: Status
) {
  let row = inner &* MemoryLayout<E.Scalar>.size
  for o in first..<last {
    let to = d + o &* length &* row
    let from = a + o &* count &* row
    for j in 0..<count {
      guard let index = checked(indices, j, length, status) else { continue }
      let target = to + index &* row
      binary(Add<E>.self, target, target, from + j &* row, inner)
    }
  }
}

/// destination[o, j, i] = source[o, indices[o, j, i], i]
@inline(always) func gatherElements<T>(
  _: T.Type, _ d: Raw, _ a: RawIn, _ indices: Indices, _ length: Int, _ inner: Int,
  _ count: Int, _ first: Int, _ last: Int, _ status: Status
) {
  let to = d.assumingMemoryBound(to: T.self)
  let from = a.assumingMemoryBound(to: T.self)
  let targets = Targets(
    length: length, inner: inner, first: first, last: last, low: 0, high: length)
  eachTarget(indices, count, targets, status) { source, position in
    to[position] = from[source]
  }
}

/// Indices into axes of these lengths as one into the axes joined; negative ones count from the
/// end. -1, which whoever follows it reports, where one is out of range.
func joinedIndices(
  _ d: UnsafeMutablePointer<Int64>, _ indices: UnsafePointer<Raw>, _ lengths: UnsafePointer<Int>,
  _ axes: Int, _ first: Int, _ last: Int
) {
  for axis in 0..<axes {
    let given = indices[axis].assumingMemoryBound(to: Int64.self)
    let length = Int64(lengths[axis])
    for place in first..<last {
      let index = given[place] &+ (given[place] < 0 ? length : 0)
      let isInside = index >= 0 && index < length
      let before = axis == 0 ? 0 : d[place]
      d[place] = isInside && before >= 0 ? before &* length &+ index : -1
    }
  }
}

func gatherBySize(
  _ d: Raw, _ a: RawIn, _ indices: Indices, _ size: Int, _ outer: Int, _ length: Int,
  _ inner: Int, _ count: Int, _ first: Int, _ last: Int, _ status: Status
) {
  switch size {
  case 1: gatherElements(UInt8.self, d, a, indices, length, inner, count, first, last, status)
  case 2: gatherElements(UInt16.self, d, a, indices, length, inner, count, first, last, status)
  case 4: gatherElements(UInt32.self, d, a, indices, length, inner, count, first, last, status)
  default: gatherElements(UInt64.self, d, a, indices, length, inner, count, first, last, status)
  }
}

/// What a running sum is kept in: f64 for f32.
protocol RunningSum {
  associatedtype Total
  static var emptyTotal: Total { get }
  func added(to total: Total) -> Total
  init(total: Total)
}
extension Float: RunningSum {
  @inline(always) static var emptyTotal: Double { 0 }
  @inline(always) func added(to total: Double) -> Double { total + Double(self) }
  @inline(always) init(total: Double) { self = Float(total) }
}
extension Double: RunningSum {
  @inline(always) static var emptyTotal: Double { 0 }
  @inline(always) func added(to total: Double) -> Double { total + self }
  @inline(always) init(total: Double) { self = total }
}
extension RunningSum where Self: FixedWidthInteger {
  @inline(always) static var emptyTotal: Self { 0 }
  @inline(always) func added(to total: Self) -> Self { total &+ self }
  @inline(always) init(total: Self) { self = total }
}
extension Int64: RunningSum {}
extension Int32: RunningSum {}
extension UInt8: RunningSum {}

@inline(always) func cumulativeSum<T: RunningSum>(
  _: T.Type, _ d: Raw, _ a: RawIn, _ length: Int, _ inner: Int, _ first: Int, _ last: Int,
  _ backwards: Bool
) {
  let to = d.assumingMemoryBound(to: T.self)
  let from = a.assumingMemoryBound(to: T.self)
  for o in first..<last {
    for i in 0..<inner {
      var total = T.emptyTotal
      for step in 0..<length {
        let r = backwards ? length &- 1 &- step : step
        let at = (o &* length &+ r) &* inner &+ i
        total = from[at].added(to: total)
        to[at] = T(total: total)
      }
    }
  }
}
