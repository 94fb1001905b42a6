// Derivatives of recordings: values, PyTorch's rules about leaves and gradients, no double work.

import BettyGraph
import BettyKernelInterface
import BettyRuntime
import Testing

@testable import BettyMLO

func call(_ name: String, _ operands: Tensor..., attributes: Attributes = [:]) throws -> Tensor {
  try Recording.call(name, operands, attributes)[0]
}

func leaf(_ values: [Double], _ shape: [Int]? = nil) throws -> Tensor {
  Autograd.install()
  let tensor = try Tensor.doubles(values, shape)
  try tensor.setRequiresGrad(true)
  return tensor
}

func count(_ body: () throws -> Void) rethrows -> (kernels: Int, compilations: Int, runs: Int) {
  let kernels = Counters.kernelsLaunched.load(ordering: .relaxed)
  let compilations = Counters.compilations.load(ordering: .relaxed)
  let runs = Counters.programRuns.load(ordering: .relaxed)
  try body()
  return (
    Counters.kernelsLaunched.load(ordering: .relaxed) - kernels,
    Counters.compilations.load(ordering: .relaxed) - compilations,
    Counters.programRuns.load(ordering: .relaxed) - runs
  )
}

/// All that reads the process-wide counters runs one after the other.
@Suite(.serialized)
struct AutogradSuite {
  @Suite(.serialized)
  struct Values {
    @Test func backwardFillsLeaves() throws {
      let x = try leaf([1, 2, 3])
      let y = try Tensor.doubles([4, 5, 6])
      let loss = try call("sum", call("mul", call("mul", x, x), y))
      try Autograd.backward([loss])
      #expect(try x.gradient?.doubles() == [8, 20, 36])
      #expect(y.gradient == nil)
    }

    @Test func gradientsAddUpInTheSameHandle() throws {
      let x = try leaf([1, 2])
      try Autograd.backward([call("sum", call("mul", x, x))])
      let held = try #require(x.gradient)
      #expect(try held.doubles() == [2, 4])
      try Autograd.backward([call("sum", call("mul", x, .number(10.0)))])
      #expect(try held.doubles() == [12, 14])
      #expect(x.gradient === held)
      try x.setGradient(nil)
      #expect(x.gradient == nil)
      #expect(try held.doubles() == [12, 14])
    }

    @Test func aLeafUsedTwiceAndAnotherNotAtAll() throws {
      let x = try leaf([2])
      let unused = try leaf([1])
      let y = try call("sum", call("add", call("mul", x, x), x))
      let gradients = try Autograd.grad([y], [x, unused], allowUnused: true)
      #expect(try gradients[0]?.doubles() == [5])
      #expect(gradients[1] == nil)
      #expect(x.gradient == nil)
      let z = try call("sum", call("mul", x, x))
      #expect(throws: BettyError.self) { try Autograd.grad([z], [unused]) }
    }

    @Test func higherOrders() throws {
      let x = try leaf([2, 3])
      let y = try call("sum", call("mul", call("mul", x, x), x))
      let first = try #require(try Autograd.grad([y], [x], createGraph: true)[0])
      #expect(try first.doubles() == [12, 27])
      let second = try #require(
        try Autograd.grad([call("sum", first)], [x], createGraph: true)[0])
      #expect(try second.doubles() == [12, 18])
      let third = try #require(try Autograd.grad([call("sum", second)], [x])[0])
      #expect(try third.doubles() == [6, 6])
      #expect(!third.requiresGrad)
    }

    @Test func penaltyOnTheGradient() throws {
      let w = try leaf([1, 2])
      let loss = try call("sum", call("mul", call("mul", w, w), w))
      let g = try #require(try Autograd.grad([loss], [w], createGraph: true)[0])
      try Autograd.backward([call("add", loss, call("sum", call("mul", g, g)))])
      // 3w² + 2·3w²·6w
      #expect(try w.gradient?.doubles() == [3 + 36, 12 + 288])
    }

