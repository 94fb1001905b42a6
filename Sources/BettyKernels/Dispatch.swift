// Picks, once, the copy of the kernels that the processor can run.

import BettyKernelInterface
import BettyKernelsBase
import BettyKernelsV3
import BettyKernelsV4
import CBettySupport

/// The kernels of this process.
package let kernelTable: KernelTable =
  switch betty_support_isa_level() {
  case 2: BettyKernelsV4.makeKernelTable(isa: "v4")
  case 1: BettyKernelsV3.makeKernelTable(isa: "v3")
  default: BettyKernelsBase.makeKernelTable(isa: "base")
  }
