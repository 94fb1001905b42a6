"""The names of this package. Written by tools/generate_exports.py, not by hand."""

import builtins
from typing import Any

from betty import _derived, _functions, _quadrature, _views

from betty import accelerator as accelerator
from betty import amp as amp
from betty import autograd as autograd
from betty import backends as backends
from betty import compiler as compiler
from betty import configs as configs
from betty import cuda as cuda
from betty import distributed as distributed
from betty import distributions as distributions
from betty import engine as engine
from betty import envs as envs
from betty import func as func
from betty import hub as hub
from betty import hypergradient as hypergradient
from betty import jit as jit
from betty import linalg as linalg
from betty import logging as logging
from betty import multiprocessing as multiprocessing
from betty import nn as nn
from betty import onnx as onnx
from betty import optim as optim
from betty import overrides as overrides
from betty import problems as problems
from betty import profiler as profiler
from betty import random as random
from betty import serialization as serialization
from betty import special as special
from betty import testing as testing
from betty import transforms as transforms
from betty import types as types
from betty import utils as utils
from betty import version as version
from betty._creation import arange as arange
from betty._creation import as_tensor as as_tensor
from betty._creation import asarray as asarray
from betty._creation import bernoulli as bernoulli
from betty._creation import empty as empty
from betty._creation import empty_like as empty_like
from betty._creation import eye as eye
from betty._creation import from_dlpack as from_dlpack
from betty._creation import from_numpy as from_numpy
from betty._creation import frombuffer as frombuffer
from betty._creation import full as full
from betty._creation import full_like as full_like
from betty._creation import linspace as linspace
from betty._creation import normal as normal
from betty._creation import ones as ones
from betty._creation import ones_like as ones_like
from betty._creation import rand as rand
from betty._creation import rand_like as rand_like
from betty._creation import randint as randint
from betty._creation import randn as randn
from betty._creation import randn_like as randn_like
from betty._creation import randperm as randperm
from betty._creation import tensor as tensor
from betty._creation import zeros as zeros
from betty._creation import zeros_like as zeros_like
from betty._derived import angle as angle
from betty._derived import atleast_1d as atleast_1d
from betty._derived import atleast_2d as atleast_2d
from betty._derived import atleast_3d as atleast_3d
from betty._derived import block_diag as block_diag
from betty._derived import cartesian_prod as cartesian_prod
from betty._derived import chain_matmul as chain_matmul
from betty._derived import column_stack as column_stack
from betty._derived import combinations as combinations
from betty._derived import compile as compile
from betty._derived import conj as conj
from betty._derived import cross as cross
from betty._derived import dstack as dstack
from betty._derived import hstack as hstack
from betty._derived import is_complex as is_complex
from betty._derived import is_same_size as is_same_size
from betty._derived import is_signed as is_signed
from betty._derived import isin as isin
from betty._derived import isreal as isreal
from betty._derived import logspace as logspace
from betty._derived import multinomial as multinomial
from betty._derived import poisson as poisson
from betty._derived import polygamma as polygamma
from betty._derived import randint_like as randint_like
from betty._derived import real as real
from betty._derived import round as round
from betty._derived import row_stack as row_stack
from betty._derived import rsub as rsub
from betty._derived import scalar_tensor as scalar_tensor
from betty._derived import swapaxes as swapaxes
from betty._derived import tensordot as tensordot
from betty._derived import tril_indices as tril_indices
from betty._derived import triu_indices as triu_indices
from betty._derived import unravel_index as unravel_index
from betty._derived import vstack as vstack
from betty._einsum import einsum as einsum
from betty._extras import (
    are_deterministic_algorithms_enabled as are_deterministic_algorithms_enabled,
)
from betty._extras import gcd as gcd
from betty._extras import get_default_device as get_default_device
from betty._extras import get_device as get_device
from betty._extras import get_float32_matmul_precision as get_float32_matmul_precision
from betty._extras import get_num_interop_threads as get_num_interop_threads
from betty._extras import gradient as gradient
from betty._extras import histogram as histogram
from betty._extras import (
    is_deterministic_algorithms_warn_only_enabled as is_deterministic_algorithms_warn_only_enabled,
)
from betty._extras import is_inference as is_inference
from betty._extras import is_inference_mode_enabled as is_inference_mode_enabled
from betty._extras import is_storage as is_storage
from betty._extras import is_warn_always_enabled as is_warn_always_enabled
from betty._extras import lcm as lcm
from betty._extras import repeat_interleave as repeat_interleave
from betty._extras import scatter as scatter
from betty._extras import set_default_device as set_default_device
from betty._extras import set_default_tensor_type as set_default_tensor_type
from betty._extras import set_float32_matmul_precision as set_float32_matmul_precision
from betty._extras import set_flush_denormal as set_flush_denormal
from betty._extras import set_num_interop_threads as set_num_interop_threads
from betty._extras import set_warn_always as set_warn_always
from betty._extras import typename as typename
from betty._extras import use_deterministic_algorithms as use_deterministic_algorithms
from betty._factors import cholesky_inverse as cholesky_inverse
from betty._factors import lu as lu
from betty._factors import lu_solve as lu_solve
from betty._factors import lu_unpack as lu_unpack
from betty._factors import matrix_power as matrix_power
from betty._factors import qr as qr
from betty._factors import slogdet as slogdet
from betty._factors import svd as svd
from betty._factors import triangular_solve as triangular_solve
from betty._files import load as load
from betty._files import save as save
from betty._functions import abs as abs
from betty._functions import acos as acos
from betty._functions import acosh as acosh
from betty._functions import add as add
from betty._functions import addbmm as addbmm
from betty._functions import addcdiv as addcdiv
from betty._functions import addcmul as addcmul
from betty._functions import addmm as addmm
from betty._functions import addmv as addmv
from betty._functions import addr as addr
from betty._functions import adjoint as adjoint
from betty._functions import all as all
from betty._functions import amax as amax
from betty._functions import amin as amin
from betty._functions import any as any
from betty._functions import argmax as argmax
from betty._functions import argmin as argmin
from betty._functions import asin as asin
from betty._functions import asinh as asinh
from betty._functions import atan as atan
from betty._functions import atan2 as atan2
from betty._functions import atanh as atanh
from betty._functions import attention as attention
from betty._functions import attention_dropout as attention_dropout
from betty._functions import baddbmm as baddbmm
from betty._functions import bitwise_and as bitwise_and
from betty._functions import bitwise_left_shift as bitwise_left_shift
from betty._functions import bitwise_not as bitwise_not
from betty._functions import bitwise_or as bitwise_or
from betty._functions import bitwise_right_shift as bitwise_right_shift
from betty._functions import bitwise_xor as bitwise_xor
from betty._functions import bmm as bmm
from betty._functions import cat as cat
from betty._functions import cdist as cdist
from betty._functions import ceil as ceil
from betty._functions import cholesky_solve as cholesky_solve
from betty._functions import clamp as clamp
from betty._functions import clamp_max as clamp_max
from betty._functions import clamp_min as clamp_min
from betty._functions import clone as clone
from betty._functions import contiguous as contiguous
from betty._functions import copysign as copysign
from betty._functions import corrcoef as corrcoef
from betty._functions import cos as cos
from betty._functions import cosh as cosh
from betty._functions import count_nonzero as count_nonzero
from betty._functions import cov as cov
from betty._functions import cumprod as cumprod
from betty._functions import cumsum as cumsum
from betty._functions import cumulative_trapezoid as cumulative_trapezoid
from betty._functions import deg2rad as deg2rad
from betty._functions import detach as detach
from betty._functions import diag as diag
from betty._functions import diag_embed as diag_embed
from betty._functions import diagflat as diagflat
from betty._functions import diagonal as diagonal
from betty._functions import diagonal_scatter as diagonal_scatter
from betty._functions import diff as diff
from betty._functions import digamma as digamma
from betty._functions import dist as dist
from betty._functions import div as div
from betty._functions import dot as dot
from betty._functions import eq as eq
from betty._functions import erf as erf
from betty._functions import erfc as erfc
from betty._functions import erfinv as erfinv
from betty._functions import exp as exp
from betty._functions import exp2 as exp2
from betty._functions import expand as expand
from betty._functions import expm1 as expm1
from betty._functions import flatten as flatten
from betty._functions import fliplr as fliplr
from betty._functions import flipud as flipud
from betty._functions import float_power as float_power
from betty._functions import floor as floor
from betty._functions import floor_divide as floor_divide
from betty._functions import fmax as fmax
from betty._functions import fmin as fmin
from betty._functions import fmod as fmod
from betty._functions import frac as frac
from betty._functions import gather as gather
from betty._functions import ge as ge
from betty._functions import glu as glu
from betty._functions import gt as gt
from betty._functions import hardshrink as hardshrink
from betty._functions import hinge_embedding_loss as hinge_embedding_loss
from betty._functions import hypot as hypot
from betty._functions import index as index
from betty._functions import index_add as index_add
from betty._functions import index_copy as index_copy
from betty._functions import index_fill as index_fill
from betty._functions import index_put as index_put
from betty._functions import index_select as index_select
from betty._functions import inner as inner
from betty._functions import isfinite as isfinite
from betty._functions import isinf as isinf
from betty._functions import isnan as isnan
from betty._functions import isneginf as isneginf
from betty._functions import isposinf as isposinf
from betty._functions import kron as kron
from betty._functions import ldexp as ldexp
from betty._functions import le as le
from betty._functions import lgamma as lgamma
from betty._functions import linalg_cholesky as linalg_cholesky
from betty._functions import linalg_cholesky_info as linalg_cholesky_info
from betty._functions import linalg_det as linalg_det
from betty._functions import linalg_eigh as linalg_eigh
from betty._functions import linalg_inv as linalg_inv
from betty._functions import linalg_lstsq as linalg_lstsq
from betty._functions import linalg_lu as linalg_lu
from betty._functions import linalg_matrix_norm as linalg_matrix_norm
from betty._functions import linalg_matrix_rank as linalg_matrix_rank
from betty._functions import linalg_pinv as linalg_pinv
from betty._functions import linalg_qr as linalg_qr
from betty._functions import linalg_slogdet as linalg_slogdet
from betty._functions import linalg_solve as linalg_solve
from betty._functions import linalg_solve_triangular as linalg_solve_triangular
from betty._functions import linalg_svd as linalg_svd
from betty._functions import log as log
from betty._functions import log10 as log10
from betty._functions import log1p as log1p
from betty._functions import log2 as log2
from betty._functions import log_softmax as log_softmax
from betty._functions import logaddexp as logaddexp
from betty._functions import logaddexp2 as logaddexp2
from betty._functions import logcumsumexp as logcumsumexp
from betty._functions import logdet as logdet
from betty._functions import logical_and as logical_and
from betty._functions import logical_not as logical_not
from betty._functions import logical_or as logical_or
from betty._functions import logical_xor as logical_xor
from betty._functions import logit as logit
from betty._functions import logsumexp as logsumexp
from betty._functions import lt as lt
from betty._functions import masked_fill as masked_fill
from betty._functions import masked_scatter as masked_scatter
from betty._functions import matmul as matmul
from betty._functions import matrix_exp as matrix_exp
from betty._functions import maximum as maximum
from betty._functions import mean as mean
from betty._functions import minimum as minimum
from betty._functions import mm as mm
from betty._functions import movedim as movedim
from betty._functions import msort as msort
from betty._functions import mul as mul
from betty._functions import mv as mv
from betty._functions import nan_to_num as nan_to_num
from betty._functions import nanmean as nanmean
from betty._functions import nansum as nansum
from betty._functions import narrow as narrow
from betty._functions import ne as ne
from betty._functions import neg as neg
from betty._functions import outer as outer
from betty._functions import pairwise_distance as pairwise_distance
from betty._functions import pdist as pdist
from betty._functions import positive as positive
from betty._functions import prelu as prelu
from betty._functions import prod as prod
from betty._functions import put as put
from betty._functions import rad2deg as rad2deg
from betty._functions import ravel as ravel
from betty._functions import reciprocal as reciprocal
from betty._functions import relu as relu
from betty._functions import remainder as remainder
from betty._functions import renorm as renorm
from betty._functions import repeat as repeat
from betty._functions import rms_norm as rms_norm
from betty._functions import roll as roll
from betty._functions import rsqrt as rsqrt
from betty._functions import scatter_add as scatter_add
from betty._functions import scatter_reduce as scatter_reduce
from betty._functions import select as select
from betty._functions import select_scatter as select_scatter
from betty._functions import sigmoid as sigmoid
from betty._functions import sign as sign
from betty._functions import signbit as signbit
from betty._functions import sin as sin
from betty._functions import sinc as sinc
from betty._functions import sinh as sinh
from betty._functions import slice_scatter as slice_scatter
from betty._functions import sliding as sliding
from betty._functions import soft_margin_loss as soft_margin_loss
from betty._functions import softmax as softmax
from betty._functions import softmin as softmin
from betty._functions import softshrink as softshrink
from betty._functions import sqrt as sqrt
from betty._functions import square as square
from betty._functions import squeeze as squeeze
from betty._functions import stack as stack
from betty._functions import sub as sub
from betty._functions import sum as sum
from betty._functions import t as t
from betty._functions import take as take
from betty._functions import take_along_dim as take_along_dim
from betty._functions import tan as tan
from betty._functions import tanh as tanh
from betty._functions import threshold as threshold
from betty._functions import trace as trace
from betty._functions import transpose as transpose
from betty._functions import trapezoid as trapezoid
from betty._functions import tril as tril
from betty._functions import triu as triu
from betty._functions import trunc as trunc
from betty._functions import unflatten as unflatten
from betty._functions import unsqueeze as unsqueeze
from betty._functions import vander as vander
from betty._functions import vdot as vdot
from betty._functions import xlogy as xlogy
from betty._low_rank import pca_lowrank as pca_lowrank
from betty._low_rank import svd_lowrank as svd_lowrank
from betty._native import Tensor as Tensor
from betty._native import bfloat16 as bfloat16
from betty._native import bool as bool
from betty._native import dtype as dtype
from betty._native import evaluate as evaluate
from betty._native import float16 as float16
from betty._native import float32 as float32
from betty._native import float64 as float64
from betty._native import int32 as int32
from betty._native import int64 as int64
from betty._native import uint8 as uint8
from betty._networks import alpha_dropout as alpha_dropout
from betty._networks import batch_norm as batch_norm
from betty._networks import dropout as dropout
from betty._networks import embedding as embedding
from betty._networks import feature_alpha_dropout as feature_alpha_dropout
from betty._networks import group_norm as group_norm
from betty._networks import instance_norm as instance_norm
from betty._networks import layer_norm as layer_norm
from betty._ordering import aminmax as aminmax
from betty._ordering import argsort as argsort
from betty._ordering import argwhere as argwhere
from betty._ordering import bincount as bincount
from betty._ordering import bucketize as bucketize
from betty._ordering import cummax as cummax
from betty._ordering import cummin as cummin
from betty._ordering import kthvalue as kthvalue
from betty._ordering import median as median
from betty._ordering import mode as mode
from betty._ordering import nanmedian as nanmedian
from betty._ordering import nanquantile as nanquantile
from betty._ordering import quantile as quantile
from betty._ordering import searchsorted as searchsorted
from betty._ordering import sort as sort
from betty._ordering import topk as topk
from betty._ordering import unique_consecutive as unique_consecutive
from betty._overloads import broadcast_shapes as broadcast_shapes
from betty._overloads import broadcast_tensors as broadcast_tensors
from betty._overloads import broadcast_to as broadcast_to
from betty._overloads import equal as equal
from betty._overloads import flip as flip
from betty._overloads import is_floating_point as is_floating_point
from betty._overloads import is_nonzero as is_nonzero
from betty._overloads import is_tensor as is_tensor
from betty._overloads import masked_select as masked_select
from betty._overloads import max as max
from betty._overloads import meshgrid as meshgrid
from betty._overloads import min as min
from betty._overloads import nonzero as nonzero
from betty._overloads import norm as norm
from betty._overloads import numel as numel
from betty._overloads import permute as permute
from betty._overloads import pow as pow
from betty._overloads import reshape as reshape
from betty._overloads import result_type as result_type
from betty._overloads import std as std
from betty._overloads import std_mean as std_mean
from betty._overloads import tile as tile
from betty._overloads import unique as unique
from betty._overloads import var as var
from betty._overloads import var_mean as var_mean
from betty._overloads import where as where
from betty._printing import set_printoptions as set_printoptions
from betty._process import Generator as Generator
from betty._process import _assert as _assert
from betty._process import counters as counters
from betty._process import default_generator as default_generator
from betty._process import dump as dump
from betty._process import get_num_threads as get_num_threads
from betty._process import get_rng_state as get_rng_state
from betty._process import initial_seed as initial_seed
from betty._process import manual_seed as manual_seed
from betty._process import memory_stats as memory_stats
from betty._process import seed as seed
from betty._process import set_num_threads as set_num_threads
from betty._process import set_rng_state as set_rng_state
from betty._quadrature import i0 as i0
from betty._strict import allclose as allclose
from betty._strict import heaviside as heaviside
from betty._strict import histc as histc
from betty._strict import index_reduce as index_reduce
from betty._strict import isclose as isclose
from betty._strict import lerp as lerp
from betty._strict import rot90 as rot90
from betty._types import Size as Size
from betty._types import can_cast as can_cast
from betty._types import channels_last as channels_last
from betty._types import channels_last_3d as channels_last_3d
from betty._types import contiguous_format as contiguous_format
from betty._types import device as device
from betty._types import double as double
from betty._types import finfo as finfo
from betty._types import float as float
from betty._types import get_default_dtype as get_default_dtype
from betty._types import half as half
from betty._types import iinfo as iinfo
from betty._types import int as int
from betty._types import layout as layout
from betty._types import long as long
from betty._types import memory_format as memory_format
from betty._types import preserve_format as preserve_format
from betty._types import promote_types as promote_types
from betty._types import set_default_dtype as set_default_dtype
from betty._types import sparse_coo as sparse_coo
from betty._types import sparse_csr as sparse_csr
from betty._types import strided as strided
from betty._views import chunk as chunk
from betty._views import dsplit as dsplit
from betty._views import hsplit as hsplit
from betty._views import split as split
from betty._views import split_with_sizes as split_with_sizes
from betty._views import tensor_split as tensor_split
from betty._views import unbind as unbind
from betty._views import vsplit as vsplit
from betty._vmap import vmap as vmap
from betty._windows import as_strided as as_strided
from betty._windows import bartlett_window as bartlett_window
from betty._windows import blackman_window as blackman_window
from betty._windows import frexp as frexp
from betty._windows import hamming_window as hamming_window
from betty._windows import hann_window as hann_window
from betty._windows import kaiser_window as kaiser_window
from betty._windows import mvlgamma as mvlgamma
from betty._windows import nextafter as nextafter
from betty.amp.autocast_mode import autocast as autocast
from betty.amp.autocast_mode import get_autocast_dtype as get_autocast_dtype
from betty.amp.autocast_mode import is_autocast_enabled as is_autocast_enabled
from betty.autograd import enable_grad as enable_grad
from betty.autograd import inference_mode as inference_mode
from betty.autograd import is_grad_enabled as is_grad_enabled
from betty.autograd import no_grad as no_grad
from betty.autograd import set_grad_enabled as set_grad_enabled
from betty.engine import Engine as Engine

