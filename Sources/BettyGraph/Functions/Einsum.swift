// einsum: sums of products named by letters. Operands are joined from left to right, each pair by
// one batched matrix product: letters that a later operand or the result needs stay, the rest are
// summed as soon as they can be. Invariant: between joins a term has each of its letters once.

import BettyKernelInterface

extension Functions {
  static let einsums: [FunctionEntry] = [
    FunctionEntry(
      "einsum", ["operands*"], [AttributeSpec("equation", .string)],
      doc: "Sums of products of operands, their dimensions named by letters: 'bij,bjk->bik'",
      samples: sample([2, 3], [3, 4], at: ["equation": .string("ij,jk->ik")])
        + sample([3, 3], at: ["equation": .string("ii")])
    ) { b, x, attributes in
      let values = x.rest.map(\.value)
      try b.needSameType(values)
      let equation = try b.einsumEquation(attributes.string("equation"), values)
      return try b.einsum(values, equation)
    }
  ]
}

/// An equation with the dimensions of an ellipsis given letters of their own.
struct EinsumEquation {
  var terms: [[Character]]
  var result: [Character]
}

private struct EinsumTerm {
  var value: Value
  var letters: [Character]
}

extension Builder {
  func einsumEquation(_ text: String, _ values: [Value]) throws -> EinsumEquation {
    let sides = text.filter { $0 != " " }.split(separator: ">", omittingEmptySubsequences: false)
    let hasResult = sides.count == 2 && sides[0].last == "-"
    guard sides.count == 1 || hasResult else {
      throw fail(.runtime, "equation must have one arrow at most, got '\(text)'")
    }
    let left = hasResult ? sides[0].dropLast() : sides[0]
    let parts = left.split(separator: ",", omittingEmptySubsequences: false)
    guard parts.count == values.count, !values.isEmpty else {
      throw fail(
        .runtime, "equation '\(text)' has \(parts.count) terms for \(values.count) operands")
    }
    var longest = 0
    let terms = try zip(parts, values).map { part, value in
      let (letters, dots) = try einsumLetters(part, rank: rank(value), text)
      longest = max(longest, dots)
      return letters
    }
    let dots = (0..<longest).map { Self.dot($0) }.reversed()
    if hasResult {
      var (result, given) = try einsumLetters(sides[1], rank: nil, text)
      if given == 1, let place = result.firstIndex(of: ".") {
        result.replaceSubrange(place...place, with: dots)
        given = longest
      }
      guard Set(result).count == result.count,
        result.allSatisfy({ letter in terms.contains { $0.contains(letter) } })
      else { throw fail(.runtime, "result of '\(text)' must name letters of the terms once") }
      return EinsumEquation(terms: terms, result: result)
    }
    // Without an arrow: the ellipsis, then the letters that occur once, in order.
    var counts: [Character: Int] = [:]
    for letter in terms.joined() where letter.isLetter { counts[letter, default: 0] += 1 }
    let once = counts.filter { $0.value == 1 }.keys.sorted()
    return EinsumEquation(terms: terms, result: dots + once)
  }

  /// The name of a dimension of the ellipsis, counted from its end.
  private static func dot(_ place: Int) -> Character {
    Unicode.Scalar(UInt32(0xE000 + place % 0x1000)).map(Character.init) ?? "."
  }

  /// Letters of one side; an ellipsis takes the dimensions that the letters leave, or is "." where
  /// the rank is not known. Gives how many dimensions it has.
  private func einsumLetters(
    _ part: Substring, rank: Int?, _ text: String
  ) throws -> (letters: [Character], dots: Int) {
    var (letters, rest, dots): ([Character], Substring, Int) = ([], part, 0)
    let named = part.filter(\.isLetter).count
    while let next = rest.first {
      if rest.hasPrefix("..."), dots == 0 {
        rest = rest.dropFirst(3)
        dots = rank.map { $0 - named } ?? 1
        guard dots >= 0 else { break }
        letters += rank == nil ? ["."] : (0..<dots).reversed().map { Self.dot($0) }
        continue
      }
      guard next.isASCII, next.isLetter else {
        throw fail(.runtime, "unexpected '\(next)' in equation '\(text)'")
      }
      letters.append(next)
      rest = rest.dropFirst()
    }
    guard rank == nil || letters.count == rank else {
      throw fail(
        .runtime, "term '\(part)' of '\(text)' does not fit an operand of \(rank ?? 0) dimensions")
    }
    return (letters, dots)
  }

