"""One turn of the loop: deliveries in, labels joined, monitors looked, and a new candidate trained where one is due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import polars as pl

from trimaran.app.lifecycle import Lifecycle


def turn(
    life: Lifecycle,
    deliveries: Mapping[str, pl.DataFrame],
    now: datetime,
    *,
    source: str | None,
    notes: Mapping[str, Sequence[str]] | None = None,
    drill: bool = False,
    watch: bool = True,
    retrain: bool = True,
) -> int:
    """Do everything that is due up to ``now`` and return how many labels were new.

    ``deliveries`` are new rows by table, from what ``source`` says, or each table's own source. ``drill`` trains a candidate on shuffled labels, to see
    the gate refuse it, unless a real candidate is on its way; without ``watch`` the monitors do not look, and without
    ``retrain`` nothing is trained. A turn done again, after it was cut short, repeats nothing that stands.
    """
    life.take_in(deliveries, source=source, key=now.isoformat(), notes=notes)
    labels = life.oversight.join_labels(now)
    findings = life.oversight.watch(now) if watch else []
    if drill and life.state.candidate is None:
        life.train("drill: labels shuffled on purpose", key=f"drill:{now.isoformat()}", planted=True)
    elif retrain:
        life.retrain(findings, now)
    return labels
