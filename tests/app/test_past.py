"""Going back on a workspace: comparisons and lineages with what was answered, in words, tables and figures."""

from datetime import UTC, datetime

import pytest

import trimaran as tm
from trimaran.app.past import compare, explain
from trimaran.app.workspace import Workspace
from trimaran.control.graph import tree
from trimaran.core.errors import InputError, NotFound
from trimaran.core.nouns import Approval, Declared, Label, ModelVersion, Prediction, Release, Traffic

ASKED = datetime(2013, 5, 12, 6, tzinfo=UTC)
NASTY = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def workspace(told_workspace):
    return Workspace.existing(told_workspace)


@pytest.fixture
def product():
    return tm.Product("punctual", owner="ops-ml", predict_at="planned - 2h")


def predict(workspace, name, version=1, role="live", score=0.25):
    workspace.captures.record(
        [
            Prediction(
                id=name,
                product="punctual",
                version=version,
                role=role,
                mode="http",
                event_at=ASKED,
                asked_at=ASKED,
                score=score,
                features=[9.5, None],
                notes=["load: default"],
                caller="desk",
            )
        ]
    )


def words(found, *, upstream):
    def walk(branch):
        for one in branch.branches:
            yield f"{one.word} {one.node.title}"
            yield from walk(one)

    return list(walk(tree(found, upstream=upstream)))


def test_a_prediction_leads_back_to_its_version_its_release_and_its_data(workspace):
    found = explain(workspace, "3-7", "punctual")
    back = words(found, upstream=True)
    assert back[0].startswith("answered by score 0.")
    assert back[1:3] == ["given by punctual/v1", "made by punctual/run-1"]
    assert "trained on punctual/trips@0" in back
    assert "brought by delivery punctual/trips@0" in back
    assert [line for line in back if "→" in line] == ["released by punctual/v1 → staging", "released by punctual/v1 → live"]
    answer = found.nodes[1]
    assert answer.facts["features"].startswith("wind_now = ")
    assert answer.facts["asked"] == "2013-03-04 06:35 UTC"
    (label,) = words(found, upstream=False)
    assert label in {"turned out it was 0", "turned out it was 1"}


def test_what_happened_to_the_version_after_the_answer_is_no_reason_for_it(own_workspace):
    workspace = Workspace.existing(own_workspace)
    model = workspace.ledger.latest(ModelVersion, "punctual/v1")[1].native
    record = Release(product="punctual", number=1, model=model, stage="retired", traffic=Traffic(), reason="old")
    workspace.ledger.append(record, "punctual")
    moves = [line for line in words(explain(workspace, "3-7"), upstream=True) if "→" in line]
    assert moves == ["released by punctual/v1 → staging", "released by punctual/v1 → live"]


def test_a_prediction_whose_truth_is_unknown_or_will_never_be_known_says_so(own_workspace):
    workspace = Workspace.existing(own_workspace)
    predict(workspace, "new")
    assert words(explain(workspace, "new"), upstream=False) == []
    label = Label(id="new", product="punctual", value=None, known_at=ASKED, joined_at=ASKED)
    workspace.captures.join([label])
    assert words(explain(workspace, "new"), upstream=False) == ["turned out never to be known"]


def test_what_a_shadow_said_is_told_beside_the_answer_without_its_own_past(own_workspace):
    workspace = Workspace.existing(own_workspace)
    predict(workspace, "twice")
    predict(workspace, "twice", version=3, role="shadow", score=None)
    back = words(explain(workspace, "twice"), upstream=True)
    assert back[0] == "answered by score 0.2500 (live, http)"
    assert back[-2:] == ["compared with no answer (shadow, http)", "given by punctual/v3"]
    assert "made by punctual/run-3" not in back


def test_missing_features_and_defaults_are_told(own_workspace):
    workspace = Workspace.existing(own_workspace)
    predict(workspace, "bare")
    facts = explain(workspace, "prediction:bare").nodes[1].facts
    assert (facts["features"], facts["notes"]) == ("wind_now = 9.5000, load_now = -", "load: default")
    assert facts["asked"] == "2013-05-12 06:00 UTC by desk"


def test_data_leads_forward_to_what_was_answered_on_the_strength_of_it(workspace):
    found = explain(workspace, "trips@0")
    on = words(found, upstream=False)
    assert "made punctual/v1" in on
    assert "answered 7,400 predictions" in on
    assert [node.title for node in found.live if node.kind == "version"] == ["punctual/v1"]
    answers = found.node("answers:punctual/v1")
    labelled = workspace.captures.frame("punctual")["label"].count()
    assert (answers.facts["labelled"], answers.live) == (f"{labelled:,}", True)


