import BettyGraph
import BettyKernels

@_cdecl("betty_version") public func betty_version() -> UnsafePointer<CChar>? { nil }
