// Operations by name. Recording one from Python is the hottest call of the library: two operands
// and no attributes cost a look at each handle and one node.

import BettyGraph
import BettyRuntime
import BettyTransform
import CBettySupport

/// Functions in the order of their names. They live for ever, so C may keep pointers to them.
private let sorted: [Function] = Functions.all.sorted { $0.name < $1.name }
/// Name and description of each as C strings, by the number of the function; never freed.
nonisolated(unsafe) private let texts: [(UnsafePointer<CChar>, UnsafePointer<CChar>)] = {
  var lines: [String: Substring] = [:]
  for line in Functions.describe().split(separator: "\n") {
    lines[String(line.prefix { $0 != "\t" })] = line
  }
  return Functions.all.map { (lasting($0.name), lasting(String(lines[$0.name] ?? ""))) }
}()

private func handle(of function: Function) -> Handle {
  Handle(Unmanaged.passUnretained(function).toOpaque())
}

@inline(__always)
private func function(_ handle: Handle?) throws -> Unmanaged<Function> {
  try given(handle, "op").unmanaged(Function.self, "op")
}

/// What the layers need of each other before anything is computed; done once, with the first operation.
private let isReady: Bool = {
  Recording.install { try Transform.simplify($0) }
  return true
}()

private func function(named name: String) throws -> Function {
  _ = isReady
  if let known = Functions.named(name) { return known }
  let near = nearest(to: name).joined(separator: ", ")
  throw BettyError(.key, "op: there is no operation '\(name)', near it are \(near)")
}

/// Names that contain it or are in it, then those that take the fewest changes of a letter.
private func nearest(to name: String) -> [String] {
  let ranked = sorted.map { function in
    let other = function.name
    let isPart = !name.isEmpty && (other.contains(name) || name.contains(other))
    return (name: other, distance: isPart ? 0 : changes(Array(name.utf8), Array(other.utf8)))
  }
  return ranked.sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }.prefix(8).map(\.name)
}

/// Letters put in, taken out or replaced on the way from one word to another (Levenshtein 1966).
private func changes(_ from: [UInt8], _ to: [UInt8]) -> Int {
  var row = Array(0...to.count)
  for (place, letter) in from.enumerated() {
    var corner = row[0]
    row[0] = place + 1
    for (column, other) in to.enumerated() {
      let replaced = corner + (letter == other ? 0 : 1)
      corner = row[column + 1]
      row[column + 1] = min(replaced, row[column] + 1, corner + 1)
    }
  }
  return row[to.count]
}

@_cdecl("betty_op_find")
public func betty_op_find(_ name: UnsafePointer<CChar>?, _ out: HandleOut?) -> Int32 {
  boundary {
    let found = try function(named: text(name, "name"))
    try given(out, "out_op").pointee = handle(of: found)
  }
}

@_cdecl("betty_op_at") public func betty_op_at(_ index: Int32) -> Handle? {
  _ = isReady
  return sorted.indices.contains(Int(index)) ? handle(of: sorted[Int(index)]) : nil
}

@_cdecl("betty_op_name")
public func betty_op_name(
  _ op: Handle?, _ out: UnsafeMutablePointer<UnsafePointer<CChar>?>?
) -> Int32 {
  boundary {
    let id = try function(op).takeUnretainedValue().id
    try given(out, "out_name").pointee = texts[id].0
  }
}

@_cdecl("betty_op_describe")
public func betty_op_describe(
  _ op: Handle?, _ out: UnsafeMutablePointer<UnsafePointer<CChar>?>?
) -> Int32 {
  boundary {
    let id = try function(op).takeUnretainedValue().id
    try given(out, "out_text").pointee = texts[id].1
  }
}

/// Operands as recording takes them, each looked at.
@inline(__always)
private func operands(_ inputs: HandleList?, _ count: Int32) throws -> Recording.Operands {
  let handles = try list(inputs, count, "inputs")
  for handle in handles { _ = try given(handle, "input").tensor() }
  guard let start = handles.baseAddress else { return Recording.Operands(start: nil, count: 0) }
  // A handle is a pointer to a tensor, as Unmanaged is.
  return Recording.Operands(
    start: UnsafeRawPointer(start).assumingMemoryBound(to: Unmanaged<Tensor>.self),
    count: handles.count)
}

@inline(__always)
private func attributes(_ handle: Handle?) throws -> InternedAttributes {
  guard let handle else { return .none }
  return try object(handle, as: Options.self).attributes()
}

@_cdecl("betty_op_call")
public func betty_op_call(
  _ op: Handle?, _ inputs: HandleList?, _ count: Int32, _ options: Handle?,
  _ outResults: HandleOut?, _ capacity: Int32, _ outCount: UnsafeMutablePointer<Int32>?
) -> Int32 {
  if options == nil, capacity >= 1, let op, let inputs, let outResults, let outCount,
    let function = try? op.unmanaged(Function.self, "op"),
    let node = Recording.quick(function, inputs, count)
  {
    outResults.pointee = Handle(node.toOpaque())
    outCount.pointee = 1
    betty_support_message_clear()
    return 0
  }
  return boundary {
    let function = try function(op)._withUnsafeGuaranteedRef { $0 }
    let (results, number) = (try given(outResults, "out_results"), try given(outCount, "out_count"))
    let node = try Recording.call(function, attributes(options), operands(inputs, count))
    guard node.isTuple else {
      guard capacity >= 1 else { throw tooMany(1, capacity) }
      results.pointee = hand(node)
      number.pointee = 1
      return
    }
    let made = Recording.results(of: node)
    number.pointee = Int32(truncatingIfNeeded: made.count)
    guard made.count <= capacity else { throw tooMany(made.count, capacity) }
    for (place, tensor) in made.enumerated() { results[place] = hand(tensor) }
  }
}

@inline(never)
private func tooMany(_ count: Int, _ capacity: Int32) -> BettyError {
  .value("out_results: \(count) results do not fit in room for \(capacity)")
}

@_cdecl("betty_call")
public func betty_call(
  _ name: UnsafePointer<CChar>?, _ inputs: HandleList?, _ count: Int32, _ options: Handle?,
  _ out: HandleOut?
) -> Int32 {
  boundary {
    let function = try function(named: text(name, "name"))
    let out = try given(out, "out_result")
    let node = try Recording.call(function, attributes(options), operands(inputs, count))
    guard !node.isTuple else {
      throw BettyError.value("\(function.name): has several results, use betty_op_call")
    }
    out.pointee = hand(node)
  }
}
