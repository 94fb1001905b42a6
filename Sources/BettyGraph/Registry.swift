// Every primitive, by family. The one list: tests, text form, stubs and the C interface read it.

package enum Registry {
  package static let primitives: [Primitive] =
    P.elementwiseUnary + P.elementwiseBinary + P.comparisons + P.creation + P.movement
    + P.reductions + P.products + P.distances + P.convolutions + P.factorisations + P.indexing
    + P.ordering
    + P.special + P.random + P.losses + P.attentions + P.normalizations + P.windows + P.updates
    + P.loops + P.checks

  private static let byName: [String: Primitive] = Dictionary(
    primitives.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })

  package static func primitive(named name: String) -> Primitive? { byName[name] }
}
