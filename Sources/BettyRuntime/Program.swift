// A compiled graph.
//
//   let program = try Compiler.compile(graph, options: …)
//   let outputs = try program.run(inputs)              // [Buffer] → [Buffer], in the graph's order
//
// `run` checks the count and size of the inputs, takes fresh output buffers from the caching
// allocator and returns, per `program.outputs[j]`: a fresh buffer; the input itself (an output that
// is an input); the donated input's buffer, overwritten; or the buffer of an earlier output (the
// same value). `execute` is the same without any allocation, for callers that keep pointers:
// outputs[j] is read only where program.outputs[j] is `.fresh`, and must not overlap an input.
//
// Any thread may run a program at any time; runs at the same time each get an arena of their own.
// Large steps are split over the pool's threads, small independent ones run side by side; the bits
// of the results depend on the number of threads planned for, never on which of them ran what.
// Contents are contiguous row-major, aligned to their element. A donated input must not be passed
// twice (`run` copies it then). A bad index in data makes the run throw .index: outputs are then
// meaningless, and donated inputs are untouched unless the index was computed from an overwritten
// one.
// Invariant: everything is immutable after init but the instances, which are lent under a lock.

import BettyGraph
import BettyKernelInterface
import CBettySupport
import Synchronization

package final class Program: @unchecked Sendable {
  package let inputTypes: [TensorType]
  package let outputTypes: [TensorType]
  package let outputs: [OutputSource]
  package let arenaBytes: Int
  /// Steps of one run, loops counted once.
  package var stepCount: Int { steps.count }

  let steps: UnsafeBufferPointer<Step>
  let sections: UnsafeBufferPointer<Section>
  let lanes: UnsafeBufferPointer<Lane>
  /// Of one run, by a rough estimate.
  package let nanoseconds: Double
  /// The same on one thread.
  package let nanosecondsAlone: Double
  let infos: [StepInfo]
  let addresses: [AddressSource]
  let scratchBytes: Int
  /// Of the arena and all scratch, and with what the loops need, one after the other, in the same
  /// memory; Int.max where that is more than fits in an Int.
  let ownBytes: Int
  let memoryBytes: Int
  let statusCount: Int
  let loops: [Loop]
  let threads: Int
  /// Before this step the statuses are checked, because it overwrites an input.
  let firstOverwrite: Int
  private let storage: Storage
  private let donated: [Int]

  private let isFirstLent = Atomic<Bool>(false)
  private var first: Instance?
  // Under the programs' lock.
  private var spare: [Instance] = []

  init(
    _ assembler: Assembler, inputTypes: [TensorType], outputTypes: [TensorType], threads: Int
  ) {
    self.inputTypes = inputTypes
    self.outputTypes = outputTypes
    self.threads = threads
    storage = assembler.storage
    steps = storage.keep(assembler.steps)
    sections = storage.keep(assembler.plan.timetable.sections)
    lanes = storage.keep(assembler.plan.timetable.lanes)
    nanoseconds = assembler.plan.units.nanoseconds
    nanosecondsAlone = assembler.plan.units.nanosecondsAlone
    infos = assembler.infos
    addresses = assembler.addresses
    scratchBytes = assembler.scratchBytes.roundedToLines
    statusCount = assembler.statuses
    loops = assembler.loops
    outputs = assembler.plan.outputs
    arenaBytes = assembler.plan.arenaBytes
    ownBytes = arenaBytes.roundedToLines.limitedSum(scratchBytes.limitedProduct(threads))
    memoryBytes = ownBytes.limitedSum(loops.map(\.body.memoryBytes).max() ?? 0)
    firstOverwrite = assembler.plan.firstOverwrite
    donated = outputs.compactMap { if case .donated(let input) = $0 { input } else { nil } }
  }

  // MARK: Running

  package func run(_ inputs: [Buffer]) throws -> [Buffer] {
    try check(inputs)
    let inputs = try separated(inputs)
    var results: [Buffer] = []
    results.reserveCapacity(outputs.count)
    for source in outputs {
      switch source {
      case .fresh(let bytes): results.append(try Buffer(byteCount: bytes))
      case .input(let index), .donated(let index): results.append(inputs[index])
      case .output(let index): results.append(results[index])
      }
    }
    try withUnsafeTemporaryAllocation(
      of: UnsafeMutableRawPointer.self, capacity: inputs.count + results.count + 1
    ) { table in
      guard let start = table.baseAddress else { return }
      for (index, buffer) in inputs.enumerated() {
        (start + index).initialize(to: buffer.pointer)
      }
      for (index, buffer) in results.enumerated() {
        (start + inputs.count + index).initialize(to: buffer.pointer)
      }
      try execute(inputs: start, outputs: start + inputs.count)
    }
    return withExtendedLifetime(inputs) { results }
  }

  package func execute(
    inputs: UnsafePointer<UnsafeMutableRawPointer>,
    outputs: UnsafePointer<UnsafeMutableRawPointer>
  ) throws {
    Counters.add(Counters.programRuns)
    let place = try Workspace.lend(memoryBytes)
    defer { Workspace.giveBack(place) }
    let instance = lend()
    defer { giveBack(instance) }
    try instance.run(inputs: inputs, outputs: outputs, in: place.pointee.pointer)
  }

  private func check(_ inputs: [Buffer]) throws(BettyError) {
    guard inputs.count == inputTypes.count else {
      throw .runtime("run: program takes \(inputTypes.count) inputs, got \(inputs.count)")
    }
    for (index, buffer) in inputs.enumerated()
    where buffer.byteCount < inputTypes[index].byteCount {
      throw .runtime(
        "run: input \(index) is \(inputTypes[index]), got \(buffer.byteCount) bytes")
    }
  }

  /// A donated buffer that is also another input is copied, so that the other keeps its contents.
  private func separated(_ inputs: [Buffer]) throws(BettyError) -> [Buffer] {
    var inputs = inputs
    for index in donated {
      let pointer = inputs[index].pointer
      let isShared = inputs.indices.contains { $0 != index && inputs[$0].pointer == pointer }
      if isShared, inputTypes[index].byteCount > 0 {
        inputs[index] = try Buffer(
          copying: UnsafeRawBufferPointer(start: pointer, count: inputTypes[index].byteCount))
      }
    }
    return inputs
  }

  // MARK: Instances

  private func lend() -> Instance {
    if isFirstLent.compareExchange(
      expected: false, desired: true, ordering: .acquiring
    ).exchanged {
      if let first { return first }
      let instance = Instance(self, isFirst: true)
      first = instance
      return instance
    }
    betty_support_lock(1)
    let instance = spare.popLast()
    betty_support_unlock(1)
    return instance ?? Instance(self, isFirst: false)
  }

  private func giveBack(_ instance: Instance) {
    if instance.isFirst {
      isFirstLent.store(false, ordering: .releasing)
      return
    }
    betty_support_lock(1)
    spare.append(instance)
    betty_support_unlock(1)
  }

  /// Tables that exist for runs at the same time.
  var instanceCount: Int {
    betty_support_lock(1)
    defer { betty_support_unlock(1) }
    return spare.count + (first == nil ? 0 : 1)
  }
}

extension Int {
  /// A number of bytes as whole lines of the cache.
  var roundedToLines: Int { (Swift.min(self, Int.max - 63) + 63) & ~63 }

  fileprivate func limitedSum(_ other: Int) -> Int {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? Int.max : sum
  }

  fileprivate func limitedProduct(_ other: Int) -> Int {
    let (product, overflow) = multipliedReportingOverflow(by: other)
    return overflow ? Int.max : product
  }
}
