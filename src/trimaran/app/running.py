"""A product's first acts in a workspace: take in what there is, train, judge, and release what may be released at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from trimaran.app.barring import Barred
from trimaran.app.feed import Feed
from trimaran.app.gathering import gather
from trimaran.app.lifecycle import Lifecycle
from trimaran.app.replay import FACTS_BEFORE
from trimaran.control.state import VersionState
from trimaran.core.nouns import Ingest, Verdict
from trimaran.data.sources import SOURCE


def run_once(life: Lifecycle, *, again: bool = False) -> tuple[VersionState, Verdict]:
    """Take in everything that is known now, train a candidate and judge it; return it with the gate's verdict.

    Stages where nothing changed since an earlier training are taken from it, unless all is to be done ``again``. A candidate that passed waits for the people whom the policy names; where it names nobody, it moves on at once. Rows
    that were taken in before are not taken in again. Where segments are declared, their models follow.
    """
    now = life.workspace.clock.now()
    take_in(life, now)
    cause = "run by hand" if life.state.versions else "first training"
    state, verdict = life.train(cause, key=_occasion(now), again=again)
    life.promotion.advance(now)
    life.replicate(cause, key=f"segments:{_occasion(now)}")
    return life.state.versions[state.version.number], verdict


def take_in(life: Lifecycle, now: datetime) -> list[Ingest]:
    """Take in what the product's sources hold and is known now, and return what came of each delivery.

    Raises ``InputError``, before anything is written, where a source breaks the contract of its table.
    """
    workspace, occasion = life.workspace, _occasion(now)
    held = {name: life.tables.frame(name) for name in life.definition.tables}
    found = gather(life.definition, life.progress, held)
    barred = Barred(workspace, life.name)
    feed = Feed(life.definition, barred.without_all(found.frames))
    life.declare()
    found = replace(found, unreadable=barred.without_all(found.unreadable))
    due = feed.timeless | feed.settled(None, now)
    waiting = {name: rows.height - (due[name].height if name in due else 0) for name, rows in found.frames.items()}
    notes = {name: [*said, *_waiting(waiting[name])] for name, said in found.notes.items()}
    taken = life.take_in(found.with_unreadable(due), source=None, key=occasion, notes=notes)
    for table, rows in (feed.timeless | feed.facts(now - FACTS_BEFORE, now)).items():
        workspace.online.push(life.name, table, rows, key=f"{occasion}:{table}")
    return taken


def _waiting(rows: int) -> list[str]:
    """Say of rows that are not taken in yet why they are not."""
    return [f"{SOURCE}: {rows:,} rows wait: their time, or the moment that a value is known, is yet to come"] if rows else []


def _occasion(now: datetime) -> str:
    return f"run:{now.isoformat()}"
