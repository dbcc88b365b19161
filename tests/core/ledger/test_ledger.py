"""Records through the ledger: written once, read back typed, lifted from old forms, never misread."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimaran.core.canon import canonical
from trimaran.core.clock import ManualClock
from trimaran.core.errors import Conflict, Corrupt, InputError, NotFound
from trimaran.core.ledger import KINDS, Codec, Ledger, Write, kind_of
from trimaran.core.nouns import Draft, Notice, Record, Ref, Release, Traffic, UnknownKind
from trimaran.core.ports import LedgerStore
from trimaran.testing import MemoryLedger, MemoryObjects, ledger_kit, objects_kit

NOON = datetime(2013, 7, 1, 12, tzinfo=UTC)
MOMENTS = st.datetimes(timezones=st.just(UTC))


@pytest.mark.parametrize("law", ledger_kit.LAWS, ids=lambda law: law.__name__)
def test_the_ledger_in_memory_keeps_the_laws_of_a_ledger(law: Callable[[LedgerStore], None]) -> None:
    law(MemoryLedger())


@pytest.mark.parametrize("law", objects_kit.LAWS, ids=lambda law: law.__name__)
def test_the_objects_in_memory_keep_the_laws_of_an_object_store(law: Callable[[MemoryObjects], None]) -> None:
    law(MemoryObjects())


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def ledger(clock: ManualClock) -> Ledger:
    return Ledger(MemoryLedger(), clock, "ada")


def notice(text: str = "t") -> Notice:
    return Notice(product="p", to="me", subject="s", text=text)


def release(number: int) -> Release:
    return Release(product="p", number=number, model="m", stage="live", traffic=Traffic(live=number), reason="r")


def test_a_record_comes_back_typed_by_its_ref(ledger: Ledger) -> None:
    ref = ledger.append(release(3), "p")
    assert ref == Ref("release", "p", 1, ref.digest)
    assert ledger.read(ref) == ledger.read(ref, Release) == release(3)
    assert ledger.read(ledger.store.get(1), Release) == release(3)


def test_a_ref_of_another_kind_digest_or_number_is_not_followed(ledger: Ledger) -> None:
    ref = ledger.append(notice(), "p")
    with pytest.raises(InputError, match="is a notice, not a release"):
        ledger.read(ref, Release)
    for wrong in (Ref("notice", "p", 1, "0" * 64), Ref("notice", "q", 1, ref.digest), Ref("turn", "p", 1, ref.digest)):
        with pytest.raises(Corrupt, match="another ledger"):
            ledger.read(wrong)
    with pytest.raises(NotFound):
        ledger.read(Ref("notice", "p", 2, ref.digest))


def test_the_same_fact_is_written_once_unless_a_key_tells_it_apart(ledger: Ledger, clock: ManualClock) -> None:
    ref = ledger.append(notice(), "p")
    clock.set(NOON + timedelta(days=1))
    assert ledger.as_actor("bob").append(notice(), "p") == ref
    assert ledger.append(notice(), "q") != ref
    assert ledger.append(notice(), "p", key="second time") != ref
    with pytest.raises(Conflict, match="second time"):
        ledger.append(notice("other"), "p", key="second time")


def test_a_decision_on_an_old_view_conflicts(ledger: Ledger) -> None:
    ref = ledger.append(release(1), "p", after=0)
    ledger.append(release(2), "p", after=ref.seq)
    with pytest.raises(Conflict, match="the newest entry is 2, not 1"):
        ledger.append(release(3), "p", after=ref.seq)


def test_several_records_are_written_together_or_not_at_all(ledger: Ledger) -> None:
    assert ledger.append_all([]) == []
    refs = ledger.append_all([Write(record=notice(), subject="p"), Write(record=release(1), subject="p", after=0)])
    assert [ref.seq for ref in refs] == [1, 2]
    with pytest.raises(Conflict):
        ledger.append_all([Write(record=notice("new"), subject="p"), Write(record=release(2), subject="p", after=0)])
    assert ledger.store.head() == 2


def test_entries_name_their_actor_and_moment(ledger: Ledger, clock: ManualClock) -> None:
    ledger.append(notice("a"), "p")
    clock.set(NOON + timedelta(hours=1))
    ledger.as_actor("bob").append(notice("b"), "p")
    assert [(entry.actor, entry.at) for entry in ledger.store.scan()] == [("ada", NOON), ("bob", NOON + timedelta(hours=1))]


def test_latest_and_history_are_typed_and_bounded(ledger: Ledger, clock: ManualClock) -> None:
    assert ledger.latest(Release, "p") is None
    for number in (1, 2, 3):
        clock.set(NOON + timedelta(hours=number))
        ledger.append(release(number), "p")
        ledger.append(notice(str(number)), "p")
    found = ledger.latest(Release, "p")
    assert found is not None
    assert (found[0].seq, found[1].number) == (5, 3)
    until = NOON + timedelta(hours=2)
    assert [record.number for _, record in ledger.history([Release], "p", until)] == [1, 2]
    assert [entry.seq for entry, _ in ledger.history([Release, Notice], after=4)] == [5, 6]
    assert list(ledger.history([Release], "q")) == []


def test_a_whole_chain_is_verified_with_its_count_and_head(ledger: Ledger) -> None:
    assert ledger.verify().count == 0
    ref = ledger.append(notice(), "p")
    assert (ledger.verify().count, ledger.verify().head) == (1, ref.digest)


class OldGauge(Record, frozen=True, kw_only=True, tag="gauge"):
    """A gauge as it was once stored: one text."""

    reading: str


class MiddleGauge(Record, frozen=True, kw_only=True, tag="gauge"):
    """A gauge as it was stored next: a number and a unit."""

    form: ClassVar[int] = 2
    value: float
    unit: str


class Gauge(Record, frozen=True, kw_only=True, tag="gauge"):
    """A gauge as it is stored today: in metres."""

    form: ClassVar[int] = 3
    metres: float


def split(fields: dict[str, Any]) -> dict[str, Any]:
    value, unit = fields.pop("reading").split()
    return {**fields, "value": float(value), "unit": unit}


def to_metres(fields: dict[str, Any]) -> dict[str, Any]:
    return {"kind": fields["kind"], "metres": fields["value"] * {"km": 1000.0, "m": 1.0}[fields["unit"]]}


LIFTS = {("gauge", 1): split, ("gauge", 2): to_metres}


def test_old_forms_are_lifted_step_by_step() -> None:
    codec = Codec([Gauge], LIFTS)
    for old in (OldGauge(reading="2 km"), MiddleGauge(value=2000.0, unit="m"), Gauge(metres=2000.0)):
        assert codec.decode("gauge", Codec([type(old)]).encode(old)) == Gauge(metres=2000.0)


def test_forms_that_nothing_reads_are_unknown() -> None:
    with pytest.raises(UnknownKind, match="nothing lifts it to form 2"):
        Codec([Gauge]).decode("gauge", Codec([OldGauge]).encode(OldGauge(reading="2 km")))
    with pytest.raises(UnknownKind, match="form 3"):
        Codec([OldGauge]).decode("gauge", Codec([Gauge]).encode(Gauge(metres=1.0)))


def test_a_kind_of_a_later_trimaran_is_unknown(ledger: Ledger) -> None:
    body = canonical({"kind": "gauge", "form": 1, "reading": "2 km"})
    (entry,) = ledger.store.append([Draft(at=NOON, actor="x", kind="gauge", subject="p", body=body, key="k")])
    with pytest.raises(UnknownKind, match="'gauge'"):
        ledger.read(entry.ref)
    with pytest.raises(UnknownKind):
        ledger.append(Gauge(metres=1.0), "p")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"form":1,"kind":"release"}', b'{"form":"1","kind":"turn"}'])
def test_a_body_that_is_not_of_its_kind_is_corrupt(body: bytes) -> None:
    with pytest.raises(Corrupt, match="turn"):
        Codec().decode("turn", body)


def test_every_noun_that_is_a_record_can_be_read() -> None:
    assert {kind_of(kind) for kind in KINDS} >= {
        "run",
        "version",
        "release",
        "verdict",
        "approval",
        "trigger",
        "ingest",
        "turn",
    }
    assert len({kind_of(kind) for kind in KINDS}) == len(KINDS)


def test_a_stored_record_reads_as_it_always_did() -> None:
    golden = b'{"about":null,"form":1,"kind":"notice","product":"p","subject":"s","text":"t","to":"me"}'
    assert Codec().encode(notice()) == golden
    assert Codec().decode("notice", golden) == notice()


st.register_type_strategy(datetime, MOMENTS)
st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))
st.register_type_strategy(int, st.integers(-(2**63), 2**63 - 1))
st.register_type_strategy(str, st.text(st.characters(codec="utf-8")))


def built(kind: type[Record]) -> st.SearchStrategy[Record]:
    return st.builds(kind, **{field.name: st.from_type(field.type) for field in msgspec.structs.fields(kind)})


RECORDS = st.one_of(*map(built, KINDS))


@settings(max_examples=200, deadline=None)
@given(record=RECORDS, subject=st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_any_record_comes_back_equal(record: Record, subject: str) -> None:
    ledger = Ledger(MemoryLedger(), ManualClock(NOON), "ada")
    ref = ledger.append(record, subject)
    again = ledger.read(ref)
    assert again == record
    assert type(again) is type(record)
    assert ledger.append(again, subject) == ref
    assert Ref.parse(str(ref)) == ref


DRAFTS = st.lists(
    st.lists(
        st.builds(
            ledger_kit.draft,
            st.sampled_from("abcdef"),
            kind=st.sampled_from(["turn", "notice"]),
            subject=st.sampled_from(["p", "q"]),
            after=st.none() | st.integers(0, 6),
        ),
        max_size=4,
    ),
    max_size=8,
)


@settings(max_examples=200, deadline=None)
@given(batches=DRAFTS)
def test_whatever_is_appended_the_index_is_the_fold_and_the_chain_holds(batches: list[list[Draft]]) -> None:
    store = MemoryLedger()
    for batch in batches:
        before = list(store.scan())
        try:
            store.append(batch)
        except Conflict:
            assert list(store.scan()) == before
    folded = {(entry.kind, entry.subject): entry for entry in store.scan()}
    assert all(store.latest(*place) == entry for place, entry in folded.items())
    assert Ledger(store, ManualClock(NOON), "ada").verify().count == store.head()
