"""Provenance in both directions: from a version back to its rows, from a row's delivery forward to what is live."""

import msgspec
import pytest

from trimaran.control.graph import Lineage, tree
from trimaran.control.lineage import FEW, Tracer
from trimaran.control.naming import DataName, EntryName, Names, ObjectName
from trimaran.core.nouns import Run


@pytest.fixture
def traced(life):
    def of(text, **options):
        names = Names(life.ledger, ["ferries"], life.objects)
        return Tracer(life.ledger, **options).trace(names.resolve(text, moments=False))

    return of


def titles(branch):
    """Every node of a tree with the word that joins it, as nested pairs."""
    return [(f"{one.word} {one.node.title}", titles(one)) for one in branch.branches]


def flat(branch):
    return [title for one in branch.branches for title in (f"{one.word} {one.node.title}", *flat(one))]


def test_a_version_comes_from_its_run_and_the_run_from_code_environment_trigger_and_data(life, traced):
    found = traced("v2")
    ((made, beyond),) = titles(tree(found, upstream=True))
    assert made == "made by ferries/run-000000000002"
    run = life.ledger.read(life.ledger.store.latest("run", "ferries/run-000000000002"), Run)
    assert [title for title, _ in beyond] == [
        f"ran the code source {run.code.source[:12]}",
        f"with changes uncommitted {run.code.uncommitted[:12]}",
        f"ran in Python 3.11.9 on linux x86_64, packages {run.environment.lock[:12]}",
        "started by retraining because of drift",
        "trained on ferries/trips@1",
        "trained on ferries/weather@0",
    ]
    branches = dict(beyond)
    assert branches["started by retraining because of drift"] == [("seen in watch of ferries/v1: failed", [])]
    assert [title for title, _ in branches["trained on ferries/trips@1"]] == [
        "brought by delivery ferries/trips@1",
        "brought by delivery ferries/trips@0",
    ]
    node = next(one for one in found.nodes if one.id == "data:ferries/weather@0")
    assert node.facts == {"rows": "50 kept", "refused": "2 rows, in quarantine", "deliveries": "1"}


def test_a_version_leads_to_its_verdicts_its_people_and_its_moves(traced):
    found = flat(tree(traced("v2"), upstream=False))
    for words in (
        "judged by gate of ferries/v2: passed",
        "led to ferries/v2 → shadow",
        "judged by shadow of ferries/v2: passed",
        "led to ferries/v2 → canary at 25 %",
        "judged by canary of ferries/v2: passed",
        "led to ferries/v2 → live",
        "moved by ferries/v2 → staging",
        "signed by dora (domain), approval of ferries/v2",
        "signed by rosa (risk), approval of ferries/v2",
    ):
        assert words in found
    assert len(found) == len(set(found))
    assert not [title for title in found if "watch of" in title]


def test_a_move_of_another_version_with_the_very_same_model_is_not_its_own(life, traced):
    record = life.ledger.read(life.ledger.store.latest("release", "ferries"))
    life.write(msgspec.structs.replace(record, number=1, stage="retired", proof=None), "ferries")
    assert not [title for title in flat(tree(traced("v2"), upstream=False)) if "ferries/v1" in title]


def test_a_delivery_leads_to_every_version_that_saw_its_rows_and_says_which_is_live(traced):
    found = traced("#2")
    assert found.node(found.focus).title == "delivery ferries/trips@0"
    runs = flat(tree(found, upstream=False))
    assert runs == [
        "became ferries/trips@0",
        "trained ferries/run-000000000001",
        "made ferries/v1",
        "trained ferries/run-000000000002",
        "made ferries/v2",
    ]
    assert [node.title for node in found.live] == ["ferries/v2"]
    assert found.live[0].facts["now"] == "live at 100 %"
    assert found.live[0].facts["last move"].startswith("live, ")


def test_a_later_delivery_leads_only_to_what_was_trained_after_it(traced):
    assert "trained ferries/run-000000000001" not in flat(tree(traced("trips@1"), upstream=False))
    assert "trained ferries/run-000000000002" in flat(tree(traced("trips@1"), upstream=False))


