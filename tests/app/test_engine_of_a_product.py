"""A product's training on an engine that the command or the call names: what comes of it is the same on each."""

import json

import pytest

from lifts import run_lifts, write_lifts
from trimaran.app.computing import open_computing
from trimaran.app.pipelines import read_engine
from trimaran.app.settings import ComputingSettings
from trimaran.core.errors import InputError, Unavailable
from trimaran.doors.cli.main import run


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return write_lifts(tmp_path_factory.mktemp("product"))


def test_trials_and_parts_of_features_in_processes_make_what_this_process_makes(file, tmp_path):
    here, tasks = run_lifts(file, tmp_path / "local", "local")
    assert tasks == []
    there, tasks = run_lifts(file, tmp_path / "processes", "processes:2", memory=1_300_000)
    assert [name for name in tasks if name.startswith("trial")] == [f"trial {number}" for number in range(6)]
    assert len([name for name in tasks if name.startswith("part")]) > 1
    assert there == here


def test_a_run_says_on_which_engine_it_was(file, tmp_path, capsys):
    given = ["run", str(file), "--workspace", str(tmp_path), "--engine", "processes:2", "--json"]
    assert run(given) == 0
    capsys.readouterr()
    assert run(["steps", "list", "--workspace", str(tmp_path), "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["pipeline"], told["engine"]) == ("lifts", "processes")


@pytest.mark.parametrize("said", ["", "procesess", "processes:", "processes:0", "processes:-1", "processes:2x", "ray:", "ray://", "spark://x"])  # fmt: skip
def test_a_word_that_names_no_engine_is_told_with_those_there_are_and_no_workspace_is_made(file, tmp_path, capsys, said):
    with pytest.raises(InputError, match=r"choose one of: local, processes, processes:4, ray, ray://host:port"):
        read_engine(said)
    assert run(["run", str(file), "--workspace", str(tmp_path / "none"), "--engine", said]) == 2
    assert "choose one of" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_a_cluster_that_does_not_answer_is_told_before_anything_is_read(tmp_path):
    with pytest.raises(Unavailable, match="ray start --head"):
        open_computing(tmp_path, ComputingSettings(), "ray://127.0.0.1:1")
