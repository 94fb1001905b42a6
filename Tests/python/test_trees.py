"""Nested containers taken apart and put together."""

from collections import OrderedDict, defaultdict, deque, namedtuple

import betty
import pytest
from betty.utils import _pytree as trees

Pair = namedtuple("Pair", "x y")  # noqa: PYI024


@pytest.mark.parametrize(
    "tree",
    [
        1, None, [], (1, [2, (3,)]), {"a": 1, "b": {"c": [2]}}, Pair(1, [2]),
        OrderedDict(b=1, a=2), defaultdict(list, a=[1]), deque([1, (2,)], maxlen=4),
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_taken_apart_is_put_together(tree):
    leaves, spec = trees.tree_flatten(tree)
    assert spec.num_leaves == len(leaves)
    found = spec.unflatten(leaves)
    assert found == tree
    assert type(found) is type(tree)
    assert trees.tree_structure(tree) == spec
    for wrong in ([*leaves, 0], leaves[:-1] if leaves else [1]):
        with pytest.raises(ValueError, match="leaves for a tree of"):
            trees.tree_unflatten(wrong, spec)


def test_functions_of_leaves():
    tree = {"x": betty.ones(2), "n": [1, "text"]}
    assert trees.tree_map(lambda *xs: len(xs), tree, tree) == {"x": 2, "n": [2, 2]}
    assert trees.tree_map_only(int, lambda n: n + 1, tree)["n"] == [2, "text"]
    assert trees.tree_map_only(lambda x: x == "text", len, tree)["n"] == [1, 4]
    assert trees.tree_map(sum, [[1, 2], [3]], is_leaf=lambda x: x == [1, 2] or x == [3]) == [3, 3]
    seen = []
    assert trees.tree_map_(seen.append, tree) is tree
    assert seen == list(trees.tree_iter(tree))
    assert trees.tree_all(bool, [1, 2])
    assert not trees.tree_any(bool, [0, ()])
    swapped = trees.tree_map(lambda a, b: (a, b), {"a": 1, "b": 2}, {"b": 20, "a": 10})
    assert swapped == {"a": (1, 10), "b": (2, 20)}


@pytest.mark.parametrize(
    ("first", "second"), [([1], (1,)), ([1], [1, 2]), ({"a": 1}, {"b": 1}), ([[1]], [1])]
)
def test_trees_that_are_nested_otherwise(first, second):
    with pytest.raises(ValueError, match="tree_map: "):
        trees.tree_map(lambda *xs: xs, first, second)


class Box:
    def __init__(self, content):
        self.content = content


def test_classes_of_a_program():
    trees.register_pytree_node(Box, lambda b: ([b.content], None), lambda c, _: Box(*c))
    assert trees.tree_map(lambda x: x + 1, [Box(1)])[0].content == 2
    with pytest.raises(ValueError, match="already registered"):
        trees.register_pytree_node(Box, list, Box)
