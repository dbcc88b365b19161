"""Two trainings of a product's segments, of which the older is in service."""

import json
from datetime import timedelta

import polars as pl
import pytest
from litestar.testing import TestClient
from shops import DAYS, NOW, PRODUCT, lived, sales, trained

from trimaran.app.batch import BatchScorer
from trimaran.app.past import explain
from trimaran.core.nouns import SEGMENTED, ModelVersion, Wave
from trimaran.doors.cli.main import run
from trimaran.doors.dashboard.app import make_app


@pytest.fixture(scope="module")
def life(tmp_path_factory):
    life = lived(tmp_path_factory.mktemp("shops"))
    life.sign_if_awaited("risk", "anna")
    life.promotion.advance(NOW)
    life.workspace.clock.set(NOW + timedelta(hours=2))
    return trained(life.workspace, PRODUCT.replace('auc=">= 0.5"', 'auc=">= 0.999"'))


def test_what_the_newest_training_came_to_is_told_apart_from_what_is_in_service(life, capsys):
    root = str(life.workspace.root)
    assert run(["segments", "--workspace", root, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["replication"], said["fates"]) == ("r2", {"few rows": 1, "refused": 7})
    assert said["serving"] == {"r1": 2}
    served = [row for row in said["segments"] if row["answers"] != "pooled"]
    assert [(row["answers_from"], row["fate"]) for row in served] == [("r1", "refused")] * 2
    assert [(wave["replication"], wave["stage"]) for wave in said["waves"]] == [("r1", "live")]

    assert run(["segments", "--workspace", root]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "shops r2, the newest training: 0 of 8 segments by shop have a model of their own (7 refused, 1 few rows)" in told
    assert "in service: 2 segments are answered by a model of their own (2 of r1), 6 by the pooled model" in told
    assert f"{served[0]['answers']} of r1" in told

    with TestClient(make_app(life.workspace, secret="s" * 32), base_url="http://127.0.0.1:8500") as client:
        page = " ".join(client.get("/products/shops/segments").text.split())
        assert "r2, the newest training: 0 of 8 by shop have a model of their own" in page
        assert "In service: 2 segments are answered by a model of their own (2 of r1), 6 by the pooled model" in page


def test_the_lineage_of_a_segments_answer_leads_to_the_wave_that_released_its_model(life, capsys):
    workspace = life.workspace
    asked = sales(each=20, seed=5).with_columns(pl.col("at") + timedelta(days=DAYS), pl.col("told") + timedelta(days=DAYS))
    BatchScorer(workspace, "shops").score(asked.drop("told", "returned"))
    own = workspace.captures.frame("shops").filter((pl.col("version") > SEGMENTED) & (pl.col("role") == "live"))
    version = next(one for _, one in workspace.ledger.history((ModelVersion,)) if one.number == own["version"][0])
    entry, wave = workspace.ledger.latest(Wave, "shops")
    found = explain(workspace, f"prediction:{own['id'][0]}")
    assert ("released by", "wave") in upstream(found, f"shops[{version.segment}]/{version.name}")
    node = next(node for node in found.nodes if node.kind == "wave")
    assert (node.title, node.entry) == (f"shops r1, wave 1 of 2 → live, {len(wave.moves)} segments", entry.seq)
    assert upstream(found, node.title) == {("proven by", "verdict"), ("signed by", "approval")}
    titles = {node.title for node in found.nodes if node.kind == "verdict"}
    assert titles == {
        "replication of shops/r1: passed",
        f"gate of shops[{version.segment}]/{version.name}: passed with a warning",
    }
    assert not any(node.kind == "version" and version.segment not in node.title for node in found.nodes if "[" in node.title)

    assert run(["why", version.name, "--workspace", str(workspace.root)]) == 0
    assert "wave 1 of 2 → live" in " ".join(capsys.readouterr().out.split())


def upstream(found, title):
    focus = next(node for node in found.nodes if node.title == title)
    return {(edge.how, found.node(edge.upstream).kind) for edge in found.edges if edge.downstream == focus.id} - {
        ("made by", "run")
    }
