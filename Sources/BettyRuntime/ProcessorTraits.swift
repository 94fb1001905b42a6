// What the layers above want to know of the processor that kernels were picked for.

import BettyKernels

package enum ProcessorTraits {
  /// Whether products of bf16 are faster than those of f32: AVX512-BF16, where it is fast.
  package static var multipliesBF16: Bool { hasNativeBF16 }
}
