"""Models of segments go live in waves, each on proof; whoever is not in one is answered by the pooled model."""

import pytest
from shop import DIGEST, NOON, define, new_ledger, verdict

from trimaran.core.canon import digest_of
from trimaran.core.errors import Conflict, Refused
from trimaran.core.nouns import SEGMENTED, Approval, Finding, Replication, SegmentModel, Verdict, Wave
from trimaran.deploy import Waves, models_of, wave_of


@pytest.fixture
def ledger():
    return new_ledger()


@pytest.fixture
def definition(tmp_path):
    return define(tmp_path, {"by": "depot", "waves": [10, 50, 100]}, approve=["risk"])


def judged(ledger, policy, about, outcome="pass", subject="parcels/r1"):
    finding = Finding(check="auc", outcome=outcome, reason="as measured")
    record = Verdict(policy=policy, outcome=outcome, findings=[finding], about=about)
    return ledger.append(record, subject, key=f"verdict/{ledger.store.head()}")


def models(ledger, count=20, gate="pass"):
    made = []
    for number in range(count):
        digest = f"{number:064x}"
        proof = judged(ledger, "gate", digest, gate, f"parcels[d{number}]/s{number + 1}")
        made.append(
            SegmentModel(
                segment=f"d{number}",
                fate="own",
                rows=900,
                tested=100,
                version=SEGMENTED + number + 1,
                model=digest,
                proof=proof,
            )
        )
    return [*made, SegmentModel(segment="tiny", fate="few rows", rows=3, tested=0, reason="tiny has 3 rows")]


def replication(ledger, made, number=1):
    record = Replication(
        product="parcels",
        number=number,
        column="depot",
        cause="test",
        fates={"own": len(made) - 1, "few rows": 1},
        sheet=digest_of(made),
        together=None,
        pooled=None,
        goal="auc",
        data={},
        until=NOON,
        started=NOON,
        ended=NOON,
        seconds=1.0,
        workers=1,
    )
    return ledger.append(record, "parcels", key=f"replication/{number}"), record


def approved(ledger, sheet, **said):
    record = Approval(
        **{
            "product": "parcels",
            "number": 1,
            "model": sheet,
            "role": "risk",
            "person": "anna",
            "decision": "approve",
            **said,
        }
    )
    return ledger.append(record, "parcels/r1", key=f"approval/{ledger.store.head()}")


@pytest.fixture
def ready(ledger, definition):
    """Waves, a replication whose models passed, and a start that has all it needs."""
    made = models(ledger)
    ref, record = replication(ledger, made)
    proof, approval = judged(ledger, "replication", record.sheet), approved(ledger, record.sheet)
    waves = Waves(ledger, definition)
    return waves, ref, record, made, {"proof": proof, "approvals": [approval], "reason": "passed"}


def test_waves_of_growing_shares_serve_every_model_once(ledger, ready):
    waves, ref, record, made, given = ready
    waves.start(ref, made, **given)
    seen = [waves.current()[1]]
    while waves.next_wave(record, made) is not None:
        proof = judged(ledger, "wave", models_of(seen[-1].moves))
        waves.start(ref, made, proof=proof, reason="held")
        seen.append(waves.current()[1])
    assert [len(wave.moves) for wave in seen] == [2, 8, 10]
    assert [len(wave.seats) for wave in seen] == [2, 10, 20]
    assert sorted(move.segment for wave in seen for move in wave.moves) == sorted(f"d{n}" for n in range(20))
    assert "tiny" not in seen[-1].seats


def test_a_wave_that_would_move_nothing_is_passed_over(ledger, definition):
    own = [model for model in models(ledger) if model.fate == "own"][:2]
    ref, record = replication(ledger, own)
    waves = Waves(ledger, definition)
    proof, approval = judged(ledger, "replication", record.sheet), approved(ledger, record.sheet)
    waves.start(ref, own, proof=proof, approvals=[approval], reason="passed")
    waves.start(ref, own, proof=judged(ledger, "wave", models_of(waves.current()[1].moves)), reason="held")
    assert (waves.current()[1].number, len(waves.current()[1].seats)) == (2, 2)
    assert waves.next_wave(record, own) is None


def test_a_wave_draws_lots_that_differ_from_replication_to_replication(ledger):
    made = models(ledger)[:-1]
    first, second = ([move.segment for move in wave_of(made, [10, 100], 1, number)] for number in (1, 2))
    assert len(first) == len(second) == 2
    assert first != second


