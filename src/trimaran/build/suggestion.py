"""Automated features: proposed, proven on the newest training rows, and frozen into text that a person can read and keep."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from threadpoolctl import threadpool_limits

from trimaran.build.fitting import scores_of
from trimaran.build.ideas import Idea, ideas
from trimaran.build.training_set import Rows, Snapshot, TrainingSets
from trimaran.core.checks import LOWER
from trimaran.core.nouns import Measurement
from trimaran.core.ports import Progress
from trimaran.core.tasks import Task, evenly
from trimaran.data.declaration import Definition, Feature

SAMPLE = 50_000
"""Rows looked at: enough to see a gain of half a point of AUC, few enough to take seconds."""

FITS = 24
"""Models fitted at most while ideas are added one by one."""

CONFIDENCE = 0.9
"""Level of the two-sided interval whose lower end must lie above zero: an idle idea is kept one time in twenty."""

_TASK = "suggesting"
_JUDGE = "sklearn.ensemble"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Suggested:
    """Features that were kept, with the gain of each, and the text that declares them; empty when nothing helped."""

    features: tuple[Feature, ...]
    gains: dict[str, Measurement]
    text: str
    tried: int


def suggest(
    definition: Definition,
    snapshot: Snapshot,
    sets: TrainingSets,
    *,
    seed: int,
    progress: Progress,
    train: Rows | None = None,
) -> Suggested:
    """Return automated features for a product that asks for them, on ``train`` where only some training rows are meant.

    Ideas come from the declared tables under the definition's own rules of time. All together are fitted on the older part
    of the training window and ranked by what is lost of the measure models are compared on when one is shuffled on the next part; then they are added
    one by one, and kept where the paired gain on the newest part is above zero beyond its interval. The three parts follow
    each other in time, and none of them lies in the out-of-time window.
    """
    if definition.suggestion is None:
        return Suggested((), {}, "", 0)
    train = train if train is not None else sets.make(definition, snapshot).train
    found = ideas(definition, dict(snapshot.frames), float(definition.task.numbers(train.labels).mean()))
    sample = train.take(evenly(train.labels, SAMPLE))
    wide = definition.with_features([idea.feature for idea in found])
    features = sets.apart().features(wide, snapshot, sample.asked)
    contest = _Contest.over(
        Rows(features, sample.labels, sample.asked, sample.predict_at, sample.final_at), definition, seed
    )
    if not found or not contest.fair:
        return Suggested((), {}, "", 0)
    progress.start(_TASK, FITS)
    import_module(_JUDGE)  # here, since every command that reads a workspace would wait for it otherwise
    # Measured: beside other work two threads wait for each other up to nine times longer than one takes alone.
    with threadpool_limits(limits=1):
        kept, gains, tried = _add_one_by_one(definition, found, contest, progress)
    progress.finish(_TASK)
    return Suggested(tuple(idea.feature for idea in kept), gains, _written(definition, kept, gains, len(found)), tried)


@dataclass(frozen=True)
class _Contest:
    """Three parts of the training window, oldest first: to fit on, to rank on, and to decide on."""

    fitting: Rows
    ranking: Rows
    deciding: Rows
    task: Task
    goal: str
    seed: int

    @classmethod
    def over(cls, rows: Rows, definition: Definition, seed: int) -> _Contest:
        fitting, newer = rows.newest(0.4)
        ranking, deciding = newer.newest(0.5)
        return cls(fitting, ranking, deciding, definition.task, definition.goal, seed)

    @property
    def fair(self) -> bool:
        return not any(self.task.lacking(part.labels) for part in (self.fitting, self.ranking, self.deciding))

    def fitted(self, names: list[str]) -> Any:
        # One small, fixed model judges every idea, so that the gain is the idea's and not another tuning's.
        kind = "Regressor" if self.task.method == "predict" else "Classifier"
        judge = getattr(import_module(_JUDGE), f"HistGradientBoosting{kind}")
        model = judge(max_iter=50, max_leaf_nodes=15, early_stopping=False, random_state=self.seed)
        rows = self.fitting.features.select(names).to_numpy().copy()
        rows[:, np.isnan(rows).all(axis=0)] = 0.0  # a column without any value cannot be cut, and scikit-learn raises
        return model.fit(rows, self.task.numbers(self.fitting.labels))

    def scores(self, names: list[str]) -> Floats:
        """Return the scores on the deciding rows of a model of some features; all alike when there is none."""
        if not names:
            return self._alike()
        return scores_of(self.fitted(names), self.task, self.deciding.features.select(names))

    def ranked(self, names: list[str], proposed: list[str]) -> list[str]:
        """Return the proposed features whose shuffling costs quality on the ranking rows, the dearest first."""
        model, rows = self.fitted(names), self.ranking.features.select(names).to_numpy().copy()
        whole = self._worth(model, rows, names)
        generator = np.random.default_rng(self.seed)
        lost = {}
        for name in proposed:
            place = names.index(name)
            column = rows[:, place].copy()
            rows[:, place] = generator.permutation(column)
            lost[name] = whole - self._worth(model, rows, names)
            rows[:, place] = column
        return sorted((name for name in proposed if lost[name] > 0), key=lambda name: (-lost[name], name))

    def gain(self, scores: Floats, before: Floats) -> Measurement:
        """Return by how much scores are better than those before, on the deciding rows."""
        first, second = (before, scores) if self.goal in LOWER else (scores, before)
        return self.task.difference(self.goal, self.deciding.labels, first, second, CONFIDENCE)

    def _worth(self, model: Any, rows: npt.NDArray[np.float32], names: list[str]) -> float:
        found = scores_of(model, self.task, pl.DataFrame(rows, schema=names))
        value = self.task.measure(self.goal, self.ranking.labels, found).value or 0.0
        return -value if self.goal in LOWER else value

    def _alike(self) -> Floats:
        rows, width = len(self.deciding), len(self.task.classes)
        if width:
            return np.full((rows, width), 1 / width)
        return np.full(rows, 0.5 if self.task.kind == "binary" else float(self.task.numbers(self.fitting.labels).mean()))


def _add_one_by_one(
    definition: Definition, found: list[Idea], contest: _Contest, progress: Progress
) -> tuple[list[Idea], dict[str, Measurement], int]:
    by_name = {idea.feature.name: idea for idea in found}
    names = [feature.name for feature in definition.features]
    limit = definition.suggestion.limit if definition.suggestion is not None else 0
    best, tried = contest.scores(names), 0
    kept: dict[str, Idea] = {}
    gains: dict[str, Measurement] = {}
    for name in contest.ranked([*names, *by_name], list(by_name))[:FITS]:
        whole = {each.feature.name: each for each in (*by_name[name].needs, by_name[name])}
        if name in kept or len(kept.keys() | whole.keys()) > limit:
            continue
        scores = contest.scores(list(dict.fromkeys([*names, *kept, *whole])))
        gain = contest.gain(scores, best)
        tried += 1
        progress.advance(_TASK, note=name)
        if gain.low is not None and gain.low > 0:
            best, gains[name] = scores, gain
            kept |= whole
    return list(kept.values()), gains, tried


def _written(definition: Definition, kept: list[Idea], gains: dict[str, Measurement], ideas_looked_at: int) -> str:
    if not kept:
        return ""
    head = (
        f"# Suggested for {definition.name}: {len(kept)} of {ideas_looked_at} ideas, each proven on the newest rows of the\n"
        "# training window after those above it. Copy what you like into the product's own file.\n"
    )
    return "\n\n".join([head, *(f"# {_merit(idea, kept, gains, definition.goal)}\n{idea.text}" for idea in kept)])


def _merit(idea: Idea, kept: list[Idea], gains: dict[str, Measurement], goal: str) -> str:
    gain = gains.get(idea.feature.name)
    if gain is not None:
        named = "AUC" if goal == "auc" else f"{goal} better by"
        return f"{named} {gain.value:+.4f} ({gain.level:.0%} interval {gain.low:+.4f} to {gain.high:+.4f})"
    names = (other.feature.name for other in kept if idea in other.needs)
    return f"needed by {', '.join(names)}"
