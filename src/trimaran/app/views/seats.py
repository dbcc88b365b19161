"""What became of the model of a segment: which replication made it, and the waves that brought it in and took it out."""

from __future__ import annotations

from typing import NamedTuple

from trimaran.app.views.book import Book
from trimaran.build import read_sheet
from trimaran.control.state import ReplicationState, VersionState
from trimaran.core.nouns import Entry, name_of


class Seating(NamedTuple):
    """A wave that put a model into service for its segment, or took it out again."""

    entry: Entry
    stage: str
    reason: str


def seatings(book: Book, state: VersionState) -> list[Seating]:
    """Return when a segment's model came into service and left it, oldest first."""
    waves = sorted((wave for one in book.state.replications for wave in one.waves), key=lambda wave: wave[0].seq)
    found: list[Seating] = []
    for entry, wave in waves:
        seated = wave.seats.get(state.version.segment or "")
        if (seated == state.version.number) == bool(found and found[-1].stage == "live"):
            continue
        if seated == state.version.number:
            found.append(Seating(entry, "live", wave.reason))
        elif wave.stage != "live":
            found.append(Seating(entry, wave.stage, wave.reason))
        else:
            after = name_of(seated) if seated is not None else "the pooled version"
            found.append(Seating(entry, "retired", f"{after} answers instead: {wave.reason}"))
    return found


def made_in(book: Book, state: VersionState) -> ReplicationState | None:
    """Return the replication whose sheet names a segment's model, None where its training was never finished."""
    number = state.version.number
    for one in book.state.replications:
        if one.entry.seq > state.entry.seq and book.workspace.objects.has(one.record.sheet):
            models = read_sheet(book.workspace.objects.get(one.record.sheet))
            return one if any(model.version == number for model in models) else None
    return None


def awaited(book: Book, replication: ReplicationState) -> list[str]:
    """Return the roles whose approval the first wave of a replication waits for; none once a wave began."""
    if replication.waves or book.definition is None:
        return []
    given = {one.role for _, one in replication.approvals if one.decision == "approve"}
    return [role for role in book.definition.release.approve if role not in given]
