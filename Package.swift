// swift-tools-version:6.2
// One library, libbetty.so, made of layers: every target lists all it may import, and the build
// fails on an import it does not list (-explicit-target-dependency-import-check error).
import PackageDescription

let root = Context.packageDirectory
let environment = Context.environment

/// Directory holding nothing but a link to libstdc++.a, so that the driver's own -lstdc++ finds it.
let staticLibraries = environment["BETTY_STATIC_LIBRARIES"] ?? "\(root)/.build/static"
/// The pthread build of OpenBLAS; its initialiser reads the environment through our getenv wrapper.
let openBLAS =
  environment["BETTY_OPENBLAS"] ?? "/usr/lib/x86_64-linux-gnu/openblas-pthread/libopenblas.a"

/// Kernels are optimised in every configuration: an unoptimised SIMD loop is 100 times slower.
/// `-fno-math-errno` turns squareRoot() into the instruction instead of sixteen calls.
func kernels(_ march: String, extra: [String] = []) -> [SwiftSetting] {
  let flags = ["-march=\(march)", "-fno-math-errno"] + extra
  return [.unsafeFlags(["-O"] + flags.flatMap { ["-Xcc", $0] })]
}

let pure: [SwiftSetting] = [
  .strictMemorySafety(), .unsafeFlags(["-Werror", "StrictMemorySafety"]),
]
let linked: [LinkerSetting] = [
  .unsafeFlags([
    "-Xlinker", "--wrap=getenv", "-Xlinker", openBLAS, "-lm", "-lpthread",
  ])
]

let package = Package(
  name: "betty",
  products: [.library(name: "betty", type: .dynamic, targets: ["BettyC"])],
  targets: [
    .target(name: "CBettySupport"),
    .target(name: "COpenBLAS"),
    .target(name: "BettyKernelInterface", dependencies: ["CBettySupport"]),
    .target(
      name: "BettyKernelsBase", dependencies: ["BettyKernelInterface", "CBettySupport"],
      swiftSettings: kernels("x86-64")),
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
      ],
      exclude: ["betty.map"],
      swiftSettings: [.unsafeFlags(["-static-stdlib"])],
      linkerSettings: linked + [
        .unsafeFlags([
          "-static-stdlib", "-L\(staticLibraries)", "-Xclang-linker", "-static-libgcc",
          "-Xlinker", "--version-script=\(root)/Sources/BettyC/betty.map", "-Xlinker", "-s",
        ])
      ]),
  ],
  swiftLanguageModes: [.v6]
)
