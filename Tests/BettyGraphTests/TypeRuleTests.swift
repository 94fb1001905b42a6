// What type rules refuse: one line that names the operation and the values.

import BettyKernelInterface
import Testing

@testable import BettyGraph

@Suite struct TypeRuleTests {
  struct Wrong: Sendable, CustomStringConvertible {
    let primitive: Primitive
    let types: [(DType, [Int])]
    let attributes: Attributes
    let message: String
    var description: String { message }
    init(
      _ primitive: Primitive, _ types: [(DType, [Int])], _ attributes: Attributes,
      _ message: String
    ) {
      self.primitive = primitive
      self.types = types
      self.attributes = attributes
      self.message = message
    }
  }

  @Test(arguments: elementwise + movement + others) func isRefused(_ wrong: Wrong) throws {
    var graph = Graph()
    let inputs = try wrong.types.map { graph.addInput(try TensorType($0.0, $0.1)) }
    var message = ""
    do { _ = try graph.apply(wrong.primitive, inputs, wrong.attributes) } catch {
      message = "\(error)"
    }
    #expect(message == wrong.message)
    #expect(graph.nodes.isEmpty)
  }

  static let elementwise: [Wrong] = [
    Wrong(P.exp, [(.i64, [2])], [:], "exp: takes a floating type, got i64[2]"),
    Wrong(P.neg, [(.bool, [])], [:], "neg: takes a number type, got bool[]"),
    Wrong(P.logicalNot, [(.f32, [])], [:], "logical_not: takes bool, got f32[]"),
    Wrong(
      P.add, [(.f32, [2]), (.f32, [3])], [:], "add: operands differ, got f32[2] and f32[3]"),
    Wrong(
      P.lt, [(.f32, [2]), (.f64, [2])], [:], "lt: operands differ, got f32[2] and f64[2]"),
    Wrong(P.add, [(.f32, [2])], [:], "add: takes 2 operands, got 1"),
    Wrong(
      P.select, [(.f32, [2]), (.f32, [2]), (.f32, [2])], [:],
      "select: condition must be bool[2], got f32[2]"),
    Wrong(
      P.constant, [], ["value": .double(.nan), "shape": .ints([]), "dtype": .dtype(.i64)],
      "constant: nan is not a value of i64"),
    Wrong(
      P.constant, [], ["value": .double(256), "shape": .ints([]), "dtype": .dtype(.u8)],
      "constant: 256.0 is not a value of u8"),
    Wrong(
      P.constant, [], ["value": .double(0), "shape": .ints([-1]), "dtype": .dtype(.u8)],
      "shape: negative dimension -1 in [-1]"),
    Wrong(
      P.constant, [],
      ["value": .double(0), "shape": .ints([1 << 40, 1 << 40]), "dtype": .dtype(.f32)],
      "shape: [1099511627776, 1099511627776] of f32 has more bytes than can be addressed"),
    Wrong(
      P.iota, [], ["shape": .ints([300]), "axis": .int(0), "dtype": .dtype(.u8)],
      "iota: u8 cannot count to 300"),
  ]

  static let movement: [Wrong] = [
    Wrong(
      P.reshape, [(.f32, [2, 3])], ["shape": .ints([4])],
      "reshape: f32[2, 3] has 6 elements, not 4 as [4] wants"),
    Wrong(
      P.permute, [(.f32, [2, 3])], ["axes": .ints([0, 0])],
      "permute: axes [0, 0] are no permutation of those of f32[2, 3]"),
    Wrong(
      P.permute, [(.f32, [2, 3])], ["axes": .ints([0])],
      "permute: axes [0] are no permutation of those of f32[2, 3]"),
    Wrong(
      P.broadcast, [(.f32, [2])], ["shape": .ints([3]), "axes": .ints([0])],
      "broadcast: f32[2] does not fit [3] at [0]"),
    Wrong(
      P.broadcast, [(.f32, [2, 3])], ["shape": .ints([3, 2]), "axes": .ints([1, 0])],
      "broadcast: axes must increase, got [1, 0]"),
    Wrong(
      P.slice, [(.f32, [4])], P.sliceAttributes([0], [5], [1]),
      "slice: 0:5:1 out of range on axis 0 of f32[4]"),
    Wrong(
      P.slice, [(.f32, [4])], P.sliceAttributes([4], [0], [-1]),
      "slice: 4:0:-1 out of range on axis 0 of f32[4]"),
    Wrong(
      P.slice, [(.f32, [4])], P.sliceAttributes([0], [-1], [1]),
      "slice: 0:-1:1 out of range on axis 0 of f32[4]"),
    Wrong(
      P.slice, [(.f32, [4])], P.sliceAttributes([0], [4], [0]), "slice: step 0 on axis 0"),
    Wrong(
      P.slice, [(.f32, [4])], P.sliceAttributes([0, 0], [4, 4], [1, 1]),
      "slice: starts must have 1 entries, got [0, 0]"),
    Wrong(
      P.pad, [(.f32, [4])], P.padAttributes([-1], [0], [0]),
      "pad: low must not be negative, got [-1]"),
    Wrong(
      P.pad, [(.f32, [4])], P.padAttributes([Int.max], [1], [0]),
      "pad: size overflows, got 4 + 9223372036854775807"),
    Wrong(
      P.pad, [(.f32, [4])], P.padAttributes([0], [0], [Int.max]),
      "pad: size overflows, got 3 * 9223372036854775807"),
    Wrong(
      P.pad, [(.i32, [4])], P.padAttributes([0], [0], [0], value: 0.5),
      "pad: 0.5 is not a value of i32"),
    Wrong(
      P.concatenate, [(.f32, [2, 3]), (.f32, [2, 4])], ["axis": .int(0)],
      "concatenate: operands differ outside axis 0, got f32[2, 3] and f32[2, 4]"),
    Wrong(
      P.concatenate, [(.f32, [Int.max / 8]), (.f32, [Int.max / 8]), (.f32, [Int.max / 8])],
      ["axis": .int(0)],
      "shape: [3458764513820540925] of f32 has more bytes than can be addressed"),
    Wrong(P.concatenate, [], ["axis": .int(0)], "concatenate: takes at least one operand, got 0"),
  ]

