// The text form of graphs, for dumps and golden tests. Invariant: parsing what was printed gives an
// equal graph, with the same numbers of values. Every node is checked by its type rule when it is
// parsed.
//
//   graph(%0: f32[2, 3], %1: f32[]) {
//     %2: f32[2, 3] = broadcast(%1) {axes: [], shape: [2, 3]}
//     %3: f32[2, 3] = add(%0, %2)
//     return %3
//   }

import BettyKernelInterface

extension Graph: CustomStringConvertible {
  package var description: String { text(indent: "") }

  private func text(indent: String) -> String {
    var lines = ["graph(\(inputs.map(declaration).joined(separator: ", "))) {"]
    for node in nodes {
      let results = node.outputs.map(declaration).joined(separator: ", ")
      let operands = node.inputs.map { "%\($0.index)" }.joined(separator: ", ")
      var line = "\(indent)  \(results) = \(node.primitive.name)(\(operands))"
      if !node.attributes.isEmpty {
        let entries = node.attributes.entries.map {
          "\($0.name): \(text($0.value, indent: indent + "  "))"
        }
        line += " {\(entries.joined(separator: ", "))}"
      }
      lines.append(line)
    }
    lines.append(indent + "  return " + outputs.map { "%\($0.index)" }.joined(separator: ", "))
    lines.append(indent + "}")
    return lines.joined(separator: "\n")
  }

  private func declaration(_ value: Value) -> String { "%\(value.index): \(type(of: value))" }

  private func text(_ attribute: Attribute, indent: String) -> String {
    switch attribute {
    case .int(let value): "\(value)"
    case .ints(let values): "\(values)"
    case .double(let value): "\(value)"
    case .bool(let value): "\(value)"
    case .string(let value): quoted(value)
    case .dtype(let value): value.name
    case .graph(let value): value.text(indent: indent)
    }
  }

  private func quoted(_ string: String) -> String {
    var text = "\""
    for character in string.unicodeScalars {
      switch character {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      default: text.unicodeScalars.append(character)
      }
    }
    return text + "\""
  }

  /// The graph that a text stands for.
  package static func parse(_ text: String) throws(BettyError) -> Graph {
    var parser = GraphParser(text)
    let graph = try parser.graph()
    try parser.end()
    return graph
  }
}

/// Recursive descent over the text; it recurses only into graphs held by attributes.
private struct GraphParser {
  private let text: [UInt8]
  private var place = 0
  private var depth = 0

  init(_ text: String) { self.text = Array(text.utf8) }

  private func failure(_ message: String) -> BettyError {
    let line = 1 + text[..<Swift.min(place, text.count)].count { $0 == UInt8(ascii: "\n") }
    return .value("parse: line \(line): \(message)")
  }

  private mutating func skip() {
    while place < text.count, text[place] <= UInt8(ascii: " ") { place += 1 }
  }

  /// Whether the next thing is `symbol`, which is then read.
  private mutating func accept(_ symbol: StaticString) -> Bool {
    skip()
    let wanted = Array(symbol.description.utf8)
    guard text[place...].starts(with: wanted) else { return false }
    place += wanted.count
    return true
  }

  private mutating func expect(_ symbol: StaticString) throws(BettyError) {
    guard accept(symbol) else {
      let found = place < text.count ? String(decoding: [text[place]], as: UTF8.self) : "the end"
      throw failure("expected '\(symbol)', got '\(found)'")
    }
  }

  /// A run of letters, digits, '_', '.', '+' and '-'.
  private mutating func word() -> String {
    skip()
    let start = place
    while place < text.count {
      switch text[place] {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."),
        UInt8(ascii: "+"), UInt8(ascii: "-"):
        place += 1
      default: return String(decoding: text[start..<place], as: UTF8.self)
      }
    }
    return String(decoding: text[start...], as: UTF8.self)
  }

  private mutating func integer() throws(BettyError) -> Int {
    let word = word()
    guard let value = Int(word) else { throw failure("expected an integer, got '\(word)'") }
    return value
  }

  private mutating func integers() throws(BettyError) -> [Int] {
    try expect("[")
    var values: [Int] = []
    if accept("]") { return values }
    repeat { values.append(try integer()) } while accept(",")
    try expect("]")
    return values
  }

  private mutating func reference() throws(BettyError) -> Int {
    try expect("%")
    return try integer()
  }

