// Loops over sums of low rank (see FactoredCarries) without their large products. A carry
// C = Σ a·C₀ + Sᵀ X is carried as S [b, m] and as its product with X,
//   P = X Cᵀ,  P ← Σ weight·P + (X Xᵀ) D  where  C ← Σ weight·C + Dᵀ X,
// so an iteration multiplies with the b × b matrix X Xᵀ instead of X twice; C is made once, after the
// loop, if it is read at all. Numbers are rounded in another order, no more often than before.
// Invariant: the graph that is given back takes fewer operations, or it is the one that was given.

import BettyGraph

extension Transform {
  /// A simplified graph, simplified again if its loops could be made cheaper.
  package static func factored(_ graph: Graph) throws -> Graph {
    let found = graph.nodes.indices.reduce(into: [Int: FactoredCarries]()) { found, number in
      guard graph.nodes[number].primitive === P.repeat else { return }
      found[number] = FactoredCarries(graph.nodes[number])
    }
    if found.isEmpty { return graph }
    var pass = FactoringPass(graph, found)
    let result = try simplify(try pass.run())
    return result.operations < graph.operations ? result : graph
  }
}

/// Builds a graph again with some of its loops factored.
private struct FactoringPass {
  private let source: Graph
  private let found: [Int: FactoredCarries]
  private var result = Graph()
  private var map: [Value]
  /// By value of the source: it is `weight` times a carry's last value.
  private var multiples: [Int: (weight: Double, carry: FactoredCarry)] = [:]

  init(_ source: Graph, _ found: [Int: FactoredCarries]) {
    self.source = source
    self.found = found
    map = [Value](repeating: Value(-1), count: source.types.count)
  }

  mutating func run() throws -> Graph {
    for input in source.inputs { map[input.index] = result.addInput(source.type(of: input)) }
    for (number, node) in source.nodes.enumerated() {
      if let carries = found[number] {
        try factor(node, carries)
      } else if let value = try product(node) {
        map[node.results.lowerBound] = value
      } else {
        result.copy(node, of: source, &map)
        noteMultiple(node)
      }
    }
    result.outputs = source.outputs.map { map[$0.index] }
    return result
  }

  private mutating func factor(_ node: Node, _ carries: FactoredCarries) throws {
    let operands = node.inputs.map { map[$0.index] }
    let loop = FactoredLoop(node, carries, operands)
    guard loop.isFinite else { return result.copy(node, of: source, &map) }
    let made = try loop.append(to: &result)
    for (place, value) in made.results.enumerated() { map[node.results.lowerBound + place] = value }
    for (place, carry) in made.carries { multiples[node.results.lowerBound + place] = (1, carry) }
  }

  private mutating func noteMultiple(_ node: Node) {
    guard node.primitive === P.mul,
      let place = node.inputs.firstIndex(where: { multiples[$0.index] != nil }),
      let known = multiples[node.inputs[place].index],
      let factor = Transform.constant(source, node.inputs[1 - place])
    else { return }
    multiples[node.results.lowerBound] = (known.weight * factor, known.carry)
  }

  /// X times a multiple of a carry's last value, which the loop has made already.
  private mutating func product(_ node: Node) throws -> Value? {
    guard let product = MatrixProduct(node, in: source),
      let side = product.operands.firstIndex(where: { multiples[$0.index] != nil }),
      let (weight, carry) = multiples[product.operands[side].index],
      map[product.operands[1 - side].index] == carry.factor,
      product.summed[1 - side] == carry.place.factorAxis,
      product.summed[side] == carry.place.carryAxis
    else { return nil }
    let value = try result.scale(carry.product, weight)
    return side == 1 ? value : try result.permute(value, [1, 0])
  }
}

/// A carry after the loop: X and the product P = X Cᵀ.
private struct FactoredCarry {
  let place: FactorPlace
  let factor: Value
  let product: Value
}

private struct FactoredLoop {
  private let node: Node
  private let found: FactoredCarries
  private let operands: [Value]
  private let count: Int
  /// The carries that are factored, and those that stay.
  private let factored: [Int]
  private let others: [Int]
  private let places: [FactorPlace]
  private var body: Graph { found.body }

  init(_ node: Node, _ found: FactoredCarries, _ operands: [Value]) {
    self.node = node
    self.found = found
    self.operands = operands
    count = node.attributes.int("carries")
    factored = found.places.keys.sorted()
    others = (0..<count).filter { found.places[$0] == nil }
    places = Set(found.places.values).sorted {
      ($0.factor, $0.factorAxis, $0.carryAxis) < ($1.factor, $1.factorAxis, $1.carryAxis)
    }
  }

