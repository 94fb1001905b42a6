// Optimizer updates as fused primitives with PyTorch's order of operations; hyperparameters are an
// f64 array that is read when they run, and are differentiable like everything else. Adam: Kingma
// and Ba, ICLR 2015; AdamW: Loshchilov and Hutter, ICLR 2019.

import BettyKernelInterface

/// The elements of the array of hyperparameters, as f64 scalars, and what they make in the
/// parameters' type.
private struct Hyper {
  let array: Value
  let type: TensorType

  func scalar(_ graph: inout Graph, _ index: Int) throws -> Value {
    try graph.reshape(graph.slice(array, starts: [index], stops: [index + 1]), [])
  }

  /// A scalar in every element.
  func spread(_ graph: inout Graph, _ scalar: Value) throws -> Value {
    try graph.broadcast(graph.cast(scalar, type.dtype), type.shape, axes: [])
  }

  func spread(_ graph: inout Graph, _ index: Int) throws -> Value {
    try spread(&graph, scalar(&graph, index))
  }

  /// Whether an element is not zero, as a bool scalar.
  func holds(_ graph: inout Graph, _ index: Int) throws -> Value {
    let value = try scalar(&graph, index)
    return try graph.call(P.ne, [value, graph.zeros(like: value)])
  }

  func select(_ graph: inout Graph, _ flag: Value, _ a: Value, _ b: Value) throws -> Value {
    try graph.select(graph.broadcast(flag, type.shape, axes: []), a, b)
  }

  /// The gradient, with its sign turned to maximize.
  func directed(_ graph: inout Graph, _ g: Value, _ index: Int) throws -> Value {
    try select(&graph, holds(&graph, index), graph.neg(g), g)
  }
}

extension P {
  private static func update(
    _ name: String, operands: Int, hyper: Int, inPlace: [Int?],
    definition: @escaping @Sendable (inout Graph, [Value], Attributes) throws -> [Value],
    prepare: @escaping Prepare
  ) -> Primitive {
    Primitive(
      name, derivative: .decomposed(definition),
      kernel: .buffer(inPlace: inPlace, prepare: prepare),
      samples: [[], [5], [2, 3]].map { shape in
        let tensors = [Sample.Input](repeating: .init(shape, 0.2...1), count: operands)
        return Sample(tensors + [.init([hyper], 0.1...0.9, dtype: .f64)])
      }
    ) { inputs, _ in
      try Rules.count(inputs, operands + 1, name)
      try Rules.dtype(inputs[0], .floating, name)
      for input in inputs[1..<operands] { try Rules.same(inputs[0], input, name) }
      guard inputs[operands].dtype == .f64, inputs[operands].shape == [hyper] else {
        throw BettyError.value(
          "\(name): hyperparameters must be f64[\(hyper)], got \(inputs[operands])")
      }
      return [TensorType](repeating: inputs[0], count: inPlace.count)
    }
  }

  /// (p, g, buffer, [lr, momentum, dampening, weight decay, nesterov, first step, maximize]) to (p,
  /// buffer). Without momentum the buffer stays as it is.
  package static let sgdUpdate: Primitive = update(
    "sgd_update", operands: 3, hyper: 7, inPlace: [0, 2],
    definition: { graph, inputs, _ in
      let (p, buffer) = (inputs[0], inputs[2])
      let hyper = Hyper(array: inputs[3], type: graph.type(of: p))
      let decayed = try graph.mul(hyper.spread(&graph, 3), p)
      let gradient = try graph.add(hyper.directed(&graph, inputs[1], 6), decayed)
      let momentum = try hyper.spread(&graph, 1)
      let keep = try graph.shift(graph.neg(hyper.scalar(&graph, 2)), 1)
      let mixed = try graph.add(
        graph.mul(momentum, buffer), graph.mul(hyper.spread(&graph, keep), gradient))
      let moved = try hyper.select(&graph, hyper.holds(&graph, 5), gradient, mixed)
      let ahead = try graph.add(gradient, graph.mul(momentum, moved))
      let nesterov = try hyper.select(&graph, hyper.holds(&graph, 4), ahead, moved)
      let hasMomentum = try hyper.holds(&graph, 1)
      let step = try hyper.select(&graph, hasMomentum, nesterov, gradient)
      return [
        try graph.sub(p, graph.mul(hyper.spread(&graph, 0), step)),
        try hyper.select(&graph, hasMomentum, moved, buffer),
      ]
    },
    prepare: { request in
      let type = request.inputs[0]
      let function = try request.floating(request.table.sgd, type.dtype, "sgd_update")
      let (count, size) = (type.count, type.dtype.size)
      let tasks = request.tasks(count, units: count)
      return PreparedKernel(tasks: tasks) { frame, task in
        let (range, operands) = (part(task, of: tasks, count), frame.operands)
        let offset = range.lowerBound * size
        function(
          operands[4] + offset, operands[5] + offset, operands[0] + offset,
          operands[1] + offset, operands[2] + offset,
          UnsafePointer(operands[3].assumingMemoryBound(to: Double.self)), range.count)
      }
    })

