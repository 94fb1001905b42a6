// Which carries of a loop are sums of low rank: matrices that iterations only change by products
// with a matrix X that stays, and that are only read in products with X. In a Neumann series over
// a network the tangent V of the first layer is one: an iteration reads X Vᵀ and adds Dᵀ X, X the
// batch. Invariant: what is found can be told from X Xᵀ, the D and the start alone.

import BettyGraph
import BettyKernelInterface

/// How a group of carries and its matrix X lie. In what follows X is [b, n] and a carry [m, n].
struct FactorPlace: Hashable {
  /// X in the body; it depends on constants of the loop only.
  let factor: Value
  /// The axis of X that is n, and that of the carries.
  let factorAxis: Int
  let carryAxis: Int
}

/// A value of the body as Σ weight · carry + Σ weight · product, the products being Dᵀ X.
struct LinearForm {
  var carries: [Int: Double] = [:]
  var products: [Int: Double] = [:]

  /// Whether something has no weight: 0 times infinity is not to be forgotten.
  var isPartlyZero: Bool {
    carries.values.contains(0) || products.values.contains(0)
  }

  func scaled(by factor: Double) -> LinearForm {
    LinearForm(
      carries: carries.mapValues { $0 * factor }, products: products.mapValues { $0 * factor })
  }

  func adding(_ other: LinearForm) -> LinearForm {
    LinearForm(
      carries: carries.merging(other.carries, uniquingKeysWith: +),
      products: products.merging(other.products, uniquingKeysWith: +))
  }
}

/// A matrix product with one operand that stays.
struct FactorProduct {
  let place: FactorPlace
  /// The other operand, and the axis of it that is not summed over.
  let other: Value
  let otherAxis: Int
  /// Whether the operand that stays is the second.
  let isSecond: Bool
}

struct FactoredCarries {
  let body: Graph
  /// The carries that are found, and where each has its X.
  private(set) var places: [Int: FactorPlace] = [:]
  /// By value: its form, if it has one.
  private(set) var forms: [LinearForm?] = []
  private let count: Int
  private var stays: [Bool]
  private var isCandidate: [Bool]

  /// nil if there are none.
  init?(_ loop: Node) {
    guard let body = loop.attributes.graph("body"), loop.attributes.int("count") > 1,
      loop.attributes.int("until", default: -1) < 0
    else { return nil }
    self.body = body
    count = loop.attributes.int("carries")
    stays = [Bool](repeating: false, count: body.types.count)
    for input in body.inputs.dropFirst(1 + count) { stays[input.index] = true }
    isCandidate = body.inputs.dropFirst().prefix(count).map {
      let type = body.type(of: $0)
      return type.shape.count == 2 && (type.dtype == .f32 || type.dtype == .f64)
    }
    for node in body.nodes where node.inputs.allSatisfy({ stays[$0.index] }) {
      for result in node.results { stays[result] = true }
    }
    // Without one carry others may no longer be sums of what is found.
    while isCandidate.contains(true) {
      let before = isCandidate
      trace()
      if isCandidate == before { break }
    }
    guard isCandidate.contains(true) else { return nil }
  }

  private mutating func trace() {
    places = [:]
    forms = [LinearForm?](repeating: nil, count: body.types.count)
    for carry in 0..<count where isCandidate[carry] {
      forms[body.inputs[1 + carry].index] = LinearForm(carries: [carry: 1])
    }
    for node in body.nodes {
      if let form = form(of: node), !form.isPartlyZero {
        forms[node.results.lowerBound] = form
      } else {
        read(by: node)
      }
    }
    for (carry, output) in body.outputs.enumerated() {
      let form = forms[output.index]
      if isCandidate[carry], let form {
        settle(form, with: [carry])
      } else {
        drop(form?.carries.keys.map { $0 } ?? [])
        isCandidate[carry] = false
      }
    }
    // A form that was settled while its carries had no X may have got more than one since.
    for carry in 0..<count where isCandidate[carry] {
      let form = forms[body.outputs[carry].index]
      if form.map({ wanted(by: $0, with: [carry]).count }) != 1 || places[carry] == nil {
        drop([carry])
      }
    }
  }

  private func form(of node: Node) -> LinearForm? {
    guard node.results.count == 1 else { return nil }
    if let product = product(of: node), !stays[product.other.index],
      forms[product.other.index] == nil
    {
      return LinearForm(products: [node.results.lowerBound: 1])
    }
    let operands = node.inputs.map { forms[$0.index] }
    if node.primitive === P.neg { return operands[0]?.scaled(by: -1) }
    if node.primitive === P.mul, let place = operands.firstIndex(where: { $0 != nil }),
      let factor = Transform.constant(body, node.inputs[1 - place])
    {
      return operands[place]?.scaled(by: factor)
    }
    guard node.primitive === P.add || node.primitive === P.sub, let a = operands[0],
      let b = operands[1]
    else { return nil }
    return a.adding(node.primitive === P.sub ? b.scaled(by: -1) : b)
  }

  /// Notes that a node reads values that carries are part of: in a product with X, or in another way.
  private mutating func read(by node: Node) {
    if let product = product(of: node), let form = forms[product.other.index] {
      settle(form, at: product.readPlace)
      return
    }
    for input in node.inputs { drop(forms[input.index]?.carries.keys.map { $0 } ?? []) }
  }

  /// All carries of a form, and those it is the next value of, have one X.
  private mutating func settle(
    _ form: LinearForm, at place: FactorPlace? = nil, with more: [Int] = []
  ) {
    let carries = form.carries.keys + more
    var wanted = wanted(by: form, with: more)
    if let place { wanted.insert(place) }
    if wanted.count > 1 { return drop(carries) }
    guard let only = wanted.first else { return }
    for carry in carries { places[carry] = only }
  }

  /// The places of X in a form's products, in its carries and in those that it is the next value of.
  private func wanted(by form: LinearForm, with more: [Int]) -> Set<FactorPlace> {
    let products = form.products.keys.compactMap {
      body.node(of: Value($0)).flatMap(product)?.place
    }
    return Set((form.carries.keys + more).compactMap { places[$0] } + products)
  }

  private mutating func drop(_ carries: [Int]) {
    for carry in carries { isCandidate[carry] = false }
  }

  /// A node as a product Dᵀ X; `readPlace` is where X lies if D is a carry.
  func product(of node: Node) -> FactorProduct? {
    guard let product = MatrixProduct(node, in: body),
      let side = product.operands.firstIndex(where: { stays[$0.index] })
    else { return nil }
    return FactorProduct(
      place: FactorPlace(
        factor: product.operands[side], factorAxis: 1 - product.summed[side], carryAxis: side),
      other: product.operands[1 - side], otherAxis: 1 - product.summed[1 - side],
      isSecond: side == 1)
  }
}

extension FactorProduct {
  /// X Cᵀ sums over n where Dᵀ X sums over b.
  var readPlace: FactorPlace {
    FactorPlace(
      factor: place.factor, factorAxis: 1 - place.factorAxis, carryAxis: 1 - otherAxis)
  }
}
