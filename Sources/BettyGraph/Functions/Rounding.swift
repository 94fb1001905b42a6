// Storage types (bf16, f16) inside a function. Every step gives a value of the operand's type, as if
// it were rounded, and every step that reads such a value takes what it was before. Invariant: what a
// function rounded itself it never computes with again, so that its result is the f32 result rounded once.

import BettyKernelInterface

extension Builder {
  /// What a value of a storage type was before this function rounded it; nil for one that came in.
  func unrounded(_ value: Value) -> Value? {
    let producer = graph.producers[value.index]
    guard producer >= start, dtype(value).computeType != dtype(value) else { return nil }
    let node = graph.nodes[producer]
    guard node.primitive === P.cast, dtype(node.inputs[0]).isFloating,
      dtype(node.inputs[0]).computeType == dtype(node.inputs[0])
    else { return nil }
    return node.inputs[0]
  }

  /// A value of a storage type in another, from what it was before; nil where nothing was rounded here.
  mutating func widened(_ value: Value, _ dtype: DType) throws -> Value? {
    if let source = unrounded(value) { return try cast(source, dtype) }
    let (producer, from) = (graph.producers[value.index], self.dtype(value))
    guard producer >= start, graph.nodes[producer].primitive === P.constant, dtype.isFloating,
      from.computeType != from
    else { return nil }
    return try full(graph.nodes[producer].attributes.double("value"), shape(value), dtype)
  }

  /// Applies a primitive that only moves or picks among values of one type: before they are rounded.
  mutating func pass(
    _ primitive: Primitive, _ values: [Value], after leading: [Value] = [],
    _ attributes: Attributes = [:]
  ) throws -> Value {
    let dtype = self.dtype(values[0])
    guard values.contains(where: { unrounded($0) != nil }) else {
      return try emit(primitive, leading + values, attributes)
    }
    let wide = try values.map { try cast($0, dtype.computeType) }
    return try cast(emit(primitive, leading + wide, attributes), dtype)
  }
}