  /// (p, g, m, v, [lr, beta1, beta2, eps, weight decay, decoupled, step, maximize]) to (p, m, v).
  package static let adamUpdate: Primitive = update(
    "adam_update", operands: 4, hyper: 8, inPlace: [0, 2, 3], definition: adamDefinition,
    prepare: { request in
      let type = request.inputs[0]
      let function = try request.floating(request.table.adam, type.dtype, "adam_update")
      let (count, size) = (type.count, type.dtype.size)
      let tasks = request.tasks(count, units: count)
      return PreparedKernel(tasks: tasks) { frame, task in
        let (range, operands) = (part(task, of: tasks, count), frame.operands)
        let offset = range.lowerBound * size
        function(
          operands[5] + offset, operands[6] + offset, operands[7] + offset,
          operands[0] + offset, operands[1] + offset, operands[2] + offset,
          operands[3] + offset,
          UnsafePointer(operands[4].assumingMemoryBound(to: Double.self)), range.count)
      }
    })

  /// The adjoint of adam_update: (p, g, m, v and the cotangents of p, m, v after it, the same
  /// hyperparameters) to the cotangents of (p, g, m, v) before it. With d = α p̄ / r, r = √v' / c + eps:
  ///   m̄' = m̄ - d,  v̄' = v̄ + d m' / (2 c r √v'),  ḡ = (1 - β₁) m̄' + 2 (1 - β₂) g v̄'.
  package static let adamAdjoint: Primitive = update(
    "adam_adjoint", operands: 7, hyper: 8, inPlace: [4, 1, 5, 6], definition: adjointDefinition,
    prepare: { request in
      let type = request.inputs[0]
      let function = try request.floating(request.table.adamAdjoint, type.dtype, "adam_adjoint")
      let (count, size) = (type.count, type.dtype.size)
      let tasks = request.tasks(count, units: count)
      return PreparedKernel(tasks: tasks) { frame, task in
        let (range, operands) = (part(task, of: tasks, count), frame.operands)
        let offset = range.lowerBound * size
        function(
          operands[8] + offset, operands[9] + offset, operands[10] + offset,
          operands[11] + offset, operands[0] + offset, operands[1] + offset,
          operands[2] + offset, operands[3] + offset, operands[4] + offset,
          operands[5] + offset, operands[6] + offset,
          UnsafePointer(operands[7].assumingMemoryBound(to: Double.self)), range.count)
      }
    })

  /// What Adam computes on the way to its step.
  private struct AdamParts {
    var hyper: Hyper
    /// Of coupled decay, and what decoupled decay leaves of p; scalars.
    var decay, shrink: Value
    var gradient, mean, square: Value
    /// √v' / c + eps, c, and the corrected rate.
    var root, scale, rate: Value
  }

