"""``SummaryWriter`` of ``torch.utils.tensorboard``, on the writer that ``betty.logging`` has.

The package tensorboardX, where it is installed, writes everything; tensorboard's own event files
take numbers, text, histograms, images and figures here.
"""

from __future__ import annotations

import io
import socket
import struct
import zlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from betty._native import Tensor
from betty._warnings import warn
from betty.logging.logger_tensorboard import TensorBoardLogger

__all__ = ["SummaryWriter"]


def _array(value: Any) -> Any:
    import numpy

    return value.detach().cpu().numpy() if isinstance(value, Tensor) else numpy.asarray(value)


def _number(value: Any) -> float:
    return float(value.item() if hasattr(value, "item") else value)


class SummaryWriter:
    """Writes event files that TensorBoard shows.

    Args:
        log_dir: The folder; None makes one for the date and the host in ``runs``.
        comment: Added to that folder's name.
        purge_step: Accepted for migration; so are the other options.
        max_queue: See ``purge_step``.
        flush_secs: See ``purge_step``.
        filename_suffix: See ``purge_step``.

    Raises:
        ImportError: Neither tensorboard nor tensorboardX is installed.
    """

    def __init__(
        self,
        log_dir: str | Path | None = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: int = 120,
        filename_suffix: str = "",
    ) -> None:
        if not log_dir:
            started = datetime.now().strftime("%b%d_%H-%M-%S")
            log_dir = Path("runs", f"{started}_{socket.gethostname()}{comment}")
        self.log_dir = str(log_dir)
        self._logger = TensorBoardLogger(log_dir=log_dir)
        self._others: dict[str, TensorBoardLogger] = {}

    def get_logdir(self) -> str:
        """The folder."""
        return self.log_dir

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("add_"):  # tensorboardX's writer has them all
            writer = object.__getattribute__(self, "_logger").writer
            if hasattr(writer, "add_histogram"):
                return getattr(writer, name)
        return object.__getattribute__(self, name)

    def add_scalar(
        self,
        tag: str,
        scalar_value: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        new_style: bool = False,
        double_precision: bool = False,
    ) -> None:
        """Writes a number; a tensor is read."""
        self._logger.writer.add_scalar(tag, _number(scalar_value), global_step, walltime)

    def add_scalars(
        self,
        main_tag: str,
        tag_scalar_dict: Mapping[str, Any],
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """Writes numbers that are shown in one diagram: each is a run of its own below this one."""
        for tag, value in tag_scalar_dict.items():
            folder = f"{self.log_dir}/{main_tag.replace('/', '_')}_{tag}"
            if folder not in self._others:
                self._others[folder] = TensorBoardLogger(log_dir=folder)
            other = self._others[folder].writer
            other.add_scalar(main_tag, _number(value), global_step, walltime)

    def add_text(
        self,
        tag: str,
        text_string: str,
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """Writes text, in Markdown."""
        from tensorboard.compat.proto.summary_pb2 import SummaryMetadata
        from tensorboard.compat.proto.tensor_pb2 import TensorProto

        text = TensorProto(dtype="DT_STRING", string_val=[text_string.encode()])
        text.tensor_shape.dim.add().size = 1
        kind = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"))
        self._add(f"{tag}/text_summary", global_step, walltime, tensor=text, metadata=kind)

    def _add(self, tag: str, step: int | None, walltime: float | None, **value: Any) -> None:
        self._logger.writer.add(tag, step, walltime, **value)

    def add_histogram(
        self,
        tag: str,
        values: Any,
        global_step: int | None = None,
        bins: Any = "tensorflow",
        walltime: float | None = None,
        max_bins: int | None = None,
    ) -> None:
        """Writes how often values lie where.

        Args:
            tag: Its name.
            values: A tensor or an array.
            global_step: Where it belongs on the axis.
            bins: What ``numpy.histogram`` takes; ``"tensorflow"`` means 64 of one width.
            walltime: Seconds since 1970; None is now.
            max_bins: Accepted for migration.

        Raises:
            ValueError: There are no values.
        """
        import numpy
        from tensorboard.compat.proto.summary_pb2 import HistogramProto

        array = _array(values).astype(numpy.float64).reshape(-1)
        if not array.size:
            raise ValueError("The input has no element.")
        counts, edges = numpy.histogram(array, 64 if bins == "tensorflow" else bins)
        found = HistogramProto(
            min=array.min(), max=array.max(), num=array.size, sum=array.sum(),
            sum_squares=array.dot(array), bucket_limit=edges[1:].tolist(), bucket=counts.tolist(),
        )  # fmt: skip
        self._add(tag, global_step, walltime, histo=found)

    def add_image(
        self,
        tag: str,
        img_tensor: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        dataformats: str = "CHW",
    ) -> None:
        """Writes an image: bytes, or numbers in [0, 1].

        Args:
            tag: Its name.
            img_tensor: A tensor or an array.
            global_step: Where it belongs on the axis.
            walltime: Seconds since 1970; None is now.
            dataformats: The order of its dimensions: channels C, rows H and columns W.
        """
        self._image(tag, _pixels(_array(img_tensor), dataformats), global_step, walltime)

    def add_images(
        self,
        tag: str,
        img_tensor: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        dataformats: str = "NCHW",
    ) -> None:
        """Writes images beside each other; N is the dimension over them."""
        import numpy

        array = numpy.moveaxis(_array(img_tensor), dataformats.index("N"), 0)
        row = [_pixels(each, dataformats.replace("N", "")) for each in array]
        self._image(tag, numpy.concatenate(row, 1), global_step, walltime)

    def _image(self, tag: str, pixels: Any, step: int | None, walltime: float | None) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        height, width, channels = pixels.shape
        image = Summary.Image(
            height=height, width=width, colorspace=channels, encoded_image_string=_png(pixels)
        )
        self._add(tag, step, walltime, image=image)

    def add_figure(
        self,
        tag: str,
        figure: Any,
        global_step: int | None = None,
        close: bool = True,
        walltime: float | None = None,
    ) -> None:
        """Writes one of matplotlib's figures, or several, as an image, and closes it."""
        import numpy
        from matplotlib import pyplot

        row = []
        for each in figure if isinstance(figure, list) else [figure]:
            file = io.BytesIO()
            each.savefig(file, format="rgba", dpi=each.dpi)
            width, height = each.canvas.get_width_height()
            row.append(numpy.frombuffer(file.getvalue(), "u1").reshape(height, width, 4))
            if close:
                pyplot.close(each)
        self._image(tag, numpy.concatenate(row, 1), global_step, walltime)

    def add_hparams(
        self,
        hparam_dict: Mapping[str, Any],
        metric_dict: Mapping[str, Any],
        hparam_domain_discrete: Any = None,
        run_name: str | None = None,
        global_step: int | None = None,
    ) -> None:
        """Writes options as a table of text and metrics as numbers."""
        rows = "".join(f"\n|{key}|{value}|" for key, value in hparam_dict.items())
        self.add_text("hparams", f"|option|value|\n|-|-|{rows}", global_step)
        for tag, value in metric_dict.items():
            self.add_scalar(tag, value, global_step)

    def _leave_out(self, *args: Any, **kwargs: Any) -> None:
        """Warns that nothing is written: a run goes on without the picture."""
        warn("SummaryWriter: graphs, curves, sound, video and meshes need the package tensorboardX")

    add_graph = add_embedding = add_pr_curve = add_audio = add_video = add_mesh = _leave_out
    add_histogram_raw = add_custom_scalars = _leave_out

    def flush(self) -> None:
        """Writes what is left."""
        for logger in (self._logger, *self._others.values()):
            logger.flush()

    def close(self) -> None:
        """Writes what is left and closes the files."""
        for logger in (self._logger, *self._others.values()):
            logger.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _pixels(array: Any, order: str) -> Any:
    """Rows of columns of channels, as bytes."""
    import numpy

    order = order.upper()
    if array.ndim != len(order) or sorted(order) not in (["C", "H", "W"], ["H", "W"]):
        raise ValueError(f"an image of {array.ndim} dimensions does not have the order {order!r}")
    if "C" not in order:
        array, order = array[..., None], order + "C"
    array = array.transpose([order.index(axis) for axis in "HWC"])
    if array.dtype != numpy.uint8:
        array = (array.astype(numpy.float64) * 255).clip(0, 255).astype(numpy.uint8)
    return array


def _png(pixels: Any) -> bytes:
    """A picture of 1 (grey), 2 (and opacity), 3 (colours) or 4 channels as a PNG file."""
    height, width, channels = pixels.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = b"".join(b"\x00" + row.tobytes() for row in pixels)

    def chunk(name: bytes, content: bytes) -> bytes:
        checked = name + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    head = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts
