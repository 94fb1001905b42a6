"""The first lines of programs for PyTorch: modules that they import, devices that they ask for."""

import importlib
import os
import subprocess
import sys

import betty
import pytest
from betty import nn

PATHS = [
    ("betty.utils.tensorboard", "SummaryWriter"),
    (
        "betty.multiprocessing",
        "Process Queue set_start_method spawn set_sharing_strategy cpu_count",
    ),
    ("betty.profiler", "profile record_function schedule ProfilerActivity ProfilerAction"),
    ("betty.autograd.profiler", "profile record_function emit_nvtx"),
    ("betty.hub", "load_state_dict_from_url get_dir set_dir download_url_to_file load"),
    ("betty.utils.model_zoo", "load_url"),
    ("betty.onnx", "export is_in_onnx_export"),
    ("betty.utils.benchmark", "Timer Compare Measurement"),
    ("betty.autograd.graph", "saved_tensors_hooks save_on_cpu"),
    ("betty.overrides", "has_torch_function handle_torch_function is_tensor_like"),
    ("betty.serialization", "save load add_safe_globals"),
    ("betty.amp", "custom_fwd custom_bwd is_autocast_available"),
    ("betty.cuda.amp", "custom_fwd custom_bwd"),
    ("betty.cuda", "Event Stream stream current_stream FloatTensor LongTensor device"),
    ("betty.jit", "trace trace_module save load freeze fork wait ScriptModule"),
]


@pytest.mark.parametrize(("path", "names"), PATHS)
def test_names_are_where_pytorch_has_them(path, names):
    module = importlib.import_module(path)
    for name in names.split():
        assert hasattr(module, name), name