  private static func adamParts(_ graph: inout Graph, _ inputs: [Value]) throws -> AdamParts {
    let p = inputs[0]
    let hyper = Hyper(array: inputs[inputs.count - 1], type: graph.type(of: p))
    let rate = try hyper.scalar(&graph, 0)
    let decay = try hyper.scalar(&graph, 4)
    let step = try hyper.scalar(&graph, 6)
    let decoupled = try hyper.holds(&graph, 5)
    let zero = try graph.zeros(like: decay)
    let coupledDecay = try graph.select(decoupled, zero, decay)
    let shrink = try graph.shift(
      graph.neg(graph.mul(rate, graph.select(decoupled, decay, zero))), 1)
    let gradient = try graph.add(
      hyper.directed(&graph, inputs[1], 7), graph.mul(hyper.spread(&graph, coupledDecay), p))
    let (m, factor1) = try average(&graph, hyper, 1, inputs[2], gradient)
    let (v, factor2) = try average(&graph, hyper, 2, inputs[3], graph.mul(gradient, gradient))
    let corrected1 = try correction(&graph, factor1, step)
    let corrected2 = try correction(&graph, factor2, step)
    let scale = try hyper.spread(&graph, graph.call(sqrt, [corrected2]))
    let root = try graph.add(
      graph.div(safeRoot(&graph, v), scale), hyper.spread(&graph, 3))
    return AdamParts(
      hyper: hyper, decay: coupledDecay, shrink: shrink, gradient: gradient, mean: m, square: v,
      root: root, scale: scale, rate: try hyper.spread(&graph, graph.div(rate, corrected1)))
  }

  @Sendable private static func adamDefinition(
    _ graph: inout Graph, _ inputs: [Value], _: Attributes
  ) throws -> [Value] {
    let parts = try adamParts(&graph, inputs)
    let shrunk = try graph.mul(inputs[0], parts.hyper.spread(&graph, parts.shrink))
    let step = try graph.mul(parts.rate, graph.div(parts.mean, parts.root))
    return [try graph.sub(shrunk, step), parts.mean, parts.square]
  }

  @Sendable private static func adjointDefinition(
    _ graph: inout Graph, _ inputs: [Value], _: Attributes
  ) throws -> [Value] {
    let parts = try adamParts(&graph, inputs)
    let (p, m, v, hyper) = (inputs[4], inputs[5], inputs[6], parts.hyper)
    let step = try graph.div(graph.mul(parts.rate, p), parts.root)
    let mean = try graph.sub(m, step)
    let isPositive = try graph.call(gt, [parts.square, graph.zeros(like: v)])
    let base = try graph.select(isPositive, parts.square, graph.constant(1, like: v))
    let slope = try graph.mul(graph.mul(parts.scale, parts.root), graph.call(sqrt, [base]))
    let change = try graph.scale(graph.div(graph.mul(step, parts.mean), slope), 0.5)
    let square = try graph.add(v, graph.select(isPositive, change, graph.zeros(like: v)))
    let (beta1, beta2) = (try hyper.spread(&graph, 1), try hyper.spread(&graph, 2))
    let first = try graph.mul(graph.shift(graph.neg(beta1), 1), mean)
    let second = try graph.mul(
      graph.scale(graph.shift(graph.neg(beta2), 1), 2), graph.mul(parts.gradient, square))
    let gradient = try graph.add(first, second)
    return [
      try graph.add(
        graph.mul(p, hyper.spread(&graph, parts.shrink)),
        graph.mul(hyper.spread(&graph, parts.decay), gradient)),
      try hyper.directed(&graph, gradient, 7), try graph.mul(beta1, mean),
      try graph.mul(beta2, square),
    ]
  }

  /// The moving average of x with factor hyper[index], and that factor.
  private static func average(
    _ graph: inout Graph, _ hyper: Hyper, _ index: Int, _ old: Value, _ x: Value
  ) throws -> (Value, Value) {
    let factor = try hyper.scalar(&graph, index)
    let rest = try hyper.spread(&graph, graph.shift(graph.neg(factor), 1))
    let kept = try graph.mul(hyper.spread(&graph, factor), old)
    return (try graph.add(kept, graph.mul(rest, x)), factor)
  }

  /// 1 - factor^step
  private static func correction(
    _ graph: inout Graph, _ factor: Value, _ step: Value
  ) throws -> Value {
    try graph.shift(graph.neg(graph.call(pow, [factor, step])), 1)
  }

  /// sqrt whose derivative at 0 is 0: a parameter that never had a gradient must not give NaN.
  private static func safeRoot(_ graph: inout Graph, _ v: Value) throws -> Value {
    let zero = try graph.zeros(like: v)
    let isPositive = try graph.call(gt, [v, zero])
    let base = try graph.select(isPositive, v, graph.constant(1, like: v))
    return try graph.select(isPositive, graph.call(sqrt, [base]), zero)
  }

  package static let updates: [Primitive] = [sgdUpdate, adamUpdate, adamAdjoint]
}
