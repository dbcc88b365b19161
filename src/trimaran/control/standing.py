"""What was live at a moment: the version, its traffic, data, code, environment, verdicts and approvers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import takewhile

import msgspec

from trimaran.control.authorship import definitions, digests_of
from trimaran.control.rewinding import backwards, newest_at, newest_before
from trimaran.core.errors import Corrupt
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import Approval, Declared, Entry, ModelVersion, Release, Run, Traffic, Verdict, Wave, name_of
from trimaran.core.ports import ObjectStore

Moves = list[tuple[Entry, Release]]


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """Who said yes or no, in which role, and when."""

    person: str
    role: str
    decision: str
    at: datetime
    note: str = ""


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """One version that had a part in the traffic at the moment, with everything it stands on.

    ``stage_since`` is when it came to its part; ``features`` maps each to the digest of its author's text, None where no
    function of that name defines it, and ``suggested`` is the object with the text of the automated ones; ``code``,
    ``uncommitted``, ``model`` and ``environment`` are digests of objects; ``entry`` and ``run_entry`` are where the version
    and its run stand in the ledger.
    """

    version: str
    part: str
    percent: float
    stage_since: datetime
    entry: int
    run: str
    run_entry: int
    model: str
    compiled: str | None
    code: str
    commit: str | None
    uncommitted: str | None
    features: dict[str, str | None]
    suggested: str | None
    data: dict[str, int]
    parameters: dict[str, float | int | str | bool | None]
    python: str
    platform: str
    environment: str
    trained_from: datetime
    trained_to: datetime
    rows: int
    cause: str
    verdicts: dict[str, str]
    reasons: list[str]
    approvers: list[Signature]


class Seated(msgspec.Struct, frozen=True, kw_only=True):
    """The segments that were answered by models of their own, which the live version only accompanied.

    ``models`` is the version by segment, ``column`` what a segment is; ``since`` and ``entry`` are of the wave that left it so.
    """

    column: str
    models: dict[str, str]
    since: datetime
    entry: int


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What one product was at a moment. ``versions`` is empty while nothing was live.

    ``policies`` are those of the newest declaration until then, ``source`` the object with its text; ``entry`` is the
    newest entry of the ledger at the moment. ``owner`` is None before the product was declared; ``segments`` is None while
    the versions answered for all.
    """

    product: str
    at: datetime
    owner: str | None
    declared_at: datetime | None
    source: str | None
    policies: dict[str, str]
    traffic: Traffic
    versions: list[Served]
    last_move: str
    entry: int
    segments: Seated | None = None


def standing(ledger: Ledger, product: str, moment: datetime, objects: ObjectStore | None = None) -> Standing:
    """Return what was live at a moment and why, from the entries written until then.

    Reads the newest moves backwards and then only what they lead to, so that the time it takes does not grow with the
    ledger. Without ``objects`` no feature has a digest.
    """
    until = newest_at(ledger, moment)
    declared = newest_before(ledger, Declared, product, until=until)
    moves = backwards(ledger, Release, product, until=until)
    newest = next(moves, None)
    traffic = newest[1].traffic if newest is not None else Traffic()
    parts = [
        (traffic.live, "live", 100.0 - traffic.percent),
        (traffic.canary, "canary", traffic.percent),
        (traffic.shadow, "shadow", 0.0),
    ]
    lasting = _lasting(traffic, newest, moves)
    return Standing(
        product=product,
        at=moment,
        owner=declared[1].owner if declared else None,
        declared_at=declared[0].at if declared else None,
        source=declared[1].source if declared else None,
        policies=declared[1].policies if declared else {},
        traffic=traffic,
        versions=[
            _served(ledger, objects, product, number, (part, percent), _since(lasting, part, number), until)
            for number, part, percent in parts
            if number is not None
        ],
        last_move=f"{product}/v{newest[1].number} → {newest[1].stage}: {newest[1].reason}" if newest else "",
        entry=until,
        segments=_seated(ledger, product, until),
    )


