// Decides which elementwise operations and reductions become one tile unit. Greedy, in order: an
// operation joins the groups that make its operands as long as no path leaves a group and comes
// back (such a group could not run in one piece). What is made of the sums of rows, one number a
// row, joins as well, and so does what reads it repeated along the rows: a layer norm or the gradient
// of a softmax passes over memory once. Nodes are looked at in blocks, so that the cost stays
// proportional to the size of the graph.
// Invariant: for each cluster, `ancestors` holds every node of the block that any member depends
// on; a member has as many elements as the cluster, or one for each of its rows.

import BettyKernelInterface

enum Fusion {
  private static let blockSize = 1024

  /// Group number of each node of a tile unit, -1 for the others.
  static func groups(_ lowered: Lowered, unfused: Bool, threads: Int) -> [Int] {
    if unfused {
      return lowered.nodes.indices.map { lowered.nodes[$0].operation.isElementwise ? $0 : -1 }
    }
    var groups = [Int](repeating: -1, count: lowered.nodes.count)
    var first = 0
    while first < lowered.nodes.count {
      let last = min(first + blockSize, lowered.nodes.count)
      var block = FusionBlock(lowered, first..<last, threads: threads)
      block.run()
      for index in first..<last { groups[index] = block.group(of: index) }
      first = last
    }
    return groups
  }

  /// Gives each reader of a conversion of something in memory a conversion of its own: reading the
  /// narrow source again is cheaper than storing the wide result.
  static func duplicateCasts(_ lowered: Lowered) -> Lowered {
    var readers = [Int](repeating: 0, count: lowered.dtypes.count)
    for node in lowered.nodes { for input in node.inputs { readers[input] += 1 } }
    let isShared = lowered.nodes.map { node in
      guard case .cast = node.operation, readers[node.results[0]] > 1 else { return false }
      let source = node.inputs[0]
      return lowered.dtypes[source].size < lowered.dtypes[node.results[0]].size
        && lowered.producer(of: source)?.operation.isElementwise != true
    }
    guard isShared.contains(true) else { return lowered }
    var result = lowered
    result.nodes = []
    var copied = Set<Int>()
    for node in lowered.nodes {
      var inputs = node.inputs
      if node.operation.isElementwise || node.isReduction {
        for (position, input) in inputs.enumerated() {
          let producer = lowered.producers[input]
          guard producer >= 0, isShared[producer], !copied.insert(input).inserted else { continue }
          let cast = lowered.nodes[producer]
          inputs[position] = result.appendOne(
            .cast, cast.inputs, lowered.dtypes[input], lowered.counts[input], name: cast.name)
        }
      }
      for value in node.results { result.producers[value] = result.nodes.count }
      result.nodes.append(
        LoweredNode(
          operation: node.operation, inputs: inputs, results: node.results, name: node.name))
    }
    return result
  }
}

extension Operation {
  var isElementwise: Bool {
    switch self {
    case .tile, .cast: true
    default: false
    }
  }
}

/// A set of nodes of a block.
private struct Bits {
  private var words: [UInt64]
  init(count: Int) { words = [UInt64](repeating: 0, count: (count + 63) / 64) }
  mutating func insert(_ bit: Int) { words[bit >> 6] |= 1 << UInt64(bit & 63) }
  var isEmpty: Bool { words.allSatisfy { $0 == 0 } }
  mutating func formUnion(_ other: Bits) { for i in words.indices { words[i] |= other.words[i] } }
  mutating func formSymmetricDifference(_ other: Bits) {
    for i in words.indices { words[i] ^= other.words[i] }
  }
  mutating func subtract(_ other: Bits) { for i in words.indices { words[i] &= ~other.words[i] } }
  func meets(_ other: Bits) -> Bool {
    for i in words.indices where words[i] & other.words[i] != 0 { return true }
    return false
  }
  /// The smallest member of a set that has one.
  var first: Int {
    let index = words.firstIndex { $0 != 0 } ?? 0
    return index << 6 + words[index].trailingZeroBitCount
  }
  /// False as soon as `body` is.
  func allSatisfy(_ body: (Int) -> Bool) -> Bool {
    for (index, word) in words.enumerated() {
      var rest = word
      while rest != 0 {
        guard body(index << 6 + rest.trailingZeroBitCount) else { return false }
        rest &= rest - 1
      }
    }
    return true
  }
}

private struct FusionBlock {
  private let lowered: Lowered
  private let range: Range<Int>
  private let threads: Int
  /// By local number of a node: the cluster it is in, named by one of its members.
  private var cluster: [Int]
  private var members: [Bits]
  private var ancestors: [Bits]
  private var sizes: [Int]
  /// Row length of a cluster's reductions, 0 for none.
  private var rows: [Int]
  /// Elements of a cluster.
  private var counts: [Int]
  private var hasReduction: [Bool]
  private var isTile: [Bool]
  /// A reduction that is better off as a step of its own unless others join it.
  private var isReluctant: [Bool]
  /// The node looked at now.
  private var newest = 0
  /// Longer groups gain nothing and need ever more registers.
  private static let mostMembers = 64

  init(_ lowered: Lowered, _ range: Range<Int>, threads: Int) {
    self.lowered = lowered
    self.range = range
    self.threads = threads
    let count = range.count
    cluster = Array(0..<count)
    members = Array(repeating: Bits(count: count), count: count)
    ancestors = members
    sizes = Array(repeating: 1, count: count)
    rows = Array(repeating: 0, count: count)
    counts = range.map { lowered.counts[lowered.nodes[$0].results[0]] }
    isTile = Array(repeating: false, count: count)
    hasReduction = isTile
    isReluctant = isTile
  }

