"""Automated features: proposed, proven on the newest training rows, and frozen into text that a person can read and keep."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from trimaran.build.feature_cache import FeatureCache
from trimaran.build.ideas import Idea, ideas
from trimaran.build.training_set import Rows, Snapshot, TrainingSets
from trimaran.core.nouns import Measurement
from trimaran.core.ports import Progress
from trimaran.core.statistics import auc, auc_difference
from trimaran.data.declaration import Definition, Feature

SAMPLE = 50_000
"""Rows looked at: enough to see a gain of half a point of AUC, few enough to take seconds."""

FITS = 24
"""Models fitted at most while ideas are added one by one."""

CONFIDENCE = 0.9
"""Level of the two-sided interval whose lower end must lie above zero: an idle idea is kept one time in twenty."""

_TASK = "suggesting"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Suggested:
    """Features that were kept, with the gain of each, and the text that declares them; empty when nothing helped."""

    features: tuple[Feature, ...]
    gains: dict[str, Measurement]
    text: str
    tried: int


def suggest(definition: Definition, snapshot: Snapshot, sets: TrainingSets, *, seed: int, progress: Progress) -> Suggested:
    """Return automated features for a product that asks for them.

    Ideas come from the declared tables under the definition's own rules of time. All together are fitted on the older part
    of the training window and ranked by the AUC that is lost when one is shuffled on the next part; then they are added
    one by one, and kept where the paired gain on the newest part is above zero beyond its interval. The three parts follow
    each other in time, and none of them lies in the out-of-time window.
    """
    if definition.suggestion is None:
        return Suggested((), {}, "", 0)
    found = ideas(definition, dict(snapshot.frames))
    train = sets.make(definition, snapshot).train
    sample = train.take(np.unique(np.linspace(0, len(train) - 1, min(SAMPLE, len(train))).astype(np.int64)))
    wide = definition.with_features([idea.feature for idea in found])
    features = FeatureCache().features(wide, snapshot.frames, sample.asked)
    contest = _Contest.over(Rows(features, sample.labels, sample.asked, sample.predict_at, sample.final_at), seed)
    if not found or not contest.fair:
        return Suggested((), {}, "", 0)
    progress.start(_TASK, FITS)
    kept, gains, tried = _add_one_by_one(definition, found, contest, progress)
    progress.finish(_TASK)
    return Suggested(tuple(idea.feature for idea in kept), gains, _written(definition, kept, gains, len(found)), tried)


@dataclass(frozen=True)
class _Contest:
    """Three parts of the training window, oldest first: to fit on, to rank on, and to decide on."""

    fitting: Rows
    ranking: Rows
    deciding: Rows
    seed: int

    @classmethod
    def over(cls, rows: Rows, seed: int) -> _Contest:
        fitting, newer = rows.newest(0.4)
        ranking, deciding = newer.newest(0.5)
        return cls(fitting, ranking, deciding, seed)

    @property
    def fair(self) -> bool:
        return all(0 < part.positives < len(part) for part in (self.fitting, self.ranking, self.deciding))

    def fitted(self, names: list[str]) -> Any:
        # One small, fixed model judges every idea, so that the gain is the idea's and not another tuning's. It is imported
        # here, since every command that reads a workspace would wait for scikit-learn otherwise.
        model = import_module("sklearn.ensemble").HistGradientBoostingClassifier(
            max_iter=50, max_leaf_nodes=15, early_stopping=False, random_state=self.seed
        )
        # Measured: beside other work two threads wait for each other up to nine times longer than one takes alone.
        with threadpool_limits(limits=1):
            return model.fit(self.fitting.features.select(names).to_numpy(), self.fitting.labels)

    def scores(self, names: list[str]) -> Floats:
        """Return the scores on the deciding rows of a model of some features; all alike when there is none."""
        if not names:
            return np.full(len(self.deciding), 0.5)
        return _scores(self.fitted(names), self.deciding.features.select(names).to_numpy())

    def ranked(self, names: list[str], proposed: list[str]) -> list[str]:
        """Return the proposed features whose shuffling costs AUC on the ranking rows, the dearest first."""
        model, rows = self.fitted(names), self.ranking.features.select(names).to_numpy().copy()
        whole = auc(self.ranking.labels, _scores(model, rows)).value or 0.0
        generator = np.random.default_rng(self.seed)
        lost = {}
        for name in proposed:
            place = names.index(name)
            column = rows[:, place].copy()
            rows[:, place] = generator.permutation(column)
            lost[name] = whole - (auc(self.ranking.labels, _scores(model, rows)).value or 0.0)
            rows[:, place] = column
        return sorted((name for name in proposed if lost[name] > 0), key=lambda name: (-lost[name], name))


def _add_one_by_one(
    definition: Definition, found: list[Idea], contest: _Contest, progress: Progress
) -> tuple[list[Idea], dict[str, Measurement], int]:
    by_name = {idea.feature.name: idea for idea in found}
    names = [feature.name for feature in definition.features]
    limit = definition.suggestion.limit if definition.suggestion is not None else 0
    best, tried = contest.scores(names), 0
    kept: list[Idea] = []
    gains: dict[str, Measurement] = {}
    for name in contest.ranked([*names, *by_name], list(by_name))[:FITS]:
        if len(kept) >= limit:
            break
        scores = contest.scores([*names, *gains, name])
        gain = auc_difference(contest.deciding.labels, scores, best, CONFIDENCE)
        tried += 1
        progress.advance(_TASK, note=name)
        if gain.low is not None and gain.low > 0:
            best, gains[name] = scores, gain
            kept.append(by_name[name])
    return kept, gains, tried


def _scores(model: Any, rows: npt.NDArray[np.float32]) -> Floats:
    with threadpool_limits(limits=1):
        return np.asarray(model.predict_proba(rows)[:, 1], dtype=np.float64)


def _written(definition: Definition, kept: list[Idea], gains: dict[str, Measurement], ideas_looked_at: int) -> str:
    if not kept:
        return ""
    head = (
        f"# Suggested for {definition.name}: {len(kept)} of {ideas_looked_at} ideas, each proven on the newest rows of the\n"
        "# training window after those above it. Copy what you like into the product's own file.\n"
    )
    return "\n\n".join([head, *(f"# AUC {_gain(gains[idea.feature.name])}\n{idea.text}" for idea in kept)])


def _gain(gain: Measurement) -> str:
    return f"{gain.value:+.4f} ({gain.level:.0%} interval {gain.low:+.4f} to {gain.high:+.4f})"
