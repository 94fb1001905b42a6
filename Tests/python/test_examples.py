"""The examples run: small, as a user would start them."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run(script: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, str(EXAMPLES / script), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> tuple[str, Path]:
    """What a small run of the demo prints, and its figure."""
    figure = tmp_path_factory.mktemp("demo") / "weights.png"
    arguments = ["--seeds", "2", "--steps", "60", "--figure", str(figure)]
    done = run("data_reweighting.py", *arguments, folder=figure.parent)
    assert done.returncode == 0, done.stderr
    return done.stdout, figure


def test_the_demo_prints_a_row_for_every_training(small):
    rows = re.findall(
        r"^(plain|plain, with .*?|reweighted, with .*?)  .* (\d+\.\d) ± (\d+\.\d) %$",
        small[0],
        re.M,
    )
    assert [name for name, _, _ in rows] == [
        "plain",
        "plain, with the clean samples",
        "reweighted, with the clean samples",
    ]
    assert all(30 < float(accuracy) <= 100 for _, accuracy, _ in rows)


def test_the_demo_saves_its_figure(small):
    output, figure = small
    assert str(figure) in output
    assert figure.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_the_demo_learns_as_well_in_low_precision(precision, monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import data_reweighting as demo

    split, bar = demo.split_digits(0), demo.tqdm(disable=True)
    scores = []
    for kind in ("fp32", precision):
        module, _ = demo.train(demo.REWEIGHTED, split, 0.05, 0, 150, kind, bar)
        scores.append(demo.accuracy(module, split.test))
    # In percent of 500 samples: less than what another seed makes of it.
    assert scores[0] > 80 and abs(scores[0] - scores[1]) <= 2


def test_the_demo_refuses_a_run_without_steps(tmp_path):
    done = run("data_reweighting.py", "--steps", "0", folder=tmp_path)
    assert done.returncode == 2
    assert "--steps" in done.stderr


def test_splits_share_no_sample(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    from data_reweighting import split_digits

    split = split_digits(3)
    parts = (split.train, split.clean, split.valid, split.test)
    images = [tuple(row) for images, _ in parts for row in images.tolist()]
    assert len(set(images)) == len(images)
    assert [int(sum(split.clean[1] == digit)) for digit in range(10)] == [10] * 10
    assert 0.3 < split.wrong.mean() < 0.5


def test_meta_weight_net_prints_all_methods(tmp_path):
    done = run(
        "meta_weight_net.py", "--seeds", "1", "--depth", "8", "--steps", "3", "--batch", "20",
        "--size", "8", folder=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^(\w.*?) +0\.\d+ +\d+\.\d % +\d+\.\d ± \d+\.\d % +\d+$", done.stdout, re.M)
    assert rows == [
        "plain", "plain, with the clean images", "meta-weight-net, with the clean images",
    ]  # fmt: skip


def test_implicit_maml_prints_both_starts(tmp_path):
    done = run("implicit_maml.py", "--tasks", "2", "--width", "4", "--shots", "2", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^(random weights|implicit MAML, 2 tasks) .* ± .* %", done.stdout, re.M)
    assert len(rows) == 2


def test_darts_search_prints_and_draws_the_genotype(tmp_path):
    figure = tmp_path / "cell.png"
    done = run(
        "darts_search.py", "--steps", "2", "--channels", "2", "--cells", "2", "--nodes", "2",
        "--batch", "8", "--random", "2", "--seeds", "1", "--figure", str(figure),
        folder=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    cells = re.findall(r"^ +\d  (\S+) +(\w+_\w+) +0\.\d+$", done.stdout, re.M)
    assert len(cells) == 8
    assert figure.stat().st_size > 10_000
    rows = re.findall(r"^(\w[\w ,]*?)  +\d+ +\d+\.\d(?: ± \d+\.\d)? %$", done.stdout, re.M)
    assert rows == ["supernet", "found cell", "random cells, 2", "the best of them"]


@pytest.mark.parametrize("script", ["meta_weight_net.py", "implicit_maml.py", "darts_search.py"])
def test_sizes_that_make_no_sense_are_refused(script, tmp_path):
    option = "--depth" if script == "meta_weight_net.py" else "--steps"
    option = "--tasks" if script == "implicit_maml.py" else option
    done = run(script, option, "0", folder=tmp_path)
    assert done.returncode == 2
    assert "must be" in done.stderr


def test_methods_beside_the_exact_optimum(tmp_path):
    done = run("logistic_hpo.py", "--steps", "20", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^(.{18}) +(-?[\d.]+) +([\d.]+) +(\S+) +([\d.]+)$", done.stdout, re.M)
    cosine = {name.strip(): float(value) for name, value, *_ in rows}
    assert list(cosine) == [
        "darts", "sama", "exact", "neumann, K = 20", "cg, K = 5", "cg, K = 20, warm",
        "iterative", "forward",
    ]  # fmt: skip
    assert cosine["exact"] < cosine["iterative"] == cosine["forward"]
    assert cosine["cg, K = 20, warm"] > 0.9999
    assert 0.5 < cosine["darts"] < cosine["neumann, K = 20"] < cosine["cg, K = 5"]
    above = {name.strip(): float(value) for name, _, _, value, _ in rows}
    assert abs(above["cg, K = 20, warm"]) < 1e-3 < above["darts"]


def test_a_method_of_ones_own(tmp_path):
    done = run("own_method.py", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    errors = dict(re.findall(r"^(\w+) +([\d.e+-]+)$", done.stdout, re.M))
    assert float(errors["heavy_ball"]) < 1e-5 < 0.1 < float(errors["exact"])


# Script, small arguments, the rows of its table.
TABLES = [
    (
        "hyper_cleaning.py",
        ["--seeds", "1", "--steps", "300"],
        [
            "all training samples",
            "validation samples alone",
            "both together",
            "hyper-cleaned",
            "right labels known",
        ],
    ),
    (
        "policy_reweighting.py",
        ["--seeds", "1", "--steps", "300"],
        ["known contexts alone", "judges count alike", "trust is learned"],
    ),
    (
        "bert_reweighting.py",
        ["--seeds", "1", "--steps", "10", "--layers", "1", "--width", "32", "--rates", "1e-3"],
        ["plain", "plain, with the clean", "reweighted, with the clean"],
    ),
    (
        "domain_weighting.py",
        ["--seeds", "1", "--steps", "3", "--width", "2", "--batch", "16"],
        [
            "target alone",
            "all sources alike",
            "all sources, weights learned",
            "the right sources alone",
        ],
    ),
]


@pytest.mark.parametrize(("script", "arguments", "names"), TABLES)
def test_reweighting_examples_print_their_tables(script, arguments, names, tmp_path):
    done = run(script, *arguments, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    values = {}
    for name in names:
        found = rf"^{name} .*?(\d+\.\d)(?: ± \d+\.\d)? %$"
        (value,) = re.findall(found, done.stdout, re.M)
        values[name] = float(value)
    if script == "hyper_cleaning.py":
        assert values["hyper-cleaned"] > values["all training samples"] + 5
    if script == "policy_reweighting.py":
        assert values["trust is learned"] > values["judges count alike"] + 5
    refused = run(script, "--steps", "0", folder=tmp_path)
    assert refused.returncode == 2 and "--steps" in refused.stderr


def test_correcting_and_reweighting_is_more_than_either(tmp_path):
    done = run("correct_and_reweight.py", "--seeds", "1", "--steps", "300", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    found = re.findall(r"^(\w[\w ,]*?)  +[\d., ]+   (\d+\.\d) ± \d+\.\d %$", done.stdout, re.M)
    rows = {name: float(value) for name, value in found}
    assert list(rows) == [
        "plain", "clean images alone", "plain, with the clean images", "reweighted", "corrected",
        "corrected and reweighted",
    ]  # fmt: skip
    assert rows["corrected and reweighted"] > max(rows["corrected"], rows["reweighted"]) + 2
    assert "labels whose meaning was found: 10.0 of 10" in done.stdout
    assert run("correct_and_reweight.py", "--seeds", "0", folder=tmp_path).returncode == 2


def bert_weights(layers=1, width=32, words=80, positions=24):
    """Random weights under the keys that Hugging Face saves of a BERT with its word predictor."""
    random = np.random.default_rng(0)
    shapes = {
        "embeddings.word_embeddings.weight": (words, width),
        "embeddings.position_embeddings.weight": (positions, width),
        "embeddings.token_type_embeddings.weight": (2, width),
        "embeddings.LayerNorm.gamma": (width,),
        "embeddings.LayerNorm.beta": (width,),
    }
    for layer in range(layers):
        for name, sizes in {
            "attention.self.query": (width, width),
            "attention.self.key": (width, width),
            "attention.self.value": (width, width),
            "attention.output.dense": (width, width),
            "attention.output.LayerNorm": (width,),
            "intermediate.dense": (3 * width, width),
            "output.dense": (width, 3 * width),
            "output.LayerNorm": (width,),
        }.items():
            shapes[f"encoder.layer.{layer}.{name}.weight"] = sizes
            shapes[f"encoder.layer.{layer}.{name}.bias"] = sizes[:1]
    weights = {f"bert.{key}": random.normal(0, 0.1, size) for key, size in shapes.items()}
    weights["cls.predictions.bias"] = np.zeros(words)
    return {key: value.astype(np.float32) for key, value in weights.items()}


def test_bert_takes_weights_and_sentences_from_files(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import bert_reweighting as bert

    path = tmp_path / "model.safetensors"
    saved = bert_weights(layers=2)
    safetensors.numpy.save_file(saved, path)
    shape, weights = bert.read_weights(path, head=16)
    assert shape == bert.Shape(2, 32, 80, 96, positions=24, head=16)
    network = bert.new_encoder(shape, weights, classes=3)
    state = network.state_dict()
    for key, value in saved.items():
        own = key.removeprefix("bert.").replace("gamma", "weight").replace("beta", "bias")
        if not key.startswith("cls."):
            np.testing.assert_array_equal(state[own].numpy(), value)
    tokens = np.random.default_rng(0).integers(1, 80, (400, 12))
    np.savez(tmp_path / "sentences.npz", tokens=tokens, labels=tokens[:, 1] % 3)
    options = ["--weights", str(path), "--sentences", "sentences.npz", "--head", "16"]
    options += ["--seeds", "1", "--steps", "3", "--rates", "2e-5"]
    done = run("bert_reweighting.py", *options, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r" \d+\.\d ± 0\.0 %$", done.stdout, re.M)) == 3


def test_bert_refuses_files_that_do_not_fit(tmp_path):
    def refusal(weights, *options):
        safetensors.numpy.save_file(weights, tmp_path / "model.safetensors")
        done = run(
            "bert_reweighting.py", "--weights", "model.safetensors", *options, folder=tmp_path
        )
        assert done.returncode == 2, done.stderr
        return done.stderr.splitlines()[-1]

    weights = bert_weights()
    assert "the width 32 is no multiple of the head's 64" in refusal(weights)
    gone = weights.pop("bert.encoder.layer.0.output.dense.bias")
    assert '"encoder.layer.0.output.dense.bias"' in refusal(weights, "--head", "16")
    weights["bert.encoder.layer.0.output.dense.bias"] = gone[:7]
    assert "size mismatch for encoder.layer.0.output" in refusal(weights, "--head", "16")
    del weights["bert.embeddings.word_embeddings.weight"]
    assert "without embeddings.word_embeddings.weight" in refusal(weights)
    np.savez(tmp_path / "short.npz", tokens=np.ones((3, 4)), labels=np.ones(3))
    done = run("bert_reweighting.py", "--sentences", "short.npz", folder=tmp_path)
    assert done.returncode == 2 and "tokens (3, 4)" in done.stderr


def test_three_levels_find_the_right_sources(tmp_path):
    picture = tmp_path / "graph.svg"
    arguments = ["--seeds", "1", "--steps", "150", "--draw", str(picture)]
    done = run("three_level.py", *arguments, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    found = dict(re.findall(r"^(\w[\w ,]*?)  +(\d+\.\d) ± \d+\.\d %", done.stdout, re.M))
    rows = {name: float(value) for name, value in found.items()}
    assert rows["no pretraining"] < rows["all sources, equal weights"]
    assert rows["all sources, equal weights"] + 5 < rows["all sources, learned weights"]
    right, others = map(float, re.search(r"sources (\S+), of others (\S+)", done.stdout).groups())
    assert right > 5 * others
    assert "path weigh -> finetune -> pretrain -> weigh" in done.stdout
    assert picture.read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("script", "names"),
    [
        ("maml_sinusoid.py", ["untrained", "trained on all waves", "learned through the steps"]),
        ("imaml_sinusoid.py", ["no inverse Hessian", "cg, 1 iterations", "cg, 3 iterations"]),
    ],
)
def test_meta_learning_prints_a_row_for_every_start(script, names, tmp_path):
    done = run(script, "--updates", "3", "--tasks", "2", "--steps", "3", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^(\S.*?)\s{2,}((?:\s*\d+\.\d{3}){4})$", done.stdout, re.M)
    assert [name for name, _ in rows][: len(names)] == names
    assert run(script, "--steps", "0", folder=tmp_path).returncode == 2