BFloat16Tensor: Any
BoolTensor: Any
ByteTensor: Any
DoubleTensor: Any
FloatTensor: Any
HalfTensor: Any
IntTensor: Any
LongTensor: Any
OutOfMemoryError: Any
absolute = _functions.abs
arccos = _functions.acos
arccosh = _functions.acosh
arcsin = _functions.asin
arcsinh = _functions.asinh
arctan = _functions.atan
arctan2 = _functions.atan2
arctanh = _functions.atanh
cholesky: Any
clip = _functions.clamp
concat = _functions.cat
concatenate = _functions.cat
conj_physical = _derived.conj
det = _functions.linalg_det
divide = _functions.div
e: builtins.float
fix = _functions.trunc
ger = _functions.outer
greater = _functions.gt
greater_equal = _functions.ge
igamma = _quadrature.gammainc
igammac = _quadrature.gammaincc
inf: builtins.float
inverse = _functions.linalg_inv
less = _functions.lt
less_equal = _functions.le
moveaxis = _functions.movedim
multiply = _functions.mul
nan: builtins.float
negative = _functions.neg
newaxis: Any
not_equal = _functions.ne
pi: builtins.float
pinverse: Any
range = _derived.range_
resolve_conj = _derived.conj
resolve_neg = _derived.conj
sgn = _functions.sign
subtract = _functions.sub
swapdims = _functions.transpose
trapz = _functions.trapezoid
true_divide = _functions.div
unsafe_chunk = _views.chunk
unsafe_split = _views.split
unsafe_split_with_sizes = _views.split_with_sizes
__version__: builtins.str
