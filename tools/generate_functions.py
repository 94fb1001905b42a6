"""Writes python/betty/_functions.py and _native.pyi from what libbetty.so describes.

Duty: one Python function for each operation, with PyTorch's order of parameters, defaults and
types, so that signatures are written once: beside the operation in Swift.
`--check` says whether the files are fresh and writes nothing. Functions whose parameters PyTorch
overloads are written by hand in betty/_overloads.py.
"""

import ast
import importlib.util
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "python" / "betty" / "_functions.py"
STUB = ROOT / "python" / "betty" / "_native.pyi"
WIDER = ("_derived.py", "_factors.py", "_ordering.py", "_overloads.py")
METHODS = ROOT / "python" / "betty" / "_tensor.py"

STUB_HEAD = '''"""The extension's types. Written by tools/generate_functions.py, not by hand."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from betty._types import Size

Number: TypeAlias = int | float | bool
_bool = bool
_float = float
_int = int

class dtype:
    itemsize: int
    is_floating_point: _bool
    is_signed: _bool
    is_complex: _bool

float64: dtype
float32: dtype
bfloat16: dtype
float16: dtype
int64: dtype
int32: dtype
uint8: dtype
bool: dtype
_dtype = dtype

operation: Callable[[str], Callable[..., Any]]

def __getattr__(name: str) -> Any: ...

class Tensor:
    shape: Size
    ndim: int
    dtype: _dtype
    requires_grad: _bool
    is_leaf: _bool
    grad: Tensor | None
    data: Tensor
    T: Tensor
    mT: Tensor
    def __init__(self, *values: Any, device: Any = None) -> None: ...
    def __getattr__(self, name: str) -> Any: ...
    def __getitem__(self, key: Any) -> Tensor: ...
    def __setitem__(self, key: Any, value: Any) -> None: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Tensor]: ...
    def __bool__(self) -> _bool: ...
    def __int__(self) -> int: ...
    def __float__(self) -> float: ...
    def __index__(self) -> int: ...
    def __eq__(self, other: object) -> Tensor: ...  # type: ignore[override]
    def __ne__(self, other: object) -> Tensor: ...  # type: ignore[override]
    def item(self) -> Number: ...
    def numel(self) -> int: ...
    def detach(self) -> Tensor: ...
    def tolist(self) -> Any: ...
    def numpy(self, *, force: _bool = False) -> Any: ...
    def to(self, *args: Any, **options: Any) -> Tensor: ...
    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: _bool | None = None,
        create_graph: _bool = False,
        inputs: Sequence[Tensor] | None = None,
    ) -> None: ...
    def register_hook(self, hook: Any) -> Any: ...
'''

OPERATORS = [
    "add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "floordiv", "rfloordiv",
    "mod", "rmod", "pow", "rpow", "matmul", "rmatmul", "and", "or", "xor", "rand", "ror",
    "rxor", "lt", "le", "gt", "ge",
]  # fmt: skip

HEAD = '''"""Every operation, by tools/generate_functions.py: one file, for programs alone."""

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
'''

# Parameters in PyTorch's order where that is not "inputs, then attributes"; "*" as in a signature.
ORDER = {
    "add": "input other * alpha",
    "sub": "input other * alpha",
    "div": "input other * rounding_mode",
    "addmm": "input mat1 mat2 * beta alpha",
    "gather": "input dim index * sparse_grad",
    "index_select": "input dim index",
    "index_add": "input dim index source * alpha",
    "index_copy": "input dim index source",
    "index_fill": "input dim index value",
    "scatter": "input dim index src",
    "scatter_add": "input dim index src",
    "take_along_dim": "input indices dim",
    "sum": "input dim keepdim * dtype",
    "prod": "input dim keepdim * dtype",
    "mean": "input dim keepdim * dtype",
    "cumsum": "input dim * dtype",
    "cumprod": "input dim * dtype",
    "addcmul": "input tensor1 tensor2 * value",
    "addcdiv": "input tensor1 tensor2 * value",
    "baddbmm": "input batch1 batch2 * beta alpha",
    "addbmm": "input batch1 batch2 * beta alpha",
    "addmv": "input mat vec * beta alpha",
    "addr": "input vec1 vec2 * beta alpha",
    "diff": "input n dim prepend append",
    "trapezoid": "y x * dx dim",
    "cumulative_trapezoid": "y x * dx dim",
    "cov": "input * correction fweights aweights",
    "scatter_reduce": "input dim index src reduce * include_self",
    "index_reduce": "input dim index source reduce * include_self",
}

