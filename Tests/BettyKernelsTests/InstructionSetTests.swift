// Duty: what the processor is said to be able to do, against what the kernel's /proc/cpuinfo says.
import BettyKernels
import CBettySupport
import Glibc
import Testing

/// The flags line of the first processor in /proc/cpuinfo, as words.
private func processorFlags() -> Set<String> {
  guard let file = fopen("/proc/cpuinfo", "r") else { return [] }
  defer { fclose(file) }
  var line = [CChar](repeating: 0, count: 1 << 14)
  while fgets(&line, Int32(line.count), file) != nil {
    let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    if text.hasPrefix("flags") {
      return Set(text.split(whereSeparator: \.isWhitespace).map(String.init))
    }
  }
  return []
}

@Test func levelIsWhatTheProcessorHas() {
  let flags = processorFlags()
  let v3 = flags.isSuperset(of: ["avx2", "fma", "f16c"])
  let v4 =
    v3
    && flags.isSuperset(
      of: ["avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512cd", "avx512_bf16"])
  if getenv("BETTY_ISA") == nil { #expect(hasNativeBF16 == v4) }
  #expect(betty_support_isa_level() == (v4 ? 2 : v3 ? 1 : 0))
}
