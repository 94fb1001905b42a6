// Exact derivatives through the optimizer steps of an inner loop, in forward mode: dθ_t/dλ is carried along,
// one tangent for each upper number. Memory does not grow with the steps. The work is Tangents'.

struct Forward: UnrolledMethod {
  static let name = "forward"
  static let options: [MethodOption] = []

  init(_ options: MethodOptions) {}

  func trace(of problem: Problem) -> any Trace { Tangents(problem) }
}
