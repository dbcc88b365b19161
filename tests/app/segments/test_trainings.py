"""Two trainings of a product's segments, of which the older is in service."""

import json
from datetime import timedelta

import pytest
from litestar.testing import TestClient
from shops import NOW, PRODUCT, lived, trained

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
