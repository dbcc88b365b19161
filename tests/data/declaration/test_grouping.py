"""A ranking is declared by the column that its groups have; what makes no sense of one is refused with what to do."""

from datetime import UTC, datetime

import polars as pl
import pytest

from trimaran.core.errors import DefinitionError
from trimaran.core.tasks import Ranking
from trimaran.data.declaration import Declaration

AT = datetime(2024, 1, 1, tzinfo=UTC)
FRAME = pl.DataFrame(
    {"shown": ["a"], "search": ["s"], "price": [1.0], "at": [AT], "clicks": [1], "seen": [AT], "order": ["o"]}
)


@pytest.fixture
def declared(tmp_path):
    FRAME.write_parquet(tmp_path / "shown.parquet")

    def declare(*, fit=None, accept=None, policies=(), **said):
        product = Declaration("search", owner="shop", predict_at="at")
        known = {"clicks": "seen", "order": "seen"}
        shown = product.table("shown.parquet", key="shown", time="at", known=known)

        @product.feature(shown)
        def dear(price):
            return price

        @product.label(shown, wait="1d", **said)
        def relevance(clicks):
            return clicks

        def plain(X, y):
            return X

        product.model()(fit or plain)
        product.accept(**({"out_of_time": "7d", "ndcg": ">= 0.6", "against_live": "-0.01"} | (accept or {})))
        for name, policy in dict(policies).items():
            getattr(product, name)(**policy)
        return product.freeze(tmp_path)

    return declare


def faults(declared, **said):
    with pytest.raises(DefinitionError) as raised:
        declared(**said)
    return "\n".join(f"{fault.what} | {fault.remedy}" for fault in raised.value.faults)


def test_a_group_makes_a_label_a_ranking_and_a_request_must_name_it(declared):
    definition = declared(group="search", at=5)
    assert definition.task == Ranking(5)
    assert (definition.group, definition.goal) == ("search", "ndcg")
    assert definition.given.names() == ["shown", "at", "search", "price"]
    assert "search" in definition.shape("shown").needed
    assert str(definition.acceptance.against_live[0]) == "ndcg >= live - 0.01"


def test_a_fit_that_takes_group_is_known_by_its_parameter(declared):
    def fit(X, y, group, depth=3):
        return X

    model = declared(group="search", fit=fit).model
    assert model.grouped
    assert model.parameters == {"depth": 3}


def test_a_group_with_a_default_stays_a_parameter_of_the_model(declared):
    def fit(X, y, group=3):
        return X

    model = declared(group="search", fit=fit).model
    assert not model.grouped
    assert model.parameters == {"group": 3}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"task": "ranking"}, "nothing says which are ranked among each other"),
        ({"group": "serach"}, "ranks within 'serach', which is not there"),
        ({"group": "order"}, "only known at 'seen'"),
        ({"group": "shown"}, "each row would be a group by itself"),
        ({"group": "search", "at": 0}, "counts 0 places"),
        ({"group": "search", "task": "regression"}, "group= and at= are of a ranking"),
        ({"group": "search", "accept": {"auc": ">= 0.6"}}, "accept() asks for auc, no measure of a ranking"),
        ({"group": "search", "policies": {"value": {"true_positive": 1}}}, "a ranking has no value by row"),
        ({"group": "search", "policies": {"replicate": {"by": "price"}}}, "a ranking is not replicated"),
        ({"group": "search", "policies": {"release": {"rollback": "drift > 0.5"}}}, "no scale in common"),
        ({"group": "search", "policies": {"watch": {"decay": "mae > 3"}}}, "watch() asks for mae, no measure of a ranking"),
    ],
)
def test_what_makes_no_sense_of_a_ranking_is_refused_and_says_what_to_do(declared, said, told):
    found = faults(declared, **said)
    assert told in found
    assert all(line.partition(" | ")[2] for line in found.splitlines())


def test_a_fit_that_takes_group_is_refused_where_rows_are_in_none(declared):
    def fit(X, y, group):
        return X

    found = faults(declared, task="regression", fit=fit)
    assert "takes group, and the rows of a regression label are in none" in found
    assert "no measure of a regression" in found
