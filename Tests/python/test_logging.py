"""Where the figures of a run go, and when they are read."""

import json
import logging
import sys
import types

import betty
import numpy as np
import pytest
from betty.configs import EngineConfig
from betty.engine import Engine
from betty.misc.early_stopping import EarlyStopping
from test_problems import Lower, quadratic


class Talking(Lower):
    def training_step(self, batch):
        loss = super().training_step(batch)
        return {"loss": loss, "parts": [loss * 2, 3], "bad": float("nan")}


class Validated(Engine):
    def validation(self):
        return {"loss": 1.0 / self.global_step}


def run(logger_type, iterations=4, **options):
    engine = quadratic(
        iterations, lower=Talking, engine=Validated, valid_step=2, log_step=2, **options
    )
    engine.config = EngineConfig(iterations, 2, logger_type)
    engine.parse_config()
    for problem in engine.problems:
        problem.logger = engine.logger
    engine.run()
    return engine


def test_json_lines(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run("jsonl")
    records = [json.loads(line) for line in (tmp_path / "betty_log.jsonl").open()]
    assert [(r["step"], r["tag"]) for r in records] == [
        (2, "lower"), (2, "validation"), (4, "lower"), (4, "validation"),
    ]  # fmt: skip
    first = records[0]
    assert first["parts_0"] == pytest.approx(2 * first["loss"]) and first["parts_1"] == 3
    assert first["bad"] == "nan" and records[3]["loss"] == 0.25


def test_tensorboard(tmp_path, monkeypatch):
    event_file = pytest.importorskip("tensorboard.backend.event_processing.event_file_loader")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    engine = run("tensorboard")
    engine.logger.close()
    (path,) = tmp_path.glob("betty_tensorboard/*/events*")
    found = [
        (event.step, value.tag)
        for event in event_file.EventFileLoader(str(path)).Load()
        for value in event.summary.value
    ]
    assert (2, "lower/loss") in found and (4, "validation/loss") in found
    assert (4, "lower/parts_1") in found


def test_tensorboard_that_is_missing(monkeypatch):
    for name in ("tensorboardX", "tensorboard.compat.proto.event_pb2"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match="needs the package tensorboard or tensorboardX"):
        betty.logging.logger("tensorboard")


def test_wandb(monkeypatch):
    logged, started, axes = [], [], []

    def define(name, step_metric=None):
        axes.append((name, step_metric))

    def init(**options):
        started.append(options)
        return types.SimpleNamespace(log=logged.append, define_metric=define)

    monkeypatch.setitem(sys.modules, "wandb", types.SimpleNamespace(run=None, init=init))
    run("wandb")
    assert started == [{"project": "betty"}]
    assert axes == [("global_step", None), ("*", "global_step")]
    assert logged[1] == {"validation/loss": 0.5, "global_step": 2}
    assert logged[0]["lower/loss"] > 0
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(ImportError, match="pip install wandb"):
        betty.logging.logger("wandb")


def test_lines_and_the_local_axis(caplog):
    caplog.set_level(logging.INFO, "betty")
    run("console", unroll_steps=2, gradient_accumulation=2)
    assert caplog.messages[0].startswith("[2] lower | loss ")
    assert caplog.messages[1] == "[2] validation | loss 0.5"


@pytest.mark.parametrize("logger_type", ["none", "jsonl", "tensorboard"])
@pytest.mark.parametrize("replay", [False, True])
def test_of_several_numbers_the_mean_is_logged(logger_type, replay, caplog, tmp_path, monkeypatch):
    class Vectors(Lower):
        def training_step(self, batch):
            loss = super().training_step(batch)
            several = {"per_class": betty.tensor([1.0, 2.0, 6.0]), "right": np.array([True, False])}
            return {"loss": loss, **several, "rows": [betty.arange(4), betty.ones(1, 1)]}

    monkeypatch.chdir(tmp_path)
    if logger_type == "tensorboard":
        pytest.importorskip("tensorboard.summary.writer.event_file_writer")
    caplog.set_level(logging.INFO, "betty")
    engine = quadratic(1, lower=Vectors, log_step=1, replay=replay)
    engine.lower.logger = betty.logging.logger(logger_type)
    engine.run()
    (line,) = caplog.messages
    assert line.endswith(" | per_class 3 | right 0.5 | rows_0 1.5 | rows_1 1")
    if logger_type == "jsonl":
        record = json.loads((tmp_path / "betty_log.jsonl").read_text())
        assert record["per_class"] == 3.0 and record["rows_0"] == 1.5


def test_what_has_no_mean_is_named():
    stats = {"loss": 1.0, "names": np.array(["a", "b"])}
    with pytest.raises(
        TypeError, match=r"log: 'names' has no mean, it is a ndarray of shape \[2\]"
    ):
        betty.logging.format_losses("lower", stats)
    assert (
        betty.logging.format_losses("p", {"note": "text", "none": None})
        == "p | note text | none None"
    )


def test_early_stopping_sees_what_is_logged():
    stop = EarlyStopping("per_class", tolerance=1)
    assert not stop({"per_class": betty.tensor([1.0, 3.0])}) and stop.best_score == 2.0


def test_unknown_types():
    with pytest.raises(ValueError, match="logger_type must be one of 'none'"):
        EngineConfig(logger_type="paper")
    with pytest.raises(ValueError, match="logger_type must be one of console"):
        betty.logging.logger("paper")


def test_values_are_read_only_when_logged():
    class Reading(Lower):
        def training_step(self, batch):
            return {"loss": super().training_step(batch), "seen": Seen()}

    class Seen:
        def item(self):
            reads.append(1)
            return 0.5

    reads = []
    quadratic(5, lower=Reading).run()
    assert reads == []
    quadratic(6, lower=Reading, log_step=3).run()
    assert len(reads) == 2 * 1


def test_a_log_of_ones_own():
    class Own(Lower):
        def log(self, stats, global_step=None):
            seen.append((global_step, type(stats["loss"])))

    seen = []
    quadratic(4, lower=Own, log_step=2).run()
    assert seen == [(2, float), (4, float)]


@pytest.mark.parametrize("replay", [False, True])
def test_progress(replay, monkeypatch):
    tqdm = pytest.importorskip("tqdm.auto")
    drawn, bars = [], []

    class Bar(tqdm.tqdm):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            bars.append(self)

        def set_postfix(self, shown, refresh=True):
            drawn.append((self.n, dict(shown)))
            super().set_postfix(shown, refresh=refresh)

    monkeypatch.setattr(tqdm, "tqdm", Bar)
    plain = quadratic(1, replay=replay)
    engine = Engine(
        plain.problems, EngineConfig(train_iters=60000, progress=True), plain.dependencies
    )
    engine.run()
    assert drawn and set(drawn[-1][1]) == {"lower", "upper"}
    assert float(drawn[-1][1]["lower"]) < 10
    assert bars[-1].n == 60000


def test_early_stopping():
    stop = EarlyStopping("accuracy", 2, "max")
    assert [stop({"accuracy": value}) for value in (0.1, 0.3, 0.2, float("nan"))] == [
        False, False, False, True,
    ]  # fmt: skip
    assert (stop.best_score, stop.counter) == (0.3, 2)
    for wrong in ({"mode": "mean"}, {"tolerance": 0}):
        with pytest.raises(ValueError, match="early stopping"):
            EarlyStopping(**wrong)
    with pytest.raises(KeyError, match="validation gave no 'accuracy'"):
        stop({"loss": 1.0})
