// A primitive is one entry: name, type rule, derivative rule, kernel, batching rule, samples. Every table-driven
// test and every interpretation (vjp, jvp, compile, print) reads the same record.

import BettyKernelInterface

/// One application of a primitive inside a graph, as derivative rules see it.
package struct Application: Sendable {
  package let primitive: Primitive
  package let inputs: [Value]
  package let outputs: [Value]
  package let attributes: Attributes
  package var output: Value { outputs[0] }

  package init(
    primitive: Primitive, inputs: [Value], outputs: [Value], attributes: Attributes
  ) {
    self.primitive = primitive
    self.inputs = inputs
    self.outputs = outputs
    self.attributes = attributes
  }
}

/// Differentiation of a graph, handed to the rules of primitives that hold one (`repeat`): the
/// transforms live in a layer above. Both append to the graph; nil means that nothing flows.
package struct Differentiator: Sendable {
  package typealias Rule =
    @Sendable (inout Graph, _ outputs: [Value], _ along: [Value?], _ wrt: [Value]) throws ->
    [Value?]
  /// (graph, outputs, their cotangents, wrt): the cotangent of each value of `wrt`.
  package let vjp: Rule
  /// (graph, outputs, the tangents of `wrt`, wrt): the tangent of each output.
  package let jvp: Rule

  package init(vjp: @escaping Rule, jvp: @escaping Rule) {
    self.vjp = vjp
    self.jvp = jvp
  }
}

/// How a primitive is differentiated. vjp and jvp are one exhaustive switch each over this. Rules
/// are asked only for what floats: an input or output of another type has no tangent and no
/// cotangent.
package enum Derivative: Sendable {
  package typealias Partial = @Sendable (inout Graph, Application) throws -> Value
  /// (graph, application, cotangent of the output): cotangents of the inputs, nil for those that
  /// take none.
  package typealias Transpose = @Sendable (inout Graph, Application, Value) throws -> [Value?]

  /// Nothing flows: comparisons, rounding, integers, random draws, stop_gradient.
  case zero
  /// One ∂y/∂xᵢ per input, of the output's type; nil where nothing flows.
  case elementwise([Partial?])
  /// Linear jointly in `operands`; jvp applies the primitive to their tangents, the rest as they
  /// are.
  case linear(operands: [Int], transpose: Transpose)
  /// Linear in each of the inputs 0 and 1; a rule gives the cotangent of its side.
  case bilinear(
    lhs: @Sendable (inout Graph, Application, Value) throws -> Value,
    rhs: @Sendable (inout Graph, Application, Value) throws -> Value)
  /// Differentiated through the graph it stands for: (graph, inputs, attributes) gives its outputs.
  case decomposed(@Sendable (inout Graph, [Value], Attributes) throws -> [Value])
  /// vjp: cotangents of outputs (nil is zero) to cotangents of inputs. jvp: tangents to tangents.
  case custom(
    vjp: @Sendable (inout Graph, Application, [Value?]) throws -> [Value?],
    jvp: @Sendable (inout Graph, Application, [Value?]) throws -> [Value?])
  /// As `custom`, for primitives that hold a graph and need it differentiated.
  case higherOrder(
    vjp: @Sendable (inout Graph, Application, [Value?], Differentiator) throws -> [Value?],
    jvp: @Sendable (inout Graph, Application, [Value?], Differentiator) throws -> [Value?])
}

extension Derivative {
  /// Whether a derivative can pass through input `position`.
  package func passes(_ position: Int) -> Bool {
    switch self {
    case .zero: false
    case .elementwise(let partials): position < partials.count && partials[position] != nil
    case .linear(let operands, _): operands.contains(position)
    case .bilinear: position < 2
    case .decomposed, .custom, .higherOrder: true
    }
  }
}

/// What a kernel is told when a program is made.
package struct KernelRequest: Sendable {
  package let inputs: [TensorType]
  package let outputs: [TensorType]
  package let attributes: Attributes
  package let table: KernelTable
  /// Threads that may work on it; the number of tasks is fixed from this and the size.
  package let threads: Int
  /// For a primitive that reads views: how an operand is seen, nil for a contiguous one. A kernel that
  /// cannot read it so throws, and is asked again with copies.
  package let views: [StridedView?]

  package init(
    inputs: [TensorType], outputs: [TensorType], attributes: Attributes, table: KernelTable,
    threads: Int, views: [StridedView?]? = nil
  ) {
    self.views = views ?? inputs.map { _ in nil }
    self.inputs = inputs
    self.outputs = outputs
    self.attributes = attributes
    self.table = table
    self.threads = threads
  }
}

/// What a kernel gets when it runs. Operands are inputs, then outputs, all contiguous, then the
/// workspace where one was asked for.
package struct KernelFrame {
  package let operands: UnsafePointer<UnsafeMutableRawPointer>
  /// This task's own scratch of the size asked for, 64-byte aligned.
  package let scratch: UnsafeMutableRawPointer
  /// 0, or 1 + position of the first index that was out of range.
  package let status: UnsafeMutablePointer<Int64>

  @inline(__always)
  package init(
    operands: UnsafePointer<UnsafeMutableRawPointer>, scratch: UnsafeMutableRawPointer,
    status: UnsafeMutablePointer<Int64>
  ) {
    self.operands = operands
    self.scratch = scratch
    self.status = status
  }
}

