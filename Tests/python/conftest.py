"""Fixtures that several files of tests use."""

import betty
import pytest


@pytest.fixture
def four_threads():
    """Four engine threads, however many cores there are: as many as tests have replicas."""
    before = betty.get_num_threads()
    betty.set_num_threads(4)
    yield
    betty.set_num_threads(before)
