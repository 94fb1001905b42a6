// Mixed precision in the hands of C: the scale of losses in fp16, and autocast for code outside problems.

import BettyGraph
import BettyKernelInterface
import BettyMLO
import BettyRuntime

@_cdecl("betty_problem_loss_scale")
public func betty_problem_loss_scale(
  _ handle: Handle?, _ outScale: UnsafeMutablePointer<Double>?,
  _ outSteps: UnsafeMutablePointer<Int64>?
) -> Int32 {
  boundary {
    let (outScale, outSteps) = (
      try given(outScale, "out_scale"), try given(outSteps, "out_steps")
    )
    let scale = try object(handle, as: ProblemBox.self).problem.lossScale
    (outScale.pointee, outSteps.pointee) = (scale.value, Int64(scale.goodSteps))
  }
}

@_cdecl("betty_problem_set_loss_scale")
public func betty_problem_set_loss_scale(
  _ handle: Handle?, _ scale: Double, _ steps: Int64
) -> Int32 {
  boundary {
    try object(handle, as: ProblemBox.self).problem.lossScale.set(scale, goodSteps: Int(steps))
  }
}

@_cdecl("betty_autocast_set")
public func betty_autocast_set(
  _ dtype: Int32, _ outBefore: UnsafeMutablePointer<Int32>?
) -> Int32 {
  boundary {
    let wanted = dtype < 0 ? nil : DType(rawValue: UInt8(clamping: dtype))
    guard dtype < 0 || wanted?.isLow == true else {
      throw BettyError.value("autocast: takes BETTY_BF16 or BETTY_F16, or -1 to turn it off")
    }
    outBefore?.pointee = Autocast.dtype.map { Int32($0.rawValue) } ?? -1
    Autocast.dtype = wanted
  }
}
