"""A small product from its file to waves of segment models in service, as its table and its page tell it."""

import json
from datetime import timedelta

import polars as pl
import pytest
from litestar.testing import TestClient
from shops import DAYS, NOW, SHOPS, START, lived, sales

from trimaran.app.batch import BatchScorer
from trimaran.app.figures import traffic
from trimaran.app.reproduction import reproduce
from trimaran.app.reproduction.training import train_again
from trimaran.app.segments import segments_view
from trimaran.app.views import Book, product_view
from trimaran.app.views.loop import shares
from trimaran.app.views.quality import quality
from trimaran.core.errors import InputError
from trimaran.core.nouns import SEGMENTED, Run
from trimaran.doors.cli.main import run
from trimaran.doors.dashboard.app import make_app
from trimaran.monitor import read_details


@pytest.fixture(scope="module")
def life(tmp_path_factory):
    return lived(tmp_path_factory.mktemp("shops"))


def view(life):
    return segments_view(Book.open(life.workspace, "shops"))


def test_nothing_is_served_before_people_approved_all_models_together(life):
    found = view(life)
    assert (found.served, found.lacking, found.waves) == (0, ["risk"], [])
    assert found.fates == {"own": 7, "few rows": 1}
    assert {row.answers for row in found.segments} == {"pooled"}
    assert sorted({row.wave for row in found.segments if row.wave is not None}) == [1, 2]


def test_waves_go_live_one_after_the_other_each_on_what_the_one_before_answered(life):
    life.sign_if_awaited("risk", "anna")
    life.promotion.advance(NOW)  # the pooled version goes live, and with it the first wave
    assert [(wave.number, wave.stage) for wave in view(life).waves] == [(1, "live")]
    served = view(life).served
    assert 0 < served < 7

    asked = sales(each=400, seed=1).with_columns(pl.col("at") + timedelta(days=DAYS), pl.col("told") + timedelta(days=DAYS))
    life.workspace.clock.set(NOW + timedelta(hours=1))
    assert BatchScorer(life.workspace, "shops").score(asked.drop("told", "returned")) == asked.height
    life.promotion.advance(NOW + timedelta(hours=1))
    assert view(life).served == served  # without labels nothing is known of it

    later = NOW + timedelta(days=DAYS + 1)
    life.take_in({"sales": asked}, source="test", key="later")
    life.workspace.clock.set(later)
    captured = life.workspace.captures
    waiting = captured.waiting("shops", since=START)
    assert len(waiting) == asked.height
    assert life.oversight.join_labels(later) >= 0
    life.promotion.advance(later)
    told = view(life).waves
    assert told[-1].number in {1, 2}
    own = captured.frame("shops").filter(pl.col("version") > 1_000_000)
    assert own.height > 0
    assert set(own["role"]) == {"live"}
    assert own["notes"].list.first().str.starts_with("answered by the model of shop").all()


def test_the_pooled_version_is_watched_on_the_rows_of_segments_too(life):
    now = life.workspace.clock.now()
    life.oversight.watch(now)
    live = life.state.live
    details = read_details(life.workspace.objects.get(live.verdict("watch")[1].evidence))
    frame = life.workspace.captures.frame("shops", since=now - timedelta(days=7), until=now)
    scored = frame.filter(pl.col("version") == live.version.number)
    assert scored.filter(pl.col("role") == "live").height < scored.height
    assert details.quality.n >= scored.filter(pl.col("label").is_not_null()).height


def test_the_estimate_of_a_period_is_of_the_answers_of_segments_models_too(life):
    book = Book.open(life.workspace, "shops")
    newest = quality(book, "month")[-1]
    spoken = book.answered.filter(pl.col("event_at") >= newest.start)["version"].unique()
    assert (spoken > SEGMENTED).sum() > 0
    assert (newest.estimated.n, newest.estimated.note) == (newest.answered, f"mean of {len(spoken)} versions by rows")


