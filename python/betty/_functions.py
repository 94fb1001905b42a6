"""Every operation as a function. Written by tools/generate_functions.py, not by hand."""

from __future__ import annotations

from collections.abc import Sequence

from betty._native import Tensor, dtype, float32, int64, operation

Number = int | float | bool
_bool, _float, _int, _dtype = bool, float, int, dtype


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
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "add",
    "addmm",
    "all",
    "amax",
    "amin",
    "any",
    "arange",
    "argmax",
    "argmin",
    "asin",
    "atan",
    "atan2",
    "attention",
    "avg_pool1d",
    "avg_pool2d",
    "batch_norm_inference",
    "batch_norm_training",
    "bernoulli",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "bmm",
    "cat",
    "ceil",
    "celu",
    "chunk",
    "clamp",
    "clamp_max",
    "clamp_min",
    "clone",
    "contiguous",
    "conv1d",
    "conv2d",
    "conv_transpose1d",
    "conv_transpose2d",
    "cos",
    "cosh",
    "cosine_similarity",
    "count_nonzero",
    "cross_entropy",
    "cumprod",
    "cumsum",
    "detach",
    "diag",
    "diagonal",
    "div",
    "dot",
    "dropout",
    "einsum",
    "elu",
    "embedding",
    "eq",
    "erf",
    "exp",
    "exp2",
    "expand",
    "expm1",
    "eye",
    "flatten",
    "flip",
    "floor",
    "floor_divide",
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
    "hinge_embedding_loss",
    "huber_loss",
    "index",
    "index_add",
    "index_copy",
    "index_fill",
    "index_put",
    "index_select",
    "instance_norm_training",
    "interpolate",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "le",
    "leaky_relu",
    "lerp",
    "linear",
    "linspace",
    "log",
    "log10",
    "log1p",
    "log2",
    "log_softmax",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "logit",
    "logsigmoid",
    "logsumexp",
    "lt",
    "masked_fill",
    "matmul",
    "max",
    "max_pool1d",
    "max_pool2d",
    "maximum",
    "mean",
    "meshgrid",
    "min",
    "minimum",
    "mish",
    "mm",
    "movedim",
    "mse_loss",
    "mul",
    "mv",
    "nan_to_num",
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
    "permute",
    "pixel_shuffle",
    "pixel_unshuffle",
    "pow",
    "pow_number",
    "prelu",
    "prod",
    "rand",
    "randint",
    "randn",
    "randperm",
    "reciprocal",
    "relu",
    "relu6",
    "remainder",
    "repeat",
    "repeat_interleave",
    "reshape",
    "rms_norm",
    "roll",
    "round",
    "rsqrt",
    "scatter",
    "scatter_add",
    "select",
    "select_scatter",
    "selu",
    "sigmoid",
    "sign",
    "silu",
    "sin",
    "sinh",
    "slice",
    "slice_scatter",
    "smooth_l1_loss",
    "soft_margin_loss",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "sub",
    "sum",
    "t",
    "take_along_dim",
    "tan",
    "tanh",
    "tanhshrink",
    "threshold",
    "tile",
    "to",
    "trace",
    "transpose",
    "tril",
    "triu",
    "trunc",
    "unbind",
    "unflatten",
    "unfold",
    "unsqueeze",
    "var",
    "where",
    "zeros",
    "zeros_like",
]

