// Every primitive by its record: samples pass the type rule, rules give the types they must.

import BettyKernelInterface
import Testing

@testable import BettyGraph

@Suite struct RegistryTests {
  @Test func namesAreUnique() {
    let names = Registry.primitives.map(\.name)
    #expect(Set(names).count == names.count)
    #expect(names.count >= 70)
    for primitive in Registry.primitives {
      #expect(Registry.primitive(named: primitive.name) === primitive)
      #expect(!primitive.samples.isEmpty, "\(primitive.name) has no sample")
    }
  }

  @Test func numbersCompareByTheirBits() {
    let (nan, zero): (Attributes, Attributes) = (["value": .double(.nan)], ["value": .double(0)])
    #expect(nan == ["value": .double(.nan)])
    #expect(nan.hashValue == Attributes(dictionaryLiteral: ("value", .double(.nan))).hashValue)
    #expect(zero != ["value": .double(-0.0)])
    #expect(zero != ["value": .int(0)])
  }

  @Test(arguments: Case.all) func samplesHaveTypes(_ item: Case) throws {
    for dtype in [DType.f64, .f32, .bf16, .f16] {
      let graph = try item.graph(dtype)
      #expect(!graph.outputs.isEmpty)
      try graph.verify()
    }
  }

  @Test(arguments: Registry.primitives.map(\.name)) func wrongCountsAreRefused(
    _ name: String
  ) throws {
    let primitive = try #require(Registry.primitive(named: name))
    let item = Case(primitive: primitive, number: 0)
    let types = try item.inputTypes()
    let extra = try types + [type(.f32), type(.u8, 3)]
    #expect(throws: BettyError.self) { try primitive.typeRule(extra, item.sample.attributes) }
    if !types.isEmpty {
      #expect(throws: BettyError.self) { try primitive.typeRule([], item.sample.attributes) }
    }
  }

  /// Applies each rule once: what it gives has the type of what it is for, and the graph stays sound.
  @Test(arguments: Case.all) func rulesGiveTheRightTypes(_ item: Case) throws {
    for dtype in [DType.f64, .f32, .bf16] {
      var graph = try item.graph(dtype)
      let node = graph.nodes[0]
      let application = Application(
        primitive: node.primitive, inputs: node.inputs, outputs: node.outputs,
        attributes: node.attributes)
      func expect(_ made: [Value?], _ wanted: [Value]) {
        #expect(made.count == wanted.count)
        for (value, other) in zip(made, wanted) {
          if let value { #expect(graph.type(of: value) == graph.type(of: other)) }
        }
      }
      let along = try node.outputs.map { try graph.constant(1, like: $0) }
      switch item.primitive.derivative {
      case .zero: break
      case .elementwise(let partials):
        #expect(partials.count == node.inputs.count)
        for partial in partials {
          expect([try partial?(&graph, application)], [application.output])
        }
      case .linear(let operands, let transpose):
        let made = try transpose(&graph, application, along[0])
        expect(made, node.inputs)
        for (position, value) in made.enumerated() where value != nil {
          #expect(operands.contains(position))
        }
      case .bilinear(let lhs, let rhs):
        expect(
          [try lhs(&graph, application, along[0]), try rhs(&graph, application, along[0])],
          node.inputs)
      case .decomposed(let definition):
        expect(try definition(&graph, node.inputs, node.attributes), node.outputs)
      case .custom(let vjp, let jvp):
        expect(try vjp(&graph, application, along), node.inputs)
        let tangents = try node.inputs.map { input in
          graph.dtype(of: input).isFloating ? try graph.constant(1, like: input) : nil
        }
        expect(try jvp(&graph, application, tangents), node.outputs)
      case .higherOrder: break
      }
      try graph.verify()
    }
  }
}
