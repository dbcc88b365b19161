"""A person's yes or no to a version that waits for it, through whichever door it comes."""

from __future__ import annotations

import re
from typing import Literal

from trimaran.app.views import Book, made_in
from trimaran.app.workspace import Workspace
from trimaran.control.approvals import sign, sign_replication
from trimaran.core.errors import Fault, InputError, Refused
from trimaran.core.nouns import Ref

Decision = Literal["approve", "refuse"]
_LONGEST = 2000


def decide(
    workspace: Workspace, product: str, version: str, decision: Decision, *, role: str, person: str, note: str = ""
) -> Ref:
    """Write a person's decision on a staged version, or on all models of a replication like ``r2``, into the ledger, in the person's own name.

    Raises ``NotFound`` for an unknown product or version, ``InputError`` for a nameless person or too long a note and
    ``Refused`` where the policy does not allow it.
    """
    faults = []
    if not person.strip():
        faults.append(Fault(what="nobody signs", remedy="give the name of the person who decides"))
    if len(note) > _LONGEST or len(person) > _LONGEST:
        faults.append(Fault(what=f"the text is longer than {_LONGEST} characters", remedy="shorten it"))
    if faults:
        raise InputError("decision", faults)
    book = Book.open(workspace, product)
    of_segments = re.fullmatch(r"r\d+", version) is not None
    state = None if of_segments else book.version(version)
    if book.definition is None:
        raise Refused(f"nobody can decide on {product}: {'; '.join(book.faults)}")
    if state is not None and state.version.segment is not None:
        made = made_in(book, state)
        together = f"`trimaran {decision} {made.record.name}`" if made is not None else "`trimaran segments`"
        raise Refused(
            f"{version} is the model of a segment, and all models of a training are decided on together: {together}"
        )
    ledger = workspace.ledger.as_actor(person.strip())
    if state is None:
        policy = book.definition.release
        return sign_replication(ledger, book.state, policy, version, role, decision=decision, note=note.strip())
    number = state.version.number
    return sign(ledger, book.state, book.definition.release, number, role, decision=decision, note=note.strip())
