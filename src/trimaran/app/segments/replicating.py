"""Trains one model a segment of a product in a workspace, and judges them one by one and all together."""

from __future__ import annotations

from trimaran.app.workspace import Workspace
from trimaran.build import Evidence, Job, Own, Replicated, Replicator, Rival, Snapshot, Trainer
from trimaran.control.gates import GATE, judge_segment, judge_together
from trimaran.control.state import ProductState, VersionState
from trimaran.core.nouns import Ref, Verdict
from trimaran.data.declaration import Definition


def replicate_product(
    workspace: Workspace,
    trainer: Trainer,
    definition: Definition,
    snapshot: Snapshot,
    job: Job,
    *,
    state: ProductState,
    suggest: Own,
) -> Replicated:
    """Train and judge one model a segment, and write the verdict about all of them together; what was done is found again.

    The pooled version that they are held against is the live one, or before the first release the newest that passed its gate.
    """
    pooled = pooled_of(state)

    def judge(evidence: Evidence, model: str, stored: str, ref: Ref) -> Verdict:
        return judge_segment(definition, evidence, model, stored=stored, refs=[ref])

    found = Replicator(trainer, judge, defined=workspace.definition).replicate(
        definition,
        snapshot,
        job,
        pooled=(pooled.entry.ref, _rival(workspace, pooled)) if pooled is not None else None,
        own=suggest if definition.replication is not None and definition.replication.own else None,
    )
    if found.together is not None:
        sheet, stored = found.record.sheet, found.record.together
        verdict = judge_together(definition, found.together, sheet, stored=stored, refs=[found.ref])
        subject = f"{definition.name}/{found.record.name}"
        workspace.ledger.append(verdict, subject, key=f"replication:{subject}")
    return found


def pooled_of(state: ProductState) -> VersionState | None:
    """Return the version that answers for every segment without a model of its own, or will: None where none passed yet."""
    if state.live is not None:
        return state.live
    passed = [version for version in state.versions.values() if version.passed(GATE) and version.stage != "refused"]
    return passed[-1] if passed else None


def _rival(workspace: Workspace, pooled: VersionState) -> Rival:
    version = pooled.version
    return Rival(version.number, workspace.definition(version), workspace.scorer(version))
