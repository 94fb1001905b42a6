// Computing recorded values: everything asked for becomes one program, found by its structure. Invariants:
// the program runs without the lock on buffers it holds; results are stored only if all of it succeeded,
// so an error leaves every tensor as it was, or as Earlier gives it back.

import BettyGraph
import BettyKernelInterface

extension Recording {
  /// graph → graph, set at start-up by a layer that may differentiate and rewrite.
  nonisolated(unsafe) static var simplifier: @Sendable (Graph) throws -> Graph = { $0 }

  package static func install(simplifier: @escaping @Sendable (Graph) throws -> Graph) {
    self.simplifier = simplifier
  }

  /// Computes what the handles stand for, and what else is held inside, in one program. If that is not
  /// possible, handles that were changed in place to what failed get their last good value back.
  package static func evaluate(_ tensors: [Tensor]) throws {
    let values = Lock.held { tensors.map { $0.resolved() } }
    try evaluate(values: values)
  }

  /// Computes values of a recording, whatever became of handles that stood for them.
  package static func evaluate(values: [Tensor]) throws {
    do {
      try compute(values: values)
    } catch {
      Earlier.giveBack(after: error, behind: values)
      throw error
    }
  }

  /// Computes values; what was changed in place to what failed stays so, to fail when it is read.
  static func compute(values: [Tensor]) throws {
    guard let job = try prepare(values) else { return }
    let buffers = try job.run()
    Lock.held {
      job.store(buffers)
      Earlier.settle()
      Trail.settle()
    }
  }

  /// What is to run, or nil if everything is there.
  private static func prepare(_ values: [Tensor]) throws -> Evaluation? {
    Lock.acquire()
    if values.allSatisfy({ $0.buffer != nil || $0.isNumber }) {
      Lock.release()
      return nil
    }
    Trail.settle()
    if values.reduce(true, { Windows.settle($1) && $0 }) {
      Earlier.settle()
      Lock.release()
      return nil
    }
    var walk = Walk.begin(.evaluate)
    for value in values { walk.markRoot(value) }
    for value in values { walk.visit(value) }
    let hash = walk.finish()
    let found = ProgramCache.find(hash, walk.words.elements)
    let job: Evaluation
    let compile: PendingProgram?
    do {
      job = try Evaluation(walk, found)
      compile = found == nil ? PendingProgram(hash, walk) : nil
    } catch {
      walk.end()
      Lock.release()
      throw error
    }
    walk.end()
    Lock.release()
    if let compile {
      job.entry = try compile.make()
    } else {
      Counters.add(Counters.cacheHits)
    }
    return job
  }
}

/// A program that is not in the cache yet.
private struct PendingProgram {
  let hash: UInt64
  let words: [Int32]
  let operations: [RecordedOperation?]

  /// Under the lock.
  init(_ hash: UInt64, _ walk: borrowing Walk) {
    self.hash = hash
    words = Array(walk.words.elements)
    operations = walk.order.elements.map { $0._withUnsafeGuaranteedRef { $0.operation } }
  }

  func make() throws -> CachedProgram {
    let (graph, _) = GraphBuilder.build(words: words, operations: operations)
    let program = try Compiler.compile(try Recording.simplifier(graph))
    let entry = CachedProgram(words: words, program: program)
    Lock.held { ProgramCache.insert(hash, entry) }
    return entry
  }
}

/// One evaluation under way: everything it needs is its own.
private final class Evaluation {
  var entry: CachedProgram?
  private var inputs: [Buffer] = []
  private var cells: [UInt64] = []
  private var outputs: [Tensor] = []

  /// Under the lock.
  init(_ walk: borrowing Walk, _ entry: CachedProgram?) throws {
    self.entry = entry
    inputs.reserveCapacity(walk.leaves.count)
    for leaf in walk.leaves.elements {
      inputs.append(try leaf._withUnsafeGuaranteedRef { try $0.computedBuffer() })
    }
    if walk.numbers.count > 0 {
      cells.reserveCapacity(walk.numbers.count)
      for number in walk.numbers.elements { cells.append(NumberCell.cell(number)) }
    }
    outputs.reserveCapacity(walk.outputs.count)
    for output in walk.outputs.elements { outputs.append(output.takeUnretainedValue()) }
  }

