"""Programs of views at random: whatever is read, dropped or changed on the way, arrays of NumPy,
whose views share memory by their nature, say what every handle shows.
"""

import random

import betty
import numpy as np
import pytest


def taken(handle, array, rng):
    """A view of a handle and the same view of an array."""
    axis = rng.randrange(array.ndim) if array.ndim else 0
    size = array.shape[axis] if array.ndim else 0
    kinds = ["detach", "data", "unsqueeze"]
    if array.ndim:
        kinds += ["select", "range", "step", "new axes"] * 2
    if array.ndim >= 2:
        kinds += ["transpose", "diagonal", "flatten"]
    kind = rng.choice(kinds)
    before = (slice(None),) * axis
    if kind == "select" and size:
        key = (*before, rng.randrange(-size, size), ...)
        return f"[{key}]", handle[key], array[key]
    if kind == "range":
        start = rng.randrange(size + 1)
        key = (*before, slice(start, None))
        return f"[{key}]", handle[key], array[key]
    if kind == "step":
        key = (*before, slice(None, None, 2))
        return f"[{key}]", handle[key], array[key]
    if kind == "new axes":
        return "[None, ..., None]", handle[None, ..., None], array[None, ..., None]
    if kind == "unsqueeze":
        return ".unsqueeze(0)", handle.unsqueeze(0), array[None]
    if kind == "transpose":
        return ".transpose(0, -1)", handle.transpose(0, -1), np.swapaxes(array, 0, -1)
    if kind == "diagonal":
        shared = np.einsum("ii...->...i", array[tuple([slice(min(array.shape[:2]))] * 2)])
        return ".diagonal()", handle.diagonal(), shared
    if kind == "flatten" and array.flags.c_contiguous and array.size:
        return ".view(-1)", handle.view(-1), array.reshape(-1)
    if kind == "data":
        return ".data", handle.data, array[...]
    return ".detach()", handle.detach(), array[...]


def change(handle, array, rng):
    """A change in place of both."""
    value = float(rng.randrange(1, 9))
    kind = rng.choice(["fill", "add", "copy", "rows", "mask", "scatter"])
    if kind == "fill":
        handle.fill_(value)
        array[...] = value
    elif kind == "copy":
        content = value + np.arange(array.size, dtype=np.float64).reshape(array.shape)
        handle.copy_(betty.from_numpy(np.asarray(content)))
        array[...] = content
    elif kind == "rows" and array.ndim and array.shape[0]:
        rows = [0, array.shape[0] - 1]
        handle[rows] = value
        array[rows] = value
    elif kind == "mask" and array.ndim:
        handle[handle > 2] = value
        array[array > 2] = value
    elif kind == "scatter" and array.ndim == 1 and array.size:
        handle.index_fill_(0, betty.tensor([array.size - 1]), value)
        array[-1] = value
    else:
        kind = "add"
        handle.add_(value)
        array += value
    return f"{kind} {value}"


def run(seed):
    """One program; gives its text and what differs at its end."""
    rng = random.Random(seed)
    shape = [rng.randrange(1, 5) for _ in range(rng.randrange(1, 4))]
    array = np.arange(np.prod(shape), dtype=np.float64).reshape(shape)
    root = betty.from_numpy(array.copy()).clone()
    if rng.random() < 0.3:
        root = betty.nn.Parameter(root)
        handles = [(root.data, array)]
    else:
        handles = [(root, array)]
    text = [f"shape {shape}"]
    for _ in range(rng.randrange(3, 12)):
        place = rng.randrange(len(handles))
        handle, shadow = handles[place]
        what = rng.random()
        if what < 0.4:
            step, view, shadow = taken(handle, shadow, rng)
            for _ in range(rng.randrange(2)):  # what lies between has no handle
                more, view, shadow = taken(view, shadow, rng)
                step += more
            handles.append((view, shadow))
            text.append(f"{len(handles) - 1} = {place}{step}")
        elif what < 0.75:
            text.append(f"{place}: {change(handle, shadow, rng)}")
        elif what < 0.9:
            text.append(f"read {place}")
            handle.tolist()
        elif len(handles) > 1:
            text.append(f"drop {place}")
            del handles[place]
        del handle
    handles.append((root, array))
    wrong = [n for n, (h, a) in enumerate(handles) if not np.array_equal(h.detach().numpy(), a)]
    return "; ".join(text), wrong


@pytest.mark.parametrize("part", range(8))
def test_every_handle_shows_what_was_written_through_the_others(part):
    for seed in range(100 * part, 100 * part + 100):
        text, wrong = run(seed)
        assert not wrong, f"seed {seed}: {text}: {wrong}"


def test_a_write_through_a_view_of_a_view_reaches_the_root():
    x = betty.zeros(2, 3, 4)
    x[0, 1, [0, 2]] = 1
    view = x[1, 2]
    view.tolist()
    view.fill_(2)
    assert x.sum().item() == 2 + 8
    p = betty.nn.Parameter(betty.ones(3, 4))
    flat = p.data.view(-1)
    flat.div_(flat.norm().item())
    assert p.norm().item() == pytest.approx(1)


def test_a_view_of_a_view_sees_a_change_of_the_root():
    x = betty.zeros(4, 4)
    view = x[1:][:, 1:]
    view.tolist()
    x.fill_(1)
    assert view.sum().item() == 9
