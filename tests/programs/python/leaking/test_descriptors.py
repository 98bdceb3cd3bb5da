"""Each test keeps 40 descriptors for good."""

import os

import pytest

_kept = []


@pytest.mark.parametrize("number", range(6))
def test_keeps_descriptors(number):
    _kept.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(40))
