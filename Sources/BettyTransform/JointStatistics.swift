// Batch statistics of a whole batch in a graph of replicas: each replica's mean and variance become those
// of all of them, weighted by their elements (Chan, Golub and LeVeque, American Statistician 37, 1983).
// The derivatives follow, because this comes before differentiation. Invariants: the graph is the
// replicas' graphs one after the other, of the same structure; the k-th statistics of each belong
// together.

import BettyGraph
import BettyKernelInterface

extension Transform {
  /// The graph with its joint statistics, and what each of its values became. `isJoint` tells by the
  /// attribute `statistics` of a moments node whether it takes part.
  package static func joinStatistics(
    _ graph: Graph, replicas: Int, isJoint: (String) -> Bool
  ) throws -> (graph: Graph, map: [Value]) {
    let found = graph.nodes.indices.filter { index in
      let node = graph.nodes[index]
      return node.primitive === P.moments && isJoint(node.attributes.string("statistics"))
    }
    if found.isEmpty || replicas < 2 { return (graph, graph.types.indices.map { Value($0) }) }
    var joining = JointStatistics(graph, try groups(found, graph, replicas))
    try joining.run()
    return (joining.result, joining.map)
  }

  private static func groups(_ found: [Int], _ graph: Graph, _ replicas: Int) throws -> [[Int]] {
    let (each, rest) = found.count.quotientAndRemainder(dividingBy: replicas)
    let groups = (0..<each).map { first in (0..<replicas).map { found[first + $0 * each] } }
    let isAlike = groups.allSatisfy { group in
      group.allSatisfy {
        let (node, first) = (graph.nodes[$0], graph.nodes[group[0]])
        return node.attributes == first.attributes
          && graph.types[node.results.lowerBound] == graph.types[first.results.lowerBound]
      }
    }
    guard rest == 0, isAlike else {
      throw BettyError.runtime(
        "synchronized batch norm: \(replicas) replicas must normalise alike, together they have "
          + "\(found.count) batch norms")
    }
    return groups
  }
}

private struct JointStatistics {
  private let graph: Graph
  private let groups: [[Int]]
  /// By node: the group it is in.
  private var groupOf: [Int: Int] = [:]
  private(set) var result = Graph()
  private(set) var map: [Value]
  private var isMade: [Bool]
  /// Without a way back, nothing waits twice for the same reader.
  private let mostWaiting: Int
  /// By value: the replica's variance, and by what it is corrected for being one of samples.
  private var corrections: [Int: (own: Double, joint: Double)] = [:]

  init(_ graph: Graph, _ groups: [[Int]]) {
    self.graph = graph
    self.groups = groups
    map = [Value](repeating: Value(-1), count: graph.types.count)
    isMade = [Bool](repeating: false, count: graph.nodes.count)
    mostWaiting = graph.nodes.reduce(1) { $0 + $1.inputs.count } * (1 + groups[0].count)
    for (index, group) in groups.enumerated() { for node in group { groupOf[node] = index } }
    for input in graph.inputs { map[input.index] = result.addInput(graph.type(of: input)) }
  }

  mutating func run() throws {
    for node in graph.nodes.indices { try make(node) }
    result.outputs = graph.outputs.map { map[$0.index] }
  }

  /// Makes a node after all that it needs, which for statistics is what every replica's need.
  private mutating func make(_ wanted: Int) throws {
    var stack = [wanted]
    while let node = stack.last {
      if isMade[node] {
        stack.removeLast()
        continue
      }
      let together = groupOf[node].map { groups[$0] } ?? [node]
      let missing = together.flatMap { graph.nodes[$0].inputs }
        .map { graph.producers[$0.index] }.filter { $0 >= 0 && !isMade[$0] }
      if missing.isEmpty {
        if together.count > 1 { try join(together) } else { try copy(node) }
        stack.removeLast()
      } else {
        guard stack.count <= mostWaiting else {
          throw BettyError.runtime(
            "synchronized batch norm: replicas must normalise alike, one waits for the other")
        }
        stack += missing.reversed()
      }
    }
  }

  private mutating func copy(_ index: Int) throws {
    let node = graph.nodes[index]
    isMade[index] = true
    let types = node.results.map { graph.types[$0] }
    var inputs = node.inputs.map { map[$0.index] }
    if node.primitive === P.mul,
      let place = node.inputs.firstIndex(where: { corrections[$0.index] != nil }),
      let correction = corrections[node.inputs[place].index],
      let factor = Transform.constant(graph, node.inputs[1 - place]), factor == correction.own
    {
      inputs[1 - place] = try result.constant(correction.joint, types[0])
    }
    let made = result.append(node.primitive, inputs, node.attributes, types)
    for (old, new) in zip(node.results, made) { map[old] = new }
  }

  private mutating func join(_ nodes: [Int]) throws {
    let counts = nodes.map { index -> Double in
      let node = graph.nodes[index]
      let shape = graph.shape(of: node.inputs[0])
      return Double(node.attributes.ints("axes").reduce(1) { $0 * shape[$1] })
    }
    let total = counts.reduce(0, +)
    guard total > 1 else {
      throw BettyError.value(
        "synchronized batch norm: expected more than 1 value per channel when training, got "
          + "\(total) from \(nodes.count) replicas together")
    }
    var own: [(mean: Value, variance: Value)] = []
    for index in nodes {
      let node = graph.nodes[index]
      let made = result.append(
        node.primitive, node.inputs.map { map[$0.index] }, node.attributes,
        node.results.map { graph.types[$0] })
      own.append((made[0], made[1]))
      isMade[index] = true
    }
    let shares = counts.map { $0 / total }
    let mean = try sum(own.map(\.mean), shares)
    let spread = try own.map { part in
      let off = try result.call(P.sub, [part.mean, mean])
      return try result.call(P.add, [part.variance, result.call(P.mul, [off, off])])
    }
    let variance = try sum(spread, shares)
    for (index, count) in zip(nodes, counts) {
      let results = graph.nodes[index].results
      map[results.lowerBound] = mean
      map[results.lowerBound + 1] = variance
      corrections[results.lowerBound + 1] = (
        count / max(count - 1, 1), total / max(total - 1, 1)
      )
    }
  }

  private mutating func sum(_ values: [Value], _ shares: [Double]) throws -> Value {
    var total: Value?
    for (value, share) in zip(values, shares) {
      let factor = try result.constant(share, result.type(of: value))
      let part = try result.call(P.mul, [value, factor])
      total = try total.map { try result.call(P.add, [$0, part]) } ?? part
    }
    guard let total else { throw BettyError.runtime("synchronized batch norm: no replicas") }
    return total
  }
}
