// swift-tools-version:6.2
// One library, libbetty.so, made of layers: every target lists all it may import, and the build
// fails on an import it does not list (-explicit-target-dependency-import-check error).
import PackageDescription

let root = Context.packageDirectory
let library = "\(root)/Sources/BettyLibrary"

/// The pthread build of OpenBLAS; its initialiser reads the environment through our getenv wrapper.
let openBLAS =
  Context.environment["BETTY_OPENBLAS"]
  ?? "/usr/lib/x86_64-linux-gnu/openblas-pthread/libopenblas.a"

/// Kernels are optimised in every configuration: an unoptimised SIMD loop is 100 times slower.
/// `-fno-math-errno` turns squareRoot() into the instruction instead of sixteen calls.
/// Generic loops are compiled for their operation only when the whole module is seen at once, and with
/// -num-threads each file still has the object that a debug build looks for.
func kernels(_ march: String, extra: [String] = [], fma: Bool = true) -> [SwiftSetting] {
  let flags = ["-march=\(march)", "-fno-math-errno"] + extra
  return [
    .unsafeFlags(["-O", "-wmo", "-num-threads", "2"] + flags.flatMap { ["-Xcc", $0] })
  ] + (fma ? [.define("BETTY_FMA")] : [])
}

let pure: [SwiftSetting] = [
  .strictMemorySafety(), .unsafeFlags(["-Werror", "StrictMemorySafety"]),
]
/// `make install` names the library by its major version; everywhere else it is plain libbetty.so.
let soname = Context.environment["BETTY_SONAME"].map { ["-Xlinker", "-soname=\($0)"] } ?? []

/// C functions of ours are for our own layers: only BettyC exports.
let hidden: [CSetting] = [.unsafeFlags(["-fvisibility=hidden"])]

/// Tests may look at every layer below the one they test, and compute with what they build.
func tests(of target: String, _ below: [String]) -> Target {
  let bottom = ["BettyKernelInterface", "CBettySupport", "COpenBLAS"]
  return .testTarget(
    name: "\(target)Tests",
    dependencies: ([target] + below + bottom).map { .byName(name: $0) })
}

let package = Package(
  name: "betty",
  products: [.library(name: "betty", type: .dynamic, targets: ["BettyLibrary"])],
  targets: [
    .target(name: "CBettySupport", cSettings: hidden),
    .target(
      name: "COpenBLAS", cSettings: hidden,
      linkerSettings: [
        .unsafeFlags(["-Xlinker", "--wrap=getenv", "-Xlinker", openBLAS, "-lm", "-lpthread"])
      ]),
    .target(name: "BettyKernelInterface", dependencies: ["CBettySupport"]),
    .target(
      name: "BettyKernelsBase", dependencies: ["BettyKernelInterface", "CBettySupport"],
      swiftSettings: kernels("x86-64", fma: false)),
    .target(
      name: "BettyKernelsV3", dependencies: ["BettyKernelInterface", "CBettySupport"],
      swiftSettings: kernels("x86-64-v3")),
    .target(
      name: "BettyKernelsV4", dependencies: ["BettyKernelInterface", "CBettySupport"],
      swiftSettings: kernels(
        "x86-64-v4", extra: ["-mavx512bf16", "-mprefer-vector-width=512"])),
    .target(
      name: "BettyKernels",
      dependencies: [
        "BettyKernelInterface", "BettyKernelsBase", "BettyKernelsV3", "BettyKernelsV4",
        "CBettySupport", "COpenBLAS",
      ]),
    .target(name: "BettyGraph", dependencies: ["BettyKernels", "BettyKernelInterface"]),
    .target(
      name: "BettyTransform", dependencies: ["BettyGraph", "BettyKernelInterface"],
      swiftSettings: pure),
    .target(
      name: "BettyRuntime",
      dependencies: ["BettyGraph", "BettyKernels", "BettyKernelInterface", "CBettySupport"]),
    .target(
      name: "BettyMLO",
      dependencies: ["BettyTransform", "BettyRuntime", "BettyGraph", "BettyKernelInterface"],
      swiftSettings: pure),
    .target(
      name: "BettyC",
      dependencies: [
        "BettyMLO", "BettyTransform", "BettyRuntime", "BettyGraph", "BettyKernels",
        "BettyKernelInterface", "CBettySupport",
      ]),
    .target(
      name: "BettyLibrary", dependencies: ["BettyC"], exclude: ["betty.map", "link"],
      swiftSettings: [.unsafeFlags(["-static-stdlib"])],
      linkerSettings: [
        .unsafeFlags(
          [
            "-static-stdlib", "-L\(library)/link", "-Xclang-linker", "-static-libgcc",
            "-Xlinker", "--version-script=\(library)/betty.map", "-Xlinker", "-s",
          ] + soname)
      ]),
    tests(of: "BettyKernels", ["BettyKernelsBase", "BettyKernelsV3", "BettyKernelsV4"]),
    tests(of: "BettyGraph", ["BettyKernels"]),
    tests(of: "BettyTransform", ["BettyRuntime", "BettyGraph", "BettyKernels"]),
    tests(of: "BettyRuntime", ["BettyTransform", "BettyGraph", "BettyKernels"]),
    tests(of: "BettyMLO", ["BettyTransform", "BettyRuntime", "BettyGraph", "BettyKernels"]),
    tests(of: "BettyC", ["BettyMLO", "BettyTransform", "BettyRuntime", "BettyGraph"]),
  ],
  swiftLanguageModes: [.v6]
)
