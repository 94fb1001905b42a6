// Templates: numbers take the type the function wants, no cast of them is left, and dead nodes go.

import BettyKernelInterface
import Testing

@testable import BettyGraph

@Suite struct FunctionTemplateTests {
  private func template(
    _ name: String, _ operands: [OperandType], _ attributes: Attributes = [:]
  ) throws -> Template {
    try Functions.template(#require(Functions.named(name)), operands, attributes)
  }

  private func tensor(_ dtype: DType, _ shape: Int...) throws -> OperandType {
    OperandType(try TensorType(dtype, shape))
  }

  @Test func sameTypesAreOneNode() throws {
    let made = try template("add", [tensor(.f32, 2, 3), tensor(.f32, 2, 3)])
    let nodes = made.graph.nodes
    #expect(nodes.count == 1 && nodes[0].primitive === P.add)
    #expect(nodes[0].inputs == made.graph.inputs)
    #expect(nodes[0].attributes.isEmpty)
    #expect(made.outputTypes == [try type(.f32, 2, 3)])
  }

  @Test func attributesArriveResolved() throws {
    let made = try template("sum", [tensor(.f32, 2, 3)], ["dim": .int(-1)])
    #expect(made.graph.nodes.map(\.primitive.name) == ["sum"])
    #expect(made.graph.nodes[0].attributes == ["axes": .ints([1])])
  }

  @Test func numbersLoseTheirCasts() throws {
    let made = try template("mul", [tensor(.f32, 4), .number(.f64)])
    #expect(made.inputTypes == [try type(.f32, 4), try type(.f32)])
    #expect(made.graph.nodes.map(\.primitive.name) == ["broadcast", "mul"])
  }

  @Test func integerNumbersTakeTheTensorsType() throws {
    #expect(try template("add", [tensor(.f64), .number(.i64)]).inputTypes[1].dtype == .f64)
    #expect(try template("add", [tensor(.f64), .number(.i64)]).graph.nodes.count == 1)
    #expect(try template("add", [tensor(.u8, 2), .number(.i64)]).inputTypes[1].dtype == .u8)
    #expect(try template("add", [tensor(.i64, 2), .number(.f64)]).inputTypes[1].dtype == .f32)
  }

  @Test func storageTypesAreComputedInF32() throws {
    let made = try template("exp", [tensor(.bf16, 2)])
    #expect(made.graph.nodes.map(\.primitive.name) == ["cast", "exp", "cast"])
    #expect(made.outputTypes == [try type(.bf16, 2)])
  }

  @Test func castsOfTensorsStay() throws {
    let made = try template("add", [tensor(.i64, 2), tensor(.f32, 2)])
    #expect(made.inputTypes == [try type(.i64, 2), try type(.f32, 2)])
    #expect(made.graph.nodes.map(\.primitive.name) == ["cast", "add"])
  }

  @Test func numbersUsedInTwoTypesKeepTheirs() throws {
    var graph = Graph()
    let number = graph.addInput(try type(.f64))
    let narrow = try graph.cast(number, .f32)
    let whole = try graph.cast(number, .i64)
    graph.outputs = [narrow, whole]
    let kept = graph.absorbingCasts(of: [number])
    #expect(kept.type(of: kept.inputs[0]) == (try type(.f64)))
    #expect(kept.nodes.count == 2)
    graph.outputs = [narrow]
    let absorbed = graph.absorbingCasts(of: [number])
    #expect(absorbed.type(of: absorbed.inputs[0]) == (try type(.f32)))
    #expect(absorbed.nodes.isEmpty)
    #expect(absorbed.outputs == absorbed.inputs)
  }

  @Test func nothingToDoGivesTheInput() throws {
    for (name, attributes) in [
      ("contiguous", [:]), ("clone", [:]), ("reshape", ["shape": .ints([-1])]),
      ("to", ["dtype": .dtype(.f32)]),
    ] as [(String, Attributes)] {
      let made = try template(name, [tensor(.f32, 4)], attributes)
      #expect(made.graph.outputs == made.graph.inputs, "\(name)")
      #expect(made.graph.nodes.isEmpty, "\(name)")
    }
  }

  @Test func omittedInputsLeaveTheirPlace() throws {
    let made = try template(
      "binary_cross_entropy_with_logits",
      [tensor(.f32, 4, 3), tensor(.f32, 4, 3), tensor(.f32, 3)], ["omit": .ints([2])])
    // pos_weight of three classes: the formula with softplus, not the plain primitive.
    #expect(made.graph.nodes.contains { $0.primitive === P.softplus })
    #expect(!made.graph.nodes.contains { $0.primitive === P.bceWithLogits })
  }

  @Test func functionsHaveDenseIdentifiersAndUniqueNames() {
    for (position, function) in Functions.all.enumerated() {
      #expect(function.id == position)
      #expect(Functions.named(function.name) === function)
    }
    #expect(Functions.named("no_such") == nil)
  }

  @Test func describesEveryFunction() throws {
    let lines = Functions.describe().split(separator: "\n")
    #expect(lines.count == Functions.all.count)
    let fields = lines.map { $0.split(separator: "\t", omittingEmptySubsequences: false) }
    #expect(fields.allSatisfy { $0.count == 5 && !$0[4].isEmpty })
    let clamp = try #require(fields.first { $0[0] == "clamp" })
    #expect(clamp[1] == "input,min?,max?")
    let sum = try #require(fields.first { $0[0] == "sum" })
    #expect(sum[2] == "dim:ints?;keepdim:bool=false;dtype:dtype?")
  }
}
