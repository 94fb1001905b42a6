"""The wheel and the backend that builds it."""

import base64
import csv
import hashlib
import importlib.util
import io
import platform
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 15 * 2**20


@pytest.fixture(scope="module")
def backend():
    spec = importlib.util.spec_from_file_location("betty_build", ROOT / "python/betty_build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def wheel(backend, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    return folder / backend.build_wheel(str(folder))


def test_name_says_what_it_runs_on(wheel):
    assert wheel.name.startswith("betty-")
    assert wheel.name.endswith(f"-cp311-abi3-linux_{platform.machine()}.whl")


def test_is_small(wheel):
    assert wheel.stat().st_size < LIMIT


def test_holds_library_extension_header_and_types(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for name in ("libbetty.so", "_native.abi3.so", "include/betty.h", "py.typed", "__init__.py"):
        assert f"betty/{name}" in names
    sources = {
        path.relative_to(ROOT / "python").as_posix()
        for pattern in ("*.py", "*.pyi")
        for path in (ROOT / "python/betty").rglob(pattern)
    }
    assert sources <= names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert not [name for name in names if "__pycache__" in name]


def test_record_is_true(wheel):
    archive = zipfile.ZipFile(wheel)
    record = next(name for name in archive.namelist() if name.endswith("RECORD"))
    rows = {row[0]: row[1:] for row in csv.reader(io.StringIO(archive.read(record).decode()))}
    assert set(rows) == set(archive.namelist())
    for name, (digest, size) in rows.items():
        if name != record:
            content = archive.read(name)
            given = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
            assert (digest, int(size)) == (f"sha256={given.decode()}", len(content))


def test_same_tree_same_bytes(wheel, backend, tmp_path):
    again = tmp_path / backend.build_wheel(str(tmp_path))
    assert again.read_bytes() == wheel.read_bytes()


def test_metadata_is_the_same_before_and_in_the_wheel(wheel, backend, tmp_path):
    info = backend.prepare_metadata_for_build_wheel(str(tmp_path))
    text = (tmp_path / info / "METADATA").read_text()
    assert zipfile.ZipFile(wheel).read(f"{info}/METADATA").decode() == text
    head = text.split("\n\n")[0].splitlines()
    assert "Requires-Dist: numpy>=1.23" in head
    assert "Requires-Python: >=3.11" in head


def test_extension_needs_the_library_beside_it(wheel, tmp_path):
    path = zipfile.ZipFile(wheel).extract("betty/_native.abi3.so", tmp_path)
    dynamic = subprocess.run(
        ["readelf", "-d", "-W", path], capture_output=True, text=True, check=True
    ).stdout
    assert "[libbetty.so]" in dynamic
    assert "[$ORIGIN]" in dynamic
    assert "libpython" not in dynamic


def one_line(function, *arguments) -> str:
    with pytest.raises(SystemExit) as caught:
        function(*arguments)
    message = str(caught.value)
    assert message.startswith("betty: ")
    assert "\n" not in message
    return message


def test_no_source_archive(backend, tmp_path):
    assert "pip install ./python" in one_line(backend.build_sdist, str(tmp_path))


def test_missing_swift_is_said_in_one_line(backend, monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    assert "swift.org/install" in one_line(backend.build_wheel, str(tmp_path))


def test_missing_openblas_is_said_in_one_line(backend, monkeypatch, tmp_path):
    monkeypatch.setenv("BETTY_OPENBLAS", str(tmp_path / "libopenblas.a"))
    assert "libopenblas-dev" in one_line(backend.build_wheel, str(tmp_path))


def test_missing_python_header_is_said_in_one_line(backend, monkeypatch, tmp_path):
    monkeypatch.setattr(backend.sysconfig, "get_paths", lambda: {"include": str(tmp_path)})
    assert "python3-dev" in one_line(backend._extension, tmp_path / "libbetty.so")


def test_old_python_is_said_in_one_line(backend, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "version_info", (3, 10, 4))
    assert "3.11" in one_line(backend.prepare_metadata_for_build_wheel, str(tmp_path))


def test_failing_build_is_said_in_one_line(backend, monkeypatch, tmp_path):
    monkeypatch.setattr(backend, "_swift", lambda: shutil.which("false"))
    assert "could not be built" in one_line(backend.build_wheel, str(tmp_path))
