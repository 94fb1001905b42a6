// Problems in the hands of C: callbacks become hooks. Invariant: a callback is given the handle of a
// problem that is alive, and its non-zero result becomes a status, never a trap.

import BettyGraph
import BettyMLO
import BettyRuntime

typealias ProblemHook = @convention(c) (Handle?, UnsafeMutableRawPointer?) -> Int32

/// betty_problem_callbacks.
struct ProblemCallbacks {
  typealias Warning =
    @convention(c) (Handle?, UnsafePointer<CChar>?, UnsafeMutableRawPointer?) -> Int32
  typealias TrainingStep =
    @convention(c) (Handle?, Int32, HandleOut?, UnsafeMutableRawPointer?) -> Int32
  typealias Descent = @convention(c) (Handle?, Int32, UnsafeMutableRawPointer?) -> Int32
  var size = 0
  var onInnerLoopStart: ProblemHook?
  var trainingStep: TrainingStep?
  var gradCallback: ProblemHook?
  var customOptimizerStep: ProblemHook?
  var paramCallback: ProblemHook?
  var schedulerStep: ProblemHook?
  var log: ProblemHook?
  var epochCallback: ProblemHook?
  var source: ProblemHook?
  var warn: Warning?
  var descend: Descent?
}

/// Copies a struct of callbacks that begins with its size; members it does not have yet are nil.
func callbacks<Callbacks>(_ given: UnsafeRawPointer, _ empty: Callbacks) throws -> Callbacks {
  let size = given.load(as: Int.self)
  guard size >= MemoryLayout<Int>.size, size <= 4096 else {
    throw BettyError.value("callbacks: size is \(size), set it to sizeof the struct")
  }
  var copy = empty
  withUnsafeMutableBytes(of: &copy) {
    $0.copyMemory(
      from: UnsafeRawBufferPointer(start: given, count: min(size, MemoryLayout<Callbacks>.size)))
  }
  return copy
}

/// A callback's non-zero result as an error. Whose it is is put together only then.
func check(_ code: Int32, _ name: @autoclosure () -> String, _ callback: String) throws {
  guard code != 0 else { return }
  throw BettyError(.callback, "\(name()): \(callback) returned \(code)")
}

final class ProblemBox: Boxed {
  static let noun: StaticString = "problem"
  let problem: Problem
  private let callbacks: ProblemCallbacks
  private let userData: UnsafeMutableRawPointer?
  private let link: ProblemLink
  /// Batches of the list that the engine goes through.
  fileprivate var held: [[Tensor]] = []
  /// What the source gave.
  fileprivate var givenBatch: [Tensor]?
  /// What was last asked for of the inner loop under way.
  var loop: [Tensor] = []

  init(
    _ name: String, _ config: ProblemConfig, _ callbacks: ProblemCallbacks,
    _ userData: UnsafeMutableRawPointer?
  ) throws {
    guard callbacks.trainingStep != nil else {
      throw BettyError.value("problem '\(name)': training_step is NULL")
    }
    self.callbacks = callbacks
    self.userData = userData
    let link = ProblemLink(name)
    self.link = link
    let hooks = ProblemHooks { try link.target().trainingStep($0) }
    problem = try Problem(name, config: config, hooks: hooks)
    link.box = self
    problem.hooks.onInnerLoopStart = hook(callbacks.onInnerLoopStart, "on_inner_loop_start")
    problem.hooks.gradCallback = hook(callbacks.gradCallback, "grad_callback")
    problem.hooks.customOptimizerStep = hook(callbacks.customOptimizerStep, "custom_optimizer_step")
    problem.hooks.paramCallback = hook(callbacks.paramCallback, "param_callback")
    problem.hooks.schedulerStep = hook(callbacks.schedulerStep, "scheduler_step")
    problem.hooks.log = hook(callbacks.log, "log")
    problem.hooks.epochCallback = hook(callbacks.epochCallback, "epoch_callback")
    if let descend = callbacks.descend {
      problem.hooks.descend = { fresh in
        let box = try link.target()
        try check(descend(box.handle, fresh ? 1 : 0, box.userData), box.title, "descend")
      }
    }
    if let warn = callbacks.warn {
      problem.hooks.warn = { message in
        let box = try link.target()
        let code = message.withCString { warn(box.handle, $0, box.userData) }
        try check(code, box.title, "warn")
      }
    }
    if let source = hook(callbacks.source, "source") {
      try problem.setBatches(
        .drawn {
          let box = try link.target()
          box.givenBatch = nil
          try source()
          guard let batch = box.givenBatch else {
            throw BettyError.runtime("problem '\(name)': its source gave no batch")
          }
          return batch
        })
    }
  }

  deinit {
    link.box = nil
    LiveObjects.forget(self)
  }

  private var handle: Handle { Handle(Unmanaged.passUnretained(self).toOpaque()) }
  private var title: String { "problem '\(problem.name)'" }

