// Inner loops in the hands of C: saved in the middle, and taken up again.

import BettyGraph
import BettyMLO
import BettyRuntime

@_cdecl("betty_problem_loop")
public func betty_problem_loop(
  _ handle: Handle?, _ index: Int32, _ outTensor: HandleOut?
) -> Int32 {
  boundary {
    let outTensor = try given(outTensor, "out_tensor")
    let box = try problem(handle)
    if index == 0 { box.loop = try box.problem.loopState() }
    outTensor.pointee = nil
    guard box.loop.indices.contains(Int(index)) else { return box.loop = [] }
    try give(box.loop[Int(index)], to: outTensor, "out_tensor")
  }
}

@_cdecl("betty_problem_set_loop")
public func betty_problem_set_loop(
  _ handle: Handle?, _ given: HandleList?, _ count: Int32
) -> Int32 {
  boundary {
    let state = try tensors(given, count, "tensors")
    try working(handle) { try $0.setLoopState(state) }
  }
}
