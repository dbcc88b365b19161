"""Trains again what a run trained, into a workspace of its own: ``python -m trimaran.app.reproduction.training``.

A process of its own, so that it can run in another environment and beside other code than the one that asks for it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import polars as pl

from trimaran.app.computing import open_computing
from trimaran.app.loading import load_text
from trimaran.app.progress import progress
from trimaran.app.reproduction.outcome import RESULT, Again
from trimaran.app.workspace import Workspace
from trimaran.build import SHEET, Evidence, Job, Replicator, Sheet, Snapshot, Source, Trainer
from trimaran.control.gates import judge_segment
from trimaran.core.clock import ManualClock
from trimaran.core.errors import Fault, InputError, TrimaranError, UserCodeError
from trimaran.core.nouns import SCHEMAS, Ref, Run, Verdict
from trimaran.data.declaration import Definition
from trimaran.data.tables import Tables


def train_again(workspace: Workspace, product: str, run: Run, segment: str | None, scratch: Path) -> Again:
    """Return what a run makes of the same code, data, parameters and seed; everything is written below ``scratch``.

    A ``segment`` is the one that the run was of. Raises what the training raises, ``InputError`` where the segment has too few
    rows left.
    """
    sheet = msgspec.json.decode(workspace.objects.get(run.artifacts[SHEET]), type=Sheet)
    text = workspace.objects.get(run.code.source).decode()
    suggested = workspace.objects.get(sheet.suggested).decode() if sheet.suggested is not None else None
    # Runs of the first trimarans kept no columns: what their tables hold has them too.
    schemas = workspace.schemas(run.artifacts.get(SCHEMAS)) or {
        table: workspace.tables.read(f"{product}/{table}", version).collect_schema() for table, version in run.data.items()
    }
    definition = load_text(text, root=workspace.data_root, extra=suggested or "", schemas=schemas)
    tables = Tables(definition, workspace.tables, workspace.ledger, workspace.objects)
    until = run.until or run.started
    snapshot = Snapshot.at(tables, run.data, until)
    own = Workspace(scratch / "workspace", clock=ManualClock(until))
    job = Job(
        cause=run.cause,
        key=run.name,
        source=Source(text, suggested=suggested),
        seed=run.seed,
        parameters=None if run.trials else run.parameters,
        shuffled=run.shuffled,
        trials=run.trials or None,
    )
    with progress() as shown:
        trainer = Trainer(
            objects=own.objects,
            ledger=own.ledger,
            clock=own.clock,
            native=own.native,
            compiled=own.compiled,
            progress=shown,
            computing=open_computing(scratch, workspace.settings.computing),
            metrics=lambda: own.metrics,
        )
        if segment is None:
            made = trainer.train(definition, snapshot, job).run
        else:
            made = _segment_again(own, trainer, definition, snapshot, job, segment)
    return Again(
        run=made,
        sheet=msgspec.json.decode(own.objects.get(made.artifacts[SHEET]), type=Sheet),
        lock=own.objects.get(made.environment.lock).decode(),
        rows={name: snapshot.rows(name).select(pl.len()).collect().item() for name in run.data},
    )


def _segment_again(
    own: Workspace, trainer: Trainer, definition: Definition, snapshot: Snapshot, job: Job, segment: str
) -> Run:
    """Return the run of one segment's model, made alone by what makes those of all segments."""

    def judge(evidence: Evidence, model: str, stored: str, ref: Ref) -> Verdict:
        return judge_segment(definition, evidence, model, stored=stored, refs=[ref])

    # In this process: the same bytes as in many, and what the author's code raises is seen here.
    replicator = Replicator(trainer, judge, few=sys.maxsize)
    told = replicator.replicate(definition, snapshot, job, values=[segment]).models
    found = [run for _, run in own.ledger.history((Run,))]
    if not found:
        what = told[0].reason if told else f"{segment} is no value of the table any more"
        raise InputError(
            f"segment {segment}", [Fault(what=what, remedy="rows were erased or lost since: see `trimaran balance`")]
        )
    if found[0].error is not None:
        raise UserCodeError(found[0].error)
    return found[0]


def main() -> int:
    """Train again the run that the arguments name (workspace, ref, folder); return the exit code."""
    root, ref, folder = sys.argv[1:]
    try:
        workspace = Workspace.existing(Path(root))
        named = Ref.parse(ref)
        line = named.subject.rpartition("/")[0]
        product, _, segment = line.removesuffix("]").partition("[")
        made = train_again(workspace, product, workspace.ledger.read(named, Run), segment or None, Path(folder))
    except TrimaranError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    (Path(folder) / RESULT).write_bytes(msgspec.json.encode(made))
    return 0


if __name__ == "__main__":
    sys.exit(main())
