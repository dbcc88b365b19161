"""What is answered where the label is a number or one of several classes, by both doors, and kept."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from test_scoring import ROW, Site

CLASSES = ("early", "on time", "late")
CHANCES = [0.2, 0.3, 0.5]


def many(features):
    return np.tile(CHANCES, (len(features), 1))


def folder(root, name):
    (root / name).mkdir()
    return root / name


@pytest.fixture
def number(tmp_path, definition):
    site = Site(folder(tmp_path, "number"), replace(definition, label=replace(definition.label, kind="regression")))
    site.shelf.scorers[1] = lambda features: np.full(len(features), 37.5)
    yield site
    site.close()


@pytest.fixture
def classed(tmp_path, definition):
    site = Site(
        folder(tmp_path, "classes"), replace(definition, label=replace(definition.label, kind="multiclass", classes=CLASSES))
    )
    site.shelf.scorers[1] = many
    yield site
    site.close()


@pytest.fixture
def ranked(tmp_path, definition):
    label = replace(definition.label, kind="ranking", group="depot")
    site = Site(folder(tmp_path, "ranked"), replace(definition, label=label))
    site.shelf.scorers[1] = lambda features: features[:, 4].astype(float)  # the heaviness
    yield site
    site.close()


def tensors(site, **row):
    columns = [{"name": name, "shape": [1], "data": [value]} for name, value in (ROW | row).items()]
    kinds = {each["name"]: each["datatype"] for each in site.get("/v2/models/parcels").json["inputs"]}
    return {"inputs": [column | {"datatype": kinds[column["name"]]} for column in columns]}


def test_a_number_is_answered_without_a_decision(number):
    answer = number.post("/predict/parcels", ROW).json
    assert answer == {"id": "p1", "score": 37.5, "version": "v1", "notes": answer["notes"]}


def test_rows_that_are_ranked_are_answered_with_the_rank_among_those_of_one_request(ranked):
    rows = [ROW | {"parcel": f"p{weight}", "weight": float(weight)} for weight in (2, 6, 4)]
    answers = ranked.post("/predict/parcels", {"rows": rows}).json["predictions"]
    assert [(each["score"], each["rank"]) for each in answers] == [(1.0, 3), (3.0, 1), (2.0, 2)]
    assert "decision" not in answers[0]
    assert ranked.post("/predict/parcels", rows[0]).json["rank"] == 1, "a row that is asked alone is the first"
    found = {each["name"]: each for each in ranked.post("/v2/models/parcels/infer", tensors(ranked)).json["outputs"]}
    assert (found["rank"]["datatype"], found["rank"]["data"]) == ("INT32", [1])
    described = ranked.get("/v2/models/parcels").json["outputs"]
    assert described[2] == {"name": "rank", "datatype": "INT32", "shape": [-1]}


def test_a_class_is_answered_with_the_probability_of_each(classed):
    answer = classed.post("/predict/parcels", ROW).json
    assert answer == {
        "id": "p1",
        "score": 0.5,
        "class": "late",
        "probabilities": dict(zip(CLASSES, CHANCES, strict=True)),
        "version": "v1",
        "notes": answer["notes"],
    }


def test_a_repeated_question_gets_the_captured_answer_whole(classed):
    first = classed.post("/predict/parcels", ROW).json
    classed.shelf.scorers[1] = lambda features: np.tile([1.0, 0.0, 0.0], (len(features), 1))
    assert classed.post("/predict/parcels", ROW).json == first


def test_the_open_inference_protocol_names_what_each_task_answers(number, classed):
    def shown(site):
        return {each["name"]: each for each in site.post("/v2/models/parcels/infer", tensors(site)).json["outputs"]}

    assert list(shown(number)) == ["id", "score", "version"]
    assert [each["name"] for each in number.get("/v2/models/parcels").json["outputs"]] == ["id", "score", "version"]
    found = shown(classed)
    assert found["class"]["data"] == ["late"]
    assert (found["probabilities"]["shape"], found["probabilities"]["data"]) == ([1, 3], CHANCES)
    described = classed.get("/v2/models/parcels").json
    assert described["parameters"] == {"classes": list(CLASSES)}
    assert described["outputs"][3] == {"name": "probabilities", "datatype": "FP64", "shape": [-1, 3]}


def test_a_batch_of_rows_has_the_class_and_its_probabilities_as_columns(classed):
    rows = pl.DataFrame([ROW | {"parcel": name} for name in ("a", "b")]).with_columns(
        pl.col("sent").str.to_datetime(time_zone="UTC")
    )
    frame = classed.plane.score_frame(rows)
    assert frame["class"].to_list() == ["late", "late"]
    assert frame["probabilities"].to_list() == [CHANCES, CHANCES]


def test_a_model_that_fails_on_a_row_leaves_it_without_an_answer(classed):
    def picky(features):
        return np.where(np.nanmax(features, axis=1, keepdims=True) > 20, np.nan, CHANCES)

    classed.shelf.scorers[1] = picky
    assert classed.post("/predict/parcels", ROW).status == 200
    assert classed.post("/predict/parcels", ROW | {"parcel": "p2", "weight": 60.0}).status == 503


def test_what_was_answered_is_captured_with_its_probabilities(classed, tmp_path):
    classed.post("/predict/parcels", ROW)
    frame = classed.plane._captures._captures.frame("parcels")
    assert frame.select("score", "probabilities").row(0) == (0.5, CHANCES)