/// A kernel made for fixed types: the body is called once per task, tasks may run side by side.
package struct PreparedKernel: Sendable {
  package typealias Body = @Sendable (KernelFrame, _ task: Int) -> Void

  /// One after the other; a stage begins when every task of the one before has ended.
  package struct Stage: Sendable {
    package let tasks: Int
    package let body: Body
    package init(tasks: Int, body: @escaping Body) {
      self.tasks = tasks
      self.body = body
    }
  }

  package let stages: [Stage]
  package let scratchBytes: Int
  /// Memory that all tasks of all stages share, 64-byte aligned: the operand after the outputs.
  package let workspaceBytes: Int
  /// The most tasks of any stage.
  package let tasks: Int

  package init(
    tasks: Int = 1, scratchBytes: Int = 0, body: @escaping @Sendable (KernelFrame, Int) -> Void
  ) {
    self.init(stages: [Stage(tasks: tasks, body: body)], scratchBytes: scratchBytes)
  }

  package init(stages: [Stage], scratchBytes: Int = 0, workspaceBytes: Int = 0) {
    self.stages = stages
    self.scratchBytes = scratchBytes
    self.workspaceBytes = workspaceBytes
    tasks = stages.reduce(0) { Swift.max($0, $1.tasks) }
  }
}

/// A view of a contiguous operand: offset and strides in elements, one per axis of the result.
package struct StridedView: Hashable, Sendable {
  package var offset: Int
  package var strides: [Int]
  package init(offset: Int, strides: [Int]) {
    self.offset = offset
    self.strides = strides
  }
}

/// How a primitive is computed.
package enum Kernel: Sendable {
  /// Elementwise on the tile machine; fuses with its neighbours.
  case tile(TileOp)
  /// Elementwise conversion to attribute `dtype`; on the tile machine.
  case cast
  /// Attribute `value` in every element of attribute `shape`; an immediate of the tile machine.
  case constant
  /// The operand seen through strides; fuses into what reads it, or is copied.
  case view(@Sendable (_ input: TensorType, _ output: TensorType, Attributes) -> StridedView)
  /// The same contiguous data under another type of the same bytes (reshape, stop_gradient): no
  /// work.
  case alias
  /// Reduction over attribute `axes`; fuses with the elementwise chain before it.
  case reduction(ReduceOp)
  /// Whole-buffer kernel. `inPlace[i]` names the input whose memory output i may reuse.
  case buffer(inPlace: [Int?] = [], prepare: @Sendable (KernelRequest) throws -> PreparedKernel)
  /// No kernel of its own: compiled as its decomposed definition.
  case definition
  /// Compiled as this graph, but differentiated by a rule of its own: (graph, inputs, attributes)
  /// gives its outputs.
  case composite(@Sendable (inout Graph, [Value], Attributes) throws -> [Value])
  /// `repeat`: the compiler makes a program of its body.
  case loop
}

/// Inputs a primitive or function is tested on. Values are drawn from `range` (floats uniformly,
/// integers inclusively), kept apart from each other when `distinct`.
package struct Sample: Sendable {
  package struct Input: Sendable {
    package var shape: [Int]
    /// nil: the floating type under test.
    package var dtype: DType?
    package var range: ClosedRange<Double>
    package var distinct: Bool
    /// Added along the diagonal of the last two axes: makes matrices regular.
    package var diagonal: Double
    package init(
      _ shape: [Int], _ range: ClosedRange<Double> = -2...2, dtype: DType? = nil,
      distinct: Bool = false, diagonal: Double = 0
    ) {
      self.shape = shape
      self.range = range
      self.dtype = dtype
      self.distinct = distinct
      self.diagonal = diagonal
    }
  }
  package var inputs: [Input]
  package var attributes: Attributes
  package init(_ inputs: [Input], _ attributes: Attributes = [:]) {
    self.inputs = inputs
    self.attributes = attributes
  }
}

extension Sample {
  /// The same in bf16 with results in f32.
  package var summed: Sample {
    var copy = self
    for position in inputs.indices { copy.inputs[position].dtype = .bf16 }
    copy.attributes["dtype"] = .dtype(.f32)
    return copy
  }
}

extension Sample.Input {
  /// Numbers drawn for this input, with the diagonal raised.
  package func raised(_ numbers: [Double]) -> [Double] {
    guard diagonal != 0, shape.count >= 2 else { return numbers }
    let (rows, columns) = (shape[shape.count - 2], shape[shape.count - 1])
    return numbers.enumerated().map { place, number in
      let (row, column) = (place / columns % rows, place % columns)
      return row == column ? number + diagonal : number
    }
  }
}

package final class Primitive: Sendable {
  package typealias TypeRule = @Sendable ([TensorType], Attributes) throws -> [TensorType]

  package typealias Flops = @Sendable ([TensorType], [TensorType], Attributes) -> Double

  package let name: String
  package let attributes: [AttributeSpec]
  package let typeRule: TypeRule
  package let derivative: Derivative
  package let kernel: Kernel
  package let batching: Batching
  package let samples: [Sample]
  /// Worth keeping for a later gradient once computed (products, sorts), unlike a fused chain.
  package let isExpensive: Bool
  /// Its kernel can take operands that are views of others.
  package let readsViews: Bool
  /// Operations of one application, where they are not one an element: see Cost.swift.
  package let flops: Flops?
  /// What a status reported by the kernel means, where it is not the position of a bad index.
  package let failure: (@Sendable (Int64) -> BettyError)?

  package init(
    _ name: String, attributes: [AttributeSpec] = [], derivative: Derivative, kernel: Kernel,
    batching: Batching? = nil, samples: [Sample], isExpensive: Bool = false,
    readsViews: Bool = false, flops: Flops? = nil,
    failure: (@Sendable (Int64) -> BettyError)? = nil,
    typeRule: @escaping TypeRule
  ) {
    self.name = name
    self.attributes = attributes
    self.typeRule = typeRule
    self.derivative = derivative
    self.kernel = kernel
    self.batching = batching ?? .standard(kernel, derivative)
    self.samples = samples
    self.isExpensive = isExpensive
    self.readsViews = readsViews
    self.flops = flops
    self.failure = failure
  }
}
