// Graph → Program: lower, fuse, order and plan, assemble. Simplifying is the caller's business, and
// so is caching. Pure: two threads may compile at once.

import BettyGraph

package struct CompileOptions: Hashable, Sendable {
  /// Output → input whose buffer it may be written over; taken up where it saves anything.
  package var donations: [Int: Int]
  /// Threads to plan for; nil: those of the pool.
  package var threads: Int?
  /// One step per operation, for tests.
  package var unfused: Bool
  /// From this sum of the bytes of all values on, units are ordered for memory; below it, for
  /// independent steps side by side.
  var memoryOrderBytes = 1 << 30
  /// Outputs are the next carries: each is its own input, updated in place, or written to the
  /// memory given for it, never another's; donations that would cost a copy are refused.
  var isLoopBody: Bool

  package init(
    donations: [Int: Int] = [:], threads: Int? = nil, unfused: Bool = false
  ) {
    self.init(donations: donations, threads: threads, unfused: unfused, isLoopBody: false)
  }

  init(donations: [Int: Int], threads: Int?, unfused: Bool, isLoopBody: Bool) {
    self.donations = donations
    self.threads = threads
    self.unfused = unfused
    self.isLoopBody = isLoopBody
  }
}

package enum Compiler {
  package static func compile(
    _ graph: Graph, options: CompileOptions = CompileOptions()
  ) throws -> Program {
    let threads = max(options.threads ?? ThreadPool.shared.threads, 1)
    let (plan, shapes) = try plan(graph, options, threads: threads)
    let assembler = try Assembler(plan, shapes: shapes, threads: threads)
    Counters.add(Counters.compilations)
    return Program(
      assembler, inputTypes: graph.inputs.map { graph.type(of: $0) },
      outputTypes: graph.outputs.map { graph.type(of: $0) }, threads: threads)
  }

  static func plan(
    _ graph: Graph, _ options: CompileOptions, threads: Int
  ) throws -> (plan: Plan, shapes: [Int: TileShape]) {
    var lowered = try Lowering.lower(graph, threads: threads, unfused: options.unfused)
    try checkSize(lowered)
    separateOutputs(&lowered, isLoopBody: options.isLoopBody)
    if !options.unfused { lowered = Fusion.duplicateCasts(lowered) }
    var groups = Fusion.groups(lowered, unfused: options.unfused, threads: threads)
    if !options.unfused { (lowered, groups) = Recompute.apply(lowered, groups: groups) }
    let units = Units(lowered, group: groups)
    guard units.isComplete else {
      throw BettyError.runtime("compile: \(lowered.nodes.count) operations form a cycle of groups")
    }
    var shapes: [Int: TileShape] = [:]
    for unit in units.list where unit.kind == .tile {
      shapes[unit.nodes[0]] = TileShape(unit, units, threads: threads)
    }
    let plan = Plan(
      units, donations: options.donations, copiesAtEnd: !options.isLoopBody, shapes: shapes,
      threads: threads, memoryOrderBytes: options.memoryOrderBytes)
    return (plan, shapes)
  }

  /// So that no sum of sizes overflows later.
  private static func checkSize(_ lowered: Lowered) throws {
    var total = 0
    for value in lowered.dtypes.indices {
      let (sum, overflow) = total.addingReportingOverflow(lowered.byteCount(value))
      guard !overflow, sum < 1 << 60 else {
        throw BettyError(.memory, "compile: the values have more bytes than can be addressed")
      }
      total = sum
    }
  }

  /// Outputs that are parts of other values become values of their own; in a loop body also
  /// repeated ones and inputs, except a carry that stays as it is.
  private static func separateOutputs(_ lowered: inout Lowered, isLoopBody: Bool) {
    var seen = Set<Int>()
    for (index, value) in lowered.outputs.enumerated() {
      let isWindow = lowered.root(of: value).value != value
      let isOther = isLoopBody && lowered.producers[value] < 0 && lowered.inputs[index + 1] != value
      if isWindow || (isLoopBody && (isOther || seen.contains(value))) {
        let count = lowered.counts[value]
        let all = View(offset: 0, shape: [count], strides: [1])
        lowered.outputs[index] = lowered.appendOne(
          .view(all), [value], lowered.dtypes[value], count, name: "copy")
      }
      seen.insert(value)
    }
  }
}
