// Subscripts: x[items] read and written. The basic part (integers, slices, new axes) is one block
// of x; tensors of indices then pick from the block. Writing goes the same way back: what was
// picked is put into the block, and the block into x. Invariant: results have PyTorch's shapes,
// integers count as basic, tensors that stand apart put their dimensions in front.

import BettyKernelInterface

/// A subscript resolved against a shape.
struct SubscriptPlan {
  /// One slice an axis of the input.
  var ranges: [SliceRange] = []
  /// Axes of the input walked backwards by their slice.
  var reversed: [Int] = []
  /// The block's shape after integers left and new axes came.
  var shape: [Int] = []
  /// Axes of that shape that tensors index, with the tensors: i64, one shape.
  var picked: [(axis: Int, index: Value)] = []

  fileprivate mutating func keep(_ length: Int, isNew: Bool = false) {
    if !isNew { ranges.append(SliceRange(start: 0, stop: length, step: 1)) }
    shape.append(length)
  }
}

extension Builder {
  /// Reads the codes of `index` and checks them against the shape of x.
  mutating func subscriptPlan(
    _ items: [Int], of x: Value, _ tensors: [Operand]
  ) throws -> SubscriptPlan {
    guard items.count % 4 == 0 else {
      throw fail(.value, "items are groups of four numbers, got \(items.count)")
    }
    let codes = stride(from: 0, to: items.count, by: 4).map { Array(items[$0..<$0 + 4]) }
    let consumed = codes.filter { [0, 1, 3].contains($0[0]) }.count
    guard consumed <= rank(x) else {
      throw fail(.index, "too many indices for \(type(x)), got \(consumed)")
    }
    guard codes.filter({ $0[0] == 3 }).count == tensors.count,
      codes.filter({ $0[0] == 4 }).count <= 1
    else { throw fail(.index, "items do not match \(tensors.count) tensors of indices") }
    var plan = SubscriptPlan()
    var waiting = tensors.makeIterator()
    for code in codes {
      let axis = plan.ranges.count
      switch code[0] {
      case 0:
        let place = try position(code[1], axis: axis, of: x)
        plan.ranges.append(SliceRange(start: place, stop: place + 1, step: 1))
      case 1:
        let range = try resolvedRange(code, length: shape(x)[axis])
        if range.step < 0 { plan.reversed.append(axis) }
        plan.ranges.append(range.forward)
        plan.shape.append(range.count)
      case 2: plan.keep(1, isNew: true)
      case 3:
        guard let tensor = waiting.next() else { continue }
        plan.picked.append((plan.shape.count, try indices(tensor, as: "indices", .index)))
        plan.keep(shape(x)[axis])
      case 4:
        for skipped in 0..<rank(x) - consumed { plan.keep(shape(x)[axis + skipped]) }
      default: throw fail(.value, "unknown code \(code[0]) in items")
      }
    }
    while plan.ranges.count < rank(x) { plan.keep(shape(x)[plan.ranges.count]) }
    try align(&plan)
    return plan
  }

  /// A slice as Python's `slice.indices(length)` gives it: nothing counts from the end any more,
  /// and the stop of one that goes backwards may be -1.
  private func resolvedRange(_ code: [Int], length: Int) throws -> SliceRange {
    let (low, high) = code[3] > 0 ? (0, length) : (-1, length - 1)
    func inside(_ end: Int) -> Int { min(max(end, low), high) }
    let range = SliceRange(
      start: inside(code[1]), stop: inside(code[2]), step: try shortStep(code[3], length: length))
    return range.count == 0 ? SliceRange(start: 0, stop: 0, step: 1) : range
  }

  /// Broadcasts the tensors of indices to one shape.
  private mutating func align(_ plan: inout SubscriptPlan) throws {
    if plan.picked.isEmpty { return }
    let shape: [Int]
    do {
      shape = try common(plan.picked.map(\.index))
    } catch {
      throw fail(.index, "indices do not broadcast, got \(list(plan.picked.map(\.index)))")
    }
    for (place, pick) in plan.picked.enumerated() {
      plan.picked[place].index = try broadcast(pick.index, to: shape)
    }
  }