_abs = operation("abs")
_acos = operation("acos")
_adaptive_avg_pool1d = operation("adaptive_avg_pool1d")
_adaptive_avg_pool2d = operation("adaptive_avg_pool2d")
_adaptive_max_pool1d = operation("adaptive_max_pool1d")
_adaptive_max_pool2d = operation("adaptive_max_pool2d")
_add = operation("add")
_addmm = operation("addmm")
_all = operation("all")
_amax = operation("amax")
_amin = operation("amin")
_any = operation("any")
_arange = operation("arange")
_argmax = operation("argmax")
_argmin = operation("argmin")
_asin = operation("asin")
_atan = operation("atan")
_atan2 = operation("atan2")
_attention = operation("attention")
_avg_pool1d = operation("avg_pool1d")
_avg_pool2d = operation("avg_pool2d")
_batch_norm_inference = operation("batch_norm_inference")
_batch_norm_training = operation("batch_norm_training")
_bernoulli = operation("bernoulli")
_binary_cross_entropy = operation("binary_cross_entropy")
_binary_cross_entropy_with_logits = operation("binary_cross_entropy_with_logits")
_bmm = operation("bmm")
_cat = operation("cat")
_ceil = operation("ceil")
_celu = operation("celu")
_chunk = operation("chunk")
_clamp = operation("clamp")
_clamp_max = operation("clamp_max")
_clamp_min = operation("clamp_min")
_clone = operation("clone")
_contiguous = operation("contiguous")
_conv1d = operation("conv1d")
_conv2d = operation("conv2d")
_conv_transpose1d = operation("conv_transpose1d")
_conv_transpose2d = operation("conv_transpose2d")
_cos = operation("cos")
_cosh = operation("cosh")
_cosine_similarity = operation("cosine_similarity")
_count_nonzero = operation("count_nonzero")
_cross_entropy = operation("cross_entropy")
_cumprod = operation("cumprod")
_cumsum = operation("cumsum")
_detach = operation("detach")
_diag = operation("diag")
_diagonal = operation("diagonal")
_div = operation("div")
_dot = operation("dot")
_dropout = operation("dropout")
_einsum = operation("einsum")
_elu = operation("elu")
_embedding = operation("embedding")
_eq = operation("eq")
_erf = operation("erf")
_exp = operation("exp")
_exp2 = operation("exp2")
_expand = operation("expand")
_expm1 = operation("expm1")
_eye = operation("eye")
_flatten = operation("flatten")
_flip = operation("flip")
_floor = operation("floor")
_floor_divide = operation("floor_divide")
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
_hinge_embedding_loss = operation("hinge_embedding_loss")
_huber_loss = operation("huber_loss")
_index = operation("index")
_index_add = operation("index_add")
_index_copy = operation("index_copy")
_index_fill = operation("index_fill")
_index_put = operation("index_put")
_index_select = operation("index_select")
_instance_norm_training = operation("instance_norm_training")
_interpolate = operation("interpolate")
_isclose = operation("isclose")
_isfinite = operation("isfinite")
_isinf = operation("isinf")
_isnan = operation("isnan")
_kl_div = operation("kl_div")
_l1_loss = operation("l1_loss")
_layer_norm = operation("layer_norm")
_le = operation("le")
_leaky_relu = operation("leaky_relu")
_lerp = operation("lerp")
_linear = operation("linear")
_linspace = operation("linspace")
_log = operation("log")
_log10 = operation("log10")
_log1p = operation("log1p")
_log2 = operation("log2")
_log_softmax = operation("log_softmax")
_logical_and = operation("logical_and")
_logical_not = operation("logical_not")
_logical_or = operation("logical_or")
_logical_xor = operation("logical_xor")
_logit = operation("logit")
_logsigmoid = operation("logsigmoid")
_logsumexp = operation("logsumexp")
_lt = operation("lt")
_masked_fill = operation("masked_fill")
_matmul = operation("matmul")
_max = operation("max")
_max_pool1d = operation("max_pool1d")
_max_pool2d = operation("max_pool2d")
_maximum = operation("maximum")
_mean = operation("mean")
_meshgrid = operation("meshgrid")
_min = operation("min")
_minimum = operation("minimum")
_mish = operation("mish")
_mm = operation("mm")
_movedim = operation("movedim")
_mse_loss = operation("mse_loss")
_mul = operation("mul")
_mv = operation("mv")
_nan_to_num = operation("nan_to_num")
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
_permute = operation("permute")
_pixel_shuffle = operation("pixel_shuffle")
_pixel_unshuffle = operation("pixel_unshuffle")
_pow = operation("pow")
_pow_number = operation("pow_number")
_prelu = operation("prelu")
_prod = operation("prod")
_rand = operation("rand")
_randint = operation("randint")
_randn = operation("randn")
_randperm = operation("randperm")
_reciprocal = operation("reciprocal")
_relu = operation("relu")
_relu6 = operation("relu6")
_remainder = operation("remainder")
_repeat = operation("repeat")
_repeat_interleave = operation("repeat_interleave")
_reshape = operation("reshape")
_rms_norm = operation("rms_norm")
_roll = operation("roll")
_round = operation("round")
_rsqrt = operation("rsqrt")
_scatter = operation("scatter")
_scatter_add = operation("scatter_add")
_select = operation("select")
_select_scatter = operation("select_scatter")
_selu = operation("selu")
_sigmoid = operation("sigmoid")
_sign = operation("sign")
_silu = operation("silu")
_sin = operation("sin")
_sinh = operation("sinh")
_slice = operation("slice")
_slice_scatter = operation("slice_scatter")
_smooth_l1_loss = operation("smooth_l1_loss")
_soft_margin_loss = operation("soft_margin_loss")
_softmax = operation("softmax")
_softmin = operation("softmin")
_softplus = operation("softplus")
_softshrink = operation("softshrink")
_softsign = operation("softsign")
_split = operation("split")
_sqrt = operation("sqrt")
_square = operation("square")
_squeeze = operation("squeeze")
_stack = operation("stack")
_std = operation("std")
_sub = operation("sub")
_sum = operation("sum")
_t = operation("t")
_take_along_dim = operation("take_along_dim")
_tan = operation("tan")
_tanh = operation("tanh")
_tanhshrink = operation("tanhshrink")
_threshold = operation("threshold")
_tile = operation("tile")
_to = operation("to")
_trace = operation("trace")
_transpose = operation("transpose")
_tril = operation("tril")
_triu = operation("triu")
_trunc = operation("trunc")
_unbind = operation("unbind")
_unflatten = operation("unflatten")
_unfold = operation("unfold")
_unsqueeze = operation("unsqueeze")
_var = operation("var")
_where = operation("where")
_zeros = operation("zeros")
_zeros_like = operation("zeros_like")