def test_the_models_of_segments_are_one_in_the_traffic(life):
    book = Book.open(life.workspace, "shops")
    told = {}
    for share in shares(book):
        told[share.version] = told.get(share.version, 0) + share.answers
    own = book.answered.filter(pl.col("version") > SEGMENTED).height
    assert told == {"v1": book.answered.height - own, "models of segments": own}
    drawn = traffic(product_view(book))
    assert {bar.name for bar in drawn.data} == told.keys()


def test_one_table_and_one_page_tell_of_every_segment(life, capsys):
    root = str(life.workspace.root)
    assert run(["segments", "--workspace", root, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert {row["segment"] for row in said["segments"]} == {f"shop {place}" for place in range(SHOPS)}
    assert run(["segments", "--workspace", root]) == 0
    assert "r1, the newest training: 7 of 8 segments by shop" in " ".join(capsys.readouterr().out.split())
    with TestClient(make_app(life.workspace, secret="s" * 32), base_url="http://127.0.0.1:8500") as client:
        page = client.get("/products/shops/segments")
        assert page.status_code == 200
        assert all(f"shop {place}" in page.text for place in range(SHOPS))
        assert client.get("/api/v1/products/shops/segments").json()["fates"] == {"own": 7, "few rows": 1}
        assert client.get("/products/shops/segments").text.count("one class") == 0
        assert client.get("/products/none/segments").status_code == 404


def test_the_model_of_a_segment_is_shown_like_any_version(life, capsys):
    root = str(life.workspace.root)
    found = view(life)
    served = next(row for row in found.segments if row.wave == 1)
    stages = [wave.stage for wave in found.waves]
    assert run(["show", served.version, "--workspace", root, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["segment"], said["replication"], said["row"]["fate"]) == (served.segment, "r1", stages[-1])
    assert [move["stage"] for move in said["moves"]] == stages
    assert [one["person"] for one in said["approvals"]] == ["anna"]
    assert said["row"]["live_from"] == said["moves"][0]["at"]
    assert said["row"]["live_until"] == (said["moves"][-1]["at"] if stages[-1] != "live" else None)
    assert said["row"]["quality"] == pytest.approx(served.quality)

    assert run(["show", served.version, "--workspace", root]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert f"shops {served.version} of {served.segment} (shop), made in r1: {stages[-1]}, {stages[-1]} since" in told
    assert run(["show", "s99", "--workspace", root]) == 2
    assert "s1 to s7 of segments" in " ".join(capsys.readouterr().err.split())

    with TestClient(make_app(life.workspace, secret="s" * 32), base_url="http://127.0.0.1:8500") as client:
        page = client.get(f"/products/shops/versions/{served.version}")
        assert page.status_code == 200
        assert f"the model of {served.segment}" in page.text
        assert f'href="/products/shops/versions/{served.version}"' in client.get("/products/shops/segments").text


def test_models_of_segments_are_approved_together_and_not_one_by_one(life, capsys):
    assert run(["approve", "s1", "--role", "risk", "--person", "anna", "--workspace", str(life.workspace.root)]) == 2
    assert "trimaran approve r1" in " ".join(capsys.readouterr().err.split())


def test_the_model_of_a_segment_comes_out_the_same_from_the_record_alone(life):
    row = next(row for row in view(life).segments if row.segment == "shop 3")
    found = reproduce(life.workspace, row.version)
    assert [one for one in (*found.made, *found.parameters) if not one.same] == []
    assert [one for one in found.metrics if not one.same and not one.timed] == []
    assert (found.version, found.same, found.reasons) == (row.version, True, [])
    assert next(one for one in found.made if one.name == "compiled").was is None  # few rows: it is served natively


def test_a_segment_whose_rows_are_gone_says_so_when_it_is_to_be_trained_again(life, tmp_path):
    (made,) = [run for entry, run in life.ledger.history((Run,)) if entry.subject.startswith("shops[shop 3]/")]
    with pytest.raises(InputError, match="shop 9 is no value of the table any more"):
        train_again(life.workspace, "shops", made, "shop 9", tmp_path / "none")
    with pytest.raises(InputError, match=r"shop 7 has .* rows to train on .* are needed for a model of its own"):
        train_again(life.workspace, "shops", made, "shop 7", tmp_path / "few")