def test_they_are_attributes_before_they_are_imported():
    program = "import betty\n" + "\n".join(
        path for path, _ in PATHS if path not in ("betty.amp", "betty.cuda", "betty.cuda.amp")
    )
    program += "\nbetty.utils.checkpoint, betty.utils._pytree, betty.accelerator"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_package_itself_imports_none_of_them():
    program = (
        "import sys, betty, betty.nn\n"
        "late = ['multiprocessing.context', 'tensorboard', 'unittest', 'statistics', 'json.tool']\n"
        "late += ['betty.' + name for name in ('profiler', 'hub', 'onnx', 'utils.tensorboard')]\n"
        "assert not [name for name in late if name in sys.modules], sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_there_is_no_accelerator():
    accelerator = betty.accelerator
    assert not accelerator.is_available()
    assert accelerator.current_accelerator() is accelerator.current_accelerator(True) is None
    assert accelerator.device_count() == accelerator.memory_allocated() == 0
    assert accelerator.memory_stats() == {}
    accelerator.synchronize()
    accelerator.empty_cache()
    with accelerator.device_index(None):
        pass
    for call in (accelerator.current_device_index, lambda: accelerator.set_device_index(0)):
        with pytest.raises(RuntimeError, match="'accelerator' is not available"):
            call()


def test_what_belongs_to_a_gpu_can_be_named():
    cuda = betty.cuda
    x = betty.ones(2)
    assert not isinstance(x, cuda.FloatTensor)
    event = cuda.Event(enable_timing=True)
    assert event.query()
    with cuda.stream(None), cuda.device(-1), cuda.device(None):
        pass
    for call in (
        lambda: cuda.FloatTensor(2, 3), cuda.Stream, event.record, cuda.current_stream,
        lambda: x.type(cuda.FloatTensor), lambda: x.type("torch.cuda.FloatTensor"),
        lambda: cuda.device(0).__enter__(),
    ):  # fmt: skip
        with pytest.raises(RuntimeError, match="is not available, Betty computes on the processor"):
            call()


def test_programs_are_not_written_to_files():
    layer = nn.Linear(2, 3)
    assert betty.jit.trace(layer, betty.ones(1, 2)) is layer
    assert betty.jit.freeze(betty.jit.script(layer.eval())) is layer
    assert betty.jit.wait(betty.jit.fork(max, 1, 2)) == 2
    assert not isinstance(layer, betty.jit.ScriptModule)
    for call in (lambda: betty.jit.save(layer, "x"), lambda: betty.jit.load("x")):
        with pytest.raises(RuntimeError, match="save a module's state_dict"):
            call()
    assert not betty.onnx.is_in_onnx_export()
    with pytest.raises(NotImplementedError, match="there is no export; save the model's"):
        betty.onnx.export(layer, (betty.ones(1, 2),), "model.onnx")


def test_weights_come_from_files_that_are_there(tmp_path, monkeypatch):
    import hashlib

    url = "https://example.org/weights/net-{}.pth?x=1"
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    assert betty.hub.get_dir() == str(tmp_path / "hub")
    with pytest.raises(
        FileNotFoundError, match=r"nothing is downloaded here; put https.* at .*net-"
    ):
        betty.hub.load_state_dict_from_url(url.format("0"))
    folder.mkdir(parents=True)
    betty.save({"w": betty.ones(1)}, folder / "plain")
    digits = hashlib.sha256((folder / "plain").read_bytes()).hexdigest()[:8]
    os.rename(folder / "plain", folder / f"net-{digits}.pth")
    for load in (betty.hub.load_state_dict_from_url, betty.utils.model_zoo.load_url):
        assert load(url.format(digits), progress=False, check_hash=True)["w"].item() == 1
    os.rename(folder / f"net-{digits}.pth", folder / "net-ab.pth")
    with pytest.raises(RuntimeError, match="invalid hash value"):
        betty.hub.load_state_dict_from_url(url.format("ab"), check_hash=True)
    found = betty.hub.load_state_dict_from_url((folder / "net-ab.pth").as_uri())
    assert list(found) == ["w"]
    with pytest.raises(RuntimeError, match="the code of 'pytorch/vision' is not fetched"):
        betty.hub.load("pytorch/vision", "resnet18")


class Doubled(betty.autograd.Function):
    """Twice its input, in a type of its own within autocast."""

    @staticmethod
    @betty.amp.custom_fwd(device_type="cpu", cast_inputs=betty.float32)
    def forward(ctx, x):
        ctx.seen = x.dtype, betty.is_autocast_enabled("cpu")
        return x * 2

    @staticmethod
    @betty.amp.custom_bwd(device_type="cpu")
    def backward(ctx, gradient):
        return gradient * 2


def test_functions_in_mixed_precision():
    x = betty.ones(2, dtype=betty.bfloat16, requires_grad=True)
    assert Doubled.apply(x).dtype is betty.bfloat16
    with betty.autocast("cpu"):
        y = Doubled.apply(x)
    assert y.dtype is betty.float32
    y.sum().backward()
    assert x.grad.tolist() == [2, 2]
    context = type("Context", (), {})()
    with betty.autocast("cpu"):
        seen = betty.amp.custom_fwd(lambda ctx: betty.is_autocast_enabled("cpu"), device_type="cpu")
        assert seen(context)
    seen = betty.amp.custom_bwd(lambda ctx: betty.is_autocast_enabled("cpu"), device_type="cpu")
    assert seen(context)
    assert betty.cuda.amp.custom_fwd(lambda ctx: 3)(context) == 3
    assert betty.cuda.amp.custom_bwd(lambda ctx: 4)(context) == 4
    with pytest.raises(ValueError, match="device_type must be a string"):
        betty.amp.custom_fwd(device_type=None)


def test_hooks_on_saved_tensors_are_accepted():
    graph = betty.autograd.graph
    w = betty.ones(2, requires_grad=True)
    with graph.saved_tensors_hooks(str, str), graph.save_on_cpu(pin_memory=True):
        (w * w).sum().backward()
    assert w.grad.tolist() == [2, 2]
    assert graph.get_gradient_edge(w * 2).output_nr == 0
    with pytest.raises(RuntimeError, match="does not require gradients"):
        graph.get_gradient_edge(betty.ones(1))


def test_files_under_their_other_names():
    files = betty.serialization
    with files.safe_globals([object]):
        files.add_safe_globals([object])
    assert (files.get_safe_globals(), files.load, files.save) == ([], betty.load, betty.save)
    overrides = betty.overrides
    assert not overrides.has_torch_function_variadic(betty.ones(1))
    assert overrides.is_tensor_like(betty.ones(1))
    assert not overrides.is_tensor_like([1])
    with pytest.raises(TypeError, match="no implementation found for"):
        overrides.handle_torch_function(betty.add, (1,), 1)


def work(place, path):
    if path is None:
        sys.exit(3)
    with open(f"{path}{place}", "w") as file:
        file.write(str(place))


def test_processes_are_started_together(tmp_path):
    processes = betty.multiprocessing
    path = str(tmp_path / "done")
    context = processes.spawn(work, (path,), nprocs=2, join=False)
    with pytest.raises(RuntimeError, match="process 0 terminated with exit code 3"):
        processes.spawn(work, (None,))
    while not context.join():
        pass
    assert sorted(os.listdir(tmp_path)) == ["done0", "done1"]
    processes.set_sharing_strategy("file_system")
    with pytest.raises(AssertionError, match="there is no 'x'"):
        processes.set_sharing_strategy("x")
