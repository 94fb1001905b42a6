// The engine in the hands of C. Invariant: it keeps its problems alive, so that their callbacks get
// handles that live.

import BettyGraph
import BettyMLO
import BettyRuntime

/// betty_engine_callbacks.
struct EngineCallbacks {
  typealias Validation =
    @convention(c) (Handle?, UnsafeMutablePointer<Int32>?, UnsafeMutableRawPointer?) -> Int32
  var size = 0
  var trainStep: ProblemHook?
  var validation: Validation?
  var progress: ProblemHook?
}

final class EngineBox: Boxed {
  static let noun: StaticString = "engine"
  let engine: Engine
  private let problems: [ProblemBox]
  private let userData: UnsafeMutableRawPointer?

  init(
    _ problems: [ProblemBox], _ config: EngineConfig, _ callbacks: EngineCallbacks,
    _ userData: UnsafeMutableRawPointer?
  ) throws {
    engine = try Engine(problems.map(\.problem), config: config)
    self.problems = problems
    self.userData = userData
    if let trainStep = callbacks.trainStep {
      engine.hooks.trainStep = { [unowned self] in
        try check(trainStep(self.handle, self.userData), "Engine", "train_step")
      }
    }
    if let validation = callbacks.validation {
      engine.hooks.validation = { [unowned self] in
        var stop: Int32 = 0
        try check(validation(self.handle, &stop, self.userData), "Engine", "validation")
        return stop != 0
      }
    }
    if let progress = callbacks.progress {
      engine.hooks.progress = { [unowned self] in
        try check(progress(self.handle, self.userData), "Engine", "progress")
      }
    }
  }

  deinit { LiveObjects.forget(self) }

  private var handle: Handle { Handle(Unmanaged.passUnretained(self).toOpaque()) }
}

/// The engine, kept by the call that works with it.
private func engine(_ handle: Handle?, _ body: (Engine) throws -> Void) throws {
  let box = try object(handle, as: EngineBox.self)
  try withExtendedLifetime(box) { try body(box.engine) }
}

@_cdecl("betty_engine_new")
public func betty_engine_new(
  _ problems: HandleList?, _ count: Int32, _ settings: Handle?, _ given: UnsafeRawPointer?,
  _ userData: UnsafeMutableRawPointer?, _ out: HandleOut?
) -> Int32 {
  boundary {
    var config = EngineConfig()
    for (name, value) in try options(settings).entries { try config.set(name, value) }
    let boxes = try list(problems, count, "problems").map {
      try object($0, as: ProblemBox.self)
    }
    let hooks = try given.map { try callbacks($0, EngineCallbacks()) } ?? EngineCallbacks()
    try give(EngineBox(boxes, config, hooks, userData), to: out, "out_engine")
  }
}

@_cdecl("betty_engine_set_options")
public func betty_engine_set_options(_ handle: Handle?, _ settings: Handle?) -> Int32 {
  boundary {
    try engine(handle) { engine in
      var config = engine.config
      for (name, value) in try options(settings).entries { try config.set(name, value) }
      try engine.configure(config)
    }
  }
}

@_cdecl("betty_engine_free") public func betty_engine_free(_ handle: Handle?) {
  release(handle, as: EngineBox.self)
}

@_cdecl("betty_engine_depend")
public func betty_engine_depend(
  _ handle: Handle?, _ kind: UnsafePointer<CChar>?, _ from: Int32, _ to: Int32
) -> Int32 {
  boundary { try engine(handle) { try $0.depend(text(kind, "kind"), Int(from), Int(to)) } }
}

@_cdecl("betty_engine_clear_dependencies")
public func betty_engine_clear_dependencies(_ handle: Handle?) -> Int32 {
  boundary { try engine(handle) { $0.clearDependencies() } }
}

@_cdecl("betty_engine_start") public func betty_engine_start(_ handle: Handle?) -> Int32 {
  boundary { try engine(handle) { try $0.start() } }
}

@_cdecl("betty_engine_run") public func betty_engine_run(_ handle: Handle?) -> Int32 {
  boundary { try engine(handle) { try $0.run() } }
}

@_cdecl("betty_engine_train_step")
public func betty_engine_train_step(_ handle: Handle?) -> Int32 {
  boundary { try engine(handle) { try $0.trainStep() } }
}

@_cdecl("betty_engine_global_step")
public func betty_engine_global_step(
  _ handle: Handle?, _ out: UnsafeMutablePointer<Int64>?
) -> Int32 {
  boundary {
    let out = try given(out, "out_step")
    try engine(handle) { out.pointee = Int64($0.globalStep) }
  }
}

@_cdecl("betty_engine_set_global_step")
public func betty_engine_set_global_step(_ handle: Handle?, _ step: Int64) -> Int32 {
  boundary {
    try engine(handle) { try $0.resume(at: Int(step)) }
  }
}

@_cdecl("betty_engine_describe")
public func betty_engine_describe(
  _ handle: Handle?, _ out: UnsafeMutablePointer<UnsafePointer<CChar>?>?
) -> Int32 {
  boundary {
    let out = try given(out, "out_text")
    try engine(handle) { out.pointee = try keep($0.describe()) }
  }
}
