// What belongs to the process: threads, random numbers, counters.

import BettyGraph
import BettyKernels
import BettyRuntime

@_cdecl("betty_threads_set") public func betty_threads_set(_ count: Int32) -> Int32 {
  boundary { try ThreadPool.shared.setThreads(Int(count)) }
}

@_cdecl("betty_threads_get") public func betty_threads_get() -> Int32 {
  Int32(truncatingIfNeeded: ThreadPool.shared.threads)
}

@_cdecl("betty_has_bf16") public func betty_has_bf16() -> Int32 {
  hasNativeBF16 ? 1 : 0
}

@_cdecl("betty_seed_set") public func betty_seed_set(_ seed: Int64) -> Int32 {
  boundary { RandomKeys.manualSeed(Int(seed)) }
}

@_cdecl("betty_random_state")
public func betty_random_state(
  _ seed: UnsafeMutablePointer<Int64>?, _ position: UnsafeMutablePointer<Int64>?
) -> Int32 {
  boundary {
    let (seed, position) = (try given(seed, "out_seed"), try given(position, "out_position"))
    let state = RandomKeys.state
    seed.pointee = Int64(state.seed)
    position.pointee = Int64(state.position)
  }
}

@_cdecl("betty_random_restore")
public func betty_random_restore(_ seed: Int64, _ position: Int64) -> Int32 {
  boundary {
    guard position >= 0 else {
      throw BettyError.value("random_restore: position must not be negative, got \(position)")
    }
    RandomKeys.restore(seed: Int(seed), position: Int(position))
  }
}

@_cdecl("betty_random_apart_set")
public func betty_random_apart_set(_ apart: Int32) -> Int32 {
  boundary { RandomKeys.drawApart(apart != 0) }
}

@_cdecl("betty_random_key") public func betty_random_key(_ out: HandleOut?) -> Int32 {
  boundary { try give(RandomKeys.next(), to: out, "out_key") }
}

/// Every figure by name, in a fixed order.
private func figures() -> [(name: String, value: Int)] {
  let memory = Allocator.memoryStats()
  return Counters.snapshot() + [
    ("memory_current", memory.live), ("memory_peak", memory.peak), ("memory_cached", memory.cached),
  ]
}

/// The names as C strings, which are never freed.
nonisolated(unsafe) private let names: [UnsafePointer<CChar>] = figures().map { lasting($0.name) }

@_cdecl("betty_counter_name")
public func betty_counter_name(_ index: Int32) -> UnsafePointer<CChar>? {
  names.indices.contains(Int(index)) ? names[Int(index)] : nil
}

@_cdecl("betty_counter")
public func betty_counter(
  _ name: UnsafePointer<CChar>?, _ out: UnsafeMutablePointer<Int64>?
) -> Int32 {
  boundary {
    let (name, out) = (try text(name, "name"), try given(out, "out_value"))
    let all = figures()
    guard let figure = all.first(where: { $0.name == name }) else {
      let known = all.map(\.name).joined(separator: ", ")
      throw BettyError(.key, "counter: there is no '\(name)', known are \(known)")
    }
    out.pointee = Int64(figure.value)
  }
}

public typealias Check = @convention(c) (UnsafeMutableRawPointer?) -> Int32

@_cdecl("betty_interruption_set")
public func betty_interruption_set(
  _ check: Check?, _ userData: UnsafeMutableRawPointer?
) -> Int32 {
  boundary {
    nonisolated(unsafe) let userData = userData
    guard let check else { return Interruption.check = nil }
    Interruption.check = { check(userData) != 0 }
  }
}

/// The version of the library, the one of python/pyproject.toml.
private let version: StaticString = "0.1.0"

@_cdecl("betty_version") public func betty_version() -> UnsafePointer<CChar>? {
  UnsafeRawPointer(version.utf8Start).assumingMemoryBound(to: CChar.self)
}
