// Interpolation by cubic convolution (Keys, 1981), and shrinking with a filter as wide as the step
// between results. One axis after the other, as all of interpolate.

import BettyKernelInterface

extension Builder {
  /// The mode, if it fits the rank of the image.
  func interpolationMode(_ input: SpatialOperand, _ attributes: Attributes) throws -> String {
    let mode = attributes.string("mode")
    let smooth = [["linear"], ["bilinear", "bicubic"], ["trilinear"]][input.dims - 1]
    let isAntialiased = attributes.bool("antialias")
    let known = isAntialiased ? smooth : ["nearest", "nearest-exact"] + smooth
    guard known.contains(mode), !isAntialiased || input.dims == 2 else {
      let condition = isAntialiased ? " with antialias" : ""
      let names = isAntialiased && input.dims != 2 ? "none" : known.joined(separator: ", ")
      throw fail(
        .notSupported,
        "mode of \(type(input.value))\(condition) is one of \(names), got '\(mode)'")
    }
    return mode
  }

  /// Where results lie among the elements of an axis: one between two is a fraction.
  private mutating func places(_ line: Resampling, _ dtype: DType) throws -> Value {
    let positions = try iota([line.to], axis: 0, dtype)
    if line.alignsCorners { return try op(P.mul, positions, line.step) }
    return try op(P.sub, op(P.mul, op(P.add, positions, 0.5), line.step), 0.5)
  }

  /// Sums of four neighbours; those beyond an end are the end.
  mutating func resampledCubic(_ x: Value, _ line: Resampling) throws -> Value {
    if line.from == line.to, line.scale == nil || line.scale == 1 { return x }
    let place = try places(line, dtype(x))
    let low = try op(P.floor, place)
    let others = shape(x).indices.filter { $0 != line.axis }
    var total: Value?
    for offset in -1...2 {
      let neighbour = try op(P.add, low, Double(offset))
      let weight = try cubic(op(P.abs, op(P.sub, place, neighbour)), -0.75)
      let part = try taken(x, op(P.maximum, neighbour, 0), line)
      let weighted = try op(P.mul, part, spread(weight, over: others, like: part))
      total = try total.map { try op(P.add, $0, weighted) } ?? weighted
    }
    return total ?? x
  }

  /// Keys' kernel at distances, with slope `a` at 1.
  private mutating func cubic(_ distance: Value, _ a: Double) throws -> Value {
    // ((a + 2) d - (a + 3)) d² + 1 within 1, a (((d - 5) d + 8) d - 4) within 2.
    let square = try op(P.mul, distance, distance)
    let line = try op(P.sub, op(P.mul, distance, a + 2), a + 3)
    let near = try op(P.add, op(P.mul, line, square), 1)
    let inner = try op(P.add, op(P.mul, op(P.sub, distance, 5), distance), 8)
    let far = try op(P.mul, op(P.sub, op(P.mul, inner, distance), 4), a)
    let outer = try select(op(P.lt, distance, 2), far, 0)
    return try select(op(P.le, distance, 1), near, outer)
  }

  /// A product with the matrix of weights [to, from]: a kernel widened to the step, of sum 1.
  mutating func smoothed(_ x: Value, _ line: Resampling, isCubic: Bool) throws -> Value {
    let dtype = self.dtype(x)
    let size = [line.to, line.from]
    let (rows, columns) = try (iota(size, axis: 0, dtype), iota(size, axis: 1, dtype))
    let centres = try op(P.mul, op(P.add, rows, 0.5), line.step)
    let gaps = try op(P.abs, op(P.sub, op(P.add, columns, 0.5), centres))
    let distance = try op(P.mul, gaps, 1 / max(line.step, 1))
    let hat = try op(P.maximum, op(P.sub, 1, distance), 0)
    let weights = try isCubic ? cubic(distance, -0.5) : hat
    let sums = try reduce(P.sum, weights, [1])
    let matrix = try op(P.div, weights, spread(sums, over: [1], like: weights))
    let last = rank(x) - 1
    let moved = try moveAxis(x, from: line.axis, to: last)
    return try moveAxis(matmul(moved, transposed(matrix)), from: last, to: line.axis)
  }
}