  static let others: [Wrong] = [
    Wrong(
      P.sum, [(.f32, [2, 3])], ["axes": .ints([2])], "sum: axis 2 out of range for f32[2, 3]"),
    Wrong(
      P.sum, [(.f32, [2, 3])], ["axes": .ints([1, 0])], "sum: axes must increase, got [1, 0]"),
    Wrong(P.sum, [(.bool, [2])], ["axes": .ints([0])], "sum: takes a number type, got bool[2]"),
    Wrong(
      P.max, [(.f32, [2, 0])], ["axes": .ints([1])],
      "max: axes [1] of f32[2, 0] hold no element"),
    Wrong(
      P.argmax, [(.f32, [0])], ["axis": .int(0)], "argmax: axis 0 of f32[0] holds no element"),
    Wrong(
      P.logsumexp, [(.f32, [2, 3])], ["axes": .ints([0, 1])],
      "logsumexp: axes must have 1 entries, got [0, 1]"),
    Wrong(
      P.matmul, [(.f32, [32, 10]), (.f32, [12, 5])],
      ["transpose_a": .bool(false), "transpose_b": .bool(false)],
      "matmul: inner dimensions differ, got f32[32, 10] and f32[12, 5]"),
    Wrong(
      P.matmul, [(.f32, [2, 3]), (.f32, [3, 2])],
      ["transpose_a": .bool(false), "transpose_b": .bool(false), "dtype": .dtype(.bf16)],
      "matmul: results of f32 are f32, got dtype bf16"),
    Wrong(
      P.matmul, [(.bf16, [2, 3]), (.bf16, [3, 2])],
      ["transpose_a": .bool(false), "transpose_b": .bool(false), "dtype": .dtype(.f64)],
      "matmul: results of bf16 are bf16 or f32, got dtype f64"),
    Wrong(
      P.matmul, [(.f32, [4]), (.f32, [4])],
      ["transpose_a": .bool(false), "transpose_b": .bool(false)],
      "matmul: operands do not match, got f32[4] and f32[4]"),
    Wrong(
      P.matmul, [(.f32, [1 << 32, 0]), (.f32, [0, 5])],
      ["transpose_a": .bool(false), "transpose_b": .bool(false)],
      "matmul: a dimension exceeds 2147483647, got f32[4294967296, 0] and f32[0, 5]"),
    Wrong(
      P.take, [(.f32, [4]), (.i32, [2])], ["axis": .int(0)],
      "take: indices must be i64, got i32[2]"),
    Wrong(
      P.indexAdd, [(.f32, [4, 2]), (.i64, [3]), (.f32, [3, 3])], ["axis": .int(0)],
      "index_add: updates must be f32[3, 2], got f32[3, 3]"),
    Wrong(
      P.indexSet, [(.f32, [4, 2]), (.i64, [3]), (.f32, [3, 3])], ["axis": .int(0)],
      "index_set: updates must be f32[3, 2], got f32[3, 3]"),
    Wrong(
      P.scatterSet, [(.f32, [4, 2]), (.i64, [3, 2]), (.f64, [3, 2])], ["axis": .int(0)],
      "scatter_set: updates must be f32[3, 2], got f64[3, 2]"),
    Wrong(
      P.joinIndices, [(.i64, [4]), (.i64, [4])], ["lengths": .ints([3])],
      "join_indices: lengths must have 2 entries, got [3]"),
    Wrong(
      P.squaredDistances, [(.f32, [4, 2]), (.f32, [3, 3])], [:],
      "squared_distances: operands do not match, got f32[4, 2] and f32[3, 3]"),
    Wrong(
      P.gather, [(.f32, [4, 2]), (.i64, [3, 3])], ["axis": .int(0)],
      "gather: i64[3, 3] does not fit f32[4, 2] outside axis 0"),
    Wrong(
      P.oneHot, [(.i64, [4])], ["classes": .int(-1), "dtype": .dtype(.f32)],
      "shape: negative dimension -1 in [4, -1]"),
    Wrong(
      P.randomUniform, [(.i64, [3])], ["shape": .ints([2]), "dtype": .dtype(.f32)],
      "random_uniform: the key must be i64[2], got i64[3]"),
    Wrong(
      P.crossEntropy, [(.f32, [4, 3]), (.i64, [3])], [:],
      "cross_entropy: takes logits [N, C] and labels [N], got f32[4, 3] and i64[3]"),
    Wrong(
      P.sgdUpdate, [(.f32, [4]), (.f32, [4]), (.f32, [4]), (.f64, [8])], [:],
      "sgd_update: hyperparameters must be f64[7], got f64[8]"),
    Wrong(
      P.repeat, [(.f32, [4])],
      ["count": .int(-1), "carries": .int(1), "body": .graph(Graph())],
      "repeat: negative count -1"),
    Wrong(
      P.repeat, [(.f32, [4])],
      ["count": .int(1), "carries": .int(2), "body": .graph(Graph())],
      "repeat: 2 carries of 1 operands"),
    Wrong(
      P.repeat, [(.f32, [4])],
      ["count": .int(1), "carries": .int(1), "body": .graph(Graph())],
      "repeat: the body takes [], got [i64[], f32[4]]"),
  ]
}
