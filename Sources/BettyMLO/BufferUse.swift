// What a recorded step reads and changes of buffers (running statistics, counts of batches): a replay does
// it again, as updates of the step like those of parameters. Invariant: a step whose loss depends on
// a buffer that it changes is not replayed, because an upper problem would find it changed already.

import BettyGraph
import BettyRuntime
import BettyTransform

/// One buffer in a recording.
struct BufferUse {
  let handle: Tensor
  /// What it stood for before the step.
  let before: Tensor
  /// The leaf that is its value before, if the recording reads it.
  let leaf: Int?
  /// The root that is its value after; nil if it stays.
  let root: Int?
}

/// The buffers of all problems as they are before a step is recorded.
struct BuffersBefore {
  private var handles: [Tensor] = []
  private var before: [Tensor] = []

  init(_ problem: Problem) throws {
    for buffer in problem.engine?.problems.flatMap(\.buffers) ?? problem.buffers
    where !handles.contains(where: { $0 === buffer }) {
      handles.append(buffer)
    }
    // What steps of other problems have recorded of them must not become part of this one.
    try Recording.evaluate(handles)
    before = handles.map(\.present)
  }

  private var changedPositions: [Int] {
    handles.indices.filter { handles[$0].present !== before[$0] }
  }

  /// What the recording has given another value: roots of its capture, after the loss.
  var changed: [Tensor] { changedPositions.map { handles[$0] } }

  /// What a capture of the loss and of `changed` does; nil if a replay could not do it again.
  func uses(in capture: Capture) -> [BufferUse]? {
    let changed = changedPositions
    let (graph, roots) = (capture.graph, capture.roots)
    let live = Transform.ancestors(graph, of: [roots[0]], in: 0..<graph.nodes.count)
    var uses: [BufferUse] = []
    for (position, handle) in handles.enumerated() {
      let leaf = capture.leaves.firstIndex { $0 === before[position] }
      let root = changed.firstIndex(of: position).map { $0 + 1 }
      if leaf == nil && root == nil { continue }
      // Two that stand for one value can't be told apart; a value that was read or given from outside
      // would stay what it was.
      if let leaf, uses.contains(where: { $0.leaf == leaf }) { return nil }
      if let root, graph.inputs.contains(roots[root]) { return nil }
      if let leaf, root != nil {
        let value = graph.inputs[leaf]
        let isRead = zip(graph.nodes, live).contains { $1 && $0.inputs.contains(value) }
        if isRead || roots[0] == value { return nil }
      }
      uses.append(
        BufferUse(handle: handle, before: before[position], leaf: leaf, root: root))
    }
    return uses
  }
}

extension BufferUse {
  /// Part of the structure of a step.
  static func key(_ uses: [BufferUse]) -> StructureKey {
    StructureKey(uses.flatMap { [Int32($0.leaf ?? -1), Int32($0.root ?? -1)] })
  }

  /// Whether a buffer that the step only reads still is what was recorded.
  var isAsRecorded: Bool { root != nil || handle.present === before }
}
