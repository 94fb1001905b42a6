"""A picture of a multilevel program: plain SVG, no library."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from betty.engine import Engine
    from betty.problems import Problem

__all__ = ["draw"]

WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = 190, 62, 50, 80, 30
STYLE = """<style>
  text { font-family: sans-serif; text-anchor: middle; fill: #1b1f24 }
  .name { font-size: 15px; font-weight: bold }
  .note { font-size: 11px; fill: #57606a }
  rect { fill: #eef4fb; stroke: #3b6ea5; stroke-width: 1.5 }
  path { fill: none; stroke: #3b6ea5; stroke-width: 1.5 }
  path.u2l { stroke: #b3541e; stroke-dasharray: 6 4 }
</style>
<defs>
  <marker id="up" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8"
   orient="auto"><path d="M0 0L8 4L0 8z" style="fill:#3b6ea5;stroke:none"/></marker>
  <marker id="down" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8"
   orient="auto"><path d="M0 0L8 4L0 8z" style="fill:#b3541e;stroke:none"/></marker>
</defs>"""


def draw(engine: Engine, path: str | Path) -> None:
    """Writes the graph of an engine's problems; see ``Engine.draw``."""
    path = Path(path)
    if path.suffix != ".svg":
        raise ValueError(f"Engine.draw: the file must end in .svg, got '{path}'")
    path.write_text(_picture(engine))


def _levels(problems: list[Problem]) -> list[list[Problem]]:
    """The problems by level, the highest first."""
    level: dict[str, int] = {}

    def of(problem: Problem) -> int:
        if problem.name not in level:
            level[problem.name] = 1 + max(map(of, problem.children), default=-1)
        return level[problem.name]

    highest = max(map(of, problems))
    rows = [[p for p in problems if of(p) == height] for height in range(highest, -1, -1)]
    return [row for row in rows if row]


def _picture(engine: Engine) -> str:
    rows = _levels(engine.problems)
    widest = max(map(len, rows))
    width = max(2 * MARGIN + widest * (WIDTH + GAP_X), 520)
    height = 2 * MARGIN + len(rows) * HEIGHT + (len(rows) - 1) * GAP_Y + 20
    place = {}
    for line, row in enumerate(rows):
        free = width - len(row) * WIDTH - (len(row) - 1) * GAP_X
        for column, problem in enumerate(row):
            place[problem.name] = (
                free / 2 + column * (WIDTH + GAP_X),
                MARGIN + line * (HEIGHT + GAP_Y),
            )
    parts = [_edge(place, lower, upper, "l2u") for lower, upper in _edges(engine, "l2u")]
    parts += [_edge(place, lower, upper, "u2l") for upper, lower in _edges(engine, "u2l")]
    parts += [_box(problem, *place[problem.name]) for problem in engine.problems]
    legend = "solid: the solution enters the upper loss (l2u); dashed: a gradient flows down (u2l)"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}">',
            STYLE,
            f'<rect width="{width}" height="{height}" style="fill:white;stroke:none"/>',
            *parts,
            f'<text class="note" x="{width / 2}" y="{height - 12}">{legend}</text>',
            "</svg>\n",
        ]
    )


def _edges(engine: Engine, kind: str) -> list[tuple[Problem, Problem]]:
    table = engine.dependencies.get(kind, {})
    return [(source, target) for source, targets in table.items() for target in targets]


def _edge(place: dict[str, tuple[float, float]], lower: Problem, upper: Problem, kind: str) -> str:
    """An arrow: l2u from the top of the lower box up, u2l beside it and down."""
    (x1, y1), (x2, y2) = place[lower.name], place[upper.name]
    aside = WIDTH * (0.38 if kind == "l2u" else 0.62)
    start, end = (x1 + aside, y1), (x2 + aside, y2 + HEIGHT)
    # An edge past a level in between goes around its boxes.
    bow = WIDTH * 0.75 if y1 - y2 > HEIGHT + GAP_Y + 1 else 0
    bow = -bow if kind == "l2u" else bow
    if kind == "u2l":
        start, end = end, start
    middle = f"{start[0] + bow} {(2 * start[1] + end[1]) / 3} {end[0] + bow} "
    curve = f"M{start[0]} {start[1]}C{middle}{(start[1] + 2 * end[1]) / 3} {end[0]} {end[1]}"
    marker = "up" if kind == "l2u" else "down"
    return f'<path class="{kind}" d="{curve}" marker-end="url(#{marker})"/>'


def _box(problem: Problem, x: float, y: float) -> str:
    count = sum(p.numel() for p in problem.trainable_parameters())
    unroll = problem._unroll_steps
    steps = "1 step" if unroll == 1 else f"{unroll} steps"
    method = getattr(problem.config.type, "name", problem.config.type)
    note = f"{method}, {steps} to a step above" if problem.parents else "highest level"
    center = x + WIDTH / 2
    return (
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="8"/>'
        f'<text class="name" x="{center}" y="{y + 22}">{escape(problem.name)}</text>'
        f'<text class="note" x="{center}" y="{y + 38}">{count} parameters</text>'
        f'<text class="note" x="{center}" y="{y + 53}">{escape(str(note))}</text>'
    )