def test_few_segments_still_get_a_wave_each(ledger):
    made = models(ledger, 2)[:-1]
    sizes = [len(wave_of(made, [5, 25, 100], number, 1)) for number in (1, 2, 3)]
    assert sizes == [1, 1, 0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda ledger, record: {"approvals": []}, "nobody approved as risk"),
        (lambda ledger, record: {"proof": judged(ledger, "wave", record.sheet)}, "this one is of its wave"),
        (lambda ledger, record: {"proof": judged(ledger, "replication", record.sheet, "fail")}, "says fail"),
        (lambda ledger, record: {"proof": judged(ledger, "replication", DIGEST)}, "is about abab"),
        (lambda ledger, record: {"proof": judged(ledger, "replication", record.sheet, "unknown")}, "says unknown"),
        (lambda ledger, record: {"approvals": [approved(ledger, DIGEST)]}, "not about the sheet"),
        (lambda ledger, record: {"approvals": [approved(ledger, record.sheet, person="olga")]}, "by the product's owner"),
        (lambda ledger, record: {"approvals": [approved(ledger, record.sheet, decision="refuse")]}, "is a refusal"),
    ],
)
def test_the_first_wave_wants_proof_of_all_models_and_every_approval(ledger, ready, change, words):
    waves, ref, record, made, given = ready
    with pytest.raises(Refused, match=words):
        waves.start(ref, made, **(given | change(ledger, record)))
    assert waves.current() is None


def test_models_that_are_not_those_of_the_sheet_are_refused(ready):
    waves, ref, _, made, given = ready
    with pytest.raises(Refused, match="not those of its sheet"):
        waves.start(ref, made[1:], **given)


def test_a_model_that_did_not_pass_its_own_gate_stops_its_wave(ledger, definition):
    made = models(ledger, gate="fail")
    ref, record = replication(ledger, made)
    proof, approval = judged(ledger, "replication", record.sheet), approved(ledger, record.sheet)
    with pytest.raises(Refused, match="did not pass its gate"):
        Waves(ledger, definition).start(ref, made, proof=proof, approvals=[approval], reason="passed")


def test_the_next_wave_wants_a_verdict_about_the_one_before_it_that_is_younger(ledger, ready):
    waves, ref, _, made, given = ready
    early = judged(ledger, "wave", models_of(wave_of(made[:-1], [10, 50, 100], 1, 1)))
    waves.start(ref, made, **given)
    with pytest.raises(Refused, match="older than the wave it must judge"):
        waves.start(ref, made, proof=early, reason="too soon")
    with pytest.raises(Refused, match="a verdict of its wave is needed"):
        waves.start(ref, made, proof=given["proof"], reason="wrong policy")


def test_a_wave_that_is_rolled_back_gives_its_segments_back_and_ends_the_release(ledger, ready):
    waves, ref, record, made, given = ready
    waves.start(ref, made, **given)
    first = waves.current()[1]
    waves.start(ref, made, proof=judged(ledger, "wave", models_of(first.moves)), reason="held")
    waves.roll_back(reason="it did harm")
    assert waves.current()[1].seats == first.seats
    assert waves.current()[1].stage == "rolled back"
    assert waves.next_wave(record, made) is None
    with pytest.raises(Refused, match="no wave comes next"):
        waves.start(ref, made, **given)
    with pytest.raises(Refused, match="no wave to roll back"):
        waves.roll_back(reason="again")


def test_a_roll_back_brings_back_the_models_of_the_replication_before(ledger, ready, definition):
    waves, ref, _, made, given = ready
    waves.start(ref, made, **given)
    held = waves.current()[1].seats
    later = [
        SegmentModel(**{**{name: getattr(one, name) for name in one.__struct_fields__}, "version": one.version + 100})
        if one.version is not None
        else one
        for one in made
    ]
    newer, record = replication(ledger, later, 2)
    proof, approval = judged(ledger, "replication", record.sheet), approved(ledger, record.sheet)
    waves.start(newer, later, proof=proof, approvals=[approval], reason="newer")
    assert waves.current()[1].seats != held
    waves.roll_back(reason="worse")
    assert waves.current()[1].seats == held


def test_an_older_replication_cannot_go_on_and_retiring_leaves_all_to_the_pooled_model(ledger, ready):
    waves, ref, _, made, given = ready
    waves.start(ref, made, **given)
    replication(ledger, made, 2)
    with pytest.raises(Refused, match="r2 is newer"):
        waves.start(ref, made, proof=given["proof"], reason="old")
    waves.retire(reason="enough")
    assert waves.current()[1].seats == {}
    with pytest.raises(Refused, match="no segment"):
        waves.retire(reason="again")


def test_two_who_start_the_same_wave_start_it_once(ledger, ready):
    waves, ref, _, made, given = ready
    seen = waves.current()
    waves.start(ref, made, **given)
    wave = waves.current()[1]
    with pytest.raises(Conflict):
        waves._write(Wave(**{**{n: getattr(wave, n) for n in wave.__struct_fields__}, "reason": "another"}), seen)


def test_a_gate_is_no_proof_of_a_replication(ledger, ready):
    waves, ref, _, made, given = ready
    with pytest.raises(Refused, match="a verdict of its replication is needed"):
        waves.start(ref, made, **(given | {"proof": verdict(ledger)}))
