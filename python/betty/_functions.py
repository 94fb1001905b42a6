"""Every operation, by tools/generate_functions.py: one file, for programs alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from betty._native import Tensor, dtype, float32, int64, operation
from betty._results import stored as _stored

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
    "attention_dropout",
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
    "linalg_cholesky_info",
    "linalg_det",
    "linalg_eigh",
    "linalg_inv",
    "linalg_lstsq",
    "linalg_lu",
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
_attention_dropout = operation("attention_dropout")
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
_linalg_cholesky_info = operation("linalg_cholesky_info")
_linalg_det = operation("linalg_det")
_linalg_eigh = operation("linalg_eigh")
_linalg_inv = operation("linalg_inv")
_linalg_lstsq = operation("linalg_lstsq")
_linalg_lu = operation("linalg_lu")
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


def abs(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Absolute value."""
    made = _abs(input)
    return made if out is None else _stored(out, made)


def acos(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Inverse cosine."""
    made = _acos(input)
    return made if out is None else _stored(out, made)


def acosh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Inverse hyperbolic cosine."""
    made = _acosh(input)
    return made if out is None else _stored(out, made)


def adaptive_avg_pool1d(
    input: Tensor, output_size: _int | Sequence[_int], *, out: Tensor | None = None
) -> Tensor:
    """Means of output_size windows that cover the input; -1 keeps a dimension."""
    made = _adaptive_avg_pool1d(input, output_size=output_size)
    return made if out is None else _stored(out, made)


def adaptive_avg_pool2d(
    input: Tensor, output_size: _int | Sequence[_int], *, out: Tensor | None = None
) -> Tensor:
    """Means of output_size windows that cover the input; -1 keeps a dimension."""
    made = _adaptive_avg_pool2d(input, output_size=output_size)
    return made if out is None else _stored(out, made)


def adaptive_max_pool1d(
    input: Tensor,
    output_size: _int | Sequence[_int],
    return_indices: _bool = False,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Largest elements of output_size windows that cover the input; -1 keeps a dimension."""
    made = _adaptive_max_pool1d(input, output_size=output_size, return_indices=return_indices)
    return made if out is None else _stored(out, made)


def adaptive_max_pool2d(
    input: Tensor,
    output_size: _int | Sequence[_int],
    return_indices: _bool = False,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Largest elements of output_size windows that cover the input; -1 keeps a dimension."""
    made = _adaptive_max_pool2d(input, output_size=output_size, return_indices=return_indices)
    return made if out is None else _stored(out, made)


def add(
    input: Tensor,
    other: Tensor | Number,
    *,
    alpha: Tensor | Number | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """input + alpha * other."""
    made = _call(_add, (input, other), (alpha,))
    return made if out is None else _stored(out, made)


def addbmm(
    input: Tensor,
    batch1: Tensor | Number,
    batch2: Tensor | Number,
    *,
    beta: Tensor | Number | None = None,
    alpha: Tensor | Number | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """beta * input + alpha * the sum of batch1 @ batch2."""
    made = _call(_addbmm, (input, batch1, batch2), (beta, alpha))
    return made if out is None else _stored(out, made)


def addcdiv(
    input: Tensor,
    tensor1: Tensor | Number,
    tensor2: Tensor | Number,
    *,
    value: Tensor | Number | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """input + value * tensor1 / tensor2."""
    made = _call(_addcdiv, (input, tensor1, tensor2), (value,))
    return made if out is None else _stored(out, made)


def addcmul(
    input: Tensor,
    tensor1: Tensor | Number,
    tensor2: Tensor | Number,
    *,
    value: Tensor | Number | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """input + value * tensor1 * tensor2."""
    made = _call(_addcmul, (input, tensor1, tensor2), (value,))
    return made if out is None else _stored(out, made)


def addmm(
    input: Tensor,
    mat1: Tensor | Number,
    mat2: Tensor | Number,
    *,
    beta: Tensor | Number | None = None,
    alpha: Tensor | Number | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """beta * input + alpha * (mat1 @ mat2)."""
    made = _call(_addmm, (input, mat1, mat2), (beta, alpha))
    return made if out is None else _stored(out, made)


def addmv(
    input: Tensor,
    mat: Tensor | Number,
    vec: Tensor | Number,
    *,
    beta: Tensor | Number | None = None,
    alpha: Tensor | Number | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """beta * input + alpha * (mat @ vec)."""
    made = _call(_addmv, (input, mat, vec), (beta, alpha))
    return made if out is None else _stored(out, made)


def addr(
    input: Tensor,
    vec1: Tensor | Number,
    vec2: Tensor | Number,
    *,
    beta: Tensor | Number | None = None,
    alpha: Tensor | Number | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """beta * input + alpha * outer(vec1, vec2)."""
    made = _call(_addr, (input, vec1, vec2), (beta, alpha))
    return made if out is None else _stored(out, made)


def adjoint(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The last two dimensions exchanged."""
    made = _adjoint(input)
    return made if out is None else _stored(out, made)


def all(
    input: Tensor,
    dim: _int | Sequence[_int] | None = None,
    keepdim: _bool = False,
    *,
    axis: _int | Sequence[_int] | None = None,
    out: Tensor | None = None,
    keepdims: _bool | None = None,
) -> Tensor:
    """No element is zero."""
    if axis is not None:
        dim = axis
    if keepdims is not None:
        keepdim = keepdims
    made = _all(input, dim=dim, keepdim=keepdim)
    return made if out is None else _stored(out, made)


def amax(
    input: Tensor,
    dim: _int | Sequence[_int] | None = None,
    keepdim: _bool = False,
    *,
    axis: _int | Sequence[_int] | None = None,
    out: Tensor | None = None,
    keepdims: _bool | None = None,
) -> Tensor:
    """Largest value; equal ones share the gradient."""
    if axis is not None:
        dim = axis
    if keepdims is not None:
        keepdim = keepdims
    made = _amax(input, dim=dim, keepdim=keepdim)
    return made if out is None else _stored(out, made)


def amin(
    input: Tensor,
    dim: _int | Sequence[_int] | None = None,
    keepdim: _bool = False,
    *,
    axis: _int | Sequence[_int] | None = None,
    out: Tensor | None = None,
    keepdims: _bool | None = None,
) -> Tensor:
    """Smallest value; equal ones share the gradient."""
    if axis is not None:
        dim = axis
    if keepdims is not None:
        keepdim = keepdims
    made = _amin(input, dim=dim, keepdim=keepdim)
    return made if out is None else _stored(out, made)


def aminmax(
    input: Tensor,
    dim: _int | None = None,
    keepdim: _bool = False,
    *,
    axis: _int | None = None,
    keepdims: _bool | None = None,
) -> tuple[Tensor, ...]:
    """Smallest and largest value."""
    if axis is not None:
        dim = axis
    if keepdims is not None:
        keepdim = keepdims
    return _aminmax(input, dim=dim, keepdim=keepdim)


def any(
    input: Tensor,
    dim: _int | Sequence[_int] | None = None,
    keepdim: _bool = False,
    *,
    axis: _int | Sequence[_int] | None = None,
    out: Tensor | None = None,
    keepdims: _bool | None = None,
) -> Tensor:
    """Some element is not zero."""
    if axis is not None:
        dim = axis
    if keepdims is not None:
        keepdim = keepdims
    made = _any(input, dim=dim, keepdim=keepdim)
    return made if out is None else _stored(out, made)


def arange(
    *, start: _float = 0, end: _float, step: _float = 1, dtype: _dtype | None = None
) -> Tensor:
    """start, start + step… before end; i64 if all are integers."""
    return _arange(start=start, end=end, step=step, dtype=dtype)


def argmax(
    input: Tensor,
    dim: _int | None = None,
    keepdim: _bool = False,
    *,
    axis: _int | None = None,
    out: Tensor | None = None,
    keepdims: _bool | None = None,
) -> Tensor:
    """Index of the largest value, of the flat tensor without dim."""
    if axis is not None:
        dim = axis
    if keepdims is not None:
        keepdim = keepdims
    made = _argmax(input, dim=dim, keepdim=keepdim)
    return made if out is None else _stored(out, made)


def argmin(
    input: Tensor,
    dim: _int | None = None,
    keepdim: _bool = False,
    *,
    axis: _int | None = None,
    out: Tensor | None = None,
    keepdims: _bool | None = None,
) -> Tensor:
    """Index of the smallest value, of the flat tensor without dim."""
    if axis is not None:
        dim = axis
    if keepdims is not None:
        keepdim = keepdims
    made = _argmin(input, dim=dim, keepdim=keepdim)
    return made if out is None else _stored(out, made)


def argsort(
    input: Tensor,
    dim: _int = -1,
    descending: _bool = False,
    *,
    axis: _int | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Indices that sort a dimension; equal elements keep their order, NaN is the largest."""
    if axis is not None:
        dim = axis
    made = _argsort(input, dim=dim, descending=descending)
    return made if out is None else _stored(out, made)


def asin(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Inverse sine."""
    made = _asin(input)
    return made if out is None else _stored(out, made)


def asinh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Inverse hyperbolic sine."""
    made = _asinh(input)
    return made if out is None else _stored(out, made)


def atan(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Inverse tangent."""
    made = _atan(input)
    return made if out is None else _stored(out, made)


def atan2(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Angle of the point (other, input)."""
    made = _atan2(input, other)
    return made if out is None else _stored(out, made)


def atanh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Inverse hyperbolic tangent."""
    made = _atanh(input)
    return made if out is None else _stored(out, made)


def attention(
    query: Tensor,
    keys: Tensor | Number,
    value: Tensor | Number,
    mask: Tensor | Number | None = None,
    is_causal: _bool = False,
    scale: _float | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """softmax(query keys' scale + mask) value over [..., length, width]; a bool mask says what
    takes part, a floating one is added."""
    made = _call(_attention, (query, keys, value), (mask,), is_causal=is_causal, scale=scale)
    return made if out is None else _stored(out, made)


def attention_dropout(
    query: Tensor,
    keys: Tensor | Number,
    value: Tensor | Number,
    *,
    mask: Tensor | Number | None = None,
    p: _float,
    is_causal: _bool = False,
    scale: _float | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """attention whose weights are zeroed with probability p, the others divided by 1 - p."""
    made = _call(
        _attention_dropout, (query, keys, value), (mask,), p=p, is_causal=is_causal, scale=scale
    )
    return made if out is None else _stored(out, made)


def avg_pool1d(
    input: Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: _int | Sequence[_int] = 0,
    ceil_mode: _bool = False,
    count_include_pad: _bool = True,
    divisor_override: _int | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Mean of each window."""
    made = _avg_pool1d(
        input,
        kernel_size=kernel_size,
        stride=stride,
        padding=padding,
        ceil_mode=ceil_mode,
        count_include_pad=count_include_pad,
        divisor_override=divisor_override,
    )
    return made if out is None else _stored(out, made)


def avg_pool2d(
    input: Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: _int | Sequence[_int] = 0,
    ceil_mode: _bool = False,
    count_include_pad: _bool = True,
    divisor_override: _int | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Mean of each window."""
    made = _avg_pool2d(
        input,
        kernel_size=kernel_size,
        stride=stride,
        padding=padding,
        ceil_mode=ceil_mode,
        count_include_pad=count_include_pad,
        divisor_override=divisor_override,
    )
    return made if out is None else _stored(out, made)


def baddbmm(
    input: Tensor,
    batch1: Tensor | Number,
    batch2: Tensor | Number,
    *,
    beta: Tensor | Number | None = None,
    alpha: Tensor | Number | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """beta * input + alpha * (batch1 @ batch2)."""
    made = _call(_baddbmm, (input, batch1, batch2), (beta, alpha))
    return made if out is None else _stored(out, made)


def batch_norm_inference(
    input: Tensor,
    running_mean: Tensor | Number,
    running_var: Tensor | Number,
    weight: Tensor | Number | None = None,
    bias: Tensor | Number | None = None,
    eps: _float = 1e-05,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Channels with given mean and variance made standard, times weight, plus bias."""
    made = _call(_batch_norm_inference, (input, running_mean, running_var), (weight, bias), eps=eps)
    return made if out is None else _stored(out, made)


def batch_norm_training(
    input: Tensor,
    weight: Tensor | Number | None = None,
    bias: Tensor | Number | None = None,
    running_mean: Tensor | Number | None = None,
    running_var: Tensor | Number | None = None,
    momentum: Tensor | Number | None = None,
    eps: _float = 1e-05,
    synchronized: _bool = False,
    partial: _bool = False,
) -> tuple[Tensor, ...]:
    """Channels made standard by their own mean and variance; then the new running statistics."""
    return _call(
        _batch_norm_training,
        (input,),
        (weight, bias, running_mean, running_var, momentum),
        eps=eps,
        synchronized=synchronized,
        partial=partial,
    )


def bernoulli(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """1 with the probability given by input, else 0."""
    made = _bernoulli(input)
    return made if out is None else _stored(out, made)


def binary_cross_entropy(
    input: Tensor,
    target: Tensor | Number,
    weight: Tensor | Number | None = None,
    reduction: str = "mean",
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Cross entropy of probabilities; logarithms end at -100."""
    made = _call(_binary_cross_entropy, (input, target), (weight,), reduction=reduction)
    return made if out is None else _stored(out, made)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor | Number,
    weight: Tensor | Number | None = None,
    pos_weight: Tensor | Number | None = None,
    reduction: str = "mean",
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Cross entropy of sigmoid(input); pos_weight multiplies positives."""
    made = _call(
        _binary_cross_entropy_with_logits,
        (input, target),
        (weight, pos_weight),
        reduction=reduction,
    )
    return made if out is None else _stored(out, made)


def bitwise_and(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Bits that both have; of bool, and."""
    made = _bitwise_and(input, other)
    return made if out is None else _stored(out, made)


def bitwise_left_shift(
    input: Tensor, other: Tensor | Number, *, out: Tensor | None = None
) -> Tensor:
    """input times a power of 2."""
    made = _bitwise_left_shift(input, other)
    return made if out is None else _stored(out, made)


def bitwise_not(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """All bits turned; of bool, not."""
    made = _bitwise_not(input)
    return made if out is None else _stored(out, made)


def bitwise_or(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Bits that one of them has; of bool, or."""
    made = _bitwise_or(input, other)
    return made if out is None else _stored(out, made)


def bitwise_right_shift(
    input: Tensor, other: Tensor | Number, *, out: Tensor | None = None
) -> Tensor:
    """input divided by a power of 2, rounded down."""
    made = _bitwise_right_shift(input, other)
    return made if out is None else _stored(out, made)


def bitwise_xor(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Bits that exactly one has; of bool, xor."""
    made = _bitwise_xor(input, other)
    return made if out is None else _stored(out, made)


def block_diag(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """A matrix with matrices along its diagonal."""
    made = _block_diag(*tensors)
    return made if out is None else _stored(out, made)


def bmm(input: Tensor, mat2: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Products of two batches of matrices."""
    made = _bmm(input, mat2)
    return made if out is None else _stored(out, made)


def bucketize(
    input: Tensor, boundaries: Tensor | Number, right: _bool = False, *, out: Tensor | None = None
) -> Tensor:
    """In which of the intervals between sorted boundaries each number lies."""
    made = _bucketize(input, boundaries, right=right)
    return made if out is None else _stored(out, made)


def cat(
    tensors: Sequence[Tensor], dim: _int = 0, *, axis: _int | None = None, out: Tensor | None = None
) -> Tensor:
    """Tensors one after another along a dimension."""
    if axis is not None:
        dim = axis
    made = _cat(*tensors, dim=dim)
    return made if out is None else _stored(out, made)


def cdist(x1: Tensor, x2: Tensor | Number, p: _float = 2.0, *, out: Tensor | None = None) -> Tensor:
    """p-norm distances between all pairs of rows."""
    made = _cdist(x1, x2, p=p)
    return made if out is None else _stored(out, made)


def ceil(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Rounded up."""
    made = _ceil(input)
    return made if out is None else _stored(out, made)


def celu(input: Tensor, alpha: _float = 1.0, *, out: Tensor | None = None) -> Tensor:
    """elu with input / alpha in the exponent."""
    made = _celu(input, alpha=alpha)
    return made if out is None else _stored(out, made)


def cholesky_solve(
    input: Tensor, L: Tensor | Number, upper: _bool = False, *, out: Tensor | None = None
) -> Tensor:
    """X with A X = input, A given by its Cholesky factor."""
    made = _cholesky_solve(input, L, upper=upper)
    return made if out is None else _stored(out, made)


def chunk(
    input: Tensor, chunks: _int, dim: _int = 0, *, axis: _int | None = None
) -> tuple[Tensor, ...]:
    """At most that many parts of equal size; the last may be smaller."""
    if axis is not None:
        dim = axis
    return _chunk(input, chunks=chunks, dim=dim)


def clamp(
    input: Tensor,
    min: Tensor | Number | None = None,
    max: Tensor | Number | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Limited to [min, max], each may be left out."""
    made = _call(_clamp, (input,), (min, max))
    return made if out is None else _stored(out, made)


def clamp_max(input: Tensor, max: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """At most max."""
    made = _clamp_max(input, max)
    return made if out is None else _stored(out, made)


def clamp_min(input: Tensor, min: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """At least min."""
    made = _clamp_min(input, min)
    return made if out is None else _stored(out, made)


def clone(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """A copy."""
    made = _clone(input)
    return made if out is None else _stored(out, made)


def column_stack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """Vectors as columns, beside matrices."""
    made = _column_stack(*tensors)
    return made if out is None else _stored(out, made)


def contiguous(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Itself or, of a view that lies scattered in memory, a copy."""
    made = _contiguous(input)
    return made if out is None else _stored(out, made)


def conv1d(
    input: Tensor,
    weight: Tensor | Number,
    bias: Tensor | Number | None = None,
    stride: _int | Sequence[_int] = 1,
    padding: _int | Sequence[_int] | str = 0,
    dilation: _int | Sequence[_int] = 1,
    groups: _int = 1,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Convolution of [N, C, …] with weight [K, C / groups, …]; padding may be 'same', 'valid'."""
    made = _call(
        _conv1d,
        (input, weight),
        (bias,),
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )
    return made if out is None else _stored(out, made)


def conv2d(
    input: Tensor,
    weight: Tensor | Number,
    bias: Tensor | Number | None = None,
    stride: _int | Sequence[_int] = 1,
    padding: _int | Sequence[_int] | str = 0,
    dilation: _int | Sequence[_int] = 1,
    groups: _int = 1,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Convolution of [N, C, …] with weight [K, C / groups, …]; padding may be 'same', 'valid'."""
    made = _call(
        _conv2d,
        (input, weight),
        (bias,),
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )
    return made if out is None else _stored(out, made)


def conv_transpose1d(
    input: Tensor,
    weight: Tensor | Number,
    bias: Tensor | Number | None = None,
    stride: _int | Sequence[_int] = 1,
    padding: _int | Sequence[_int] = 0,
    output_padding: _int | Sequence[_int] = 0,
    groups: _int = 1,
    dilation: _int | Sequence[_int] = 1,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Transposed convolution of [N, C, …] with weight [C, K / groups, …]."""
    made = _call(
        _conv_transpose1d,
        (input, weight),
        (bias,),
        stride=stride,
        padding=padding,
        output_padding=output_padding,
        groups=groups,
        dilation=dilation,
    )
    return made if out is None else _stored(out, made)


def conv_transpose2d(
    input: Tensor,
    weight: Tensor | Number,
    bias: Tensor | Number | None = None,
    stride: _int | Sequence[_int] = 1,
    padding: _int | Sequence[_int] = 0,
    output_padding: _int | Sequence[_int] = 0,
    groups: _int = 1,
    dilation: _int | Sequence[_int] = 1,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Transposed convolution of [N, C, …] with weight [C, K / groups, …]."""
    made = _call(
        _conv_transpose2d,
        (input, weight),
        (bias,),
        stride=stride,
        padding=padding,
        output_padding=output_padding,
        groups=groups,
        dilation=dilation,
    )
    return made if out is None else _stored(out, made)


def copysign(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """|input| with the sign of other."""
    made = _copysign(input, other)
    return made if out is None else _stored(out, made)


def corrcoef(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Correlations of variables (rows) over observations (columns)."""
    made = _corrcoef(input)
    return made if out is None else _stored(out, made)


def cos(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Cosine."""
    made = _cos(input)
    return made if out is None else _stored(out, made)


def cosh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Hyperbolic cosine."""
    made = _cosh(input)
    return made if out is None else _stored(out, made)


def cosine_similarity(
    x1: Tensor,
    x2: Tensor | Number,
    dim: _int = 1,
    eps: _float = 1e-08,
    *,
    axis: _int | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Cosine of the angle between vectors along dim."""
    if axis is not None:
        dim = axis
    made = _cosine_similarity(x1, x2, dim=dim, eps=eps)
    return made if out is None else _stored(out, made)


def count_nonzero(
    input: Tensor,
    dim: _int | Sequence[_int] | None = None,
    keepdim: _bool = False,
    *,
    axis: _int | Sequence[_int] | None = None,
    out: Tensor | None = None,
    keepdims: _bool | None = None,
) -> Tensor:
    """How many elements are not zero."""
    if axis is not None:
        dim = axis
    if keepdims is not None:
        keepdim = keepdims
    made = _count_nonzero(input, dim=dim, keepdim=keepdim)
    return made if out is None else _stored(out, made)


def cov(
    input: Tensor,
    *,
    correction: _int = 1,
    fweights: Tensor | Number | None = None,
    aweights: Tensor | Number | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Covariances of variables (rows) over observations (columns)."""
    made = _call(_cov, (input,), (fweights, aweights), correction=correction)
    return made if out is None else _stored(out, made)


def cross(
    input: Tensor,
    other: Tensor | Number,
    dim: _int | None = None,
    *,
    axis: _int | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Cross product of vectors of 3; without dim along the first dimension of size 3."""
    if axis is not None:
        dim = axis
    made = _cross(input, other, dim=dim)
    return made if out is None else _stored(out, made)


def cross_entropy(
    input: Tensor,
    target: Tensor | Number,
    weight: Tensor | Number | None = None,
    reduction: str = "mean",
    ignore_index: _int = -100,
    label_smoothing: _float = 0.0,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Cross entropy of logits with class indices or class probabilities."""
    made = _call(
        _cross_entropy,
        (input, target),
        (weight,),
        reduction=reduction,
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
    )
    return made if out is None else _stored(out, made)


def cummax(
    input: Tensor, dim: _int | None = None, *, axis: _int | None = None
) -> tuple[Tensor, ...]:
    """Running maximum, and where it is."""
    if axis is not None:
        dim = axis
    return _cummax(input, dim=dim)


def cummin(
    input: Tensor, dim: _int | None = None, *, axis: _int | None = None
) -> tuple[Tensor, ...]:
    """Running minimum, and where it is."""
    if axis is not None:
        dim = axis
    return _cummin(input, dim=dim)


def cumprod(
    input: Tensor,
    dim: _int | None = None,
    *,
    dtype: _dtype | None = None,
    axis: _int | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Running product."""
    if axis is not None:
        dim = axis
    made = _cumprod(input, dim=dim, dtype=dtype)
    return made if out is None else _stored(out, made)


def cumsum(
    input: Tensor,
    dim: _int | None = None,
    *,
    dtype: _dtype | None = None,
    axis: _int | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Running sum."""
    if axis is not None:
        dim = axis
    made = _cumsum(input, dim=dim, dtype=dtype)
    return made if out is None else _stored(out, made)


def cumulative_trapezoid(
    y: Tensor,
    x: Tensor | Number | None = None,
    *,
    dx: Tensor | Number | None = None,
    dim: _int = -1,
    axis: _int | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Running area under a line through points."""
    if axis is not None:
        dim = axis
    made = _call(_cumulative_trapezoid, (y,), (x, dx), dim=dim)
    return made if out is None else _stored(out, made)


def deg2rad(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Degrees as radians."""
    made = _deg2rad(input)
    return made if out is None else _stored(out, made)


def detach(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The same values, through which no gradient flows."""
    made = _detach(input)
    return made if out is None else _stored(out, made)


def diag(input: Tensor, diagonal: _int = 0, *, out: Tensor | None = None) -> Tensor:
    """Diagonal of a matrix, or a matrix with this diagonal."""
    made = _diag(input, diagonal=diagonal)
    return made if out is None else _stored(out, made)


def diag_embed(
    input: Tensor, offset: _int = 0, dim1: _int = -2, dim2: _int = -1, *, out: Tensor | None = None
) -> Tensor:
    """Matrices whose diagonals are the last dimension."""
    made = _diag_embed(input, offset=offset, dim1=dim1, dim2=dim2)
    return made if out is None else _stored(out, made)


def diagflat(input: Tensor, offset: _int = 0, *, out: Tensor | None = None) -> Tensor:
    """A matrix whose diagonal holds all elements."""
    made = _diagflat(input, offset=offset)
    return made if out is None else _stored(out, made)


def diagonal(
    input: Tensor, offset: _int = 0, dim1: _int = 0, dim2: _int = 1, *, out: Tensor | None = None
) -> Tensor:
    """Diagonals of the matrices that two dimensions make, as the last dimension."""
    made = _diagonal(input, offset=offset, dim1=dim1, dim2=dim2)
    return made if out is None else _stored(out, made)


def diagonal_scatter(
    input: Tensor,
    src: Tensor | Number,
    offset: _int = 0,
    dim1: _int = 0,
    dim2: _int = 1,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """input with src in place of the diagonals of two dimensions."""
    made = _diagonal_scatter(input, src, offset=offset, dim1=dim1, dim2=dim2)
    return made if out is None else _stored(out, made)


def diff(
    input: Tensor,
    n: _int = 1,
    dim: _int = -1,
    prepend: Tensor | Number | None = None,
    append: Tensor | Number | None = None,
    *,
    axis: _int | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Differences of neighbours, n times."""
    if axis is not None:
        dim = axis
    made = _call(_diff, (input,), (prepend, append), n=n, dim=dim)
    return made if out is None else _stored(out, made)


def digamma(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Derivative of lgamma."""
    made = _digamma(input)
    return made if out is None else _stored(out, made)


def dist(
    input: Tensor, other: Tensor | Number, p: _float = 2.0, *, out: Tensor | None = None
) -> Tensor:
    """The p-norm of input - other."""
    made = _dist(input, other, p=p)
    return made if out is None else _stored(out, made)


def div(
    input: Tensor,
    other: Tensor | Number,
    *,
    rounding_mode: str | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Quotient; rounding_mode 'floor' or 'trunc' rounds it and keeps integers."""
    made = _div(input, other, rounding_mode=rounding_mode)
    return made if out is None else _stored(out, made)


def dot(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Inner product."""
    made = _dot(input, other)
    return made if out is None else _stored(out, made)


def dropout(
    input: Tensor, p: _float = 0.5, training: _bool = True, *, out: Tensor | None = None
) -> Tensor:
    """Zero with probability p, the rest divided by 1 - p; as it is outside training."""
    made = _dropout(input, p=p, training=training)
    return made if out is None else _stored(out, made)


def dstack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """Tensors behind each other, in the third dimension."""
    made = _dstack(*tensors)
    return made if out is None else _stored(out, made)


def einsum(operands: Sequence[Tensor], equation: str, *, out: Tensor | None = None) -> Tensor:
    """Sums of products of operands, their dimensions named by letters: 'bij,bjk->bik'."""
    made = _einsum(*operands, equation=equation)
    return made if out is None else _stored(out, made)


def elu(input: Tensor, alpha: _float = 1.0, *, out: Tensor | None = None) -> Tensor:
    """input, alpha * (exp(input) - 1) below 0."""
    made = _elu(input, alpha=alpha)
    return made if out is None else _stored(out, made)


def embedding(
    input: Tensor,
    weight: Tensor | Number,
    padding_idx: _int | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Rows of weight by the indices in input; the row padding_idx gets no gradient."""
    made = _embedding(input, weight, padding_idx=padding_idx)
    return made if out is None else _stored(out, made)


def eq(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """input == other."""
    made = _eq(input, other)
    return made if out is None else _stored(out, made)


def erf(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Error function."""
    made = _erf(input)
    return made if out is None else _stored(out, made)


def erfc(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """1 - erf(input)."""
    made = _erfc(input)
    return made if out is None else _stored(out, made)


def erfinv(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The number whose erf is input."""
    made = _erfinv(input)
    return made if out is None else _stored(out, made)


def exp(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """e to the power of input."""
    made = _exp(input)
    return made if out is None else _stored(out, made)


def exp2(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """2 to the power of input."""
    made = _exp2(input)
    return made if out is None else _stored(out, made)


def expand(input: Tensor, size: _int | Sequence[_int], *, out: Tensor | None = None) -> Tensor:
    """Dimensions of length 1 repeated to size; -1 keeps one."""
    made = _expand(input, size=size)
    return made if out is None else _stored(out, made)


def expm1(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """exp(input) - 1, exact near 0."""
    made = _expm1(input)
    return made if out is None else _stored(out, made)


def eye(n: _int, m: _int | None = None, dtype: _dtype = float32) -> Tensor:
    """Identity matrix, n by m."""
    return _eye(n=n, m=m, dtype=dtype)


def flatten(
    input: Tensor, start_dim: _int = 0, end_dim: _int = -1, *, out: Tensor | None = None
) -> Tensor:
    """Dimensions start_dim to end_dim as one."""
    made = _flatten(input, start_dim=start_dim, end_dim=end_dim)
    return made if out is None else _stored(out, made)


def flip(input: Tensor, dims: _int | Sequence[_int], *, out: Tensor | None = None) -> Tensor:
    """Backwards along dims."""
    made = _flip(input, dims=dims)
    return made if out is None else _stored(out, made)


def fliplr(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Columns backwards."""
    made = _fliplr(input)
    return made if out is None else _stored(out, made)


def flipud(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Rows backwards."""
    made = _flipud(input)
    return made if out is None else _stored(out, made)


def float_power(input: Tensor, exponent: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Power in f64."""
    made = _float_power(input, exponent)
    return made if out is None else _stored(out, made)


def floor(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Rounded down."""
    made = _floor(input)
    return made if out is None else _stored(out, made)


def floor_divide(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Quotient rounded down."""
    made = _floor_divide(input, other)
    return made if out is None else _stored(out, made)


def fmax(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The larger of two, numbers win over NaN."""
    made = _fmax(input, other)
    return made if out is None else _stored(out, made)


def fmin(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The smaller of two, numbers win over NaN."""
    made = _fmin(input, other)
    return made if out is None else _stored(out, made)


def fmod(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Remainder with the sign of input."""
    made = _fmod(input, other)
    return made if out is None else _stored(out, made)


def fold(
    input: Tensor,
    output_size: _int | Sequence[_int],
    kernel_size: _int | Sequence[_int],
    dilation: _int | Sequence[_int] = 1,
    padding: _int | Sequence[_int] = 0,
    stride: _int | Sequence[_int] = 1,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Images [N, C, H, W] with patches [N, C * kernel, L] added up in their places."""
    made = _fold(
        input,
        output_size=output_size,
        kernel_size=kernel_size,
        dilation=dilation,
        padding=padding,
        stride=stride,
    )
    return made if out is None else _stored(out, made)


def frac(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The part behind the point."""
    made = _frac(input)
    return made if out is None else _stored(out, made)


def full(
    fill_value: Tensor,
    size: _int | Sequence[_int],
    dtype: _dtype | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """A value in every element of a size."""
    made = _full(fill_value, size=size, dtype=dtype)
    return made if out is None else _stored(out, made)


def full_like(
    input: Tensor,
    fill_value: Tensor | Number,
    dtype: _dtype | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """A value in every element of the shape and type of input."""
    made = _full_like(input, fill_value, dtype=dtype)
    return made if out is None else _stored(out, made)


def gather(
    input: Tensor,
    dim: _int,
    index: Tensor | Number,
    *,
    sparse_grad: _bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Elements along dim at index; gradients are dense, whatever sparse_grad says."""
    made = _gather(input, index, dim=dim, sparse_grad=sparse_grad)
    return made if out is None else _stored(out, made)


def ge(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """input >= other."""
    made = _ge(input, other)
    return made if out is None else _stored(out, made)


def gelu(input: Tensor, approximate: str = "none", *, out: Tensor | None = None) -> Tensor:
    """input times the normal distribution's value there; approximate 'none' or 'tanh'."""
    made = _gelu(input, approximate=approximate)
    return made if out is None else _stored(out, made)


def glu(
    input: Tensor, dim: _int = -1, *, axis: _int | None = None, out: Tensor | None = None
) -> Tensor:
    """First half times sigmoid of the second."""
    if axis is not None:
        dim = axis
    made = _glu(input, dim=dim)
    return made if out is None else _stored(out, made)


def group_norm(
    input: Tensor,
    weight: Tensor | Number | None = None,
    *,
    bias: Tensor | Number | None = None,
    num_groups: _int,
    eps: _float = 1e-05,
    out: Tensor | None = None,
) -> Tensor:
    """Groups of channels of each sample made standard, times weight, plus bias."""
    made = _call(_group_norm, (input,), (weight, bias), num_groups=num_groups, eps=eps)
    return made if out is None else _stored(out, made)


def gt(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """input > other."""
    made = _gt(input, other)
    return made if out is None else _stored(out, made)


def hardshrink(input: Tensor, lambd: _float = 0.5, *, out: Tensor | None = None) -> Tensor:
    """0 within lambd of 0, else input."""
    made = _hardshrink(input, lambd=lambd)
    return made if out is None else _stored(out, made)


def hardsigmoid(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """relu6(input + 3) / 6."""
    made = _hardsigmoid(input)
    return made if out is None else _stored(out, made)


def hardswish(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input * relu6(input + 3) / 6."""
    made = _hardswish(input)
    return made if out is None else _stored(out, made)


def hardtanh(
    input: Tensor, min_val: _float = -1.0, max_val: _float = 1.0, *, out: Tensor | None = None
) -> Tensor:
    """Limited to [min_val, max_val], without a gradient at the bounds."""
    made = _hardtanh(input, min_val=min_val, max_val=max_val)
    return made if out is None else _stored(out, made)


def heaviside(input: Tensor, values: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """0 below 0, 1 above, values at 0."""
    made = _heaviside(input, values)
    return made if out is None else _stored(out, made)


def hinge_embedding_loss(
    input: Tensor,
    target: Tensor | Number,
    margin: _float = 1.0,
    reduction: str = "mean",
    *,
    out: Tensor | None = None,
) -> Tensor:
    """input where target is 1, max(0, margin - input) where it is -1."""
    made = _hinge_embedding_loss(input, target, margin=margin, reduction=reduction)
    return made if out is None else _stored(out, made)


def histc(
    input: Tensor,
    bins: _int = 100,
    min: _float = 0.0,
    max: _float = 0.0,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Counts in intervals of equal width from min to max; both 0 means those of the data."""
    made = _histc(input, bins=bins, min=min, max=max)
    return made if out is None else _stored(out, made)


def huber_loss(
    input: Tensor,
    target: Tensor | Number,
    delta: _float = 1.0,
    reduction: str = "mean",
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Squared difference / 2 below delta, then linear."""
    made = _huber_loss(input, target, delta=delta, reduction=reduction)
    return made if out is None else _stored(out, made)


def hypot(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """sqrt(input² + other²)."""
    made = _hypot(input, other)
    return made if out is None else _stored(out, made)


def index(
    input: Tensor,
    indices: Sequence[Tensor],
    items: _int | Sequence[_int],
    *,
    out: Tensor | None = None,
) -> Tensor:
    """input[items]; four numbers an item: 0 i for an integer, 1 start stop step for a slice, 2
    for a new axis, 3 for the next tensor of indices, 4 for an ellipsis."""
    made = _index(input, *indices, items=items)
    return made if out is None else _stored(out, made)


def index_add(
    input: Tensor,
    dim: _int,
    index: Tensor | Number,
    source: Tensor | Number,
    *,
    alpha: Tensor | Number | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """input with alpha * source added at positions of a dimension."""
    made = _call(_index_add, (input, index, source), (alpha,), dim=dim)
    return made if out is None else _stored(out, made)


def index_copy(
    input: Tensor,
    dim: _int,
    index: Tensor | Number,
    source: Tensor | Number,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """input with source in place of positions of a dimension; the last of equal indices wins."""
    made = _index_copy(input, index, source, dim=dim)
    return made if out is None else _stored(out, made)


def index_fill(
    input: Tensor,
    dim: _int,
    index: Tensor | Number,
    value: Tensor | Number,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """input with value at positions of a dimension."""
    made = _index_fill(input, index, value, dim=dim)
    return made if out is None else _stored(out, made)


def index_put(
    input: Tensor,
    values: Tensor | Number,
    indices: Sequence[Tensor],
    items: _int | Sequence[_int],
    accumulate: _bool = False,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """input with input[items] = values, or += with accumulate; items as for index."""
    made = _index_put(input, values, *indices, items=items, accumulate=accumulate)
    return made if out is None else _stored(out, made)


def index_reduce(
    input: Tensor,
    dim: _int,
    index: Tensor | Number,
    source: Tensor | Number,
    reduce: str,
    *,
    include_self: _bool = True,
    out: Tensor | None = None,
) -> Tensor:
    """input joined with source at positions of a dimension by prod, mean, amax or amin."""
    made = _index_reduce(input, index, source, dim=dim, reduce=reduce, include_self=include_self)
    return made if out is None else _stored(out, made)


def index_select(
    input: Tensor, dim: _int, index: Tensor | Number, *, out: Tensor | None = None
) -> Tensor:
    """Positions of a dimension by a vector."""
    made = _index_select(input, index, dim=dim)
    return made if out is None else _stored(out, made)


def inner(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Sums of products over the last dimensions of both."""
    made = _inner(input, other)
    return made if out is None else _stored(out, made)


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
    antialias: _bool = False,
    scale_d: _float | None = None,
    scale_h: _float | None = None,
    scale_w: _float | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """An image of another size: nearest, nearest-exact, (bi-, tri)linear or bicubic."""
    made = _interpolate(
        input,
        size=size,
        mode=mode,
        align_corners=align_corners,
        antialias=antialias,
        scale_d=scale_d,
        scale_h=scale_h,
        scale_w=scale_w,
    )
    return made if out is None else _stored(out, made)


def isclose(
    input: Tensor,
    other: Tensor | Number,
    rtol: _float = 1e-05,
    atol: _float = 1e-08,
    equal_nan: _bool = False,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """|input - other| <= atol + rtol * |other|."""
    made = _isclose(input, other, rtol=rtol, atol=atol, equal_nan=equal_nan)
    return made if out is None else _stored(out, made)


def isfinite(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Is neither an infinity nor NaN."""
    made = _isfinite(input)
    return made if out is None else _stored(out, made)


def isinf(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Is an infinity."""
    made = _isinf(input)
    return made if out is None else _stored(out, made)


def isnan(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Is not a number."""
    made = _isnan(input)
    return made if out is None else _stored(out, made)


def isneginf(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Is -infinity."""
    made = _isneginf(input)
    return made if out is None else _stored(out, made)


def isposinf(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Is +infinity."""
    made = _isposinf(input)
    return made if out is None else _stored(out, made)


def kl_div(
    input: Tensor,
    target: Tensor | Number,
    reduction: str = "mean",
    log_target: _bool = False,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """target * (log(target) - input), input being logarithms; reduction also batchmean."""
    made = _kl_div(input, target, reduction=reduction, log_target=log_target)
    return made if out is None else _stored(out, made)


def kron(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Kronecker product."""
    made = _kron(input, other)
    return made if out is None else _stored(out, made)


def kthvalue(
    input: Tensor,
    k: _int,
    dim: _int = -1,
    keepdim: _bool = False,
    *,
    axis: _int | None = None,
    out: Tensor | None = None,
    keepdims: _bool | None = None,
) -> Tensor:
    """The k-th smallest element of a dimension, counted from 1, and where it is."""
    if axis is not None:
        dim = axis
    if keepdims is not None:
        keepdim = keepdims
    made = _kthvalue(input, k=k, dim=dim, keepdim=keepdim)
    return made if out is None else _stored(out, made)


def l1_loss(
    input: Tensor, target: Tensor | Number, reduction: str = "mean", *, out: Tensor | None = None
) -> Tensor:
    """Absolute difference."""
    made = _l1_loss(input, target, reduction=reduction)
    return made if out is None else _stored(out, made)


def layer_norm(
    input: Tensor,
    weight: Tensor | Number | None = None,
    *,
    bias: Tensor | Number | None = None,
    normalized_shape: _int | Sequence[_int],
    eps: _float = 1e-05,
    out: Tensor | None = None,
) -> Tensor:
    """Mean 0 and variance 1 over the last dimensions, times weight, plus bias."""
    made = _call(_layer_norm, (input,), (weight, bias), normalized_shape=normalized_shape, eps=eps)
    return made if out is None else _stored(out, made)


def ldexp(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """input * 2 ** other."""
    made = _ldexp(input, other)
    return made if out is None else _stored(out, made)


def le(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """input <= other."""
    made = _le(input, other)
    return made if out is None else _stored(out, made)


def leaky_relu(
    input: Tensor, negative_slope: _float = 0.01, *, out: Tensor | None = None
) -> Tensor:
    """input, times negative_slope below 0."""
    made = _leaky_relu(input, negative_slope=negative_slope)
    return made if out is None else _stored(out, made)


def lerp(
    input: Tensor, end: Tensor | Number, weight: Tensor | Number, *, out: Tensor | None = None
) -> Tensor:
    """input + weight * (end - input)."""
    made = _lerp(input, end, weight)
    return made if out is None else _stored(out, made)


def lgamma(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Logarithm of |gamma(input)|."""
    made = _lgamma(input)
    return made if out is None else _stored(out, made)


def linalg_cholesky(input: Tensor, upper: _bool = False, *, out: Tensor | None = None) -> Tensor:
    """L with L Lᵀ = input, which is symmetric and positive definite."""
    made = _linalg_cholesky(input, upper=upper)
    return made if out is None else _stored(out, made)


def linalg_cholesky_info(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """0 of positive definite matrices, else the order of the first minor that is not."""
    made = _linalg_cholesky_info(input)
    return made if out is None else _stored(out, made)


def linalg_det(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Determinant."""
    made = _linalg_det(input)
    return made if out is None else _stored(out, made)


def linalg_eigh(input: Tensor) -> tuple[Tensor, ...]:
    """Rising eigenvalues and eigenvectors (columns) of the mean of input and its transpose."""
    return _linalg_eigh(input)


def linalg_inv(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Inverse."""
    made = _linalg_inv(input)
    return made if out is None else _stored(out, made)


def linalg_lstsq(A: Tensor, B: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """X of least norm that minimises the norm of A X - B."""
    made = _linalg_lstsq(A, B)
    return made if out is None else _stored(out, made)


def linalg_lu(input: Tensor) -> tuple[Tensor, ...]:
    """L below U with rows exchanged, LAPACK's pivots, the order of the rows, and info."""
    return _linalg_lu(input)


def linalg_matrix_norm(
    input: Tensor,
    ord: str = "fro",
    keepdim: _bool = False,
    *,
    out: Tensor | None = None,
    keepdims: _bool | None = None,
) -> Tensor:
    """Norm of matrices: fro, nuc, inf, -inf, 1, -1, 2 or -2."""
    if keepdims is not None:
        keepdim = keepdims
    made = _linalg_matrix_norm(input, ord=ord, keepdim=keepdim)
    return made if out is None else _stored(out, made)


def linalg_matrix_rank(
    input: Tensor, rtol: _float | None = None, atol: _float = 0.0, *, out: Tensor | None = None
) -> Tensor:
    """How many singular values are above the tolerance."""
    made = _linalg_matrix_rank(input, rtol=rtol, atol=atol)
    return made if out is None else _stored(out, made)


def linalg_pinv(
    input: Tensor, rtol: _float | None = None, atol: _float = 0.0, *, out: Tensor | None = None
) -> Tensor:
    """Pseudoinverse; singular values below the tolerance count as 0."""
    made = _linalg_pinv(input, rtol=rtol, atol=atol)
    return made if out is None else _stored(out, made)


def linalg_qr(input: Tensor, mode: str = "reduced") -> tuple[Tensor, ...]:
    """Q with orthonormal columns and an upper triangle R, whose product is input."""
    return _linalg_qr(input, mode=mode)


def linalg_slogdet(input: Tensor) -> tuple[Tensor, ...]:
    """Sign and log |determinant|."""
    return _linalg_slogdet(input)


def linalg_solve(
    A: Tensor, B: Tensor | Number, left: _bool = True, *, out: Tensor | None = None
) -> Tensor:
    """X with A X = B (or X A = B); B may be a vector."""
    made = _linalg_solve(A, B, left=left)
    return made if out is None else _stored(out, made)


def linalg_solve_triangular(
    A: Tensor,
    B: Tensor | Number,
    upper: _bool,
    left: _bool = True,
    unitriangular: _bool = False,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """X with A X = B for the lower or upper triangle of A."""
    made = _linalg_solve_triangular(A, B, upper=upper, left=left, unitriangular=unitriangular)
    return made if out is None else _stored(out, made)


def linalg_svd(input: Tensor) -> tuple[Tensor, ...]:
    """U, falling singular values and Vᵀ, reduced."""
    return _linalg_svd(input)


def linear(
    input: Tensor,
    weight: Tensor | Number,
    bias: Tensor | Number | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """input @ weight.T + bias."""
    made = _call(_linear, (input, weight), (bias,))
    return made if out is None else _stored(out, made)


def linspace(start: _float, end: _float, steps: _int, dtype: _dtype = float32) -> Tensor:
    """steps numbers from start to end, both included."""
    return _linspace(start=start, end=end, steps=steps, dtype=dtype)


def log(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Natural logarithm."""
    made = _log(input)
    return made if out is None else _stored(out, made)


def log10(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Logarithm to base 10."""
    made = _log10(input)
    return made if out is None else _stored(out, made)


def log1p(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """log(1 + input), exact near 0."""
    made = _log1p(input)
    return made if out is None else _stored(out, made)


def log2(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Logarithm to base 2."""
    made = _log2(input)
    return made if out is None else _stored(out, made)


def log_softmax(
    input: Tensor,
    dim: _int | None = None,
    dtype: _dtype | None = None,
    *,
    axis: _int | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Logarithm of softmax along dim."""
    if axis is not None:
        dim = axis
    made = _log_softmax(input, dim=dim, dtype=dtype)
    return made if out is None else _stored(out, made)


def logaddexp(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """log(exp(input) + exp(other))."""
    made = _logaddexp(input, other)
    return made if out is None else _stored(out, made)


def logaddexp2(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """log2(2 ** input + 2 ** other)."""
    made = _logaddexp2(input, other)
    return made if out is None else _stored(out, made)


def logcumsumexp(
    input: Tensor, dim: _int | None = None, *, axis: _int | None = None, out: Tensor | None = None
) -> Tensor:
    """log of the running sum of exp(input)."""
    if axis is not None:
        dim = axis
    made = _logcumsumexp(input, dim=dim)
    return made if out is None else _stored(out, made)


def logdet(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Logarithm of the determinant, NaN where that is negative."""
    made = _logdet(input)
    return made if out is None else _stored(out, made)


def logical_and(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Both are not zero."""
    made = _logical_and(input, other)
    return made if out is None else _stored(out, made)


def logical_not(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Is zero."""
    made = _logical_not(input)
    return made if out is None else _stored(out, made)


def logical_or(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """One of them is not zero."""
    made = _logical_or(input, other)
    return made if out is None else _stored(out, made)


def logical_xor(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Exactly one of them is not zero."""
    made = _logical_xor(input, other)
    return made if out is None else _stored(out, made)


def logit(input: Tensor, eps: _float | None = None, *, out: Tensor | None = None) -> Tensor:
    """log(input / (1 - input)); with eps of input limited to [eps, 1 - eps]."""
    made = _logit(input, eps=eps)
    return made if out is None else _stored(out, made)


def logsigmoid(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """log(sigmoid(input))."""
    made = _logsigmoid(input)
    return made if out is None else _stored(out, made)


def logsumexp(
    input: Tensor,
    dim: _int | Sequence[_int] | None = None,
    keepdim: _bool = False,
    *,
    axis: _int | Sequence[_int] | None = None,
    out: Tensor | None = None,
    keepdims: _bool | None = None,
) -> Tensor:
    """log(sum(exp(input)))."""
    if axis is not None:
        dim = axis
    if keepdims is not None:
        keepdim = keepdims
    made = _logsumexp(input, dim=dim, keepdim=keepdim)
    return made if out is None else _stored(out, made)


def lt(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """input < other."""
    made = _lt(input, other)
    return made if out is None else _stored(out, made)


def masked_fill(
    input: Tensor, mask: Tensor | Number, value: Tensor | Number, *, out: Tensor | None = None
) -> Tensor:
    """value where mask holds, else input."""
    made = _masked_fill(input, mask, value)
    return made if out is None else _stored(out, made)


def masked_scatter(
    input: Tensor, mask: Tensor | Number, source: Tensor | Number, *, out: Tensor | None = None
) -> Tensor:
    """input with the elements of source, in order, where mask holds."""
    made = _masked_scatter(input, mask, source)
    return made if out is None else _stored(out, made)


def matmul(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Matrix product; vectors count as rows or columns."""
    made = _matmul(input, other)
    return made if out is None else _stored(out, made)


def matrix_exp(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Exponential of square matrices."""
    made = _matrix_exp(input)
    return made if out is None else _stored(out, made)


def matrix_power(input: Tensor, n: _int, *, out: Tensor | None = None) -> Tensor:
    """Product of n copies of square matrices."""
    made = _matrix_power(input, n=n)
    return made if out is None else _stored(out, made)


def max(
    input: Tensor,
    dim: _int | None = None,
    keepdim: _bool = False,
    *,
    axis: _int | None = None,
    out: Tensor | None = None,
    keepdims: _bool | None = None,
) -> Tensor:
    """Largest value; with dim also where it is."""
    if axis is not None:
        dim = axis
    if keepdims is not None:
        keepdim = keepdims
    made = _max(input, dim=dim, keepdim=keepdim)
    return made if out is None else _stored(out, made)


def max_pool1d(
    input: Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: _int | Sequence[_int] = 0,
    dilation: _int | Sequence[_int] = 1,
    ceil_mode: _bool = False,
    return_indices: _bool = False,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Largest element of each window; with return_indices also its place in the plane."""
    made = _max_pool1d(
        input,
        kernel_size=kernel_size,
        stride=stride,
        padding=padding,
        dilation=dilation,
        ceil_mode=ceil_mode,
        return_indices=return_indices,
    )
    return made if out is None else _stored(out, made)


def max_pool2d(
    input: Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: _int | Sequence[_int] = 0,
    dilation: _int | Sequence[_int] = 1,
    ceil_mode: _bool = False,
    return_indices: _bool = False,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Largest element of each window; with return_indices also its place in the plane."""
    made = _max_pool2d(
        input,
        kernel_size=kernel_size,
        stride=stride,
        padding=padding,
        dilation=dilation,
        ceil_mode=ceil_mode,
        return_indices=return_indices,
    )
    return made if out is None else _stored(out, made)


def maximum(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The larger of two, NaN wins."""
    made = _maximum(input, other)
    return made if out is None else _stored(out, made)


def mean(
    input: Tensor,
    dim: _int | Sequence[_int] | None = None,
    keepdim: _bool = False,
    *,
    dtype: _dtype | None = None,
    axis: _int | Sequence[_int] | None = None,
    out: Tensor | None = None,
    keepdims: _bool | None = None,
) -> Tensor:
    """Mean of floating numbers."""
    if axis is not None:
        dim = axis
    if keepdims is not None:
        keepdim = keepdims
    made = _mean(input, dim=dim, keepdim=keepdim, dtype=dtype)
    return made if out is None else _stored(out, made)


def median(
    input: Tensor,
    dim: _int | None = None,
    keepdim: _bool = False,
    *,
    axis: _int | None = None,
    out: Tensor | None = None,
    keepdims: _bool | None = None,
) -> Tensor:
    """The middle element, the lower of two; with dim also where it is."""
    if axis is not None:
        dim = axis
    if keepdims is not None:
        keepdim = keepdims
    made = _median(input, dim=dim, keepdim=keepdim)
    return made if out is None else _stored(out, made)


def meshgrid(tensors: Sequence[Tensor], indexing: str = "ij") -> tuple[Tensor, ...]:
    """Coordinates of a grid from those of its axes."""
    return _meshgrid(*tensors, indexing=indexing)


def min(
    input: Tensor,
    dim: _int | None = None,
    keepdim: _bool = False,
    *,
    axis: _int | None = None,
    out: Tensor | None = None,
    keepdims: _bool | None = None,
) -> Tensor:
    """Smallest value; with dim also where it is."""
    if axis is not None:
        dim = axis
    if keepdims is not None:
        keepdim = keepdims
    made = _min(input, dim=dim, keepdim=keepdim)
    return made if out is None else _stored(out, made)


def minimum(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The smaller of two, NaN wins."""
    made = _minimum(input, other)
    return made if out is None else _stored(out, made)


def mish(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input * tanh(softplus(input))."""
    made = _mish(input)
    return made if out is None else _stored(out, made)


def mm(input: Tensor, mat2: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Product of two matrices."""
    made = _mm(input, mat2)
    return made if out is None else _stored(out, made)


def mode(
    input: Tensor,
    dim: _int = -1,
    keepdim: _bool = False,
    *,
    axis: _int | None = None,
    out: Tensor | None = None,
    keepdims: _bool | None = None,
) -> Tensor:
    """The most frequent element of a dimension, the smallest of several."""
    if axis is not None:
        dim = axis
    if keepdims is not None:
        keepdim = keepdims
    made = _mode(input, dim=dim, keepdim=keepdim)
    return made if out is None else _stored(out, made)


def movedim(
    input: Tensor,
    source: _int | Sequence[_int],
    destination: _int | Sequence[_int],
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Dimensions moved to other places."""
    made = _movedim(input, source=source, destination=destination)
    return made if out is None else _stored(out, made)


def mse_loss(
    input: Tensor, target: Tensor | Number, reduction: str = "mean", *, out: Tensor | None = None
) -> Tensor:
    """Squared difference."""
    made = _mse_loss(input, target, reduction=reduction)
    return made if out is None else _stored(out, made)


def msort(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The elements of the first dimension in order."""
    made = _msort(input)
    return made if out is None else _stored(out, made)


def mul(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Product, element by element."""
    made = _mul(input, other)
    return made if out is None else _stored(out, made)


def mv(input: Tensor, vec: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Matrix times vector."""
    made = _mv(input, vec)
    return made if out is None else _stored(out, made)


def nan_to_num(
    input: Tensor,
    nan: _float = 0.0,
    posinf: _float | None = None,
    neginf: _float | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Numbers in place of NaN and infinities."""
    made = _nan_to_num(input, nan=nan, posinf=posinf, neginf=neginf)
    return made if out is None else _stored(out, made)


def nanmean(
    input: Tensor,
    dim: _int | Sequence[_int] | None = None,
    keepdim: _bool = False,
    *,
    axis: _int | Sequence[_int] | None = None,
    out: Tensor | None = None,
    keepdims: _bool | None = None,
) -> Tensor:
    """Mean of what is not NaN."""
    if axis is not None:
        dim = axis
    if keepdims is not None:
        keepdim = keepdims
    made = _nanmean(input, dim=dim, keepdim=keepdim)
    return made if out is None else _stored(out, made)


def nanmedian(
    input: Tensor,
    dim: _int | None = None,
    keepdim: _bool = False,
    *,
    axis: _int | None = None,
    out: Tensor | None = None,
    keepdims: _bool | None = None,
) -> Tensor:
    """The middle of the elements that are not NaN."""
    if axis is not None:
        dim = axis
    if keepdims is not None:
        keepdim = keepdims
    made = _nanmedian(input, dim=dim, keepdim=keepdim)
    return made if out is None else _stored(out, made)


def nanquantile(
    input: Tensor,
    q: Tensor | Number,
    dim: _int | None = None,
    keepdim: _bool = False,
    interpolation: str = "linear",
    *,
    axis: _int | None = None,
    out: Tensor | None = None,
    keepdims: _bool | None = None,
) -> Tensor:
    """Quantiles of the elements that are not NaN."""
    if axis is not None:
        dim = axis
    if keepdims is not None:
        keepdim = keepdims
    made = _nanquantile(input, q, dim=dim, keepdim=keepdim, interpolation=interpolation)
    return made if out is None else _stored(out, made)


def nansum(
    input: Tensor,
    dim: _int | Sequence[_int] | None = None,
    keepdim: _bool = False,
    *,
    axis: _int | Sequence[_int] | None = None,
    out: Tensor | None = None,
    keepdims: _bool | None = None,
) -> Tensor:
    """Sum in which NaN counts as 0."""
    if axis is not None:
        dim = axis
    if keepdims is not None:
        keepdim = keepdims
    made = _nansum(input, dim=dim, keepdim=keepdim)
    return made if out is None else _stored(out, made)


def narrow(
    input: Tensor, dim: _int, start: _int, length: _int, *, out: Tensor | None = None
) -> Tensor:
    """The part start to start + length of a dimension."""
    made = _narrow(input, dim=dim, start=start, length=length)
    return made if out is None else _stored(out, made)


def ne(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """input != other."""
    made = _ne(input, other)
    return made if out is None else _stored(out, made)


def neg(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Negative."""
    made = _neg(input)
    return made if out is None else _stored(out, made)


def nll_loss(
    input: Tensor,
    target: Tensor | Number,
    weight: Tensor | Number | None = None,
    reduction: str = "mean",
    ignore_index: _int = -100,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Negative log-likelihood of class indices, input being log-probabilities."""
    made = _call(
        _nll_loss, (input, target), (weight,), reduction=reduction, ignore_index=ignore_index
    )
    return made if out is None else _stored(out, made)


def norm(
    input: Tensor,
    dim: _int | Sequence[_int] | None = None,
    keepdim: _bool = False,
    p: _float = 2.0,
    *,
    axis: _int | Sequence[_int] | None = None,
    out: Tensor | None = None,
    keepdims: _bool | None = None,
) -> Tensor:
    """The p-norm: 1, 2, inf, -inf, 0 or any other p."""
    if axis is not None:
        dim = axis
    if keepdims is not None:
        keepdim = keepdims
    made = _norm(input, dim=dim, keepdim=keepdim, p=p)
    return made if out is None else _stored(out, made)


def normalize(
    input: Tensor,
    p: _float = 2.0,
    dim: _int | Sequence[_int] = 1,
    eps: _float = 1e-12,
    *,
    axis: _int | Sequence[_int] | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """input / max(norm, eps) along dim."""
    if axis is not None:
        dim = axis
    made = _normalize(input, p=p, dim=dim, eps=eps)
    return made if out is None else _stored(out, made)


def one_hot(input: Tensor, num_classes: _int, *, out: Tensor | None = None) -> Tensor:
    """A row of zeros with a one at each index."""
    made = _one_hot(input, num_classes=num_classes)
    return made if out is None else _stored(out, made)


def ones(size: _int | Sequence[_int], dtype: _dtype = float32) -> Tensor:
    """Ones of a size."""
    return _ones(size=size, dtype=dtype)


def ones_like(input: Tensor, dtype: _dtype | None = None, *, out: Tensor | None = None) -> Tensor:
    """Ones of the shape and type of input."""
    made = _ones_like(input, dtype=dtype)
    return made if out is None else _stored(out, made)


def outer(input: Tensor, vec2: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Products of all pairs of two vectors."""
    made = _outer(input, vec2)
    return made if out is None else _stored(out, made)


def pad(
    input: Tensor,
    pad: _int | Sequence[_int],
    mode: str = "constant",
    value: _float = 0.0,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Padded from the last dimension backwards: (left, right, top, bottom…); < 0 crops."""
    made = _pad(input, pad=pad, mode=mode, value=value)
    return made if out is None else _stored(out, made)


def pairwise_distance(
    x1: Tensor,
    x2: Tensor | Number,
    p: _float = 2.0,
    eps: _float = 1e-06,
    keepdim: _bool = False,
    *,
    out: Tensor | None = None,
    keepdims: _bool | None = None,
) -> Tensor:
    """The p-norm of x1 - x2 + eps over the last dimension."""
    if keepdims is not None:
        keepdim = keepdims
    made = _pairwise_distance(x1, x2, p=p, eps=eps, keepdim=keepdim)
    return made if out is None else _stored(out, made)


def pdist(input: Tensor, p: _float = 2.0, *, out: Tensor | None = None) -> Tensor:
    """p-norm distances between different rows, as a vector."""
    made = _pdist(input, p=p)
    return made if out is None else _stored(out, made)


def permute(input: Tensor, dims: _int | Sequence[_int], *, out: Tensor | None = None) -> Tensor:
    """Dimensions in another order."""
    made = _permute(input, dims=dims)
    return made if out is None else _stored(out, made)


def pixel_shuffle(input: Tensor, upscale_factor: _int, *, out: Tensor | None = None) -> Tensor:
    """[…, C r², H, W] as […, C, H r, W r]."""
    made = _pixel_shuffle(input, upscale_factor=upscale_factor)
    return made if out is None else _stored(out, made)


def pixel_unshuffle(input: Tensor, downscale_factor: _int, *, out: Tensor | None = None) -> Tensor:
    """[…, C, H r, W r] as […, C r², H, W]."""
    made = _pixel_unshuffle(input, downscale_factor=downscale_factor)
    return made if out is None else _stored(out, made)


def polygamma(input: Tensor, n: _int, *, out: Tensor | None = None) -> Tensor:
    """The n-th derivative of digamma; of positive input where n > 1."""
    made = _polygamma(input, n=n)
    return made if out is None else _stored(out, made)


def positive(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The input."""
    made = _positive(input)
    return made if out is None else _stored(out, made)


def pow(input: Tensor, exponent: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Power, element by element."""
    made = _pow(input, exponent)
    return made if out is None else _stored(out, made)


def pow_number(input: Tensor, exponent: _float, *, out: Tensor | None = None) -> Tensor:
    """Power with an exponent that is part of the program, so that squares become products."""
    made = _pow_number(input, exponent=exponent)
    return made if out is None else _stored(out, made)


def prelu(input: Tensor, weight: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """input, times weight (one, or one a channel) below 0."""
    made = _prelu(input, weight)
    return made if out is None else _stored(out, made)


def prod(
    input: Tensor,
    dim: _int | Sequence[_int] | None = None,
    keepdim: _bool = False,
    *,
    dtype: _dtype | None = None,
    axis: _int | Sequence[_int] | None = None,
    out: Tensor | None = None,
    keepdims: _bool | None = None,
) -> Tensor:
    """Product; bool and integers are multiplied as i64."""
    if axis is not None:
        dim = axis
    if keepdims is not None:
        keepdim = keepdims
    made = _prod(input, dim=dim, keepdim=keepdim, dtype=dtype)
    return made if out is None else _stored(out, made)


def put(
    input: Tensor,
    index: Tensor | Number,
    source: Tensor | Number,
    accumulate: _bool = False,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """input with source in place of (or added to) elements at flat positions."""
    made = _put(input, index, source, accumulate=accumulate)
    return made if out is None else _stored(out, made)


def quantile(
    input: Tensor,
    q: Tensor | Number,
    dim: _int | None = None,
    keepdim: _bool = False,
    interpolation: str = "linear",
    *,
    axis: _int | None = None,
    out: Tensor | None = None,
    keepdims: _bool | None = None,
) -> Tensor:
    """Quantiles q of a dimension, or of all elements."""
    if axis is not None:
        dim = axis
    if keepdims is not None:
        keepdim = keepdims
    made = _quantile(input, q, dim=dim, keepdim=keepdim, interpolation=interpolation)
    return made if out is None else _stored(out, made)


def rad2deg(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Radians as degrees."""
    made = _rad2deg(input)
    return made if out is None else _stored(out, made)


def rand(
    size: _int | Sequence[_int], dtype: _dtype = float32, *, out: Tensor | None = None
) -> Tensor:
    """Uniform on [0, 1)."""
    made = _rand(size=size, dtype=dtype)
    return made if out is None else _stored(out, made)


def randint(
    *,
    low: _int = 0,
    high: _int,
    size: _int | Sequence[_int],
    dtype: _dtype = int64,
    out: Tensor | None = None,
) -> Tensor:
    """Integers from low to high - 1."""
    made = _randint(low=low, high=high, size=size, dtype=dtype)
    return made if out is None else _stored(out, made)


def randn(
    size: _int | Sequence[_int], dtype: _dtype = float32, *, out: Tensor | None = None
) -> Tensor:
    """Standard normal."""
    made = _randn(size=size, dtype=dtype)
    return made if out is None else _stored(out, made)


def randperm(n: _int, dtype: _dtype = int64, *, out: Tensor | None = None) -> Tensor:
    """The numbers 0 to n - 1 in random order."""
    made = _randperm(n=n, dtype=dtype)
    return made if out is None else _stored(out, made)


def ravel(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """All elements in one dimension."""
    made = _ravel(input)
    return made if out is None else _stored(out, made)


def reciprocal(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """1 / input."""
    made = _reciprocal(input)
    return made if out is None else _stored(out, made)


def relu(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """max(input, 0)."""
    made = _relu(input)
    return made if out is None else _stored(out, made)


def relu6(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Limited to [0, 6]."""
    made = _relu6(input)
    return made if out is None else _stored(out, made)


def remainder(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Remainder with the sign of other."""
    made = _remainder(input, other)
    return made if out is None else _stored(out, made)


def renorm(
    input: Tensor, p: _float, dim: _int, maxnorm: _float, *, out: Tensor | None = None
) -> Tensor:
    """Slices of a dimension scaled down to a largest p-norm."""
    made = _renorm(input, p=p, dim=dim, maxnorm=maxnorm)
    return made if out is None else _stored(out, made)


def repeat(input: Tensor, repeats: _int | Sequence[_int], *, out: Tensor | None = None) -> Tensor:
    """The whole, repeated along each dimension."""
    made = _repeat(input, repeats=repeats)
    return made if out is None else _stored(out, made)


def repeat_interleave(
    input: Tensor,
    repeats: _int,
    dim: _int | None = None,
    *,
    axis: _int | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Each element repeated, along dim or flat."""
    if axis is not None:
        dim = axis
    made = _repeat_interleave(input, repeats=repeats, dim=dim)
    return made if out is None else _stored(out, made)


def reshape(input: Tensor, shape: _int | Sequence[_int], *, out: Tensor | None = None) -> Tensor:
    """The same elements in another shape; one dimension may be -1."""
    made = _reshape(input, shape=shape)
    return made if out is None else _stored(out, made)


def rms_norm(
    input: Tensor,
    *,
    weight: Tensor | Number | None = None,
    normalized_shape: _int | Sequence[_int],
    eps: _float | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Mean square 1 over the last dimensions, times weight."""
    made = _call(_rms_norm, (input,), (weight,), normalized_shape=normalized_shape, eps=eps)
    return made if out is None else _stored(out, made)


def roll(
    input: Tensor,
    shifts: _int | Sequence[_int],
    dims: _int | Sequence[_int] | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Shifted round; without dims, flat."""
    made = _roll(input, shifts=shifts, dims=dims)
    return made if out is None else _stored(out, made)


def rot90(
    input: Tensor,
    k: _int = 1,
    dims: _int | Sequence[_int] = (
        0,
        1,
    ),
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Turned k times by 90 degrees, from dims[0] towards dims[1]."""
    made = _rot90(input, k=k, dims=dims)
    return made if out is None else _stored(out, made)


def round(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Rounded to the nearest integer, halves to the even one."""
    made = _round(input)
    return made if out is None else _stored(out, made)


def rsqrt(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """1 / sqrt(input)."""
    made = _rsqrt(input)
    return made if out is None else _stored(out, made)


def scatter(
    input: Tensor,
    dim: _int,
    index: Tensor | Number,
    src: Tensor | Number,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """input with src (a tensor or number) in place along dim at index; the last one wins."""
    made = _scatter(input, index, src, dim=dim)
    return made if out is None else _stored(out, made)


def scatter_add(
    input: Tensor,
    dim: _int,
    index: Tensor | Number,
    src: Tensor | Number,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """input with src added along dim at index."""
    made = _scatter_add(input, index, src, dim=dim)
    return made if out is None else _stored(out, made)


def scatter_reduce(
    input: Tensor,
    dim: _int,
    index: Tensor | Number,
    src: Tensor | Number,
    reduce: str,
    *,
    include_self: _bool = True,
    out: Tensor | None = None,
) -> Tensor:
    """input joined with src along dim at index by sum, prod, mean, amax or amin."""
    made = _scatter_reduce(input, index, src, dim=dim, reduce=reduce, include_self=include_self)
    return made if out is None else _stored(out, made)


def searchsorted(
    sorted_sequence: Tensor,
    input: Tensor | Number,
    right: _bool = False,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Where each number goes in a sorted row: before equal ones, or behind them with right."""
    made = _searchsorted(sorted_sequence, input, right=right)
    return made if out is None else _stored(out, made)


def select(input: Tensor, dim: _int, index: _int, *, out: Tensor | None = None) -> Tensor:
    """One position of a dimension, which goes."""
    made = _select(input, dim=dim, index=index)
    return made if out is None else _stored(out, made)


def select_scatter(
    input: Tensor, src: Tensor | Number, dim: _int, index: _int, *, out: Tensor | None = None
) -> Tensor:
    """input with src in place of one position of a dimension."""
    made = _select_scatter(input, src, dim=dim, index=index)
    return made if out is None else _stored(out, made)


def selu(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Scaled elu that keeps mean and variance."""
    made = _selu(input)
    return made if out is None else _stored(out, made)


def sigmoid(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """1 / (1 + exp(-input))."""
    made = _sigmoid(input)
    return made if out is None else _stored(out, made)


def sign(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """-1, 0 or 1."""
    made = _sign(input)
    return made if out is None else _stored(out, made)


def signbit(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Has a minus sign."""
    made = _signbit(input)
    return made if out is None else _stored(out, made)


def silu(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input * sigmoid(input)."""
    made = _silu(input)
    return made if out is None else _stored(out, made)


def sin(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Sine."""
    made = _sin(input)
    return made if out is None else _stored(out, made)


def sinc(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """sin(pi * input) / (pi * input), 1 at 0."""
    made = _sinc(input)
    return made if out is None else _stored(out, made)


def sinh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Hyperbolic sine."""
    made = _sinh(input)
    return made if out is None else _stored(out, made)


def slice(
    input: Tensor,
    dim: _int = 0,
    start: _int | None = None,
    end: _int | None = None,
    step: _int = 1,
    *,
    axis: _int | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """start:end:step of a dimension, as in Python."""
    if axis is not None:
        dim = axis
    made = _slice(input, dim=dim, start=start, end=end, step=step)
    return made if out is None else _stored(out, made)


def slice_scatter(
    input: Tensor,
    src: Tensor | Number,
    dim: _int = 0,
    start: _int | None = None,
    end: _int | None = None,
    step: _int = 1,
    *,
    axis: _int | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """input with src in place of a slice."""
    if axis is not None:
        dim = axis
    made = _slice_scatter(input, src, dim=dim, start=start, end=end, step=step)
    return made if out is None else _stored(out, made)


def sliding(
    input: Tensor, dimension: _int, size: _int, step: _int, *, out: Tensor | None = None
) -> Tensor:
    """All slices of a size from a dimension, step apart, in a new last dimension."""
    made = _sliding(input, dimension=dimension, size=size, step=step)
    return made if out is None else _stored(out, made)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor | Number,
    beta: _float = 1.0,
    reduction: str = "mean",
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Squared difference / 2 beta below beta, then linear."""
    made = _smooth_l1_loss(input, target, beta=beta, reduction=reduction)
    return made if out is None else _stored(out, made)


def soft_margin_loss(
    input: Tensor, target: Tensor | Number, reduction: str = "mean", *, out: Tensor | None = None
) -> Tensor:
    """log(1 + exp(-target * input))."""
    made = _soft_margin_loss(input, target, reduction=reduction)
    return made if out is None else _stored(out, made)


def softmax(
    input: Tensor,
    dim: _int | None = None,
    dtype: _dtype | None = None,
    *,
    axis: _int | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """exp(input) divided by its sum along dim."""
    if axis is not None:
        dim = axis
    made = _softmax(input, dim=dim, dtype=dtype)
    return made if out is None else _stored(out, made)


def softmin(
    input: Tensor,
    dim: _int | None = None,
    dtype: _dtype | None = None,
    *,
    axis: _int | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Softmax of -input along dim."""
    if axis is not None:
        dim = axis
    made = _softmin(input, dim=dim, dtype=dtype)
    return made if out is None else _stored(out, made)


def softplus(
    input: Tensor, beta: _float = 1.0, threshold: _float = 20.0, *, out: Tensor | None = None
) -> Tensor:
    """log(1 + exp(beta * input)) / beta, input above the threshold."""
    made = _softplus(input, beta=beta, threshold=threshold)
    return made if out is None else _stored(out, made)


def softshrink(input: Tensor, lambd: _float = 0.5, *, out: Tensor | None = None) -> Tensor:
    """Moved towards 0 by lambd at most."""
    made = _softshrink(input, lambd=lambd)
    return made if out is None else _stored(out, made)


def softsign(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input / (1 + |input|)."""
    made = _softsign(input)
    return made if out is None else _stored(out, made)


def sort(
    input: Tensor, dim: _int = -1, descending: _bool = False, *, axis: _int | None = None
) -> tuple[Tensor, ...]:
    """The elements of a dimension in order, and where they were."""
    if axis is not None:
        dim = axis
    return _sort(input, dim=dim, descending=descending)


def split(
    input: Tensor,
    split_size_or_sections: _int | Sequence[_int],
    dim: _int = 0,
    *,
    axis: _int | None = None,
) -> tuple[Tensor, ...]:
    """Parts of one size (the last may be smaller) or of the sizes given."""
    if axis is not None:
        dim = axis
    return _split(input, split_size_or_sections=split_size_or_sections, dim=dim)


def sqrt(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Square root."""
    made = _sqrt(input)
    return made if out is None else _stored(out, made)


def square(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input * input."""
    made = _square(input)
    return made if out is None else _stored(out, made)


def squeeze(
    input: Tensor,
    dim: _int | Sequence[_int] | None = None,
    *,
    axis: _int | Sequence[_int] | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Without dimensions of length 1, all or those named."""
    if axis is not None:
        dim = axis
    made = _squeeze(input, dim=dim)
    return made if out is None else _stored(out, made)


def stack(
    tensors: Sequence[Tensor], dim: _int = 0, *, axis: _int | None = None, out: Tensor | None = None
) -> Tensor:
    """Tensors side by side along a new dimension."""
    if axis is not None:
        dim = axis
    made = _stack(*tensors, dim=dim)
    return made if out is None else _stored(out, made)


def std(
    input: Tensor,
    dim: _int | Sequence[_int] | None = None,
    keepdim: _bool = False,
    correction: _float = 1.0,
    *,
    axis: _int | Sequence[_int] | None = None,
    out: Tensor | None = None,
    keepdims: _bool | None = None,
) -> Tensor:
    """Standard deviation; its slope at 0 is 0."""
    if axis is not None:
        dim = axis
    if keepdims is not None:
        keepdim = keepdims
    made = _std(input, dim=dim, keepdim=keepdim, correction=correction)
    return made if out is None else _stored(out, made)


def sub(
    input: Tensor,
    other: Tensor | Number,
    *,
    alpha: Tensor | Number | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """input - alpha * other."""
    made = _call(_sub, (input, other), (alpha,))
    return made if out is None else _stored(out, made)


def sum(
    input: Tensor,
    dim: _int | Sequence[_int] | None = None,
    keepdim: _bool = False,
    *,
    dtype: _dtype | None = None,
    axis: _int | Sequence[_int] | None = None,
    out: Tensor | None = None,
    keepdims: _bool | None = None,
) -> Tensor:
    """Sum; bool and integers are summed as i64."""
    if axis is not None:
        dim = axis
    if keepdims is not None:
        keepdim = keepdims
    made = _sum(input, dim=dim, keepdim=keepdim, dtype=dtype)
    return made if out is None else _stored(out, made)


def t(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Transposed matrix; a vector stays."""
    made = _t(input)
    return made if out is None else _stored(out, made)


def take(input: Tensor, index: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Elements at flat positions."""
    made = _take(input, index)
    return made if out is None else _stored(out, made)


def take_along_dim(
    input: Tensor,
    indices: Tensor | Number,
    dim: _int | None = None,
    *,
    axis: _int | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Elements along dim at indices, which broadcast; without dim, flat."""
    if axis is not None:
        dim = axis
    made = _take_along_dim(input, indices, dim=dim)
    return made if out is None else _stored(out, made)


def tan(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Tangent."""
    made = _tan(input)
    return made if out is None else _stored(out, made)


def tanh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Hyperbolic tangent."""
    made = _tanh(input)
    return made if out is None else _stored(out, made)


def tanhshrink(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input - tanh(input)."""
    made = _tanhshrink(input)
    return made if out is None else _stored(out, made)


def tensor_split(
    input: Tensor,
    indices_or_sections: _int | Sequence[_int],
    dim: _int = 0,
    *,
    axis: _int | None = None,
) -> tuple[Tensor, ...]:
    """Parts of nearly equal length, or cut before the indices given."""
    if axis is not None:
        dim = axis
    return _tensor_split(input, indices_or_sections=indices_or_sections, dim=dim)


def tensordot(
    a: Tensor,
    b: Tensor | Number,
    dims_a: _int | Sequence[_int],
    dims_b: _int | Sequence[_int],
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Sums of products over pairs of dimensions."""
    made = _tensordot(a, b, dims_a=dims_a, dims_b=dims_b)
    return made if out is None else _stored(out, made)


def threshold(
    input: Tensor, threshold: _float, value: _float, *, out: Tensor | None = None
) -> Tensor:
    """input above threshold, else value."""
    made = _threshold(input, threshold=threshold, value=value)
    return made if out is None else _stored(out, made)


def tile(input: Tensor, dims: _int | Sequence[_int], *, out: Tensor | None = None) -> Tensor:
    """Like repeat, missing leading counts are 1."""
    made = _tile(input, dims=dims)
    return made if out is None else _stored(out, made)


def to(input: Tensor, dtype: _dtype, *, out: Tensor | None = None) -> Tensor:
    """In another element type."""
    made = _to(input, dtype=dtype)
    return made if out is None else _stored(out, made)


def topk(
    input: Tensor,
    k: _int,
    dim: _int = -1,
    largest: _bool = True,
    sorted: _bool = True,
    *,
    axis: _int | None = None,
) -> tuple[Tensor, ...]:
    """The k largest (or smallest) elements of a dimension in order, and where they were."""
    if axis is not None:
        dim = axis
    return _topk(input, k=k, dim=dim, largest=largest, sorted=sorted)


def trace(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Sum of the diagonal."""
    made = _trace(input)
    return made if out is None else _stored(out, made)


def transpose(input: Tensor, dim0: _int, dim1: _int, *, out: Tensor | None = None) -> Tensor:
    """Two dimensions exchanged."""
    made = _transpose(input, dim0=dim0, dim1=dim1)
    return made if out is None else _stored(out, made)


def trapezoid(
    y: Tensor,
    x: Tensor | Number | None = None,
    *,
    dx: Tensor | Number | None = None,
    dim: _int = -1,
    axis: _int | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Area under a line through points, dx or x apart."""
    if axis is not None:
        dim = axis
    made = _call(_trapezoid, (y,), (x, dx), dim=dim)
    return made if out is None else _stored(out, made)


def tril(input: Tensor, diagonal: _int = 0, *, out: Tensor | None = None) -> Tensor:
    """The lower triangle, zero elsewhere."""
    made = _tril(input, diagonal=diagonal)
    return made if out is None else _stored(out, made)


def triu(input: Tensor, diagonal: _int = 0, *, out: Tensor | None = None) -> Tensor:
    """The upper triangle, zero elsewhere."""
    made = _triu(input, diagonal=diagonal)
    return made if out is None else _stored(out, made)


def trunc(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Rounded towards zero."""
    made = _trunc(input)
    return made if out is None else _stored(out, made)


def unbind(input: Tensor, dim: _int = 0, *, axis: _int | None = None) -> tuple[Tensor, ...]:
    """Every position of a dimension by itself."""
    if axis is not None:
        dim = axis
    return _unbind(input, dim=dim)


def unflatten(
    input: Tensor, dim: _int, sizes: _int | Sequence[_int], *, out: Tensor | None = None
) -> Tensor:
    """One dimension as several."""
    made = _unflatten(input, dim=dim, sizes=sizes)
    return made if out is None else _stored(out, made)


def unfold(
    input: Tensor,
    kernel_size: _int | Sequence[_int],
    dilation: _int | Sequence[_int] = 1,
    padding: _int | Sequence[_int] = 0,
    stride: _int | Sequence[_int] = 1,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Patches [N, C * kernel, L] of images [N, C, H, W]."""
    made = _unfold(
        input, kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride
    )
    return made if out is None else _stored(out, made)


def unsqueeze(
    input: Tensor, dim: _int | None = None, *, axis: _int | None = None, out: Tensor | None = None
) -> Tensor:
    """With a new dimension of length 1."""
    if axis is not None:
        dim = axis
    made = _unsqueeze(input, dim=dim)
    return made if out is None else _stored(out, made)


def vander(
    x: Tensor, N: _int | None = None, increasing: _bool = False, *, out: Tensor | None = None
) -> Tensor:
    """Powers of a vector, as columns."""
    made = _vander(x, N=N, increasing=increasing)
    return made if out is None else _stored(out, made)


def var(
    input: Tensor,
    dim: _int | Sequence[_int] | None = None,
    keepdim: _bool = False,
    correction: _float = 1.0,
    *,
    axis: _int | Sequence[_int] | None = None,
    out: Tensor | None = None,
    keepdims: _bool | None = None,
) -> Tensor:
    """Variance, divided by count - correction."""
    if axis is not None:
        dim = axis
    if keepdims is not None:
        keepdim = keepdims
    made = _var(input, dim=dim, keepdim=keepdim, correction=correction)
    return made if out is None else _stored(out, made)


def vdot(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Inner product of two vectors."""
    made = _vdot(input, other)
    return made if out is None else _stored(out, made)


def where(
    condition: Tensor, input: Tensor | Number, other: Tensor | Number, *, out: Tensor | None = None
) -> Tensor:
    """input where condition holds, else other."""
    made = _where(condition, input, other)
    return made if out is None else _stored(out, made)


def xlogy(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """input * log(other), 0 where input is 0."""
    made = _xlogy(input, other)
    return made if out is None else _stored(out, made)


def zeros(size: _int | Sequence[_int], dtype: _dtype = float32) -> Tensor:
    """Zeros of a size."""
    return _zeros(size=size, dtype=dtype)


def zeros_like(input: Tensor, dtype: _dtype | None = None, *, out: Tensor | None = None) -> Tensor:
    """Zeros of the shape and type of input."""
    made = _zeros_like(input, dtype=dtype)
    return made if out is None else _stored(out, made)
