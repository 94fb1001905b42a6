// Every function's samples: the types of its results, in each floating type, and a valid graph. The
// types are PyTorch's.

import BettyKernelInterface
import Testing

@testable import BettyGraph

@Suite struct FunctionSampleTests {
  /// "types: functions with such results"; `name#1` is the second sample, `?` the type under test.
  private static let expected: [String: String] = {
    let table = """
      ?[2, 6, 3]: conv1d
      ?[2, 6, 3, 3]: conv2d
      ?[3, 3]: conv1d#1
      ?[3, 3, 3]: conv2d#1
      ?[2, 2, 8]: conv_transpose1d
      ?[2, 2, 8, 8]: conv_transpose2d
      ?[2, 3]: conv_transpose1d#1
      ?[2, 3, 3]: conv_transpose2d#1
      ?[2, 3]: add sub mul div floor_divide remainder fmod pow pow_number maximum minimum atan2 \
        lerp neg abs sign square floor ceil round trunc frac exp exp2 expm1 log log1p log2 log10 \
        sqrt rsqrt reciprocal sigmoid erf logit sin cos tan tanh sinh cosh atan asin acos clamp \
        clamp_min clamp_max where masked_fill nan_to_num cumsum cumprod outer flip roll squeeze \
        diagonal scatter_add scatter select_scatter index_put relu leaky_relu relu6 hardtanh \
        hardsigmoid hardswish threshold hardshrink softshrink prelu elu celu selu gelu silu mish \
        softplus logsigmoid softsign tanhshrink dropout softmax softmax#1 log_softmax \
        log_softmax#1 softmin softmin#1 layer_norm rms_norm normalize full zeros_like ones_like \
        full_like detach clone contiguous bernoulli
      ?[]: sum prod mean nansum logsumexp norm amax amin max min var std matmul#1 dot einsum#1 \
        trace mse_loss l1_loss smooth_l1_loss huber_loss soft_margin_loss hinge_embedding_loss \
        binary_cross_entropy binary_cross_entropy_with_logits kl_div cross_entropy nll_loss
      bool[2, 3]: eq ne lt le gt ge logical_and logical_or logical_xor logical_not isnan isinf \
        isfinite isclose
      ?[2, 1]: sum#1 prod#1 mean#1 nansum#1 logsumexp#1 norm#1 amax#1 amin#1 var#1 std#1
      ?[2, 4]: matmul linear addmm mm einsum
      ?[2]: matmul#2 linear#2 mv select diag#1 cosine_similarity
      ?[3, 2]: reshape t index_add index_copy index_fill
      f32[2, 3]: zeros ones rand randn
      f64[2, 3]: to
      ?[2, 2]: narrow gather take_along_dim glu
      ?[2, 2, 3]: unflatten stack embedding
      ?[5, 3]: embedding#1
      ?[2, 3, 2]: attention attention#3 attention_dropout
      ?[3, 2]: attention#1
      ?[2, 2, 3, 2]: attention#2
      ?[3, 3]: cat tril triu
      i64[]: argmax argmin count_nonzero
      bool[2, 1]: all#1 any#1
      bool[]: all any
      ?[2, 6]: tile repeat_interleave
      ?[3] i64[3]: max#1 min#1
      ?[4, 2, 3]: permute expand
      ?[4]: linear#1 index
      i64[3]: argmax#1 argmin#1
      i64[5]: arange randperm
      f32[3, 3]: eye
      f32[5]: linspace
      ?[1, 3]: slice
      ?[1, 6]: pad
      ?[2, 2, 4]: bmm
      ?[2, 2, 9]: repeat
      ?[2, 3, 1]: unsqueeze
      ?[2, 3] ?[2, 3]: meshgrid
      ?[2, 3] ?[2, 3] ?[1, 3]: split
      ?[2, 4, 2, 2]: matmul#3
      ?[24]: flatten
      ?[3, 3] ?[2, 3]: chunk
      ?[3, 4, 2]: movedim
      ?[3] ?[3]: unbind
      ?[4, 2]: index_select
      ?[4, 3, 2]: transpose
      ?[4, 3]: slice_scatter
      ?[4, 4]: diag
      i64[2, 1]: count_nonzero#1
      i64[2, 3]: randint
      i64[3, 4]: one_hot
      ?[2, 3, 2]: batch_norm_inference adaptive_avg_pool1d adaptive_max_pool1d
      ?[4, 3, 2] ?[3] ?[3]: batch_norm_training
      ?[2, 3, 4] ?[3] ?[3]: instance_norm_training
      ?[2, 4, 3]: group_norm
      ?[2, 3, 3]: max_pool1d avg_pool1d
      ?[2, 3, 3, 2]: max_pool2d avg_pool2d
      ?[2, 3, 2, 2]: adaptive_avg_pool2d adaptive_max_pool2d
      ?[1, 2, 5, 8]: interpolate
      ?[2, 18, 9]: unfold
      ?[2, 3, 4, 5]: fold
      ?[1, 2, 4, 6]: pixel_shuffle
      ?[1, 8, 2, 3]: pixel_unshuffle
      ?[2, 3]: asinh acosh atanh erfc erfinv sinc deg2rad rad2deg lgamma digamma polygamma xlogy \
        logaddexp logaddexp2 hypot copysign fmax fmin heaviside ldexp positive addcmul addcdiv \
        logcumsumexp fliplr flipud masked_scatter addr cross renorm put scatter_reduce \
        scatter_reduce#1 scatter_reduce#2 scatter_reduce#3 scatter_reduce#4
      f64[2, 3]: float_power
      i64[2, 3]: argsort searchsorted bucketize bitwise_and bitwise_or bitwise_xor bitwise_not \
        bitwise_left_shift bitwise_right_shift
      bool[2, 3]: signbit isposinf isneginf
      ?[2, 3] i64[2, 3]: sort cummax cummin
      ?[2, 2] i64[2, 2]: topk
      ?[3, 2]: msort rot90 adjoint cholesky_solve index_reduce linalg_solve \
        linalg_solve_triangular linalg_lstsq quantile nanquantile
      ?[2] i64[2]: kthvalue median#1 nanmedian#1 mode
      ?[]: median nanmedian quantile#1 nanquantile#1 vdot dist linalg_det logdet linalg_matrix_norm nanmean
      ?[2, 1]: nanmean#1
      ?[4]: histc take
      ?[6]: ravel pdist
      ?[2, 4, 4]: diag_embed
      ?[4, 4]: diagflat
      ?[3, 3]: diagonal_scatter matrix_power vander cov corrcoef linalg_inv linalg_cholesky \
        matrix_exp
      ?[2, 2, 3]: sliding
      ?[2, 3]: diff cumulative_trapezoid
      ?[2]: trapezoid addmv pairwise_distance
      ?[3, 2] ?[2, 2]: tensor_split
      ?[2, 6]: column_stack
      ?[2, 3, 2]: dstack
      ?[3, 5]: block_diag
      ?[2, 2, 4]: baddbmm
      ?[2, 4]: addbmm inner cdist
      ?[2, 5]: tensordot
      ?[6, 6]: kron
      ?[] ?[]: aminmax linalg_slogdet
      ?[4, 3] ?[3, 3]: linalg_qr
      ?[3] ?[3, 3]: linalg_eigh
      ?[4, 3] ?[3] ?[3, 3]: linalg_svd
      ?[3, 4]: linalg_pinv
      i64[]: linalg_matrix_rank
      ?[1, 2, 5, 2]: interpolate#1
      ?[1, 1, 2, 4]: interpolate#2
      ?[3, 3] i32[3] i64[3] i32[]: linalg_lu
      ?[4, 2] i32[2] i64[4] i32[]: linalg_lu#1
      i32[]: linalg_cholesky_info
      """
    var expected: [String: String] = [:]
    for line in table.split(separator: "\n") {
      let parts = line.split(separator: ":")
      for name in parts[1].split(separator: " ") { expected[String(name)] = String(parts[0]) }
    }
    return expected
  }()

