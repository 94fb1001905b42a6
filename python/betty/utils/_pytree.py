"""Nested containers as a list of leaves and what says how they lay.

Nodes are lists, tuples, named tuples, dicts of every kind and deques, and classes that a program
has registered; everything else is a leaf, None too.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

__all__ = [
    "PyTree", "TreeSpec", "register_pytree_node", "tree_all", "tree_any", "tree_flatten",
    "tree_iter", "tree_leaves", "tree_map", "tree_map_", "tree_map_only", "tree_map_only_",
    "tree_structure", "tree_unflatten",
]  # fmt: skip

PyTree = Any
IsLeaf = Callable[[Any], bool] | None


class _Node(NamedTuple):
    """How a class is taken apart, into children and a context, and put together again."""

    flatten: Callable[[Any], tuple[Iterable[Any], Any]]
    unflatten: Callable[[Iterable[Any], Any], Any]


def _filled(children: Iterable[Any], context: tuple[Any, list[Any]]) -> Any:
    made = defaultdict(context[0])
    made.update(zip(context[1], children, strict=True))
    return made


_NODES: dict[type, _Node] = {
    list: _Node(lambda x: (list(x), None), lambda children, _: list(children)),
    tuple: _Node(lambda x: (list(x), None), lambda children, _: tuple(children)),
    dict: _Node(
        lambda x: (list(x.values()), list(x)),
        lambda children, keys: dict(zip(keys, children, strict=True)),
    ),
    OrderedDict: _Node(
        lambda x: (list(x.values()), list(x)),
        lambda children, keys: OrderedDict(zip(keys, children, strict=True)),
    ),
    defaultdict: _Node(lambda x: (list(x.values()), (x.default_factory, list(x))), _filled),
    deque: _Node(lambda x: (list(x), x.maxlen), deque),
}
_NAMED = _Node(lambda x: (list(x), type(x)), lambda children, kind: kind(*children))


def register_pytree_node(
    cls: type,
    flatten_fn: Callable[[Any], tuple[Iterable[Any], Any]],
    unflatten_fn: Callable[[Iterable[Any], Any], Any],
    **options: Any,
) -> None:
    """Makes a class a node.

    Args:
        cls: The class.
        flatten_fn: Gives an object's children and a context.
        unflatten_fn: Makes an object of children and a context.
        options: Accepted for migration.

    Raises:
        ValueError: The class is a node already.
    """
    if cls in _NODES:
        raise ValueError(f"{cls} is already registered as pytree node.")
    _NODES[cls] = _Node(flatten_fn, unflatten_fn)


def _node_of(tree: Any) -> tuple[type | None, _Node | None]:
    kind = type(tree)
    if kind in _NODES:
        return kind, _NODES[kind]
    return (kind, _NAMED) if isinstance(tree, tuple) and hasattr(tree, "_fields") else (None, None)


@dataclass(frozen=True)
class TreeSpec:
    """How leaves lie: the class of a node, its context and its children; a leaf has no class."""

    type: type | None
    context: Any
    children_specs: list[TreeSpec]
    num_leaves: int = field(default=0, compare=False)

    def is_leaf(self) -> bool:
        """Whether it is a single leaf."""
        return self.type is None

    @property
    def num_children(self) -> int:
        """How many children the node has."""
        return len(self.children_specs)

    def unflatten(self, leaves: Iterable[Any]) -> Any:
        """The containers with these leaves."""
        return tree_unflatten(leaves, self)


def tree_flatten(tree: Any, is_leaf: IsLeaf = None) -> tuple[list[Any], TreeSpec]:
    """The leaves in order, and how they lay.

    Args:
        tree: Nested containers.
        is_leaf: Says of a node that it is to count as a leaf.

    Example:
        >>> from betty.utils._pytree import tree_flatten, tree_unflatten
        >>> leaves, spec = tree_flatten({"a": 1, "b": (2, [3])})
        >>> leaves
        [1, 2, 3]
        >>> tree_unflatten([10, 20, 30], spec)
        {'a': 10, 'b': (20, [30])}
    """
    leaves: list[Any] = []
    return leaves, _flattened(tree, leaves, is_leaf)


def _flattened(tree: Any, leaves: list[Any], is_leaf: IsLeaf) -> TreeSpec:
    kind, node = _node_of(tree)
    if node is None or (is_leaf is not None and is_leaf(tree)):
        leaves.append(tree)
        return TreeSpec(None, None, [], 1)
    before = len(leaves)
    children, context = node.flatten(tree)
    specs = [_flattened(child, leaves, is_leaf) for child in children]
    return TreeSpec(kind, context, specs, len(leaves) - before)


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> Any:
    """The containers that ``tree_flatten`` took apart, with other leaves.

    Raises:
        ValueError: There are more or fewer leaves than places.
    """
    given = list(leaves)
    if len(given) != treespec.num_leaves:
        raise ValueError(
            f"tree_unflatten: {len(given)} leaves for a tree of {treespec.num_leaves} leaves"
        )
    return _unflattened(iter(given), treespec)


def _unflattened(leaves: Iterator[Any], spec: TreeSpec) -> Any:
    if spec.type is None:
        return next(leaves)
    children = [_unflattened(leaves, child) for child in spec.children_specs]
    return _NODES.get(spec.type, _NAMED).unflatten(children, spec.context)


def tree_leaves(tree: Any, is_leaf: IsLeaf = None) -> list[Any]:
    """The leaves in order."""
    return tree_flatten(tree, is_leaf)[0]


def tree_iter(tree: Any, is_leaf: IsLeaf = None) -> Iterator[Any]:
    """The leaves in order, one after the other."""
    return iter(tree_leaves(tree, is_leaf))


def tree_structure(tree: Any, is_leaf: IsLeaf = None) -> TreeSpec:
    """How the leaves lie."""
    return tree_flatten(tree, is_leaf)[1]


def _up_to(spec: TreeSpec, tree: Any) -> list[Any]:
    """What stands in another tree where this one has its leaves."""
    if spec.type is None:
        return [tree]
    kind, node = _node_of(tree)
    if node is None or kind is not spec.type:
        raise ValueError(f"tree_map: {type(tree).__name__} where the first has {spec.type}")
    children, context = node.flatten(tree)
    children = list(children)
    if isinstance(tree, dict):
        keys = spec.context[1] if spec.type is defaultdict else spec.context
        if set(keys) != set(tree):
            raise ValueError("tree_map: dicts of other keys than the first's")
        children = [tree[key] for key in keys]
    elif context != spec.context or len(children) != spec.num_children:
        raise ValueError("tree_map: a container of another length than the first's")
    pairs = zip(spec.children_specs, children, strict=True)
    return [leaf for child_spec, child in pairs for leaf in _up_to(child_spec, child)]


def tree_map(func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: IsLeaf = None) -> Any:
    """The same containers with ``func`` of each leaf, and of what stands there in other trees.

    Args:
        func: Called with a leaf of each tree.
        tree: Nested containers.
        rests: Containers that are nested as the first.
        is_leaf: Says of a node that it is to count as a leaf.

    Example:
        >>> from betty.utils._pytree import tree_map
        >>> tree_map(lambda x, y: x + y, {"a": 1, "b": [2]}, {"a": 10, "b": [20]})
        {'a': 11, 'b': [22]}
    """
    leaves, spec = tree_flatten(tree, is_leaf)
    columns = [leaves, *(_up_to(spec, rest) for rest in rests)]
    return tree_unflatten([func(*row) for row in zip(*columns, strict=True)], spec)


def tree_map_(func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: IsLeaf = None) -> Any:
    """Calls ``func`` of each leaf for what it does; gives the tree itself."""
    tree_map(func, tree, *rests, is_leaf=is_leaf)
    return tree


def _only(kinds: Any, func: Callable[[Any], Any]) -> Callable[[Any], Any]:
    is_kind = isinstance(kinds, (type, tuple)) or not callable(kinds)

    def call(x: Any) -> Any:
        return func(x) if (isinstance(x, kinds) if is_kind else kinds(x)) else x

    return call


def tree_map_only(
    kinds: Any, /, func: Callable[[Any], Any], tree: Any, is_leaf: IsLeaf = None
) -> Any:
    """``tree_map`` on the leaves of a class, of several, or of which a function says so."""
    return tree_map(_only(kinds, func), tree, is_leaf=is_leaf)


def tree_map_only_(
    kinds: Any, /, func: Callable[[Any], Any], tree: Any, is_leaf: IsLeaf = None
) -> Any:
    """``tree_map_`` on the leaves of a class."""
    return tree_map_(_only(kinds, func), tree, is_leaf=is_leaf)


def tree_all(pred: Callable[[Any], bool], tree: Any, is_leaf: IsLeaf = None) -> bool:
    """Whether it holds for every leaf."""
    return all(map(pred, tree_leaves(tree, is_leaf)))


def tree_any(pred: Callable[[Any], bool], tree: Any, is_leaf: IsLeaf = None) -> bool:
    """Whether it holds for a leaf."""
    return any(map(pred, tree_leaves(tree, is_leaf)))
