// The table of this copy's kernels. BettyKernelsBase and BettyKernelsV3 are links to this folder: one
// source, compiled once per instruction set.

import BettyKernelInterface

package func makeKernelTable(isa: String) -> KernelTable {
  KernelTable(isa: isa)
}