  private static let floats: [DType] = [.f64, .f32, .bf16, .f16]

  private func template(
    _ function: Function, _ sample: Sample, _ dtype: DType
  ) throws -> Template {
    let operands = try sample.inputs.map {
      OperandType(try TensorType($0.dtype ?? dtype, $0.shape))
    }
    return try Functions.template(function, operands, sample.attributes)
  }

  @Test(arguments: Functions.all.map(\.name), floats)
  func resultTypes(_ name: String, _ dtype: DType) throws {
    let function = try #require(Functions.named(name))
    #expect(!function.samples.isEmpty)
    for (number, sample) in function.samples.enumerated() {
      let key = number == 0 ? name : "\(name)#\(number)"
      let expected = try #require(Self.expected[key], "no expectation for \(key)")
      let made = try template(function, sample, dtype)
      try made.graph.verify()
      let types = made.outputTypes.map(\.description).joined(separator: " ")
      let wanted = expected.split(separator: "?", omittingEmptySubsequences: false)
      #expect(types == wanted.joined(separator: dtype.name), "\(key)")
    }
  }

  @Test func nothingIsExpectedOfWhatIsGone() {
    var names = Set<String>()
    for function in Functions.all {
      for number in function.samples.indices {
        names.insert(number == 0 ? function.name : "\(function.name)#\(number)")
      }
    }
    #expect(Set(Self.expected.keys).subtracting(names).isEmpty)
  }

  /// What arithmetic may not meet: a storage type in a primitive that computes and is no product.
  @Test(arguments: [DType.bf16, .f16])
  func storageTypesAreOnlyMoved(_ dtype: DType) throws {
    let products = [P.matmul, P.convolution, P.convolutionInputGradient]
    let moving = Set(
      (P.movement + P.creation + products
        + [P.select, P.take, P.gather, P.indexSet, P.scatterSet]).map(\.name))
    for function in Functions.all {
      for sample in function.samples {
        let graph = try template(function, sample, dtype).graph
        for node in graph.nodes where !moving.contains(node.primitive.name) {
          let dtypes = (node.inputs + node.outputs).map { graph.dtype(of: $0) }
          #expect(!dtypes.contains(dtype), "\(function.name): \(node.primitive.name)")
        }
      }
    }
  }
}
