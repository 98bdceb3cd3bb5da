"""A module fixture holds 300 descriptors, and gives them back."""

import os

import pytest


@pytest.fixture(scope="module")
def many():
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(300)]
    yield opened
    for descriptor in opened:
        os.close(descriptor)


def test_many(many):
    assert len(many) == 300


def test_many_again(many):
    pass
