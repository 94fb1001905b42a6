// Attributes of an operation: a short list of named values, kept in the order of their names so that
// equal attributes are equal arrays.

import BettyKernelInterface

package enum Attribute: Hashable, Sendable {
  case int(Int)
  case ints([Int])
  case double(Double)
  case bool(Bool)
  case string(String)
  case dtype(DType)
  indirect case graph(Graph)

  /// Numbers are equal when their bits are: NaN equals itself, or programs that hold one would never
  /// be found again; 0 is not -0, whose reciprocals differ.
  package static func == (a: Attribute, b: Attribute) -> Bool {
    switch (a, b) {
    case (.int(let a), .int(let b)): a == b
    case (.ints(let a), .ints(let b)): a == b
    case (.double(let a), .double(let b)): a.bitPattern == b.bitPattern
    case (.bool(let a), .bool(let b)): a == b
    case (.string(let a), .string(let b)): a == b
    case (.dtype(let a), .dtype(let b)): a == b
    case (.graph(let a), .graph(let b)): a == b
    default: false
    }
  }

  package func hash(into hasher: inout Hasher) {
    switch self {
    case .int(let value): hasher.combine(value)
    case .ints(let values): hasher.combine(values)
    case .double(let value): hasher.combine(value.bitPattern)
    case .bool(let value): hasher.combine(value)
    case .string(let value): hasher.combine(value)
    case .dtype(let value): hasher.combine(value)
    case .graph(let value): hasher.combine(value)
    }
  }

  /// What messages call this kind of value.
  package var kindName: String {
    switch self {
    case .int: "int"
    case .ints: "ints"
    case .double: "float"
    case .bool: "bool"
    case .string: "string"
    case .dtype: "dtype"
    case .graph: "graph"
    }
  }
}

package struct Attributes: Hashable, Sendable, ExpressibleByDictionaryLiteral {
  package private(set) var entries: [(name: String, value: Attribute)] = []

  package init() {}

  package init(dictionaryLiteral elements: (String, Attribute)...) {
    for (name, value) in elements { self[name] = value }
  }

  package var isEmpty: Bool { entries.isEmpty }

  package subscript(name: String) -> Attribute? {
    get { entries.first { $0.name == name }?.value }
    set {
      entries.removeAll { $0.name == name }
      guard let newValue else { return }
      let place = entries.firstIndex { $0.name > name } ?? entries.count
      entries.insert((name, newValue), at: place)
    }
  }

  package static func == (a: Attributes, b: Attributes) -> Bool {
    a.entries.elementsEqual(b.entries) { $0.name == $1.name && $0.value == $1.value }
  }

  package func hash(into hasher: inout Hasher) {
    for entry in entries {
      hasher.combine(entry.name)
      hasher.combine(entry.value)
    }
  }

  // Readers for rules: what they ask for has been checked against the primitive's or the function's
  // specification, so a missing or ill-typed entry is answered by the default.
  package func int(_ name: String, default value: Int = 0) -> Int {
    switch self[name] {
    case .int(let value): value
    case .bool(let flag): flag ? 1 : 0
    default: value
    }
  }
  package func ints(_ name: String) -> [Int] {
    switch self[name] {
    case .ints(let values): values
    case .int(let value): [value]
    default: []
    }
  }
  package func double(_ name: String, default value: Double = 0) -> Double {
    switch self[name] {
    case .double(let value): value
    case .int(let value): Double(value)
    default: value
    }
  }
  package func bool(_ name: String, default value: Bool = false) -> Bool {
    if case .bool(let value) = self[name] { value } else { value }
  }
  package func string(_ name: String, default value: String = "") -> String {
    if case .string(let value) = self[name] { value } else { value }
  }
  package func dtype(_ name: String) -> DType? {
    if case .dtype(let value) = self[name] { value } else { nil }
  }
  package func graph(_ name: String) -> Graph? {
    if case .graph(let value) = self[name] { value } else { nil }
  }
}

/// What an attribute must be; `optional` ones may be absent.
package struct AttributeSpec: Sendable {
  package enum Kind: String, Sendable {
    case int, ints, double, bool, string, dtype, graph
    case intsOrString = "ints or string"
  }
  package let name: String
  package let kind: Kind
  package let optional: Bool
  /// What a function reads where the attribute is absent.
  package let value: Attribute?

  package init(
    _ name: String, _ kind: Kind, optional: Bool = false, default value: Attribute? = nil
  ) {
    self.name = name
    self.kind = kind
    self.optional = optional || value != nil
    self.value = value
  }

  package func accepts(_ value: Attribute) -> Bool {
    switch (kind, value) {
    case (.int, .int), (.ints, .ints), (.ints, .int), (.double, .double), (.double, .int),
      (.bool, .bool), (.string, .string), (.dtype, .dtype), (.graph, .graph),
      (.intsOrString, .int), (.intsOrString, .ints), (.intsOrString, .string):
      true
    default: false
    }
  }
}

extension Attributes {
  /// Checks these attributes against a specification; errors name the operation and the known names.
  package func check(_ specs: [AttributeSpec], for operation: String) throws(BettyError) {
    for (name, value) in entries {
      guard let spec = specs.first(where: { $0.name == name }) else {
        let known = specs.map(\.name).joined(separator: ", ")
        throw .type(
          "\(operation): unknown option '\(name)'\(known.isEmpty ? "" : ", known are \(known)")")
      }
      guard spec.accepts(value) else {
        throw .type(
          "\(operation): option '\(name)' takes \(spec.kind.rawValue), got \(value.kindName)")
      }
    }
    for spec in specs where !spec.optional && self[spec.name] == nil {
      throw .type("\(operation): missing option '\(spec.name)'")
    }
  }
}
