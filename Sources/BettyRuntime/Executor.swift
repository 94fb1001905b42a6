// One run of a program at a time: the table of addresses with the places to patch, statuses. The
// arena and scratch for each worker lie in memory that the run is lent. A run allocates nothing and
// takes no lock.
// Invariant: the instance is used by one thread at a time (the program lends it); nested instances
// belong to it.

import BettyGraph
import BettyKernelInterface
import BettyKernels

/// Not private to the class because tasks on other threads read it through a pointer.
struct StepRun {
  var step: UnsafePointer<Step>
  var operands: UnsafeMutablePointer<UnsafeMutableRawPointer>
  var scratch: UnsafeMutableRawPointer
  var scratchBytes: Int
  var status: UnsafeMutablePointer<Int64>
  /// Of a kernel of several stages, the one that runs.
  var stage: UnsafePointer<PreparedKernel.Stage>?
}

final class Instance {
  /// Whether it is lent under the program's flag and not from its list.
  let isFirst: Bool
  // The program owns its instances, so it outlives them.
  private unowned(unsafe) let program: Program
  /// Where the arena lay in the last run, and what follows it there.
  private var memory: UnsafeMutableRawPointer
  private var scratch: UnsafeMutableRawPointer { memory + program.arenaBytes.roundedToLines }
  private let addresses: UnsafeMutablePointer<UnsafeMutableRawPointer>
  private let statuses: UnsafeMutablePointer<Int64>
  private struct Patch {
    var position: Int
    var index: Int
    var offset: Int
  }
  private let arenaPatches: UnsafeBufferPointer<Patch>
  private let inputPatches: UnsafeBufferPointer<Patch>
  private let outputPatches: UnsafeBufferPointer<Patch>
  private let storage = Storage()
  private var nested: [Nested] = []
  /// Of a run that may be stopped.
  private var pulse: Pulse?

  /// A loop's body, with the tables of addresses that it is run with.
  private final class Nested {
    let program: Program
    let instance: Instance
    let inputs: UnsafeMutablePointer<UnsafeMutableRawPointer>
    let outputs: UnsafeMutablePointer<UnsafeMutableRawPointer>
    let index: UnsafeMutablePointer<Int64>

    init(_ program: Program) {
      self.program = program
      instance = Instance(program, isFirst: true)
      inputs = .allocate(capacity: program.inputTypes.count + 1)
      outputs = .allocate(capacity: program.outputTypes.count + 1)
      index = .allocate(capacity: 1)
      index.initialize(to: 0)
      inputs.initialize(
        repeating: UnsafeMutableRawPointer(index), count: program.inputTypes.count + 1)
      outputs.initialize(
        repeating: UnsafeMutableRawPointer(index), count: program.outputTypes.count + 1)
    }

    /// Whether the carry that ends the loop is true.
    func isOver(_ until: Int) -> Bool {
      until >= 0 && inputs[1 + until].load(as: UInt8.self) != 0
    }

    deinit {
      inputs.deallocate()
      outputs.deallocate()
      index.deallocate()
    }
  }

  init(_ program: Program, isFirst: Bool) {
    self.program = program
    self.isFirst = isFirst
    let count = program.addresses.count
    addresses = .allocate(capacity: count + 1)
    memory = UnsafeMutableRawPointer(addresses)  // nowhere yet
    addresses.initialize(repeating: memory, count: count + 1)
    statuses = .allocate(capacity: program.statusCount + 1)
    statuses.initialize(repeating: 0, count: program.statusCount + 1)
    var arena: [Patch] = []
    var inputs: [Patch] = []
    var outputs: [Patch] = []
    for (position, source) in program.addresses.enumerated() {
      switch source {
      case .arena(let offset): arena.append(Patch(position: position, index: 0, offset: offset))
      case .fixed(let pointer): addresses[position] = pointer
      case .input(let index, let offset):
        inputs.append(Patch(position: position, index: index, offset: offset))
      case .output(let index, let offset):
        outputs.append(Patch(position: position, index: index, offset: offset))
      }
    }
    arenaPatches = storage.keep(arena)
    inputPatches = storage.keep(inputs)
    outputPatches = storage.keep(outputs)
    nested = program.loops.map { Nested($0.body) }
  }

  deinit {
    addresses.deallocate()
    statuses.deallocate()
  }

