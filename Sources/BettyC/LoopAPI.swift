// Inner loops in the hands of C: saved in the middle, taken up again, and rehearsed.

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

@_cdecl("betty_problem_rehearse")
public func betty_problem_rehearse(_ handle: Handle?, _ steps: Int64) -> Int32 {
  boundary {
    try working(handle) {
      if steps < 0 { try $0.endRehearsal() } else { try $0.rehearse(Int(steps)) }
    }
  }
}

@_cdecl("betty_problem_pull_back")
public func betty_problem_pull_back(
  _ handle: Handle?, _ vector: HandleList?, _ count: Int32, _ upper: HandleList?,
  _ upperCount: Int32, _ out: HandleOut?
) -> Int32 {
  boundary {
    let out = try given(out, "out_tensors")
    let made = try problem(handle).problem.pullBack(
      tensors(vector, count, "vector"), to: tensors(upper, upperCount, "upper"))
    for (place, tensor) in made.enumerated() {
      if let tensor { try give(tensor, to: out + place, "out_tensors") }
    }
  }
}
