"""The product as an object: plain to use, and every act of its life at hand in a notebook or a script."""

import json
import linecache
import subprocess
import sys
import urllib.request
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

import trimaran as tm
from trimaran.app.signing import decide
from trimaran.app.workspace import Workspace
from trimaran.core.errors import DefinitionError, InputError, NotFound
from trimaran.core.nouns import Declared

CELLS = [
    "import trimaran as tm\nfrom sklearn.linear_model import LogisticRegression",
    """product = tm.Product("punctual", owner="ops-ml", predict_at="planned - 2h")
trips = product.table("trips.parquet", key="trip", time="planned", known={"late": "done"})""",
    "@product.feature(trips)\ndef wind_now(wind):\n    return wind",
    '@product.label(trips, wait="2d")\ndef is_late(late):\n    return late > 15',
    "@product.model()\ndef fit(X, y):\n    return LogisticRegression().fit(X, y)",
    'product.accept(out_of_time="10d", auc=">= 0.68")\nproduct.release(approve=["risk"])',
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("punctual")
    random, count = np.random.default_rng(13), 9000
    planned = [datetime(2013, 1, 1, tzinfo=UTC) + timedelta(minutes=7 * row) for row in range(count)]
    wind = random.normal(10, 3, count)
    late = (random.uniform(size=count) < 1 / (1 + np.exp(12 - wind))) * 20.0
    rows = {"trip": [f"t{row}" for row in range(count)], "planned": planned, "wind": wind, "late": late}
    pl.DataFrame(rows | {"done": [moment + timedelta(hours=3) for moment in planned]}).write_parquet(root / "trips.parquet")
    return root


@pytest.fixture(scope="module")
def product():
    """The product of a notebook, after its cells were run."""
    names = {"__name__": "__main__", "In": ["", *CELLS]}
    for number, cell in enumerate(CELLS):
        name = f"<ipython-input-{number}-of-punctual>"
        linecache.cache[name] = (len(cell), None, cell.splitlines(keepends=True), name)
        exec(compile(cell, name, "exec"), names)
    return names["product"]


@pytest.fixture(scope="module")
def run(product, folder, tmp_path_factory):
    """A first run: the workspace it made, and the version it gave back."""
    place = tmp_path_factory.mktemp("run") / "workspace"
    return place, product.run(workspace=place, data=folder)


def test_a_product_file_that_is_only_read_loads_nothing_heavy():
    code = "import sys, trimaran as tm; tm.Product('p', owner='o', predict_at='t'); print(sorted({'sklearn', 'onnx'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_decorated_functions_stay_plain_and_products_do_not_know_each_other():
    first, second = (tm.Product(name, owner="me", predict_at="asked") for name in ("first", "second"))
    table = first.table("rows.parquet", key="id", time="asked")

    @first.feature(table)
    def doubled(value):
        return value * 2

    assert doubled(4) == 8
    with pytest.raises(KeyError):
        second["rows"]


def test_check_gives_the_definition_or_every_fault_at_once(product, folder, tmp_path):
    assert [part.name for part in product.check(folder).features] == ["wind_now"]
    with pytest.raises(DefinitionError, match="there is no file"):
        product.check(tmp_path)


def test_a_run_in_a_notebook_gives_a_version_that_shows_itself(run):
    _, version = run
    assert version.row.name == "v1"
    assert repr(version).startswith("punctual v1: waiting, made because of first training\n")
    assert "waits for" in repr(version)
    assert "<td>pass: auc is" in version._repr_html_()
    assert version.figure("roc").data
    with pytest.raises(NotFound, match="choose from: roc, calibration, confusion, importance"):
        version.figure("rock")


def test_the_ledger_keeps_the_text_that_was_run_and_no_act_is_in_it(run):
    workspace = Workspace.existing(run[0])
    (declared,) = [record for _, record in workspace.ledger.history([Declared])]
    text = workspace.objects.get(declared.source).decode()
    assert "LogisticRegression().fit" in text
    assert "product.run" not in text


def test_the_product_tells_its_standing_story_and_view(product, run):
    place, _ = run
    standing = product.at(datetime.now(UTC), workspace=place)
    assert "nothing was live" in repr(standing)
    assert product.at("2013-01-01T12:00", workspace=place).versions == []
    story = product.story(workspace=place)
    assert any(event.sort == "training" for event in story)
    assert "v1" in repr(story)
    totals = product.balance(workspace=place)
    assert totals.closed
    assert repr(totals).splitlines()[0].endswith("UTC: balances")
    assert "ingest" in totals._repr_html_()
    assert totals.figure().data[0].type == "sankey"
    assert product.balance(workspace=place, until="2013-01-01").handovers == []
    view = product.view(workspace=place)
    assert "Approvals" in repr(view)
    assert view.figure().layout.shapes
    assert view._repr_html_().startswith("<table><caption>punctual, owned by ops-ml")


def test_what_people_wrote_is_text_in_a_notebook_and_no_markup(product, run):
    place, _ = run
    workspace = Workspace.existing(place)
    decide(workspace, "punctual", "v1", "refuse", role="risk", person="rita", note="<script>alert(1)</script>")
    assert "<script>" not in product.story(workspace=place, everything=True)._repr_html_()
    assert "&lt;script&gt;" in product.story(workspace=place, everything=True)._repr_html_()


def test_a_text_that_acts_on_itself_while_it_is_loaded_is_refused(folder, tmp_path):
    text = (
        "\n".join(CELLS)
        + f"\n\ndef main():\n    product.run(workspace={str(tmp_path / 'w')!r}, data={str(folder)!r})\n\nmain()\n"
    )
    (tmp_path / "acting.py").write_text(text)
    done = subprocess.run([sys.executable, str(tmp_path / "acting.py")], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert 'put the act under: if __name__ == "__main__":' in done.stderr.splitlines()[-1]


def test_parts_that_the_text_does_not_hold_are_named(folder, tmp_path):
    names = {"__name__": "__main__", "In": ["", *CELLS]}
    for number, cell in enumerate(CELLS):
        name = f"<ipython-input-{number}-of-partial>"
        linecache.cache[name] = (len(cell), None, cell.splitlines(keepends=True), name)
        exec(compile(cell, name, "exec"), names)

    def wind_twice(wind):
        return wind * 2

    names["product"].feature(names["trips"])(wind_twice)
    with pytest.raises(InputError, match="its features are not what was declared; declare the product in a file of its own"):
        names["product"].run(workspace=tmp_path / "w", data=folder)
    assert not (tmp_path / "w").exists()


@pytest.mark.slow
def test_up_in_a_notebook_answers_until_it_is_stopped(product, folder, tmp_path):
    place = tmp_path / "workspace"
    up = product.up(workspace=place, data=folder)
    try:
        assert f"predictions at {up.url}, dashboard at {up.dashboard_url}" in repr(up)
        assert "punctual takes in" in repr(up)
        with urllib.request.urlopen(f"{up.url}/v2/health/live", timeout=20) as reply:
            assert json.load(reply) == {"live": True}
        with urllib.request.urlopen(f"{up.dashboard_url}/products/punctual", timeout=20) as reply:
            assert b"punctual" in reply.read()
    finally:
        up.stop()
    up.stop()
    assert "stopped" in repr(up)
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(up.url, timeout=5)
