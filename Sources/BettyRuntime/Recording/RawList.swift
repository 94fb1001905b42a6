// A growing list of plain values for the walks: appending is a store and an addition, which an array in a
// class is not. Whoever makes one frees it.

struct RawList<Element> {
  private(set) var base: UnsafeMutablePointer<Element>
  private(set) var count = 0
  private var capacity: Int

  init(capacity: Int = 64) {
    base = .allocate(capacity: capacity)
    self.capacity = capacity
  }

  @inline(__always)
  mutating func append(_ element: Element) {
    if count == capacity { grow() }
    (base + count).initialize(to: element)
    count &+= 1
  }

  @inline(never)
  private mutating func grow() {
    let larger = UnsafeMutablePointer<Element>.allocate(capacity: 2 * capacity)
    larger.moveInitialize(from: base, count: count)
    base.deallocate()
    base = larger
    capacity *= 2
  }

  @inline(__always)
  subscript(_ position: Int) -> Element {
    get { base[position] }
    set { base[position] = newValue }
  }

  @inline(__always)
  mutating func removeLast() { count &-= 1 }

  /// Forgets the elements, which must be plain values.
  @inline(__always)
  mutating func clear() { count = 0 }

  var elements: UnsafeBufferPointer<Element> {
    UnsafeBufferPointer(start: base, count: count)
  }
}
