// What a method keeps between two calls at one node of a path, and what it tells of the last one. Both are
// handles that the step's program writes: nobody waits for them, and they are read when asked for.

import BettyGraph
import BettyRuntime

/// What a report means.
package struct MethodVerdict: Sendable, Equatable {
  package var isConverged: Bool
  package var reason: String
  /// Whether the result means nothing: to be warned of.
  package var isUnsound = false
}

package final class MethodRecord {
  /// Names along the path, from the upper problem down and back to it.
  package let path: [String]
  /// The problem that the method goes through.
  package let problem: String
  let node: Int
  let method: any LowerMethod
  private var memory: [[Tensor]] = []
  private var report: [Tensor] = []
  private var hasWarned = false

  init(_ path: [Problem], node: Int) {
    self.path = path.map(\.name)
    self.node = node
    problem = path[node].name
    method = path[node].method
    methodName = path[node].config.type
  }

  /// Handles of the vectors that the method remembers, shaped as the parameters; zeros at first.
  func memory(like parameters: [Tensor]) throws -> [[Tensor]] {
    if memory.isEmpty || memory.contains(where: { $0.map(\.type) != parameters.map(\.type) }) {
      memory = try method.remembers.map { _ in try parameters.map { try .zeroHandle($0.type) } }
    }
    return memory
  }

  /// The same by a name each, if they have been made.
  fileprivate var named: [(key: String, handle: Tensor)] {
    zip(method.remembers, memory).flatMap { name, handles in
      handles.enumerated().map { ("\(path.joined(separator: " ")) \(node) \(name) \($0)", $1) }
    }
  }

  /// Handles of the numbers that the method reports.
  func reports() throws -> [Tensor] {
    if report.isEmpty {
      report = try method.reports.map { _ in try .zeroHandle(TensorType(.f64, [])) }
    }
    return report
  }

  package var names: [String] { method.reports }
  package let methodName: String

  /// The numbers of the last call; empty before it and for methods that report none.
  package func values() throws -> [Double] { try report.flatMap { try $0.doubles() } }

  package func verdict() throws -> MethodVerdict? {
    let values = try values()
    return values.count == names.count && !values.isEmpty ? method.verdict(values) : nil
  }

  /// What to warn of once, or what a strict method refuses each time.
  fileprivate func complaint(_ upper: Problem) throws -> String? {
    guard method.warns, !hasWarned || method.isStrict, let verdict = try verdict(),
      verdict.isUnsound
    else { return nil }
    hasWarned = true
    return "problem '\(upper.name)', step \(upper.count): \(methodName) through '\(problem)': "
      + verdict.reason
  }
}

extension Problem {
  /// The record of a node of a path, made when first asked for.
  func record(_ path: [Problem], node: Int) -> MethodRecord {
    let names = path.map(\.name)
    if let known = records.first(where: { $0.node == node && $0.path == names }) { return known }
    let made = MethodRecord(path, node: node)
    records.append(made)
    return made
  }

  /// Of paths that are gone, or that no step follows any more.
  func forgetUnusedRecords() {
    let followed = config.firstOrder ? paths : unrolledPaths
    records.removeAll { record in !followed.contains { $0.map(\.name) == record.path } }
  }

  /// What methods keep from one call to the next, as it is now, for who resumes a run: each under a key
  /// that names path, node and place.
  package func memories() throws -> [(key: String, value: Tensor)] {
    let named = records.flatMap(\.named)
    return zip(named.map(\.key), try Recording.pinned(named.map(\.handle))).map { ($0, $1) }
  }

  /// Puts back one of them. After the engine has found the paths.
  package func setMemory(_ key: String, to value: Tensor) throws {
    for path in paths {
      for node in 1..<path.count - 1 where !path[node].method.remembers.isEmpty {
        let record = record(path, node: node)
        _ = try record.memory(like: path[node].metaParameters)
        guard let handle = record.named.first(where: { $0.key == key })?.handle else { continue }
        guard handle.type == value.type else {
          throw BettyError.value(
            "problem '\(name)': '\(key)' is \(handle.type), got \(value.type)")
        }
        return try handle.assign(value)
      }
    }
    throw BettyError(.key, "problem '\(name)': no method keeps '\(key)'")
  }

  /// An error if a strict method has refused the step just run, which has changed nothing then.
  func heedRefusals() throws {
    for record in records where record.method.isStrict {
      if let text = try record.complaint(self) { throw BettyError.runtime(text) }
    }
  }

  /// Tells what the other methods have to say of it. What the user makes an error of a warning comes too late
  /// to undo a step: where one is taken, it is to be noted before.
  func tellWarnings() throws {
    for record in records where !record.method.isStrict {
      if let text = try record.complaint(self) { try hooks.warn?(text) }
    }
  }

  func heedMethods() throws {
    try heedRefusals()
    try tellWarnings()
  }
}
