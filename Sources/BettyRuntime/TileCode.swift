// The code of a tile unit: instructions over tiles of about 1024 elements that stay in the first
// cache. An operand is a register (scratch of the worker), or memory that moves along with the
// position. Some instructions and operands have one number for each row of the tile, where rows lie
// whole in tiles.
// Invariant: instructions never allocate or fail; a chunk touches only its own part of what it
// writes.

import BettyKernelInterface

/// How the elements of a tile unit are divided: chunks for the threads, tiles for the cache.
struct TileGeometry {
  var count: Int
  /// Length of the rows of a reduction or of periodic loads; 0 when there are none.
  var row: Int
  var tile: Int
  /// Tiles stop at the end of a row (rows longer than a tile).
  var splitsRows: Bool
  var chunk: Int
  var tasks: Int

  static let tileElements = 1024
  static let longestRowInTile = 2048
  /// Elements of cheap work below which threads do not pay.
  static let leastPerTask = 32768

  /// `cost` is the work an element takes, 1 for a cheap operation; with `hasRows` there are
  /// operations on one number a row, which take a call for each tile.
  init(
    count: Int, row: Int, hasRows: Bool = false, elementSize: Int, cost: Int, threads: Int
  ) {
    self.count = count
    self.row = row
    let most = TileGeometry.tileElements * (hasRows && row > 128 ? 2 : 1)
    let ideal = elementSize > 4 ? most / 2 : most
    splitsRows = row > TileGeometry.longestRowInTile
    if row == 0 || splitsRows {
      tile = max(min(ideal, count), 1)
    } else {
      // Sixteen rows or a multiple, where that many fit, leave no part of a vector over.
      let rows = max(ideal / row, 1)
      tile = max(min((rows >= 16 ? rows & ~15 : rows) * row, count), 1)
    }
    let granule = splitsRows ? row : tile
    tasks = 1
    chunk = count
    let least = TileGeometry.leastPerTask / max(min(cost, 16), 1)
    if threads > 1, count >= 2 * least {
      let wanted = min(threads * 4, count / least)
      let share = (count + wanted - 1) / wanted
      chunk = (share + granule - 1) / granule * granule
      tasks = (count + chunk - 1) / chunk
    }
  }
}

struct TileInstruction {
  enum Kind: UInt8 {
    /// function(destination, a, b, c, elements)
    case compute
    /// A strided copy of source a through load `detail`.
    case load
    /// The element at a in every place of the register.
    case fill
    /// Part of reduction `detail` over the tile at a.
    case reduce
  }
  var kind: Kind
  /// Works on one number a row.
  var isPerRow = false
  var destination: Int32 = 0
  var a: Int32 = 0
  var b: Int32 = 0
  var c: Int32 = 0
  var detail: Int32 = 0
  var function: TileFunction
}

struct TileOperand {
  /// Bytes per element, or per row, that a memory operand moves; 0 for one that stays.
  var stride: Int
  /// Has one number a row.
  var isPerRow = false
  /// Offset of a register in the worker's scratch, -1 for memory.
  var register: Int
}

struct TileLoad {
  var elementSize: Int
  /// Bytes from the operand's address.
  var offset: Int
  var rank: Int
  var shape: UnsafePointer<Int>
  var strides: UnsafePointer<Int>
}

struct TileReduction {
  enum Form: UInt8 {
    /// One result of everything.
    case full
    /// One result per row; rows lie whole in tiles, or (`splitsRows`) are gathered in an
    /// accumulator.
    case rows
    /// One result per column.
    case columns
  }
  var form: Form
  var elementSize: Int
  /// Size of the accumulator of `accumulate`.
  var accumulatorSize: Int
  var identity: UInt64
  /// Operands: the result, and the partial results of the chunks (columns and full).
  var destination: Int
  var partial: Int
  /// Place of this worker's accumulator in its scratch.
  var accumulator: Int
  var reduce: ReduceFunction
  var accumulate: TileReduceFunction
  /// Joins two accumulators of `full`.
  var join: TileReduceFunction
  /// Elementwise joining of columns: (acc, acc, tile).
  var combine: TileFunction
  /// Accumulator to element.
  var finish: TileFunction
}

/// Everything a step of the tile machine needs besides addresses. Owned by the program's storage.
struct TileCode {
  var geometry: TileGeometry
  var operands: UnsafeBufferPointer<TileOperand>
  /// The first so many operands move with the position.
  var moving: Int
  /// Whether anything has one number a row.
  var hasRows: Bool
  /// Once per chunk, then once per tile.
  var prologue: UnsafeBufferPointer<TileInstruction>
  var body: UnsafeBufferPointer<TileInstruction>
  var loads: UnsafeBufferPointer<TileLoad>
  var reductions: UnsafeBufferPointer<TileReduction>
  var scratchBytes: Int
}
