"""A product's first acts in a workspace: take in what there is, train, judge, and release what may be released at once."""

from __future__ import annotations

from trimaran.app.feed import Feed
from trimaran.app.lifecycle import Lifecycle
from trimaran.app.replay import FACTS_BEFORE
from trimaran.control.state import VersionState
from trimaran.core.nouns import Verdict
from trimaran.data.tables import read_source


def run_once(life: Lifecycle) -> tuple[VersionState, Verdict]:
    """Take in everything that is known now, train a candidate and judge it; return it with the gate's verdict.

    A candidate that passed waits for the people whom the policy names; where it names nobody, it moves on at once. Rows
    that were taken in before are not taken in again.
    """
    now = life.workspace.clock.now()
    definition = life.definition
    frames = {name: read_source(definition.source(name)) for name in definition.tables}
    feed = Feed(definition, frames)
    occasion = f"run:{now.isoformat()}"
    life.declare()
    life.take_in(feed.timeless, source="source", key=f"{occasion}:timeless")
    life.take_in(feed.settled(None, now), source="source", key=occasion)
    for table, rows in (feed.timeless | feed.facts(now - FACTS_BEFORE, now)).items():
        life.workspace.online.push(life.name, table, rows, key=f"{occasion}:{table}")
    cause = "run by hand" if life.state.versions else "first training"
    state, verdict = life.train(cause, key=occasion)
    life.promotion.advance(now)
    return life.state.versions[state.version.number], verdict