  /// `lent` has the program's `memoryBytes`. What may not stop runs to its end when it is
  /// interrupted.
  func run(
    inputs: UnsafePointer<UnsafeMutableRawPointer>,
    outputs: UnsafePointer<UnsafeMutableRawPointer>,
    in lent: UnsafeMutableRawPointer, mayStop: Bool = true
  ) throws {
    if lent != memory {
      memory = lent
      for patch in arenaPatches { addresses[patch.position] = lent + patch.offset }
    }
    for patch in inputPatches {
      addresses[patch.position] = inputs[patch.index] + patch.offset
    }
    for patch in outputPatches {
      addresses[patch.position] = outputs[patch.index] + patch.offset
    }
    let steps = program.steps
    let guarded = program.firstOverwrite
    for index in 0..<program.statusCount { statuses[index] = 0 }
    let isTimed = StepTimes.isOn
    let isLong = program.nanoseconds >= Interruption.leastNanoseconds
    pulse = isLong && mayStop ? Pulse() : nil
    for section in program.sections {
      let lane = program.lanes[section.firstLane]
      if lane.first >= guarded { pulse = nil }
      try stopIfWanted()
      if section.laneCount > 1 {
        let last = program.lanes[section.firstLane &+ section.laneCount &- 1]
        let end = last.first &+ last.count
        if guarded >= lane.first && guarded < end { try checkStatuses() }
        let start = isTimed ? StepTimes.now() : 0
        runSideBySide(section)
        if isTimed { StepTimes.add("\(end - lane.first) steps side by side", since: start) }
        continue
      }
      for index in lane.first..<lane.first &+ lane.count {
        if index == guarded {
          try checkStatuses()
          pulse = nil
        }
        try stopIfWanted()
        let start = isTimed ? StepTimes.now() : 0
        try run(steps.baseAddress.unsafelyUnwrapped + index)
        if isTimed { StepTimes.add(program.infos[index].label, since: start) }
      }
    }
    Counters.add(Counters.kernelsLaunched, steps.count)
    try checkStatuses()
  }

  /// Long programs only, until they begin to overwrite what they were given.
  @inline(__always)
  private func stopIfWanted() throws {
    if pulse?.isDue == true, Interruption.isWanted { throw BettyError(.interrupted, "interrupted") }
  }

  // MARK: Lanes

  private struct LaneRun {
    var lanes: UnsafePointer<Lane>
    var steps: UnsafePointer<Step>
    var addresses: UnsafeMutablePointer<UnsafeMutableRawPointer>
    var scratch: UnsafeMutableRawPointer
    var scratchBytes: Int
    var statuses: UnsafeMutablePointer<Int64>
  }

  private func runSideBySide(_ section: Section) {
    var run = LaneRun(
      lanes: program.lanes.baseAddress.unsafelyUnwrapped + section.firstLane,
      steps: program.steps.baseAddress.unsafelyUnwrapped, addresses: addresses,
      scratch: scratch, scratchBytes: program.scratchBytes, statuses: statuses)
    ThreadPool.shared.run(section.laneCount, limit: program.threads, context: &run) {
      let run = $0.assumingMemoryBound(to: LaneRun.self).pointee
      let lane = run.lanes[$1]
      for index in lane.first..<lane.first &+ lane.count {
        Instance.runAlone(run.steps + index, run, worker: $2)
      }
    }
  }

  /// All tasks of a step on one thread.
  private static func runAlone(_ step: UnsafePointer<Step>, _ run: LaneRun, worker: Int) {
    var own = StepRun(
      step: step, operands: run.addresses + step.pointee.operands, scratch: run.scratch,
      scratchBytes: run.scratchBytes, status: run.statuses + step.pointee.status)
    if step.pointee.kind == .stages {
      let stages = Instance.stages(step)
      for index in 0..<stages.count {
        own.stage = stages.baseAddress.unsafelyUnwrapped + index
        for task in 0..<stages[index].tasks { Instance.task(&own, task, worker) }
      }
      return
    }
    for task in 0..<step.pointee.tasks { Instance.task(&own, task, worker) }
    Instance.finish(step, own.operands)
  }

  // MARK: Steps

  private static func finish(
    _ step: UnsafePointer<Step>, _ operands: UnsafeMutablePointer<UnsafeMutableRawPointer>
  ) {
    guard step.pointee.kind == .tile else { return }
    let code = step.pointee.payload.assumingMemoryBound(to: TileCode.self)
    if !code.pointee.reductions.isEmpty { TileMachine.join(code, operands) }
  }

  @inline(__always)
  private func run(_ step: UnsafePointer<Step>) throws {
    let operands = addresses + step.pointee.operands
    if step.pointee.kind == .loop {
      try loop(step.pointee.payload.assumingMemoryBound(to: LoopCode.self), operands)
      return
    }
    var run = StepRun(
      step: step, operands: operands, scratch: scratch,
      scratchBytes: program.scratchBytes, status: statuses + step.pointee.status)
    if step.pointee.kind == .stages {
      let stages = Instance.stages(step)
      for index in 0..<stages.count {
        run.stage = stages.baseAddress.unsafelyUnwrapped + index
        self.run(&run, tasks: stages[index].tasks)
      }
      return
    }
    self.run(&run, tasks: step.pointee.tasks)
    Instance.finish(step, operands)
  }

  @inline(__always)
  private func run(_ run: inout StepRun, tasks: Int) {
    if tasks == 1 {
      Instance.task(&run, 0, 0)
    } else {
      ThreadPool.shared.run(tasks, limit: program.threads, context: &run) {
        Instance.task($0.assumingMemoryBound(to: StepRun.self), $1, $2)
      }
    }
  }

