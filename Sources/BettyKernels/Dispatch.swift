// Picks, once, the copy of the kernels that the processor can run. The environment variable BETTY_ISA
// (base, v3 or v4) asks for a lower one; what is unknown or too high is ignored.

import BettyKernelInterface
import BettyKernelsBase
import BettyKernelsV3
import BettyKernelsV4
import CBettySupport
import Glibc

/// The instruction sets, from the lowest to the highest.
package let instructionSets = ["base", "v3", "v4"]

/// The level to use where the processor offers `best` and the user asked for `wanted`.
package func instructionSetLevel(best: Int, wanted: String?) -> Int {
  guard let wanted, let level = instructionSets.firstIndex(of: wanted) else { return best }
  return min(level, best)
}

/// All tables that this processor can run, from the lowest to the highest; for tests.
package func runnableKernelTables() -> [KernelTable] {
  (0...Int(betty_support_isa_level())).map(makeTable)
}

private func makeTable(level: Int) -> KernelTable {
  switch level {
  case 2: BettyKernelsV4.makeKernelTable(isa: "v4")
  case 1: BettyKernelsV3.makeKernelTable(isa: "v3")
  default: BettyKernelsBase.makeKernelTable(isa: "base")
  }
}

/// The kernels of this process.
package let kernelTable: KernelTable = makeTable(
  level: instructionSetLevel(
    best: Int(betty_support_isa_level()), wanted: getenv("BETTY_ISA").map { String(cString: $0) }))
