"""What type checkers see: the stub of the package names what the package has."""

import subprocess
import sys
from pathlib import Path

import betty

ROOT = Path(__file__).resolve().parents[2]


def test_the_stub_is_fresh():
    command = [sys.executable, str(ROOT / "tools" / "generate_exports.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_package_says_that_it_is_typed():
    assert Path(betty.__file__).with_name("py.typed").exists()
    assert Path(betty.__file__).with_name("__init__.pyi").exists()