  mutating func read(_ x: Value, _ plan: SubscriptPlan) throws -> Value {
    let block = try reshape(flip(block(x, plan), plan.reversed), plan.shape)
    if plan.picked.isEmpty { return block }
    let target = try merged(block, plan)
    return try take(target.value, target.index, target.axis)
  }

  mutating func write(
    _ source: Value, into x: Value, _ plan: SubscriptPlan, accumulate: Bool
  ) throws -> Value {
    var updated: Value
    if plan.picked.isEmpty {
      updated = try fitted(source, to: plan.shape)
    } else {
      let block = try reshape(flip(block(x, plan), plan.reversed), plan.shape)
      updated = try writePicked(source, into: block, plan, accumulate: accumulate)
    }
    updated = try flip(reshape(updated, plan.ranges.map(\.count)), plan.reversed)
    return try write(
      updated, into: x, plan.ranges, accumulate: accumulate && plan.picked.isEmpty)
  }

  /// The basic part: one slice of all axes.
  private mutating func block(_ x: Value, _ plan: SubscriptPlan) throws -> Value {
    let whole = shape(x).map { SliceRange(start: 0, stop: $0, step: 1) }
    if plan.ranges == whole { return x }
    return try emit(
      P.slice, [x],
      [
        "starts": .ints(plan.ranges.map(\.start)), "stops": .ints(plan.ranges.map(\.stop)),
        "steps": .ints(plan.ranges.map(\.step)),
      ])
  }

  /// The values written, which broadcast to the place; leading ones may go.
  private mutating func fitted(_ source: Value, to shape: [Int]) throws -> Value {
    var own = self.shape(source)
    while own.count > shape.count, own.first == 1 { own.removeFirst() }
    guard broadcastShape(own, shape) == shape else {
      throw fail(.runtime, "values of shape \(self.shape(source)) do not fit \(shape)")
    }
    return try broadcast(reshape(source, own), to: shape)
  }

  private struct Merged {
    let value: Value
    /// i64 of the shape of the indices, into one axis of `value`.
    let index: Value
    let axis: Int
    /// Order of the block's axes before the indexed ones became one.
    let order: [Int]
  }

  /// The indexed axes side by side and made one axis, with one index into it.
  private mutating func merged(_ block: Value, _ plan: SubscriptPlan) throws -> Merged {
    let axes = plan.picked.map(\.axis)
    let shape = self.shape(block)
    let isTogether = zip(axes, axes.dropFirst()).allSatisfy { $0 + 1 == $1 }
    let others = shape.indices.filter { !axes.contains($0) }
    let place = isTogether ? axes[0] : 0
    let order = Array(others[..<place]) + axes + Array(others[place...])
    let lengths = axes.map { shape[$0] }
    let total = lengths.reduce(1, *)
    let ordered = try permute(block, order)
    let value = try reshape(
      ordered, self.shape(ordered).replacing(place...(place + axes.count - 1), with: [total]))
    return Merged(
      value: value, index: try joined(plan.picked.map(\.index), lengths), axis: place,
      order: order)
  }

  private mutating func writePicked(
    _ source: Value, into block: Value, _ plan: SubscriptPlan, accumulate: Bool
  ) throws -> Value {
    let target = try merged(block, plan)
    let (shape, axis) = (self.shape(target.value), target.axis)
    let indexShape = self.shape(target.index)
    let flat = try reshape(target.index, [type(target.index).count])
    let places = shape.replacing(axis...axis, with: indexShape)
    let updates = try reshape(
      fitted(source, to: places), shape.replacing(axis, with: type(flat).count))
    let result =
      try accumulate
      ? added(P.indexAdd, target.value, flat, updates, axis)
      : put(target.value, flat, updates, axis)
    let ordered = target.order.map { self.shape(block)[$0] }
    var back = target.order
    for (place, axis) in target.order.enumerated() { back[axis] = place }
    return try permute(reshape(result, ordered), back)
  }
}
