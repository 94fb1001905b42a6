// What belongs to an inner loop under way, written down as words and tensors, so that a run can be taken up
// in the middle of a loop. Reading follows writing line by line. Invariant: tensors that share memory are
// written once, and so are graphs that are equal; what doesn't fit the problem is refused.

import BettyGraph
import BettyRuntime
import Synchronization

/// Parameters of an engine's problems by where they are: numbers of parameters hold in one process only.
struct ParameterPlaces {
  private var places: [Int32: [Int]] = [:]
  private let lists: [[[Tensor]]]

  init(_ problems: [Problem]) {
    lists = problems.map { [$0.parameters, $0.metaParameters, $0.buffers] }
    for (problem, kinds) in lists.enumerated() {
      for (kind, handles) in kinds.enumerated() {
        for (place, handle) in handles.enumerated() where handle.parameterID != 0 {
          if places[handle.parameterID] == nil {
            places[handle.parameterID] = [problem, kind, place]
          }
        }
      }
    }
  }

  func place(of id: Int32) -> [Int] { places[id] ?? [] }

  func handle(at place: [Int]) -> Tensor? {
    guard place.count == 3, lists.indices.contains(place[0]), (0..<3).contains(place[1]),
      lists[place[0]][place[1]].indices.contains(place[2])
    else { return nil }
    return lists[place[0]][place[1]][place[2]]
  }
}

struct StateWriter {
  let places: ParameterPlaces
  private var words: [Int] = []
  private var tensors: [Tensor] = []
  private var known: [Memory: Int] = [:]
  private var texts: [String: Int] = [:]

  private struct Memory: Hashable {
    let buffer: ObjectIdentifier
    let type: TensorType
  }

  init(_ problems: [Problem]) { places = ParameterPlaces(problems) }

  mutating func add(_ value: Int) { words.append(value) }
  mutating func add(_ flag: Bool) { words.append(flag ? 1 : 0) }

  mutating func add(_ values: [Int]) {
    words.append(values.count)
    words += values
  }

  mutating func add(_ flags: [Bool]) { add(flags.map { $0 ? 1 : 0 }) }

  mutating func add(_ values: [Double]) { add(values.map { Int(bitPattern: UInt($0.bitPattern)) }) }

  mutating func add(_ tensor: Tensor?) throws {
    guard let tensor else { return words.append(-1) }
    let (value, buffer) = try tensor.written()
    let memory = Memory(buffer: buffer, type: value.type)
    if known[memory] == nil { known[memory] = append(value) }
    words.append(known[memory] ?? -1)
  }

  mutating func add(_ tensors: [Tensor]) throws {
    words.append(tensors.count)
    for tensor in tensors { try add(tensor) }
  }

  mutating func add(_ text: String) throws {
    if texts[text] == nil { texts[text] = append(try Tensor.text(text)) }
    words.append(texts[text] ?? -1)
  }

  private mutating func append(_ tensor: Tensor) -> Int {
    tensors.append(tensor)
    return tensors.count - 1
  }

  /// The words, then the tensors that they speak of.
  func written() throws -> [Tensor] { [try Tensor.ints(words)] + tensors }
}

struct StateReader {
  let places: ParameterPlaces
  private let words: [Int]
  private let tensors: [Tensor]
  private var place = 0
  private var graphs: [Structure: (graph: RecordedGraph, key: StructureKey)] = [:]

  struct Structure: Hashable {
    let text: Int
    let isHalf: Bool
    let parameters: [[Int]]
  }

  init(_ tensors: [Tensor], _ problems: [Problem]) throws {
    places = ParameterPlaces(problems)
    guard let first = tensors.first else { throw Self.misfit }
    words = try first.integers()
    self.tensors = Array(tensors.dropFirst())
  }

  static var misfit: BettyError {
    .value("what it says of the inner loop under way does not fit: another program has written it")
  }

  mutating func int() throws -> Int {
    guard place < words.count else { throw Self.misfit }
    defer { place += 1 }
    return words[place]
  }

  mutating func flag() throws -> Bool { try int() != 0 }

  /// A number of things that follow.
  mutating func count() throws -> Int {
    let count = try int()
    guard (0...words.count - place).contains(count) else { throw Self.misfit }
    return count
  }

