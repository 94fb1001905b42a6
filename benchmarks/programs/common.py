"""Shared by the timed programs: settings, seeded modules, the clock around groups of engine
steps, the one line of JSON.
"""

import json
import os
import resource
import time

import numpy as np
import torch
from betty.engine import Engine
from data import initial

PRECISION = os.environ.get("PRECISION", "fp32")
COUNT = int(os.environ.get("REPLICAS", "1"))
REPLICAS = {"strategy": "data_parallel", "replicas": COUNT} if COUNT > 1 else {}
if os.environ.get("THREADS") and hasattr(torch, "set_num_threads"):
    torch.set_num_threads(int(os.environ["THREADS"]))


def tensors(batches):
    """Batches of numpy arrays as batches of tensors, floats in float32 and counts in int64."""

    def kind(a):
        return a.astype("float32" if a.dtype.kind == "f" else "int64")

    return [
        tuple(torch.from_numpy(np.ascontiguousarray(kind(a))) for a in batch) for batch in batches
    ]


def seeded(module, seed, scale=None):
    """Overwrite every parameter with seeded values, so that all libraries start alike."""
    named = list(module.named_parameters())
    values = initial([(name, tuple(p.shape)) for name, p in named], seed, scale)
    for (_, p), (_, value) in zip(named, values, strict=False):
        p.data.copy_(torch.from_numpy(value))
    return module


class Clock:
    """Times groups of `group` steps after the warm-up; STEPS and WARMUP are rounded up to whole
    groups, at least one.
    """

    def __init__(self, name, group, steps, warmup):
        def whole(variable, default):
            return max(-(-int(os.environ.get(variable, default)) // group), 1) * group

        self.name, self.group = name, group
        self.steps, self.warmup = whole("STEPS", steps), whole("WARMUP", warmup)
        self.iters = self.steps + self.warmup
        self.count, self.last, self.times = 0, 0.0, []
        self.began, self.first = 0.0, 0.0
        self.traced, self.rows = {}, {}

    def trace(self, **modules):
        """With TRACE=FILE the parameters of these modules after each step are kept, for
        comparisons only.
        """
        if os.environ.get("TRACE"):
            self.traced = modules

    def tick(self):
        """Called before each step and once after the last."""
        if self.count == 0:
            self.began = time.perf_counter()
        if self.count == self.group:
            self.first = time.perf_counter() - self.began
        if self.count % self.group == 0 and self.count >= self.warmup:
            now = time.perf_counter()
            if self.count > self.warmup:
                self.times.append((now - self.last) / self.group)
            self.last = now
        for key, module in self.traced.items():
            flat = np.concatenate([p.detach().numpy().reshape(-1) for p in module.parameters()])
            self.rows.setdefault(key, []).append(flat)
        self.count += 1

    def report(self, loss):
        self.tick()
        if self.rows:
            np.savez_compressed(
                os.environ["TRACE"], **{key: np.stack(rows) for key, rows in self.rows.items()}
            )
        print(
            json.dumps(
                {
                    "name": self.name,
                    "seconds_per_step": (middle := float(np.median(self.times))),
                    "compile_seconds": round(self.first - self.group * middle, 3),
                    "peak_rss_mb": round(
                        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1
                    ),
                    "loss": float(loss),
                    "steps": self.steps,
                }
            )
        )


class Timed(Engine):
    """An engine whose steps are timed by `clock`."""

    clock = None

    def train_step(self):
        self.clock.tick()
        super().train_step()


def lower_loss(problem, batches, clock):
    """The lower loss at the end of the run, on the batch of its last step."""
    with torch.no_grad():
        loss = problem.training_step(batches[(clock.iters - 1) % len(batches)])
    return loss.item()
