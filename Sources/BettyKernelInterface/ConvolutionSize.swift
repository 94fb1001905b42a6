// Sizes of a convolution in two dimensions, channels last: x[batch, height, width, channels] with
// w[kernelHeight, kernelWidth, channels / groups, filters] gives y[batch, outHeight, outWidth,
// filters]. Invariant: whoever makes one has checked that every product of these sizes fits an Int.

package struct ConvolutionSize: Hashable, Sendable {
  package var batch = 0
  package var height = 1
  package var width = 1
  package var channels = 1
  package var filters = 1
  package var groups = 1
  package var kernelHeight = 1
  package var kernelWidth = 1
  package var strideHeight = 1
  package var strideWidth = 1
  package var dilationHeight = 1
  package var dilationWidth = 1
  /// Rows of zeros before the first; those after the last follow from `outHeight`.
  package var padTop = 0
  package var padLeft = 0
  package var outHeight = 1
  package var outWidth = 1

  package init() {}

  /// Channels that one group reads.
  package var groupChannels: Int { channels / groups }
  /// Filters of one group.
  package var groupFilters: Int { filters / groups }
  /// Taps of a filter.
  package var taps: Int { kernelHeight * kernelWidth }
  /// Elements of an unfolded pixel of one group: what a filter is multiplied with.
  package var unfolded: Int { taps * groupChannels }
  package var outPixels: Int { outHeight * outWidth }
  package var pixels: Int { height * width }
  /// Each channel has one filter of its own.
  package var isDepthwise: Bool { groups > 1 && groups == channels && groups == filters }
  /// Every pixel of the output reads the pixel of the input at the same place, and no other.
  package var isPointwise: Bool {
    taps == 1 && strideHeight == 1 && strideWidth == 1 && outHeight == height && outWidth == width
      && padTop == 0 && padLeft == 0
  }
}
