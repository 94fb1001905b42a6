// A program as text, for dumps and the messages of tests. Every step has one line: its number, kind, the
// operations in it, the tasks it is split into, and where its operands lie.

extension Program: CustomStringConvertible {
  /// The bytes planned, then the steps.
  package var description: String {
    let loops = loops.enumerated().map { "\nloop \($0), \($1.count) times: \($1.body)" }
    return
      "program: \(steps.count) steps, \(inputTypes.count) inputs, \(outputTypes.count) outputs, "
      + "arena of \(arenaBytes) bytes, \(scratchBytes) bytes of scratch for each of \(threads) threads"
      + "\n\(listing)" + loops.joined()
  }

  /// One line per step; before steps that run side by side, a line that says so.
  package var listing: String {
    let notes = Dictionary(sections.map(note)) { first, _ in first }
    return steps.indices.map { index in
      let tasks = steps[index].tasks
      let next = index + 1 < steps.count ? steps[index + 1].operands : addresses.count
      let operands = addresses[steps[index].operands..<next].map(text).joined(separator: ", ")
      return (notes[index] ?? "")
        + "\(index) \(steps[index].kind) \(infos[index].name)\(tasks > 1 ? " x\(tasks)" : "")"
        + " (\(operands))"
    }.joined(separator: "\n")
  }

  private func note(_ section: Section) -> (first: Int, text: String) {
    let own = lanes[section.firstLane..<section.firstLane + section.laneCount]
    let counts = own.map { "\($0.count)" }.joined(separator: " | ")
    return (own.first?.first ?? 0, section.laneCount > 1 ? "side by side: \(counts)\n" : "")
  }

  private func text(_ source: AddressSource) -> String {
    switch source {
    case .arena(let offset): "arena+\(offset)"
    case .input(let index, let offset): offset == 0 ? "in\(index)" : "in\(index)+\(offset)"
    case .output(let index, let offset): offset == 0 ? "out\(index)" : "out\(index)+\(offset)"
    case .fixed: "constant"
    }
  }
}
