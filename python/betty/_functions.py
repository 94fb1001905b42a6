"""Every operation as a function. Written by tools/generate_functions.py, not by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from betty._native import Tensor, dtype, float32, int64, operation

# Functions below take names of builtins; types are written with these.
Number: TypeAlias = int | float | bool
_bool = bool
_float = float
_int = int
_dtype = dtype


def _call(call, required, optional, **attributes):
    """Calls with the optional operands that are there."""
    given, omitted, missing = [], [], []
    for place, operand in enumerate(optional, len(required)):
        if operand is None:
            missing.append(place)
        else:
            omitted += missing
            missing = []
            given.append(operand)
    return call(*required, *given, omit=omitted or None, **attributes)


__all__ = [
    "abs",
    "acos",
    "acosh",
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "add",
    "addbmm",
    "addcdiv",
    "addcmul",
    "addmm",
    "addmv",
    "addr",
    "adjoint",
    "all",
    "amax",
    "amin",
    "aminmax",
    "any",
    "arange",
    "argmax",
    "argmin",
    "argsort",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "attention",
    "avg_pool1d",
    "avg_pool2d",
    "baddbmm",
    "batch_norm_inference",
    "batch_norm_training",
    "bernoulli",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "bitwise_and",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "block_diag",
    "bmm",
    "bucketize",
    "cat",
    "cdist",
    "ceil",
    "celu",
    "cholesky_solve",
    "chunk",
    "clamp",
    "clamp_max",
    "clamp_min",
    "clone",
    "column_stack",
    "contiguous",
    "conv1d",
    "conv2d",
    "conv_transpose1d",
    "conv_transpose2d",
    "copysign",
    "corrcoef",
    "cos",
    "cosh",
    "cosine_similarity",
    "count_nonzero",
    "cov",
    "cross",
    "cross_entropy",
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "cumulative_trapezoid",
    "deg2rad",
    "detach",
    "diag",
    "diag_embed",
    "diagflat",
    "diagonal",
    "diagonal_scatter",
    "diff",
    "digamma",
    "dist",
    "div",
    "dot",
    "dropout",
    "dstack",
    "einsum",
    "elu",
    "embedding",
    "eq",
    "erf",
    "erfc",
    "erfinv",
    "exp",
    "exp2",
    "expand",
    "expm1",
    "eye",
    "flatten",
    "flip",
    "fliplr",
    "flipud",
    "float_power",
    "floor",
    "floor_divide",
    "fmax",
    "fmin",
    "fmod",
    "fold",
    "frac",
    "full",
    "full_like",
    "gather",
    "ge",
    "gelu",
    "glu",
    "group_norm",
    "gt",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "heaviside",
    "hinge_embedding_loss",
    "histc",
    "huber_loss",
    "hypot",
    "index",
    "index_add",
    "index_copy",
    "index_fill",
    "index_put",
    "index_reduce",
    "index_select",
    "inner",
    "instance_norm_training",
    "interpolate",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "kl_div",
    "kron",
    "kthvalue",
    "l1_loss",
    "layer_norm",
    "ldexp",
    "le",
    "leaky_relu",
    "lerp",
    "lgamma",
    "linalg_cholesky",
    "linalg_det",
    "linalg_eigh",
    "linalg_inv",
    "linalg_lstsq",
    "linalg_matrix_norm",
    "linalg_matrix_rank",
    "linalg_pinv",
    "linalg_qr",
    "linalg_slogdet",
    "linalg_solve",
    "linalg_solve_triangular",
    "linalg_svd",
    "linear",
    "linspace",
    "log",
    "log10",
    "log1p",
    "log2",
    "log_softmax",
    "logaddexp",
    "logaddexp2",
    "logcumsumexp",
    "logdet",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "logit",
    "logsigmoid",
    "logsumexp",
    "lt",
    "masked_fill",
    "masked_scatter",
    "matmul",
    "matrix_exp",
    "matrix_power",
    "max",
    "max_pool1d",
    "max_pool2d",
    "maximum",
    "mean",
    "median",
    "meshgrid",
    "min",
    "minimum",
    "mish",
    "mm",
    "mode",
    "movedim",
    "mse_loss",
    "msort",
    "mul",
    "mv",
    "nan_to_num",
    "nanmean",
    "nanmedian",
    "nanquantile",
    "nansum",
    "narrow",
    "ne",
    "neg",
    "nll_loss",
    "norm",
    "normalize",
    "one_hot",
    "ones",
    "ones_like",
    "outer",
    "pad",
    "pairwise_distance",
    "pdist",
    "permute",
    "pixel_shuffle",
    "pixel_unshuffle",
    "polygamma",
    "positive",
    "pow",
    "pow_number",
    "prelu",
    "prod",
    "put",
    "quantile",
    "rad2deg",
    "rand",
    "randint",
    "randn",
    "randperm",
    "ravel",
    "reciprocal",
    "relu",
    "relu6",
    "remainder",
    "renorm",
    "repeat",
    "repeat_interleave",
    "reshape",
    "rms_norm",
    "roll",
    "rot90",
    "round",
    "rsqrt",
    "scatter",
    "scatter_add",
    "scatter_reduce",
    "searchsorted",
    "select",
    "select_scatter",
    "selu",
    "sigmoid",
    "sign",
    "signbit",
    "silu",
    "sin",
    "sinc",
    "sinh",
    "slice",
    "slice_scatter",
    "sliding",
    "smooth_l1_loss",
    "soft_margin_loss",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "sort",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "sub",
    "sum",
    "t",
    "take",
    "take_along_dim",
    "tan",
    "tanh",
    "tanhshrink",
    "tensor_split",
    "tensordot",
    "threshold",
    "tile",
    "to",
    "topk",
    "trace",
    "transpose",
    "trapezoid",
    "tril",
    "triu",
    "trunc",
    "unbind",
    "unflatten",
    "unfold",
    "unsqueeze",
    "vander",
    "var",
    "vdot",
    "where",
    "xlogy",
    "zeros",
    "zeros_like",
]

_abs = operation("abs")
_acos = operation("acos")
_acosh = operation("acosh")
_adaptive_avg_pool1d = operation("adaptive_avg_pool1d")
_adaptive_avg_pool2d = operation("adaptive_avg_pool2d")
_adaptive_max_pool1d = operation("adaptive_max_pool1d")
_adaptive_max_pool2d = operation("adaptive_max_pool2d")
_add = operation("add")
_addbmm = operation("addbmm")
_addcdiv = operation("addcdiv")
_addcmul = operation("addcmul")
_addmm = operation("addmm")
_addmv = operation("addmv")
_addr = operation("addr")
_adjoint = operation("adjoint")
_all = operation("all")
_amax = operation("amax")
_amin = operation("amin")
_aminmax = operation("aminmax")
_any = operation("any")
_arange = operation("arange")
_argmax = operation("argmax")
_argmin = operation("argmin")
_argsort = operation("argsort")
_asin = operation("asin")
_asinh = operation("asinh")
_atan = operation("atan")
_atan2 = operation("atan2")
_atanh = operation("atanh")
_attention = operation("attention")
_avg_pool1d = operation("avg_pool1d")
_avg_pool2d = operation("avg_pool2d")
_baddbmm = operation("baddbmm")
_batch_norm_inference = operation("batch_norm_inference")
_batch_norm_training = operation("batch_norm_training")
_bernoulli = operation("bernoulli")
_binary_cross_entropy = operation("binary_cross_entropy")
_binary_cross_entropy_with_logits = operation("binary_cross_entropy_with_logits")
_bitwise_and = operation("bitwise_and")
_bitwise_left_shift = operation("bitwise_left_shift")
_bitwise_not = operation("bitwise_not")
_bitwise_or = operation("bitwise_or")
_bitwise_right_shift = operation("bitwise_right_shift")
_bitwise_xor = operation("bitwise_xor")
_block_diag = operation("block_diag")
_bmm = operation("bmm")
_bucketize = operation("bucketize")
_cat = operation("cat")
_cdist = operation("cdist")
_ceil = operation("ceil")
_celu = operation("celu")
_cholesky_solve = operation("cholesky_solve")
_chunk = operation("chunk")
_clamp = operation("clamp")
_clamp_max = operation("clamp_max")
_clamp_min = operation("clamp_min")
_clone = operation("clone")
_column_stack = operation("column_stack")
_contiguous = operation("contiguous")
_conv1d = operation("conv1d")
_conv2d = operation("conv2d")
_conv_transpose1d = operation("conv_transpose1d")
_conv_transpose2d = operation("conv_transpose2d")
_copysign = operation("copysign")
_corrcoef = operation("corrcoef")
_cos = operation("cos")
_cosh = operation("cosh")
_cosine_similarity = operation("cosine_similarity")
_count_nonzero = operation("count_nonzero")
_cov = operation("cov")
_cross = operation("cross")
_cross_entropy = operation("cross_entropy")
_cummax = operation("cummax")
_cummin = operation("cummin")
_cumprod = operation("cumprod")
_cumsum = operation("cumsum")
_cumulative_trapezoid = operation("cumulative_trapezoid")
_deg2rad = operation("deg2rad")
_detach = operation("detach")
_diag = operation("diag")
_diag_embed = operation("diag_embed")
_diagflat = operation("diagflat")
_diagonal = operation("diagonal")
_diagonal_scatter = operation("diagonal_scatter")
_diff = operation("diff")
_digamma = operation("digamma")
_dist = operation("dist")
_div = operation("div")
_dot = operation("dot")
_dropout = operation("dropout")
_dstack = operation("dstack")
_einsum = operation("einsum")
_elu = operation("elu")
_embedding = operation("embedding")
_eq = operation("eq")
_erf = operation("erf")
_erfc = operation("erfc")
_erfinv = operation("erfinv")
_exp = operation("exp")
_exp2 = operation("exp2")
_expand = operation("expand")
_expm1 = operation("expm1")
_eye = operation("eye")
_flatten = operation("flatten")
_flip = operation("flip")
_fliplr = operation("fliplr")
_flipud = operation("flipud")
_float_power = operation("float_power")
_floor = operation("floor")
_floor_divide = operation("floor_divide")
_fmax = operation("fmax")
_fmin = operation("fmin")
_fmod = operation("fmod")
_fold = operation("fold")
_frac = operation("frac")
_full = operation("full")
_full_like = operation("full_like")
_gather = operation("gather")
_ge = operation("ge")
_gelu = operation("gelu")
_glu = operation("glu")
_group_norm = operation("group_norm")
_gt = operation("gt")
_hardshrink = operation("hardshrink")
_hardsigmoid = operation("hardsigmoid")
_hardswish = operation("hardswish")
_hardtanh = operation("hardtanh")
_heaviside = operation("heaviside")
_hinge_embedding_loss = operation("hinge_embedding_loss")
_histc = operation("histc")
_huber_loss = operation("huber_loss")
_hypot = operation("hypot")
_index = operation("index")
_index_add = operation("index_add")
_index_copy = operation("index_copy")
_index_fill = operation("index_fill")
_index_put = operation("index_put")
_index_reduce = operation("index_reduce")
_index_select = operation("index_select")
_inner = operation("inner")
_instance_norm_training = operation("instance_norm_training")
_interpolate = operation("interpolate")
_isclose = operation("isclose")
_isfinite = operation("isfinite")
_isinf = operation("isinf")
_isnan = operation("isnan")
_isneginf = operation("isneginf")
_isposinf = operation("isposinf")
_kl_div = operation("kl_div")
_kron = operation("kron")
_kthvalue = operation("kthvalue")
_l1_loss = operation("l1_loss")
_layer_norm = operation("layer_norm")
_ldexp = operation("ldexp")
_le = operation("le")
_leaky_relu = operation("leaky_relu")
_lerp = operation("lerp")
_lgamma = operation("lgamma")
_linalg_cholesky = operation("linalg_cholesky")
_linalg_det = operation("linalg_det")
_linalg_eigh = operation("linalg_eigh")
_linalg_inv = operation("linalg_inv")
_linalg_lstsq = operation("linalg_lstsq")
_linalg_matrix_norm = operation("linalg_matrix_norm")
_linalg_matrix_rank = operation("linalg_matrix_rank")
_linalg_pinv = operation("linalg_pinv")
_linalg_qr = operation("linalg_qr")
_linalg_slogdet = operation("linalg_slogdet")
_linalg_solve = operation("linalg_solve")
_linalg_solve_triangular = operation("linalg_solve_triangular")
_linalg_svd = operation("linalg_svd")
_linear = operation("linear")
_linspace = operation("linspace")
_log = operation("log")
_log10 = operation("log10")
_log1p = operation("log1p")
_log2 = operation("log2")
_log_softmax = operation("log_softmax")
_logaddexp = operation("logaddexp")
_logaddexp2 = operation("logaddexp2")
_logcumsumexp = operation("logcumsumexp")
_logdet = operation("logdet")
_logical_and = operation("logical_and")
_logical_not = operation("logical_not")
_logical_or = operation("logical_or")
_logical_xor = operation("logical_xor")
_logit = operation("logit")
_logsigmoid = operation("logsigmoid")
_logsumexp = operation("logsumexp")
_lt = operation("lt")
_masked_fill = operation("masked_fill")
_masked_scatter = operation("masked_scatter")
_matmul = operation("matmul")
_matrix_exp = operation("matrix_exp")
_matrix_power = operation("matrix_power")
_max = operation("max")
_max_pool1d = operation("max_pool1d")
_max_pool2d = operation("max_pool2d")
_maximum = operation("maximum")
_mean = operation("mean")
_median = operation("median")
_meshgrid = operation("meshgrid")
_min = operation("min")
_minimum = operation("minimum")
_mish = operation("mish")
_mm = operation("mm")
_mode = operation("mode")
_movedim = operation("movedim")
_mse_loss = operation("mse_loss")
_msort = operation("msort")
_mul = operation("mul")
_mv = operation("mv")
_nan_to_num = operation("nan_to_num")
_nanmean = operation("nanmean")
_nanmedian = operation("nanmedian")
_nanquantile = operation("nanquantile")
_nansum = operation("nansum")
_narrow = operation("narrow")
_ne = operation("ne")
_neg = operation("neg")
_nll_loss = operation("nll_loss")
_norm = operation("norm")
_normalize = operation("normalize")
_one_hot = operation("one_hot")
_ones = operation("ones")
_ones_like = operation("ones_like")
_outer = operation("outer")
_pad = operation("pad")
_pairwise_distance = operation("pairwise_distance")
_pdist = operation("pdist")
_permute = operation("permute")
_pixel_shuffle = operation("pixel_shuffle")
_pixel_unshuffle = operation("pixel_unshuffle")
_polygamma = operation("polygamma")
_positive = operation("positive")
_pow = operation("pow")
_pow_number = operation("pow_number")
_prelu = operation("prelu")
_prod = operation("prod")
_put = operation("put")
_quantile = operation("quantile")
_rad2deg = operation("rad2deg")
_rand = operation("rand")
_randint = operation("randint")
_randn = operation("randn")
_randperm = operation("randperm")
_ravel = operation("ravel")
_reciprocal = operation("reciprocal")
_relu = operation("relu")
_relu6 = operation("relu6")
_remainder = operation("remainder")
_renorm = operation("renorm")
_repeat = operation("repeat")
_repeat_interleave = operation("repeat_interleave")
_reshape = operation("reshape")
_rms_norm = operation("rms_norm")
_roll = operation("roll")
_rot90 = operation("rot90")
_round = operation("round")
_rsqrt = operation("rsqrt")
_scatter = operation("scatter")
_scatter_add = operation("scatter_add")
_scatter_reduce = operation("scatter_reduce")
_searchsorted = operation("searchsorted")
_select = operation("select")
_select_scatter = operation("select_scatter")
_selu = operation("selu")
_sigmoid = operation("sigmoid")
_sign = operation("sign")
_signbit = operation("signbit")
_silu = operation("silu")
_sin = operation("sin")
_sinc = operation("sinc")
_sinh = operation("sinh")
_slice = operation("slice")
_slice_scatter = operation("slice_scatter")
_sliding = operation("sliding")
_smooth_l1_loss = operation("smooth_l1_loss")
_soft_margin_loss = operation("soft_margin_loss")
_softmax = operation("softmax")
_softmin = operation("softmin")
_softplus = operation("softplus")
_softshrink = operation("softshrink")
_softsign = operation("softsign")
_sort = operation("sort")
_split = operation("split")
_sqrt = operation("sqrt")
_square = operation("square")
_squeeze = operation("squeeze")
_stack = operation("stack")
_std = operation("std")
_sub = operation("sub")
_sum = operation("sum")
_t = operation("t")
_take = operation("take")
_take_along_dim = operation("take_along_dim")
_tan = operation("tan")
_tanh = operation("tanh")
_tanhshrink = operation("tanhshrink")
_tensor_split = operation("tensor_split")
_tensordot = operation("tensordot")
_threshold = operation("threshold")
_tile = operation("tile")
_to = operation("to")
_topk = operation("topk")
_trace = operation("trace")
_transpose = operation("transpose")
_trapezoid = operation("trapezoid")
_tril = operation("tril")
_triu = operation("triu")
_trunc = operation("trunc")
_unbind = operation("unbind")
_unflatten = operation("unflatten")
_unfold = operation("unfold")
_unsqueeze = operation("unsqueeze")
_vander = operation("vander")
_var = operation("var")
_vdot = operation("vdot")
_where = operation("where")
_xlogy = operation("xlogy")
_zeros = operation("zeros")
_zeros_like = operation("zeros_like")


def abs(input: Tensor) -> Tensor:
    """Absolute value."""
    return _abs(input)


def acos(input: Tensor) -> Tensor:
    """Inverse cosine."""
    return _acos(input)


def acosh(input: Tensor) -> Tensor:
    """Inverse hyperbolic cosine."""
    return _acosh(input)


def adaptive_avg_pool1d(input: Tensor, output_size: _int | Sequence[_int]) -> Tensor:
    """Means of output_size windows that cover the input; -1 keeps a dimension."""
    return _adaptive_avg_pool1d(input, output_size=output_size)


def adaptive_avg_pool2d(input: Tensor, output_size: _int | Sequence[_int]) -> Tensor:
    """Means of output_size windows that cover the input; -1 keeps a dimension."""
    return _adaptive_avg_pool2d(input, output_size=output_size)


def adaptive_max_pool1d(
    input: Tensor, output_size: _int | Sequence[_int], return_indices: _bool = False
) -> Tensor:
    """Largest elements of output_size windows that cover the input; -1 keeps a dimension."""
    return _adaptive_max_pool1d(input, output_size=output_size, return_indices=return_indices)


def adaptive_max_pool2d(
    input: Tensor, output_size: _int | Sequence[_int], return_indices: _bool = False
) -> Tensor:
    """Largest elements of output_size windows that cover the input; -1 keeps a dimension."""
    return _adaptive_max_pool2d(input, output_size=output_size, return_indices=return_indices)


def add(input: Tensor, other: Tensor | Number, *, alpha: Tensor | Number | None = None) -> Tensor:
    """input + alpha * other."""
    return _call(_add, (input, other), (alpha,))


def addbmm(
    input: Tensor,
    batch1: Tensor | Number,
    batch2: Tensor | Number,
    *,
    beta: Tensor | Number | None = None,
    alpha: Tensor | Number | None = None,
) -> Tensor:
    """beta * input + alpha * the sum of batch1 @ batch2."""
    return _call(_addbmm, (input, batch1, batch2), (beta, alpha))


def addcdiv(
    input: Tensor,
    tensor1: Tensor | Number,
    tensor2: Tensor | Number,
    *,
    value: Tensor | Number | None = None,
) -> Tensor:
    """input + value * tensor1 / tensor2."""
    return _call(_addcdiv, (input, tensor1, tensor2), (value,))


def addcmul(
    input: Tensor,
    tensor1: Tensor | Number,
    tensor2: Tensor | Number,
    *,
    value: Tensor | Number | None = None,
) -> Tensor:
    """input + value * tensor1 * tensor2."""
    return _call(_addcmul, (input, tensor1, tensor2), (value,))


def addmm(
    input: Tensor,
    mat1: Tensor | Number,
    mat2: Tensor | Number,
    *,
    beta: Tensor | Number | None = None,
    alpha: Tensor | Number | None = None,
) -> Tensor:
    """beta * input + alpha * (mat1 @ mat2)."""
    return _call(_addmm, (input, mat1, mat2), (beta, alpha))


def addmv(
    input: Tensor,
    mat: Tensor | Number,
    vec: Tensor | Number,
    *,
    beta: Tensor | Number | None = None,
    alpha: Tensor | Number | None = None,
) -> Tensor:
    """beta * input + alpha * (mat @ vec)."""
    return _call(_addmv, (input, mat, vec), (beta, alpha))


def addr(
    input: Tensor,
    vec1: Tensor | Number,
    vec2: Tensor | Number,
    *,
    beta: Tensor | Number | None = None,
    alpha: Tensor | Number | None = None,
) -> Tensor:
    """beta * input + alpha * outer(vec1, vec2)."""
    return _call(_addr, (input, vec1, vec2), (beta, alpha))


def adjoint(input: Tensor) -> Tensor:
    """The last two dimensions exchanged."""
    return _adjoint(input)


def all(input: Tensor, dim: _int | Sequence[_int] | None = None, keepdim: _bool = False) -> Tensor:
    """No element is zero."""
    return _all(input, dim=dim, keepdim=keepdim)


def amax(input: Tensor, dim: _int | Sequence[_int] | None = None, keepdim: _bool = False) -> Tensor:
    """Largest value; equal ones share the gradient."""
    return _amax(input, dim=dim, keepdim=keepdim)


def amin(input: Tensor, dim: _int | Sequence[_int] | None = None, keepdim: _bool = False) -> Tensor:
    """Smallest value; equal ones share the gradient."""
    return _amin(input, dim=dim, keepdim=keepdim)


def aminmax(input: Tensor, dim: _int | None = None, keepdim: _bool = False) -> tuple[Tensor, ...]:
    """Smallest and largest value."""
    return _aminmax(input, dim=dim, keepdim=keepdim)


def any(input: Tensor, dim: _int | Sequence[_int] | None = None, keepdim: _bool = False) -> Tensor:
    """Some element is not zero."""
    return _any(input, dim=dim, keepdim=keepdim)


def arange(
    *, start: _float = 0, end: _float, step: _float = 1, dtype: _dtype | None = None
) -> Tensor:
    """start, start + step… before end; i64 if all are integers."""
    return _arange(start=start, end=end, step=step, dtype=dtype)


def argmax(input: Tensor, dim: _int | None = None, keepdim: _bool = False) -> Tensor:
    """Index of the largest value, of the flat tensor without dim."""
    return _argmax(input, dim=dim, keepdim=keepdim)


def argmin(input: Tensor, dim: _int | None = None, keepdim: _bool = False) -> Tensor:
    """Index of the smallest value, of the flat tensor without dim."""
    return _argmin(input, dim=dim, keepdim=keepdim)


def argsort(input: Tensor, dim: _int = -1, descending: _bool = False) -> Tensor:
    """Indices that sort a dimension; equal elements keep their order, NaN is the largest."""
    return _argsort(input, dim=dim, descending=descending)


def asin(input: Tensor) -> Tensor:
    """Inverse sine."""
    return _asin(input)


def asinh(input: Tensor) -> Tensor:
    """Inverse hyperbolic sine."""
    return _asinh(input)


def atan(input: Tensor) -> Tensor:
    """Inverse tangent."""
    return _atan(input)


def atan2(input: Tensor, other: Tensor | Number) -> Tensor:
    """Angle of the point (other, input)."""
    return _atan2(input, other)


def atanh(input: Tensor) -> Tensor:
    """Inverse hyperbolic tangent."""
    return _atanh(input)


def attention(
    query: Tensor,
    keys: Tensor | Number,
    value: Tensor | Number,
    mask: Tensor | Number | None = None,
    is_causal: _bool = False,
    scale: _float | None = None,
) -> Tensor:
    """softmax(query keys' scale + mask) value over [..., length, width]; a bool mask says what
    takes part, a floating one is added."""
    return _call(_attention, (query, keys, value), (mask,), is_causal=is_causal, scale=scale)


def avg_pool1d(
    input: Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: _int | Sequence[_int] = 0,
    ceil_mode: _bool = False,
    count_include_pad: _bool = True,
    divisor_override: _int | None = None,
) -> Tensor:
    """Mean of each window."""
    return _avg_pool1d(
        input,
        kernel_size=kernel_size,
        stride=stride,
        padding=padding,
        ceil_mode=ceil_mode,
        count_include_pad=count_include_pad,
        divisor_override=divisor_override,
    )


def avg_pool2d(
    input: Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: _int | Sequence[_int] = 0,
    ceil_mode: _bool = False,
    count_include_pad: _bool = True,
    divisor_override: _int | None = None,
) -> Tensor:
    """Mean of each window."""
    return _avg_pool2d(
        input,
        kernel_size=kernel_size,
        stride=stride,
        padding=padding,
        ceil_mode=ceil_mode,
        count_include_pad=count_include_pad,
        divisor_override=divisor_override,
    )


def baddbmm(
    input: Tensor,
    batch1: Tensor | Number,
    batch2: Tensor | Number,
    *,
    beta: Tensor | Number | None = None,
    alpha: Tensor | Number | None = None,
) -> Tensor:
    """beta * input + alpha * (batch1 @ batch2)."""
    return _call(_baddbmm, (input, batch1, batch2), (beta, alpha))


def batch_norm_inference(
    input: Tensor,
    running_mean: Tensor | Number,
    running_var: Tensor | Number,
    weight: Tensor | Number | None = None,
    bias: Tensor | Number | None = None,
    eps: _float = 1e-05,
) -> Tensor:
    """Channels with given mean and variance made standard, times weight, plus bias."""
    return _call(_batch_norm_inference, (input, running_mean, running_var), (weight, bias), eps=eps)


def batch_norm_training(
    input: Tensor,
    weight: Tensor | Number | None = None,
    bias: Tensor | Number | None = None,
    running_mean: Tensor | Number | None = None,
    running_var: Tensor | Number | None = None,
    momentum: Tensor | Number | None = None,
    eps: _float = 1e-05,
) -> tuple[Tensor, ...]:
    """Channels made standard by their own mean and variance; then the new running statistics."""
    return _call(
        _batch_norm_training, (input,), (weight, bias, running_mean, running_var, momentum), eps=eps
    )


def bernoulli(input: Tensor) -> Tensor:
    """1 with the probability given by input, else 0."""
    return _bernoulli(input)


def binary_cross_entropy(
    input: Tensor,
    target: Tensor | Number,
    weight: Tensor | Number | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Cross entropy of probabilities; logarithms end at -100."""
    return _call(_binary_cross_entropy, (input, target), (weight,), reduction=reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor | Number,
    weight: Tensor | Number | None = None,
    pos_weight: Tensor | Number | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Cross entropy of sigmoid(input); pos_weight multiplies positives."""
    return _call(
        _binary_cross_entropy_with_logits,
        (input, target),
        (weight, pos_weight),
        reduction=reduction,
    )


def bitwise_and(input: Tensor, other: Tensor | Number) -> Tensor:
    """Bits that both have; of bool, and."""
    return _bitwise_and(input, other)


def bitwise_left_shift(input: Tensor, other: Tensor | Number) -> Tensor:
    """input times a power of 2."""
    return _bitwise_left_shift(input, other)


def bitwise_not(input: Tensor) -> Tensor:
    """All bits turned; of bool, not."""
    return _bitwise_not(input)


def bitwise_or(input: Tensor, other: Tensor | Number) -> Tensor:
    """Bits that one of them has; of bool, or."""
    return _bitwise_or(input, other)


def bitwise_right_shift(input: Tensor, other: Tensor | Number) -> Tensor:
    """input divided by a power of 2, rounded down."""
    return _bitwise_right_shift(input, other)


def bitwise_xor(input: Tensor, other: Tensor | Number) -> Tensor:
    """Bits that exactly one has; of bool, xor."""
    return _bitwise_xor(input, other)


def block_diag(tensors: Sequence[Tensor]) -> Tensor:
    """A matrix with matrices along its diagonal."""
    return _block_diag(*tensors)


def bmm(input: Tensor, mat2: Tensor | Number) -> Tensor:
    """Products of two batches of matrices."""
    return _bmm(input, mat2)


def bucketize(input: Tensor, boundaries: Tensor | Number, right: _bool = False) -> Tensor:
    """In which of the intervals between sorted boundaries each number lies."""
    return _bucketize(input, boundaries, right=right)


def cat(tensors: Sequence[Tensor], dim: _int = 0) -> Tensor:
    """Tensors one after another along a dimension."""
    return _cat(*tensors, dim=dim)


def cdist(x1: Tensor, x2: Tensor | Number, p: _float = 2.0) -> Tensor:
    """p-norm distances between all pairs of rows."""
    return _cdist(x1, x2, p=p)


def ceil(input: Tensor) -> Tensor:
    """Rounded up."""
    return _ceil(input)


def celu(input: Tensor, alpha: _float = 1.0) -> Tensor:
    """elu with input / alpha in the exponent."""
    return _celu(input, alpha=alpha)


def cholesky_solve(input: Tensor, L: Tensor | Number, upper: _bool = False) -> Tensor:
    """X with A X = input, A given by its Cholesky factor."""
    return _cholesky_solve(input, L, upper=upper)


def chunk(input: Tensor, chunks: _int, dim: _int = 0) -> tuple[Tensor, ...]:
    """At most that many parts of equal size; the last may be smaller."""
    return _chunk(input, chunks=chunks, dim=dim)


def clamp(
    input: Tensor, min: Tensor | Number | None = None, max: Tensor | Number | None = None
) -> Tensor:
    """Limited to [min, max], each may be left out."""
    return _call(_clamp, (input,), (min, max))


def clamp_max(input: Tensor, max: Tensor | Number) -> Tensor:
    """At most max."""
    return _clamp_max(input, max)


def clamp_min(input: Tensor, min: Tensor | Number) -> Tensor:
    """At least min."""
    return _clamp_min(input, min)


def clone(input: Tensor) -> Tensor:
    """A copy."""
    return _clone(input)


def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Vectors as columns, beside matrices."""
    return _column_stack(*tensors)


def contiguous(input: Tensor) -> Tensor:
    """Itself: tensors are always contiguous."""
    return _contiguous(input)


def conv1d(
    input: Tensor,
    weight: Tensor | Number,
    bias: Tensor | Number | None = None,
    stride: _int | Sequence[_int] = 1,
    padding: _int | Sequence[_int] | str = 0,
    dilation: _int | Sequence[_int] = 1,
    groups: _int = 1,
) -> Tensor:
    """Convolution of [N, C, …] with weight [K, C / groups, …]; padding may be 'same', 'valid'."""
    return _call(
        _conv1d,
        (input, weight),
        (bias,),
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )


def conv2d(
    input: Tensor,
    weight: Tensor | Number,
    bias: Tensor | Number | None = None,
    stride: _int | Sequence[_int] = 1,
    padding: _int | Sequence[_int] | str = 0,
    dilation: _int | Sequence[_int] = 1,
    groups: _int = 1,
) -> Tensor:
    """Convolution of [N, C, …] with weight [K, C / groups, …]; padding may be 'same', 'valid'."""
    return _call(
        _conv2d,
        (input, weight),
        (bias,),
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )


def conv_transpose1d(
    input: Tensor,
    weight: Tensor | Number,
    bias: Tensor | Number | None = None,
    stride: _int | Sequence[_int] = 1,
    padding: _int | Sequence[_int] = 0,
    output_padding: _int | Sequence[_int] = 0,
    groups: _int = 1,
    dilation: _int | Sequence[_int] = 1,
) -> Tensor:
    """Transposed convolution of [N, C, …] with weight [C, K / groups, …]."""
    return _call(
        _conv_transpose1d,
        (input, weight),
        (bias,),
        stride=stride,
        padding=padding,
        output_padding=output_padding,
        groups=groups,
        dilation=dilation,
    )


def conv_transpose2d(
    input: Tensor,
    weight: Tensor | Number,
    bias: Tensor | Number | None = None,
    stride: _int | Sequence[_int] = 1,
    padding: _int | Sequence[_int] = 0,
    output_padding: _int | Sequence[_int] = 0,
    groups: _int = 1,
    dilation: _int | Sequence[_int] = 1,
) -> Tensor:
    """Transposed convolution of [N, C, …] with weight [C, K / groups, …]."""
    return _call(
        _conv_transpose2d,
        (input, weight),
        (bias,),
        stride=stride,
        padding=padding,
        output_padding=output_padding,
        groups=groups,
        dilation=dilation,
    )


def copysign(input: Tensor, other: Tensor | Number) -> Tensor:
    """|input| with the sign of other."""
    return _copysign(input, other)


def corrcoef(input: Tensor) -> Tensor:
    """Correlations of variables (rows) over observations (columns)."""
    return _corrcoef(input)


def cos(input: Tensor) -> Tensor:
    """Cosine."""
    return _cos(input)


def cosh(input: Tensor) -> Tensor:
    """Hyperbolic cosine."""
    return _cosh(input)


def cosine_similarity(
    x1: Tensor, x2: Tensor | Number, dim: _int = 1, eps: _float = 1e-08
) -> Tensor:
    """Cosine of the angle between vectors along dim."""
    return _cosine_similarity(x1, x2, dim=dim, eps=eps)


def count_nonzero(
    input: Tensor, dim: _int | Sequence[_int] | None = None, keepdim: _bool = False
) -> Tensor:
    """How many elements are not zero."""
    return _count_nonzero(input, dim=dim, keepdim=keepdim)


def cov(
    input: Tensor,
    *,
    correction: _int = 1,
    fweights: Tensor | Number | None = None,
    aweights: Tensor | Number | None = None,
) -> Tensor:
    """Covariances of variables (rows) over observations (columns)."""
    return _call(_cov, (input,), (fweights, aweights), correction=correction)


def cross(input: Tensor, other: Tensor | Number, dim: _int | None = None) -> Tensor:
    """Cross product of vectors of 3; without dim along the first dimension of size 3."""
    return _cross(input, other, dim=dim)


def cross_entropy(
    input: Tensor,
    target: Tensor | Number,
    weight: Tensor | Number | None = None,
    reduction: str = "mean",
    ignore_index: _int = -100,
    label_smoothing: _float = 0.0,
) -> Tensor:
    """Cross entropy of logits with class indices or class probabilities."""
    return _call(
        _cross_entropy,
        (input, target),
        (weight,),
        reduction=reduction,
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
    )


def cummax(input: Tensor, dim: _int) -> tuple[Tensor, ...]:
    """Running maximum, and where it is."""
    return _cummax(input, dim=dim)


def cummin(input: Tensor, dim: _int) -> tuple[Tensor, ...]:
    """Running minimum, and where it is."""
    return _cummin(input, dim=dim)


def cumprod(input: Tensor, dim: _int, *, dtype: _dtype | None = None) -> Tensor:
    """Running product."""
    return _cumprod(input, dim=dim, dtype=dtype)


def cumsum(input: Tensor, dim: _int, *, dtype: _dtype | None = None) -> Tensor:
    """Running sum."""
    return _cumsum(input, dim=dim, dtype=dtype)


def cumulative_trapezoid(
    y: Tensor,
    x: Tensor | Number | None = None,
    *,
    dx: Tensor | Number | None = None,
    dim: _int = -1,
) -> Tensor:
    """Running area under a line through points."""
    return _call(_cumulative_trapezoid, (y,), (x, dx), dim=dim)


def deg2rad(input: Tensor) -> Tensor:
    """Degrees as radians."""
    return _deg2rad(input)


def detach(input: Tensor) -> Tensor:
    """The same values, through which no gradient flows."""
    return _detach(input)


def diag(input: Tensor, diagonal: _int = 0) -> Tensor:
    """Diagonal of a matrix, or a matrix with this diagonal."""
    return _diag(input, diagonal=diagonal)


def diag_embed(input: Tensor, offset: _int = 0, dim1: _int = -2, dim2: _int = -1) -> Tensor:
    """Matrices whose diagonals are the last dimension."""
    return _diag_embed(input, offset=offset, dim1=dim1, dim2=dim2)


def diagflat(input: Tensor, offset: _int = 0) -> Tensor:
    """A matrix whose diagonal holds all elements."""
    return _diagflat(input, offset=offset)


def diagonal(input: Tensor, offset: _int = 0, dim1: _int = 0, dim2: _int = 1) -> Tensor:
    """Diagonals of the matrices that two dimensions make, as the last dimension."""
    return _diagonal(input, offset=offset, dim1=dim1, dim2=dim2)


def diagonal_scatter(
    input: Tensor, src: Tensor | Number, offset: _int = 0, dim1: _int = 0, dim2: _int = 1
) -> Tensor:
    """input with src in place of the diagonals of two dimensions."""
    return _diagonal_scatter(input, src, offset=offset, dim1=dim1, dim2=dim2)


def diff(
    input: Tensor,
    n: _int = 1,
    dim: _int = -1,
    prepend: Tensor | Number | None = None,
    append: Tensor | Number | None = None,
) -> Tensor:
    """Differences of neighbours, n times."""
    return _call(_diff, (input,), (prepend, append), n=n, dim=dim)


def digamma(input: Tensor) -> Tensor:
    """Derivative of lgamma."""
    return _digamma(input)


def dist(input: Tensor, other: Tensor | Number, p: _float = 2.0) -> Tensor:
    """The p-norm of input - other."""
    return _dist(input, other, p=p)


def div(input: Tensor, other: Tensor | Number, *, rounding_mode: str | None = None) -> Tensor:
    """Quotient; rounding_mode 'floor' or 'trunc' rounds it and keeps integers."""
    return _div(input, other, rounding_mode=rounding_mode)


def dot(input: Tensor, other: Tensor | Number) -> Tensor:
    """Inner product."""
    return _dot(input, other)


def dropout(input: Tensor, p: _float = 0.5, training: _bool = True) -> Tensor:
    """Zero with probability p, the rest divided by 1 - p; as it is outside training."""
    return _dropout(input, p=p, training=training)


def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors behind each other, in the third dimension."""
    return _dstack(*tensors)


def einsum(operands: Sequence[Tensor], equation: str) -> Tensor:
    """Sums of products of operands, their dimensions named by letters: 'bij,bjk->bik'."""
    return _einsum(*operands, equation=equation)


def elu(input: Tensor, alpha: _float = 1.0) -> Tensor:
    """input, alpha * (exp(input) - 1) below 0."""
    return _elu(input, alpha=alpha)


def embedding(input: Tensor, weight: Tensor | Number, padding_idx: _int | None = None) -> Tensor:
    """Rows of weight by the indices in input; the row padding_idx gets no gradient."""
    return _embedding(input, weight, padding_idx=padding_idx)


def eq(input: Tensor, other: Tensor | Number) -> Tensor:
    """input == other."""
    return _eq(input, other)


def erf(input: Tensor) -> Tensor:
    """Error function."""
    return _erf(input)


def erfc(input: Tensor) -> Tensor:
    """1 - erf(input)."""
    return _erfc(input)


def erfinv(input: Tensor) -> Tensor:
    """The number whose erf is input."""
    return _erfinv(input)


def exp(input: Tensor) -> Tensor:
    """e to the power of input."""
    return _exp(input)


def exp2(input: Tensor) -> Tensor:
    """2 to the power of input."""
    return _exp2(input)


def expand(input: Tensor, size: _int | Sequence[_int]) -> Tensor:
    """Dimensions of length 1 repeated to size; -1 keeps one."""
    return _expand(input, size=size)


def expm1(input: Tensor) -> Tensor:
    """exp(input) - 1, exact near 0."""
    return _expm1(input)


def eye(n: _int, m: _int | None = None, dtype: _dtype = float32) -> Tensor:
    """Identity matrix, n by m."""
    return _eye(n=n, m=m, dtype=dtype)


def flatten(input: Tensor, start_dim: _int = 0, end_dim: _int = -1) -> Tensor:
    """Dimensions start_dim to end_dim as one."""
    return _flatten(input, start_dim=start_dim, end_dim=end_dim)


def flip(input: Tensor, dims: _int | Sequence[_int]) -> Tensor:
    """Backwards along dims."""
    return _flip(input, dims=dims)


def fliplr(input: Tensor) -> Tensor:
    """Columns backwards."""
    return _fliplr(input)


def flipud(input: Tensor) -> Tensor:
    """Rows backwards."""
    return _flipud(input)


def float_power(input: Tensor, other: Tensor | Number) -> Tensor:
    """Power in f64."""
    return _float_power(input, other)


def floor(input: Tensor) -> Tensor:
    """Rounded down."""
    return _floor(input)


def floor_divide(input: Tensor, other: Tensor | Number) -> Tensor:
    """Quotient rounded down."""
    return _floor_divide(input, other)


def fmax(input: Tensor, other: Tensor | Number) -> Tensor:
    """The larger of two, numbers win over NaN."""
    return _fmax(input, other)


def fmin(input: Tensor, other: Tensor | Number) -> Tensor:
    """The smaller of two, numbers win over NaN."""
    return _fmin(input, other)


def fmod(input: Tensor, other: Tensor | Number) -> Tensor:
    """Remainder with the sign of input."""
    return _fmod(input, other)


def fold(
    input: Tensor,
    output_size: _int | Sequence[_int],
    kernel_size: _int | Sequence[_int],
    dilation: _int | Sequence[_int] = 1,
    padding: _int | Sequence[_int] = 0,
    stride: _int | Sequence[_int] = 1,
) -> Tensor:
    """Images [N, C, H, W] with patches [N, C * kernel, L] added up in their places."""
    return _fold(
        input,
        output_size=output_size,
        kernel_size=kernel_size,
        dilation=dilation,
        padding=padding,
        stride=stride,
    )


def frac(input: Tensor) -> Tensor:
    """The part behind the point."""
    return _frac(input)


def full(fill_value: Tensor, size: _int | Sequence[_int], dtype: _dtype | None = None) -> Tensor:
    """A value in every element of a size."""
    return _full(fill_value, size=size, dtype=dtype)


def full_like(input: Tensor, fill_value: Tensor | Number, dtype: _dtype | None = None) -> Tensor:
    """A value in every element of the shape and type of input."""
    return _full_like(input, fill_value, dtype=dtype)


def gather(input: Tensor, dim: _int, index: Tensor | Number) -> Tensor:
    """Elements along dim at index."""
    return _gather(input, index, dim=dim)


def ge(input: Tensor, other: Tensor | Number) -> Tensor:
    """input >= other."""
    return _ge(input, other)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """input times the normal distribution's value there; approximate 'none' or 'tanh'."""
    return _gelu(input, approximate=approximate)


def glu(input: Tensor, dim: _int = -1) -> Tensor:
    """First half times sigmoid of the second."""
    return _glu(input, dim=dim)


def group_norm(
    input: Tensor,
    weight: Tensor | Number | None = None,
    *,
    bias: Tensor | Number | None = None,
    num_groups: _int,
    eps: _float = 1e-05,
) -> Tensor:
    """Groups of channels of each sample made standard, times weight, plus bias."""
    return _call(_group_norm, (input,), (weight, bias), num_groups=num_groups, eps=eps)


def gt(input: Tensor, other: Tensor | Number) -> Tensor:
    """input > other."""
    return _gt(input, other)


def hardshrink(input: Tensor, lambd: _float = 0.5) -> Tensor:
    """0 within lambd of 0, else input."""
    return _hardshrink(input, lambd=lambd)


def hardsigmoid(input: Tensor) -> Tensor:
    """relu6(input + 3) / 6."""
    return _hardsigmoid(input)


def hardswish(input: Tensor) -> Tensor:
    """input * relu6(input + 3) / 6."""
    return _hardswish(input)


def hardtanh(input: Tensor, min_val: _float = -1.0, max_val: _float = 1.0) -> Tensor:
    """Limited to [min_val, max_val], without a gradient at the bounds."""
    return _hardtanh(input, min_val=min_val, max_val=max_val)


def heaviside(input: Tensor, values: Tensor | Number) -> Tensor:
    """0 below 0, 1 above, values at 0."""
    return _heaviside(input, values)


def hinge_embedding_loss(
    input: Tensor, target: Tensor | Number, margin: _float = 1.0, reduction: str = "mean"
) -> Tensor:
    """input where target is 1, max(0, margin - input) where it is -1."""
    return _hinge_embedding_loss(input, target, margin=margin, reduction=reduction)


def histc(input: Tensor, bins: _int = 100, min: _float = 0.0, max: _float = 0.0) -> Tensor:
    """Counts in intervals of equal width from min to max; both 0 means those of the data."""
    return _histc(input, bins=bins, min=min, max=max)


def huber_loss(
    input: Tensor, target: Tensor | Number, delta: _float = 1.0, reduction: str = "mean"
) -> Tensor:
    """Squared difference / 2 below delta, then linear."""
    return _huber_loss(input, target, delta=delta, reduction=reduction)


def hypot(input: Tensor, other: Tensor | Number) -> Tensor:
    """sqrt(input² + other²)."""
    return _hypot(input, other)


def index(input: Tensor, indices: Sequence[Tensor], items: _int | Sequence[_int]) -> Tensor:
    """input[items]; four numbers an item: 0 i for an integer, 1 start stop step for a slice, 2
    for a new axis, 3 for the next tensor of indices, 4 for an ellipsis."""
    return _index(input, *indices, items=items)


def index_add(
    input: Tensor,
    dim: _int,
    index: Tensor | Number,
    source: Tensor | Number,
    *,
    alpha: Tensor | Number | None = None,
) -> Tensor:
    """input with alpha * source added at positions of a dimension."""
    return _call(_index_add, (input, index, source), (alpha,), dim=dim)


def index_copy(input: Tensor, dim: _int, index: Tensor | Number, source: Tensor | Number) -> Tensor:
    """input with source in place of positions of a dimension; the last of equal indices wins."""
    return _index_copy(input, index, source, dim=dim)


def index_fill(input: Tensor, dim: _int, index: Tensor | Number, value: Tensor | Number) -> Tensor:
    """input with value at positions of a dimension."""
    return _index_fill(input, index, value, dim=dim)


def index_put(
    input: Tensor,
    values: Tensor | Number,
    indices: Sequence[Tensor],
    items: _int | Sequence[_int],
    accumulate: _bool = False,
) -> Tensor:
    """input with input[items] = values, or += with accumulate; items as for index."""
    return _index_put(input, values, *indices, items=items, accumulate=accumulate)


def index_reduce(
    input: Tensor,
    dim: _int,
    index: Tensor | Number,
    source: Tensor | Number,
    reduce: str,
    *,
    include_self: _bool = True,
) -> Tensor:
    """input joined with source at positions of a dimension by prod, mean, amax or amin."""
    return _index_reduce(input, index, source, dim=dim, reduce=reduce, include_self=include_self)


def index_select(input: Tensor, dim: _int, index: Tensor | Number) -> Tensor:
    """Positions of a dimension by a vector."""
    return _index_select(input, index, dim=dim)


def inner(input: Tensor, other: Tensor | Number) -> Tensor:
    """Sums of products over the last dimensions of both."""
    return _inner(input, other)


def instance_norm_training(
    input: Tensor,
    weight: Tensor | Number | None = None,
    bias: Tensor | Number | None = None,
    running_mean: Tensor | Number | None = None,
    running_var: Tensor | Number | None = None,
    momentum: Tensor | Number | None = None,
    eps: _float = 1e-05,
) -> tuple[Tensor, ...]:
    """Channels of each sample made standard; then the new running statistics."""
    return _call(
        _instance_norm_training,
        (input,),
        (weight, bias, running_mean, running_var, momentum),
        eps=eps,
    )


def interpolate(
    input: Tensor,
    size: _int | Sequence[_int],
    mode: str = "nearest",
    align_corners: _bool = False,
    scale_h: _float | None = None,
    scale_w: _float | None = None,
) -> Tensor:
    """An image of another size: nearest, nearest-exact, linear or bilinear."""
    return _interpolate(
        input, size=size, mode=mode, align_corners=align_corners, scale_h=scale_h, scale_w=scale_w
    )


def isclose(
    input: Tensor,
    other: Tensor | Number,
    rtol: _float = 1e-05,
    atol: _float = 1e-08,
    equal_nan: _bool = False,
) -> Tensor:
    """|input - other| <= atol + rtol * |other|."""
    return _isclose(input, other, rtol=rtol, atol=atol, equal_nan=equal_nan)


def isfinite(input: Tensor) -> Tensor:
    """Is neither an infinity nor NaN."""
    return _isfinite(input)


def isinf(input: Tensor) -> Tensor:
    """Is an infinity."""
    return _isinf(input)


def isnan(input: Tensor) -> Tensor:
    """Is not a number."""
    return _isnan(input)


def isneginf(input: Tensor) -> Tensor:
    """Is -infinity."""
    return _isneginf(input)


def isposinf(input: Tensor) -> Tensor:
    """Is +infinity."""
    return _isposinf(input)


def kl_div(
    input: Tensor, target: Tensor | Number, reduction: str = "mean", log_target: _bool = False
) -> Tensor:
    """target * (log(target) - input), input being logarithms; reduction also batchmean."""
    return _kl_div(input, target, reduction=reduction, log_target=log_target)


def kron(input: Tensor, other: Tensor | Number) -> Tensor:
    """Kronecker product."""
    return _kron(input, other)


def kthvalue(input: Tensor, k: _int, dim: _int = -1, keepdim: _bool = False) -> Tensor:
    """The k-th smallest element of a dimension, counted from 1, and where it is."""
    return _kthvalue(input, k=k, dim=dim, keepdim=keepdim)


def l1_loss(input: Tensor, target: Tensor | Number, reduction: str = "mean") -> Tensor:
    """Absolute difference."""
    return _l1_loss(input, target, reduction=reduction)


def layer_norm(
    input: Tensor,
    weight: Tensor | Number | None = None,
    *,
    bias: Tensor | Number | None = None,
    normalized_shape: _int | Sequence[_int],
    eps: _float = 1e-05,
) -> Tensor:
    """Mean 0 and variance 1 over the last dimensions, times weight, plus bias."""
    return _call(_layer_norm, (input,), (weight, bias), normalized_shape=normalized_shape, eps=eps)


def ldexp(input: Tensor, other: Tensor | Number) -> Tensor:
    """input * 2 ** other."""
    return _ldexp(input, other)


def le(input: Tensor, other: Tensor | Number) -> Tensor:
    """input <= other."""
    return _le(input, other)


def leaky_relu(input: Tensor, negative_slope: _float = 0.01) -> Tensor:
    """input, times negative_slope below 0."""
    return _leaky_relu(input, negative_slope=negative_slope)


def lerp(input: Tensor, end: Tensor | Number, weight: Tensor | Number) -> Tensor:
    """input + weight * (end - input)."""
    return _lerp(input, end, weight)


def lgamma(input: Tensor) -> Tensor:
    """Logarithm of |gamma(input)|."""
    return _lgamma(input)


def linalg_cholesky(input: Tensor, upper: _bool = False) -> Tensor:
    """L with L Lᵀ = input, which is symmetric and positive definite."""
    return _linalg_cholesky(input, upper=upper)


def linalg_det(input: Tensor) -> Tensor:
    """Determinant."""
    return _linalg_det(input)


def linalg_eigh(input: Tensor) -> tuple[Tensor, ...]:
    """Rising eigenvalues and eigenvectors (columns) of the mean of input and its transpose."""
    return _linalg_eigh(input)


def linalg_inv(input: Tensor) -> Tensor:
    """Inverse."""
    return _linalg_inv(input)


def linalg_lstsq(A: Tensor, B: Tensor | Number) -> Tensor:
    """X of least norm that minimises the norm of A X - B."""
    return _linalg_lstsq(A, B)


def linalg_matrix_norm(input: Tensor, ord: str = "fro", keepdim: _bool = False) -> Tensor:
    """Norm of matrices: fro, nuc, inf, -inf, 1, -1, 2 or -2."""
    return _linalg_matrix_norm(input, ord=ord, keepdim=keepdim)


def linalg_matrix_rank(input: Tensor, rtol: _float | None = None, atol: _float = 0.0) -> Tensor:
    """How many singular values are above the tolerance."""
    return _linalg_matrix_rank(input, rtol=rtol, atol=atol)


def linalg_pinv(input: Tensor, rtol: _float | None = None, atol: _float = 0.0) -> Tensor:
    """Pseudoinverse; singular values below the tolerance count as 0."""
    return _linalg_pinv(input, rtol=rtol, atol=atol)


def linalg_qr(input: Tensor, mode: str = "reduced") -> tuple[Tensor, ...]:
    """Q with orthonormal columns and an upper triangle R, whose product is input."""
    return _linalg_qr(input, mode=mode)


def linalg_slogdet(input: Tensor) -> tuple[Tensor, ...]:
    """Sign and log |determinant|."""
    return _linalg_slogdet(input)


def linalg_solve(A: Tensor, B: Tensor | Number, left: _bool = True) -> Tensor:
    """X with A X = B (or X A = B); B may be a vector."""
    return _linalg_solve(A, B, left=left)


def linalg_solve_triangular(
    A: Tensor, B: Tensor | Number, upper: _bool, left: _bool = True, unitriangular: _bool = False
) -> Tensor:
    """X with A X = B for the lower or upper triangle of A."""
    return _linalg_solve_triangular(A, B, upper=upper, left=left, unitriangular=unitriangular)


def linalg_svd(input: Tensor) -> tuple[Tensor, ...]:
    """U, falling singular values and Vᵀ, reduced."""
    return _linalg_svd(input)


def linear(input: Tensor, weight: Tensor | Number, bias: Tensor | Number | None = None) -> Tensor:
    """input @ weight.T + bias."""
    return _call(_linear, (input, weight), (bias,))


def linspace(start: _float, end: _float, steps: _int, dtype: _dtype = float32) -> Tensor:
    """steps numbers from start to end, both included."""
    return _linspace(start=start, end=end, steps=steps, dtype=dtype)


def log(input: Tensor) -> Tensor:
    """Natural logarithm."""
    return _log(input)


def log10(input: Tensor) -> Tensor:
    """Logarithm to base 10."""
    return _log10(input)


def log1p(input: Tensor) -> Tensor:
    """log(1 + input), exact near 0."""
    return _log1p(input)


def log2(input: Tensor) -> Tensor:
    """Logarithm to base 2."""
    return _log2(input)


def log_softmax(input: Tensor, dim: _int, dtype: _dtype | None = None) -> Tensor:
    """Logarithm of softmax along dim."""
    return _log_softmax(input, dim=dim, dtype=dtype)


def logaddexp(input: Tensor, other: Tensor | Number) -> Tensor:
    """log(exp(input) + exp(other))."""
    return _logaddexp(input, other)


def logaddexp2(input: Tensor, other: Tensor | Number) -> Tensor:
    """log2(2 ** input + 2 ** other)."""
    return _logaddexp2(input, other)


def logcumsumexp(input: Tensor, dim: _int) -> Tensor:
    """log of the running sum of exp(input)."""
    return _logcumsumexp(input, dim=dim)


def logdet(input: Tensor) -> Tensor:
    """Logarithm of the determinant, NaN where that is negative."""
    return _logdet(input)


def logical_and(input: Tensor, other: Tensor | Number) -> Tensor:
    """Both are not zero."""
    return _logical_and(input, other)


def logical_not(input: Tensor) -> Tensor:
    """Is zero."""
    return _logical_not(input)


def logical_or(input: Tensor, other: Tensor | Number) -> Tensor:
    """One of them is not zero."""
    return _logical_or(input, other)


def logical_xor(input: Tensor, other: Tensor | Number) -> Tensor:
    """Exactly one of them is not zero."""
    return _logical_xor(input, other)


def logit(input: Tensor) -> Tensor:
    """log(input / (1 - input))."""
    return _logit(input)


def logsigmoid(input: Tensor) -> Tensor:
    """log(sigmoid(input))."""
    return _logsigmoid(input)


def logsumexp(
    input: Tensor, dim: _int | Sequence[_int] | None = None, keepdim: _bool = False
) -> Tensor:
    """log(sum(exp(input)))."""
    return _logsumexp(input, dim=dim, keepdim=keepdim)


def lt(input: Tensor, other: Tensor | Number) -> Tensor:
    """input < other."""
    return _lt(input, other)


def masked_fill(input: Tensor, mask: Tensor | Number, value: Tensor | Number) -> Tensor:
    """value where mask holds, else input."""
    return _masked_fill(input, mask, value)


def masked_scatter(input: Tensor, mask: Tensor | Number, source: Tensor | Number) -> Tensor:
    """input with the elements of source, in order, where mask holds."""
    return _masked_scatter(input, mask, source)


def matmul(input: Tensor, other: Tensor | Number) -> Tensor:
    """Matrix product; vectors count as rows or columns."""
    return _matmul(input, other)


def matrix_exp(input: Tensor) -> Tensor:
    """Exponential of square matrices."""
    return _matrix_exp(input)


def matrix_power(input: Tensor, n: _int) -> Tensor:
    """Product of n copies of square matrices."""
    return _matrix_power(input, n=n)


def max(input: Tensor, dim: _int | None = None, keepdim: _bool = False) -> Tensor:
    """Largest value; with dim also where it is."""
    return _max(input, dim=dim, keepdim=keepdim)


def max_pool1d(
    input: Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: _int | Sequence[_int] = 0,
    dilation: _int | Sequence[_int] = 1,
    ceil_mode: _bool = False,
    return_indices: _bool = False,
) -> Tensor:
    """Largest element of each window; with return_indices also its place in the plane."""
    return _max_pool1d(
        input,
        kernel_size=kernel_size,
        stride=stride,
        padding=padding,
        dilation=dilation,
        ceil_mode=ceil_mode,
        return_indices=return_indices,
    )


def max_pool2d(
    input: Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: _int | Sequence[_int] = 0,
    dilation: _int | Sequence[_int] = 1,
    ceil_mode: _bool = False,
    return_indices: _bool = False,
) -> Tensor:
    """Largest element of each window; with return_indices also its place in the plane."""
    return _max_pool2d(
        input,
        kernel_size=kernel_size,
        stride=stride,
        padding=padding,
        dilation=dilation,
        ceil_mode=ceil_mode,
        return_indices=return_indices,
    )


def maximum(input: Tensor, other: Tensor | Number) -> Tensor:
    """The larger of two, NaN wins."""
    return _maximum(input, other)


def mean(
    input: Tensor,
    dim: _int | Sequence[_int] | None = None,
    keepdim: _bool = False,
    *,
    dtype: _dtype | None = None,
) -> Tensor:
    """Mean of floating numbers."""
    return _mean(input, dim=dim, keepdim=keepdim, dtype=dtype)


def median(input: Tensor, dim: _int | None = None, keepdim: _bool = False) -> Tensor:
    """The middle element, the lower of two; with dim also where it is."""
    return _median(input, dim=dim, keepdim=keepdim)


def meshgrid(tensors: Sequence[Tensor], indexing: str = "ij") -> tuple[Tensor, ...]:
    """Coordinates of a grid from those of its axes."""
    return _meshgrid(*tensors, indexing=indexing)


def min(input: Tensor, dim: _int | None = None, keepdim: _bool = False) -> Tensor:
    """Smallest value; with dim also where it is."""
    return _min(input, dim=dim, keepdim=keepdim)


def minimum(input: Tensor, other: Tensor | Number) -> Tensor:
    """The smaller of two, NaN wins."""
    return _minimum(input, other)


def mish(input: Tensor) -> Tensor:
    """input * tanh(softplus(input))."""
    return _mish(input)


def mm(input: Tensor, mat2: Tensor | Number) -> Tensor:
    """Product of two matrices."""
    return _mm(input, mat2)


def mode(input: Tensor, dim: _int = -1, keepdim: _bool = False) -> Tensor:
    """The most frequent element of a dimension, the smallest of several."""
    return _mode(input, dim=dim, keepdim=keepdim)


def movedim(
    input: Tensor, source: _int | Sequence[_int], destination: _int | Sequence[_int]
) -> Tensor:
    """Dimensions moved to other places."""
    return _movedim(input, source=source, destination=destination)


def mse_loss(input: Tensor, target: Tensor | Number, reduction: str = "mean") -> Tensor:
    """Squared difference."""
    return _mse_loss(input, target, reduction=reduction)


def msort(input: Tensor) -> Tensor:
    """The elements of the first dimension in order."""
    return _msort(input)


def mul(input: Tensor, other: Tensor | Number) -> Tensor:
    """Product, element by element."""
    return _mul(input, other)


def mv(input: Tensor, vec: Tensor | Number) -> Tensor:
    """Matrix times vector."""
    return _mv(input, vec)


def nan_to_num(
    input: Tensor, nan: _float = 0.0, posinf: _float | None = None, neginf: _float | None = None
) -> Tensor:
    """Numbers in place of NaN and infinities."""
    return _nan_to_num(input, nan=nan, posinf=posinf, neginf=neginf)


def nanmean(
    input: Tensor, dim: _int | Sequence[_int] | None = None, keepdim: _bool = False
) -> Tensor:
    """Mean of what is not NaN."""
    return _nanmean(input, dim=dim, keepdim=keepdim)


def nanmedian(input: Tensor, dim: _int | None = None, keepdim: _bool = False) -> Tensor:
    """The middle of the elements that are not NaN."""
    return _nanmedian(input, dim=dim, keepdim=keepdim)


def nanquantile(
    input: Tensor,
    q: Tensor | Number,
    dim: _int | None = None,
    keepdim: _bool = False,
    interpolation: str = "linear",
) -> Tensor:
    """Quantiles of the elements that are not NaN."""
    return _nanquantile(input, q, dim=dim, keepdim=keepdim, interpolation=interpolation)


def nansum(
    input: Tensor, dim: _int | Sequence[_int] | None = None, keepdim: _bool = False
) -> Tensor:
    """Sum in which NaN counts as 0."""
    return _nansum(input, dim=dim, keepdim=keepdim)


def narrow(input: Tensor, dim: _int, start: _int, length: _int) -> Tensor:
    """The part start to start + length of a dimension."""
    return _narrow(input, dim=dim, start=start, length=length)


def ne(input: Tensor, other: Tensor | Number) -> Tensor:
    """input != other."""
    return _ne(input, other)


def neg(input: Tensor) -> Tensor:
    """Negative."""
    return _neg(input)


def nll_loss(
    input: Tensor,
    target: Tensor | Number,
    weight: Tensor | Number | None = None,
    reduction: str = "mean",
    ignore_index: _int = -100,
) -> Tensor:
    """Negative log-likelihood of class indices, input being log-probabilities."""
    return _call(
        _nll_loss, (input, target), (weight,), reduction=reduction, ignore_index=ignore_index
    )


def norm(
    input: Tensor, dim: _int | Sequence[_int] | None = None, keepdim: _bool = False, p: _float = 2.0
) -> Tensor:
    """The p-norm: 1, 2, inf, -inf, 0 or any other p."""
    return _norm(input, dim=dim, keepdim=keepdim, p=p)


def normalize(
    input: Tensor, p: _float = 2.0, dim: _int | Sequence[_int] = 1, eps: _float = 1e-12
) -> Tensor:
    """input / max(norm, eps) along dim."""
    return _normalize(input, p=p, dim=dim, eps=eps)


def one_hot(input: Tensor, num_classes: _int) -> Tensor:
    """A row of zeros with a one at each index."""
    return _one_hot(input, num_classes=num_classes)


def ones(size: _int | Sequence[_int], dtype: _dtype = float32) -> Tensor:
    """Ones of a size."""
    return _ones(size=size, dtype=dtype)


def ones_like(input: Tensor, dtype: _dtype | None = None) -> Tensor:
    """Ones of the shape and type of input."""
    return _ones_like(input, dtype=dtype)


def outer(input: Tensor, vec2: Tensor | Number) -> Tensor:
    """Products of all pairs of two vectors."""
    return _outer(input, vec2)


def pad(
    input: Tensor, pad: _int | Sequence[_int], mode: str = "constant", value: _float = 0.0
) -> Tensor:
    """Padded from the last dimension backwards: (left, right, top, bottom…); < 0 crops."""
    return _pad(input, pad=pad, mode=mode, value=value)


def pairwise_distance(
    x1: Tensor, x2: Tensor | Number, p: _float = 2.0, eps: _float = 1e-06, keepdim: _bool = False
) -> Tensor:
    """The p-norm of x1 - x2 + eps over the last dimension."""
    return _pairwise_distance(x1, x2, p=p, eps=eps, keepdim=keepdim)


def pdist(input: Tensor, p: _float = 2.0) -> Tensor:
    """p-norm distances between different rows, as a vector."""
    return _pdist(input, p=p)


def permute(input: Tensor, dims: _int | Sequence[_int]) -> Tensor:
    """Dimensions in another order."""
    return _permute(input, dims=dims)


def pixel_shuffle(input: Tensor, upscale_factor: _int) -> Tensor:
    """[…, C r², H, W] as […, C, H r, W r]."""
    return _pixel_shuffle(input, upscale_factor=upscale_factor)


def pixel_unshuffle(input: Tensor, downscale_factor: _int) -> Tensor:
    """[…, C, H r, W r] as […, C r², H, W]."""
    return _pixel_unshuffle(input, downscale_factor=downscale_factor)


def polygamma(input: Tensor, n: _int) -> Tensor:
    """The n-th derivative of digamma; of positive input where n > 1."""
    return _polygamma(input, n=n)


def positive(input: Tensor) -> Tensor:
    """The input."""
    return _positive(input)


def pow(input: Tensor, exponent: Tensor | Number) -> Tensor:
    """Power, element by element."""
    return _pow(input, exponent)


def pow_number(input: Tensor, exponent: _float) -> Tensor:
    """Power with an exponent that is part of the program, so that squares become products."""
    return _pow_number(input, exponent=exponent)


def prelu(input: Tensor, weight: Tensor | Number) -> Tensor:
    """input, times weight (one, or one a channel) below 0."""
    return _prelu(input, weight)


def prod(
    input: Tensor,
    dim: _int | Sequence[_int] | None = None,
    keepdim: _bool = False,
    *,
    dtype: _dtype | None = None,
) -> Tensor:
    """Product; bool and integers are multiplied as i64."""
    return _prod(input, dim=dim, keepdim=keepdim, dtype=dtype)


def put(
    input: Tensor, index: Tensor | Number, source: Tensor | Number, accumulate: _bool = False
) -> Tensor:
    """input with source in place of (or added to) elements at flat positions."""
    return _put(input, index, source, accumulate=accumulate)


def quantile(
    input: Tensor,
    q: Tensor | Number,
    dim: _int | None = None,
    keepdim: _bool = False,
    interpolation: str = "linear",
) -> Tensor:
    """Quantiles q of a dimension, or of all elements."""
    return _quantile(input, q, dim=dim, keepdim=keepdim, interpolation=interpolation)


def rad2deg(input: Tensor) -> Tensor:
    """Radians as degrees."""
    return _rad2deg(input)


def rand(size: _int | Sequence[_int], dtype: _dtype = float32) -> Tensor:
    """Uniform on [0, 1)."""
    return _rand(size=size, dtype=dtype)


def randint(
    *, low: _int = 0, high: _int, size: _int | Sequence[_int], dtype: _dtype = int64
) -> Tensor:
    """Integers from low to high - 1."""
    return _randint(low=low, high=high, size=size, dtype=dtype)


def randn(size: _int | Sequence[_int], dtype: _dtype = float32) -> Tensor:
    """Standard normal."""
    return _randn(size=size, dtype=dtype)


def randperm(n: _int, dtype: _dtype = int64) -> Tensor:
    """The numbers 0 to n - 1 in random order."""
    return _randperm(n=n, dtype=dtype)


def ravel(input: Tensor) -> Tensor:
    """All elements in one dimension."""
    return _ravel(input)


def reciprocal(input: Tensor) -> Tensor:
    """1 / input."""
    return _reciprocal(input)


def relu(input: Tensor) -> Tensor:
    """max(input, 0)."""
    return _relu(input)


def relu6(input: Tensor) -> Tensor:
    """Limited to [0, 6]."""
    return _relu6(input)


def remainder(input: Tensor, other: Tensor | Number) -> Tensor:
    """Remainder with the sign of other."""
    return _remainder(input, other)


def renorm(input: Tensor, p: _float, dim: _int, maxnorm: _float) -> Tensor:
    """Slices of a dimension scaled down to a largest p-norm."""
    return _renorm(input, p=p, dim=dim, maxnorm=maxnorm)


def repeat(input: Tensor, repeats: _int | Sequence[_int]) -> Tensor:
    """The whole, repeated along each dimension."""
    return _repeat(input, repeats=repeats)


def repeat_interleave(input: Tensor, repeats: _int, dim: _int | None = None) -> Tensor:
    """Each element repeated, along dim or flat."""
    return _repeat_interleave(input, repeats=repeats, dim=dim)


def reshape(input: Tensor, shape: _int | Sequence[_int]) -> Tensor:
    """The same elements in another shape; one dimension may be -1."""
    return _reshape(input, shape=shape)


def rms_norm(
    input: Tensor,
    *,
    weight: Tensor | Number | None = None,
    normalized_shape: _int | Sequence[_int],
    eps: _float | None = None,
) -> Tensor:
    """Mean square 1 over the last dimensions, times weight."""
    return _call(_rms_norm, (input,), (weight,), normalized_shape=normalized_shape, eps=eps)


def roll(
    input: Tensor, shifts: _int | Sequence[_int], dim: _int | Sequence[_int] | None = None
) -> Tensor:
    """Shifted round; without dim, flat."""
    return _roll(input, shifts=shifts, dim=dim)


def rot90(
    input: Tensor,
    k: _int = 1,
    dims: _int | Sequence[_int] = (
        0,
        1,
    ),
) -> Tensor:
    """Turned k times by 90 degrees, from dims[0] towards dims[1]."""
    return _rot90(input, k=k, dims=dims)


def round(input: Tensor) -> Tensor:
    """Rounded to the nearest integer, halves to the even one."""
    return _round(input)


def rsqrt(input: Tensor) -> Tensor:
    """1 / sqrt(input)."""
    return _rsqrt(input)


def scatter(input: Tensor, dim: _int, index: Tensor | Number, src: Tensor | Number) -> Tensor:
    """input with src (a tensor or number) in place along dim at index; the last one wins."""
    return _scatter(input, index, src, dim=dim)


def scatter_add(input: Tensor, dim: _int, index: Tensor | Number, src: Tensor | Number) -> Tensor:
    """input with src added along dim at index."""
    return _scatter_add(input, index, src, dim=dim)


def scatter_reduce(
    input: Tensor,
    dim: _int,
    index: Tensor | Number,
    src: Tensor | Number,
    reduce: str,
    *,
    include_self: _bool = True,
) -> Tensor:
    """input joined with src along dim at index by sum, prod, mean, amax or amin."""
    return _scatter_reduce(input, index, src, dim=dim, reduce=reduce, include_self=include_self)


def searchsorted(sorted_sequence: Tensor, input: Tensor | Number, right: _bool = False) -> Tensor:
    """Where each number goes in a sorted row: before equal ones, or behind them with right."""
    return _searchsorted(sorted_sequence, input, right=right)


def select(input: Tensor, dim: _int, index: _int) -> Tensor:
    """One position of a dimension, which goes."""
    return _select(input, dim=dim, index=index)


def select_scatter(input: Tensor, src: Tensor | Number, dim: _int, index: _int) -> Tensor:
    """input with src in place of one position of a dimension."""
    return _select_scatter(input, src, dim=dim, index=index)


def selu(input: Tensor) -> Tensor:
    """Scaled elu that keeps mean and variance."""
    return _selu(input)


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-input))."""
    return _sigmoid(input)


def sign(input: Tensor) -> Tensor:
    """-1, 0 or 1."""
    return _sign(input)


def signbit(input: Tensor) -> Tensor:
    """Has a minus sign."""
    return _signbit(input)


def silu(input: Tensor) -> Tensor:
    """input * sigmoid(input)."""
    return _silu(input)


def sin(input: Tensor) -> Tensor:
    """Sine."""
    return _sin(input)


def sinc(input: Tensor) -> Tensor:
    """sin(pi * input) / (pi * input), 1 at 0."""
    return _sinc(input)


def sinh(input: Tensor) -> Tensor:
    """Hyperbolic sine."""
    return _sinh(input)


def slice(
    input: Tensor, dim: _int = 0, start: _int | None = None, end: _int | None = None, step: _int = 1
) -> Tensor:
    """start:end:step of a dimension, as in Python."""
    return _slice(input, dim=dim, start=start, end=end, step=step)


def slice_scatter(
    input: Tensor,
    src: Tensor | Number,
    dim: _int = 0,
    start: _int | None = None,
    end: _int | None = None,
    step: _int = 1,
) -> Tensor:
    """input with src in place of a slice."""
    return _slice_scatter(input, src, dim=dim, start=start, end=end, step=step)


def sliding(input: Tensor, dimension: _int, size: _int, step: _int) -> Tensor:
    """All slices of a size from a dimension, step apart, in a new last dimension."""
    return _sliding(input, dimension=dimension, size=size, step=step)


def smooth_l1_loss(
    input: Tensor, target: Tensor | Number, beta: _float = 1.0, reduction: str = "mean"
) -> Tensor:
    """Squared difference / 2 beta below beta, then linear."""
    return _smooth_l1_loss(input, target, beta=beta, reduction=reduction)


def soft_margin_loss(input: Tensor, target: Tensor | Number, reduction: str = "mean") -> Tensor:
    """log(1 + exp(-target * input))."""
    return _soft_margin_loss(input, target, reduction=reduction)


def softmax(input: Tensor, dim: _int, dtype: _dtype | None = None) -> Tensor:
    """exp(input) divided by its sum along dim."""
    return _softmax(input, dim=dim, dtype=dtype)


def softmin(input: Tensor, dim: _int, dtype: _dtype | None = None) -> Tensor:
    """Softmax of -input along dim."""
    return _softmin(input, dim=dim, dtype=dtype)


def softplus(input: Tensor, beta: _float = 1.0, threshold: _float = 20.0) -> Tensor:
    """log(1 + exp(beta * input)) / beta, input above the threshold."""
    return _softplus(input, beta=beta, threshold=threshold)


def softshrink(input: Tensor, lambd: _float = 0.5) -> Tensor:
    """Moved towards 0 by lambd at most."""
    return _softshrink(input, lambd=lambd)


def softsign(input: Tensor) -> Tensor:
    """input / (1 + |input|)."""
    return _softsign(input)


def sort(input: Tensor, dim: _int = -1, descending: _bool = False) -> tuple[Tensor, ...]:
    """The elements of a dimension in order, and where they were."""
    return _sort(input, dim=dim, descending=descending)


def split(
    input: Tensor, split_size_or_sections: _int | Sequence[_int], dim: _int = 0
) -> tuple[Tensor, ...]:
    """Parts of one size (the last may be smaller) or of the sizes given."""
    return _split(input, split_size_or_sections=split_size_or_sections, dim=dim)


def sqrt(input: Tensor) -> Tensor:
    """Square root."""
    return _sqrt(input)


def square(input: Tensor) -> Tensor:
    """input * input."""
    return _square(input)


def squeeze(input: Tensor, dim: _int | Sequence[_int] | None = None) -> Tensor:
    """Without dimensions of length 1, all or those named."""
    return _squeeze(input, dim=dim)


def stack(tensors: Sequence[Tensor], dim: _int = 0) -> Tensor:
    """Tensors side by side along a new dimension."""
    return _stack(*tensors, dim=dim)


def std(
    input: Tensor,
    dim: _int | Sequence[_int] | None = None,
    keepdim: _bool = False,
    correction: _float = 1.0,
) -> Tensor:
    """Standard deviation; its slope at 0 is 0."""
    return _std(input, dim=dim, keepdim=keepdim, correction=correction)


def sub(input: Tensor, other: Tensor | Number, *, alpha: Tensor | Number | None = None) -> Tensor:
    """input - alpha * other."""
    return _call(_sub, (input, other), (alpha,))


def sum(
    input: Tensor,
    dim: _int | Sequence[_int] | None = None,
    keepdim: _bool = False,
    *,
    dtype: _dtype | None = None,
) -> Tensor:
    """Sum; bool and integers are summed as i64."""
    return _sum(input, dim=dim, keepdim=keepdim, dtype=dtype)


def t(input: Tensor) -> Tensor:
    """Transposed matrix; a vector stays."""
    return _t(input)


def take(input: Tensor, index: Tensor | Number) -> Tensor:
    """Elements at flat positions."""
    return _take(input, index)


def take_along_dim(input: Tensor, indices: Tensor | Number, dim: _int | None = None) -> Tensor:
    """Elements along dim at indices, which broadcast; without dim, flat."""
    return _take_along_dim(input, indices, dim=dim)


def tan(input: Tensor) -> Tensor:
    """Tangent."""
    return _tan(input)


def tanh(input: Tensor) -> Tensor:
    """Hyperbolic tangent."""
    return _tanh(input)


def tanhshrink(input: Tensor) -> Tensor:
    """input - tanh(input)."""
    return _tanhshrink(input)


def tensor_split(
    input: Tensor, indices_or_sections: _int | Sequence[_int], dim: _int = 0
) -> tuple[Tensor, ...]:
    """Parts of nearly equal length, or cut before the indices given."""
    return _tensor_split(input, indices_or_sections=indices_or_sections, dim=dim)


def tensordot(
    a: Tensor, b: Tensor | Number, dims_a: _int | Sequence[_int], dims_b: _int | Sequence[_int]
) -> Tensor:
    """Sums of products over pairs of dimensions."""
    return _tensordot(a, b, dims_a=dims_a, dims_b=dims_b)


def threshold(input: Tensor, threshold: _float, value: _float) -> Tensor:
    """input above threshold, else value."""
    return _threshold(input, threshold=threshold, value=value)


def tile(input: Tensor, dims: _int | Sequence[_int]) -> Tensor:
    """Like repeat, missing leading counts are 1."""
    return _tile(input, dims=dims)


def to(input: Tensor, dtype: _dtype) -> Tensor:
    """In another element type."""
    return _to(input, dtype=dtype)


def topk(
    input: Tensor, k: _int, dim: _int = -1, largest: _bool = True, sorted: _bool = True
) -> tuple[Tensor, ...]:
    """The k largest (or smallest) elements of a dimension in order, and where they were."""
    return _topk(input, k=k, dim=dim, largest=largest, sorted=sorted)


def trace(input: Tensor) -> Tensor:
    """Sum of the diagonal."""
    return _trace(input)


def transpose(input: Tensor, dim0: _int, dim1: _int) -> Tensor:
    """Two dimensions exchanged."""
    return _transpose(input, dim0=dim0, dim1=dim1)


def trapezoid(
    y: Tensor,
    x: Tensor | Number | None = None,
    *,
    dx: Tensor | Number | None = None,
    dim: _int = -1,
) -> Tensor:
    """Area under a line through points, dx or x apart."""
    return _call(_trapezoid, (y,), (x, dx), dim=dim)


def tril(input: Tensor, diagonal: _int = 0) -> Tensor:
    """The lower triangle, zero elsewhere."""
    return _tril(input, diagonal=diagonal)


def triu(input: Tensor, diagonal: _int = 0) -> Tensor:
    """The upper triangle, zero elsewhere."""
    return _triu(input, diagonal=diagonal)


def trunc(input: Tensor) -> Tensor:
    """Rounded towards zero."""
    return _trunc(input)


def unbind(input: Tensor, dim: _int = 0) -> tuple[Tensor, ...]:
    """Every position of a dimension by itself."""
    return _unbind(input, dim=dim)


def unflatten(input: Tensor, dim: _int, sizes: _int | Sequence[_int]) -> Tensor:
    """One dimension as several."""
    return _unflatten(input, dim=dim, sizes=sizes)


def unfold(
    input: Tensor,
    kernel_size: _int | Sequence[_int],
    dilation: _int | Sequence[_int] = 1,
    padding: _int | Sequence[_int] = 0,
    stride: _int | Sequence[_int] = 1,
) -> Tensor:
    """Patches [N, C * kernel, L] of images [N, C, H, W]."""
    return _unfold(
        input, kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride
    )


def unsqueeze(input: Tensor, dim: _int) -> Tensor:
    """With a new dimension of length 1."""
    return _unsqueeze(input, dim=dim)


def vander(x: Tensor, N: _int | None = None, increasing: _bool = False) -> Tensor:
    """Powers of a vector, as columns."""
    return _vander(x, N=N, increasing=increasing)


def var(
    input: Tensor,
    dim: _int | Sequence[_int] | None = None,
    keepdim: _bool = False,
    correction: _float = 1.0,
) -> Tensor:
    """Variance, divided by count - correction."""
    return _var(input, dim=dim, keepdim=keepdim, correction=correction)


def vdot(input: Tensor, other: Tensor | Number) -> Tensor:
    """Inner product of two vectors."""
    return _vdot(input, other)


def where(condition: Tensor, input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """input where condition holds, else other."""
    return _where(condition, input, other)


def xlogy(input: Tensor, other: Tensor | Number) -> Tensor:
    """input * log(other), 0 where input is 0."""
    return _xlogy(input, other)


def zeros(size: _int | Sequence[_int], dtype: _dtype = float32) -> Tensor:
    """Zeros of a size."""
    return _zeros(size=size, dtype=dtype)


def zeros_like(input: Tensor, dtype: _dtype | None = None) -> Tensor:
    """Zeros of the shape and type of input."""
    return _zeros_like(input, dtype=dtype)
