"""The example of a product's continuous integration: each line that it runs, run."""

import shlex
import shutil
from pathlib import Path

from ruamel.yaml import YAML

from lifts import write_lifts
from trimaran.app.artifacts import read_artifact
from trimaran.doors.cli.main import run

EXAMPLE = Path(__file__).parents[2] / "examples" / "ci" / "product.yml"


def test_every_line_of_the_example_does_what_it_says(tmp_path, monkeypatch):
    (tmp_path / "sample").mkdir()
    file = write_lifts(tmp_path)
    shutil.move(file, tmp_path / "product.py")
    shutil.move(tmp_path / "lifts.parquet", tmp_path / "sample" / "lifts.parquet")
    monkeypatch.chdir(tmp_path)
    (job,) = YAML(typ="safe").load(EXAMPLE)["jobs"].values()
    lines = [shlex.split(step["run"]) for step in job["steps"] if step.get("run", "").startswith("trimaran ")]
    assert [line[1] for line in lines] == ["check", "test", "build"]
    for line in lines:
        assert run(line[1:]) == 0
    assert (tmp_path / "report.xml").stat().st_size > 1_000
    (made,) = (tmp_path / "dist").iterdir()
    assert sorted(read_artifact(made).code) == ["heaving.py", "product.py"]
    assert not (tmp_path / ".trimaran").exists()
