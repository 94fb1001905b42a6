// Which reshaped or contiguous tensor is a view and which a copy, as in PyTorch: what lies scattered in the
// memory of its root cannot be seen as another shape. Here every value is contiguous, but a change in
// place must be seen where it would be seen there.

import BettyGraph

extension Tensor {
  /// Whether its elements follow each other in the memory of the handle it looks at. Under the lock.
  var isContiguous: Bool {
    guard flags.contains(.view), TypeID.type(typeID).count > 0 else { return true }
    guard let view = layout?.canonical else { return false }
    return view.shape.isEmpty || view.shape.count == 1 && view.strides[0] == 1
  }

  /// Whether what `operation`, a reshape, makes of the handle is seen in the same memory by strides.
  func isSeen(through operation: RecordedOperation) -> Bool {
    guard flags.contains(.view), TypeID.type(typeID).count > 0 else { return true }
    return layout.flatMap(operation.graph.seen) != nil
  }

  /// How it lies in the memory of its root; nil where no strides say so.
  var layout: View? {
    guard let base, let operation = look else {
      let type = TypeID.type(typeID)
      return View(offset: 0, shape: type.shape, strides: type.strides)
    }
    return base.layout.flatMap(operation.graph.seen)
  }
}

extension Graph {
  /// What a chain of views sees of all of its operand.
  var seenOfWhole: View? {
    let type = type(of: inputs[0])
    return seen(View(offset: 0, shape: type.shape, strides: type.strides))
  }

  /// What a chain of views sees of an operand that lies like `view`.
  func seen(_ view: View) -> View? {
    var view = view
    for node in nodes {
      let output = type(of: Value(node.results.lowerBound))
      var own = View(offset: 0, shape: output.shape, strides: output.strides)
      switch node.primitive.kernel {
      case .view(let look):
        let strided = look(type(of: node.inputs[0]), output, node.attributes)
        own = View(offset: strided.offset, shape: output.shape, strides: strided.strides)
      case .alias: break
      default: return nil  // windows, which no strides of a primitive make
      }
      let inner = view.canonical
      guard let both = own.composed(over: inner) ?? own.canonical.composed(over: inner) else {
        return nil
      }
      view = both
    }
    return view
  }
}
