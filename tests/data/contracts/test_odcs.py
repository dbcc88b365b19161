"""A contract file is read whole: every check it states, every fault it has, each with its line."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimaran.core.errors import InputError, NotFound
from trimaran.data.contracts import (
    Allowance,
    Expression,
    Finite,
    Fresh,
    Length,
    Pattern,
    Range,
    Reference,
    Required,
    Rows,
    Unique,
    Values,
    parse_contract,
    read_contract,
)

WHOLE = """
apiVersion: v3.1.0
kind: DataContract
schema:
  - name: flights
    properties:
      - name: id
        logicalType: string
        primaryKey: true
        logicalTypeOptions: {minLength: 2, maxLength: 9, pattern: '[A-Z]+[0-9]+'}
      - name: carrier
        logicalType: string
        required: true
        quality:
          - metric: invalidValues
            arguments: {validValues: [NO, on, 9E]}
            mustBe: 0
            severity: critical
        relationships:
          - to: carriers.code
      - name: delay
        logicalType: number
        logicalTypeOptions: {exclusiveMinimum: -90.5, maximum: 3000}
        customProperties:
          - {property: policy, value: warn}
        quality:
          - {metric: nullValues, mustBeLessThan: 5, unit: percent, name: most delays are known}
          - {type: custom, engine: trimaran, implementation: finite}
          - {type: text, description: people read this}
      - name: at
        logicalType: timestamp
        logicalTypeOptions: {minimum: 2013-01-01}
    quality:
      - {metric: rowCount, mustBeBetween: [1, 1000], severity: warning}
      - {metric: duplicateValues, arguments: {properties: [carrier, at]}, mustBe: 0}
      - {type: custom, engine: trimaran, implementation: "delay is null or delay < 500"}
slaProperties:
  - {property: latency, value: 3, unit: h, element: flights.at, severity: critical}
  - {property: retention, value: 3, unit: y}
"""


def test_everything_a_contract_states_becomes_a_check():
    contract = parse_contract(WHOLE)
    assert contract.types == {"id": "string", "carrier": "string", "delay": "number", "at": "timestamp"}
    assert list(contract.checks) == [
        Length(columns=("id",), low=2, high=9),
        Pattern(columns=("id",), pattern="[A-Z]+[0-9]+"),
        Required(columns=("carrier",)),
        Values(columns=("carrier",), values=("NO", "on", "9E"), policy="stop"),
        Reference(columns=("carrier",), table="carriers", others=("code",)),
        Range(columns=("delay",), low=-90.5, high=3000, open_low=True, policy="warn"),
        Required(
            columns=("delay",), allowed=Allowance(5, percent=True, strict=True), policy="warn", title="most delays are known"
        ),
        Finite(columns=("delay",), policy="warn"),
        Range(columns=("at",), low="2013-01-01"),
        Required(columns=("id",)),
        Unique(columns=("id",)),
        Rows(low=1, high=1000, policy="warn"),
        Unique(columns=("carrier", "at")),
        Expression(text="delay is null or delay < 500"),
        Fresh(columns=("at",), age=timedelta(hours=3), policy="stop"),
    ]
    assert [check.where for check in contract.checks[:4]] == ["contract.yaml:10"] * 2 + [
        "contract.yaml:13",
        "contract.yaml:15",
    ]


BROKEN = """kind: DataContract
schema:
  - name: flights
    properties:
      - name: a
        logicalType: text
        requierd: true
      - name: b
        logicalType: string
        logicalTypeOptions: {pattern: '(?=x)', format: email, minLength: two}
      - name: c
        logicalType: integer
        unique: 1
        logicalTypeOptions: {multipleOf: 3, minimum: 9, maximum: 1}
        quality:
          - {metric: nullValues, mustBeGreaterThan: 3}
          - {metric: median, mustBe: 3}
          - {metric: nullValues, mustBe: 0, severity: awful}
          - {type: sql, query: "select 1", mustBe: 1}
          - {metric: invalidValues, mustBe: 0}
        relationships:
          - {to: carriers}
      - name: c
      - logicalType: string
    quality:
      - {type: custom, engine: trimaran, implementation: "(select 1) > 0"}
      - {type: custom, engine: trimaran, implementation: "zz > 0"}
      - {metric: rowCount}
slaProperties:
  - {property: latency, value: soon, element: c}
"""


def test_all_faults_of_a_contract_come_at_once_each_with_its_line():
    with pytest.raises(InputError) as caught:
        parse_contract(BROKEN, "flights.contract.yaml")
    lines = [int(fault.where.removeprefix("flights.contract.yaml:")) for fault in caught.value.faults]
    assert lines == sorted(lines)
    assert set(lines) == {1, 6, 7, 10, 13, 14, 16, 17, 18, 19, 20, 22, 23, 24, 26, 27, 28, 30}
    assert all(fault.remedy for fault in caught.value.faults)
    said = str(caught.value)
    for words in (
        "did you mean 'required'",
        "look-around",
        "'format'",
        "'multipleOf'",
        "nothing lies between 9 and 1",
        "asks another query",
    ):
        assert words in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [1, 2", "contract.yaml:1: not YAML"),
        ("a: 1\na: 2", "contract.yaml:2: 'a' stands here twice"),
        ("a: &x [1]\nb: *x", "contract.yaml:2: an alias"),
        ("a: !!python/object:os.system x", "of a kind that is not read"),
        ("a: 1\n---\nb: 1", "not YAML"),
        ("[" * 500, "not YAML|levels deep"),
        ("", "a contract is expected here"),
        ("kind: DataContract\napiVersion: v2.0.0", "not of the standard's version 3"),
        ("\x00", "not YAML"),
    ],
)
def test_a_text_that_is_no_plain_yaml_is_refused_with_its_line(text, words):
    with pytest.raises(InputError, match=words):
        parse_contract(text)


@given(
    st.text(max_size=60)
    | st.recursive(st.text(max_size=5), lambda inner: st.lists(inner, max_size=3), max_leaves=8).map(repr)
)
def test_no_text_brings_anything_but_an_error_of_ours(text):
    with pytest.raises(InputError):
        parse_contract(text)


def test_a_contract_of_several_tables_says_which_it_has(tmp_path):
    (tmp_path / "two.yaml").write_text(
        "apiVersion: v3.0.2\nkind: DataContract\nschema:\n  - {name: a, properties: [{name: x}]}\n  - {name: b}\n"
    )
    assert list(read_contract(tmp_path / "two.yaml", "a").types) == ["x"]
    with pytest.raises(InputError, match="none of which is 'c'; name one of: a, b"):
        read_contract(tmp_path / "two.yaml", "c")
    with pytest.raises(NotFound, match=r"there is no contract .*three\.yaml"):
        read_contract(tmp_path / "three.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9")
    with pytest.raises(InputError, match="not UTF-8 at byte 9"):
        read_contract(tmp_path / "latin.yaml")
