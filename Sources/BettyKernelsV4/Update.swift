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
  var i = 0
  while i < n {
    let at = i &* size
    let left = n &- i
    let load = { (q: RawIn) in left >= E.lanes ? E.load(q + at) : E.loadPart(q + at, left) }
    let (x, b) = update.apply(load(p), load(g), load(buffer))
    if left >= E.lanes {
      E.store(pOut + at, x)
      E.store(bufferOut + at, b)
    } else {
      E.storePart(pOut + at, x, left)
      E.storePart(bufferOut + at, b, left)
    }
    i &+= E.lanes
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
    let root = E.squareRoot(square) / scale + epsilon
    return (E.multiplyAdd(rate, mean / root, p * shrink), mean, square)
  }
}

@inline(always) func stepAdam<E: FloatElement>(
  _: E.Type, _ pOut: Raw, _ mOut: Raw, _ vOut: Raw, _ p: RawIn, _ g: RawIn, _ m: RawIn,
  _ v: RawIn, _ hyper: UnsafePointer<Double>, _ n: Int
) {
  let update = AdamStep<E>(hyper)
  let size = MemoryLayout<E.Scalar>.size
  var i = 0
  while i < n {
    let at = i &* size
    let left = n &- i
    let load = { (q: RawIn) in left >= E.lanes ? E.load(q + at) : E.loadPart(q + at, left) }
    let (x, y, z) = update.apply(load(p), load(g), load(m), load(v))
    if left >= E.lanes {
      E.store(pOut + at, x)
      E.store(mOut + at, y)
      E.store(vOut + at, z)
    } else {
      E.storePart(pOut + at, x, left)
      E.storePart(mOut + at, y, left)
      E.storePart(vOut + at, z, left)
    }
    i &+= E.lanes
  }
}

/// What differentiating one vector of an Adam update in reverse gives; see the primitive adam_adjoint.
struct AdamAdjoint<E: FloatElement> {
  let step: AdamStep<E>
  var beta1, twice2, half: E.Vector

  init(_ hyper: UnsafePointer<Double>) {
    step = AdamStep(hyper)
    beta1 = E.splat(E.Scalar(hyper[1]))
    twice2 = E.splat(E.Scalar(2 * (1 - hyper[2])))
    half = E.splat(E.Scalar(0.5 / (1 - Glibc.pow(hyper[2], hyper[6])).squareRoot()))
  }

  /// Cotangents of (p, g, m, v), from those of the p, m, v after the update.
  @inline(always) func apply(
    _ before: (p: E.Vector, g: E.Vector, m: E.Vector, v: E.Vector),
    _ after: (p: E.Vector, m: E.Vector, v: E.Vector)
  ) -> (E.Vector, E.Vector, E.Vector, E.Vector) {
    let gradient = E.multiplyAdd(step.decay, before.p, before.g * step.direction)
    let mean = E.multiplyAdd(step.rest1, gradient - before.m, before.m)
    let square = E.multiplyAdd(step.beta2, before.v, step.rest2 * (gradient * gradient))
    let root = E.squareRoot(square)
    let inverse = E.splat(1) / (root / step.scale + step.epsilon)
    // The rate is negative: what follows is -d.
    let change = step.rate * after.p * inverse
    let zero = E.splat(0)
    let slope = change * mean * inverse * half / root
    let m = after.m + change
    let v = after.v - E.select(zero, slope, E.less(zero, square))
    let g = E.multiplyAdd(twice2, gradient * v, step.rest1 * m)
    return (
      E.multiplyAdd(step.decay, g, after.p * step.shrink), g * step.direction, beta1 * m,
      step.beta2 * v
    )
  }
}

@inline(always) func adjointAdam<E: FloatElement>(
  _: E.Type, _ out: (p: Raw, g: Raw, m: Raw, v: Raw),
  _ before: (p: RawIn, g: RawIn, m: RawIn, v: RawIn), _ after: (p: RawIn, m: RawIn, v: RawIn),
  _ hyper: UnsafePointer<Double>, _ n: Int
) {
  let adjoint = AdamAdjoint<E>(hyper)
  let size = MemoryLayout<E.Scalar>.size
  var i = 0
  while i < n {
    let at = i &* size
    let left = n &- i
    let load = { (q: RawIn) in left >= E.lanes ? E.load(q + at) : E.loadPart(q + at, left) }
    let (p, g, m, v) = adjoint.apply(
      (load(before.p), load(before.g), load(before.m), load(before.v)),
      (load(after.p), load(after.m), load(after.v)))
    if left >= E.lanes {
      E.store(out.p + at, p)
      E.store(out.g + at, g)
      E.store(out.m + at, m)
      E.store(out.v + at, v)
    } else {
      E.storePart(out.p + at, p, left)
      E.storePart(out.g + at, g, left)
      E.storePart(out.m + at, m, left)
      E.storePart(out.v + at, v, left)
    }
    i &+= E.lanes
  }
}
