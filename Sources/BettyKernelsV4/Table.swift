// The table of this copy's kernels. BettyKernelsBase and BettyKernelsV3 are links to this folder:
// one source, compiled once per instruction set.

import BettyKernelInterface

package func makeKernelTable(isa: String) -> KernelTable {
  var table = KernelTable(isa: isa)
  table.fillElementwiseF32()
  table.fillElementwiseF64()
  table.fillElementwiseI64()
  table.fillElementwiseI32()
  table.fillElementwiseU8()
  table.fillElementwiseBool()
  table.fillElementwiseStorage()
  table.fillCasts()
  table.fillReductions()
  table.fillMoves()
  table.fillProducts()
  table.fillConvolutions()
  table.fillDifferences()
  table.fillIndexed()
  table.fillScattered()
  table.fillOrdered()
  table.fillRows()
  table.fillAttention()
  table.fillRandom()
  table.fillUpdates()
  table.fillWindows()
  return table
}