  func group(of node: Int) -> Int {
    let local = node - range.lowerBound
    guard isTile[local], !isReluctant[local] || sizes[cluster[local]] > 1 else { return -1 }
    return cluster[local] + range.lowerBound
  }

  mutating func run() {
    for local in 0..<range.count {
      let node = lowered.nodes[range.lowerBound + local]
      newest = local
      members[local].insert(local)
      for producer in producers(of: node) {
        let source = cluster[producer]
        ancestors[local].formUnion(members[source])
        ancestors[local].formUnion(ancestors[source])
      }
      switch node.operation {
      case .tile, .cast:
        isTile[local] = true
        guard lowered.counts[node.results[0]] > 0 else { continue }
        for producer in producers(of: node) {
          if joins(producer, node.results[0]) {
            merge(cluster[producer], cluster[local])
          } else if let source = spreadSource(producer, for: node.results[0]) {
            merge(cluster[source], cluster[local], through: producer)
          }
        }
      case .reduction: placeReduction(node, local)
      default: break
      }
    }
  }

  /// Local numbers of the nodes that make the operands.
  private func producers(of node: LoweredNode) -> [Int] {
    node.inputs.compactMap { input in
      let local = lowered.producers[input] - range.lowerBound
      return local >= 0 && lowered.producers[input] >= 0 ? local : nil
    }
  }

  private func joins(_ producer: Int, _ value: Int) -> Bool {
    let node = lowered.nodes[range.lowerBound + producer]
    guard lowered.counts[node.results[0]] == lowered.counts[value] else { return false }
    return node.operation.isElementwise || isRow(producer)
  }

  /// Whether the node makes one number for each row of its cluster.
  private func isRow(_ local: Int) -> Bool {
    guard isTile[local], rows[cluster[local]] <= TileGeometry.longestRowInTile else { return false }
    let node = lowered.nodes[range.lowerBound + local]
    if node.isReduction { return ReductionShape(node, lowered)?.form == .rows }
    return lowered.counts[node.results[0]] < counts[cluster[local]]
  }

  /// The node whose result, one number a row, `view` repeats along the rows of `value`.
  private func spreadSource(_ view: Int, for value: Int) -> Int? {
    let node = lowered.nodes[range.lowerBound + view]
    guard case .view(let view) = node.operation else { return nil }
    let producer = lowered.producers[node.inputs[0]]
    let local = producer - range.lowerBound
    guard producer >= 0, local >= 0, isRow(local),
      view.isSpread(of: lowered.counts[node.inputs[0]]),
      view.shape[1] == rows[cluster[local]], lowered.counts[value] == counts[cluster[local]]
    else { return nil }
    return local
  }

  private mutating func placeReduction(_ node: LoweredNode, _ local: Int) {
    guard let shape = ReductionShape(node, lowered), lowered.counts[node.inputs[0]] > 0 else {
      return
    }
    rows[local] = shape.row
    counts[local] = lowered.counts[node.inputs[0]]
    hasReduction[local] = true
    if let producer = producers(of: node).first, joins(producer, node.inputs[0]) {
      isTile[local] = true
      if merge(cluster[producer], local) { return }
      isTile[local] = false
    }
    if shape.form == .rows, shape.row <= TileGeometry.longestRowInTile {
      isTile[local] = true
      isReluctant[local] = !gathers(node)
      return
    }
    rows[local] = 0
    // Alone: through the tile machine when it has to be gathered, or when only chunks can be split.
    let splits =
      threads > 1 && shape.form != .rows
      && lowered.counts[node.inputs[0]] >= 2 * TileGeometry.leastPerTask
    if gathers(node) || splits {
      rows[local] = shape.row
      isTile[local] = true
    }
  }

  private func gathers(_ node: LoweredNode) -> Bool {
    if case .view? = lowered.producer(of: node.inputs[0])?.operation { true } else { false }
  }

  /// Whether the members of both can be one unit: the same elements, or one for each row.
  private func fits(_ a: Int, _ b: Int) -> Bool {
    if counts[a] == counts[b] { return rows[a] == 0 || rows[b] == 0 || rows[a] == rows[b] }
    let (wide, narrow) = counts[a] > counts[b] ? (a, b) : (b, a)
    return rows[wide] > 0 && !hasReduction[narrow] && counts[narrow] * rows[wide] == counts[wide]
  }

  /// `view`: a view of a member of `a` that a member of `b` reads, which goes along with them.
  @discardableResult
  private mutating func merge(_ a: Int, _ b: Int, through view: Int? = nil) -> Bool {
    if a == b { return true }
    guard isTile[a], isTile[b], sizes[a] + sizes[b] <= FusionBlock.mostMembers, fits(a, b)
    else { return false }
    var all = members[a]
    all.formUnion(members[b])
    if let view { all.insert(view) }
    // A path out and back passes a node that one part needs and that needs the other part, so that
    // the other part cannot need it as well.
    var between = ancestors[a]
    between.formSymmetricDifference(ancestors[b])
    between.subtract(all)
    guard between.allSatisfy({ !ancestors[cluster[$0]].meets(all) }) else { return false }
    _ = all.allSatisfy { local in
      cluster[local] = a
      return true
    }
    members[a] = all
    ancestors[a].formUnion(ancestors[b])
    ancestors[a].subtract(all)
    sizes[a] += sizes[b]
    rows[a] = max(rows[a], rows[b])
    counts[a] = max(counts[a], counts[b])
    hasReduction[a] = hasReduction[a] || hasReduction[b]
    if between.isEmpty { return true }
    // Whoever depended on a part depends on the whole now, and on what the whole needs; it comes after
    // the first member.
    var reach = all
    reach.formUnion(ancestors[a])
    for local in all.first...newest
    where cluster[local] == local && local != a && ancestors[local].meets(all) {
      ancestors[local].formUnion(reach)
    }
    return true
  }
}
