// Promotion against PyTorch's tables (torch.result_type, 2.x) and broadcasting.

import BettyKernelInterface
import Testing

@testable import BettyGraph

@Suite struct FunctionPromotionTests {
  /// Rows and columns in the order of DType.allCases.
  private static func table(_ rows: String) -> [[DType]] {
    rows.split(separator: "\n").map { row in
      row.split(separator: " ").compactMap { DType(name: String($0)) }
    }
  }

  private static let tensorAndTensor = table(
    """
    f64 f64 f64 f64 f64 f64 f64 f64
    f64 f32 f32 f32 f32 f32 f32 f32
    f64 f32 bf16 f32 bf16 bf16 bf16 bf16
    f64 f32 f32 f16 f16 f16 f16 f16
    f64 f32 bf16 f16 i64 i64 i64 i64
    f64 f32 bf16 f16 i64 i32 i32 i32
    f64 f32 bf16 f16 i64 i32 u8 u8
    f64 f32 bf16 f16 i64 i32 u8 bool
    """)

  private static let tensorAndScalar = table(
    """
    f64 f64 f64 f64 f64 f64 f64 f64
    f32 f32 f32 f32 f32 f32 f32 f32
    bf16 bf16 bf16 bf16 bf16 bf16 bf16 bf16
    f16 f16 f16 f16 f16 f16 f16 f16
    f64 f32 bf16 f16 i64 i64 i64 i64
    f64 f32 bf16 f16 i32 i32 i32 i32
    f64 f32 bf16 f16 u8 u8 u8 u8
    f64 f32 bf16 f16 i64 i32 u8 bool
    """)

  /// With a float, an int and a bool.
  private static let tensorAndNumber = table(
    """
    f64 f64 f64
    f32 f32 f32
    bf16 bf16 bf16
    f16 f16 f16
    f32 i64 i64
    f32 i32 i32
    f32 u8 u8
    f32 i64 bool
    """)

  /// The type of `where(mask, a, b)`, which promotes and is defined for every type.
  private func promoted(_ a: OperandType, _ b: OperandType) throws -> DType {
    let function = try #require(Functions.named("where"))
    let mask = OperandType(try type(.bool))
    return try Functions.template(function, [mask, a, b]).outputTypes[0].dtype
  }

  @Test(arguments: DType.allCases, DType.allCases)
  func tensorsOfTwoTypes(_ a: DType, _ b: DType) throws {
    let (row, column) = (Int(a.rawValue), Int(b.rawValue))
    let (vector, other) = try (OperandType(type(a, 2)), OperandType(type(b, 2)))
    #expect(try promoted(vector, other) == Self.tensorAndTensor[row][column])
    let scalar = try OperandType(type(b))
    #expect(try promoted(vector, scalar) == Self.tensorAndScalar[row][column])
    #expect(try promoted(scalar, vector) == Self.tensorAndScalar[row][column])
    #expect(
      try promoted(OperandType(type(a)), scalar) == Self.tensorAndTensor[row][column])
  }

  @Test(arguments: DType.allCases)
  func tensorAndNumber(_ dtype: DType) throws {
    for (column, number) in [DType.f64, .i64, .bool].enumerated() {
      let expected = Self.tensorAndNumber[Int(dtype.rawValue)][column]
      #expect(try promoted(OperandType(type(dtype, 2)), .number(number)) == expected)
      #expect(try promoted(.number(number), OperandType(type(dtype))) == expected)
    }
  }

  @Test func numbersAmongThemselves() throws {
    #expect(try promoted(.number(.f64), .number(.i64)) == .f32)
    #expect(try promoted(.number(.bool), .number(.i64)) == .i64)
    #expect(try promoted(.number(.bool), .number(.bool)) == .bool)
  }

  @Test(arguments: [
    ([2, 3], [3], [2, 3]), ([2, 1], [1, 3], [2, 3]), ([], [2], [2]), ([0, 3], [1, 3], [0, 3]),
    ([1], [0], [0]), ([4, 1, 3], [2, 1], [4, 2, 3]),
  ])
  func broadcasts(_ a: [Int], _ b: [Int], _ both: [Int]) {
    #expect(broadcastShape(a, b) == both)
    #expect(broadcastShape(b, a) == both)
  }

  @Test(arguments: [([2], [3]), ([2, 3], [2]), ([0], [2]), ([4, 2], [3, 1, 3])])
  func doesNotBroadcast(_ a: [Int], _ b: [Int]) {
    #expect(broadcastShape(a, b) == nil)
  }
}
