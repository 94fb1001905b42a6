// Every primitive, by family. The one list: tests, text form, stubs and the C interface read it.

package enum Registry {
  package static let primitives: [Primitive] =
    []

  private static let byName: [String: Primitive] = Dictionary(
    uniqueKeysWithValues: primitives.map { ($0.name, $0) })

  package static func primitive(named name: String) -> Primitive? { byName[name] }
}
