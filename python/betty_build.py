"""PEP 517 build backend of Betty: standard library only, nothing is downloaded.

Duty: build libbetty.so with Swift and the extension module with the C compiler, and put both with
the Python sources, the C header and the metadata of pyproject.toml into one wheel that serves every
Python from 3.11 up (stable ABI).

Invariant: the same tree gives the same bytes (sorted entries, fixed dates), and what can go wrong
on a user's machine is said in one line, without a traceback.

While working on Betty, `python3 python/betty_build.py` puts the two libraries beside the sources
instead, for PYTHONPATH=python; BETTY_CONFIGURATION=debug takes the quick build.
"""

import base64
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path

PYTHON = Path(__file__).resolve().parent
ROOT = PYTHON.parent
LIMITED_API = "0x030b0000"
TAG = f"cp311-abi3-linux_{platform.machine()}"
COMPILE = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-fvisibility=hidden"]
SOURCES = (".py", ".pyi", ".typed")


class _Project:
    """What pyproject.toml says of the project, as the files of a dist-info folder."""

    def __init__(self) -> None:
        if sys.version_info < (3, 11):  # noqa: UP036  (pip asks before it looks at requires-python)
            _fail(f"needs Python 3.11 or newer, this is {platform.python_version()}")
        import tomllib

        self.table = tomllib.loads((PYTHON / "pyproject.toml").read_text())["project"]
        self.release = f"{self.table['name']}-{self.table['version']}"
        self.wheel = f"{self.release}-{TAG}.whl"
        self.info = f"{self.release}.dist-info"

    def metadata(self) -> str:
        table = self.table
        lines = [
            "Metadata-Version: 2.4",
            f"Name: {table['name']}",
            f"Version: {table['version']}",
            f"Summary: {table['description']}",
            f"Keywords: {','.join(table['keywords'])}",
            f"License-Expression: {table['license']}",
            "License-File: LICENSE",
            *(f"Classifier: {text}" for text in table["classifiers"]),
            f"Requires-Python: {table['requires-python']}",
            *(f"Requires-Dist: {need}" for need in table["dependencies"]),
        ]
        for extra, needs in sorted(table["optional-dependencies"].items()):
            lines.append(f"Provides-Extra: {extra}")
            lines += [f'Requires-Dist: {need}; extra == "{extra}"' for need in needs]
        readme = ROOT / "README.md"
        body = readme.read_text() if readme.exists() else table["description"] + "\n"
        return "\n".join([*lines, "Description-Content-Type: text/markdown", "", body])

    def files(self) -> dict[str, bytes]:
        """The dist-info files but RECORD, by their names in the wheel."""
        wheel = f"Wheel-Version: 1.0\nGenerator: betty_build\nRoot-Is-Purelib: false\nTag: {TAG}\n"
        return {
            f"{self.info}/METADATA": self.metadata().encode(),
            f"{self.info}/WHEEL": wheel.encode(),
            f"{self.info}/licenses/LICENSE": (ROOT / "LICENSE").read_bytes(),
        }


def get_requires_for_build_wheel(config_settings=None) -> list[str]:
    return []


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None) -> str:
    project = _Project()
    for name, content in project.files().items():
        path = Path(metadata_directory, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return project.info


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None) -> str:
    project = _Project()
    files = _package() | project.files()
    path = Path(wheel_directory, project.wheel)
    path.unlink(missing_ok=True)
    record = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in sorted(files):
            digest = base64.urlsafe_b64encode(hashlib.sha256(files[name]).digest()).rstrip(b"=")
            record.append(f"{name},sha256={digest.decode()},{len(files[name])}\n")
            _add(archive, name, files[name])
        name = f"{project.info}/RECORD"
        _add(archive, name, "".join([*record, f"{name},,\n"]).encode())
    return project.wheel


def build_sdist(sdist_directory, config_settings=None) -> str:
    _fail(
        "a source archive of python/ alone cannot be built; install from a checkout: "
        "pip install ./python"
    )


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    entry.external_attr = (0o755 if name.endswith(".so") else 0o644) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, content)


