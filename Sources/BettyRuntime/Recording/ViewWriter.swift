// Operations behind changes in place: writing what a view shows back to where it came from, replacing a
// value without its gradient, standing for the same value. Invariant: made once per type or view, under
// the lock.

import BettyGraph
import BettyKernelInterface

enum ViewWriter {
  private enum Kind: Hashable { case write, detached, replaced, overwritten, detach, zeros, copy }

  private struct Key: Hashable {
    let kind: Kind
    /// Of a type; of a view for what is written through it.
    let id: Int32
  }

  nonisolated(unsafe) private static var made: [Key: RecordedOperation] = [:]
  private static let most = 1 << 14

  private static func known(
    _ kind: Kind, _ id: Int32, make: () throws -> RecordedOperation
  ) rethrows -> RecordedOperation {
    let key = Key(kind: kind, id: id)
    if let known = made[key] { return known }
    let operation = try make()
    if made.count >= most { made.removeAll() }
    made[key] = operation
    return operation
  }

  /// (base, new content of the view) → base with that part replaced.
  static func operation(for view: RecordedOperation) throws -> RecordedOperation {
    try known(.write, view.id) {
      var graph = Graph()
      let source = view.graph
      let base = graph.addInput(source.type(of: source.inputs[0]))
      let content = graph.addInput(source.type(of: source.outputs[0]))
      guard !view.overlaps else {
        throw BettyError.runtime(
          "in-place: more than one element of the tensor refers to a single memory location, "
            + "clone it before the operation")
      }
      let placed = try transpose(source, content, &graph)
      if graph.type(of: content).count == graph.type(of: base).count {
        graph.outputs = [placed]  // everything is replaced
      } else {
        let ones = try constant(&graph, 1, .f32, graph.shape(of: content))
        let counts = try transpose(source, ones, &graph)
        let zeros = try constant(&graph, 0, .f32, graph.shape(of: base))
        let covered = try graph.call(P.gt, [counts, zeros])
        graph.outputs = [try graph.call(P.select, [covered, placed, base])]
      }
      return operation("write_\(view.name)", graph)
    }
  }

  /// The same value through which no gradient flows.
  static func identity(_ typeID: Int32) throws -> RecordedOperation {
    try known(.detached, typeID) {
      var graph = Graph()
      let input = graph.addInput(TypeID.type(typeID))
      graph.outputs = [try graph.call(P.stopGradient, [input])]
      return operation("detached", graph)
    }
  }

  /// (old, new) → new bit for bit, with the gradient of old.
  static func replacement(_ typeID: Int32) throws -> RecordedOperation {
    try known(.replaced, typeID) {
      var graph = Graph()
      let old = graph.addInput(TypeID.type(typeID))
      let new = graph.addInput(TypeID.type(typeID))
      graph.outputs = [try graph.call(P.straightThrough, [old, new])]
      return operation("replaced", graph)
    }
  }

  /// (old, new) → new, with a gradient of zero for old.
  static func overwriting(_ typeID: Int32) throws -> RecordedOperation {
    try known(.overwritten, typeID) {
      var graph = Graph()
      let old = graph.addInput(TypeID.type(typeID))
      let new = graph.addInput(TypeID.type(typeID))
      let never = try constant(&graph, 0, .bool, graph.shape(of: old))
      graph.outputs = [try graph.call(P.select, [never, old, new])]
      return operation("overwritten", graph)
    }
  }

  /// The same memory for the user, through which no gradient flows.
  static func detach(_ typeID: Int32) throws -> RecordedOperation {
    try known(.detach, typeID) {
      RecordedOperation(
        name: "detach", graph: try identity(typeID).graph, operands: [typeID], isFunction: true)
    }
  }

  /// The same value, gradients included, as another one.
  static func copy(_ typeID: Int32) throws -> RecordedOperation {
    try known(.copy, typeID) {
      var graph = Graph()
      let type = TypeID.type(typeID)
      let input = graph.addInput(type)
      // A node of its own, which the gradient with respect to the copy ends at.
      graph.outputs = [try graph.call(P.reshape, [input], ["shape": .ints(type.shape)])]
      return operation("copy", graph)
    }
  }

  /// Zeros out of nothing.
  static func zeros(_ typeID: Int32) throws -> RecordedOperation {
    try known(.zeros, typeID) {
      var graph = Graph()
      let type = TypeID.type(typeID)
      graph.outputs = [try constant(&graph, 0, type.dtype, type.shape)]
      return operation("zeros", graph)
    }
  }

  private static func operation(_ name: String, _ graph: Graph) -> RecordedOperation {
    RecordedOperation(
      name: name, graph: graph, operands: graph.inputs.map { TypeID.of(graph.type(of: $0)) },
      isFunction: false)
  }

  private static func constant(
    _ graph: inout Graph, _ value: Double, _ dtype: DType, _ shape: [Int]
  ) throws -> Value {
    try graph.call(
      P.constant, [], ["value": .double(value), "shape": .ints(shape), "dtype": .dtype(dtype)])
  }

  /// Puts a value of the view's shape back into the shape of what the view looks at, zeros elsewhere.
  private static func transpose(
    _ view: Graph, _ value: Value, _ graph: inout Graph
  ) throws -> Value {
    var value = value
    let dtype = graph.dtype(of: value)
    // The forward chain on the same element type: transposes read the types of its values.
    var chain = try constant(&graph, 0, dtype, view.shape(of: view.inputs[0]))
    var applications: [Application] = []
    for node in view.nodes {
      let output = try graph.call(node.primitive, [chain], node.attributes)
      applications.append(
        Application(
          primitive: node.primitive, inputs: [chain], outputs: [output],
          attributes: node.attributes))
      chain = output
    }
    for application in applications.reversed() {
      let back: Value?
      switch application.primitive.derivative {
      case .linear(_, let transpose): back = try transpose(&graph, application, value)[0]
      case .custom(let vjp, _): back = try vjp(&graph, application, [value])[0]  // a pad
      default: back = nil
      }
      value = back ?? value
    }
    return value
  }
}

extension Graph {
  /// Whether some element is looked at twice: an expanded axis, windows.
  var isOverlapping: Bool {
    guard let first = inputs.first, let last = outputs.first else { return false }
    return type(of: last).count > type(of: first).count
      || nodes.contains { $0.primitive === P.take }
      || nodes.contains { node in
        node.primitive !== P.pad
          && type(of: Value(node.results.lowerBound)).count > type(of: node.inputs[0]).count
      }
  }
}
