// Graph → Program: lower, fuse, order and plan, assemble. Simplifying is the caller's business, and so
// is caching. Pure: two threads may compile at once.

import BettyGraph

package struct CompileOptions: Hashable, Sendable {
  /// Output → input whose buffer it may be written over; taken up where it saves anything.
  package var donations: [Int: Int]
  /// Threads to plan for; nil: those of the pool.
  package var threads: Int?
  /// One step per operation, for tests.
  package var unfused: Bool
  /// Every output is written to the memory given for it, even if it is an input (loop bodies).
  package var copyOutputs: Bool

  package init(
    donations: [Int: Int] = [:], threads: Int? = nil, unfused: Bool = false,
    copyOutputs: Bool = false
  ) {
    self.donations = donations
    self.threads = threads
    self.unfused = unfused
    self.copyOutputs = copyOutputs
  }
}

package enum Compiler {
  package static func compile(
    _ graph: Graph, options: CompileOptions = CompileOptions()
  ) throws -> Program {
    let threads = options.threads ?? ThreadPool.shared.threads
    var lowered = try Lowering.lower(graph, threads: threads, unfused: options.unfused)
    separateOutputs(&lowered, copyAll: options.copyOutputs)
    let groups = Fusion.groups(lowered, unfused: options.unfused)
    let units = Units(lowered, group: groups)
    var shapes: [Int: TileShape] = [:]
    for unit in units.list where unit.kind == .tile {
      shapes[unit.nodes[0]] = TileShape(unit, units, threads: threads)
    }
    let plan = Plan(units, donations: options.donations) {
      Assembler.temporaryBytes($0, lowered, shapes)
    }
    let assembler = try Assembler(plan, shapes: shapes, threads: threads)
    Counters.add(Counters.compilations)
    return Program(
      assembler, inputTypes: graph.inputs.map { graph.type(of: $0) },
      outputTypes: graph.outputs.map { graph.type(of: $0) }, threads: threads)
  }

  /// Outputs that are parts of other values become values of their own; with `copyAll` inputs and
  /// repeated outputs as well.
  private static func separateOutputs(_ lowered: inout Lowered, copyAll: Bool) {
    var seen = Set<Int>()
    for (index, value) in lowered.outputs.enumerated() {
      let isWindow = lowered.root(of: value).value != value
      let isShared = lowered.producers[value] < 0 || seen.contains(value)
      if isWindow || (copyAll && isShared) {
        let count = lowered.counts[value]
        let all = View(offset: 0, shape: [count], strides: [1])
        lowered.outputs[index] = lowered.appendOne(
          .view(all), [value], lowered.dtypes[value], count, name: "copy")
      }
      seen.insert(value)
    }
  }
}
