// The precision of problems: whose policy holds for what a problem records, and what it asks of parameters
// and of the processor.

import BettyGraph
import BettyKernelInterface
import BettyRuntime
import BettyTransform
import Synchronization

extension Problem {
  /// Whose parameters a recording of this problem is made on; nil where nobody asks for low precision.
  func owners(of capture: Capture) -> PrecisionOwners? {
    let problems = engine?.problems ?? [self]
    guard problems.contains(where: { $0.config.precision != .fp32 }) else { return nil }
    var known: [Int32: Precision] = [:]
    for problem in problems.filter({ $0 !== self }) + [self] {
      for handle in problem.buffers + problem.metaParameters + problem.parameters
      where handle.parameterID != 0 {
        known[handle.parameterID] = problem.config.precision
      }
    }
    let leaves = capture.leafParameters.map { known[$0] }
    let rest = capture.graph.inputs.count - leaves.count
    return PrecisionOwners(
      own: config.precision, inputs: leaves + [Precision?](repeating: nil, count: rest))
  }

  /// Refuses parameters that low precision would not do justice to.
  func checkPrecision() throws {
    guard config.precision != .fp32 else { return }
    for parameter in trained + metaParameters where parameter.type.dtype == .f64 {
      throw BettyError.type(
        "problem '\(name)': precision '\(config.precision.rawValue)' needs parameters of f32, got "
          + "\(parameter.type)")
    }
    guard config.precision == .bf16, !ProcessorTraits.multipliesBF16 else { return }
    let isFirst = Self.hasWarned.withLock { hasWarned in
      defer { hasWarned = true }
      return !hasWarned
    }
    guard isFirst else { return }
    try hooks.warn?(
      "problem '\(name)': this processor has no fast bf16 product, so precision 'bf16' saves memory "
        + "but no time")
  }

  private static let hasWarned = Mutex(false)
}

/// A capture about to become part of a step: its graph, with the statistics that replicas share and in the
/// precision of its problem, and what its values became there.
struct MixedCapture {
  let capture: Capture
  let graph: Graph
  /// Those asked for, then those computed already, then what the user holds.
  let roots: [Value]
  let computed: [(position: Int, value: Value)]
  let held: [Value]
  private let mayBeHalf: Bool

  /// `synchronized`: every batch norm is by the statistics of the whole batch. What the user has read
  /// already is not computed again, unless it may depend on statistics that replicas share.
  init(
    _ capture: Capture, _ owners: PrecisionOwners? = nil, synchronized: Bool = false
  ) throws {
    self.capture = capture
    let joined = try capture.synchronized(all: synchronized)
    let isJoined = joined.graph.nodes.count != capture.graph.nodes.count
    let computed = isJoined ? [] : capture.computed
    let count = capture.roots.count
    let recorded = capture.roots + computed.map(\.value) + capture.graph.outputs
    var (graph, values) = (joined.graph, recorded.map { joined.map[$0.index] })
    if let owners {
      (graph, values) = try Transform.mixed(graph, owners, keeping: values)
    }
    self.graph = graph
    mayBeHalf = owners?.includes(.fp16) ?? false
    roots = Array(values[..<count])
    self.computed = zip(computed, values[count...]).map { ($0.position, $1) }
    held = Array(values[(count + computed.count)...])
  }

  var recorded: RecordedGraph { RecordedGraph(graph, loss: roots[0], mayBeHalf: mayBeHalf) }
}

extension Graph {
  /// Whether a product, or one in a loop, has a result of such a type.
  func hasProducts(_ isSuch: (DType) -> Bool) -> Bool {
    nodes.contains { node in
      if node.primitive.precisionPolicy == .low {
        return isSuch(types[node.results.lowerBound].dtype)
      }
      return node.attributes.graph("body")?.hasProducts(isSuch) ?? false
    }
  }
}
