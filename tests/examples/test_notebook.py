"""The notebook of the flights runs from top to bottom in a kernel of its own, and shows what it speaks of."""

import os
import shutil
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

EXAMPLE = Path(__file__).parents[2] / "examples" / "flights"
NOTEBOOK = EXAMPLE / "features.ipynb"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """The cells of code after they were run beside a copy of the example, by their text."""
    folder = tmp_path_factory.mktemp("notebook")
    shutil.copy(EXAMPLE / "prepare.py", folder)
    book = nbformat.read(NOTEBOOK, as_version=4)
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    client = NotebookClient(book, timeout=300, resources={"metadata": {"path": str(folder)}})
    client.execute(env={**os.environ, "PATH": programs, "PYTHONWARNINGS": "ignore"})
    return {cell.source: cell for cell in book.cells if cell.cell_type == "code"}


def shown(cells, begins, kind="text/plain"):
    """What a cell gave: all it printed, and its value in one form."""
    cell = next(cell for text, cell in cells.items() if text.startswith(begins))
    said = [each.text for each in cell.outputs if each.output_type == "stream"]
    return "\n".join(said + [str(each.data[kind]) for each in cell.outputs if kind in each.get("data", {})])


def test_it_is_kept_without_outputs():
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None


def test_every_cell_says_something_or_declares_the_product(cells):
    silent = [text.partition("\n")[0] for text, cell in cells.items() if not cell.outputs]
    assert silent == ['product = tm.Product("flight-features", owner="ops-ml", predict_at="sched_dep - 2h")']


def test_a_contract_is_proposed_and_what_breaks_it_is_refused(cells):
    assert "A contract proposed from 26,115 rows" in shown(cells, "!trimaran contract infer")
    taken = shown(cells, "taken = ")
    assert "flights" in taken
    assert "weather" in taken


def test_a_feature_of_the_future_is_refused_with_its_column(cells):
    assert "arr_delay" in shown(cells, "forbidden = ")
    assert "1 fault" in shown(cells, "forbidden = ")


def test_the_engine_finds_what_is_found_by_hand_and_the_leak_is_another_number(cells):
    words = shown(cells, "rows, moment").split()
    hand, engine, leaked = (float(words[place].strip(",")) for place in (2, 6, 8))
    assert hand == engine
    assert abs(leaked - hand) > 0.5


def test_charts_are_charts(cells):
    for begins in (
        'product.profile("weather", workspace=WORKSPACE).figure',
        "labelled",
        'product.features(workspace=WORKSPACE)["carrier',
    ):
        assert "'data'" in shown(cells, begins, "application/vnd.plotly.v1+json")


def test_the_catalogue_knows_the_trained_version(cells):
    assert "recent_origin_delay" in shown(cells, "version = ")
    whole = shown(cells, 'product.features(workspace=WORKSPACE)["recent_origin_delay"]')
    assert "AUC" in whole
    assert "of 4 in v1" in whole
