// Exact derivatives through the optimizer steps of an inner loop, in reverse mode: vᵀ dθ_T/dλ, one adjoint
// step for each optimizer step. The work is Tape's.

struct Iterative: UnrolledMethod {
  static let name = "iterative"
  static let options = [
    MethodOption("iterative_truncation", 0, .count(1_000_000_000)),
    MethodOption("iterative_checkpoint", 0, .flag),
  ]

  /// Steps that are differentiated, from the last one back; 0 is all.
  let truncation: Int
  let checkpoints: Bool

  init(_ options: MethodOptions) {
    truncation = options.count("iterative_truncation")
    checkpoints = options.flag("iterative_checkpoint")
  }

  func trace(of problem: Problem) -> any Trace {
    Tape(problem, truncation: truncation, checkpoints: checkpoints)
  }
}
