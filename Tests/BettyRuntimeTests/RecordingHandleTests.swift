// Handles: changes in place, views that write through, detached memory, parameters; each line is what
// PyTorch does.

import BettyGraph
import BettyKernelInterface
import Testing

@testable import BettyRuntime

extension RecordingSuite {
  @Suite(.serialized)
  struct Handles {
    func matrix() throws -> Tensor { try Tensor.floats([1, 2, 3, 4, 5, 6], [2, 3]) }

    /// x.mul_(number)
    func scale(_ tensor: Tensor, _ number: Double) throws {
      try tensor.update(to: call("mul", tensor, .number(number)), "mul_")
    }

    @Test func earlierReadersKeepWhatTheySaw() throws {
      let x = try Tensor.floats([1, 2])
      let before = try call("add", x, .number(1.0))
      try scale(x, 10)
      let after = try call("add", x, .number(1.0))
      #expect(try after.doubles() == [11, 21])
      #expect(try before.doubles() == [2, 3])
      #expect(try x.doubles() == [10, 20])
      #expect(x.version == 1)
    }

    @Test func aChangeThroughAViewIsSeenByAll() throws {
      let x = try matrix()
      let row = try call("select", x, attributes: ["dim": .int(0), "index": .int(1)])
      let flat = try call("reshape", x, attributes: ["shape": .ints([6])])
      let turned = try call("transpose", x, attributes: ["dim0": .int(0), "dim1": .int(1)])
      try scale(row, 10)
      #expect(try x.doubles() == [1, 2, 3, 40, 50, 60])
      #expect(try flat.doubles() == [1, 2, 3, 40, 50, 60])
      #expect(try turned.doubles() == [1, 40, 2, 50, 3, 60])
      try scale(turned, -1)
      #expect(try x.doubles() == [-1, -2, -3, -40, -50, -60])
      #expect(try row.doubles() == [-40, -50, -60])
      #expect(x.version == 2)
      #expect(row.version == 2)
    }

    @Test func aChangeOfTheBaseIsSeenByViewsOfViews() throws {
      let x = try matrix()
      let part = try call(
        "narrow", x, attributes: ["dim": .int(1), "start": .int(1), "length": .int(2)])
      let last = try call("select", part, attributes: ["dim": .int(0), "index": .int(0)])
      try scale(x, 2)
      #expect(try last.doubles() == [4, 6])
      try scale(last, 0)
      #expect(try x.doubles() == [2, 0, 0, 8, 10, 12])
      #expect(try part.doubles() == [0, 0, 10, 12])
    }

    @Test func viewsStayViewsAfterTheyWereRead() throws {
      let x = try matrix()
      let row = try call("select", x, attributes: ["dim": .int(0), "index": .int(0)])
      #expect(try row.doubles() == [1, 2, 3])
      try scale(row, 3)
      #expect(try x.doubles() == [3, 6, 9, 4, 5, 6])
    }

    @Test func whatIsNoViewIsACopy() throws {
      let x = try matrix()
      let copy = try call("flip", x, attributes: ["dims": .ints([0])])
      let sum = try call("add", x, .number(0.0))
      try scale(copy, 0)
      try scale(sum, 2)
      #expect(try x.doubles() == [1, 2, 3, 4, 5, 6])
      #expect(try copy.doubles() == [0, 0, 0, 0, 0, 0])
      #expect(try sum.doubles() == [2, 4, 6, 8, 10, 12])
    }

    @Test func anExpandedViewCannotBeChanged() throws {
      let x = try Tensor.floats([1, 2], [2, 1])
      let wide = try call("expand", x, attributes: ["size": .ints([2, 3])])
      let error = #expect(throws: BettyError.self) { try scale(wide, 2) }
      #expect(error?.message.contains("single memory location") == true)
      #expect(try x.doubles() == [1, 2])
      #expect(try wide.doubles() == [1, 1, 1, 2, 2, 2])
    }

    @Test func detachSharesMemory() throws {
      let x = try Tensor.floats([1, 2])
      try x.setRequiresGrad(true)
      let data = try Recording.detach(x)
      #expect(!data.requiresGrad)
      try scale(data, 5)
      #expect(try x.doubles() == [5, 10])
      #expect(x.requiresGrad && x.isLeaf)
      let other = try Recording.detach(x)
      try scale(other, 2)
      #expect(try data.doubles() == [10, 20])
      #expect(x.version == 2)
    }

    @Test func aLeafThatRequiresGradIsChangedOnlyWithoutGradMode() throws {
      let x = try Tensor.floats([1, 2])
      try x.setRequiresGrad(true)
      let error = #expect(throws: BettyError.self) { try scale(x, 2) }
      #expect(
        error?.message.contains(
          "a leaf that requires grad is being used in an in-place operation") == true)
      let view = try call("reshape", x, attributes: ["shape": .ints([2, 1])])
      #expect(throws: BettyError.self) { try scale(view, 2) }
      try GradMode.with(false) { try scale(x, 2) }
      #expect(try x.doubles() == [2, 4])
      #expect(x.requiresGrad && x.isLeaf)
    }

    @Test func typesStay() throws {
      let x = try Tensor.floats([1, 2])
      #expect(throws: BettyError.self) { try x.update(to: .doubles([1, 2]), "copy_") }
      #expect(throws: BettyError.self) { try x.update(to: .floats([1, 2, 3]), "copy_") }
      try x.setData(.doubles([1, 2, 3]))
      #expect(x.type == (try TensorType(.f64, [3])))
      #expect(try x.doubles() == [1, 2, 3])
    }