  func append(
    to graph: inout Graph
  ) throws -> (results: [Value], carries: [Int: FactoredCarry]) {
    var factors: [FactorPlace: Value] = [:]
    var squares: [Value] = []
    var known: [Value: Value] = [:]
    for place in places {
      let factor = outside(place.factor, &graph, &known)
      factors[place] = factor
      squares.append(
        try graph.product(factor, over: place.factorAxis, factor, over: place.factorAxis))
    }
    let products = try factored.map { carry in
      let (place, factor) = try Self.known(carry, found, factors)
      return try graph.product(
        factor, over: place.factorAxis, operands[carry], over: place.carryAxis)
    }
    let sums = try products.map { try graph.zeros(like: $0) }
    let carried = others.map { operands[$0] } + products + sums
    let constants = Array(operands[count...]) + squares
    var attributes = node.attributes
    attributes["carries"] = .int(carried.count)
    attributes["body"] = .graph(try rebuilt(carried, constants, in: graph))
    let made = try graph.apply(P.repeat, carried + constants, attributes)
    return try finish(made, factors, &graph)
  }

  private static func known(
    _ carry: Int, _ found: FactoredCarries, _ factors: [FactorPlace: Value]
  ) throws -> (FactorPlace, Value) {
    guard let place = found.places[carry], let factor = factors[place] else {
      throw BettyError.runtime("repeat: carry \(carry) is not factored")
    }
    return (place, factor)
  }

  /// What the loop's results were: C = Σ a·C₀ + Sᵀ X of the carries that are factored.
  private func finish(
    _ made: [Value], _ factors: [FactorPlace: Value], _ graph: inout Graph
  ) throws -> (results: [Value], carries: [Int: FactoredCarry]) {
    let weights = power(of: transition, node.attributes.int("count"))
    var results = [Value](repeating: Value(-1), count: count)
    for (carry, value) in zip(others, made) { results[carry] = value }
    var carries: [Int: FactoredCarry] = [:]
    for (row, carry) in factored.enumerated() {
      let (place, factor) = try Self.known(carry, found, factors)
      let sum = made[others.count + factored.count + row]
      let change =
        place.carryAxis == 1
        ? try graph.product(sum, over: 0, factor, over: 1 - place.factorAxis)
        : try graph.product(factor, over: 1 - place.factorAxis, sum, over: 0)
      let start = zip(factored, weights[row]).map { (weight: $1, value: operands[$0]) }
      results[carry] = try graph.weightedSum(start + [(1, change)]) ?? change
      carries[carry] = FactoredCarry(
        place: place, factor: factor, product: made[others.count + row])
    }
    return (results, carries)
  }

  // MARK: the body

  private func rebuilt(
    _ carried: [Value], _ constants: [Value], in graph: Graph
  ) throws -> Graph {
    var target = Graph()
    let index = target.addInput(body.type(of: body.inputs[0]))
    let inputs = (carried + constants).map { target.addInput(graph.type(of: $0)) }
    let products = inputs[others.count...].prefix(factored.count)
    let sums = inputs[(others.count + factored.count)...].prefix(factored.count)
    var terms = Terms(
      body: body, map: [Value](repeating: Value(-1), count: body.types.count),
      products: Dictionary(uniqueKeysWithValues: zip(factored, products)),
      sums: Dictionary(uniqueKeysWithValues: zip(factored, sums)),
      squares: Dictionary(uniqueKeysWithValues: zip(places, inputs.suffix(places.count))))
    terms.map[body.inputs[0].index] = index
    for (carry, input) in zip(others, inputs) { terms.map[body.inputs[1 + carry].index] = input }
    for (place, input) in zip(count..<operands.count, inputs[carried.count...]) {
      terms.map[body.inputs[1 + place].index] = input
    }
    for node in body.nodes {
      if let product = found.product(of: node), let form = found.forms[product.other.index],
        !form.carries.isEmpty
      {
        let value = try terms.product(form, at: product.readPlace, found, &target)
        terms.map[node.results.lowerBound] =
          product.isSecond ? try target.permute(value, [1, 0]) : value
      } else if found.forms[node.results.lowerBound]?.carries.isEmpty ?? true {
        target.copy(node, of: body, &terms.map)
      }
    }
    target.outputs = others.map { terms.map[body.outputs[$0].index] }
    let next = try factored.map { try terms.next(of: $0, found, &target) }
    target.outputs += next.map(\.product) + next.map(\.sum)
    return target
  }

