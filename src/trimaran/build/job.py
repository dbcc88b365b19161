"""One training as it is asked for, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from trimaran.build.bringing import Brought
from trimaran.build.evidence import Evidence
from trimaran.build.reusing import Earlier, Stood
from trimaran.build.tracking import Source
from trimaran.build.tuning import Value
from trimaran.core.nouns import ModelVersion, Ref, Run


@dataclass(frozen=True)
class Job:
    """One training to do.

    ``cause`` says in words why; ``key`` names the job within its product: a job done before is not done again.
    ``parameters``, when given, are used instead of tuning; ``trials`` is how many to do whatever the model's budget says. ``shuffled`` permutes the training labels with the seed: a bad
    candidate, planted to see the gate refuse it. ``brought`` is a model that was trained elsewhere: it is tested, and nothing is fitted.
    ``earlier`` are the trainings that stages may be taken from where nothing changed that they stand on, None to do all anew.
    """

    cause: str
    key: str
    source: Source
    seed: int = 0
    parameters: Mapping[str, Value] | None = None
    shuffled: bool = False
    trials: int | None = None
    brought: Brought | None = None
    earlier: Earlier | None = None


@dataclass(frozen=True)
class Candidate:
    """A trained model version, the run that made it, and what was measured of it.

    ``stood`` tells what stages stand on, and which of them were taken from an earlier training; of a job that was done before nothing.
    """

    ref: Ref
    version: ModelVersion
    run: Run
    evidence: Evidence
    stood: Mapping[str, Stood] = field(default_factory=dict)
