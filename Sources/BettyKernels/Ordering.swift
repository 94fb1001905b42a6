// Sorting, searching and running extremes, one row at a time: rows have `length` elements that lie
// `stride` apart. Sorting is by digits of 8 bits from the low end (Knuth, The Art of Computer
// Programming 3, 5.2.5), so it is stable and its time does not depend on the values; short rows are
// inserted. NaN counts as the largest number, as in PyTorch. Nothing is allocated.

import BettyKernelInterface

/// An element type by the unsigned number that orders as it does.
package protocol Orderable: Comparable {
  /// Bytes of the key that can differ.
  static var keyBytes: Int { get }
  var key: UInt64 { get }
}

extension Double: Orderable {
  package static var keyBytes: Int { 8 }
  package var key: UInt64 {
    let bits = isNaN ? 0x7FF8_0000_0000_0000 : self == 0 ? 0 : bitPattern
    return bits >> 63 == 1 ? ~bits : bits | 1 << 63
  }
}

extension Float: Orderable {
  package static var keyBytes: Int { 4 }
  package var key: UInt64 {
    let bits: UInt32 = isNaN ? 0x7FC0_0000 : self == 0 ? 0 : bitPattern
    return UInt64(bits >> 31 == 1 ? ~bits : bits | 1 << 31)
  }
}

extension Int64: Orderable {
  package static var keyBytes: Int { 8 }
  package var key: UInt64 { UInt64(bitPattern: self) ^ 1 << 63 }
}

extension Int32: Orderable {
  package static var keyBytes: Int { 4 }
  package var key: UInt64 { UInt64(UInt32(bitPattern: self) ^ 1 << 31) }
}

extension UInt8: Orderable {
  package static var keyBytes: Int { 1 }
  package var key: UInt64 { UInt64(self) }
}

