"""Fixtures that several files of tests use. Those of the header run before there is a package."""

import pytest


@pytest.fixture
def four_threads():
    """Four engine threads, however many cores there are: as many as tests have replicas."""
    import betty

    before = betty.get_num_threads()
    betty.set_num_threads(4)
    yield
    betty.set_num_threads(before)
