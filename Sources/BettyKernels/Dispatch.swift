// Picks, once, the copy of the kernels that the processor can run. The environment variable
// BETTY_ISA (base, v3 or v4) asks for a lower one; what is too high is ignored, and so is what is
// unknown, with a line to stderr.

import BettyKernelInterface
import CBettySupport
import Glibc

#if BETTY_KERNELS_BASE
  import BettyKernelsBase
#endif
#if BETTY_KERNELS_V3
  import BettyKernelsV3
#endif
#if BETTY_KERNELS_V4
  import BettyKernelsV4
#endif

/// The instruction sets, from the lowest to the highest.
package let instructionSets = ["base", "v3", "v4"]

/// The level to use where the processor offers `best` and the user asked for `wanted`.
package func instructionSetLevel(best: Int, wanted: String?) -> Int {
  guard let wanted, let level = instructionSets.firstIndex(of: wanted) else { return best }
  return min(level, best)
}

/// All tables that this processor can run, from the lowest to the highest; for tests.
package func runnableKernelTables() -> [KernelTable] {
  (0...Int(betty_support_isa_level())).compactMap(makeTable)
}

/// The table with pairs of bf16 numbers multiplied together or not, for tests; nil where the processor
/// has no instruction for it.
package func multiplyingPairs(_ wanted: Bool, _ table: KernelTable) -> KernelTable? {
  // Below v4 pairs are multiplied in several steps.
  guard !wanted || table.isa != "v4" || betty_support_has_pairs() != 0 else { return nil }
  var table = table
  table.multipliesPairs = wanted
  return table
}

/// nil for a copy that was left out of the build.
private func makeTable(level: Int) -> KernelTable? {
  guard var table = makeCopy(level: level) else { return nil }
  table.multipliesPairs = level == 2 && betty_support_multiplies_pairs() != 0
  return table
}

private func makeCopy(level: Int) -> KernelTable? {
  switch level {
  #if BETTY_KERNELS_V4
    case 2: BettyKernelsV4.makeKernelTable(isa: "v4")
  #endif
  #if BETTY_KERNELS_V3
    case 1: BettyKernelsV3.makeKernelTable(isa: "v3")
  #endif
  #if BETTY_KERNELS_BASE
    case 0: BettyKernelsBase.makeKernelTable(isa: "base")
  #endif
  default: nil
  }
}

/// The best copy that was built, from `level` down.
private func bestTable(level: Int) -> KernelTable {
  for lower in (0...level).reversed() {
    if let table = makeTable(level: lower) { return table }
  }
  return KernelTable(isa: "none")
}

/// Whether pairs of bf16 numbers are multiplied and added by one instruction that is worth it.
package var hasNativeBF16: Bool { kernelTable.multipliesPairs }

/// The kernels of this process.
package let kernelTable: KernelTable = bestTable(
  level: instructionSetLevel(
    best: Int(betty_support_isa_level()), wanted: wantedInstructionSet()))

private func wantedInstructionSet() -> String? {
  guard let text = getenv("BETTY_ISA") else { return nil }
  let wanted = String(cString: text)
  if instructionSets.contains(wanted) { return wanted }
  betty_support_setting_ignored("BETTY_ISA", text, instructionSets.joined(separator: ", "))
  return nil
}
