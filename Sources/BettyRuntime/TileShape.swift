// What can be said of a tile unit before its operands have places: geometry and temporary memory.

import BettyGraph
import BettyKernelInterface

/// One reduction of a tile unit.
struct ReductionShape {
  let op: ReduceOp
  let form: TileReduction.Form
  let row: Int
  let dtype: DType
  let source: Int
  let result: Int

  /// nil when the tile machine has no form for it: a reduction with axes on both sides.
  init?(_ node: LoweredNode, _ lowered: Lowered) {
    guard case .reduction(let op, let outer, let reduced, let inner) = node.operation else {
      return nil
    }
    if inner == 1 {
      form = outer == 1 ? .full : .rows
      row = outer == 1 ? 0 : reduced
    } else if outer == 1 {
      form = .columns
      row = inner
    } else {
      return nil
    }
    self.op = op
    dtype = lowered.dtypes[node.inputs[0]]
    source = node.inputs[0]
    result = node.results[0]
  }

  /// What the machine adds up in.
  var accumulator: DType { dtype == .f32 && (op == .sum || op == .prod) ? .f64 : dtype }

  func partialBytes(_ geometry: TileGeometry) -> Int {
    switch form {
    case .rows: 0
    case .full: (geometry.tasks * 8 + 63) & ~63
    case .columns:
      geometry.tasks == 1 ? 0 : (geometry.tasks * geometry.row * dtype.size + 63) & ~63
    }
  }
}

struct TileShape {
  let geometry: TileGeometry
  let reductions: [ReductionShape]

  var temporaryBytes: Int { reductions.reduce(0) { $0 + $1.partialBytes(geometry) } }

  init(_ unit: Unit, _ units: Units, threads: Int) {
    let lowered = units.lowered
    let count = units.count(of: unit)
    var reductions: [ReductionShape] = []
    var size = 1
    var work = 0
    var period = 0
    for index in unit.nodes {
      let node = lowered.nodes[index]
      work += node.operation.weight
      if let reduction = ReductionShape(node, lowered) { reductions.append(reduction) }
      for value in node.inputs + node.results { size = max(size, lowered.dtypes[value].size) }
      for input in node.inputs {
        if case .strided(let view, _) = units.source(of: input), !view.isSplat,
          view.period <= TileGeometry.longestRowInTile, view.period < lowered.counts[input]
        {
          period = max(period, view.period)
        }
      }
    }
    self.reductions = reductions
    let row = reductions.map(\.row).max() ?? 0
    let hasRows = unit.nodes.contains { index in
      let node = lowered.nodes[index]
      return !node.isReduction && lowered.counts[node.results[0]] < count
    }
    geometry = TileGeometry(
      count: count, row: row > 0 ? row : period, hasRows: hasRows, elementSize: size,
      cost: work / 3, threads: threads)
  }
}

extension Operation {
  /// Rough work per element; 1 is an addition.
  var weight: Int {
    guard case .tile(let op) = self else { return 1 }
    switch op {
    case .exp, .expm1, .log, .log1p, .sin, .cos, .tanh, .sigmoid, .softplus, .erf, .erfinv, .gelu,
      .pow, .atan2, .remainder, .floorDivide:
      return 6
    default: return 1
    }
  }
}