  mutating func einsum(_ values: [Value], _ equation: EinsumEquation) throws -> Value {
    var lengths: [Character: Int] = [:]
    for (value, letters) in zip(values, equation.terms) {
      for (letter, length) in zip(letters, shape(value)) {
        let known = lengths[letter] ?? 1
        guard known == length || known == 1 || length == 1 else {
          throw fail(
            .runtime, "dimension '\(letter)' is \(known) and \(length), got \(list(values))")
        }
        lengths[letter] = known == 1 ? length : known
      }
    }
    var terms = try zip(values, equation.terms).map { value, letters in
      let wide = try broadcast(value, to: letters.map { lengths[$0] ?? 1 })
      return try diagonal(EinsumTerm(value: wide, letters: letters))
    }
    while terms.count > 1 {
      let later = Set(terms.dropFirst(2).flatMap(\.letters) + equation.result)
      let joined = try join(
        summed(terms[0], keeping: later.union(terms[1].letters)),
        summed(terms[1], keeping: later.union(terms[0].letters)), later)
      terms.replaceSubrange(0..<2, with: [joined])
    }
    let last = try summed(terms[0], keeping: Set(equation.result))
    let order = equation.result.compactMap { last.letters.firstIndex(of: $0) }
    return try permute(last.value, order)
  }

  /// A letter that occurs twice names a diagonal.
  private mutating func diagonal(_ term: EinsumTerm) throws -> EinsumTerm {
    var term = term
    while let second = term.letters.indices.first(where: {
      term.letters[..<$0].contains(term.letters[$0])
    }) {
      let letter = term.letters[second]
      let first = term.letters.firstIndex(of: letter) ?? second
      let rest = term.letters.indices.filter { $0 != first && $0 != second }
      term.value = try diagonal(permute(term.value, rest + [first, second]), 0)
      term.letters = rest.map { term.letters[$0] } + [letter]
    }
    return term
  }

  private mutating func summed(
    _ term: EinsumTerm, keeping kept: Set<Character>
  ) throws -> EinsumTerm {
    let axes = term.letters.indices.filter { !kept.contains(term.letters[$0]) }
    if axes.isEmpty { return term }
    return EinsumTerm(
      value: try reduce(P.sum, term.value, axes), letters: term.letters.filter(kept.contains))
  }

  /// One batched product: shared letters that are needed later are the batch, the others are
  /// summed.
  private mutating func join(
    _ left: EinsumTerm, _ right: EinsumTerm, _ later: Set<Character>
  ) throws -> EinsumTerm {
    let shared = left.letters.filter(right.letters.contains)
    let batch = shared.filter(later.contains)
    let inner = shared.filter { !later.contains($0) }
    let rows = left.letters.filter { !shared.contains($0) }
    let columns = right.letters.filter { !shared.contains($0) }
    func axes(_ term: EinsumTerm, _ letters: [Character]) -> [Int] {
      letters.compactMap { term.letters.firstIndex(of: $0) }
    }
    func lengths(_ term: EinsumTerm, _ letters: [Character]) -> [Int] {
      axes(term, letters).map { shape(term.value)[$0] }
    }
    let (outer, height, width) = (
      lengths(left, batch), lengths(left, rows), lengths(right, columns)
    )
    let depth = lengths(left, inner).product
    let first = try reshape(
      permute(left.value, axes(left, batch + rows + inner)),
      outer + [height.product, depth])
    let second = try reshape(
      permute(right.value, axes(right, batch + inner + columns)),
      outer + [depth, width.product])
    let product =
      inner.isEmpty ? try multiply(first, second) : try self.product(first, second)
    return EinsumTerm(
      value: try reshape(product, outer + height + width), letters: batch + rows + columns)
  }
}