  private static func stages(_ step: UnsafePointer<Step>) -> KernelStages {
    step.pointee.payload.load(as: KernelStages.self)
  }

  private static func task(_ run: UnsafePointer<StepRun>, _ task: Int, _ worker: Int) {
    let operands = run.pointee.operands
    let scratch = run.pointee.scratch + worker &* run.pointee.scratchBytes
    let payload = run.pointee.step.pointee.payload
    switch run.pointee.step.pointee.kind {
    case .tile:
      TileMachine.run(
        payload.assumingMemoryBound(to: TileCode.self), operands, scratch: scratch, task: task)
    case .buffer:
      payload.assumingMemoryBound(to: PreparedKernel.Stage.self).pointee.body(
        KernelFrame(operands: operands, scratch: scratch, status: run.pointee.status), task)
    case .stages:
      run.pointee.stage.unsafelyUnwrapped.pointee.body(
        KernelFrame(operands: operands, scratch: scratch, status: run.pointee.status), task)
    case .copy:
      let code = payload.assumingMemoryBound(to: CopyCode.self).pointee
      let first = task &* code.chunk
      let size = code.load.elementSize
      kernelTable.stridedCopy(
        operands[0] + first &* size, operands[1] + code.load.offset, size, code.load.rank,
        code.load.shape, code.load.strides, first, min(code.chunk, code.count &- first))
    case .fill:
      var code = payload.assumingMemoryBound(to: FillCode.self).pointee
      kernelTable.fill(operands[0], &code.bits, code.elementSize, code.count)
    case .reduce:
      let code = payload.assumingMemoryBound(to: ReduceCode.self).pointee
      let first = task &* code.chunk
      code.function(
        operands[0], operands[1], code.outer, code.reduced, code.inner, first,
        min(first &+ code.chunk, code.outer))
    case .copyOut:
      operands[0].copyMemory(
        from: operands[1], byteCount: payload.assumingMemoryBound(to: Int.self).pointee)
    case .loop: break
    }
  }

  // MARK: Loops

  /// Carries that the body updates in place stay in the results; the others alternate between the
  /// results and temporary memory so that the last lands in the results.
  private func loop(
    _ code: UnsafePointer<LoopCode>, _ operands: UnsafeMutablePointer<UnsafeMutableRawPointer>
  ) throws {
    let loop = code.pointee
    let nested = nested[loop.nested]
    let results = operands + loop.inputs
    let temporaries = results + loop.carries
    for carry in 0..<loop.carries where loop.count == 0 || loop.inPlace[carry] {
      // Equal when the plan made the loop take over its operand.
      if results[carry] == operands[carry] { continue }
      results[carry].copyMemory(from: operands[carry], byteCount: loop.carryBytes[carry])
    }
    nested.inputs[0] = UnsafeMutableRawPointer(nested.index)
    for input in 0..<loop.inputs {
      let stays = input < loop.carries && loop.inPlace[input]
      nested.inputs[1 + input] = stays ? results[input] : operands[input]
    }
    var iteration = 0
    while iteration < loop.count, !nested.isOver(loop.until) {
      nested.index.pointee = Int64(iteration)
      let target = (loop.count &- 1 &- iteration) & 1 == 0 ? results : temporaries
      for carry in 0..<loop.carries { nested.outputs[carry] = target[carry] }
      try nested.instance.run(
        inputs: nested.inputs, outputs: nested.outputs, in: memory + program.ownBytes,
        mayStop: pulse != nil)
      try stopIfWanted()
      for carry in 0..<loop.carries where !loop.inPlace[carry] {
        nested.inputs[1 + carry] = target[carry]
      }
      iteration &+= 1
    }
    // Stopped early, the last carries may lie in the other buffers.
    if iteration < loop.count {
      for carry in 0..<loop.carries where !loop.inPlace[carry] {
        let last = nested.inputs[1 + carry]
        if last == results[carry] { continue }
        results[carry].copyMemory(from: last, byteCount: loop.carryBytes[carry])
      }
    }
  }

  // MARK: Errors

  private func checkStatuses() throws {
    for index in 0..<program.statusCount where statuses[index] != 0 { try fail(status: index) }
  }

  private func fail(status: Int) throws {
    let position = statuses[status] - 1
    let index = program.steps.indices.first {
      program.steps[$0].kind == .buffer && program.steps[$0].status == status
    }
    guard let index else { return }
    let info = program.infos[index]
    if let failure = Registry.primitive(named: info.name)?.failure { throw failure(position) }
    let operands = addresses + program.steps[index].operands
    // The value is known when the indices still lie in an input; the arena may have been reused.
    var value = ""
    for candidate in info.indices where position >= 0 && position < candidate.count {
      let place = program.steps[index].operands + candidate.operand
      guard case .input = program.addresses[place] else { continue }
      let found = operands[candidate.operand].load(
        fromByteOffset: Int(position) * 8, as: Int64.self)
      value = " \(found)"
    }
    throw BettyError.index("\(info.name): index\(value) is out of range at position \(position)")
  }
}
