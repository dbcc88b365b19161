"""The catalogue as a notebook shows it, and the charts of a feature."""

import pytest

from trimaran.app.product import Product
from trimaran.app.workspace import Workspace
from trimaran.core.errors import NotFound
from trimaran.core.nouns import Declared


@pytest.fixture(scope="module")
def features(told_workspace):
    return Workspace.existing(told_workspace).features()


def test_a_product_shows_its_own_features(told_workspace):
    product = Product("punctual", owner="ops-ml", predict_at="planned - 2h")
    found = product.features(told_workspace)
    assert [row.name for row in found] == ["load_now", "wind_now"]
    assert len(product.features(told_workspace, search="wind")) == 1
    with pytest.raises(NotFound, match="punctual"):
        Product("tardy", owner="x", predict_at="planned").features(told_workspace)


def test_a_prompt_shows_a_table_and_one_feature_whole(features):
    lines = repr(features).splitlines()
    assert lines[0].split() == ["feature", "over", "owner", "in", "the", "traffic", "matters", "missing", "description"]
    assert "punctual v1 live" in lines[2]
    said = repr(features["wind_now"])
    for words in ("wind_now: asked row of trips, owned by ops-ml", "0.1600 AUC, 1 of 2 in v1", "answers of v1, 700 rows"):
        assert words in said


def test_a_notebook_shows_text_and_never_markup(own_workspace, told_workspace):
    workspace = Workspace.existing(own_workspace)
    workspace.data_root = told_workspace.parent / "data"
    text = workspace.objects.get(workspace.products()["punctual"].source).decode()
    text = text.replace("    return wind\n", '    """Wind <script>alert(1)</script>."""\n    return wind + 1\n', 1)
    source = workspace.objects.put(text.encode())
    workspace.ledger.append(Declared(product="punctual", owner="<b>me</b>", source=source, policies={}), "punctual")
    (row,) = workspace.features(search="script")
    assert row.description == "Wind <script>alert(1)</script>."
    for shown in (workspace.features(), workspace.features()["wind_now"]):
        html = shown._repr_html_()
        assert "<script" not in html
        assert html.startswith("<table>")


def test_the_distribution_lays_lately_over_training(features):
    chart = features["wind_now"].figure()
    training, lately = chart.data
    assert [line.name for line in chart.data] == ["training of v1 (5,000 rows)", "answers of v1 (700 rows)"]
    assert training.fill == "tozeroy"
    # Each bin is drawn by its two ends.
    assert sum(training.y) / 2 == pytest.approx(100, abs=0.5)
    assert sum(lately.y) / 2 == pytest.approx(100, abs=0.5)
    peak = [line.x[list(line.y).index(max(line.y))] for line in (training, lately)]
    assert peak[1] - peak[0] > 2


def test_the_watch_over_time_is_drawn_with_its_training(features):
    feature = features["wind_now"]
    looks = feature.uses[0].looks
    missing, moved = feature.figure("missing"), feature.figure("drift")
    assert list(missing.data[0].y) == [0.0] * len(looks)
    assert missing.layout.shapes[0].y0 == 0
    assert list(moved.data[0].y) == [look.psi for look in looks]
    assert features["wind_now"].figure("lineage").data
    with pytest.raises(NotFound, match="choose from: distribution"):
        feature.figure("pie")
