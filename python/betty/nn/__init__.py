"""Networks: modules, parameters, losses, under PyTorch's names."""

import importlib as _importlib
from typing import Any as _Any

from betty.nn import (
    activation,
    adaptive,
    attention,
    batchnorm,
    cells,
    container,
    conv,
    dropout,
    embedding,
    forms,
    functional,
    init,
    layer_norm,
    lazy,
    linear,
    loss,
    margin,
    padding,
    parallel,
    parameters,
    pooling,
    recurrent,
    transformer,
    utils,
    vision,
)
from betty.nn.activation import *
from betty.nn.adaptive import *
from betty.nn.attention import *
from betty.nn.batchnorm import *
from betty.nn.cells import *
from betty.nn.container import *
from betty.nn.conv import *
from betty.nn.dropout import *
from betty.nn.embedding import *
from betty.nn.forms import *
from betty.nn.layer_norm import *
from betty.nn.lazy import *
from betty.nn.linear import *
from betty.nn.loss import *
from betty.nn.margin import *
from betty.nn.module import Module
from betty.nn.padding import *
from betty.nn.parallel import *
from betty.nn.parameter import Buffer, Parameter, UninitializedParameter
from betty.nn.parameters import *
from betty.nn.pooling import *
from betty.nn.recurrent import *
from betty.nn.transformer import *
from betty.nn.utils import norms as _norms
from betty.nn.vision import *


def __getattr__(name: str) -> _Any:
    if name == "modules":  # imported when first asked for: it needs all of the above
        return _importlib.import_module("betty.nn.modules")
    raise AttributeError(f"module 'betty.nn' has no attribute '{name}'")


__all__ = ["Buffer", "Module", "Parameter", "UninitializedParameter"]
__all__ += ["functional", "init", "utils"]
__all__ += activation.__all__
__all__ += adaptive.__all__
__all__ += attention.__all__
__all__ += batchnorm.__all__
__all__ += cells.__all__
__all__ += container.__all__
__all__ += conv.__all__
__all__ += dropout.__all__
__all__ += embedding.__all__
__all__ += forms.__all__
__all__ += layer_norm.__all__
__all__ += lazy.__all__
__all__ += linear.__all__
__all__ += loss.__all__
__all__ += margin.__all__
__all__ += padding.__all__
__all__ += parallel.__all__
__all__ += parameters.__all__
__all__ += pooling.__all__
__all__ += recurrent.__all__
__all__ += transformer.__all__
__all__ += vision.__all__
