// Movement primitives that copy: pad and concatenate.

import BettyKernelInterface
import Glibc

extension P {
  static func padAttributes(
    _ low: [Int], _ high: [Int], _ interior: [Int], value: Double = 0
  ) -> Attributes {
    ["low": .ints(low), "high": .ints(high), "interior": .ints(interior), "value": .double(value)]
  }

  /// `low` and `high` elements at the ends of each axis, `interior` between neighbours.
  package static let pad: Primitive = Primitive(
    "pad",
    attributes: [
      AttributeSpec("low", .ints), AttributeSpec("high", .ints), AttributeSpec("interior", .ints),
      AttributeSpec("value", .double),
    ],
    derivative: .custom(
      vjp: { graph, node, cotangents in
        guard let cotangent = cotangents[0] else { return [nil] }
        let shape = graph.shape(of: node.inputs[0])
        if shape.contains(0) { return [try graph.zeros(like: node.inputs[0])] }
        let low = node.attributes.ints("low")
        let interior = node.attributes.ints("interior")
        return [
          try graph.slice(
            cotangent, starts: low,
            stops: shape.indices.map { low[$0] + (shape[$0] - 1) * (interior[$0] + 1) + 1 },
            steps: shape.indices.map { shape[$0] == 1 ? 1 : interior[$0] + 1 })
        ]
      },
      jvp: { graph, node, tangents in
        guard let tangent = tangents[0] else { return [nil] }
        var attributes = node.attributes
        attributes["value"] = .double(0)
        return [try graph.call(P.pad, [tangent], attributes)]
      }),
    kernel: .buffer(prepare: preparePad),
    batching: .shifted { attributes, _ in
      padAttributes(
        [0] + attributes.ints("low"), [0] + attributes.ints("high"),
        [0] + attributes.ints("interior"), value: attributes.double("value"))
    },
    samples: [
      Sample([.init([3])], padAttributes([1], [2], [0], value: 0.5)),
      Sample([.init([2, 3])], padAttributes([0, 1], [1, 0], [2, 1])),
      Sample([.init([2, 3, 2])], padAttributes([1, 0, 0], [0, 1, 0], [0, 0, 0], value: -1)),
      Sample([.init([0, 2])], padAttributes([1, 0], [1, 1], [0, 0])),
      Sample([.init([])], padAttributes([], [], [])),
    ]
  ) { inputs, attributes in
    try Rules.count(inputs, 1, "pad")
    let input = inputs[0]
    let low = attributes.ints("low")
    let high = attributes.ints("high")
    let interior = attributes.ints("interior")
    for (list, what) in [(low, "low"), (high, "high"), (interior, "interior")] {
      try Rules.length(list, input.rank, what, "pad")
      guard list.allSatisfy({ $0 >= 0 }) else {
        throw BettyError.value("pad: \(what) must not be negative, got \(list)")
      }
    }
    let value = attributes.double("value")
    guard isRepresentable(value, input.dtype) else {
      throw BettyError.value("pad: \(value) is not a value of \(input.dtype.name)")
    }
    let shape = try input.shape.indices.map { axis in
      let gaps = Swift.max(input.shape[axis] - 1, 0)
      let inside = try Rules.add(
        input.shape[axis], Rules.multiply(gaps, interior[axis], "pad"), "pad")
      return try Rules.add(Rules.add(inside, low[axis], "pad"), high[axis], "pad")
    }
    return [try TensorType(input.dtype, shape)]
  }

