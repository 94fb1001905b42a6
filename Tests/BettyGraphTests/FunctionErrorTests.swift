// What a user can get wrong in a call: one line in the function's own name, of the right kind.

import BettyKernelInterface
import Testing

@testable import BettyGraph

/// A call that must fail, written as types: "f32[2, 3]", "number f64".
struct BadCall: Sendable, CustomStringConvertible {
  let name: String
  let operands: [String]
  var attributes: Attributes = [:]
  let kind: ErrorKind
  let message: String
  var description: String { "\(name)(\(operands.joined(separator: ", ")))" }

  static func operand(_ text: String) throws -> OperandType {
    if text.hasPrefix("number ") {
      return .number(try #require(DType(name: String(text.dropFirst(7)))))
    }
    let parts = text.dropLast().split(separator: "[", omittingEmptySubsequences: false)
    let shape = parts[1].split(separator: ",").compactMap { Int($0.filter { $0 != " " }) }
    return OperandType(
      try TensorType(#require(DType(name: String(parts[0]))), shape))
  }
}

@Suite struct FunctionErrorTests {
  static let convolutions: [BadCall] = [
    BadCall(
      name: "conv2d", operands: ["f32[1, 2, 5, 5]", "f32[4, 3, 3, 3]"], kind: .runtime,
      message: "conv2d: weight with groups 1 expects input with 3 channels, got 2 channels"),
    BadCall(
      name: "conv2d", operands: ["f32[1, 3, 2, 2]", "f32[4, 3, 3, 3]"], kind: .runtime,
      message: "conv2d: padded input size per channel is (2 x 2), the kernel's is (3 x 3); the "
        + "kernel cannot be greater than the input"),
    BadCall(
      name: "conv2d", operands: ["f32[3, 2]", "f32[4, 3, 3, 3]"], kind: .runtime,
      message: "conv2d: input must be 3-d or 4-d, got f32[3, 2]"),
    BadCall(
      name: "conv2d", operands: ["f32[1, 3, 5, 5]", "f32[4, 3, 3]"], kind: .runtime,
      message: "conv2d: weight must be 4-d, got f32[4, 3, 3]"),
    BadCall(
      name: "conv2d", operands: ["f32[1, 3, 5, 5]", "f64[4, 3, 3, 3]"], kind: .runtime,
      message: "conv2d: element types differ, got f32[1, 3, 5, 5] and f64[4, 3, 3, 3]"),
    BadCall(
      name: "conv2d", operands: ["i64[1, 3, 5, 5]", "i64[4, 3, 3, 3]"], kind: .runtime,
      message: "conv2d: input must be floating point, got i64[1, 3, 5, 5]"),
    BadCall(
      name: "conv2d", operands: ["f32[1, 3, 5, 5]", "f32[4, 3, 3, 3]", "f32[3]"], kind: .runtime,
      message: "conv2d: bias must be [4], got f32[3]"),
    BadCall(
      name: "conv2d", operands: ["f32[1, 3, 5, 5]", "f32[4, 3, 3, 3]"],
      attributes: ["stride": .int(2), "padding": .string("same")], kind: .runtime,
      message: "conv2d: padding='same' is not supported with stride [2, 2]"),
    BadCall(
      name: "conv2d", operands: ["f32[1, 3, 5, 5]", "f32[4, 3, 3, 3]"],
      attributes: ["padding": .string("full")], kind: .value,
      message: "conv2d: padding must be 'same', 'valid' or numbers, got 'full'"),
    BadCall(
      name: "conv2d", operands: ["f32[1, 3, 5, 5]", "f32[4, 3, 3, 3]"],
      attributes: ["padding": .ints([1, 2, 3])], kind: .runtime,
      message: "conv2d: padding takes one number or 2, got [1, 2, 3]"),
    BadCall(
      name: "conv1d", operands: ["f32[1, 3, 5]", "f32[4, 3, 3]"],
      attributes: ["stride": .int(0)], kind: .runtime,
      message: "conv1d: stride must be 1 or more, got [0]"),
    BadCall(
      name: "conv_transpose2d", operands: ["f32[1, 3, 5, 5]", "f32[3, 4, 3, 3]"],
      attributes: ["output_padding": .int(1)], kind: .runtime,
      message: "conv_transpose2d: output_padding must be smaller than stride or dilation, got "
        + "output_padding [1, 1], stride [1, 1] and dilation [1, 1]"),
    BadCall(
      name: "conv_transpose2d", operands: ["f32[1, 3, 1, 1]", "f32[3, 4, 3, 3]"],
      attributes: ["padding": .int(2)], kind: .runtime,
      message: "conv_transpose2d: input size per channel [1, 1] gives output size [-1, -1], which "
        + "is too small"),
    BadCall(
      name: "conv_transpose2d", operands: ["f32[1, 3, 5, 5]", "f32[4, 3, 3, 3]"], kind: .runtime,
      message: "conv_transpose2d: input has 3 channels, weight 4"),
  ]

  static let calls: [BadCall] = [
    BadCall(
      name: "matmul", operands: ["f32[32, 10]", "f32[12, 5]"], kind: .runtime,
      message: "matmul: inner dimensions differ, got f32[32, 10] and f32[12, 5]"),
    BadCall(
      name: "matmul", operands: ["f32[2, 3]", "f64[3, 2]"], kind: .runtime,
      message: "matmul: element types differ, got f32[2, 3] and f64[3, 2]"),
    BadCall(
      name: "matmul", operands: ["f32[2, 3, 4]", "f32[3, 4, 5]"], kind: .runtime,
      message: "matmul: batch dimensions do not broadcast, got f32[2, 3, 4] and f32[3, 4, 5]"),
    BadCall(
      name: "add", operands: ["f32[3, 2]", "f32[4]"], kind: .runtime,
      message: "add: shapes do not broadcast, got f32[3, 2] and f32[4]"),
    BadCall(
      name: "add", operands: ["f32[3]"], kind: .type,
      message: "add: takes inputs (input, other, alpha?), got 1"),
    BadCall(
      name: "exp", operands: ["f32[3]", "f32[3]"], kind: .type,
      message: "exp: takes inputs (input), got 2"),
    BadCall(
      name: "sum", operands: ["f32[3, 2]"], attributes: ["dim": .int(2)], kind: .index,
      message: "sum: dimension out of range, expected to be in [-2, 1], got 2"),
    BadCall(
      name: "sum", operands: ["f32[3, 2]"], attributes: ["dim": .ints([0, -2])], kind: .runtime,
      message: "sum: dimension 0 appears several times in [0, -2]"),
    BadCall(
      name: "sum", operands: ["f32[3]"], attributes: ["axis": .int(0)], kind: .type,
      message: "sum: unknown option 'axis', known are dim, keepdim, dtype"),
    BadCall(
      name: "mean", operands: ["i64[3]"], kind: .notSupported,
      message: "mean: input must be floating point, got i64[3]"),
    BadCall(
      name: "reshape", operands: ["f32[2, 3]"], attributes: ["shape": .ints([4, -1])],
      kind: .runtime, message: "reshape: shape [4, -1] is invalid for 6 elements, got f32[2, 3]"),
    BadCall(
      name: "reshape", operands: ["f32[2, 3]"],
      attributes: ["shape": .ints([Int.max, 3])], kind: .runtime,
      message: "reshape: invalid shape [\(Int.max), 3], got f32[2, 3]"),
    BadCall(
      name: "zeros", operands: [], attributes: ["size": .ints([Int.max, 2])], kind: .value,
      message: "zeros: [\(Int.max), 2] of f32 has more bytes than can be addressed"),
    BadCall(
      name: "select", operands: ["f32[2, 3]"], attributes: ["dim": .int(1), "index": .int(3)],
      kind: .index, message: "select: index 3 is out of bounds for dimension 1 with size 3"),
    BadCall(
      name: "cross_entropy", operands: ["f32[4, 3]", "i64[3]"], kind: .value,
      message: "cross_entropy: target must be i64[4] for input f32[4, 3], got i64[3]"),
    BadCall(
      name: "mse_loss", operands: ["f32[4]", "f32[4]"], attributes: ["reduction": .string("x")],
      kind: .value, message: "mse_loss: reduction is 'none', 'mean' or 'sum', got 'x'"),
    BadCall(
      name: "argmax", operands: ["f32[0]"], kind: .index,
      message: "argmax: input has no elements to reduce, got f32[0]"),
    BadCall(
      name: "index", operands: ["f32[4]"],
      attributes: ["items": .ints([0, 1, 0, 0, 0, 1, 0, 0])], kind: .index,
      message: "index: too many indices for f32[4], got 2"),
    BadCall(
      name: "where", operands: ["f32[2]", "f32[2]", "f32[2]"], kind: .runtime,
      message: "where: condition must be bool, got f32[2]"),
    BadCall(
      name: "clamp", operands: ["f32[2]", "f32[2]"], attributes: ["omit": .ints([0])],
      kind: .value, message: "clamp: input 0 cannot be left out"),
    BadCall(
      name: "sub", operands: ["bool[2]", "bool[2]"], kind: .notSupported,
      message: "sub: subtraction of bool is not defined, use logical_xor"),
    BadCall(
      name: "rand", operands: ["i64[3]"], attributes: ["size": .ints([2])], kind: .type,
      message: "rand: key must be i64[2], got i64[3]"),
  ]

  @Test(arguments: calls + convolutions)
  func failsInOneLine(_ call: BadCall) throws {
    let function = try #require(Functions.named(call.name))
    let operands = try call.operands.map(BadCall.operand)
    let error = #expect(throws: BettyError.self) {
      _ = try Functions.template(function, operands, call.attributes)
    }
    #expect(error?.message == call.message)
    #expect(error?.kind == call.kind)
  }

  /// Extreme attributes: every function with integers among its options is given the largest and
  /// the smallest; it may fail, in its own name, but not trap.
  @Test(arguments: [Int.min, Int.min + 1, -1, 0, Int.max - 1, Int.max])
  func extremeIntegersDoNotTrap(_ value: Int) throws {
    for function in Functions.all {
      for sample in function.samples {
        let operands = try sample.inputs.map {
          OperandType(try TensorType($0.dtype ?? .f32, $0.shape))
        }
        for spec in function.attributes where spec.kind == .int || spec.kind == .ints {
          var given: [Attribute] = [.int(value)]
          if spec.kind == .ints { given.append(.ints([value, value])) }
          if spec.name == "items" {
            given = [.ints([0, value, 0, 0]), .ints([1, value, value, value, 3, 0, 0, 0])]
          }
          for attribute in given {
            var attributes = sample.attributes
            attributes[spec.name] = attribute
            do {
              _ = try Functions.template(function, operands, attributes)
            } catch let error as BettyError {
              #expect(error.message.hasPrefix("\(function.name): "), "\(error.message)")
              #expect(!error.message.contains("\n"))
            }
          }
        }
      }
    }
  }
}