    @Test func cotangentsOfWhatIsNoScalar() throws {
      let x = try leaf([1, 2])
      let y = try call("mul", x, x)
      #expect(throws: BettyError.self) { try Autograd.backward([y]) }
      #expect(throws: BettyError.self) { try Autograd.backward([y], [.doubles([1])]) }
      try Autograd.backward([y], [.doubles([1, 10])])
      #expect(try x.gradient?.doubles() == [2, 40])
    }

    @Test func severalOutputsAndInteriorInputs() throws {
      let x = try leaf([1, 2])
      let y = try call("mul", x, .number(3.0))
      let a = try call("sum", call("mul", y, y))
      let b = try call("sum", y)
      let gradients = try Autograd.grad([a, b], [y, x])
      #expect(try gradients[0]?.doubles() == [7, 13])
      #expect(try gradients[1]?.doubles() == [21, 39])
    }

    @Test func retainedGradients() throws {
      let x = try leaf([1, 2])
      let y = try call("mul", x, x)
      try y.retainGradient()
      try Autograd.backward([call("sum", call("mul", y, y))])
      #expect(try y.gradient?.doubles() == [2, 8])
      #expect(try x.gradient?.doubles() == [4, 32])
    }

    @Test func products() throws {
      let x = try leaf([1, 2])
      let y = try call("mul", call("mul", x, x), x)
      let v = try Tensor.doubles([1, 10])
      #expect(try Autograd.vjp([y], [x], [v])[0].doubles() == [3, 120])
      #expect(try Autograd.jvp([y], [x], [v])[0].doubles() == [3, 120])
      let loss = try call("sum", y)
      #expect(try Autograd.hvp(loss, [x], [v])[0].doubles() == [6, 120])
      let other = try leaf([5])
      #expect(try Autograd.vjp([y], [other], [v])[0].doubles() == [0])
      #expect(try Autograd.jvp([y], [other], [.doubles([1])])[0].doubles() == [0, 0])
    }
  }

  @Suite(.serialized)
  struct Rules {
    @Test func whatNeedsNoGradient() throws {
      let x = try leaf([1, 2])
      let detached = try Recording.detach(x)
      #expect(throws: BettyError.self) { try Autograd.backward([call("sum", detached)]) }
      let hidden = try GradMode.with(false) { try call("sum", x) }
      #expect(!hidden.requiresGrad)
      let compared = try call("gt", x, .number(0.0))
      #expect(!compared.requiresGrad)
      let mixed = try call("sum", call("mul", x, detached))
      try Autograd.backward([mixed])
      #expect(try x.gradient?.doubles() == [1, 2])
    }

    @Test func changesInPlaceOfValuesBetween() throws {
      let x = try leaf([1, 2])
      let y = try call("mul", x, .number(2.0))
      try y.update(to: call("mul", y, y), "mul_")
      try Autograd.backward([call("sum", y)])
      #expect(try x.gradient?.doubles() == [8, 16])  // (2x)² = 4x²
    }

    @Test func aChangeThroughAViewCarriesGradients() throws {
      let x = try leaf([1, 2, 3])
      let y = try call("mul", x, .number(1.0))
      let part = try call(
        "narrow", y, attributes: ["dim": .int(0), "start": .int(1), "length": .int(2)])
      try part.update(to: call("mul", part, .number(10.0)), "mul_")
      try Autograd.backward([call("sum", y)])
      #expect(try x.gradient?.doubles() == [1, 10, 10])
    }

    @Test func dataOfAValueBetweenKeepsItsGradient() throws {
      let x = try leaf([1, 2])
      let y = try call("mul", x, .number(3.0))
      let data = try Recording.detach(y)
      for tensor in [y, data] { tensor.retainHandle() }
      defer { for tensor in [data, y] { tensor.dropHandle() } }
      try data.update(to: call("mul", data, .number(0.0)), "zero_")
      #expect(try y.doubles() == [0, 0])
      try Autograd.backward([call("sum", y)])
      #expect(try x.gradient?.doubles() == [3, 3])
    }

    @Test func aStepOfGradientDescent() throws {
      let w = try Tensor.parameter(.doubles([1, 2]))
      for _ in 0..<3 {
        try w.setGradient(nil)
        try Autograd.backward([call("sum", call("mul", w, w))])
        let gradient = try #require(w.gradient)
        try GradMode.with(false) {
          let step = try call("mul", gradient, .number(0.25))
          try w.update(to: call("sub", w, step), "sub_")
        }
      }
      #expect(try w.doubles() == [0.125, 0.25])
      #expect(w.isLeaf && w.requiresGrad)
    }

    @Test func theSecondTimeIsAnError() throws {
      let x = try leaf([1, 2])
      let loss = try call("sum", call("mul", x, x))
      try Autograd.backward([loss], retainGraph: true)
      _ = try loss.item()
      try Autograd.backward([loss])
      #expect(try x.gradient?.doubles() == [4, 8])
      let error = #expect(throws: BettyError.self) { try Autograd.backward([loss]) }
      #expect(error?.message.contains("a second time") == true)
    }

    @Test func oldRecordingsUseOldValues() throws {
      let w = try Tensor.parameter(.doubles([3]))
      let loss = try call("sum", call("mul", w, w))
      try GradMode.with(false) { try w.update(to: .doubles([100]), "copy_") }
      try Autograd.backward([loss])
      #expect(try w.gradient?.doubles() == [6])
    }
  }

  @Suite(.serialized)
  struct NoDoubleWork {
    func network() throws -> (loss: Tensor, leaves: [Tensor]) {
      let x = try Tensor.doubles((0..<12).map { Double($0) / 10 }, [4, 3])
      let w = try leaf((0..<6).map { Double($0) / 7 }, [3, 2])
      let v = try leaf([0.3, -0.2], [2, 1])
      let hidden = try call("tanh", call("matmul", x, w))
      let out = try call("matmul", hidden, v)
      return (try call("sum", call("mul", out, out)), [w, v])
    }

    @Test func readingTheLossFirstRepeatsNoProduct() throws {
      let (loss, leaves) = try network()
      let whole = try count {
        try Autograd.backward([loss])
        loss.retainHandle()
        try Recording.evaluate(leaves.compactMap(\.gradient) + [loss])
      }
      let expected = try leaves.map { try $0.gradient?.doubles() }
      let (second, others) = try network()
      let forward = try count { _ = try second.item() }
      let backward = try count {
        try Autograd.backward([second])
        try Recording.evaluate(others.compactMap(\.gradient))
      }
      #expect(try others.map { try $0.gradient?.doubles() } == expected)
      #expect(whole.runs == 1)
      #expect(forward.runs == 1 && backward.runs == 1)
      // Cheap chains may run again, the two products of the forward pass must not.
      #expect(forward.kernels + backward.kernels <= whole.kernels + 2)
    }

    @Test func theLossComesAlongWithItsGradients() throws {
      let (loss, leaves) = try network()
      loss.retainHandle()
      try Autograd.backward([loss])
      try Recording.evaluate(leaves.compactMap(\.gradient))
      let reading = try count { _ = try loss.item() }
      #expect(reading.runs == 0)
    }

    @Test func gradientsAreComputedTogether() throws {
      let (loss, leaves) = try network()
      try Autograd.backward([loss])
      let reading = try count {
        for leaf in leaves { _ = try leaf.gradient?.doubles() }
      }
      #expect(reading.runs == 1)
    }

    @Test func nothingIsCompiledTwice() throws {
      func step() throws {
        let (loss, leaves) = try network()
        try Autograd.backward([loss])
        try Recording.evaluate(leaves.compactMap(\.gradient) + [loss])
      }
      try step()
      let again = try count { for _ in 0..<3 { try step() } }
      #expect(again.compilations == 0)
      #expect(again.runs == 3)
    }

    @Test func aRecordingIsFreedWithItsLoss() throws {
      weak var hidden: Tensor?
      let x = try leaf([1, 2])
      do {
        let y = try call("mul", x, x)
        hidden = y
        let loss = try call("sum", call("exp", y))
        try Autograd.backward([loss])
        _ = try x.gradient?.doubles()
        _ = try loss.item()
      }
      #expect(hidden == nil)
    }
  }
}
