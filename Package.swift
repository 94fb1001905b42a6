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
  let features = (fma ? ["BETTY_FMA"] : []) + (march == "x86-64-v4" ? ["BETTY_AVX512"] : [])
  return [
    .unsafeFlags(["-O", "-wmo", "-num-threads", "2"] + flags.flatMap { ["-Xcc", $0] })
  ] + features.map { .define($0) }
}

/// Copies of the kernels to build. All are shipped; BETTY_KERNELS=v3 saves two thirds of the time of a build
/// for this processor alone.
let marches: [(name: String, settings: [SwiftSetting])] = [
  ("Base", kernels("x86-64", fma: false)),
  ("V3", kernels("x86-64-v3")),
  (
    "V4",
    kernels("x86-64-v4", extra: ["-mavx512bf16", "-mprefer-vector-width=512"])
      + [.define("BETTY_WIDE")]
  ),
]
let copies = marches.filter { march in
  guard let wanted = Context.environment["BETTY_KERNELS"], wanted != "all" else { return true }
  return wanted.split(separator: ",").contains { $0 == march.name.lowercased() }
}
let copyNames = copies.map { "BettyKernels\($0.name)" }

/// Exclusive access is checked in debug builds, which the tests are; a check at run time costs a step of
/// ten operations as much as one of them.
let engine: [SwiftSetting] = [
  .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))
]
let pure: [SwiftSetting] =
  engine + [.strictMemorySafety(), .unsafeFlags(["-Werror", "StrictMemorySafety"])]
/// `make install` names the library by its major version; everywhere else it is plain libbetty.so.
let soname = Context.environment["BETTY_SONAME"].map { ["-Xlinker", "-soname=\($0)"] } ?? []

/// With BETTY_SYMBOLS the library keeps its names, for profilers and valgrind; debug information goes.
let strip = Context.environment["BETTY_SYMBOLS"] == nil ? "-s" : "-S"

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
      name: "BettyKernels",
      dependencies: (copyNames + ["BettyKernelInterface", "CBettySupport", "COpenBLAS"]).map {
        .byName(name: $0)
      },
      swiftSettings: copies.map { .define("BETTY_KERNELS_\($0.name.uppercased())") }),
    .target(name: "BettyGraph", dependencies: ["BettyKernels", "BettyKernelInterface"]),
    .target(
      name: "BettyTransform", dependencies: ["BettyGraph", "BettyKernelInterface"],
      swiftSettings: pure),
    .target(
      name: "BettyRuntime",
      dependencies: ["BettyGraph", "BettyKernels", "BettyKernelInterface", "CBettySupport"],
      swiftSettings: engine),
    .target(
      name: "BettyMLO",
      dependencies: ["BettyTransform", "BettyRuntime", "BettyGraph", "BettyKernelInterface"],
      swiftSettings: pure),
    .target(
      name: "BettyC",
      dependencies: [
        "BettyMLO", "BettyTransform", "BettyRuntime", "BettyGraph", "BettyKernels",
        "BettyKernelInterface", "CBettySupport",
      ], swiftSettings: engine),
    .target(
      name: "BettyLibrary", dependencies: ["BettyC"], exclude: ["betty.map", "link"],
      swiftSettings: [.unsafeFlags(["-static-stdlib"])],
      linkerSettings: [
        .unsafeFlags(
          [
            "-static-stdlib", "-L\(library)/link", "-Xclang-linker", "-static-libgcc",
            "-Xlinker", "--version-script=\(library)/betty.map", "-Xlinker", strip,
          ] + soname)
      ]),
    tests(of: "BettyKernels", copyNames),
    tests(of: "BettyGraph", ["BettyKernels"]),
    tests(of: "BettyTransform", ["BettyRuntime", "BettyGraph", "BettyKernels"]),
    tests(of: "BettyRuntime", ["BettyTransform", "BettyGraph", "BettyKernels"]),
    tests(of: "BettyMLO", ["BettyTransform", "BettyRuntime", "BettyGraph", "BettyKernels"]),
  ]
    + copies.map {
      .target(
        name: "BettyKernels\($0.name)", dependencies: ["BettyKernelInterface", "CBettySupport"],
        swiftSettings: $0.settings)
    },
  swiftLanguageModes: [.v6]
)