package enum Ordering {
  /// A key and where it came from.
  package struct Item {
    var key: UInt64
    var place: Int64
  }

  /// Bytes of scratch that sorting a row takes.
  package static func scratchBytes(_ length: Int) -> Int? {
    let (bytes, overflow) = length.multipliedReportingOverflow(by: 2 * MemoryLayout<Item>.stride)
    return overflow ? nil : bytes
  }

  /// (indices that sort the row, how many of them, the row, length, distance of elements, scratch,
  /// backwards)
  package typealias Sort =
    @Sendable (
      UnsafeMutablePointer<Int64>, Int, UnsafeRawPointer, Int, Int, UnsafeMutableRawPointer, Bool
    ) -> Void

  package static func sort(_ dtype: DType) -> Sort? {
    switch dtype {
    case .f64: { sort(Double.self, $0, $1, $2, $3, $4, $5, $6) }
    case .f32: { sort(Float.self, $0, $1, $2, $3, $4, $5, $6) }
    case .i64: { sort(Int64.self, $0, $1, $2, $3, $4, $5, $6) }
    case .i32: { sort(Int32.self, $0, $1, $2, $3, $4, $5, $6) }
    case .u8: { sort(UInt8.self, $0, $1, $2, $3, $4, $5, $6) }
    default: nil
    }
  }

  private static func sort<T: Orderable>(
    _: T.Type, _ indices: UnsafeMutablePointer<Int64>, _ count: Int, _ row: UnsafeRawPointer,
    _ length: Int, _ stride: Int, _ scratch: UnsafeMutableRawPointer, _ descending: Bool
  ) {
    let values = row.assumingMemoryBound(to: T.self)
    let items = scratch.assumingMemoryBound(to: Item.self)
    let mask = T.keyBytes == 8 ? UInt64.max : (1 << (8 * UInt64(T.keyBytes))) - 1
    let turned = descending ? mask : 0
    let last = count < length / 2 ? highest(values, count, length, stride, turned) : .max
    var kept = 0
    for place in 0..<length {
      items[kept] = Item(key: values[place * stride].key ^ turned, place: Int64(place))
      if items[kept].key <= last { kept += 1 }
    }
    let sorted = kept <= 24 ? inserted(items, kept) : byDigits(items, kept, T.keyBytes)
    for place in 0..<count { indices[place * stride] = sorted[place].place }
  }

  /// A key that the first `count` in order do not exceed, and few others: the largest with the first
  /// digit of the last of them.
  private static func highest<T: Orderable>(
    _ values: UnsafePointer<T>, _ count: Int, _ length: Int, _ stride: Int, _ turned: UInt64
  ) -> UInt64 {
    let shift = UInt64(8 * (T.keyBytes - 1))
    return withUnsafeTemporaryAllocation(of: Int.self, capacity: 256) { found in
      found.update(repeating: 0)
      for place in 0..<length {
        found[Int((values[place * stride].key ^ turned) >> shift & 255)] += 1
      }
      var (digit, before) = (0, found[0])
      while before < count {
        digit += 1
        before += found[digit]
      }
      return UInt64(digit) << shift | (1 << shift - 1)
    }
  }

  private static func inserted(
    _ items: UnsafeMutablePointer<Item>, _ length: Int
  ) -> UnsafeMutablePointer<Item> {
    for place in stride(from: 1, to: length, by: 1) {
      let item = items[place]
      var hole = place
      while hole > 0, items[hole - 1].key > item.key {
        items[hole] = items[hole - 1]
        hole -= 1
      }
      items[hole] = item
    }
    return items
  }

  private static func byDigits(
    _ items: UnsafeMutablePointer<Item>, _ length: Int, _ bytes: Int
  ) -> UnsafeMutablePointer<Item> {
    var (from, to) = (items, items + length)
    withUnsafeTemporaryAllocation(of: Int.self, capacity: 256) { starts in
      for byte in 0..<bytes {
        let shift = UInt64(8 * byte)
        starts.update(repeating: 0)
        for place in 0..<length { starts[Int(from[place].key >> shift & 255)] += 1 }
        if starts[Int(from[0].key >> shift & 255)] == length { continue }
        var total = 0
        for digit in 0..<256 { (starts[digit], total) = (total, total + starts[digit]) }
        for place in 0..<length {
          let digit = Int(from[place].key >> shift & 255)
          to[starts[digit]] = from[place]
          starts[digit] += 1
        }
        swap(&from, &to)
      }
    }
    return from
  }

  /// (where the running extreme is, the row, length, distance of elements, largest)
  package typealias Running =
    @Sendable (UnsafeMutablePointer<Int64>, UnsafeRawPointer, Int, Int, Bool) -> Void

  package static func runningExtreme(_ dtype: DType) -> Running? {
    switch dtype {
    case .f64: { running(Double.self, $0, $1, $2, $3, $4) }
    case .f32: { running(Float.self, $0, $1, $2, $3, $4) }
    case .i64: { running(Int64.self, $0, $1, $2, $3, $4) }
    case .i32: { running(Int32.self, $0, $1, $2, $3, $4) }
    case .u8: { running(UInt8.self, $0, $1, $2, $3, $4) }
    default: nil
    }
  }

  /// The last of equal ones is named, and NaN stays.
  private static func running<T: Orderable>(
    _: T.Type, _ indices: UnsafeMutablePointer<Int64>, _ row: UnsafeRawPointer, _ length: Int,
    _ stride: Int, _ largest: Bool
  ) {
    let values = row.assumingMemoryBound(to: T.self)
    var best = 0
    for place in 0..<length {
      let (here, there) = (values[place * stride], values[best * stride])
      let isNaN = there != there
      if here != here || !isNaN && (largest ? here >= there : here <= there) { best = place }
      indices[place * stride] = Int64(best)
    }
  }

  /// (positions, values in order, their count, values looked for, their count, behind equal ones)
  package typealias Search =
    @Sendable (
      UnsafeMutablePointer<Int64>, UnsafeRawPointer, Int, UnsafeRawPointer, Int, Bool
    ) -> Void

  package static func search(_ dtype: DType) -> Search? {
    switch dtype {
    case .f64: { search(Double.self, $0, $1, $2, $3, $4, $5) }
    case .f32: { search(Float.self, $0, $1, $2, $3, $4, $5) }
    case .i64: { search(Int64.self, $0, $1, $2, $3, $4, $5) }
    case .i32: { search(Int32.self, $0, $1, $2, $3, $4, $5) }
    case .u8: { search(UInt8.self, $0, $1, $2, $3, $4, $5) }
    default: nil
    }
  }

  private static func search<T: Orderable>(
    _: T.Type, _ out: UnsafeMutablePointer<Int64>, _ sorted: UnsafeRawPointer, _ length: Int,
    _ wanted: UnsafeRawPointer, _ count: Int, _ right: Bool
  ) {
    let sorted = sorted.assumingMemoryBound(to: T.self)
    let wanted = wanted.assumingMemoryBound(to: T.self)
    for place in 0..<count {
      let value = wanted[place]
      var (low, high) = (0, length)
      while low < high {
        let middle = low + (high - low) / 2
        let isBehind = right ? sorted[middle] > value : sorted[middle] >= value
        if isBehind { high = middle } else { low = middle + 1 }
      }
      out[place] = Int64(low)
    }
  }
}
