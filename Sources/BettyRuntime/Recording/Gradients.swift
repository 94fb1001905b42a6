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

  /// What was differentiated once and given up cannot be again.
  package func checkHistory(_ name: String) throws {
    let isGone = Lock.held {
      order.contains {
        $0.flags.contains(.freed) && $0.flags.isDisjoint(with: [.history, .gradLeaf])
      }
    }
    guard !isGone else {
      throw BettyError.runtime(
        "\(name): trying to backward through the graph a second time, use retain_graph=True the "
          + "first time")
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

  /// Says that nothing will be differentiated through these outputs again.
  package static func consumeHistory(_ outputs: [Tensor]) {
    Lock.held {
      for output in outputs {
        let value = output.resolved()
        guard value.flags.contains(.history), !value.flags.contains(.gradLeaf) else { continue }
        value.flags.insert(.consumed)
        guard value.buffer != nil else { continue }
        value.releaseInputs()
        value.flags.remove(.view)
        value.flags.insert(.freed)
      }
    }
  }
}

extension Recording {
  /// Result `index` of a node of several results.
  package static func result(of node: Tensor, _ index: Int) -> Tensor {
    Lock.held { projection(node, index) }
  }
}