  /// The outputs' buffers: fresh ones, but for what was to be computed by nothing.
  func run() throws -> [Buffer] {
    guard let program = entry?.program else { return [] }
    return try cells.withUnsafeMutableBufferPointer { cells in
      let numbers = UnsafeMutableRawPointer(cells.baseAddress ?? Evaluation.noCells)
      let results = try Recording.buffers(for: program, inputs, numbers)
      try Recording.execute(program, inputs, numbers, cells.count, results)
      return results
    }
  }

  nonisolated(unsafe) private static let noCells = UnsafeMutablePointer<UInt64>.allocate(
    capacity: 1)

  /// Gives the outputs their buffers. Under the lock.
  func store(_ buffers: [Buffer]) {
    for (output, buffer) in zip(outputs, buffers) where output.buffer == nil {
      output.settle(buffer)
    }
  }
}

extension Recording {
  /// Buffers for the outputs of a program: fresh ones, or those of inputs that are outputs. `numbers` are
  /// cells of eight bytes, one for each input past the buffers.
  static func buffers(
    for program: Program, _ inputs: [Buffer], _ numbers: UnsafeMutableRawPointer
  ) throws -> [Buffer] {
    var results: [Buffer] = []
    results.reserveCapacity(program.outputs.count)
    for source in program.outputs {
      switch source {
      case .fresh(let bytes): results.append(try Buffer(byteCount: bytes))
      case .output(let position): results.append(results[position])
      case .input(let position), .donated(let position):
        if position < inputs.count {
          results.append(inputs[position])
        } else {
          let cell = UnsafeRawBufferPointer(
            start: numbers + 8 * (position - inputs.count),
            count: program.inputTypes[position].byteCount)
          results.append(try Buffer(copying: cell))
        }
      }
    }
    return results
  }

  /// Runs a program on buffers and, past them, cells of numbers.
  static func execute(
    _ program: Program, _ inputs: [Buffer], _ numbers: UnsafeMutableRawPointer,
    _ numberCount: Int, _ results: [Buffer]
  ) throws {
    try withUnsafeTemporaryAllocation(
      of: UnsafeMutableRawPointer.self, capacity: inputs.count + numberCount + results.count + 1
    ) { pointers in
      guard let base = pointers.baseAddress else { return }
      var next = base
      for input in inputs {
        next.initialize(to: input.pointer)
        next += 1
      }
      for number in 0..<numberCount {
        next.initialize(to: numbers + 8 * number)
        next += 1
      }
      let outputs = next
      for buffer in results {
        next.initialize(to: buffer.pointer)
        next += 1
      }
      try program.execute(inputs: UnsafePointer(base), outputs: UnsafePointer(outputs))
    }
    withExtendedLifetime((inputs, results)) {}
  }
}

extension Tensor {
  /// The buffer of a value that must be there. Under the lock.
  func computedBuffer() throws -> Buffer {
    if let buffer { return buffer }
    throw BettyError.runtime(
      "tensor: its value was given up by a step that failed, record it again")
  }

  /// Becomes computed: what led here is given up unless somebody needs it. Under the lock.
  func settle(_ computed: Buffer) {
    buffer = computed
    flags.remove(.mayFail)
    depth = 0
    guard flags.contains(.history) else { return }
    let staysAnyway =
      flags.contains(.requiresGrad) && flags.isDisjoint(with: [.gradLeaf, .consumed])
    if staysAnyway { return }
    if Recording.isInStep { Recording.keepHistory(of: self) } else { giveUpHistory() }
  }

  /// Gives up how a computed value was made, unless a gradient or a view needs it. Under the lock.
  func giveUpHistory() {
    flags.remove(.keepsHistory)
    guard flags.contains(.history) else { return }
    if flags.contains(.requiresGrad), !flags.contains(.gradLeaf) {
      if flags.contains(.consumed) {
        releaseInputs()
        flags.insert(.freed)
      }
    } else if extra?.look != nil {
      releaseInputs()
    } else if !(flags.contains(.view) && isBaseShared()) {
      flags.remove(.view)
      releaseInputs()
    }
  }

  /// Computes a chain that has become too long; an error shows when the value is read.
  @inline(never)
  func shorten() {
    Interruption.withheld {
      let values = Recording.results(of: self).map(\.present)
      do {
        try Recording.compute(values: values)
      } catch {
        // What failed fails again: length is counted from here, or every further call would try it anew.
        Lock.held { for tensor in values + [self] { tensor.depth = 0 } }
      }
    }
  }
}
