import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import trimaran

ROOT = Path(__file__).parent.parent
HEAVY = {"polars", "sqlalchemy", "sklearn", "plotly", "litestar", "onnxruntime", "numpy", "scipy"}


def imported_by(code):
    """What a new process has imported, by the name of the package, once it has run some code."""
    tell = "import json, sys; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{tell}"], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_what_is_imported_is_seen():
    assert imported_by("import trimaran; trimaran.Product") & HEAVY


def test_importing_trimaran_imports_nothing_heavy():
    found = imported_by("import trimaran")
    assert "trimaran" in found
    assert found & HEAVY == set()


def test_the_help_of_the_command_line_imports_nothing_heavy():
    found = imported_by("from trimaran.doors.cli.main import run; run(['--help'])")
    assert "typer" in found
    assert found & HEAVY == set()


@pytest.mark.parametrize("name", trimaran.__all__)
def test_every_public_name_is_there(name):
    assert getattr(trimaran, name) is not None


def test_dir_lists_every_public_name_and_no_name_that_is_not_there():
    names = dir(trimaran)
    assert set(trimaran.__all__) <= set(names)
    assert [name for name in names if not hasattr(trimaran, name)] == []


def test_an_unknown_name_is_told_what_there_is():
    with pytest.raises(AttributeError, match="Product"):
        _ = trimaran.Produkt


def test_the_version_is_that_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert trimaran.__version__ == project["version"]