  private func hook(_ callback: ProblemHook?, _ name: String) -> (() throws -> Void)? {
    guard let callback else { return nil }
    return { [link] in
      let box = try link.target()
      try check(callback(box.handle, box.userData), box.title, name)
    }
  }

  private func trainingStep(_ fresh: Bool) throws -> Tensor {
    var loss: Handle?
    let code = callbacks.trainingStep?(handle, fresh ? 1 : 0, &loss, userData) ?? 0
    defer { betty_tensor_free(loss) }
    try check(code, title, "training_step")
    guard let loss else { throw BettyError.value("\(title): training_step gave no loss") }
    return try tensor(loss, "loss")
  }
}

func problem(_ handle: Handle?) throws -> ProblemBox {
  try object(handle, as: ProblemBox.self)
}

@_cdecl("betty_problem_new")
public func betty_problem_new(
  _ name: UnsafePointer<CChar>?, _ settings: Handle?, _ given: UnsafeRawPointer?,
  _ userData: UnsafeMutableRawPointer?, _ out: HandleOut?
) -> Int32 {
  boundary {
    guard let given else { throw missing("callbacks") }
    let name = try text(name, "name")
    let config = try configured(ProblemConfig(), settings, for: name)
    let box = try ProblemBox(name, config, callbacks(given, ProblemCallbacks()), userData)
    try give(box, to: out, "out_problem")
  }
}

/// A configuration with the options that are given in the place of its own.
private func configured(
  _ config: ProblemConfig, _ settings: Handle?, for name: String
) throws -> ProblemConfig {
  var config = config
  do {
    for (option, value) in try options(settings).entries { try config.set(option, value) }
  } catch let error as BettyError {
    throw BettyError(error.kind, "problem '\(name)': \(error.message)")
  }
  return config
}

@_cdecl("betty_problem_set_options")
public func betty_problem_set_options(_ handle: Handle?, _ settings: Handle?) -> Int32 {
  boundary {
    let problem = try problem(handle).problem
    try problem.configure(configured(problem.config, settings, for: problem.name))
  }
}

@_cdecl("betty_problem_free") public func betty_problem_free(_ handle: Handle?) {
  release(handle, as: ProblemBox.self)
}

@_cdecl("betty_problem_set_parameters")
public func betty_problem_set_parameters(
  _ handle: Handle?, _ parameters: HandleList?, _ count: Int32
) -> Int32 {
  boundary {
    try problem(handle).problem.setParameters(tensors(parameters, count, "parameters"))
  }
}

@_cdecl("betty_problem_set_meta_parameters")
public func betty_problem_set_meta_parameters(
  _ handle: Handle?, _ parameters: HandleList?, _ count: Int32
) -> Int32 {
  boundary {
    try problem(handle).problem.setMetaParameters(tensors(parameters, count, "parameters"))
  }
}

@_cdecl("betty_problem_set_buffers")
public func betty_problem_set_buffers(
  _ handle: Handle?, _ buffers: HandleList?, _ count: Int32
) -> Int32 {
  boundary { try problem(handle).problem.setBuffers(tensors(buffers, count, "buffers")) }
}

@_cdecl("betty_problem_set_training")
public func betty_problem_set_training(_ handle: Handle?, _ isTraining: Int32) -> Int32 {
  boundary { try problem(handle).problem.isTraining = isTraining != 0 }
}

@_cdecl("betty_problem_set_optimizer")
public func betty_problem_set_optimizer(_ handle: Handle?, _ optimizer: Handle?) -> Int32 {
  boundary {
    let box = try problem(handle)
    box.problem.optimizer = try optimizer.map { try object($0, as: OptimizerBox.self).optimizer }
  }
}

@_cdecl("betty_problem_set_data")
public func betty_problem_set_data(
  _ handle: Handle?, _ data: HandleList?, _ count: Int32, _ settings: Handle?
) -> Int32 {
  boundary {
    let batches = try ArrayBatches(tensors(data, count, "tensors"), options(settings))
    let problem = try problem(handle).problem
    batches.epochEnded = problem.hooks.epochCallback
    try problem.setBatches(.drawn { try batches.next() })
  }
}

@_cdecl("betty_problem_add_batch")
public func betty_problem_add_batch(
  _ handle: Handle?, _ batch: HandleList?, _ count: Int32
) -> Int32 {
  boundary {
    let box = try problem(handle)
    box.held.append(try tensors(batch, count, "tensors"))
    try box.problem.setBatches(.held(box.held))
  }
}

@_cdecl("betty_problem_give_batch")
public func betty_problem_give_batch(
  _ handle: Handle?, _ batch: HandleList?, _ count: Int32
) -> Int32 {
  boundary { try problem(handle).givenBatch = tensors(batch, count, "tensors") }
}