    @Test func aCopyStaysWhatItWas() throws {
      let x = try Tensor.floats([1, 2])
      let y = try Tensor.floats([5, 6])
      try x.update(to: y, "copy_")
      try scale(y, 10)
      let view = try call("reshape", x, attributes: ["shape": .ints([2, 1])])
      #expect(try x.doubles() == [5, 6])
      #expect(try view.doubles() == [5, 6])
      try scale(view, 2)
      #expect(try x.doubles() == [10, 12])
      #expect(try y.doubles() == [50, 60])
    }

    @Test func aHandleOnItselfStays() throws {
      let x = try Tensor.floats([1, 2])
      try x.update(to: x, "copy_")
      #expect(try x.doubles() == [1, 2])
    }

    @Test func parametersStandForTheirPresentValue() throws {
      let start = try Tensor.floats([1, 2])
      let p = try Tensor.parameter(start)
      #expect(p.parameterID != 0)
      #expect(p.requiresGrad && p.isLeaf)
      let old = try call("mul", p, .number(1.0))
      try GradMode.with(false) { try scale(p, 3) }
      #expect(try p.doubles() == [3, 6])
      #expect(try old.doubles() == [1, 2])
      #expect(try start.doubles() == [1, 2])
      #expect(throws: BettyError.self) { try Tensor.parameter(.ints([1])) }
    }
  }

  @Suite(.serialized)
  struct Binding {
    let nothing = RecordedInputs(leaves: [], numbers: [])

    /// p <- p - rate * g as a program on the handle.
    func stepProgram() throws -> BoundProgram {
      var graph = Graph()
      let type = try TensorType(.f32, [3])
      let p = graph.addInput(type)
      let g = graph.addInput(type)
      let rate = graph.addInput(TensorType(scalar: .f32))
      let wide = try graph.call(
        P.broadcast, [rate], ["shape": .ints([3]), "axes": .ints([])])
      let change = try graph.call(P.mul, [g, wide])
      graph.outputs = [try graph.call(P.sub, [p, change])]
      return try BoundProgram(
        graph, inputs: [.handle(0), .handle(1), .scalars(0)], outputs: [.handle(0)])
    }

    @Test func aParameterIsOverwrittenWhereItLies() throws {
      let p = try Tensor.parameter(.floats([1, 2, 3]))
      let g = try Tensor.parameter(.floats([1, 1, 1]), requiresGrad: false)
      let program = try stepProgram()
      _ = try program.run(again: nothing, handles: [p, g], scalars: [0.5])
      let place = try p.evaluated().pointer
      _ = try program.run(again: nothing, handles: [p, g], scalars: [0.25])
      #expect(try p.evaluated().pointer == place)
      #expect(try p.doubles() == [0.25, 1.25, 2.25])
      #expect(p.version == 2)
      #expect(p.requiresGrad && p.isLeaf)
    }

    @Test func whatOthersHoldIsNotOverwritten() throws {
      let p = try Tensor.parameter(.floats([1, 2, 3]))
      let g = try Tensor.parameter(.floats([1, 1, 1]), requiresGrad: false)
      let program = try stepProgram()
      let pending = try call("mul", p, .number(2.0))
      let exported = try p.evaluated()
      _ = try program.run(again: nothing, handles: [p, g], scalars: [1])
      #expect(try p.doubles() == [0, 1, 2])
      #expect(try pending.doubles() == [2, 4, 6])
      #expect(exported.pointer.load(as: Float.self) == 1)
    }

    @Test func aStepGivesUpItsRecording() throws {
      let p = try Tensor.parameter(.floats([1, 2, 3]))
      func step() throws -> Double {
        let loss = try call("sum", call("mul", p, p))
        loss.retainHandle()
        let capture = Capture([loss], mode: .step)
        #expect(capture.leaves.count == 1 && capture.leaves[0] === p)
        #expect(capture.leafParameters == [p.parameterID])
        var graph = capture.graph
        let value = capture.map.leaves[0]
        let two = try graph.call(
          P.constant, [], ["value": .double(0.5), "shape": .ints([3]), "dtype": .dtype(.f32)])
        graph.outputs.append(try graph.call(P.mul, [value, two]))
        let program = try BoundProgram(
          graph, inputs: [.handle(0)], outputs: [.captured(0), .handle(0)])
        _ = try program.run(capture, handles: [p])
        return try loss.item().asDouble
      }
      #expect(try step() == 14)
      let place = try p.evaluated().pointer
      #expect(try step() == 3.5)
      #expect(try p.evaluated().pointer == place)
      #expect(try p.doubles() == [0.25, 0.5, 0.75])
    }

    @Test func parametersAreToldApartInKeys() throws {
      let p = try Tensor.parameter(.floats([1, 2]))
      let q = try Tensor.parameter(.floats([1, 2]))
      let x = try Tensor.floats([1, 2])
      func key(_ a: Tensor, _ b: Tensor, _ number: Double) throws -> StructureKey {
        let product = try call("mul", a, b)
        return Capture([try call("add", product, .number(number))], mode: .step).key
      }
      #expect(try key(p, x, 1) == key(p, x, 2))
      #expect(try key(p, x, 1) == key(p, .floats([8, 9]), 2))
      #expect(try key(p, x, 1) != key(q, x, 1))
      #expect(try key(p, x, 1) != key(x, x, 1))
      #expect(try key(p, q, 1) != key(q, p, 1))
      #expect(try key(p, x, 1) != key(p, .floats([1]), 1))
    }
  }
}
