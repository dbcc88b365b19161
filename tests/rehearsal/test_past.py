"""Going back over a life that was really lived: every answer finds its version, its release and its rows."""

from datetime import timedelta

import pytest
from playing import PRODUCT

from trimaran.app.past import compare, explain
from trimaran.app.workspace import Workspace
from trimaran.control.graph import tree
from trimaran.control.standing import standing
from trimaran.control.state import ProductState
from trimaran.core.nouns import SEGMENTED, name_of


@pytest.fixture(scope="module")
def workspace(whole):
    return Workspace.existing(whole[0] / "workspace")


@pytest.mark.slow
def test_at_every_move_it_says_what_the_fold_says(workspace):
    for entry in workspace.ledger.store.scan(kinds=["release"], subject=PRODUCT):
        found = standing(workspace.ledger, PRODUCT, entry.at, workspace.objects)
        state = ProductState.replay(workspace.ledger, PRODUCT, until=entry.at)
        assert found.traffic == state.traffic
        for one in found.versions:
            told = state.versions[int(one.version[1:])]
            assert one.stage_since == told.since
            assert {sign.person for sign in one.approvers} == {approval.person for _, approval in told.approvals}
            assert all(one.features.values())


@pytest.mark.slow
def test_every_answer_was_given_by_a_version_that_had_its_part_in_the_traffic_then(workspace):
    frame = workspace.captures.frame(PRODUCT)
    for row in frame.filter(frame["mode"] == "http").gather_every(17).to_dicts():
        # The clock of a rehearsal stands still between two of its steps: a move may share its moment with an answer.
        moments = (row["asked_at"], row["asked_at"] - timedelta(microseconds=1))
        stood = [standing(workspace.ledger, PRODUCT, at) for at in moments]
        parts = [(one.version, one.part) for each in stood for one in each.versions]
        parts += [(name, "live") for each in stood if each.segments for name in each.segments.models.values()]
        named = name_of(row["version"])
        # While a canary or a segment's own model answers, whoever does not scores in the shadow.
        among = (
            {(named, "canary"), (named, "live"), (named, "shadow")} if row["role"] == "shadow" else {(named, row["role"])}
        )
        assert among & set(parts)


@pytest.mark.slow
def test_an_answer_leads_back_to_the_deliveries_that_its_version_was_trained_on(workspace):
    frame = workspace.captures.frame(PRODUCT)
    row = frame.filter((frame["version"] <= SEGMENTED) & (frame["role"] == "live")).to_dicts()[-1]
    found = explain(workspace, f"prediction:{row['id']}")
    kinds = {node.kind for node in found.nodes}
    assert kinds >= {"answer", "version", "run", "code", "environment", "data", "ingest", "release", "verdict"}
    assert "trigger" in {node.kind for node in explain(workspace, "v3").nodes}
    (answer,) = tree(found, upstream=True).branches[:1]
    assert answer.node.title == f"score {row['score']:.4f} (live, {row['mode']})"
    asked = row["asked_at"]
    assert all(node.at <= asked for node in found.nodes if node.kind in {"release", "ingest", "verdict"} and node.at)


@pytest.mark.slow
def test_an_answer_of_a_segments_model_leads_back_to_its_training(workspace):
    frame = workspace.captures.frame(PRODUCT)
    row = frame.filter(frame["version"] > SEGMENTED).to_dicts()[-1]
    found = explain(workspace, f"prediction:{row['id']}")
    assert {node.kind for node in found.nodes} >= {"answer", "version", "run", "code", "environment", "data", "ingest"}
    assert any(node.title.endswith(f"]/{name_of(row['version'])}") for node in found.nodes if node.kind == "version")


@pytest.mark.slow
def test_the_first_rows_lead_to_every_answer_of_every_version(workspace):
    found = explain(workspace, "trips@0", everything=True)
    answers = sum(int(node.title.split()[0].replace(",", "")) for node in found.nodes if node.kind == "answers")
    assert answers == workspace.captures.counts(PRODUCT)["predictions"]
    live = ProductState.replay(workspace.ledger, PRODUCT).live
    assert live.version.name in {node.title.rpartition("/")[2] for node in found.live}


@pytest.mark.slow
def test_two_versions_of_a_life_differ_in_data_and_metrics(workspace):
    found = compare(workspace, "v1", "v2")
    rows = {one.table: one.rows for one in found.data}
    assert rows["trips"] > 0
    assert any(one.difference for one in found.metrics)
    assert found.code.digests.same
    assert found.packages == []
    assert found.packages_same > 20