def _package() -> dict[str, bytes]:
    """Everything below betty/ in the wheel."""
    sources = PYTHON / "betty"
    files = {
        path.relative_to(PYTHON).as_posix(): path.read_bytes()
        for path in sources.rglob("*")
        if path.is_file() and path.suffix in SOURCES
    }
    files["betty/include/betty.h"] = (ROOT / "include" / "betty.h").read_bytes()
    library = _library()
    files["betty/libbetty.so"] = library.read_bytes()
    files["betty/_native.abi3.so"] = _extension(library)
    return files


def _library() -> Path:
    """Builds libbetty.so and returns where it lies."""
    swift = _swift()
    scratch = Path(os.environ.get("BETTY_SCRATCH", ROOT / ".build")).resolve()
    scratch.mkdir(parents=True, exist_ok=True)
    # The C targets are Swift's own clang's business: a CC in the environment breaks them.
    environment = {k: v for k, v in os.environ.items() if k not in ("CC", "CXX")}
    if not os.access(os.path.expanduser("~"), os.W_OK):
        environment["HOME"] = str(scratch)  # the compiler keeps its module cache there
    configuration = os.environ.get("BETTY_CONFIGURATION", "release")
    command = [swift, "build", "--configuration", configuration, "--product", "betty"]
    command += ["--package-path", str(ROOT), "--scratch-path", str(scratch)]
    command += ["--explicit-target-dependency-import-check", "error"]
    if not _openblas().exists():
        _fail(f"{_openblas()} is missing: apt-get install libopenblas-dev")
    _run(command, "libbetty.so could not be built", environment)
    return scratch / configuration / "libbetty.so"


def _extension(library: Path) -> bytes:
    """The extension module: every python/src/*.c against the stable ABI of Python 3.11."""
    include = Path(sysconfig.get_paths()["include"])
    if not (include / "Python.h").exists():
        _fail(f"{include}/Python.h is missing: apt-get install python3-dev")
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        _fail("no C compiler found: apt-get install gcc")
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "_native.abi3.so")
        command = [compiler, *COMPILE, f"-DPy_LIMITED_API={LIMITED_API}", "-shared"]
        command += [f"-I{include}", f"-I{ROOT / 'include'}", f"-I{PYTHON / 'src'}"]
        command += [str(path) for path in sorted((PYTHON / "src").glob("*.c"))]
        command += [f"-L{library.parent}", "-lbetty", "-Wl,-rpath,$ORIGIN", "-Wl,-s"]
        command += ["-o", str(target)]
        _run(command, "the extension module could not be compiled")
        return target.read_bytes()


def _swift() -> str:
    usual = ["/opt/swift/usr/bin", "/usr/libexec/swift/bin", "~/.local/share/swiftly/bin"]
    folders = [os.environ.get("PATH", ""), *(os.path.expanduser(path) for path in usual)]
    swift = shutil.which("swift", path=os.pathsep.join(folders))
    if swift is None:
        _fail(
            "building needs Swift 6.2 or newer, and no swift is on PATH: "
            "get it from https://www.swift.org/install"
        )
    return swift


def _openblas() -> Path:
    default = "/usr/lib/x86_64-linux-gnu/openblas-pthread/libopenblas.a"
    return Path(os.environ.get("BETTY_OPENBLAS", default))


def _run(command: list[str], failure: str, environment: dict[str, str] | None = None) -> None:
    """Runs a tool with its words on stderr, where pip shows them when something fails."""
    if subprocess.run(command, env=environment, stdout=sys.stderr, check=False).returncode:
        _fail(f"{failure}, see the messages above")


def _fail(message: str) -> None:
    raise SystemExit(f"betty: {message}")


def _in_place() -> None:
    """Puts both libraries beside the Python sources; the file a process has open stays whole."""
    library = _library()
    for name, content in (
        ("libbetty.so", library.read_bytes()),
        ("_native.abi3.so", _extension(library)),
    ):
        target = PYTHON / "betty" / name
        target.unlink(missing_ok=True)
        target.write_bytes(content)
        target.chmod(0o755)


if __name__ == "__main__":
    _in_place()
