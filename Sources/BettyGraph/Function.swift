// Operations as users call them: PyTorch's names, operands with promotion and broadcasting,
// attributes with defaults. A function is a composite of strict primitives: its body appends nodes
// to a graph and never computes. Invariant: a body's result depends only on operand types and
// attributes, so that it runs once per combination of them (see Template).

import BettyKernelInterface

/// One operand of a call inside a graph. A number (of Python or C) is a 0-d value of f64, i64 or
/// bool that gives way to the tensors beside it.
package struct Operand: Sendable {
  package let value: Value
  package let isNumber: Bool

  package init(_ value: Value, isNumber: Bool = false) {
    self.value = value
    self.isNumber = isNumber
  }
}

/// What a call knows of an operand before anything runs.
package struct OperandType: Hashable, Sendable {
  package let type: TensorType
  package let isNumber: Bool

  package init(_ type: TensorType, isNumber: Bool = false) {
    self.type = type
    self.isNumber = isNumber
  }

  package static func tensor(_ type: TensorType) -> OperandType { OperandType(type) }
  /// A number: f64, i64 or bool.
  package static func number(_ dtype: DType) -> OperandType {
    OperandType(TensorType(scalar: dtype), isNumber: true)
  }
}

/// Names of a function's inputs: `name`, `name?` may be absent, `name*` takes any number of
/// operands.
package struct InputSpec: Sendable, ExpressibleByArrayLiteral {
  package let names: [String]
  package let required: Int
  package let isVariadic: Bool
  /// As written, with the marks.
  package let spelled: [String]

  package init(arrayLiteral elements: String...) { self.init(elements) }

  init(_ elements: [String]) {
    spelled = elements
    names = elements.map { $0.hasSuffix("?") || $0.hasSuffix("*") ? String($0.dropLast()) : $0 }
    isVariadic = elements.last?.hasSuffix("*") ?? false
    required = elements.filter { !$0.hasSuffix("?") && !$0.hasSuffix("*") }.count
  }

  package var maximum: Int { isVariadic ? Int.max : names.count }
}

/// The operands of one call by position; absent optional ones are nil.
package struct Arguments: Sendable {
  package let operands: [Operand?]
  private let fixed: Int

  init(_ operands: [Operand?], fixed: Int) {
    self.operands = operands
    self.fixed = fixed
  }

  /// A required operand: its presence was checked before the body runs.
  package subscript(position: Int) -> Operand { operands[position] ?? Operand(Value(0)) }
  package func optional(_ position: Int) -> Operand? { operands[position] }
  /// The operands of the variadic input.
  package var rest: [Operand] { operands.dropFirst(fixed).compactMap { $0 } }
}

/// Appends the nodes of a function of one result.
package typealias FunctionBody =
  @Sendable (inout Builder, Arguments, Attributes) throws -> Value

/// How a function is declared, in the list of its family.
package struct FunctionEntry: Sendable {
  package typealias Body = @Sendable (inout Builder, Arguments, Attributes) throws -> [Value]
  let name: String
  let inputs: InputSpec
  let attributes: [AttributeSpec]
  let doc: String
  let samples: [Sample]
  let returnsTuple: Bool
  let body: Body

  /// A function of one result.
  init(
    _ name: String, _ inputs: InputSpec, _ attributes: [AttributeSpec] = [], doc: String,
    samples: [Sample],
    body: @escaping FunctionBody
  ) {
    self.init(
      tuple: name, inputs, attributes, doc: doc, samples: samples, returnsTuple: false
    ) { [try body(&$0, $1, $2)] }
  }

  /// A function of several results; `returnsTuple` is false where attributes decide between one
  /// result and a pair (max without and with dim).
  init(
    tuple name: String, _ inputs: InputSpec, _ attributes: [AttributeSpec] = [], doc: String,
    samples: [Sample], returnsTuple: Bool = true, body: @escaping Body
  ) {
    self.name = name
    self.inputs = inputs
    self.attributes = attributes
    self.doc = doc
    self.samples = samples
    self.returnsTuple = returnsTuple
    self.body = body
  }
}