# The Python type of each kind of attribute.
TYPES = {
    "int": "_int",
    "ints": "_int | Sequence[_int]",
    "double": "_float",
    "bool": "_bool",
    "string": "str",
    "ints or string": "_int | Sequence[_int] | str",
    "dtype": "_dtype",
}

# Element types that are defaults, by the engine's names.
DTYPES = {"f32": "float32", "i64": "int64"}


@dataclass
class Parameter:
    name: str
    kind: str
    default: str | None = None
    is_input: bool = False
    is_variadic: bool = False

    def text(self) -> str:
        name = f"{self.name}_" if self.name in RESERVED else self.name
        kind = "Sequence[Tensor]" if self.is_variadic else self.kind
        if self.default == "None":
            kind = f"{kind} | None"
        return f"{name}: {kind}" + ("" if self.default is None else f" = {self.default}")

    def value(self) -> str:
        return f"{self.name}_" if self.name in RESERVED else self.name


RESERVED = ("lambda", "from", "is")


@dataclass
class Operation:
    name: str
    inputs: list[Parameter]
    attributes: list[Parameter]
    returns_tuple: bool
    doc: str

    @classmethod
    def parse(cls, line: str) -> "Operation":
        name, inputs, attributes, returns, doc = line.split("\t")
        return cls(
            name,
            [
                _input(text, position)
                for position, text in enumerate(filter(None, inputs.split(",")))
            ],
            [_attribute(text) for text in filter(None, attributes.split(";"))],
            returns == "tuple",
            doc,
        )

    def parameters(self) -> list[Parameter | None]:
        """In the order of the signature; None is the star."""
        known = {p.name: p for p in self.inputs + self.attributes}
        known.pop("key", None)
        order = ORDER.get(self.name, " ".join(known)).split()
        if set(order) - {"*"} != set(known):
            raise SystemExit(f"{self.name}: ORDER says {order}, its parameters are {list(known)}")
        found = [known.get(name) for name in order]
        # A parameter without a default cannot follow one that has one: from there on by name only.
        for place in range(1, len(found)):
            before, here = found[place - 1], found[place]
            if before and here and before.default is not None and here.default is None:
                return [*found[: place - 1], None, *found[place - 1 :]]
        return found

    def signature(self) -> tuple[list[str], list[str]]:
        """The parameters, NumPy's names and PyTorch's out among them, and lines that read them."""
        parameters = self.parameters()
        texts = ["*" if p is None else p.text() for p in parameters]
        lines, extra = [], []
        place = next((i for i, p in enumerate(parameters) if p and p.name == "dim"), None)
        if place is not None and all(p is None or p.default for p in parameters[place + 1 :]):
            dim = parameters[place]
            if dim.default is None:
                texts[place] = f"dim: {dim.kind} | None = None"
            extra.append(f"axis: {dim.kind} | None = None")
            lines.append("if axis is not None:\n        dim = axis")
        if self.inputs and not self.returns_tuple:
            extra.append("out: Tensor | None = None")
        if any(p and p.name == "keepdim" for p in parameters):
            extra.append("keepdims: _bool | None = None")
            lines.append("if keepdims is not None:\n        keepdim = keepdims")
        if extra and "*" not in texts and not any(text.startswith("*") for text in texts):
            texts.append("*")
        return texts + extra, lines

    def text(self) -> str:
        texts, lines = self.signature()
        returns = "tuple[Tensor, ...]" if self.returns_tuple else "Tensor"
        head = f"def {self.name}({', '.join(texts)}) -> {returns}:"
        doc = "\n    ".join(textwrap.wrap(f'"""{self.doc}."""', 94))
        body, has_out = self._body(), self.inputs and not self.returns_tuple
        if has_out:
            lines.append(f"made = {body}")
            body = "made if out is None else _stored(out, made)"
        return "\n    ".join([head, doc, *lines, f"return {body}"]) + "\n"

    def method(self, is_wider: bool) -> str:
        """The signature as a method, in the stub; `is_wider` if Python's takes and gives more."""
        if is_wider:
            return f"    def {self.name}(self, *args: Any, **options: Any) -> Any: ..."
        signature = ["self", *self.signature()[0][1:]]
        returns = "tuple[Tensor, ...]" if self.returns_tuple else "Tensor"
        return f"    def {self.name}({', '.join(signature)}) -> {returns}: ..."

    def _body(self) -> str:
        inputs = [p for p in self.inputs if p.name != "key"]
        named = "".join(f", {p.name}={p.value()}" for p in self.attributes)
        required = [("*" if p.is_variadic else "") + p.value() for p in inputs if not p.default]
        optional = [p.value() for p in inputs if p.default]
        call = f"_{self.name}"
        if not optional:
            return f"{call}({', '.join(required)}{named})".replace("(, ", "(")
        return f"_call({call}, {_tuple(required)}, {_tuple(optional)}{named})"