def abs(input: Tensor) -> Tensor:
    """Absolute value."""
    return _abs(input)


def acos(input: Tensor) -> Tensor:
    """Inverse cosine."""
    return _acos(input)


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


def all(input: Tensor, dim: _int | Sequence[_int] | None = None, keepdim: _bool = False) -> Tensor:
    """No element is zero."""
    return _all(input, dim=dim, keepdim=keepdim)


def amax(input: Tensor, dim: _int | Sequence[_int] | None = None, keepdim: _bool = False) -> Tensor:
    """Largest value; equal ones share the gradient."""
    return _amax(input, dim=dim, keepdim=keepdim)


def amin(input: Tensor, dim: _int | Sequence[_int] | None = None, keepdim: _bool = False) -> Tensor:
    """Smallest value; equal ones share the gradient."""
    return _amin(input, dim=dim, keepdim=keepdim)


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


def asin(input: Tensor) -> Tensor:
    """Inverse sine."""
    return _asin(input)


def atan(input: Tensor) -> Tensor:
    """Inverse tangent."""
    return _atan(input)


def atan2(input: Tensor, other: Tensor | Number) -> Tensor:
    """Angle of the point (other, input)."""
    return _atan2(input, other)


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


def bmm(input: Tensor, mat2: Tensor | Number) -> Tensor:
    """Products of two batches of matrices."""
    return _bmm(input, mat2)


def cat(tensors: Sequence[Tensor], dim: _int = 0) -> Tensor:
    """Tensors one after another along a dimension."""
    return _cat(*tensors, dim=dim)


def ceil(input: Tensor) -> Tensor:
    """Rounded up."""
    return _ceil(input)


def celu(input: Tensor, alpha: _float = 1.0) -> Tensor:
    """elu with input / alpha in the exponent."""
    return _celu(input, alpha=alpha)


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


def cumprod(input: Tensor, dim: _int, *, dtype: _dtype | None = None) -> Tensor:
    """Running product."""
    return _cumprod(input, dim=dim, dtype=dtype)


def cumsum(input: Tensor, dim: _int, *, dtype: _dtype | None = None) -> Tensor:
    """Running sum."""
    return _cumsum(input, dim=dim, dtype=dtype)


def detach(input: Tensor) -> Tensor:
    """The same values, through which no gradient flows."""
    return _detach(input)


def diag(input: Tensor, diagonal: _int = 0) -> Tensor:
    """Diagonal of a matrix, or a matrix with this diagonal."""
    return _diag(input, diagonal=diagonal)


def diagonal(input: Tensor, offset: _int = 0, dim1: _int = 0, dim2: _int = 1) -> Tensor:
    """Diagonals of the matrices that two dimensions make, as the last dimension."""
    return _diagonal(input, offset=offset, dim1=dim1, dim2=dim2)


def div(input: Tensor, other: Tensor | Number, *, rounding_mode: str | None = None) -> Tensor:
    """Quotient; rounding_mode 'floor' or 'trunc' rounds it and keeps integers."""
    return _div(input, other, rounding_mode=rounding_mode)


def dot(input: Tensor, other: Tensor | Number) -> Tensor:
    """Inner product."""
    return _dot(input, other)


def dropout(input: Tensor, p: _float = 0.5, training: _bool = True) -> Tensor:
    """Zero with probability p, the rest divided by 1 - p; as it is outside training."""
    return _dropout(input, p=p, training=training)


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


def floor(input: Tensor) -> Tensor:
    """Rounded down."""
    return _floor(input)