  private mutating func declaration() throws(BettyError) -> (Int, TensorType) {
    let number = try reference()
    try expect(":")
    let name = word()
    guard let dtype = DType(name: name) else { throw failure("unknown type '\(name)'") }
    return (number, try TensorType(dtype, integers()))
  }

  private mutating func attribute() throws(BettyError) -> Attribute {
    skip()
    if place < text.count {
      if text[place] == UInt8(ascii: "[") { return .ints(try integers()) }
      if text[place] == UInt8(ascii: "\"") { return .string(try string()) }
    }
    let start = place
    let word = word()
    if word == "graph" {
      place = start
      return .graph(try graph())
    }
    if word == "true" || word == "false" { return .bool(word == "true") }
    if let value = Int(word) { return .int(value) }
    if let value = Double(word) { return .double(value) }
    if let value = DType(name: word) { return .dtype(value) }
    throw failure("expected a value of an option, got '\(word)'")
  }

  private mutating func string() throws(BettyError) -> String {
    try expect("\"")
    var bytes: [UInt8] = []
    while place < text.count {
      let byte = text[place]
      place += 1
      if byte == UInt8(ascii: "\"") { return String(decoding: bytes, as: UTF8.self) }
      guard byte == UInt8(ascii: "\\"), place < text.count else {
        bytes.append(byte)
        continue
      }
      bytes.append(text[place] == UInt8(ascii: "n") ? UInt8(ascii: "\n") : text[place])
      place += 1
    }
    throw failure("the string has no end")
  }

  private mutating func attributes() throws(BettyError) -> Attributes {
    var attributes = Attributes()
    guard accept("{") else { return attributes }
    repeat {
      let name = word()
      try expect(":")
      guard attributes[name] == nil else { throw failure("option '\(name)' is given twice") }
      attributes[name] = try attribute()
    } while accept(",")
    try expect("}")
    return attributes
  }

  mutating func graph() throws(BettyError) -> Graph {
    depth += 1
    defer { depth -= 1 }
    guard depth <= 64 else { throw failure("graphs are nested more than 64 deep") }
    var graph = Graph()
    try expect("graph")
    try expect("(")
    // Inputs come first in the text but keep their numbers: one may have been added after a node.
    var pending: [(number: Int, type: TensorType)] = []
    if !accept(")") {
      repeat { pending.append(try declaration()) } while accept(",")
      try expect(")")
    }
    try expect("{")
    var next = pending[...]
    func admit(_ graph: inout Graph) {
      while let input = next.first, input.number == graph.types.count {
        _ = graph.addInput(input.type)
        next.removeFirst()
      }
    }
    admit(&graph)
    while !accept("return") {
      try node(&graph)
      admit(&graph)
    }
    if let input = next.first { throw failure("input %\(input.number) is out of order") }
    if !accept("}") {
      repeat { graph.outputs.append(try value(graph)) } while accept(",")
      try expect("}")
    }
    return graph
  }

  private mutating func value(_ graph: Graph) throws(BettyError) -> Value {
    let number = try reference()
    guard number >= 0, number < graph.types.count else {
      throw failure("%\(number) is not defined")
    }
    return Value(number)
  }

  private mutating func node(_ graph: inout Graph) throws(BettyError) {
    var declared: [(number: Int, type: TensorType)] = []
    if !accept("=") {
      repeat { declared.append(try declaration()) } while accept(",")
      try expect("=")
    }
    let name = word()
    guard let primitive = Registry.primitive(named: name) else {
      throw failure("there is no primitive '\(name)'")
    }
    try expect("(")
    var inputs: [Value] = []
    if !accept(")") {
      repeat { inputs.append(try value(graph)) } while accept(",")
      try expect(")")
    }
    let attributes = try attributes()
    do {
      let made = try graph.apply(primitive, inputs, attributes)
      let types = made.map { graph.type(of: $0) }
      guard made.map(\.index) == declared.map(\.number), types == declared.map(\.type) else {
        let list = made.map { "%\($0.index): \(graph.type(of: $0))" }.joined(separator: ", ")
        throw failure("\(name) gives \(list), not what is declared")
      }
    } catch let error as BettyError {
      throw error.message.hasPrefix("parse:") ? error : failure(error.message)
    } catch {
      throw failure("\(error)")
    }
  }

  mutating func end() throws(BettyError) {
    skip()
    guard place == text.count else { throw failure("expected the end of the text") }
  }
}
