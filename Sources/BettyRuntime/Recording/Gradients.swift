// What backward needs of tensors: where gradients end, adding them up, giving up a history. Invariant: a
// gradient handed to the user is a handle that later passes add to.

import BettyGraph

extension Capture {
  /// Leaves that take a gradient, and values that were asked to keep theirs.
  package var gradientPositions: [Int] {
    Lock.held {
      order.indices.filter { position in
        let tensor = order[position]
        guard tensor.flags.contains(.requiresGrad), let slot = tensor.extra?.gradient else {
          return false
        }
        return tensor.flags.contains(.gradLeaf) || slot.isRetained
      }
    }
  }

  /// What was differentiated once and given up cannot be again: where it is in the way of a gradient with
  /// respect to the tensors that are sought, or, where none are named, to any leaf.
  package func checkHistory(_ name: String, sought: [Tensor]? = nil) throws {
    let isGone = Lock.held {
      let gone = order.indices.filter { order[$0].isGone }
      guard let sought, !gone.isEmpty else { return !gone.isEmpty }
      return isInTheWay(gone, of: sought)
    }
    guard !isGone else {
      throw BettyError.runtime(
        "\(name): Trying to backward through the graph a second time (or directly access saved "
          + "tensors after they have already been freed). Saved intermediate values of the graph are "
          + "freed when you call .backward() or autograd.grad(). Specify retain_graph=True if you need "
          + "to backward through the graph a second time or if you need to access saved tensors after "
          + "calling backward.")
    }
  }
}

extension Tensor {
  /// Adds to the gradient of this value. With `createGraph` the sum is recorded, else changed in place.
  package func accumulate(_ gradient: Tensor, createGraph: Bool) throws {
    let slot = Lock.held { extra?.gradient }
    guard let present = Lock.held({ slot?.gradient }) else { return try setGradient(gradient) }
    let sum = try GradMode.with(createGraph) {
      try Recording.call("add", [present, gradient])[0]
    }
    if createGraph { return try setGradient(sum) }
    try GradMode.with(false) { try present.update(to: sum, "backward") }
  }

  /// Whether no gradient goes through it any more. Under the lock.
  fileprivate var isGone: Bool {
    (flags.contains(.freed) && flags.isDisjoint(with: [.history, .gradLeaf]))
      || (flags.contains(.consumed) && operation?.savesValues == true)
  }

  /// Backward went through for the last time. Under the lock.
  fileprivate func consume() {
    guard flags.contains(.history), !flags.contains(.gradLeaf) else { return }
    flags.insert(.consumed)
    guard buffer != nil else { return }
    if Recording.isInStep { return Recording.keepHistory(of: self) }
    flags.remove(.view)
    giveUpHistory()
  }
}

extension Capture {
  /// Says that nothing will be differentiated through `outputs` again, nor through what lies between them
  /// and the values at `sought`.
  package func consume(_ outputs: [Tensor], sought: [Int]) {
    Lock.held {
      let isBetween = dependents(of: sought)
      let saving = order.indices.filter {
        isBetween[$0] && order[$0].operation?.savesValues == true
      }
      // What is linear throughout keeps nothing, and can be gone through as often as wanted.
      if saving.isEmpty { return }
      rememberOrigins(of: saving + rootPositions)
      for position in saving { order[position].consume() }
      for output in outputs { output.resolved().consume() }
    }
  }
}

extension Capture {
  /// Outputs that a backward pass could go through, but for what it would meet behind them: their history is
  /// of no use to anybody. Under the lock.
  func consumeSpent() {
    let mayBeSpent = outputs.contains {
      $0.flags.contains(.requiresGrad) && $0.flags.isDisjoint(with: [.gradLeaf, .consumed])
    }
    guard keepsGradients, mayBeSpent else { return }
    var isSpent = order.map(\.isGone)
    forEachNode { position, inputs in
      if order[position].flags.contains(.requiresGrad),
        inputs.contains(where: { $0 >= 0 && isSpent[Int($0)] })
      {
        isSpent[position] = true
      }
    }
    let held = Set(outputs.map { ObjectIdentifier($0) })
    let spent = order.indices.filter {
      isSpent[$0] && order[$0].flags.isDisjoint(with: [.gradLeaf, .consumed])
        && held.contains(ObjectIdentifier(order[$0]))
    }
    if spent.isEmpty { return }
    let table = OriginTable(self)
    for position in spent {
      order[position].makeExtra().origins = table[position]
      order[position].flags.insert(.consumed)
    }
  }
}

extension Recording {
  /// Result `index` of a node of several results.
  package static func result(of node: Tensor, _ index: Int) -> Tensor {
    Lock.held { projection(node, index) }
  }
}