def live_at(ledger: Ledger, product: str, until: int) -> int | None:
    """Return the number of the version that answered as the live one after entry ``until``, None when none did."""
    newest = newest_before(ledger, Release, product, until=until)
    return newest[1].traffic.live if newest is not None else None


def _seated(ledger: Ledger, product: str, until: int) -> Seated | None:
    newest = newest_before(ledger, Wave, product, until=until)
    if newest is None or not newest[1].seats:
        return None
    entry, wave = newest
    models = {segment: name_of(number) for segment, number in sorted(wave.seats.items())}
    return Seated(column=wave.column, models=models, since=entry.at, entry=entry.seq)


def _lasting(traffic: Traffic, newest: tuple[Entry, Release] | None, older: Iterator[tuple[Entry, Release]]) -> Moves:
    """Return the moves, newest first, after which any part of the traffic was with the version that has it now."""
    if newest is None:
        return []
    parts = [(part, getattr(traffic, part)) for part in ("live", "canary", "shadow")]
    open_parts = {part: number for part, number in parts if number is not None}

    def holds(move: tuple[Entry, Release]) -> bool:
        for part, number in list(open_parts.items()):
            if getattr(move[1].traffic, part) != number:
                del open_parts[part]
        return bool(open_parts)

    return [newest, *takewhile(holds, older)]


def _since(moves: Moves, part: str, number: int) -> Entry:
    """Return the entry from which on a version had its part without a break."""
    return [entry for entry, _ in takewhile(lambda move: getattr(move[1].traffic, part) == number, moves)][-1]


def _served(
    ledger: Ledger,
    objects: ObjectStore | None,
    product: str,
    number: int,
    part: tuple[str, float],
    since: Entry,
    until: int,
) -> Served:
    subject = f"{product}/v{number}"
    found = ledger.latest(ModelVersion, subject)
    if found is None:
        raise Corrupt(
            f"{subject} was released, and no entry says how it was made: verify the ledger with `trimaran audit verify`"
        )
    ref, version = found
    run = ledger.read(version.run, Run)
    verdicts = _verdicts(ledger, subject, ref.seq, since.seq if part[0] == "live" else until)
    return Served(
        version=version.name,
        part=part[0],
        percent=part[1],
        stage_since=since.at,
        entry=ref.seq,
        run=run.name,
        run_entry=version.run.seq,
        model=version.native,
        compiled=version.compiled,
        code=version.code,
        commit=run.code.commit,
        uncommitted=run.code.uncommitted,
        features=digests_of(version.features, definitions(objects, (version.code, version.suggested))),
        suggested=version.suggested,
        data=run.data,
        parameters=run.parameters,
        python=run.environment.python,
        platform=run.environment.platform,
        environment=run.environment.lock,
        trained_from=version.trained_from,
        trained_to=version.trained_to,
        rows=version.rows,
        cause=run.cause,
        verdicts={verdict.policy: verdict.outcome for verdict in verdicts},
        reasons=_gate_reasons(verdicts),
        approvers=_signatures(ledger, subject, until),
    )


def _verdicts(ledger: Ledger, subject: str, first: int, last: int) -> list[Verdict]:
    """Return the verdicts that led a version to its part: the daily watch of what is live already is not among them."""
    found = []
    for entry in ledger.store.scan(after=first, kinds=["verdict"], subject=subject):
        if entry.seq > last:
            break
        verdict = ledger.read(entry, Verdict)
        if verdict.policy != "watch":
            found.append(verdict)
    return found


def _signatures(ledger: Ledger, subject: str, until: int) -> list[Signature]:
    return [
        Signature(person=record.person, role=record.role, decision=record.decision, at=entry.at, note=record.note)
        for entry, record in ledger.history((Approval,), subject)
        if entry.seq <= until
    ]


def _gate_reasons(verdicts: list[Verdict]) -> list[str]:
    gates = [verdict for verdict in verdicts if verdict.policy == "gate"]
    return [f"{finding.check}: {finding.reason}" for finding in gates[-1].findings] if gates else []
