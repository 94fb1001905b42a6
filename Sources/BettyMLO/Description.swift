// An engine in words: levels, edges, paths, and what a step of each problem takes, counted from the graph
// of its last step.

import BettyGraph
import BettyRuntime

/// What one step of a problem takes.
package struct StepCost: Sendable {
  /// Gradients of losses: its own and those that the methods on its paths take.
  package var gradients = 1
  /// Products with Jacobians and Hessians.
  package var products = 0
  /// Whether a method takes more of them than are known beforehand.
  package var isAtLeast = false
  /// 0 before its first step.
  package var flops = 0.0
  /// Of all that the step reads, makes and keeps: parameters, batches, intermediate values.
  package var bytes = 0
}

extension Problem {
  package var cost: StepCost {
    var cost = StepCost()
    for path in config.firstOrder ? paths : [] {
      for lower in path[1..<path.count - 1] {
        let isLow = lower.config.precision != .fp32
        guard let calls = isLow ? lower.method.lowCalls : lower.method.calls else {
          cost.isAtLeast = true
          continue
        }
        cost.gradients += calls.gradients
        cost.products += calls.products
      }
    }
    if let program = steps.latest {
      cost.flops = program.operations
      cost.bytes = program.bytes
    }
    return cost
  }

  /// 1 for a problem without lower ones, else one above the highest of them.
  package var level: Int { 1 + (children.map(\.level).max() ?? 0) }

  fileprivate var row: [String] {
    let cost = cost
    let below = children.map { "\($0.name) (\($0.period))" }.joined(separator: ", ")
    let least = cost.isAtLeast ? ">=" : ""
    return [
      name, "\(level)", "\(trained.reduce(0) { $0 + $1.type.count })",
      below.isEmpty ? "every step" : "after " + below, parents.isEmpty ? "-" : config.type,
      config.precision.rawValue,
      least + "\(cost.gradients)", least + "\(cost.products)",
      cost.flops == 0 ? "-" : brief(cost.flops), cost.flops == 0 ? "-" : brief(Double(cost.bytes)),
    ]
  }
}

/// 1234567 as 1.2M.
private func brief(_ number: Double) -> String {
  var (number, unit) = (number, "")
  for next in ["k", "M", "G", "T", "P"] where number >= 1000 {
    number /= 1000
    unit = next
  }
  let tenths = Int((number * 10).rounded())
  return unit.isEmpty || tenths >= 1000
    ? "\(tenths / 10)\(unit)" : "\(tenths / 10).\(tenths % 10)\(unit)"
}

extension Engine {
  /// How threads are used, and what that gives: of the replicas that were asked for, or within and
  /// between operations. Replicas are never chosen: whether a loss is a mean over rows, and how often
  /// training_step may be called, only its author knows.
  private var parallelism: [String] {
    let threads = ThreadPool.shared.threads
    let count = config.replicaCount
    let isSplit = config.strategy == .dataParallel
    var lines = [
      "strategy \(config.strategy.rawValue): \(count) replica\(count == 1 ? "" : "s"), "
        + "\(threads) thread\(threads == 1 ? "" : "s")"
    ]
    if threads == 1 { return lines }
    for problem in problems {
      guard let program = problem.steps.latest, program.time > 0 else { continue }
      let factor = program.timeAlone / program.time
      let tenths = Int((factor * 10).rounded())
      var line =
        "threads  \(problem.name): \(tenths / 10).\(tenths % 10) times one thread, estimated"
      if !isSplit, factor < 0.75 * Double(threads) {
        line += "; its operations are small, replicas would use more"
      }
      lines.append(line)
    }
    return lines
  }

  /// A table of the problems, upper ones first, their edges and paths.
  package func describe() throws -> String {
    if !isStarted { try start() }
    let header = [
      "problem", "level", "parameters", "steps", "method", "precision", "gradients", "products",
      "FLOPs", "bytes",
    ]
    let sorted = problems.enumerated().sorted {
      ($1.element.level, $0.offset) < ($0.element.level, $1.offset)
    }
    let rows = [header] + sorted.map(\.element.row)
    let widths = header.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    var lines = rows.map { row in
      var line = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
        .joined(separator: "  ")
      while line.last == " " { line.removeLast() }
      return line
    }
    lines += parallelism
    for problem in problems {
      for parent in problem.parents { lines.append("l2u  \(problem.name) -> \(parent.name)") }
    }
    for problem in problems {
      for path in problem.paths {
        lines.append("path \(path.map(\.name).joined(separator: " -> "))")
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
