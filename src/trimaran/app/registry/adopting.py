"""Adopts a model that was trained elsewhere: tested, judged and staged like one that was trained here."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from trimaran.app.lifecycle import Lifecycle
from trimaran.app.registry.bringing import Bringing
from trimaran.app.running import take_in
from trimaran.control.state import VersionState
from trimaran.core.canon import digest, digest_of
from trimaran.core.nouns import Verdict


def adopt(life: Lifecycle, model: Any, *, trained_until: datetime | None = None) -> tuple[VersionState, Verdict]:
    """Take in everything that is known now, put a model through the gate and return the version with its verdict.

    ``model`` is the path of an MLflow model directory or of a model's file, an estimator, or a module of PyTorch;
    ``trained_until`` is the newest moment that it was trained on, as its maker says. Raises ``InputError``, before anything
    is written, where it does not agree with the product, and ``Refused`` for a pickle that nobody decided to load.
    """
    workspace, now = life.workspace, life.workspace.clock.now()
    brought = Bringing(workspace, life.definition).bring(model, trained_until)
    take_in(life, now)
    origin = brought.origin
    cause, which = f"adopted: {origin.sort} {origin.source}", digest_of([digest(brought.native), origin])[:16]
    state, verdict = life.adopt(brought, cause, key=f"adopt:{which}:{now.isoformat()}")
    life.promotion.advance(now)
    return life.state.versions[state.version.number], verdict
