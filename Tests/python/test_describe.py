"""What an engine says of itself: levels, edges, paths, counts from the graphs, a picture."""

import xml.etree.ElementTree as ElementTree

import betty
import pytest
from betty import nn
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem
from test_problems import quadratic


def table(engine):
    lines = engine.describe().splitlines()
    names = lines[0].split()
    rows = {}
    for line in lines[1:]:
        if not line.startswith(("l2u", "path", "strategy", "threads")):
            parts = [part for part in line.split("  ") if part.strip()]
            rows[parts[0]] = dict(zip(names, map(str.strip, parts), strict=True))
    return rows


def test_levels_edges_and_paths():
    engine = quadratic(4, unroll_steps=2)
    rows = table(engine)
    assert rows["upper"]["level"] == "2" and rows["upper"]["steps"] == "after lower (2)"
    assert rows["lower"]["method"] == "exact" and rows["lower"]["FLOPs"] == "-"
    lines = engine.describe().splitlines()
    assert lines[-2:] == ["l2u  lower -> upper", "path upper -> lower -> upper"]
    engine.run()
    assert table(engine)["upper"]["FLOPs"] != "-"


@pytest.mark.parametrize(
    ("options", "gradients", "products"),
    [
        ({"type": "darts"}, 3, 0),
        ({"type": "exact"}, 2, 1),
        ({"type": "neumann", "neumann_iterations": 3}, 2, 4),
        ({"type": "cg", "cg_iterations": 5}, 2, 6),
    ],
)
def test_counts_of_methods(options, gradients, products):
    row = table(quadratic(1, **options))["upper"]
    assert (row["gradients"], row["products"]) == (str(gradients), str(products))


def test_operations_are_those_of_the_mathematics():
    """A product of 10 x 100 and 100 x 50, its gradient, a sum of 500, an update of 5000."""

    class Linear(ImplicitProblem):
        def training_step(self, batch):
            return self.module(batch).sum()

    layer = nn.Linear(100, 50, bias=False)
    sgd = betty.optim.SGD(layer.parameters(), lr=0.1)
    problem = Linear("linear", Config(), layer, sgd, train_data_loader=[betty.ones(10, 100)])
    engine = Engine([problem], EngineConfig(train_iters=1))
    engine.run()
    assert table(engine)["linear"]["FLOPs"] == "210k"


def test_the_picture_has_a_box_a_problem_and_an_arrow_an_edge(tmp_path):
    engine = quadratic(1)
    engine.draw(tmp_path / "graph.svg")
    root = ElementTree.parse(tmp_path / "graph.svg").getroot()
    tag = "{http://www.w3.org/2000/svg}"
    words = [text.text for text in root.iter(f"{tag}text")]
    assert words[:2] == ["upper", "3 parameters"] and "exact, 1 step to a step above" in words
    assert [path.get("class") for path in root.findall(f"{tag}path")] == ["l2u", "u2l"]
    boxes = [box for box in root.findall(f"{tag}rect") if box.get("rx")]
    assert float(boxes[0].get("y")) < float(boxes[1].get("y"))
    with pytest.raises(ValueError, match=r"must end in \.svg"):
        engine.draw("graph.png")
