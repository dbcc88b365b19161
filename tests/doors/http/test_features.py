"""Features by key from the scoring server, over a socket."""

import json
from datetime import timedelta

import httpx
import pytest
import shop
from served import build

from trimaran.app.materialising import Materialising, in_service
from trimaran.app.processes import ScoringServer
from trimaran.app.progress import progress


@pytest.fixture(scope="module")
def keyed(tmp_path_factory):
    return build(tmp_path_factory.mktemp("keyed") / "workspace")


@pytest.fixture(scope="module")
def url(keyed):
    with ScoringServer(keyed.root) as server:
        reply = httpx.post(f"{server.url}/features/parcels", json={"rows": [{"depot": "EWR"}]})
        assert (reply.status_code, reply.json()["error"]["type"]) == (404, "not found")
        assert "trimaran materialise" in reply.json()["error"]["message"]
        late = shop.parcels(30).with_columns(delay=shop.pl.lit(7.0), arrived=shop.pl.col("sent"))
        keyed.online.push("parcels", "parcels", late, key="late")
        materialise(keyed)
        yield server.url


def materialise(workspace, **how):
    with progress() as shown:
        Materialising(workspace, in_service(workspace, "parcels"), shown).materialise(**how)


def ask(url, body, product="parcels"):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.post(f"{url}/features/{product}", content=content)


def test_rows_of_keys_get_their_features(url):
    reply = ask(url, {"rows": [{"depot": "EWR"}, {"depot": "moon"}]})
    assert reply.status_code == 200
    known, unknown = reply.json()["rows"]
    assert known["features"] == {"size": 8, "recent": 7.0}
    assert (known["missing"], known["stale"]) == ([], [])
    assert known["age"] == 60.0
    assert unknown == {"features": {"size": None, "recent": None}, "missing": ["depot"], "stale": [], "age": None}
    only = ask(url, {"rows": [{"depot": "EWR"}] * 40, "features": ["size"]}).json()["rows"]
    assert [each["features"] for each in only] == [{"size": 8}] * 40


def test_what_is_missing_or_stale_is_counted(url, keyed):
    def counted(text):
        return {line.split()[0]: int(line.split()[1]) for line in text.splitlines() if line.startswith("trimaran_feature")}

    before = counted(httpx.get(f"{url}/metrics").text)
    ask(url, {"rows": [{"depot": "EWR"}, {"depot": "moon"}, {"depot": None}]})
    keyed.clock.set(shop.NOON + timedelta(hours=4))
    late = ask(url, {"rows": [{"depot": "EWR"}]}).json()["rows"][0]
    keyed.clock.set(shop.NOON)
    assert (late["features"], late["stale"]) == ({"size": 8, "recent": None}, ["recent"])
    after = counted(httpx.get(f"{url}/metrics").text)
    grown = {name.split("{")[0].removeprefix("trimaran_feature_"): after[name] - before.get(name, 0) for name in after}
    expected = {"keys_total": 4, "keys_missing_total": 2, "values_stale_total": 1}
    assert {name: grown[name] for name in expected} == expected
    assert grown["age_seconds_sum"] == 60 + 4 * 3600 + 60


@pytest.mark.parametrize(
    ("body", "code", "kind", "words"),
    [
        (b"{", 400, "malformed", ""),
        ({"rows": [{"depot": ["EWR"]}]}, 422, "faults", "$.rows[0]"),
        ({"rows": [{"depot": "EWR"}], "at": "2013"}, 422, "faults", "at"),
        ({"keys": []}, 422, "faults", "rows"),
        ({"rows": [{"moon": 1}]}, 422, "faults", "give keys: depot"),
        ({"rows": [{"depot": "EWR"}], "features": ["gale"]}, 422, "faults", "there are: recent, size"),
        ({"rows": [{"depot": "EWR"}] * 1001}, 413, "too large", "at most 1000"),
        (b" " * 2_000_001, 413, "too large", "bytes"),
    ],
    ids=["no JSON", "a list as a key", "an unknown field", "no rows", "an unknown key", "an unknown feature", "rows", "bytes"],
)  # fmt: skip
def test_what_cannot_be_answered_is_told_in_the_one_shape(url, body, code, kind, words):
    reply = ask(url, body)
    error = reply.json()["error"]
    assert (reply.status_code, error["type"]) == (code, kind)
    assert words in json.dumps(error)


def test_other_products_and_methods_are_refused(url):
    assert ask(url, {"rows": [{"depot": "EWR"}]}, "moon").status_code == 404
    assert httpx.get(f"{url}/features/parcels").status_code == 405


def test_no_rows_are_no_answers(url):
    assert ask(url, {"rows": []}).json() == {"rows": []}


def test_readers_go_on_while_a_view_is_made_anew(url, keyed):
    with httpx.Client(base_url=url) as client:
        for _ in range(3):
            materialise(keyed, whole=True)
            reply = client.post("/features/parcels", json={"rows": [{"depot": "EWR"}]})
            assert reply.json()["rows"][0]["features"] == {"size": 8, "recent": 7.0}
