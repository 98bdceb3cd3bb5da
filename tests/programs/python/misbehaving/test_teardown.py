"""Fixtures that fail when they are torn down."""

import pytest


@pytest.fixture(scope="session")
def bad_session():
    yield
    print("session teardown")
    raise RuntimeError("session fixture broke")


@pytest.fixture(scope="session")
def good_session():
    yield


@pytest.fixture(scope="module")
def bad_module():
    yield
    raise RuntimeError("module fixture broke")


@pytest.fixture
def bad_function():
    yield
    raise RuntimeError("function fixture broke")


@pytest.fixture
def bad_setup():
    raise RuntimeError("setup broke")


def test_session(bad_session, good_session):
    pass


def test_function(bad_function):
    pass


def test_fails_twice(bad_function):
    assert False


def test_setup(bad_setup):
    pass


def test_module(bad_module):
    pass
