"""One definition for all tests of the hull: it is frozen, so they may share it."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # the tests of the doors serve the same shop

import shop


@pytest.fixture(scope="session")
def definition(tmp_path_factory):
    return shop.define(tmp_path_factory.mktemp("shop"))