  mutating func ints() throws -> [Int] {
    let count = try count()
    defer { place += count }
    return Array(words[place..<place + count])
  }

  mutating func flags() throws -> [Bool] { try ints().map { $0 != 0 } }

  mutating func doubles() throws -> [Double] {
    try ints().map { Double(bitPattern: UInt64(UInt(bitPattern: $0))) }
  }

  mutating func tensor() throws -> Tensor? {
    let index = try int()
    guard index != -1 else { return nil }
    guard tensors.indices.contains(index) else { throw Self.misfit }
    return tensors[index]
  }

  mutating func someTensor() throws -> Tensor {
    guard let tensor = try tensor() else { throw Self.misfit }
    return tensor
  }

  mutating func listOfTensors() throws -> [Tensor] {
    var list: [Tensor] = []
    for _ in 0..<(try count()) { list.append(try someTensor()) }
    return list
  }

  /// The graph in a text, with a key that no recording of this process has: its words begin as no walk
  /// over a recording does.
  mutating func graph(_ structure: Structure) throws -> (graph: RecordedGraph, key: StructureKey) {
    if let known = graphs[structure] { return known }
    guard tensors.indices.contains(structure.text) else { throw Self.misfit }
    let graph = try Graph.parse(try tensors[structure.text].text())
    guard graph.outputs.count == 1 else { throw Self.misfit }
    let number = Self.structures.wrappingAdd(1, ordering: .relaxed).newValue
    let made = (
      graph: RecordedGraph(graph, loss: graph.outputs[0], mayBeHalf: structure.isHalf),
      key: StructureKey([Self.firstWord, number])
    )
    graphs[structure] = made
    return made
  }

  static let firstWord = Int32.min + 1
  private static let structures = Atomic<Int32>(0)

  func end() throws {
    guard place == words.count else { throw Self.misfit }
  }
}

// MARK: Recordings

extension StateWriter {
  private mutating func add(
    _ graph: RecordedGraph, _ inputs: RecordedInputs, _ ids: [Int32], isLive: (Int) -> Bool
  ) throws {
    var value = graph.value
    value.outputs = [graph.loss]
    try add(value.description)
    add(graph.isHalf)
    add(inputs.numberWords)
    add(inputs.leaves.count)
    for (place, leaf) in inputs.leaves.enumerated() {
      let parameter = places.place(of: ids[place])
      add(parameter)
      try add(isLive(place) && !parameter.isEmpty ? nil : leaf)
    }
  }

  /// A recording whose parameters are read when it is used.
  mutating func add(_ recorded: Recorded) throws {
    let ids = recorded.inputs.leafParameters
    try add(recorded.graph, recorded.inputs, ids) { ids[$0] != 0 }
  }

  /// A step's recording with what it read; `moved` comes from elsewhere.
  mutating func add(_ taped: TapedRecording, moved: Set<Int32>) throws {
    try add(taped.graph, taped.inputs, taped.ids) { moved.contains(taped.ids[$0]) }
  }
}

extension StateReader {
  private mutating func recording() throws -> (Recorded, ids: [Int32]) {
    let text = try int()
    let isHalf = try flag()
    let numbers = try ints()
    var (leaves, ids, parameters): ([Tensor], [Int32], [[Int]]) = ([], [], [])
    for _ in 0..<(try count()) {
      let place = try ints()
      let handle = places.handle(at: place)
      guard let leaf = try tensor() ?? handle, place.isEmpty || handle != nil else {
        throw Self.misfit
      }
      leaves.append(leaf)
      ids.append(handle?.parameterID ?? 0)
      parameters.append(place)
    }
    let made = try graph(Structure(text: text, isHalf: isHalf, parameters: parameters))
    let inputs = try RecordedInputs(leaves: leaves, numberWords: numbers)
    let types = made.graph.value.inputs.map { made.graph.value.type(of: $0) }
    guard types.count == leaves.count + numbers.count / 3,
      zip(types, leaves).allSatisfy({ $0 == $1.type })
    else { throw Self.misfit }
    return (Recorded(key: made.key, graph: made.graph, inputs: inputs), ids)
  }

  mutating func recorded() throws -> Recorded { try recording().0 }

  mutating func taped() throws -> TapedRecording {
    let (recorded, ids) = try recording()
    return TapedRecording(recorded, ids: ids)
  }
}
