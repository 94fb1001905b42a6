// The graph of problems: who depends on whom, checked when the engine is made, and the paths along which
// a hypergradient flows. Invariants: l2u has no cycle; every u2l edge has at least one path.

import BettyGraph

/// Dependencies between problems, by their position in the engine's list.
package struct Dependencies: Sendable, Equatable {
  /// l2u[lower] = uppers whose loss the lower solution enters, in the order they are stepped.
  package var lowerToUpper: [Int: [Int]] = [:]
  /// u2l[upper] = lowers through which the hypergradient of `upper` is wanted.
  package var upperToLower: [Int: [Int]] = [:]
  package init() {}
}

package struct ProblemGraph: Sendable {
  package let names: [String]
  /// Problems that drive execution: they appear in no l2u value list.
  package private(set) var leaves: [Int] = []
  /// parents[p]: the uppers of p, in the order of l2u.
  package private(set) var parents: [[Int]]
  package private(set) var children: [[Int]]
  /// paths[upper]: each is [upper, …, lower, upper].
  package private(set) var paths: [[[Int]]]

  package init(names: [String], dependencies: Dependencies) throws {
    self.names = names
    parents = Array(repeating: [], count: names.count)
    children = Array(repeating: [], count: names.count)
    paths = Array(repeating: [], count: names.count)
    try Self.checkNames(names)
    try Self.checkMembers(dependencies, count: names.count)
    for (lower, uppers) in dependencies.lowerToUpper.sorted(by: { $0.key < $1.key }) {
      for upper in uppers {
        guard !parents[lower].contains(upper) else {
          throw BettyError.value(
            "dependencies: l2u names '\(names[upper])' twice for '\(names[lower])'")
        }
        parents[lower].append(upper)
        children[upper].append(lower)
      }
    }
    try checkAcyclic()
    leaves = names.indices.filter { children[$0].isEmpty }
    for (upper, lowers) in dependencies.upperToLower.sorted(by: { $0.key < $1.key }) {
      for (place, lower) in lowers.enumerated() {
        guard !lowers[..<place].contains(lower) else {
          throw BettyError.value(
            "dependencies: u2l names '\(names[lower])' twice for '\(names[upper])'")
        }
        let walks = walks(from: lower, to: upper)
        guard !walks.isEmpty else {
          throw BettyError.value(
            "dependencies: u2l asks for the hypergradient of '\(names[upper])' through "
              + "'\(names[lower])', but no l2u path leads from '\(names[lower])' to "
              + "'\(names[upper])'")
        }
        // A walk runs upwards from the lower problem; the chain of products runs down from the
        // upper loss and ends in the upper problem's own parameters.
        for walk in walks { paths[upper].append(walk.reversed() + [upper]) }
      }
    }
  }

  private static func checkNames(_ names: [String]) throws {
    var seen = Set<String>()
    for name in names {
      guard !name.isEmpty else { throw BettyError.value("problems: a name is empty") }
      guard seen.insert(name).inserted else {
        throw BettyError.value("problems: two problems have the name '\(name)'")
      }
    }
  }

  private static func checkMembers(_ dependencies: Dependencies, count: Int) throws {
    for (kind, table) in [("l2u", dependencies.lowerToUpper), ("u2l", dependencies.upperToLower)] {
      for (key, values) in table {
        for index in [key] + values where !(0..<count).contains(index) {
          throw BettyError.value("dependencies: \(kind) names a problem that is not in `problems`")
        }
      }
    }
  }

  /// Kahn's algorithm; what is left over contains a cycle, which is named.
  private func checkAcyclic() throws {
    var waiting = children.map(\.count)
    var ready = waiting.indices.filter { waiting[$0] == 0 }
    var done = 0
    while let problem = ready.popLast() {
      done += 1
      for parent in parents[problem] {
        waiting[parent] -= 1
        if waiting[parent] == 0 { ready.append(parent) }
      }
    }
    guard done < names.count else { return }
    // Every problem left has a child that is left too: walking down them must meet one twice.
    guard var problem = waiting.firstIndex(where: { $0 > 0 }) else { return }
    var walk: [Int] = []
    while !walk.contains(problem) {
      walk.append(problem)
      guard let next = children[problem].first(where: { waiting[$0] > 0 }) else { return }
      problem = next
    }
    let start = walk.firstIndex(of: problem) ?? 0
    let cycle = walk[start...].reversed() + [walk[walk.count - 1]]
    let text = cycle.map { "'\(names[$0])'" }.joined(separator: " -> ")
    throw BettyError.value("dependencies: l2u has a cycle, \(text)")
  }

  /// Every walk over l2u from `lower` up to `upper`, both ends included.
  private func walks(from lower: Int, to upper: Int) -> [[Int]] {
    var found: [[Int]] = []
    var open = [[lower]]
    while let walk = open.popLast() {
      let end = walk[walk.count - 1]
      if end == upper && walk.count > 1 {
        found.append(walk)
      } else {
        for parent in parents[end].reversed() { open.append(walk + [parent]) }
      }
    }
    return found
  }
}