@_cdecl("betty_problem_batch")
public func betty_problem_batch(_ handle: Handle?, _ index: Int32, _ out: HandleOut?) -> Int32 {
  boundary {
    let problem = try problem(handle).problem
    guard problem.batches != nil else {
      throw BettyError.runtime("problem '\(problem.name)': it has no data of its own")
    }
    let batch = problem.presentBatch
    guard batch.indices.contains(Int(index)) else {
      throw BettyError.index("batch: part \(index) of \(batch.count)")
    }
    try give(batch[Int(index)], to: out, "out_tensor")
  }
}

@_cdecl("betty_problem_replica")
public func betty_problem_replica(
  _ handle: Handle?, _ outReplica: UnsafeMutablePointer<Int32>?,
  _ outCount: UnsafeMutablePointer<Int32>?, _ outShare: UnsafeMutablePointer<Double>?
) -> Int32 {
  boundary {
    let replica = try problem(handle).problem.replica
    let outs = (
      try given(outReplica, "out_replica"), try given(outCount, "out_count"),
      try given(outShare, "out_share")
    )
    outs.0.pointee = Int32(truncatingIfNeeded: replica.index)
    outs.1.pointee = Int32(truncatingIfNeeded: replica.count)
    outs.2.pointee = replica.share
  }
}

@_cdecl("betty_problem_batch_index")
public func betty_problem_batch_index(
  _ handle: Handle?, _ out: UnsafeMutablePointer<Int64>?
) -> Int32 {
  boundary {
    let out = try given(out, "out_index")
    out.pointee = Int64(try problem(handle).problem.batches?.index ?? -1)
  }
}

@_cdecl("betty_problem_initialize_from")
public func betty_problem_initialize_from(_ handle: Handle?, _ source: Handle?) -> Int32 {
  boundary { try problem(handle).problem.initialize(from: problem(source).problem) }
}

@_cdecl("betty_problem_count")
public func betty_problem_count(_ handle: Handle?, _ out: UnsafeMutablePointer<Int64>?) -> Int32 {
  boundary {
    let out = try given(out, "out_count")
    out.pointee = Int64(try problem(handle).problem.count)
  }
}

/// The problem, kept by the call that works with it.
func working(_ handle: Handle?, _ body: (Problem) throws -> Void) throws {
  let box = try problem(handle)
  try withExtendedLifetime(box) { try body(box.problem) }
}

@_cdecl("betty_problem_step") public func betty_problem_step(_ handle: Handle?) -> Int32 {
  boundary { try working(handle) { try $0.step() } }
}

@_cdecl("betty_problem_descend")
public func betty_problem_descend(_ handle: Handle?, _ fresh: Int32) -> Int32 {
  boundary { try working(handle) { try $0.descend(fresh: fresh != 0) } }
}

@_cdecl("betty_problem_descend_aside")
public func betty_problem_descend_aside(_ handle: Handle?) -> Int32 {
  boundary { try working(handle) { try $0.descendAside() } }
}

@_cdecl("betty_problem_backward")
public func betty_problem_backward(_ handle: Handle?, _ loss: Handle?) -> Int32 {
  boundary {
    let loss = try tensor(loss, "loss")
    try working(handle) { try $0.backward(loss) }
  }
}

@_cdecl("betty_problem_set_count")
public func betty_problem_set_count(_ handle: Handle?, _ count: Int64) -> Int32 {
  boundary {
    try problem(handle).problem.resume(at: Int(count))
  }
}

@_cdecl("betty_problem_skipped_steps")
public func betty_problem_skipped_steps(
  _ handle: Handle?, _ out: UnsafeMutablePointer<Int64>?
) -> Int32 {
  boundary {
    let out = try given(out, "out_count")
    out.pointee = Int64(try problem(handle).problem.skippedSteps)
  }
}

@_cdecl("betty_problem_paths")
public func betty_problem_paths(
  _ handle: Handle?, _ out: UnsafeMutablePointer<UnsafePointer<CChar>?>?
) -> Int32 {
  boundary {
    let out = try given(out, "out_text")
    let paths = try problem(handle).problem.paths
    out.pointee = try keep(
      paths.map { $0.map(\.name).joined(separator: " ") + "\n" }.joined())
  }
}

@_cdecl("betty_problem_dump")
public func betty_problem_dump(
  _ handle: Handle?, _ out: UnsafeMutablePointer<UnsafePointer<CChar>?>?
) -> Int32 {
  boundary {
    let out = try given(out, "out_text")
    out.pointee = try keep(problem(handle).problem.dump)
  }
}

@_cdecl("betty_problem_gradients")
public func betty_problem_gradients(_ handle: Handle?, _ count: Int32, _ out: HandleOut?) -> Int32 {
  boundary {
    let out = try given(out, "out_tensors")
    let problem = try problem(handle).problem
    problem.followFreezing()
    guard problem.trained.count == count else {
      throw BettyError.value(
        "problem '\(problem.name)': it trains \(problem.trained.count) parameters, got room for "
          + "\(count) gradients")
    }
    for (place, gradient) in try problem.gradients().enumerated() {
      out[place] = gradient.map(hand)
    }
  }
}