package final class Function: Sendable {
  /// Dense: the position in `Functions.all`.
  package let id: Int
  package let name: String
  package let inputs: InputSpec
  package let attributes: [AttributeSpec]
  package let doc: String
  package let samples: [Sample]
  /// True where the result is a tuple however many elements it has (split, unbind).
  package let returnsTuple: Bool
  /// True where the last input, `key`, is the i64[2] key of a random draw.
  package let takesKey: Bool
  private let body: FunctionEntry.Body

  init(_ entry: FunctionEntry, id: Int) {
    self.id = id
    name = entry.name
    inputs = entry.inputs
    attributes = entry.attributes
    doc = entry.doc
    samples = entry.samples
    returnsTuple = entry.returnsTuple
    takesKey = entry.inputs.names.last == "key"
    body = entry.body
  }

  /// Appends the function's nodes to a graph. Optional inputs are left out from the end; one left
  /// out before a given one is named by its position in the attribute `omit`.
  package func apply(
    to graph: inout Graph, _ operands: [Operand], _ attributes: Attributes = [:]
  ) throws -> [Value] {
    var given = attributes
    let omitted = given.ints("omit")
    given["omit"] = nil
    try given.check(self.attributes, for: name)
    for spec in self.attributes where given[spec.name] == nil { given[spec.name] = spec.value }
    let arguments = try arrange(operands, omitted: omitted)
    var builder = Builder(graph: graph, name: name)
    graph = Graph()  // the builder is the only owner while it appends
    defer { graph = builder.graph }
    do {
      return try body(&builder, arguments, given)
    } catch let error as BettyError {
      throw renamed(error)
    }
  }

  /// Puts operands at the positions of their inputs, after counting them.
  private func arrange(_ operands: [Operand], omitted: [Int]) throws(BettyError) -> Arguments {
    for position in omitted
    where position < inputs.required || position >= inputs.names.count {
      throw .value("\(name): input \(position) cannot be left out")
    }
    var positions: [Operand?] = []
    // A key is drawn last, whatever is left out before it.
    var next = operands.dropLast(takesKey ? 1 : 0).makeIterator()
    if inputs.isVariadic {
      positions = operands
    } else {
      for position in inputs.names.indices {
        let isKey = takesKey && position == inputs.names.count - 1
        positions.append(
          isKey ? operands.last : omitted.contains(position) ? nil : next.next())
      }
    }
    guard operands.count >= inputs.required, operands.count <= inputs.maximum - omitted.count else {
      let names = inputs.spelled.joined(separator: ", ")
      throw .type("\(name): takes inputs (\(names)), got \(operands.count)")
    }
    return Arguments(positions, fixed: inputs.names.count - (inputs.isVariadic ? 1 : 0))
  }

  /// An error of a primitive inside, said in the name of what the user called.
  private func renamed(_ error: BettyError) -> BettyError {
    if error.message.hasPrefix("\(name):") { return error }
    let parts = error.message.split(separator: ":", maxSplits: 1)
    let rest = parts.count == 2 ? String(parts[1]) : " " + error.message
    return BettyError(error.kind, "\(name):\(rest)")
  }
}

/// Every function, by family. The one list: templates, stubs, the C interface and tests read it.
package enum Functions {
  package static let all: [Function] = families.flatMap { $0 }.enumerated().map {
    Function($0.element, id: $0.offset)
  }

  private static let families: [[FunctionEntry]] = [
    arithmetic, pointwise, special, comparisons, reductions, ordering, products, contractions,
    linearAlgebra, convolutions, movement, arrangement, parts, indexing, scattering, activations,
    normalizations, statisticNormalizations, attentions, poolings, resampling, losses, creation,
  ]

  private static let byName: [String: Function] = Dictionary(
    all.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })

  package static func named(_ name: String) -> Function? { byName[name] }

  /// One line per function, fields separated by tabs: name; inputs separated by commas (`?`
  /// optional, `*` any number); attributes `name:kind`, with `=default` or `?` where they may be
  /// absent, separated by semicolons; `one` or `tuple`; documentation.
  package static func describe() -> String {
    all.map { function in
      let attributes = function.attributes.map { spec in
        let absent = spec.value.map { "=\($0.spelled)" } ?? (spec.optional ? "?" : "")
        return "\(spec.name):\(spec.kind.rawValue)\(absent)"
      }
      return [
        function.name, function.inputs.spelled.joined(separator: ","),
        attributes.joined(separator: ";"), function.returnsTuple ? "tuple" : "one", function.doc,
      ].joined(separator: "\t")
    }.joined(separator: "\n") + "\n"
  }
}

extension Attribute {
  /// The value as `describe` writes it.
  var spelled: String {
    switch self {
    case .int(let value): "\(value)"
    case .ints(let values): "[\(values.map(String.init).joined(separator: ","))]"
    case .double(let value): "\(value)"
    case .bool(let flag): "\(flag)"
    case .string(let text): text
    case .dtype(let dtype): dtype.name
    case .graph: "graph"
    }
  }
}