  @Sendable private static func preparePad(_ request: KernelRequest) throws -> PreparedKernel {
    let (input, output) = (request.inputs[0], request.outputs[0])
    let low = request.attributes.ints("low")
    let interior = request.attributes.ints("interior")
    let size = input.dtype.size
    let element = input.dtype.bits(request.attributes.double("value"))
    let fill = request.table.fill
    let own = output.strides
    var offset = 0
    var strides = own
    for axis in own.indices where input.count > 0 {
      offset += low[axis] * own[axis]
      // One element has no neighbour: its stride is never used and might not fit.
      strides[axis] = input.shape[axis] == 1 ? 0 : own[axis] * (interior[axis] + 1)
    }
    let columns = input.shape.last ?? 1
    let rows = columns == 0 ? 0 : input.count / columns
    let outer = Array(input.shape.dropLast())
    let step = strides.last ?? 1
    let parts = request.tasks(output.count, units: output.count)
    let filling = PreparedKernel.Stage(tasks: parts) { frame, task in
      let range = part(task, of: parts, output.count)
      withUnsafeBytes(of: element) { bytes in
        guard let base = bytes.baseAddress else { return }
        fill(frame.operands[1] + range.lowerBound * size, base, size, range.count)
      }
    }
    let tasks = request.tasks(input.count, units: rows)
    let copying = PreparedKernel.Stage(tasks: tasks) { [offset, strides] frame, task in
      for row in part(task, of: tasks, rows) {
        var (rest, place) = (row, offset)
        for axis in outer.indices.reversed() {
          place += rest % outer[axis] * strides[axis]
          rest /= outer[axis]
        }
        let source = frame.operands[0] + row * columns * size
        let target = frame.operands[1] + place * size
        if step == 1 {
          memcpy(target, source, columns * size)
        } else {
          for column in 0..<columns {
            memcpy(target + column * step * size, source + column * size, size)
          }
        }
      }
    }
    return PreparedKernel(stages: [filling, copying])
  }

  /// The operands one after the other along an axis.
  package static let concatenate: Primitive = Primitive(
    "concatenate", attributes: [AttributeSpec("axis", .int)],
    derivative: .custom(
      vjp: { graph, node, cotangents in
        guard let cotangent = cotangents[0] else { return node.inputs.map { _ in nil } }
        let axis = node.attributes.int("axis")
        var start = 0
        return try node.inputs.map { input in
          let stop = start + graph.shape(of: input)[axis]
          defer { start = stop }
          return try graph.slice(cotangent, axis: axis, start, stop)
        }
      },
      jvp: { graph, node, tangents in
        if tangents.allSatisfy({ $0 == nil }) { return [nil] }
        let parts = try zip(node.inputs, tangents).map { input, tangent in
          try tangent ?? graph.zeros(like: input)
        }
        return [try graph.concatenate(parts, axis: node.attributes.int("axis"))]
      }),
    kernel: .buffer(prepare: prepareConcatenate), batching: .axis,
    samples: [
      Sample([.init([3]), .init([2])], ["axis": .int(0)]),
      Sample([.init([2, 3]), .init([2, 1]), .init([2, 0])], ["axis": .int(1)]),
      Sample([.init([2, 3, 2]), .init([1, 3, 2])], ["axis": .int(0)]),
      Sample([.init([2, 2])], ["axis": .int(1)]),
    ]
  ) { inputs, attributes in
    guard let first = inputs.first else {
      throw BettyError.type("concatenate: takes at least one operand, got 0")
    }
    let axis = try Rules.axis(attributes, first, "concatenate")
    var length = 0
    for input in inputs {
      guard input.dtype == first.dtype, input.rank == first.rank,
        input.shape.indices.allSatisfy({ $0 == axis || input.shape[$0] == first.shape[$0] })
      else {
        throw BettyError.value(
          "concatenate: operands differ outside axis \(axis), got \(first) and \(input)")
      }
      length = try Rules.add(length, input.shape[axis], "concatenate")
    }
    return [try TensorType(first.dtype, first.shape.replacing(axis, with: length))]
  }

  @Sendable private static func prepareConcatenate(
    _ request: KernelRequest
  ) throws -> PreparedKernel {
    let output = request.outputs[0]
    let axis = request.attributes.int("axis")
    let split = AxisSplit(output.shape, axis)
    let size = output.dtype.size
    let rowBytes = split.length * split.inner * size
    let bytes = request.inputs.map { $0.shape[axis] * split.inner * size }
    var starts: [Int] = []
    var start = 0
    for count in bytes {
      starts.append(start)
      start += count
    }
    // One unit of work is one operand's part of one outer index.
    let operands = bytes.count
    let units = output.count == 0 ? 0 : split.outer * operands
    let tasks = request.tasks(output.count, units: units)
    return PreparedKernel(tasks: tasks) { [starts] frame, task in
      let out = frame.operands[operands]
      for unit in part(task, of: tasks, units) {
        let (outer, operand) = unit.quotientAndRemainder(dividingBy: operands)
        memcpy(
          out + outer * rowBytes + starts[operand],
          frame.operands[operand] + outer * bytes[operand], bytes[operand])
      }
    }
  }
}