  // MARK: weights

  /// Whether no weight after the loop is too large: what is 0 times such a carry would be no number.
  var isFinite: Bool {
    power(of: transition, node.attributes.int("count")).joined().allSatisfy(\.isFinite)
  }

  /// Row i: the weights of the factored carries in the next value of the i-th.
  private var transition: [[Double]] {
    factored.map { carry in
      let form = found.forms[body.outputs[carry].index]
      return factored.map { form?.carries[$0] ?? 0 }
    }
  }

  private func power(of matrix: [[Double]], _ exponent: Int) -> [[Double]] {
    func times(_ a: [[Double]], _ b: [[Double]]) -> [[Double]] {
      a.map { row in
        b.indices.map { column in zip(row, b).reduce(0) { $0 + $1.0 * $1.1[column] } }
      }
    }
    var (left, square) = (exponent, matrix)
    var result = matrix.indices.map { row in matrix.indices.map { $0 == row ? 1.0 : 0 } }
    while left > 0 {
      if left & 1 == 1 { result = times(result, square) }
      square = times(square, square)
      left >>= 1
    }
    return result
  }

  // MARK: terms

  /// A value of the body that stays, outside the loop; one that is there already if there is.
  private func outside(
    _ value: Value, _ graph: inout Graph, _ known: inout [Value: Value]
  ) -> Value {
    if let found = known[value] { return found }
    if let place = body.inputs.firstIndex(of: value) { return operands[place - 1] }
    guard let made = body.node(of: value) else { return value }
    let inputs = made.inputs.map { outside($0, &graph, &known) }
    let position = value.index - made.results.lowerBound
    let equal = graph.nodes.first {
      $0.primitive === made.primitive && $0.inputs == inputs && $0.attributes == made.attributes
    }
    let results =
      equal?.outputs
      ?? graph.append(
        made.primitive, inputs, made.attributes, made.results.map { body.types[$0] })
    known[value] = results[position]
    return results[position]
  }
}

/// What the values of a body are in the body without large products.
private struct Terms {
  let body: Graph
  var map: [Value]
  /// By carry: P and S; by place of X: X Xᵀ.
  let products: [Int: Value]
  let sums: [Int: Value]
  let squares: [FactorPlace: Value]

  /// X Fᵀ of a form F = Σ weight·C + Dᵀ X, that is Σ weight·P + (X Xᵀ) D.
  func product(
    _ form: LinearForm, at place: FactorPlace, _ found: FactoredCarries, _ graph: inout Graph
  ) throws -> Value {
    var terms = weighted(form.carries, products)
    if let change = try change(form, found, &graph), let square = squares[place] {
      terms.append((1, try graph.matmul(square, change)))
    }
    guard let value = try graph.weightedSum(terms) else {
      throw BettyError.runtime("repeat: a factored product has no terms")
    }
    return value
  }

  /// P and S of the next value of a carry.
  func next(
    of carry: Int, _ found: FactoredCarries, _ graph: inout Graph
  ) throws -> (product: Value, sum: Value) {
    guard let form = found.forms[body.outputs[carry].index], let place = found.places[carry] else {
      throw BettyError.runtime("repeat: carry \(carry) is not factored")
    }
    var sum = weighted(form.carries, sums)
    if let change = try change(form, found, &graph) { sum.append((1, change)) }
    return (
      try product(form, at: place, found, &graph),
      try graph.weightedSum(sum) ?? graph.zeros(like: sums[carry] ?? Value(0))
    )
  }

  /// Σ weight · D, each [b, m].
  private func change(
    _ form: LinearForm, _ found: FactoredCarries, _ graph: inout Graph
  ) throws -> Value? {
    let terms = try form.products.sorted { $0.key < $1.key }.compactMap { value, weight in
      guard let node = body.node(of: Value(value)), let product = found.product(of: node) else {
        return nil as (weight: Double, value: Value)?
      }
      let other = map[product.other.index]
      return (weight, product.otherAxis == 1 ? other : try graph.permute(other, [1, 0]))
    }
    return try graph.weightedSum(terms)
  }

  private func weighted(
    _ weights: [Int: Double], _ values: [Int: Value]
  ) -> [(weight: Double, value: Value)] {
    weights.sorted { $0.key < $1.key }.compactMap { carry, weight in
      values[carry].map { (weight, $0) }
    }
  }
}
