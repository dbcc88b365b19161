"""A pandera schema is judged as pandera does, or refused by the name of what cannot be."""

import pandera.polars as pa
import polars as pl
import pytest

from trimaran.core.errors import InputError
from trimaran.data.contracts import as_contract, from_pandera, judge


class Flights(pa.DataFrameModel):
    id: str = pa.Field(unique=True, str_matches="N[0-9]", str_length={"min_value": 2, "max_value": 4})
    origin: str = pa.Field(isin=["EWR", "JFK"], nullable=True)
    delay: float = pa.Field(gt=-10, in_range={"min_value": -5, "max_value": 9, "include_max": False})
    gate: int = pa.Field(ge=0, le=9)


def test_a_model_refuses_the_rows_that_pandera_finds():
    rows = pl.DataFrame(
        {
            "id": ["N1", "N2x", "X1", "N12345", "N4", "N5", "N6"],
            "origin": ["EWR", None, "JFK", "EWR", "LGA", "JFK", "JFK"],
            "delay": [0.0, -5.0, 1.0, 2.0, 3.0, float("nan"), 9.0],
            "gate": [0, 9, 3, 3, 3, 3, 3],
        }
    )
    with pytest.raises(pa.errors.SchemaErrors) as caught:
        Flights.validate(rows, lazy=True)
    found = {index for index in caught.value.failure_cases["index"].to_list() if index is not None}
    judged = judge(from_pandera(Flights).checks, rows)
    assert {number for number, refused in enumerate(judged.refused) if refused} == found == {2, 3, 4, 5, 6}


def test_what_cannot_be_converted_is_refused_by_name_all_at_once():
    schema = pa.DataFrameSchema(
        {
            "a": pa.Column(pl.Int8, [pa.Check.notin([3]), pa.Check(lambda data: data.lazyframe, name="mine")], coerce=True),
            "b": pa.Column(pl.String, [pa.Check(lambda data: data.lazyframe, name="isin")], required=False),
        },
        checks=[pa.Check(lambda data: data.lazyframe, name="whole")],
        strict=True,
    )
    with pytest.raises(InputError) as caught:
        as_contract(schema)
    said = [fault.what for fault in caught.value.faults]
    for name in ("'notin'", "'mine'", "'whole'", "strict", "a: coerce", "b: required=False", "b: check 'isin'"):
        assert any(name in words for words in said), name
    assert len(said) == 7


def test_what_is_no_contract_at_all_is_refused():
    with pytest.raises(InputError, match="contract= is int"):
        as_contract(3)
