"""A product's whole life on its own history: the server is started, the callers call, and the outcome is written down."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from trimaran.app.callers import Callers
from trimaran.app.feed import Feed
from trimaran.app.gathering import gather
from trimaran.app.lifecycle import Lifecycle
from trimaran.app.loading import load_file
from trimaran.app.processes import ScoringServer
from trimaran.app.replay import Plan, Replay
from trimaran.app.views import Book, Summary, summary
from trimaran.app.workspace import CLOCK, Workspace
from trimaran.backends.footprint import PeakMemory
from trimaran.core.clock import SharedClock
from trimaran.core.nouns import Turn
from trimaran.core.ports import Progress
from trimaran.doors.report import write_report, write_story

JOURNAL = "acknowledged.log"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a rehearsal came to: every request accounted for, and what the loop did.

    ``lost`` counts answers that a caller was given and that no capture holds. ``seconds`` and ``peak_memory`` (bytes, of
    all processes together) are of this run; a run that went on after being cut short counts only its own part.
    """

    product: str
    requests: int
    answered: int
    refused: int
    batch: int
    captured: int
    labelled: int
    waiting: int
    unknowable: int
    lost: int
    seconds: float
    peak_memory: int
    summary: Summary


@dataclass(frozen=True)
class Stage:
    """Where a rehearsal plays: the product's file, the folder of its data, and the folder for what it leaves behind."""

    product: Path
    data: Path
    out: Path

    @property
    def workspace(self) -> Path:
        """The folder of the workspace."""
        return self.out / "workspace"


def rehearse(stage: Stage, plan: Plan, progress: Progress) -> Outcome:
    """Play a product's history through its whole life; go on where an earlier rehearsal on the same stage was cut short.

    Leaves ``workspace``, ``report.html``, ``story.md`` and ``summary.json`` in the stage's folder.
    """
    began = time.perf_counter()
    with PeakMemory() as memory:
        loaded = load_file(stage.product, root=stage.data)
        stage.workspace.mkdir(parents=True, exist_ok=True)
        fresh = not (stage.workspace / CLOCK).exists()
        clock = SharedClock(stage.workspace / CLOCK, plan.start if fresh else None)
        workspace = Workspace(stage.workspace, clock=clock)
        workspace.data_root = stage.data
        life = Lifecycle(workspace, loaded, progress, path=stage.product, seed=plan.seed)
        frames = gather(loaded.definition, progress).frames
        replay = Replay(life, Feed(loaded.definition, frames), clock, plan, progress)
        replay.prepare()
        with ScoringServer(stage.workspace) as server:
            callers = Callers(server.url, life.name, journal=stage.workspace / JOURNAL, count=plan.callers)
            try:
                replay.run(callers)
            finally:
                callers.close()
        book = Book.open(workspace, life.name)
        write_report(book, stage.out / "report.html")
        write_story(workspace, life.name, stage.out / "story.md")
    outcome = _outcome(book, seconds=time.perf_counter() - began, peak=memory.peak)
    (stage.out / "summary.json").write_bytes(msgspec.json.format(msgspec.json.encode(outcome)))
    return outcome


def _outcome(book: Book, *, seconds: float, peak: int) -> Outcome:
    workspace, product = book.workspace, book.product
    turns = [turn for _, turn in workspace.ledger.history([Turn], product)]
    counts = workspace.captures.counts(product)
    journal = workspace.root / JOURNAL
    acknowledged = set(journal.read_text(encoding="utf-8").split()) if journal.exists() else set()
    held = {prediction[0] for prediction in workspace.captures.answers(product, sorted(acknowledged))}
    return Outcome(
        product=product,
        requests=sum(turn.requests for turn in turns),
        answered=sum(turn.answered for turn in turns),
        refused=sum(turn.refused for turn in turns),
        batch=sum(turn.batch for turn in turns),
        captured=counts["predictions"],
        labelled=counts["labelled"],
        waiting=counts["waiting"],
        unknowable=counts["unknowable"],
        lost=len(acknowledged - held),
        seconds=round(seconds, 1),
        peak_memory=peak,
        summary=summary(book),
    )
