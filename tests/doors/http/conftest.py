"""One definition for all tests, and a real server on a workspace with a real model."""

import sys
from pathlib import Path

import pytest

sys.path += [str(Path(__file__).parents[2] / "deploy"), str(Path(__file__).parent)]

import shop
from served import build

from trimaran.app.processes import ScoringServer


@pytest.fixture(scope="session")
def definition(tmp_path_factory):
    return shop.define(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return build(tmp_path_factory.mktemp("served") / "workspace")


@pytest.fixture(scope="module")
def server(workspace):
    with ScoringServer(workspace.root) as server:
        yield server
