"""What the summary writer writes, read back with tensorboard."""

import io

import betty
import numpy as np
import pytest

accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
from betty.utils.tensorboard import SummaryWriter, _png  # noqa: E402


def read(folder):
    found = accumulators.EventAccumulator(str(folder))
    found.Reload()
    return found


def test_numbers_text_and_pictures(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        assert writer.get_logdir() == str(tmp_path)
        writer.add_scalar("loss/train", betty.tensor(0.5), 3)
        writer.add_scalars("both", {"a": 1, "b": 2.0}, 1)
        writer.add_text("note", "hello", 1)
        writer.add_histogram("weights", betty.arange(10.0), 1)
        writer.add_image("image", betty.rand(3, 4, 5), 1)
        writer.add_images("images", np.zeros((2, 4, 5, 1), np.uint8), 1, dataformats="NHWC")
        writer.add_hparams({"lr": 0.1}, {"accuracy": 0.75})
        with pytest.warns(UserWarning, match="need the package tensorboardX"):
            writer.add_graph(None)
        writer.flush()
        with pytest.raises(ValueError, match="does not have the order 'CHW'"):
            writer.add_image("flat", betty.zeros(2, 2))
        with pytest.raises(ValueError, match="no element"):
            writer.add_histogram("none", [])
    found = read(tmp_path)
    assert [(event.step, event.value) for event in found.Scalars("loss/train")] == [(3, 0.5)]
    assert found.Scalars("accuracy")[0].value == 0.75
    assert found.Histograms("weights")[0].histogram_value.num == 10
    assert (found.Images("image")[0].width, found.Images("images")[0].width) == (5, 10)
    assert found.Tensors("note/text_summary")[0].tensor_proto.string_val == [b"hello"]
    assert read(tmp_path / "both_b").Scalars("both")[0].value == 2


def test_figures(tmp_path):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    writer = SummaryWriter(tmp_path)
    figure = pyplot.figure(figsize=(1, 1), dpi=50)
    writer.add_figure("figure", figure, 2)
    writer.close()
    assert not pyplot.fignum_exists(figure.number)
    assert read(tmp_path).Images("figure")[0].height == 50


def test_pictures_are_png_files():
    image = pytest.importorskip("PIL.Image")
    for channels in (1, 3, 4):
        pixels = np.arange(6 * channels, dtype=np.uint8).reshape(2, 3, channels)
        found = np.asarray(image.open(io.BytesIO(_png(pixels)))).reshape(2, 3, channels)
        np.testing.assert_array_equal(found, pixels)