def test_answers_are_not_counted_for_versions_that_lie_behind(workspace):
    gate = next(iter(workspace.ledger.store.scan(kinds=["verdict"])))
    for ref in ("3-7", f"#{gate.seq}"):
        assert not [node for node in explain(workspace, ref, "punctual").nodes if node.kind == "answers"]


def test_a_moment_has_no_origin(workspace):
    with pytest.raises(InputError, match="ask `trimaran at 2013-04-01`"):
        explain(workspace, "2013-04-01")


def test_a_workspace_that_never_answered_is_explained_without_captures(own_workspace):
    (own_workspace / "captures.db").unlink()
    workspace = Workspace.existing(own_workspace)
    assert "made punctual/v1" in words(explain(workspace, "trips@0"), upstream=False)
    with pytest.raises(NotFound):
        explain(workspace, "3-7")
    assert not (own_workspace / "captures.db").exists()


def test_with_two_products_a_name_must_say_of_which(own_workspace):
    workspace = Workspace.existing(own_workspace)
    workspace.ledger.append(Declared(product="tardy", owner="ops-ml", source="0" * 64, policies={}), "tardy")
    assert compare(workspace, "v1", "v2").b.name == "punctual/v2"
    with pytest.raises(NotFound, match="choose with --product from: punctual, tardy"):
        compare(workspace, "2013-04-01", "v1")
    assert compare(workspace, "2013-04-01", "v1", "punctual").a.version.name == "v1"
    with pytest.raises(NotFound, match="there is no product 'late'"):
        explain(workspace, "v1", "late")


def test_a_product_tells_differences_and_lineages_of_itself(product, told_workspace):
    difference = product.diff("v1", datetime(2013, 4, 1, tzinfo=UTC), workspace=told_workspace)
    assert repr(difference).startswith("punctual/v1 compared with punctual/v1 at 2013-04-01T00:00 UTC\n")
    assert "auc" in product.diff("v1", "v2", workspace=told_workspace)._repr_html_()
    lineage = product.why("v1", workspace=told_workspace)
    assert "  it came from\n    made by punctual/run-1 (entry " in repr(lineage)
    assert "answered 7,400 predictions" in repr(lineage)
    assert "<li>made by <b>punctual/run-1" in lineage._repr_html_()


def test_a_standing_says_features_environment_and_policy(product, told_workspace):
    told = repr(product.at("2013-04-01", workspace=told_workspace))
    for line in (
        "v1 features     wind_now, load_now",
        "v1 environment  Python 3.11.9 on linux",
        "policy accept   auc >= 0.68",
    ):
        assert line in told


def test_the_graph_has_a_place_for_every_node_and_rings_what_is_live(product, told_workspace):
    lineage = product.why("trips@0", workspace=told_workspace)
    drawn = {trace.name: trace for trace in lineage.figure().data if trace.name}
    assert sum(len(trace.x) for trace in drawn.values()) == len(lineage.nodes)
    live = drawn["in the traffic now"]
    assert set(live.text) == {"punctual/v1", "7,400 predictions"}
    (origin,) = [
        x for trace in drawn.values() for x, text in zip(trace.x, trace.text, strict=True) if text.startswith("delivery")
    ]
    assert origin == -1
    assert max(live.x) == 3


def test_the_metrics_of_both_sides_are_drawn_as_shares(product, told_workspace):
    (bars,) = product.diff("v1", "v2", workspace=told_workspace).figure().data
    assert list(bars.y) == ["auc"]
    assert bars.x[0] == pytest.approx(100 * (0.55 - 0.82) / 0.82)


def test_what_callers_wrote_is_text_in_a_notebook_and_in_a_figure(product, own_workspace):
    workspace = Workspace.existing(own_workspace)
    predict(workspace, NASTY)
    model = workspace.ledger.latest(ModelVersion, "punctual/v1")[1].native
    signed = Approval(product="punctual", number=1, model=model, role="risk", person=NASTY, decision="approve")
    workspace.ledger.append(signed, "punctual/v1")
    for ref in (NASTY, "v1"):
        lineage = product.why(ref, workspace=own_workspace)
        assert NASTY in repr(lineage)
        assert NASTY not in lineage._repr_html_()
        assert "&lt;img" in lineage._repr_html_()
        assert "<img" not in lineage.figure().to_json().replace("\\u003c", "<")
