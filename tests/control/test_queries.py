import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimaran.control.queries import Both, Compare, Either, Exists, Field, Not, OneOf, check_names, parse_query
from trimaran.core.errors import InputError


def refused(text):
    with pytest.raises(InputError) as caught:
        parse_query(text)
    return str(caught.value)


def test_a_question_becomes_parts_with_and_before_or():
    asked = parse_query(
        "metrics.auc > 0.8 and params.depth <= 6 or not tags.\"my team\" = 'ops' order by started desc, name limit 3"
    )
    assert asked.where == Either(
        (
            Both((Compare(Field("metrics", "auc", 0), ">", 0.8), Compare(Field("params", "depth", 22), "<=", 6.0))),
            Not(Compare(Field("tags", "my team", 47), "=", "ops")),
        )
    )
    assert [(one.field.name, one.descending) for one in asked.order] == [("started", True), ("name", False)]
    assert asked.limit == 3


def test_brackets_in_contains_and_exists_are_understood():
    asked = parse_query('(status in ("failed", "cut off") or error contains "nan") and exists metrics.val/loss')
    assert isinstance(asked.where, Both)
    assert asked.where.parts[0].parts[0] == OneOf(Field("run", "status", 1), ("failed", "cut off"))
    assert asked.where.parts[1] == Exists(Field("metrics", "val/loss", 69))


def test_nothing_is_a_question_too():
    assert parse_query("  ").where is None
    assert parse_query("order by metrics.auc").where is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "metric.auc > 1",
            "character 1, ▸metric.auc > 1: there is no metric.…, perhaps metrics is meant; choose from: metrics.NAME",
        ),
        ("statu = 'failed'", "a run has no 'statu', perhaps status is meant; choose from: name, project, status"),
        (
            "status = 'fail'",
            "character 10, status = ▸'fail': no run is 'fail'; choose from: running, finished, failed, cut off",
        ),
        ("metrics.auc = 'high'", "metrics.auc is a number; compare it with a number"),
        ("tags.team > 'a'", "tags.team is a text"),
        ("params.kind > 'a'", "'a' has no order"),
        ("started > 'soon'", "started is a moment; write like"),
        ("metrics.auc >", "character 14, metrics.auc >▸: a value was expected here"),
        ("metrics.auc ! 1", "'!' means nothing here"),
        ("name = 'x", "this text has no end"),
        ("name = 'x' name", "character 12, name = 'x' ▸name: nothing more was expected here"),
        ("(name = 'x'", "')' was expected here"),
        ("name = 'x' limit 0", "a whole number above zero was expected here"),
        ("(" * 50 + "name = 'x'" + ")" * 50, "brackets stand too deep"),
        (" or ".join(["seconds > 1"] * 101), "this is one condition too many"),
        ("x" * 4001, "it has 4,001 characters"),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_what_would_be_right(text, said):
    assert said in refused(text)


def test_names_that_no_run_has_are_told_all_at_once_with_those_that_are():
    known = {"metrics": ["auc", "loss"], "params": ["depth"], "tags": []}.__getitem__
    check_names(parse_query("metrics.auc > 0 order by params.depth"), known)
    with pytest.raises(InputError) as caught:
        check_names(parse_query("metrics.acu > 0 and tags.team = 'x' order by params.leaves"), known)
    assert "3 faults" in str(caught.value)
    assert "no run has metrics.acu; choose from: auc" in str(caught.value)
    assert "no run has tags.team; no run has any" in str(caught.value)


@given(st.text(alphabet="metrics.auc params tags()'\"=<>! andornotinlimit0123456789,\\-;%\n\x00é", max_size=80))
def test_any_text_is_a_question_or_an_error_of_ours(text):
    try:
        parse_query(text)
    except InputError as error:
        assert "query" in str(error)  # noqa: PT017  either way is right
