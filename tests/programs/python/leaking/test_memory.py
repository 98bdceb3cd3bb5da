"""Each test keeps 32 MiB for good."""

import pytest

_kept = []


@pytest.mark.parametrize("number", range(6))
def test_keeps_memory(number):
    _kept.append(bytearray(b"x") * (32 << 20))
