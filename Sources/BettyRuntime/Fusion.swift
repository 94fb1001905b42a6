// Decides which elementwise operations and reductions become one tile unit.

import BettyKernelInterface

enum Fusion {
  /// Group number of each node of a tile unit, -1 for the others.
  static func groups(_ lowered: Lowered, unfused: Bool) -> [Int] {
    lowered.nodes.indices.map { index in
      switch lowered.nodes[index].operation {
      case .tile, .cast: index
      default: -1
      }
    }
  }
}
