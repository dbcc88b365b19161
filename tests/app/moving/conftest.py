"""One house for all tests of moving; each gets a copy it may write to."""

import shutil
import sys
from pathlib import Path

import pytest

from trimaran.app.workspace import Workspace

sys.path.append(str(Path(__file__).parent))

import house as houses


@pytest.fixture(scope="session")
def furnished(told_workspace, tmp_path_factory):
    root = tmp_path_factory.mktemp("house") / "workspace"
    shutil.copytree(told_workspace, root)
    houses.furnish(root)
    return root


@pytest.fixture
def house(furnished, tmp_path):
    """A workspace of two products that a test may write to."""
    return Workspace(Path(shutil.copytree(furnished, tmp_path / "house")))


@pytest.fixture
def key(house):
    return house.auditor.key()
