"""docs/coming-from-pytorch.md: every name on it exists."""

import importlib
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "coming-from-pytorch.md"
NAMES = sorted(set(re.findall(r"`(betty(?:\.\w+)+)", PAGE.read_text())))


@pytest.mark.parametrize("name", NAMES)
def test_name(name):
    found = importlib.import_module("betty")
    for part in name.split(".")[1:]:
        found = getattr(found, part)
    assert len(NAMES) > 100
