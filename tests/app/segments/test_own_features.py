"""Segments whose features are their own, from the file to the answers that callers get."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from shops import NOW, PRODUCT, START, lived, sales

from trimaran.app.batch import BatchScorer
from trimaran.app.reproduction import reproduce
from trimaran.app.segments import segments_view
from trimaran.app.serving import dataplane_of
from trimaran.app.views import Book
from trimaran.core.nouns import ModelVersion, Run

FILLED = "from sklearn.impute import SimpleImputer\nfrom sklearn.pipeline import make_pipeline"
OWN = PRODUCT.replace("from sklearn.linear_model", f"{FILLED}\nfrom sklearn.linear_model")
OWN = OWN.replace("LogisticRegression()", "make_pipeline(SimpleImputer(), LogisticRegression())")
OWN = OWN.replace('waves=[20, 100], hold="1h")', 'waves=[100], hold="1h", features="own")').replace(
    "@product.label(", "product.suggest(sales, limit=2)\n\n@product.label(", 1
)


def returned(each, seed, days=0):
    """Return sales whose outcome hangs in even shops on w, in the odd ones against it, and in shop 6 not on it at all.

    For all shops together w says nothing: the rows of an odd shop are those of the one before, with the other w.
    """
    random = np.random.default_rng(seed)
    frame = sales(each=each, seed=seed).filter(pl.col("shop") != "shop 7").sort("shop", "at", maintain_order=True)
    # Shops 0 and 1 have the rows of one draw, shops 2 and 3 those of the next, and so on.
    pairs = np.arange(7) // 2
    x, noise = (drawn[pairs].ravel() for drawn in random.normal(size=(2, 4, each)))
    sign = np.where(np.arange(7) % 2 == 0, 1.0, -1.0)[:, None]
    w = (sign * random.choice([-1.0, 1.0], size=(4, each))[pairs]).ravel()
    weight = (sign * np.where(np.arange(7) == 6, 0.0, 2.5)[:, None] * np.ones(each)).ravel()
    outcome = (x + weight * w + noise > 0).astype(np.int64)
    moved = (pl.col("at") + timedelta(days=days), pl.col("told") + timedelta(days=days))
    return frame.with_columns(*moved, x=pl.Series(x), w=pl.Series(w), returned=pl.Series(outcome))


@pytest.fixture(scope="module")
def life(tmp_path_factory):
    return lived(tmp_path_factory.mktemp("own"), OWN, returned(900, 1))


def features(life):
    found = {}
    for entry, version in life.ledger.history((ModelVersion,)):
        if version.segment is not None:
            found[version.segment] = (entry, version)
    return found


def test_each_segment_gets_the_features_that_help_it_and_says_what_it_is_asked(life):
    view = segments_view(Book.open(life.workspace, "shops"))
    assert {row.segment: row.fate for row in view.segments} == {f"shop {n}": "own" for n in range(7)}
    made = {segment: version for segment, (_, version) in features(life).items()}
    for n in range(6):
        assert "w_as_given" in made[f"shop {n}"].features
        assert "w" in [one.name for one in made[f"shop {n}"].signature.given]
        assert "w_as_given" in life.workspace.objects.get(made[f"shop {n}"].suggested).decode()
    assert "w_as_given" not in made["shop 6"].features
    assert "w_as_given" not in life.state.versions[1].version.features
    assert next(row for row in view.segments if row.segment == "shop 0").quality > 0.9


def test_answers_come_from_the_segments_own_features(life):
    life.sign_if_awaited("risk", "anna")
    life.promotion.advance(NOW)
    asked = returned(40, 3, days=50)
    life.workspace.clock.set(NOW + timedelta(hours=1))
    answers = BatchScorer(life.workspace, "shops").score(asked.drop("told", "returned"))
    assert answers == asked.height
    own = (
        life.workspace.captures.frame("shops", since=START)
        .filter(pl.col("role") == "live")
        .join(asked, left_on="id", right_on="sale")
    )
    own = own.filter(pl.col("shop").is_in([f"shop {n}" for n in range(6)]))
    assert (own["version"] > 1_000_000).all()
    hits = (own["score"] > 0.5) == (own["returned"] > 0)
    assert hits.mean() > 0.8


def test_a_caller_may_send_what_any_segment_uses(life):
    plane = dataplane_of(life.workspace, "shops")
    plane.warm_up()
    body = '{"sale": "%s", "at": "2024-02-25T12:00:00Z", "shop": "shop 0", "x": 0.1, "z": 0.0, "w": %s}'
    low, high = (plane.score(plane.reader.read((body % (f"mine {w}", w)).encode()).rows)[0] for w in (-1.0, 1.0))
    assert low.score < 0.2
    assert high.score > 0.8
    assert not [note for note in high.notes if "w" in note.split()]


def test_a_suggestion_that_fails_leaves_its_segment_to_the_pooled_model_and_the_others_go_on(tmp_path):
    text = OWN.replace("    return x\n", "    return x.map_batches(weighed, return_dtype=pl.Float64)\n")
    text = "import polars as pl\n" + text + WEIGHED
    rows = returned(300, 5).filter(pl.col("shop").is_in(["shop 0", "shop 1", "shop 2"]))
    heavy = (pl.col("shop") == "shop 1") & (pl.int_range(pl.len()).over("shop") == 7)
    life = lived(tmp_path, text, rows.with_columns(x=pl.when(heavy).then(99.0).otherwise("x")))
    found = {row.segment: row for row in segments_view(Book.open(life.workspace, "shops")).segments}
    assert {name: row.fate for name, row in found.items()} == {"shop 0": "own", "shop 1": "failed", "shop 2": "own"}
    reason = found["shop 1"].reason
    assert 'raise ValueError("nothing weighs that much")' in reason
    assert "trimaran/" not in reason
    (run,) = [run for _, run in life.ledger.history((Run,)) if run.error is not None]
    assert run.error == reason


WEIGHED = """

def weighed(sizes):
    if sizes.len() < 500 and (sizes.max() or 0) > 50:
        raise ValueError("nothing weighs that much")
    return sizes
"""


def test_a_model_of_its_own_features_comes_out_the_same_from_the_record_alone(life):
    found = reproduce(life.workspace, features(life)["shop 0"][1].name)
    assert found.same
    assert "w_as_given" in next(one.now for one in found.made if one.name == "features")
