"""Lets people know what became of versions: a notice for what the gate said, and for each that went live, was refused or taken back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from trimaran.app.workspace import Workspace
from trimaran.control.outbox import IMPORTED, LIFETIME
from trimaran.control.story import Event, story
from trimaran.core.errors import Conflict
from trimaran.core.ledger import kind_of
from trimaran.core.nouns import Notice, Release, Verdict, Wave
from trimaran.data.declaration import Definition

_KINDS = (Verdict, Release, Wave)


class Herald:
    """Writes the notices of one product's events, each once, for whoever looks again: the event's entry is in their key.

    What happened while nobody looked is told afterwards, as long as it is news.
    """

    def __init__(self, workspace: Workspace, product: str) -> None:
        self._ledger = workspace.ledger
        self._product = product
        self._seq = 0

    def tell(self, definition: Definition, now: datetime) -> None:
        """Write a notice to every target for each event that is new."""
        head, kinds = self._ledger.store.head(), [kind_of(kind) for kind in _KINDS]
        fresh = [entry for entry in self._ledger.store.scan(after=self._seq, kinds=kinds) if entry.at > now - LIFETIME]
        if fresh and definition.watch.tell:
            newest = {entry.seq: entry for entry in fresh if not entry.key.startswith(IMPORTED)}
            for event in story(self._ledger, self._product) if newest else ():
                if event.seq in newest and _matters(event):
                    self._write(event, definition)
        self._seq = head

    def _write(self, event: Event, definition: Definition) -> None:
        entry = self._ledger.store.get(event.seq)
        for address in definition.watch.tell:
            notice = Notice(
                product=self._product,
                to=address,
                subject=f"{self._product}: {_headline(event)}",
                text=event.text + _wanted(event, definition.release.approve),
                about=entry.ref,
            )
            try:
                self._ledger.append(notice, self._product, key=f"event:{entry.digest}:{address}")
            except Conflict:  # it was told before, in other words: by an earlier trimaran, or under another policy
                continue


def _matters(event: Event) -> bool:
    """Tell whether an event is a person's to know: steps on the way of a candidate that goes well are not."""
    return (
        event.sort == "gate"
        or (event.sort == "release" and event.good is not None)
        or (event.sort == "segments" and event.good is False)
    )


def _headline(event: Event) -> str:
    head = event.text.partition(":")[0]
    return f"{event.about.rpartition('/')[2]}, {head}" if event.sort == "gate" else head


def _wanted(event: Event, roles: Sequence[str]) -> str:
    if event.sort != "gate" or event.good is False or not roles:
        return ""
    return f"\n\nIt waits for the approval of {' and '.join(roles)}: trimaran approve {event.about.rpartition('/')[2]} --role {roles[0]}"
