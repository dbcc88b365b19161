"""Features by key from the command line and in Python."""

import json
import sys
from pathlib import Path

import polars as pl
import pytest

sys.path += [str(Path(__file__).parents[2] / "deploy"), str(Path(__file__).parents[1] / "http")]

from served import build

import trimaran as tm
from trimaran.core.errors import InputError
from trimaran.doors.cli.main import run


@pytest.fixture(scope="module")
def parcels(tmp_path_factory):
    return build(tmp_path_factory.mktemp("parcels") / "workspace")


@pytest.fixture
def product():
    return tm.Product("parcels", owner="olga", predict_at="sent - 1h")


def test_views_are_materialised_and_read(parcels, product, capsys):
    root = str(parcels.root)
    assert run(["materialise", "--workspace", root, "--json"]) == 0
    (view,) = json.loads(capsys.readouterr().out)
    assert view["view"] == "depot"
    assert view["whole"]
    assert view["keys"] == {"entered": 1, "written": 1, "unchanged": 0, "refused": 0}
    assert run(["materialise", "depot", "--workspace", root]) == 0
    assert "what changed" in capsys.readouterr().out
    assert [each.whole for each in product.materialise(root, whole=True)] == [True]
    found = product.online({"depot": ["EWR", "moon"]}, root)
    assert found.to_dict(as_series=False) == {"depot": ["EWR", "moon"], "size": [8, None], "recent": [None, None]}
    assert found.schema["size"] == pl.Int32
    assert product.online(pl.DataFrame({"depot": ["EWR"]}), root, features=["size"]).columns == ["depot", "size"]
    with pytest.raises(InputError, match="'moon'"):
        product.online({"moon": [1]}, root)


def test_what_cannot_be_is_said_with_exit_code_2(parcels, capsys):
    assert run(["materialise", "moon", "--at", "2100-01-01", "--workspace", str(parcels.root)]) == 2
    said = capsys.readouterr().err
    assert "no view 'moon'; choose from: depot" in said
    assert "still to come" in said
