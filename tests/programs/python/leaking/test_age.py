"""Tests of 0.2 s each, for workers that are recycled for their age."""

import time

import pytest


@pytest.mark.parametrize("number", range(10))
def test_takes_a_while(number):
    time.sleep(0.2)