def test_a_delivery_that_was_refused_whole_leads_nowhere(life, traced):
    bad = life.deliver("trips", kept=0, refused=9)
    found = traced(f"#{bad.seq}")
    assert tree(found, upstream=False).branches == []
    assert "9 rows (9 wind is missing), in quarantine" in found.node(found.focus).facts["refused"]


def test_a_move_comes_from_its_proof_and_approvals_and_the_version_it_moved(life, traced):
    live = next(entry for entry in life.ledger.store.scan(kinds=["release"]) if b'"shadow":2' in entry.body)
    found = [title for title, _ in titles(tree(traced(f"#{live.seq}"), upstream=True))]
    assert found == [
        "proven by gate of ferries/v2: passed",
        "signed by dora (domain), approval of ferries/v2",
        "signed by rosa (risk), approval of ferries/v2",
        "about ferries/v2",
    ]


def test_a_watch_that_failed_leads_to_the_training_it_started(life, traced):
    trigger = next(iter(life.ledger.store.scan(kinds=["trigger"])))
    found = flat(tree(traced(f"#{trigger.seq - 1}"), upstream=False))
    assert found[:3] == [
        "led to retraining because of drift",
        "started ferries/run-000000000002",
        "made ferries/v2",
    ]


def test_the_code_of_a_run_leads_to_all_that_ran_it(life, traced):
    source = life.ledger.read(life.ledger.store.get(1)).source
    found = flat(tree(traced(source), upstream=False))
    assert found == ["declared by ferries declared", "used by ferries/run-000000000001", "made ferries/v1"]


def test_a_declaration_comes_from_its_source_and_leads_to_what_ran_as_it_says(traced):
    found = traced("#1")
    ((source, _),) = titles(tree(found, upstream=True))
    assert source.startswith("written in source ")
    assert flat(tree(found, upstream=False)) == ["ran in ferries/run-000000000001", "made ferries/v1"]


def test_a_model_leads_back_to_the_run_that_made_it_and_on_to_its_version(life):
    found = Tracer(life.ledger).trace(ObjectName(life.model(2)))
    assert flat(tree(found, upstream=True))[0] == "made by ferries/run-000000000002"
    assert flat(tree(found, upstream=False))[0] == "is part of ferries/v2"


def test_of_many_the_live_one_is_always_shown_and_the_others_are_counted(life, traced):
    for _ in range(3 * FEW):
        life.train()
    found = traced("trips@0")
    shown = [node.title for node in found.nodes if node.kind == "run"]
    assert len(shown) == FEW
    assert "ferries/run-000000000002" in shown
    (more,) = [one for one in found.omitted if not one.upstream]
    assert (more.what, more.count) == ("runs", 2 + 3 * FEW - FEW)
    everything = traced("trips@0", everything=True)
    assert len([node for node in everything.nodes if node.kind == "run"]) == 2 + 3 * FEW
    assert everything.omitted == []


def test_older_deliveries_are_counted_but_those_with_refused_rows_are_named(life, traced):
    for number in range(30):
        life.deliver("trips", refused=1 if number == 4 else 0)
    found = traced("trips@31")
    brought = flat(tree(found, upstream=True))
    assert brought == [f"brought by delivery ferries/trips@{version}" for version in (31, 30, 29, 6)]
    assert [(one.what, one.count) for one in found.omitted if one.upstream] == [("deliveries", 28)]


def test_every_edge_joins_two_nodes_and_the_graph_has_no_cycle(life):
    for entry in life.ledger.store.scan():
        found = Tracer(life.ledger).trace(EntryName(entry))
        ids = {node.id for node in found.nodes}
        assert len(ids) == len(found.nodes)
        assert all({edge.upstream, edge.downstream} <= ids for edge in found.edges)
        assert msgspec.json.decode(msgspec.json.encode(found), type=Lineage) == found
        flat(tree(found, upstream=True))
        flat(tree(found, upstream=False))


def test_another_product_is_not_part_of_the_lineage(life, chronicles):
    other = chronicles("buses")
    other.live_from_the_start()
    found = Tracer(life.ledger).trace(DataName("ferries", "trips", 0))
    assert not [node.title for node in found.nodes if "buses" in node.title]
    assert [node.title for node in found.live] == ["ferries/v2"]
