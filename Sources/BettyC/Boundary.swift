import BettyGraph
import BettyKernels

/// The version of the library, the one of python/pyproject.toml.
private let version: StaticString = "0.1.0"

@_cdecl("betty_version") public func betty_version() -> UnsafePointer<CChar>? {
  UnsafeRawPointer(version.utf8Start).assumingMemoryBound(to: CChar.self)
}
