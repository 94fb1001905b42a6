"""Which functions are methods of Tensor, and which of them also change it in place."""

# Functions in `betty` whose first parameter is not the tensor, or that methods spell differently.
FREE = {
    "block_diag", "bucketize", "cdist", "column_stack", "cumulative_trapezoid", "dstack", "einsum",
    "pairwise_distance", "pdist", "polygamma", "searchsorted", "sliding", "tensordot", "trapezoid",
    "vander",
}  # fmt: skip

IN_PLACE = [
    "abs", "absolute", "acos", "acosh", "add", "addbmm", "addcdiv", "addcmul", "addmm", "addmv",
    "addr", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "asin",
    "asinh", "atan", "atan2", "atanh", "baddbmm", "bitwise_and", "bitwise_left_shift",
    "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "ceil", "clamp",
    "clamp_max", "clamp_min", "clip", "copysign", "cos", "cosh", "cumprod", "cumsum", "deg2rad",
    "digamma", "div", "divide", "eq", "erf", "erfc", "erfinv", "exp", "exp2", "expm1", "fix",
    "float_power", "floor", "floor_divide", "fmod", "frac", "gcd", "ge", "greater", "greater_equal",
    "gt", "heaviside", "hypot", "index_add", "index_copy", "index_fill", "index_reduce",
    "lcm", "ldexp", "le", "lerp", "less", "less_equal", "lgamma", "log", "log10", "log1p", "log2",
    "logical_and", "logical_not", "logical_or", "logical_xor", "logit", "lt", "masked_fill",
    "masked_scatter", "mul", "multiply", "nan_to_num", "ne", "neg", "negative", "not_equal",
    "pow", "put", "rad2deg", "reciprocal", "relu", "remainder", "renorm", "round", "rsqrt",
    "scatter", "scatter_add", "scatter_reduce", "sgn", "sigmoid", "sign", "sin", "sinc", "sinh",
    "sqrt", "square", "sub", "subtract", "tan", "tanh", "tril", "triu", "true_divide", "trunc",
    "xlogy",
]  # fmt: skip

FROM_OVERLOADS = [
    "max", "min", "pow", "reshape", "view", "view_as", "permute", "expand", "expand_as",
    "broadcast_to", "repeat", "tile", "flip", "var", "std", "norm", "nonzero", "masked_select",
    "unique", "equal", "is_floating_point",
]  # fmt: skip

# Properties that are False: there is one kind of tensor here.
FALSE = (
    "is_cuda", "is_sparse", "is_quantized", "is_meta", "is_nested", "is_mps", "is_xpu",
)  # fmt: skip
