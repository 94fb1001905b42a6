"""The first lines of tutorials: modules that they import and devices that they ask for."""

import betty
import pytest


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
