// Elementary functions, lane by lane through the C library.

import BettyKernelInterface
import Glibc

extension F32: FloatElement {
  @inline(always) static func exp(_ x: Vector) -> Vector {
    var y = x
    for i in 0..<x.scalarCount { y[i] = Glibc.exp(x[i]) }
    return y
  }
  @inline(always) static func expm1(_ x: Vector) -> Vector {
    var y = x
    for i in 0..<x.scalarCount { y[i] = Glibc.expm1(x[i]) }
    return y
  }
  @inline(always) static func log(_ x: Vector) -> Vector {
    var y = x
    for i in 0..<x.scalarCount { y[i] = Glibc.log(x[i]) }
    return y
  }
  @inline(always) static func log1p(_ x: Vector) -> Vector {
    var y = x
    for i in 0..<x.scalarCount { y[i] = Glibc.log1p(x[i]) }
    return y
  }
  @inline(always) static func tanh(_ x: Vector) -> Vector {
    var y = x
    for i in 0..<x.scalarCount { y[i] = Glibc.tanh(x[i]) }
    return y
  }
  @inline(always) static func erf(_ x: Vector) -> Vector {
    var y = x
    for i in 0..<x.scalarCount { y[i] = Glibc.erf(x[i]) }
    return y
  }
  @inline(always) static func sin(_ x: Vector) -> Vector {
    var y = x
    for i in 0..<x.scalarCount { y[i] = Glibc.sin(x[i]) }
    return y
  }
  @inline(always) static func cos(_ x: Vector) -> Vector {
    var y = x
    for i in 0..<x.scalarCount { y[i] = Glibc.cos(x[i]) }
    return y
  }
  @inline(always) static func sum(_ x: Vector) -> Scalar {
    let a = x.lowHalf + x.highHalf
    let b = a.lowHalf + a.highHalf
    let c = b.lowHalf + b.highHalf
    return c.x + c.y
  }
  @inline(always) static func pow(_ a: Scalar, _ b: Scalar) -> Scalar { Glibc.pow(a, b) }
  @inline(always) static func atan2(_ a: Scalar, _ b: Scalar) -> Scalar { Glibc.atan2(a, b) }
  @inline(always) static func fmod(_ a: Scalar, _ b: Scalar) -> Scalar { Glibc.fmod(a, b) }
  @inline(always) static func log(_ x: Scalar) -> Scalar { Glibc.log(x) }
}

extension F64: FloatElement {
  @inline(always) static func exp(_ x: Vector) -> Vector {
    var y = x
    for i in 0..<x.scalarCount { y[i] = Glibc.exp(x[i]) }
    return y
  }
  @inline(always) static func expm1(_ x: Vector) -> Vector {
    var y = x
    for i in 0..<x.scalarCount { y[i] = Glibc.expm1(x[i]) }
    return y
  }
  @inline(always) static func log(_ x: Vector) -> Vector {
    var y = x
    for i in 0..<x.scalarCount { y[i] = Glibc.log(x[i]) }
    return y
  }
  @inline(always) static func log1p(_ x: Vector) -> Vector {
    var y = x
    for i in 0..<x.scalarCount { y[i] = Glibc.log1p(x[i]) }
    return y
  }
  @inline(always) static func tanh(_ x: Vector) -> Vector {
    var y = x
    for i in 0..<x.scalarCount { y[i] = Glibc.tanh(x[i]) }
    return y
  }
  @inline(always) static func erf(_ x: Vector) -> Vector {
    var y = x
    for i in 0..<x.scalarCount { y[i] = Glibc.erf(x[i]) }
    return y
  }
  @inline(always) static func sin(_ x: Vector) -> Vector {
    var y = x
    for i in 0..<x.scalarCount { y[i] = Glibc.sin(x[i]) }
    return y
  }
  @inline(always) static func cos(_ x: Vector) -> Vector {
    var y = x
    for i in 0..<x.scalarCount { y[i] = Glibc.cos(x[i]) }
    return y
  }
  @inline(always) static func sum(_ x: Vector) -> Scalar {
    let a = x.lowHalf + x.highHalf
    let b = a.lowHalf + a.highHalf
    return b.x + b.y
  }
  @inline(always) static func pow(_ a: Scalar, _ b: Scalar) -> Scalar { Glibc.pow(a, b) }
  @inline(always) static func atan2(_ a: Scalar, _ b: Scalar) -> Scalar { Glibc.atan2(a, b) }
  @inline(always) static func fmod(_ a: Scalar, _ b: Scalar) -> Scalar { Glibc.fmod(a, b) }
  @inline(always) static func log(_ x: Scalar) -> Scalar { Glibc.log(x) }
}
