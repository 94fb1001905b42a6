"""Install a wheel into a fresh virtual environment of every Python it claims to serve.

Duty: find each Python >= 3.11 on this machine, install the wheel given as argument there with its
dependencies, import it and compute one line. Fails when any of them fails or none is found.
"""

import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PATTERN = re.compile(r"python3(\.\d+)?$")
DESCRIBE = "import json, sys; print(json.dumps([list(sys.version_info[:3]), sys.base_prefix]))"
CHECK = """
import betty
print("betty", betty.__version__)
if hasattr(betty, "tensor"):
    assert float((betty.tensor([1.0, 2.0]) * 3).sum()) == 9.0
"""


def describe(python: str) -> tuple[tuple[int, ...], str] | None:
    """Version and base folder of an interpreter; None when it does not run."""
    done = subprocess.run([python, "-c", DESCRIBE], capture_output=True, text=True, check=False)
    if done.returncode:
        return None
    version, base = json.loads(done.stdout)
    return tuple(version), base


def find_pythons() -> dict[tuple[tuple[int, ...], str], str]:
    folders = os.environ.get("PATH", "").split(os.pathsep) + ["/usr/bin", "/usr/local/bin"]
    candidates = [
        path
        for folder in folders
        for path in sorted(glob.glob(os.path.join(glob.escape(folder), "python3*")))
        if PATTERN.match(os.path.basename(path)) and "shims" not in path
    ]
    pyenv = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    candidates += sorted(glob.glob(f"{glob.escape(pyenv)}/versions/*/bin/python3"))
    found: dict[tuple[tuple[int, ...], str], str] = {}
    for path in candidates:
        known = describe(path)
        if known and known[0] >= (3, 11):
            found.setdefault(known, path)
    return found


def check(python: str, wheel: Path, folder: Path) -> str | None:
    """The last line of what went wrong, or None."""
    environment = folder / "environment"
    inside = environment / "bin" / "python"
    # pip of this environment serves the other one: Debian's Python may have no ensurepip.
    pip = [sys.executable, "-m", "pip", "--python", str(inside), "install", "--quiet"]
    for command in (
        [python, "-m", "venv", "--without-pip", str(environment)],
        [*pip, str(wheel)],
        [str(inside), "-c", CHECK],
    ):
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
        if done.returncode:
            return (done.stderr or done.stdout).strip().splitlines()[-1]
    return None


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: dist.py WHEEL", file=sys.stderr)
        return 2
    wheel = Path(sys.argv[1]).resolve()
    failures = 0
    pythons = find_pythons()
    for (version, _), path in sorted(pythons.items()):
        folder = Path(tempfile.mkdtemp(prefix="betty-dist-"))
        problem = check(path, wheel, folder)
        shutil.rmtree(folder)
        failures += problem is not None
        name = ".".join(map(str, version))
        print(f"Python {name:8} {path}: {problem or 'ok'}", flush=True)
    print(f"{wheel.name}: {len(pythons) - failures} of {len(pythons)} Pythons import it")
    return int(failures > 0 or not pythons)


if __name__ == "__main__":
    sys.exit(main())
