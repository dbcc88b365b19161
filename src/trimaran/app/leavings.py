"""What runs that ended or were cut off leave beside the ledger and the objects: points of metrics, and results of steps."""

from __future__ import annotations

from collections.abc import Sequence

from trimaran.app.workspace import METRICS, STEPS, Workspace
from trimaran.core.nouns import Ref


def weight(workspace: Workspace, refs: Sequence[Ref]) -> int:
    """Return how many bytes some runs still have there; of runs of products none."""
    found = 0
    tracked, piped = _sorted(refs)
    if tracked and (workspace.root / METRICS).exists():
        found += workspace.metrics.weight(tracked)
    if piped and (workspace.root / STEPS).exists():
        found += workspace.steps.weigh(piped)[1]
    return found


def remove(workspace: Workspace, refs: Sequence[Ref]) -> None:
    """Remove it; what is gone already is passed over."""
    tracked, piped = _sorted(refs)
    if tracked and (workspace.root / METRICS).exists():
        workspace.metrics.remove(tracked)
    if piped and (workspace.root / STEPS).exists():
        workspace.steps.forget(piped)


def _sorted(refs: Sequence[Ref]) -> tuple[list[str], list[str]]:
    """Return the subjects of tracked runs, and the names of runs of pipelines."""
    return (
        list(dict.fromkeys(ref.subject for ref in refs if ref.kind in {"tracked", "started"})),
        [ref.subject.rpartition("/")[2] for ref in refs if ref.kind in {"pipeline", "begun"}],
    )
