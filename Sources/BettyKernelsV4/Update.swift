// Optimizer updates in one pass over the parameters, with PyTorch's order of operations.
// Adam: Kingma and Ba, ICLR 2015; AdamW: Loshchilov and Hutter, ICLR 2019.

import BettyKernelInterface
import Glibc

/// What PyTorch's SGD does to one vector of parameters.
struct SGDStep<E: FloatElement> {
  var rate, momentum, keep, decay, direction: E.Vector
  var hasMomentum, nesterov, first: Bool

  init(_ hyper: UnsafePointer<Double>) {
    rate = E.splat(E.Scalar(-hyper[0]))
    momentum = E.splat(E.Scalar(hyper[1]))
    keep = E.splat(E.Scalar(1 - hyper[2]))
    decay = E.splat(E.Scalar(hyper[3]))
    direction = E.splat(hyper[6] != 0 ? -1 : 1)
    hasMomentum = hyper[1] != 0
    nesterov = hyper[4] != 0
    first = hyper[5] != 0
  }

  /// (new parameters, new buffer)
  @inline(always) func apply(
    _ p: E.Vector, _ g: E.Vector, _ buffer: E.Vector
  ) -> (E.Vector, E.Vector) {
    let gradient = E.multiplyAdd(decay, p, g * direction)
    if !hasMomentum { return (E.multiplyAdd(rate, gradient, p), buffer) }
    let moved = first ? gradient : E.multiplyAdd(momentum, buffer, keep * gradient)
    let step = nesterov ? E.multiplyAdd(momentum, moved, gradient) : moved
    return (E.multiplyAdd(rate, step, p), moved)
  }
}

@inline(always) func stepSGD<E: FloatElement>(
  _: E.Type, _ pOut: Raw, _ bufferOut: Raw, _ p: RawIn, _ g: RawIn, _ buffer: RawIn,
  _ hyper: UnsafePointer<Double>, _ n: Int
) {
  let update = SGDStep<E>(hyper)
  let size = MemoryLayout<E.Scalar>.size
  let step = E.lanes &* size
  let end = n &* size
  var i = 0
  while i &+ step <= end {
    let (x, b) = update.apply(E.load(p + i), E.load(g + i), E.load(buffer + i))
    E.store(pOut + i, x)
    E.store(bufferOut + i, b)
    i &+= step
  }
  if i < end {
    let rest = end &- i
    let old: E.Vector = loadPart(p + i, rest)
    let (x, b) = update.apply(old, loadPart(g + i, rest), loadPart(buffer + i, rest))
    storePart(pOut + i, x, rest)
    storePart(bufferOut + i, b, rest)
  }
}

/// What PyTorch's Adam or AdamW does to one vector of parameters.
struct AdamStep<E: FloatElement> {
  var beta2, rest1, rest2, epsilon, decay, shrink, rate, scale, direction: E.Vector

  init(_ hyper: UnsafePointer<Double>) {
    let step = hyper[6]
    let decoupled = hyper[5] != 0
    beta2 = E.splat(E.Scalar(hyper[2]))
    rest1 = E.splat(E.Scalar(1 - hyper[1]))
    rest2 = E.splat(E.Scalar(1 - hyper[2]))
    epsilon = E.splat(E.Scalar(hyper[3]))
    decay = E.splat(E.Scalar(decoupled ? 0 : hyper[4]))
    shrink = E.splat(E.Scalar(decoupled ? 1 - hyper[0] * hyper[4] : 1))
    rate = E.splat(E.Scalar(-hyper[0] / (1 - Glibc.pow(hyper[1], step))))
    scale = E.splat(E.Scalar((1 - Glibc.pow(hyper[2], step)).squareRoot()))
    direction = E.splat(hyper[7] != 0 ? -1 : 1)
  }

  /// (new parameters, first moment, second moment)
  @inline(always) func apply(
    _ p: E.Vector, _ g: E.Vector, _ m: E.Vector, _ v: E.Vector
  ) -> (E.Vector, E.Vector, E.Vector) {
    let gradient = E.multiplyAdd(decay, p, g * direction)
    let mean = E.multiplyAdd(rest1, gradient - m, m)
    let square = E.multiplyAdd(beta2, v, rest2 * (gradient * gradient))
    let root = square.squareRoot() / scale + epsilon
    return (E.multiplyAdd(rate, mean / root, p * shrink), mean, square)
  }
}

@inline(always) func stepAdam<E: FloatElement>(
  _: E.Type, _ pOut: Raw, _ mOut: Raw, _ vOut: Raw, _ p: RawIn, _ g: RawIn, _ m: RawIn,
  _ v: RawIn, _ hyper: UnsafePointer<Double>, _ n: Int
) {
  let update = AdamStep<E>(hyper)
  let size = MemoryLayout<E.Scalar>.size
  let step = E.lanes &* size
  let end = n &* size
  var i = 0
  while i &+ step <= end {
    let (x, y, z) = update.apply(
      E.load(p + i), E.load(g + i), E.load(m + i), E.load(v + i))
    E.store(pOut + i, x)
    E.store(mOut + i, y)
    E.store(vOut + i, z)
    i &+= step
  }
  if i < end {
    let rest = end &- i
    let old: E.Vector = loadPart(p + i, rest)
    let (x, y, z) = update.apply(
      old, loadPart(g + i, rest), loadPart(m + i, rest), loadPart(v + i, rest))
    storePart(pOut + i, x, rest)
    storePart(mOut + i, y, rest)
    storePart(vOut + i, z, rest)
  }
}
