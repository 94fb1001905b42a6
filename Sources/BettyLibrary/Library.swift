// Duty: the product libbetty.so. Holds no code, only how the layers are linked into one
// self-contained library (Package.swift); apart from BettyC because a target's linker flags go to
// everything that links it, and tests of BettyC link a dynamic Swift runtime.
import BettyC
