// Decides which elementwise values are computed again where they are read rather than kept: a
// reader that would load the value from memory can as well load what it is made of, when that is one
// tensor of the same size which is in memory anyway, and some vectors. Nothing is written then, and
// between a network's forward and backward pass one tensor is alive instead of two.
// Invariant: a copy reads only what the value itself was made of, so that no group comes to depend
// on another that it did not depend on before.

import BettyKernelInterface

struct Recompute {
  private let source: Lowered
  private let group: [Int]
  private var result: Lowered
  private var newGroups: [Int] = []
  /// By value: has a place in memory whatever is done here.
  private var isKept: [Bool]
  /// By value: operations to make it from `origin`, -1 where it cannot be made again.
  private var cost: [Int]
  /// By value: the tensor in memory that it is made of; -1 for vectors and constants alone.
  private var origin: [Int]
  private var copies: [Key: Int] = [:]

  private struct Key: Hashable {
    let value: Int
    let group: Int
  }

  /// More operations than this cost as much as a pass over memory.
  private static let mostOperations = 6
  /// Repeated at least so often, a source is as good as free.
  private static let leastRepeats = 8

  /// The nodes with copies before their first readers, and the groups of them all.
  static func apply(_ lowered: Lowered, groups: [Int]) -> (lowered: Lowered, groups: [Int]) {
    var pass = Recompute(lowered, groups)
    pass.findKept()
    for (index, node) in lowered.nodes.enumerated() { pass.measure(node, groups[index]) }
    guard pass.hasWork else { return (lowered, groups) }
    pass.rebuild()
    return (pass.result, pass.newGroups)
  }

  private init(_ lowered: Lowered, _ group: [Int]) {
    source = lowered
    self.group = group
    result = lowered
    isKept = [Bool](repeating: false, count: lowered.dtypes.count)
    cost = [Int](repeating: -1, count: lowered.dtypes.count)
    origin = cost
  }

  private mutating func findKept() {
    for output in source.outputs { isKept[output] = true }
    for input in source.inputs { isKept[input] = true }
    for (index, node) in source.nodes.enumerated() {
      // What was rounded to a storage type is there to be stored, in place of what it was rounded from.
      if case .cast = node.operation, isStorage(node.results[0]) { isKept[node.results[0]] = true }
      let isTile = group[index] >= 0
      if !isTile { for input in node.inputs { isKept[input] = true } }
      if !node.operation.isElementwise {
        switch node.operation {
        case .constant, .view: break
        default: for value in node.results { isKept[value] = true }
        }
      }
    }
  }

  private func isStorage(_ value: Int) -> Bool {
    source.dtypes[value].computeType != source.dtypes[value]
  }

  private func groupOfProducer(_ value: Int) -> Int {
    source.producers[value] >= 0 ? group[source.producers[value]] : -1
  }

  /// What it takes to make the node's result again.
  private mutating func measure(_ node: LoweredNode, _ group: Int) {
    guard group >= 0, node.operation.isElementwise, node.operation.weight == 1 else { return }
    let value = node.results[0]
    var (operations, from) = (1, -1)
    for input in node.inputs {
      var (own, base) = (0, input)
      if isKept[input] || isSmall(input) {
        if isSmall(input) { base = -1 }
      } else if cost[input] >= 0 {
        (own, base) = (cost[input], origin[input])
      } else {
        return
      }
      operations += own
      if base >= 0 {
        guard from < 0 || from == base else { return }
        from = base
      }
    }
    guard operations <= Self.mostOperations else { return }
    cost[value] = operations
    origin[value] = from
  }

  /// A constant, or a view that repeats a smaller tensor.
  private func isSmall(_ value: Int) -> Bool {
    guard let node = source.producer(of: value) else { return false }
    switch node.operation {
    case .constant: return true
    case .view(let view):
      return view.isSplat
        || source.counts[node.inputs[0]] * Self.leastRepeats <= source.counts[value]
    default: return false
    }
  }

  /// Whether a reader in `group` gets a copy instead of the value.
  private func isCopied(_ value: Int, readBy reader: Int) -> Bool {
    reader >= 0 && !isKept[value] && cost[value] >= 0 && groupOfProducer(value) != reader
  }

  private var hasWork: Bool {
    source.nodes.indices.contains { index in
      source.nodes[index].inputs.contains { isCopied($0, readBy: group[index]) }
    }
  }

  private mutating func rebuild() {
    result.nodes = []
    result.nodes.reserveCapacity(source.nodes.count * 2)
    for (index, node) in source.nodes.enumerated() {
      let reader = group[index]
      var inputs = node.inputs
      for (position, input) in node.inputs.enumerated() where isCopied(input, readBy: reader) {
        inputs[position] = copy(of: input, in: reader)
      }
      append(node, inputs, node.results, reader)
    }
  }

  private mutating func copy(of value: Int, in reader: Int) -> Int {
    let key = Key(value: value, group: reader)
    if let made = copies[key] { return made }
    guard let node = source.producer(of: value) else { return value }
    // Chains are at most `mostOperations` long.
    let inputs = node.inputs.map { input in
      isCopied(input, readBy: reader) ? copy(of: input, in: reader) : input
    }
    let made = result.addValue(source.dtypes[value], source.counts[value], producer: -1)
    append(node, inputs, [made], reader)
    copies[key] = made
    return made
  }

  private mutating func append(
    _ node: LoweredNode, _ inputs: [Int], _ results: [Int], _ group: Int
  ) {
    for value in results { result.producers[value] = result.nodes.count }
    result.nodes.append(
      LoweredNode(
        operation: node.operation, inputs: inputs, results: results, name: node.name))
    newGroups.append(group)
  }
}