def floor_divide(input: Tensor, other: Tensor | Number) -> Tensor:
    """Quotient rounded down."""
    return _floor_divide(input, other)


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


def hinge_embedding_loss(
    input: Tensor, target: Tensor | Number, margin: _float = 1.0, reduction: str = "mean"
) -> Tensor:
    """input where target is 1, max(0, margin - input) where it is -1."""
    return _hinge_embedding_loss(input, target, margin=margin, reduction=reduction)


def huber_loss(
    input: Tensor, target: Tensor | Number, delta: _float = 1.0, reduction: str = "mean"
) -> Tensor:
    """Squared difference / 2 below delta, then linear."""
    return _huber_loss(input, target, delta=delta, reduction=reduction)


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


def index_select(input: Tensor, dim: _int, index: Tensor | Number) -> Tensor:
    """Positions of a dimension by a vector."""
    return _index_select(input, index, dim=dim)


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


def kl_div(
    input: Tensor, target: Tensor | Number, reduction: str = "mean", log_target: _bool = False
) -> Tensor:
    """target * (log(target) - input), input being logarithms; reduction also batchmean."""
    return _kl_div(input, target, reduction=reduction, log_target=log_target)


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


def le(input: Tensor, other: Tensor | Number) -> Tensor:
    """input <= other."""
    return _le(input, other)


def leaky_relu(input: Tensor, negative_slope: _float = 0.01) -> Tensor:
    """input, times negative_slope below 0."""
    return _leaky_relu(input, negative_slope=negative_slope)


def lerp(input: Tensor, end: Tensor | Number, weight: Tensor | Number) -> Tensor:
    """input + weight * (end - input)."""
    return _lerp(input, end, weight)


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


def matmul(input: Tensor, other: Tensor | Number) -> Tensor:
    """Matrix product; vectors count as rows or columns."""
    return _matmul(input, other)


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


def movedim(
    input: Tensor, source: _int | Sequence[_int], destination: _int | Sequence[_int]
) -> Tensor:
    """Dimensions moved to other places."""
    return _movedim(input, source=source, destination=destination)


def mse_loss(input: Tensor, target: Tensor | Number, reduction: str = "mean") -> Tensor:
    """Squared difference."""
    return _mse_loss(input, target, reduction=reduction)


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


def permute(input: Tensor, dims: _int | Sequence[_int]) -> Tensor:
    """Dimensions in another order."""
    return _permute(input, dims=dims)


def pixel_shuffle(input: Tensor, upscale_factor: _int) -> Tensor:
    """[…, C r², H, W] as […, C, H r, W r]."""
    return _pixel_shuffle(input, upscale_factor=upscale_factor)


def pixel_unshuffle(input: Tensor, downscale_factor: _int) -> Tensor:
    """[…, C, H r, W r] as […, C r², H, W]."""
    return _pixel_unshuffle(input, downscale_factor=downscale_factor)


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


def silu(input: Tensor) -> Tensor:
    """input * sigmoid(input)."""
    return _silu(input)


def sin(input: Tensor) -> Tensor:
    """Sine."""
    return _sin(input)


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


def threshold(input: Tensor, threshold: _float, value: _float) -> Tensor:
    """input above threshold, else value."""
    return _threshold(input, threshold=threshold, value=value)


def tile(input: Tensor, dims: _int | Sequence[_int]) -> Tensor:
    """Like repeat, missing leading counts are 1."""
    return _tile(input, dims=dims)


def to(input: Tensor, dtype: _dtype) -> Tensor:
    """In another element type."""
    return _to(input, dtype=dtype)


def trace(input: Tensor) -> Tensor:
    """Sum of the diagonal."""
    return _trace(input)


def transpose(input: Tensor, dim0: _int, dim1: _int) -> Tensor:
    """Two dimensions exchanged."""
    return _transpose(input, dim0=dim0, dim1=dim1)


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


def var(
    input: Tensor,
    dim: _int | Sequence[_int] | None = None,
    keepdim: _bool = False,
    correction: _float = 1.0,
) -> Tensor:
    """Variance, divided by count - correction."""
    return _var(input, dim=dim, keepdim=keepdim, correction=correction)


def where(condition: Tensor, input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """input where condition holds, else other."""
    return _where(condition, input, other)


def zeros(size: _int | Sequence[_int], dtype: _dtype = float32) -> Tensor:
    """Zeros of a size."""
    return _zeros(size=size, dtype=dtype)


def zeros_like(input: Tensor, dtype: _dtype | None = None) -> Tensor:
    """Zeros of the shape and type of input."""
    return _zeros_like(input, dtype=dtype)