def _tuple(names: list[str]) -> str:
    return f"({', '.join(names)}{',' if len(names) == 1 else ''})"


def _input(text: str, position: int) -> Parameter:
    name = text.rstrip("?*")
    kind = "Tensor" if position == 0 else "Tensor | Number"
    default = "None" if text.endswith("?") else None
    return Parameter(name, kind, default, is_input=True, is_variadic=text.endswith("*"))


def _attribute(text: str) -> Parameter:
    name, _, rest = text.partition(":")
    kind, _, default = rest.partition("=")
    if kind.endswith("?"):
        kind, default = kind[:-1], "None"
    if kind == "bool" and default in ("true", "false"):
        default = default.capitalize()
    if kind == "string" and default not in ("", "None"):
        default = f'"{default}"'
    if kind == "double" and default in ("inf", "-inf", "nan"):
        default = f'_float("{default}")'
    if kind == "ints" and default.startswith("["):
        default = f"({default[1:-1]},)"
    if kind == "dtype" and default not in ("", "None"):
        default = DTYPES[default]
    return Parameter(name, TYPES[kind], default or None)


def described() -> list[str]:
    """What the library beside the sources, or the one installed, says of its operations."""
    beside = ROOT / "python" / "betty" / "_native.abi3.so"
    origin = beside if beside.exists() else _installed()
    spec = importlib.util.spec_from_file_location("_native", origin)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.describe()


def _installed() -> Path:
    found = importlib.util.find_spec("betty")
    if found is None or found.origin is None:
        raise SystemExit("generate_functions: build the library first: make develop")
    return Path(found.origin).with_name("_native.abi3.so")


def generate(lines: list[str]) -> str:
    operations = sorted((Operation.parse(line) for line in lines), key=lambda o: o.name)
    found = "\n".join(f'_{o.name} = operation("{o.name}")' for o in operations)
    texts = "\n\n".join(o.text() for o in operations)
    names = "\n".join(f'    "{o.name}",' for o in operations)
    return formatted(f"{HEAD}\n\n__all__ = [\n{names}\n]\n\n{found}\n\n\n{texts}", TARGET)


def stub(lines: list[str]) -> str:
    operations = sorted((Operation.parse(line) for line in lines), key=lambda o: o.name)
    excluded = _no_methods() | {"detach", "to"}
    wider = _wider()
    methods = [o.method(o.name in wider) for o in operations if _is_method(o, excluded)]
    binary = [f"    def __{n}__(self, other: Any) -> Tensor: ..." for n in OPERATORS]
    unary = [f"    def __{n}__(self) -> Tensor: ..." for n in ("neg", "pos", "abs", "invert")]
    return formatted(STUB_HEAD + "\n".join([*binary, *unary, *methods]) + "\n", STUB)


def _is_method(operation: Operation, excluded: set[str]) -> bool:
    first = operation.inputs[0] if operation.inputs else None
    return first is not None and first.name == "input" and operation.name not in excluded


def _no_methods() -> set[str]:
    for node in ast.parse(METHODS.read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "_NO_METHODS":
            return ast.literal_eval(node.value)
    raise SystemExit(f"{METHODS}: no _NO_METHODS")


def _wider() -> set[str]:
    """Operations whose methods are written in Python, over those of this name."""
    trees = [ast.parse((METHODS.parent / name).read_text()) for name in WIDER]
    return {node.name for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)}


def formatted(text: str, path: Path) -> str:
    command = [_ruff(), "format", "--stdin-filename", str(path), "-"]
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, cwd=ROOT, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout


def _ruff() -> str:
    beside = Path(sys.executable).with_name("ruff")
    return str(beside) if beside.exists() else "ruff"


def main() -> int:
    lines = described()
    files = {TARGET: generate(lines), STUB: stub(lines)}
    if "--check" not in sys.argv:
        for path, text in files.items():
            path.write_text(text)
        return 0
    stale = [p for p, text in files.items() if not p.exists() or p.read_text() != text]
    for path in stale:
        print(f"{path.relative_to(ROOT)} is stale: run tools/generate_functions.py")
    return int(bool(stale))


if __name__ == "__main__":
    sys.exit(main())
