// Duty: what the processor is said to be able to do, against what the kernel's /proc/cpuinfo says.
import BettyKernels
import CBettySupport
import COpenBLAS
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
      of: ["avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512cd"])
  #expect((betty_support_has_pairs() != 0) == flags.contains("avx512_bf16"))
  if getenv("BETTY_ISA") == nil {
    #expect(hasNativeBF16 == (v4 && betty_support_multiplies_pairs() != 0))
  }
  #expect(betty_support_isa_level() == (v4 ? 2 : v3 ? 1 : 0))
}

/// A core that OpenBLAS does not know by its model would get kernels of twenty years ago.
@Test func productsAreOfTheProcessorsCore() {
  guard getenv("BETTY_CORETYPE") == nil, let name = openblas_get_corename() else { return }
  let wide: Set = ["avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512cd"]
  let cores: [String]
  switch processorFlags() {
  case let flags where flags.isSuperset(of: wide): cores = ["SkylakeX", "Cooperlake"]
  case let flags where flags.isSuperset(of: ["avx2", "fma"]): cores = ["Haswell", "Zen"]
  default: return
  }
  let chosen = String(cString: name)
  #expect(cores.contains { $0.lowercased() == chosen.lowercased() }, "got \(chosen)")
}
