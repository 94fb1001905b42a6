// Whole-buffer kernels in the lowering: prepared for the types they have, or, when they do not know
// bf16 and f16, for f32 with casts around them.

import BettyGraph
import BettyKernelInterface
import BettyKernels

struct BufferApplication {
  let node: Node
  let inputs: [Int]
  let types: [TensorType]
  let results: [TensorType]
  let inPlace: [Int?]
}

extension Lowering {
  typealias Prepare = @Sendable (KernelRequest) throws -> PreparedKernel

  mutating func buffer(_ application: BufferApplication, _ prepare: Prepare) throws -> [Int] {
    let node = application.node
    let request = KernelRequest(
      inputs: application.types, outputs: application.results, attributes: node.attributes,
      table: kernelTable, threads: threads)
    let storage = (application.types + application.results).contains { $0.dtype.isStorageOnly }
    if node.primitive.readsViews, let made = readingViews(application, request, prepare) {
      return made
    }
    if !storage {
      return append(application, application.inputs, application.results, try prepare(request))
    }
    if let kernel = try? prepare(request) {
      return append(application, application.inputs, application.results, kernel)
    }
    return try widened(application, prepare)
  }

  /// The kernel on operands that are views, where it takes them.
  private mutating func readingViews(
    _ application: BufferApplication, _ request: KernelRequest, _ prepare: Prepare
  ) -> [Int]? {
    var inputs = application.inputs
    var views = [StridedView?](repeating: nil, count: inputs.count)
    for (position, value) in inputs.enumerated() {
      guard let node = lowered.producer(of: value), case .view(let view) = node.operation,
        let strides = view.strides(of: application.types[position].shape)
      else { continue }
      inputs[position] = node.inputs[0]
      views[position] = StridedView(offset: view.offset, strides: strides)
    }
    guard views.contains(where: { $0 != nil }) else { return nil }
    let seen = KernelRequest(
      inputs: request.inputs, outputs: request.outputs, attributes: request.attributes,
      table: request.table, threads: request.threads, views: views)
    guard let kernel = try? prepare(seen) else { return nil }
    return append(application, inputs, application.results, kernel)
  }

  private mutating func widened(
    _ application: BufferApplication, _ prepare: Prepare
  ) throws -> [Int] {
    let node = application.node
    var attributes = node.attributes
    for (name, value) in attributes.entries {
      if case .dtype(let dtype) = value { attributes[name] = .dtype(dtype.computeType) }
    }
    let types = try application.types.map { try $0.with($0.dtype.computeType) }
    let results = try application.results.map { try $0.with($0.dtype.computeType) }
    var inputs: [Int] = []
    for (value, type) in zip(application.inputs, types) {
      inputs.append(try cast(value, to: type.dtype, node.primitive.name))
    }
    let kernel = try prepare(
      KernelRequest(
        inputs: types, outputs: results, attributes: attributes, table: kernelTable,
        threads: threads))
    let made = append(application, inputs, results, kernel)
    var outputs: [Int] = []
    for (value, type) in zip(made, application.results) {
      outputs.append(try cast(value, to: type.dtype, node.primitive.name))
    }
    return outputs
  }

  private mutating func append(
    _ application: BufferApplication, _ inputs: [Int], _ results: [TensorType],
    _ kernel: PreparedKernel
  ) -> [Int] {
    lowered.append(
      .buffer(kernel, inPlace: application.inPlace), inputs,
      results.map { ($0.dtype, $0.count) }, name: application.node.primitive.name)
  }
}

extension DType {
  /// Stored, never computed in.
  var isStorageOnly: Bool { computeType != self }
}
